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


class DayTooOld(DomainError):
    """This business day is more than 400 days back. Say what differs with `reportDiscrepancy`."""

    vi = "Ngày làm việc này đã qua hơn 400 ngày. Hãy báo chênh lệch bằng `reportDiscrepancy`."


class LayoutUnusable(DomainError):
    """No file can be read by this layout. Each heading stands for one thing, and for no more."""

    status = 422
    vi = "Không đọc được tệp theo mẫu này. Mỗi tiêu đề cột chỉ ứng với một thông tin."


class LayoutUnderReview(DomainError):
    """Only a company in testing says its headings at once. Propose them with `proposeProviderChange`."""

    vi = "Chỉ đơn vị đang thử nghiệm mới đổi mẫu sao kê ngay được. Hãy đề nghị bằng `proposeProviderChange`."


class PostingByPush(DomainError):
    """We call your system for each posting. To fetch them instead, propose `posting_mode` pull."""

    vi = "Chúng tôi gọi tới hệ thống của đơn vị cho từng khoản. Muốn tự lấy, hãy đề nghị posting_mode là pull."


class ProviderNotLive(DomainError):
    """This company does not take payments here now. Pay it another way, or try again later."""

    vi = "Đơn vị này hiện không nhận thanh toán tại đây. Vui lòng trả bằng cách khác hoặc thử lại sau."
    next_action = "pay_elsewhere"


class ProviderNotAdmitted(DomainError):
    """This company is not let in yet, or is closed, and sends nothing here. `stage` is where it stands."""

    vi = "Đơn vị chưa được tiếp nhận hoặc đã ngừng, nên chưa thể gửi dữ liệu. stage cho biết trạng thái hiện tại."


class NotInTest(DomainError):
    """Trials are for companies in testing. `stage` is where this one is."""

    vi = "Chỉ đơn vị đang chạy thử mới có giao dịch thử. stage cho biết trạng thái hiện tại."


class ProviderKnown(DomainError):
    """There is a provider of that slug already. Choose another one."""

    vi = "Đã có đơn vị mang mã định danh này. Vui lòng chọn mã khác."


class TooManyApplications(DomainError):
    """You have three applications that are not decided yet. Withdraw one first."""

    vi = "Bạn đang có ba đơn đăng ký chưa được giải quyết. Vui lòng rút bớt một đơn trước."


class StageMoveIllegal(DomainError):
    """A company cannot go there from where it stands. `stage` is where it is."""

    vi = "Không thể chuyển đơn vị sang trạng thái đó. stage cho biết trạng thái hiện tại."


class ProviderNotReady(DomainError):
    """Something has to be done first. `missing` lists what."""

    vi = "Còn việc phải hoàn tất trước. missing liệt kê những việc đó."
    next_action = "complete_checklist"


class PostingAddressRefused(DomainError):
    """This address cannot be called.

    It must be https, a domain name that is public, on port 443, without a query: what we ask for is put behind it.
    `reason` tells what is not: malformed, not_https, not_a_name, port, not_public or unknown_host. It is checked again
    before every call.
    """

    status = 422
    vi = (
        "Không gọi được địa chỉ này. Cần https, tên miền công khai, cổng 443, không có phần truy vấn;"
        " reason cho biết điểm chưa đúng."
    )
    next_action = "change_url"


class CodePatternUnusable(DomainError):
    """This form of customer codes cannot be used. `reason` says why.

    Letters, digits, classes in brackets or of digits, and counts in braces; no groups, no + and *. The example has to
    fit.
    """

    status = 422
    vi = "Không dùng được mẫu mã khách hàng này. reason cho biết lý do; mã ví dụ phải khớp mẫu."


class ChangeWaiting(DomainError):
    """A change of yours waits for a decision. Withdraw it, or wait."""

    vi = "Một đề nghị thay đổi của đơn vị đang chờ quyết định. Hãy rút lại hoặc chờ."


class ChangeNotOpen(DomainError):
    """This change does not wait for a decision any more. `state` is how it stands."""

    vi = "Đề nghị này không còn chờ quyết định. state cho biết trạng thái."


class ChangeTooLate(DomainError):
    """A cut-off never changes a day whose books are being closed. Choose a later `valid_from`."""

    vi = "Giờ chốt sổ không thể đổi cho ngày đang hoặc đã khóa sổ. Hãy chọn valid_from muộn hơn."
