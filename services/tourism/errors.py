"""Every refusal of this room."""

from __future__ import annotations

from kit.errors import DomainError


class GuideContentInvalid(DomainError):
    """The guide says something that cannot be. `errors` lists each place in it with a code."""

    status = 422
    vi = "Nội dung cẩm nang có chỗ chưa hợp lệ. Danh sách errors chỉ rõ từng chỗ."


class SlugTaken(DomainError):
    """Another guide has this slug. Choose one that nobody has."""

    vi = "Đã có cẩm nang khác dùng slug này. Hãy chọn một slug chưa ai dùng."


class UnknownCategory(DomainError):
    """There is no such category. `listCategories` tells those there are."""

    status = 422
    vi = "Không có chuyên mục này. Hãy xem listCategories để biết các chuyên mục."


class VietnameseTextMissing(DomainError):
    """A guide needs its Vietnamese text. The title and the summary must be there, and ready to be published."""

    status = 422
    vi = "Cẩm nang cần có bản tiếng Việt. Tiêu đề và tóm tắt phải có và sẵn sàng xuất bản."


class MediaUnlicensed(DomainError):
    """Nothing is published without an author and a licence. Name both, or leave the file a draft."""

    status = 422
    vi = "Không xuất bản khi thiếu tác giả và giấy phép. Hãy ghi đủ cả hai hoặc giữ tệp ở dạng nháp."


class MediaUnreadable(DomainError):
    """The file is not what its type says. JPEG, PNG, WebP, MP3, M4A, OGG and MP4 are taken."""

    status = 422
    vi = "Tệp không đúng với kiểu đã khai. Chỉ nhận JPEG, PNG, WebP, MP3, M4A, OGG và MP4."


class RevisionNotOpen(DomainError):
    """This revision can no longer be changed so. `state` says where it stands; begin a new draft instead."""

    vi = "Không thể thay đổi bản thảo này theo cách đó. Trường state cho biết tình trạng; hãy tạo bản nháp mới."


class ReviewedByAuthor(DomainError):
    """Another person has to review this. Who wrote a revision cannot approve or send it back."""

    vi = "Cần một người khác duyệt. Người viết bản thảo không thể tự duyệt hoặc trả lại."


class AlertOver(DomainError):
    """This alert is over. Give a new one."""

    vi = "Cảnh báo này đã kết thúc. Hãy đưa cảnh báo mới."


class NotAtThePlace(DomainError):
    """You do not seem to be there yet. Come closer, or scan the code at the gate."""

    status = 422
    vi = "Có vẻ bạn chưa đến nơi. Hãy lại gần hơn hoặc quét mã ở cổng."


class VisitorUnknown(DomainError):
    """Nobody is known by this visitor token. Register the phone again, or sign in."""

    status = 401
    vi = "Không nhận ra mã khách này. Hãy đăng ký lại máy hoặc đăng nhập."
    next_action = "register_visitor"

    def __init__(self, **members: object) -> None:
        super().__init__(**members)  # type: ignore[arg-type]
        self.headers["WWW-Authenticate"] = 'Visitor realm="citizen"'


class TooManyPlans(DomainError):
    """There are too many plans or favourites. Remove some that are past."""

    vi = "Bạn đã lưu quá nhiều kế hoạch hoặc địa điểm yêu thích. Hãy xóa bớt mục cũ."


class TicketsSoldOut(DomainError):
    """There are not enough places left on this day. `places_left` says how many; `alternatives` names nearby days."""

    vi = "Ngày này không còn đủ chỗ. places_left cho biết số chỗ còn lại; alternatives gợi ý ngày gần đó."


class TicketLimitReached(DomainError):
    """Nobody buys so many tickets for one place and day. `most` is the limit, `left` what you may still buy."""

    vi = "Mỗi người chỉ mua được một số vé cho một điểm trong ngày. most là giới hạn; left là số vé còn được mua."


class TicketsNotSold(DomainError):
    """No such ticket is sold for this day. The day is past, the place is closed then, or the type has ended."""

    vi = "Không bán loại vé này cho ngày đã chọn. Ngày đã qua, điểm tham quan nghỉ hoặc loại vé đã ngừng bán."


class TicketPriceChanged(DomainError):
    """The price has changed. `amount_vnd` is what it costs now; show it and ask again."""

    vi = "Giá vé đã thay đổi. amount_vnd là số tiền hiện tại; hãy cho khách xem và hỏi lại."


class OrderNotCancellable(DomainError):
    """These tickets can no longer be given back. A ticket was used, or the time for it is over."""

    vi = "Không thể trả lại vé này nữa. Vé đã dùng hoặc đã quá hạn trả vé."


class RefundNotRepeatable(DomainError):
    """This money need not be sent again. It is on its way, has arrived, or was never due."""

    vi = "Không cần hoàn lại lần nữa. Tiền đang trên đường về, đã về hoặc không phải hoàn."


class TicketCodeInvalid(DomainError):
    """This is no ticket of ours. The code was altered, or made by somebody else."""

    status = 422
    vi = "Đây không phải vé của chúng tôi. Mã đã bị sửa hoặc do người khác tạo ra."


class GuideFileUnreadable(DomainError):
    """The file as a whole cannot be read. `reason` says why; nothing was taken over."""

    status = 422
    vi = "Không đọc được tệp. reason cho biết lý do; không có nội dung nào được ghi nhận."
