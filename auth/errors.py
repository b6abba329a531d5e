"""Every refusal of sign-in; the docstring is its text in the API document."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from auth.models import Assurance
from kit.errors import DomainError, NotSignedIn


class NotVietnameseMobile(DomainError):
    """This is not a Vietnamese mobile number. Enter it like 0912 345 678 or +84912345678."""

    status = 422
    vi = "Đây chưa phải số di động Việt Nam. Bạn hãy nhập như 0912 345 678 hoặc +84912345678."
    next_action = "enter_phone"


class TooManyCodes(DomainError):
    """Too many codes were asked for.

    `limited_by` says whether for this phone number ("phone"), from this network ("address"), or for numbers like it
    that never enter their codes ("prefix", "country"); try again after `Retry-After` seconds.
    """

    status = 429
    vi = (
        "Bạn đã xin quá nhiều mã xác nhận. Giới hạn này tính theo số điện thoại, theo mạng đang dùng hoặc theo dải số;"
        " vui lòng thử lại sau thời gian ghi ở Retry-After."
    )
    retryable = True


class TooManyTries(DomainError):
    """Too many tries to sign in. Wait as long as `Retry-After` says, or sign in another way.

    `limited_by` says whether too many wrong codes came for this phone number ("phone"), or too many tries from this
    network ("address").
    """

    status = 429
    vi = (
        "Bạn đã thử đăng nhập quá nhiều lần. Giới hạn này tính theo số điện thoại hoặc theo mạng đang dùng;"
        " vui lòng đợi theo Retry-After hoặc đăng nhập bằng cách khác."
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


class InsufficientUserAuthentication(DomainError):
    """Please prove once more that it is you. A level of `acr_values` is needed, at most `max_age` seconds old.

    Step up with a passkey (`startPasskeyStepUp`) or national identity (`startIdentityStepUp`), then ask again with the
    new access token. As in RFC 9470 the levels stand in WWW-Authenticate too.
    """

    status = 401
    vi = (
        "Vui lòng xác thực thêm một lần nữa. Thao tác này cần một trong các mức ghi ở acr_values,"
        " xác thực cách đây không quá max_age giây."
    )
    next_action = "step_up"

    def __init__(
        self,
        levels: Iterable[Assurance],
        max_age: timedelta | None = None,
        **members: Any,  # noqa: ANN401 - JSON members
    ) -> None:
        acr_values = " ".join(levels)
        wanted: dict[str, Any] = {"acr_values": acr_values}
        challenge = f'error="insufficient_user_authentication", acr_values="{acr_values}"'
        if max_age is not None:
            wanted["max_age"] = int(max_age.total_seconds())
            challenge += f', max_age="{wanted["max_age"]}"'
        super().__init__(**wanted, **members)
        self.headers["WWW-Authenticate"] = f'Bearer realm="citizen", {challenge}'


class PasskeyRefused(DomainError):
    """This passkey was not accepted. It is not known here, or its answer is not for this question; start again."""

    status = 422
    vi = "Khóa truy cập không được chấp nhận. Khóa chưa đăng ký ở đây hoặc trả lời không đúng; bạn hãy bắt đầu lại."
    next_action = "start_again"


class PasskeyChallengeOver(DomainError):
    """This question to your passkey is over. It was answered, has expired, or was not for this session; start again."""

    status = 410
    vi = "Yêu cầu khóa truy cập đã hết hiệu lực. Yêu cầu đã được trả lời, hết hạn hoặc của phiên khác; hãy bắt đầu lại."
    next_action = "start_again"


class PasskeyKnown(DomainError):
    """This passkey is registered already. Sign in with it, or choose another authenticator."""

    vi = "Khóa truy cập này đã đăng ký. Bạn hãy đăng nhập bằng khóa này hoặc chọn thiết bị khác."


class LastWayIn(DomainError):
    """This is your last way in. Add another passkey, a phone number or national identity before you remove it."""

    vi = "Đây là cách đăng nhập cuối cùng của bạn. Hãy thêm khóa khác, số điện thoại hoặc định danh trước khi xóa."


class IdentityNotOffered(DomainError):
    """National identity is not offered here. Sign in with your phone or a passkey."""

    vi = "Nơi này chưa hỗ trợ định danh quốc gia. Bạn hãy đăng nhập bằng số điện thoại hoặc khóa truy cập."
    next_action = "start_phone_sign_in"


class IdentityUnavailable(DomainError):
    """The national identity service does not answer. Please try again shortly, or sign in another way."""

    status = 503
    vi = "Dịch vụ định danh chưa phản hồi. Vui lòng thử lại sau giây lát hoặc đăng nhập bằng cách khác."
    retryable = True


class IdentityRefused(DomainError):
    """National identity was not confirmed. `reason` tells what stands in the way; start again.

    declined: by the citizen, or their account is barred · level: the account's level is too low · answer: it cannot be
    relied on.
    """

    status = 422
    vi = (
        "Chưa xác nhận được danh tính. reason cho biết công dân từ chối (declined), mức tài khoản chưa đủ (level)"
        " hoặc câu trả lời không đáng tin (answer); bạn hãy bắt đầu lại."
    )
    next_action = "start_again"


class IdentityAttemptOver(DomainError):
    """This way to national identity is over. It was used, has expired, or was not for this session; start again."""

    status = 410
    vi = "Lượt định danh này đã hết hiệu lực. Lượt đã dùng, hết hạn hoặc của phiên khác; bạn hãy bắt đầu lại."
    next_action = "start_again"


class IdentityOfAnother(DomainError):
    """You are linked to another national identity. One citizen is one person; sign out to sign in as the other."""

    vi = "Tài khoản này đã gắn với danh tính khác. Mỗi công dân là một người; hãy đăng xuất để dùng danh tính kia."
    next_action = "sign_out"


class RedirectNotAllowed(DomainError):
    """This redirect address is not one of ours. Use an address registered for the app."""

    status = 422
    vi = "Địa chỉ quay lại không hợp lệ. Hãy dùng địa chỉ đã đăng ký cho ứng dụng."


class DayLimitReached(DomainError):
    """This is more than may be paid in one day. `limit_vnd` is the limit of a day, `paid_vnd` what was paid today."""

    vi = (
        "Số tiền vượt hạn mức thanh toán trong ngày. limit_vnd là hạn mức một ngày,"
        " paid_vnd là số tiền hôm nay đã thanh toán."
    )
    next_action = "pay_tomorrow"


class OrganisationKnown(DomainError):
    """An organisation of this slug exists already. Choose another slug, or look for the one that is there."""

    vi = "Đã có tổ chức dùng mã định danh này. Bạn hãy chọn mã khác hoặc tìm tổ chức đã có."


class OwnOrganisation(DomainError):
    """The province's own organisation can't be suspended. Remove its members one by one instead."""

    vi = "Không thể tạm dừng tổ chức của chính tỉnh. Nếu cần, bạn hãy gỡ từng thành viên."


class LastOperator(DomainError):
    """This is the last operator. Make another member operator first, so that somebody can look after the others."""

    vi = "Đây là người quản lý cuối cùng. Hãy giao vai trò quản lý cho thành viên khác trước."


class AlreadyMember(DomainError):
    """This person is a member already. Change their roles instead."""

    vi = "Người này đã là thành viên. Bạn hãy đổi vai trò của họ."


class AlreadyInvited(DomainError):
    """This number has an open invitation. Wait for the answer, or withdraw it and invite anew."""

    vi = "Số này đang có lời mời chưa trả lời. Bạn hãy chờ, hoặc rút lời mời cũ rồi mời lại."


class TooManyInvitations(DomainError):
    """Too many invitations today. An organisation may send a limited number in a day; go on tomorrow."""

    status = 429
    vi = "Hôm nay đã gửi quá nhiều lời mời. Mỗi tổ chức chỉ gửi được một số lời mời trong ngày; mai bạn hãy gửi tiếp."
    retryable = True


class InvitationOver(DomainError):
    """This invitation is over. It was answered, withdrawn, or has expired; ask for a new one."""

    status = 410
    vi = "Lời mời không còn hiệu lực. Lời mời đã được trả lời, bị rút hoặc hết hạn; bạn hãy xin lời mời mới."


class SystemsNotOffered(DomainError):
    """Systems can't be registered for this kind of organisation. So far only providers' systems call us."""

    vi = "Loại tổ chức này chưa đăng ký hệ thống được. Hiện chỉ hệ thống của đơn vị cung cấp kết nối với chúng tôi."


class UnknownScope(DomainError):
    """There is no such scope. `scopes` lists those that can be granted."""

    status = 422
    vi = "Không có phạm vi này. Trường scopes liệt kê các phạm vi có thể cấp."


class KeyNotUsable(DomainError):
    """This key can't be used. Send the public half of a P-256 key, or of an RSA key of at least 2048 bits, as a JWK."""

    status = 422
    vi = "Khóa này không dùng được. Hãy gửi phần công khai của khóa P-256 hoặc RSA từ 2048 bit, dạng JWK."


class TwoCredentials(DomainError):
    """This system has two live credentials. Withdraw one before you add another."""

    vi = "Hệ thống này đã có hai thông tin xác thực còn hiệu lực. Hãy thu hồi một cái trước khi thêm."


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
    """This grant type is not supported. Send the one that the API document names for this address."""

    status = 400
    vi = "Loại cấp quyền này không được hỗ trợ. Vui lòng gửi grant_type mà tài liệu API nêu cho địa chỉ này."

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(error=self.code, **members)


class InvalidScope(DomainError):
    """A scope asked for was not granted to this client. `granted` lists those that were."""

    status = 400
    vi = "Phạm vi yêu cầu chưa được cấp cho hệ thống này. Trường granted liệt kê các phạm vi đã cấp."

    def __init__(self, **members: Any) -> None:  # noqa: ANN401 - JSON members
        super().__init__(error=self.code, **members)
