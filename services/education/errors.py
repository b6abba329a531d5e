"""Every refusal of this room."""

from __future__ import annotations

from kit.errors import DomainError


class PointOutsideVietnam(DomainError):
    """This point is not in Vietnam. Send latitude and longitude of the home; 0,0 means that a phone found no place."""

    status = 422
    vi = "Điểm này không nằm ở Việt Nam. Hãy gửi vĩ độ và kinh độ của nhà; 0,0 nghĩa là máy chưa định vị được."
    next_action = "locate_again"


class TooManyToCompare(DomainError):
    """At most four schools can be compared. Leave some out."""

    status = 422
    vi = "Chỉ so sánh được tối đa bốn trường. Vui lòng bỏ bớt."


class FeedTooOld(DomainError):
    """These changes can't be told any more. Take the province's newest snapshot and go on from its `seq`."""

    status = 410
    vi = "Không còn giữ các thay đổi cũ như vậy. Hãy tải bản chụp mới nhất của tỉnh rồi đi tiếp từ seq của nó."
    next_action = "take_snapshot"


class NoSchoolsInProvince(DomainError):
    """No school of this province is known. Provinces have two-digit codes, see `listProvinces`."""

    status = 404
    vi = "Chưa có trường nào của tỉnh, thành phố này. Mã tỉnh gồm hai chữ số, xem listProvinces."


class UnknownCommune(DomainError):
    """There is no such commune today. Old names and codes lead to new ones by `resolveDivision`."""

    status = 422
    vi = "Hiện không có xã, phường này. Dùng resolveDivision để tra từ tên hoặc mã cũ."
    next_action = "resolve_division"


class SchoolNotOpen(DomainError):
    """This school does not take pupils any more. `successor_id` is the school that took its place, if one did."""

    vi = "Trường này không còn hoạt động. successor_id là trường thay thế, nếu có."


class ListFull(DomainError):
    """The list is full. A hundred schools can be saved; remove one that is no longer of interest."""

    vi = "Danh sách đã đầy. Bạn lưu được tối đa một trăm trường; hãy bỏ bớt trường không còn quan tâm."


class OpenDayFull(DomainError):
    """All places of this open day are taken. Other days of the school may still have some."""

    vi = "Ngày hội này đã hết chỗ. Những ngày khác của trường có thể vẫn còn."
    next_action = "list_open_days"


class OpenDayOver(DomainError):
    """This open day takes no more visits. They close a day before it begins, and when it is cancelled."""

    vi = "Ngày hội này không nhận đăng ký nữa. Đăng ký đóng trước một ngày, hoặc khi ngày hội bị hủy."
    next_action = "list_open_days"


class VisitExists(DomainError):
    """You have a place on this open day already. `visit_id` names it; cancel it to change the number of people."""

    vi = "Bạn đã có chỗ trong ngày hội này. visit_id là đăng ký đó; hãy hủy nếu muốn đổi số người."


class FactsNotValid(DomainError):
    """The facts do not hold together. `errors` lists each with its place."""

    status = 422
    vi = "Thông tin chưa hợp lệ. Danh sách errors chỉ rõ từng chỗ."


class NothingChanged(DomainError):
    """The proposal changes nothing. What it says is what is written already."""

    status = 422
    vi = "Đề xuất không thay đổi gì. Nội dung đã đúng như vậy."


class OutsideOffice(DomainError):
    """Your office does not look after the schools of this province. `provinces` are those it does."""

    status = 403
    vi = "Cơ quan của bạn không phụ trách trường của tỉnh này. provinces là các tỉnh được phụ trách."


class OwnProposal(DomainError):
    """Somebody else has to decide. Nobody approves or refuses their own proposal."""

    status = 403
    vi = "Cần người khác quyết định. Không ai được duyệt hay từ chối đề xuất của chính mình."


class ProposalDecided(DomainError):
    """This proposal has been decided already. `state` says how."""

    vi = "Đề xuất này đã được quyết định. state cho biết kết quả."


class ProposalOutdated(DomainError):
    """What the proposal would change has changed since. Propose again on what is written now."""

    vi = "Nội dung đã thay đổi từ khi đề xuất. Vui lòng đề xuất lại trên bản hiện tại."
    next_action = "propose_again"


class FileUnreadable(DomainError):
    """The file can't be read. `reason` says why: headings, encoding, format or size."""

    status = 422
    vi = "Không đọc được tệp. reason cho biết lý do: dòng tiêu đề, bảng mã, định dạng hoặc dung lượng."
