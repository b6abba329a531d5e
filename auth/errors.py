"""Every refusal of sign-in; the docstring is its text in the API document."""

from __future__ import annotations

from typing import Any

from kit.errors import DomainError, NotSignedIn


class NotVietnameseMobile(DomainError):
    """This is not a Vietnamese mobile number. Enter it like 0912 345 678 or +84912345678."""

    status = 422
    vi = "Đây chưa phải số di động Việt Nam. Bạn hãy nhập như 0912 345 678 hoặc +84912345678."
    next_action = "enter_phone"


class TooManyCodes(DomainError):
    """Too many codes were asked for.

    `limited_by` says whether for this phone number ("phone") or from this network ("address"); try again after
    `Retry-After` seconds.
    """

    status = 429
    vi = (
        "Bạn đã xin quá nhiều mã xác nhận. Giới hạn này tính theo số điện thoại hoặc theo mạng đang dùng;"
        " vui lòng thử lại sau thời gian ghi ở Retry-After."
    )
    retryable = True


class WrongCode(DomainError):
    """The code is not right. `tries_left` says how many tries remain; at 0 a new code is needed."""

    status = 422
    vi = "Mã xác nhận chưa đúng. Bạn kiểm tra lại tin nhắn nhé; tries_left cho biết còn mấy lần thử."
    next_action = "enter_code"


class ChallengeOver(DomainError):
    """This code can no longer be used. It has expired, was used already, or was tried too often; ask for a new one."""

    status = 410
    vi = "Mã xác nhận không còn dùng được. Mã đã hết hạn, đã dùng hoặc bị thử quá nhiều lần; bạn hãy xin mã mới."
    next_action = "start_phone_sign_in"


class SessionOver(NotSignedIn):
    """This session is over. It was ended, has expired, or its refresh token was used twice; please sign in again."""

    vi = (
        "Phiên đăng nhập đã kết thúc. Phiên đã được đóng, đã hết hạn hoặc mã làm mới bị dùng lại;"
        " bạn vui lòng đăng nhập lại."
    )
    next_action = "start_phone_sign_in"


# The three refusals of the token endpoint carry `error` too: OAuth libraries read that (RFC 6749 section 5.2), people
# and our own apps read `code`. They are the same word.


class InvalidClient(DomainError):
    """The client is not known, was revoked, or its secret is wrong. Check client_id and client_secret."""

    status = 401
    vi = "Không xác thực được hệ thống gọi. Vui lòng kiểm tra client_id và client_secret."

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(error=self.code, **members)
        self.headers["WWW-Authenticate"] = 'Basic realm="citizen"'


class UnsupportedGrantType(DomainError):
    """This grant type is not supported. Send grant_type=client_credentials."""

    status = 400
    vi = "Loại cấp quyền này không được hỗ trợ. Vui lòng gửi grant_type=client_credentials."

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(error=self.code, **members)


class InvalidScope(DomainError):
    """A scope asked for was not granted to this client. `granted` lists those that were."""

    status = 400
    vi = "Phạm vi yêu cầu chưa được cấp cho hệ thống này. Trường granted liệt kê các phạm vi đã cấp."

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(error=self.code, **members)
