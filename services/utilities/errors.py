"""Every refusal of this room."""

from __future__ import annotations

from kit.errors import DomainError


class ProviderUnknown(DomainError):
    """There is no such provider. See `listProviders`."""

    status = 404
    vi = "Không có đơn vị cung cấp này. Xem danh sách ở listProviders."


class CustomerCodeMalformed(DomainError):
    """This is not a customer code of that provider. `pattern` and `example` say what one looks like."""

    status = 422
    vi = "Mã khách hàng không đúng mẫu của đơn vị này. pattern và example cho biết mẫu đúng."
    next_action = "check_customer_code"


class CustomerNotMatched(DomainError):
    """The code and the proof do not belong together. Check the code, and the holder's name or the last amount."""

    status = 404
    vi = "Mã khách hàng và thông tin xác nhận không khớp. Kiểm tra lại mã, tên chủ hộ hoặc số tiền kỳ trước."
    next_action = "check_customer_code"


class TooManyLookups(DomainError):
    """Too many tries that did not match. Wait as long as `Retry-After` says; the bill itself shows code and name."""

    status = 429
    vi = "Bạn đã thử sai quá nhiều lần. Vui lòng đợi theo Retry-After; mã và tên có trên hóa đơn."
    retryable = True


class BillBeingPaid(DomainError):
    """Someone is paying this bill right now. `payment_id` is the live payment; do not pay again."""

    vi = "Hóa đơn này đang được thanh toán. payment_id là thanh toán đang diễn ra; xin đừng trả lần nữa."
    next_action = "wait_for_payment"


class BillAlreadyPaid(DomainError):
    """This bill has been paid. Nothing more is owed for it."""

    vi = "Hóa đơn này đã được thanh toán. Bạn không còn nợ gì cho hóa đơn này."


class BillWithdrawn(DomainError):
    """The provider has withdrawn this bill. Ask the provider, or look for the corrected one."""

    vi = "Đơn vị cung cấp đã thu hồi hóa đơn này. Vui lòng xem hóa đơn thay thế hoặc hỏi đơn vị cung cấp."


class BillChanged(DomainError):
    """The amount is not what you saw. `amount_vnd` is the sum now; show it to the citizen before paying."""

    vi = "Số tiền đã khác với số bạn thấy. amount_vnd là tổng hiện tại; hãy xem lại trước khi trả."
    next_action = "read_bills_again"


class OlderBillOpen(DomainError):
    """This provider wants older bills paid first. `bill_ids` lists them; pay them before, or together."""

    vi = "Đơn vị này yêu cầu trả hóa đơn cũ trước. bill_ids là các hóa đơn đó; hãy trả trước hoặc trả cùng lúc."
    next_action = "pay_older_bills"


class AlreadyAutomatic(DomainError):
    """The bills of this account are paid by themselves already. End that first, or leave it as it is."""

    vi = "Hóa đơn của mã khách hàng này đã được thanh toán tự động. Hãy kết thúc trước, hoặc giữ nguyên."


class PlannedPaymentOver(DomainError):
    """This payment can no longer be skipped. It has begun, or will not be made; `state` says which."""

    vi = "Không thể bỏ qua khoản này nữa. Nó đã bắt đầu hoặc sẽ không diễn ra; state cho biết."


class FileTooLarge(DomainError):
    """The file is larger than 64 MB. Send it in parts."""

    status = 413
    vi = "Tệp lớn hơn 64 MB. Vui lòng chia nhỏ."


class FileEmpty(DomainError):
    """The file holds nothing. Send CSV with a heading line, or one JSON object a line."""

    status = 422
    vi = "Tệp không có nội dung. Hãy gửi CSV có dòng tiêu đề, hoặc mỗi dòng một đối tượng JSON."


class StatementUnreadable(DomainError):
    """The file cannot be read as a whole. `reason` says why; nothing of it was kept."""

    status = 422
    vi = "Không đọc được tệp. reason cho biết lý do; không có dòng nào được lưu."


class DayNotOver(DomainError):
    """This business day is not over. Send its statement after your cut-off."""

    vi = "Ngày làm việc này chưa kết thúc. Hãy gửi sao kê sau giờ chốt sổ của đơn vị."


class LayoutUnusable(DomainError):
    """No file can be read by this layout. Each heading stands for one thing, and for no more."""

    status = 422
    vi = "Không đọc được tệp theo mẫu này. Mỗi tiêu đề cột chỉ ứng với một thông tin."
