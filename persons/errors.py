"""Every refusal about personal data; the docstring is its text in the API document."""

from __future__ import annotations

from kit.errors import DomainError


class ValueProved(DomainError):
    """This value was proved and can't be typed over. `field` names it; prove a new one instead."""

    vi = "Thông tin này đã được xác thực nên không sửa tay được. Trường field cho biết là thông tin nào."
    next_action = "prove_identity"


class HouseholdFull(DomainError):
    """Your household is full. Up to six people can be kept; remove one first."""

    vi = "Sổ gia đình đã đủ sáu người. Bạn hãy bỏ bớt một người trước khi thêm."


class MandateCodeRefused(DomainError):
    """This code opens no mandate. It is mistyped, too old, withdrawn, used already, or your own."""

    status = 422
    vi = "Mã ủy quyền không dùng được. Mã bị gõ sai, đã quá hạn, đã rút, đã dùng, hoặc do chính bạn tạo."
    next_action = "ask_for_new_code"


class MandateOnlyNarrows(DomainError):
    """A mandate can only be narrowed. Take scopes away or end it sooner; for more, make a new one."""

    status = 422
    vi = "Giấy ủy quyền chỉ có thể thu hẹp. Bạn có thể bớt quyền hoặc kết thúc sớm; muốn thêm, hãy lập giấy mới."


class MandateOver(DomainError):
    """This mandate is over. It was revoked or its time has passed; it can't be changed any more."""

    vi = "Giấy ủy quyền đã kết thúc. Giấy đã bị thu hồi hoặc hết hạn nên không thay đổi được nữa."


class ConsentTextChanged(DomainError):
    """The text has changed since you read it. `version` is the present one; show it and ask again."""

    vi = "Nội dung đồng ý đã thay đổi. version là bản hiện hành; hãy hiển thị lại và hỏi người dân lần nữa."
    next_action = "read_consent_text"


class PaymentUnderway(DomainError):
    """A payment of yours is not finished. Your data can be erased once the money has arrived or come back."""

    vi = "Bạn còn một khoản thanh toán chưa xong. Dữ liệu sẽ xóa được khi tiền đã tới nơi hoặc đã hoàn lại."
    retryable = True


class PurposeMissing(DomainError):
    """Say why you look at a citizen's data. Send the header Access-Purpose; the citizen will see it."""

    status = 400
    vi = "Cần nêu lý do xem dữ liệu của người dân. Hãy gửi tiêu đề Access-Purpose; người dân sẽ thấy lý do này."
