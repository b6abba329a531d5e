"""Every refusal of this room."""

from __future__ import annotations

from kit.errors import DomainError


class CardDeclined(DomainError):
    """The card was not accepted. No money was taken; `reason` says why, `payment_id` names the attempt."""

    status = 422
    vi = "Thẻ không được chấp nhận. Bạn chưa bị trừ tiền; reason cho biết lý do, payment_id là mã lần thử."
    next_action = "use_another_card"


class PaymentMethodInvalid(DomainError):
    """This payment method cannot be used. No money was taken; ask the citizen for the card again."""

    status = 422
    vi = "Không dùng được phương thức thanh toán này. Bạn chưa bị trừ tiền; vui lòng nhập lại thẻ."
    next_action = "use_another_card"


class AmountTooSmall(DomainError):
    """This sum is too small for a card. No money was taken; pay several bills together, or at the provider's."""

    status = 422
    vi = "Số tiền quá nhỏ để trả bằng thẻ. Bạn chưa bị trừ tiền; hãy trả nhiều hóa đơn cùng lúc hoặc trả tại đơn vị."


class PaymentNotCancellable(DomainError):
    """This payment can no longer be cancelled. It is being captured, was captured, or has ended."""

    vi = "Không thể hủy thanh toán này nữa. Tiền đang được thu, đã được thu, hoặc thanh toán đã kết thúc."


class WebhookRefused(DomainError):
    """The webhook cannot be trusted. Its signature, its time or its mode is wrong; nothing was stored."""

    status = 400
    vi = "Không tin cậy được webhook này. Chữ ký, thời điểm hoặc chế độ không đúng; không có gì được lưu."
