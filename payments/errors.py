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


class CardNotKept(DomainError):
    """The card could not be kept. Nothing was taken; `reason` says why. Try again with a new key, or another card."""

    status = 422
    vi = "Không lưu được thẻ. Bạn không bị trừ tiền; reason cho biết lý do. Hãy thử lại với khóa mới hoặc thẻ khác."
    next_action = "use_another_card"


class CardNotReady(DomainError):
    """This card cannot pay yet. The citizen still has to confirm it at their bank, or the bank refused it."""

    vi = "Thẻ này chưa dùng được. Bạn cần xác nhận với ngân hàng, hoặc ngân hàng đã từ chối."
    next_action = "confirm_card"


class TooManyCards(DomainError):
    """No more cards can be kept. `most` is how many one citizen may have; remove one first."""

    vi = "Không thể lưu thêm thẻ. most là số thẻ tối đa; hãy xóa bớt một thẻ."


class PaymentNotCancellable(DomainError):
    """This payment can no longer be cancelled. It is being captured, was captured, or has ended."""

    vi = "Không thể hủy thanh toán này nữa. Tiền đang được thu, đã được thu, hoặc thanh toán đã kết thúc."


class WebhookRefused(DomainError):
    """The webhook cannot be trusted. Its signature, its time or its mode is wrong; nothing was stored."""

    status = 400
    vi = "Không tin cậy được webhook này. Chữ ký, thời điểm hoặc chế độ không đúng; không có gì được lưu."


class RefundTooLarge(DomainError):
    """More than can be given back. `refundable_vnd` is what is left of the payment or of the bill."""

    vi = "Số tiền hoàn vượt quá mức có thể. refundable_vnd là phần còn có thể hoàn."


class RefundUnderway(DomainError):
    """Another refund of this payment has no answer yet. Wait until it has one: it may be the one you mean."""

    vi = "Một lần hoàn tiền khác của thanh toán này chưa có kết quả. Vui lòng đợi; có thể đó chính là lần bạn cần."
    retryable = True


class PaymentDisputed(DomainError):
    """The citizen's bank is examining this payment. Nothing can be given back until it has decided."""

    vi = "Ngân hàng đang xem xét thanh toán này. Chưa thể hoàn tiền cho đến khi có kết luận."


class SecondPersonNeeded(DomainError):
    """Another person has to approve this. Nobody approves what they have asked for themselves."""

    status = 403
    vi = "Cần người khác duyệt. Không ai tự duyệt đề nghị của chính mình."


class RefundNotWaiting(DomainError):
    """This refund does not wait for anybody. It was approved, declined or carried out before."""

    vi = "Lần hoàn tiền này không chờ duyệt. Nó đã được duyệt, từ chối hoặc thực hiện."


class DiscrepancyNotOpen(DomainError):
    """This difference is not waiting for that. Read it again."""

    vi = "Chênh lệch này không ở trạng thái phù hợp. Vui lòng đọc lại."


class BankFormUnusable(DomainError):
    """No file of a bank can be read by this form. `reason` says which part of it is wrong."""

    status = 422
    vi = "Không đọc được sao kê ngân hàng theo mẫu này. reason cho biết phần nào sai."


class BankFormUnknown(DomainError):
    """There is no form of this name. Add it first, or send the file as camt.053, camt.054 or our own CSV."""

    status = 422
    vi = "Không có mẫu sao kê tên này. Hãy thêm mẫu trước, hoặc gửi camt.053, camt.054 hay CSV theo mẫu chung."


class StatementRefused(DomainError):
    """The bank's file cannot be taken in. `reason` says why; nothing of it was kept."""

    status = 422
    vi = "Không nhận được tệp sao kê. reason cho biết lý do; không có dòng nào được lưu."
