"""What every refusal is made of: a status, a stable code, and a text in Vietnamese and in English."""

from __future__ import annotations

import re
from typing import Any, ClassVar

CODES: dict[str, type[DomainError]] = {}  # every refusal the API can answer, for its page under /problems/


class DomainError(Exception):
    """A refusal the caller can understand and act upon.

    A subclass names a state of the world (`SlotTaken`). Its docstring is the English text, in the API document and in
    the answer; `vi` is the Vietnamese one. In both, the first sentence is the title. Keyword arguments become members
    of the problem document.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str]
    vi: ClassVar[str]
    retryable: ClassVar[bool] = False
    next_action: ClassVar[str | None] = None
    headers: dict[str, str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if not cls.__doc__ or not cls.__dict__.get("vi"):
            raise TypeError(f"{cls.__name__} needs a docstring and a text in Vietnamese")
        if cls.code in CODES and CODES[cls.code].__module__ != cls.__module__:
            raise TypeError(f"the code {cls.code} is taken by {CODES[cls.code].__module__}")
        CODES[cls.code] = cls

    def __init__(self, *, retry_after: int | None = None, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(self.code)
        self.members = members
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    @classmethod
    def text(cls, language: str) -> tuple[str, str]:
        """Title and detail in `language` ("vi" or "en")."""
        whole = " ".join((cls.vi if language == "vi" else cls.__doc__ or "").split())
        title, _, rest = whole.partition(". ")
        return title.rstrip("."), rest or whole


class BadRequest(DomainError):
    """The request is not understood. It does not follow HTTP, or asks for what HTTP allows but nobody here answers."""

    status = 400
    vi = "Không hiểu được yêu cầu. Yêu cầu sai quy tắc HTTP, hoặc dùng điều mà máy chủ này không hỗ trợ."


class NotFound(DomainError):
    """There is nothing here for you. Either it does not exist, or it belongs to someone else."""

    status = 404
    vi = "Không tìm thấy. Nội dung này không tồn tại hoặc không thuộc về bạn."


class NotSignedIn(DomainError):
    """Please sign in. The access token is missing, expired or not valid."""

    status = 401
    vi = "Vui lòng đăng nhập. Phiên đăng nhập không có, đã hết hạn hoặc không hợp lệ."
    next_action = "refresh_session"

    def __init__(self, reason: str | None = None, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(**members)
        error = f', error="invalid_token", error_description="{reason}"' if reason else ""
        self.headers["WWW-Authenticate"] = f'Bearer realm="citizen"{error}'


class NotAllowed(DomainError):
    """You may not do this. You are signed in, but your role or scope does not include this operation."""

    status = 403
    vi = "Bạn không có quyền thực hiện. Vai trò hoặc phạm vi của bạn không bao gồm thao tác này."


class MethodNotAllowed(DomainError):
    """This path does not take this method. `Allow` lists those it takes."""

    status = 405
    vi = "Đường dẫn này không nhận phương thức đó. Allow cho biết các phương thức được nhận."


class NotAcceptable(DomainError):
    """We only speak JSON. Leave `Accept` out, or let it take application/json."""

    status = 406
    vi = "Máy chủ chỉ trả lời bằng JSON. Hãy bỏ Accept hoặc để Accept nhận application/json."


class RequestEntityTooLarge(DomainError):
    """The body is too big. A request may have one megabyte; files have limits of their own."""

    status = 413
    vi = "Nội dung gửi lên quá lớn. Mỗi yêu cầu tối đa một megabyte; tệp có giới hạn riêng."


class UnsupportedMediaType(DomainError):
    """This operation reads bodies of another type. Name the right one in Content-Type, and do not compress."""

    status = 415
    vi = "Kiểu nội dung không được hỗ trợ. Hãy ghi đúng Content-Type và không nén nội dung."


class TooManyRequests(DomainError):
    """Too many requests. Please wait as long as `Retry-After` says."""

    status = 429
    vi = "Bạn thao tác quá nhanh. Vui lòng đợi theo thời gian ghi ở Retry-After."
    retryable = True


class MalformedRequest(DomainError):
    """The request cannot be read. `errors` lists what is wrong with its syntax."""

    status = 400
    vi = "Không đọc được yêu cầu. Danh sách errors cho biết chỗ sai cú pháp."


class InvalidRequest(DomainError):
    """Some values are not acceptable. `errors` lists each with its place."""

    status = 422
    vi = "Một số giá trị chưa hợp lệ. Danh sách errors chỉ rõ từng chỗ."


class IdempotencyKeyMissing(DomainError):
    """The Idempotency-Key header is missing, or not 1 to 255 ASCII characters. Send a new random key per intention."""

    status = 400
    vi = (
        "Thiếu Idempotency-Key, hoặc khóa không phải 1 đến 255 ký tự ASCII. Hãy gửi khóa ngẫu nhiên mới cho mỗi ý định."
    )


class IdempotencyKeyReused(DomainError):
    """This Idempotency-Key was used for another request. Use a new key for a new intention."""

    status = 422
    vi = "Idempotency-Key này đã dùng cho yêu cầu khác. Hãy dùng khóa mới cho ý định mới."


class RequestInFlight(DomainError):
    """The same request is still being worked on. Ask again with the same key."""

    status = 409
    vi = "Yêu cầu này đang được xử lý. Vui lòng gửi lại với cùng khóa sau giây lát."
    retryable = True


class PreconditionRequired(DomainError):
    """The If-Match header is missing. Read the resource and send its ETag."""

    status = 428
    vi = "Thiếu If-Match. Hãy đọc lại nội dung và gửi kèm ETag của nó."


class PreconditionFailed(DomainError):
    """The resource has changed since you read it. Read it again."""

    status = 412
    vi = "Nội dung đã thay đổi từ lần đọc trước. Vui lòng đọc lại."


class InternalServerError(DomainError):
    """Something went wrong on our side. Quote `instance` when you ask us about it."""

    status = 500
    vi = "Có lỗi phía chúng tôi. Khi liên hệ, xin cho biết mã ở mục instance."


class ServiceUnavailable(DomainError):
    """The service is busy or a part of it is down. Please try again shortly."""

    status = 503
    vi = "Dịch vụ đang bận hoặc gián đoạn. Vui lòng thử lại sau giây lát."
    retryable = True
