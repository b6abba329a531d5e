"""Every refusal about apps of others; the docstring is its text in the API document and on the page."""

from __future__ import annotations

from typing import Any

from kit.errors import DomainError


class AppsFull(DomainError):
    """You have registered as many apps as one person may. Withdraw one first."""

    vi = "Bạn đã đăng ký đủ số ứng dụng cho một người. Hãy rút bớt một ứng dụng trước."


class AppSettled(DomainError):
    """This app can't be changed any more. What was reviewed is what runs; register another one for what is new."""

    vi = "Ứng dụng này không sửa được nữa. Bản đã duyệt là bản đang chạy; muốn khác, hãy đăng ký ứng dụng mới."


class AppPublic(DomainError):
    """A public app has no secret. Whoever has the app could read it; PKCE takes its place."""

    vi = "Ứng dụng công khai không có mã bí mật. Ai có ứng dụng đều đọc được mã; PKCE thay cho mã bí mật."


class ReviewOutOfTurn(DomainError):
    """This decision doesn't fit the state of the app. `state` says how it stands; read it again."""

    vi = "Quyết định này không hợp với trạng thái của ứng dụng. state cho biết trạng thái hiện nay; hãy đọc lại."


# -- what the page shows, because nobody may be sent anywhere ----------------------------------------------------------


class AppUnknown(DomainError):
    """We don't know this app. It was never registered, or the province has not approved it; nothing was passed on."""

    status = 400
    vi = "Chúng tôi không biết ứng dụng này. Ứng dụng chưa đăng ký hoặc tỉnh chưa duyệt; chưa có gì được chuyển đi."


class AppStopped(DomainError):
    """The province has stopped this app. It can't ask you for anything now; nothing was passed on."""

    status = 403
    vi = "Tỉnh đã tạm dừng ứng dụng này. Hiện ứng dụng không thể xin bạn điều gì; chưa có gì được chuyển đi."


class RedirectUnknown(DomainError):
    """The way back doesn't belong to this app. Its address is not one that was registered; nothing was passed on."""

    status = 400
    vi = "Đường quay lại không thuộc ứng dụng này. Địa chỉ không có trong đăng ký; chưa có gì được chuyển đi."


class AuthorizationMalformed(DomainError):
    """This address can't be read. A part of it is missing, stands there twice or is too long; begin in the app anew."""

    status = 400
    vi = "Không đọc được địa chỉ này. Có phần bị thiếu, bị lặp hoặc quá dài; bạn hãy bắt đầu lại từ ứng dụng."


class AuthorizationOver(DomainError):
    """This question is over. It was answered, or a quarter of an hour has passed; begin in the app anew."""

    status = 410
    vi = "Câu hỏi này đã hết hiệu lực. Bạn đã trả lời, hoặc đã quá mười lăm phút; hãy bắt đầu lại từ ứng dụng."


class AuthorizationElsewhere(DomainError):
    """This question was asked in another browser. Cookies must be allowed here; begin in the app anew."""

    status = 403
    vi = "Câu hỏi này thuộc về trình duyệt khác. Trình duyệt cần cho phép cookie; hãy bắt đầu lại từ ứng dụng."


# -- what the token endpoint answers; `error` is the word of RFC 6749 section 5.2 --------------------------------------


class InvalidGrant(DomainError):
    """This code or refresh token is not good. It is unknown, spent, old, or not this app's; ask the citizen again."""

    status = 400
    vi = "Mã hoặc mã làm mới không dùng được. Mã lạ, đã dùng, quá hạn hoặc của ứng dụng khác; hãy xin người dân lại."
    next_action = "authorize_again"

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(error=self.code, **members)


class TokenRequestIncomplete(DomainError):
    """The request lacks a parameter. `missing` names those that this grant type needs."""

    status = 400
    vi = "Yêu cầu thiếu tham số. Trường missing nêu các tham số mà loại cấp quyền này cần."

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(error="invalid_request", **members)
