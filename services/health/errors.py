"""Every refusal of this room."""

from __future__ import annotations

from kit.errors import DomainError


class PlaceTaken(DomainError):
    """No place is left there. `alternatives` lists the nearest free ones; `waitlist` is your turn if you wait."""

    vi = "Đã hết chỗ ở khung giờ này. alternatives là các chỗ trống gần nhất; waitlist là chỗ chờ dành cho bạn."
    next_action = "choose_alternative_or_join_waitlist"


class NotYetReleased(DomainError):
    """These places are not given out yet. They can be taken from `release_at` on."""

    vi = "Các chỗ này chưa mở đặt. Bạn có thể đặt từ thời điểm release_at."
    next_action = "wait_until_release"


class PatientBusy(DomainError):
    """This person has another booking at that time. Choose another time, or cancel the other booking first."""

    vi = "Người khám đã có lịch hẹn khác vào giờ này. Hãy chọn giờ khác hoặc hủy lịch kia trước."


class AlreadyBooked(DomainError):
    """This person has a booking for this service on that day. One a day is possible; you can move it."""

    vi = "Người khám đã có lịch cho dịch vụ này trong ngày. Mỗi ngày chỉ đặt được một lịch; bạn có thể đổi giờ."


class PractitionerBusy(DomainError):
    """The practitioner sees someone elsewhere at that time. Choose another time or another practitioner."""

    vi = "Bác sĩ đang có lịch ở nơi khác vào giờ này. Hãy chọn giờ khác hoặc bác sĩ khác."


class HoldLimit(DomainError):
    """You hold places already. Confirm or release them before you hold others."""

    vi = "Bạn đang giữ chỗ khác. Hãy xác nhận hoặc bỏ chỗ đó trước khi giữ chỗ mới."
    next_action = "confirm_or_release_hold"


class TooManyBookings(DomainError):
    """Too many bookings are open. `most` says how many one account, or one patient, may have at once."""

    vi = "Bạn đang có quá nhiều lịch hẹn. most là số lịch tối đa cho một tài khoản hoặc một người khám."


class HoldExpired(DomainError):
    """The hold has run out. `alternatives` lists the nearest places that are free now."""

    status = 410
    vi = "Đã hết thời gian giữ chỗ. alternatives là các chỗ trống gần nhất hiện nay."
    next_action = "choose_alternative"


class AlreadyExtended(DomainError):
    """This hold has been extended before. Confirm it before it runs out."""

    vi = "Chỗ này đã được gia hạn một lần. Hãy xác nhận trước khi hết giờ."


class BookingInOtherState(DomainError):
    """The booking is not in a state that allows this. `state` says where it stands now."""

    vi = "Lịch hẹn không còn ở trạng thái cho phép thao tác này. state là trạng thái hiện tại."
    next_action = "read_booking_again"


class TooLate(DomainError):
    """It is too late to change this in the app. Please call the clinic; `phones` lists its numbers."""

    vi = "Đã quá hạn thay đổi trong ứng dụng. Vui lòng gọi cơ sở theo số ở phones."
    next_action = "call_clinic"


class MovesUsedUp(DomainError):
    """This booking has been moved twice. Cancel it and book again, or call the clinic."""

    vi = "Lịch này đã đổi hai lần. Hãy hủy rồi đặt lại, hoặc gọi cơ sở."


class NotEligible(DomainError):
    """This service is not for this person. `min_age` and `max_age` say for whom it is."""

    status = 422
    vi = "Dịch vụ này không dành cho người khám đã chọn. min_age và max_age là độ tuổi được khám."


class BirthDateMissing(DomainError):
    """This service is for certain ages. Add the person's birth date to the profile first."""

    status = 422
    vi = "Dịch vụ này giới hạn độ tuổi. Hãy bổ sung ngày sinh của người khám vào hồ sơ trước."
    next_action = "complete_profile"


class DepositNeeded(DomainError):
    """This place asks for a deposit. Pay `amount_vnd` first; it is booked as soon as the money was taken."""

    vi = "Chỗ này cần đặt cọc. Hãy trả amount_vnd trước; chỗ được đặt ngay khi đã thu tiền."
    next_action = "pay_deposit"


class NothingToPay(DomainError):
    """This hold asks for no deposit, or it has been paid. Confirm it."""

    vi = "Chỗ đang giữ không cần đặt cọc hoặc đã trả. Hãy xác nhận."
    next_action = "confirm_or_release_hold"


class DepositUnderway(DomainError):
    """The deposit is being paid: follow `payment_id`. Never pay it twice."""

    vi = "Tiền đặt cọc đang được thanh toán: xem payment_id. Đừng trả hai lần."
    next_action = "follow_payment"


class DepositChanged(DomainError):
    """The deposit is another sum than the one you have seen. `amount_vnd` is what it is now."""

    vi = "Tiền đặt cọc khác với số bạn đã xem. amount_vnd là số tiền hiện tại."
    next_action = "read_hold_again"


class ServiceClosed(DomainError):
    """This service takes no bookings. Look for another one, or call the clinic."""

    vi = "Dịch vụ này không nhận đặt lịch. Hãy tìm dịch vụ khác hoặc gọi cơ sở."


class AlreadyWaiting(DomainError):
    """This person is on the waiting list of this service already. Withdraw first to wait for other days."""

    vi = "Người khám đã có trong danh sách chờ của dịch vụ này. Hãy rút ra trước nếu muốn chờ ngày khác."


class WaitOver(DomainError):
    """This wait is over. You may join the waiting list again."""

    vi = "Lượt chờ này đã kết thúc. Bạn có thể ghi tên chờ lại."


class CheckInCodeWrong(DomainError):
    """The code does not belong to this booking. `tries_left` counts what is left before a pause of ten minutes."""

    status = 422
    vi = "Mã không khớp với lịch hẹn. tries_left là số lần thử còn lại trước khi tạm khóa mười phút."


class CheckInCodeLocked(DomainError):
    """Too many wrong codes. Wait as long as `Retry-After` says, or let a colleague confirm the person with a reason."""

    status = 429
    vi = "Nhập sai mã quá nhiều lần. Đợi theo Retry-After, hoặc nhân viên xác nhận người khám kèm lý do."
    retryable = True


class ProofRefused(DomainError):
    """The QR code is not one of ours, or not for this clinic. Ask for the code in words."""

    status = 422
    vi = "Mã QR không phải của hệ thống hoặc không thuộc cơ sở này. Hãy hỏi mã bằng số."


class NotToday(DomainError):
    """The booking is for another day. `day` says which."""

    vi = "Lịch hẹn này của ngày khác. day cho biết ngày hẹn."


class NobodyWaits(DomainError):
    """Nobody is waiting. There is no number to call."""

    vi = "Không còn ai chờ. Không có số nào để gọi."


class SessionNotOpen(DomainError):
    """The clinic has not begun this session. Open it first."""

    vi = "Buổi khám chưa được mở. Hãy mở buổi khám trước."


class NothingToAppeal(DomainError):
    """Only a visit that was written down as missed can be appealed, once. `state` says where it stands."""

    vi = "Chỉ có thể khiếu nại một lần cho lịch bị ghi vắng mặt. state là trạng thái hiện tại."


class ScheduleUnclear(DomainError):
    """The schedule does not add up. `field` names what to mend."""

    status = 422
    vi = "Lịch làm việc chưa hợp lý. field cho biết chỗ cần sửa."


class PlacesDrawn(DomainError):
    """The places of this day are drawn by lot. Ask from `opens_at` until `closes_at`; `draw_id` is the draw."""

    vi = "Chỗ khám của ngày này được bốc thăm. Hãy đăng ký từ opens_at đến closes_at; draw_id là mã đợt bốc thăm."
    next_action = "enter_draw"


class DrawNotOpen(DomainError):
    """The draw takes no requests now. It does between `opens_at` and `closes_at`; `state` says where it stands."""

    vi = "Đợt bốc thăm hiện không nhận đăng ký. Thời gian nhận là từ opens_at đến closes_at; state là trạng thái."


class AlreadyEntered(DomainError):
    """This person has a request in this draw. Everybody has one, so that all have the same chance."""

    vi = "Người khám đã có đăng ký trong đợt bốc thăm này. Mỗi người chỉ một lượt để ai cũng có cơ hội như nhau."


class DayAlreadyDrawn(DomainError):
    """There is a draw for this service and day. Cancel it before you announce another one."""

    vi = "Dịch vụ này đã có đợt bốc thăm cho ngày đó. Hãy hủy đợt đó trước khi mở đợt khác."
