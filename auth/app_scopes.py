"""What an app of others may be allowed, in the words citizens are asked with; changed words are a new version."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1


@dataclass(frozen=True)
class AppScope:
    """One thing an app may ask for: a short name for it, and what the app sees then."""

    name: str
    title_vi: str
    title_en: str
    body_vi: str
    body_en: str

    def title(self, language: str) -> str:
        """The short name in `language` ("vi" or "en")."""
        return self.title_vi if language == "vi" else self.title_en

    def body(self, language: str) -> str:
        """What the app sees, in `language`."""
        return self.body_vi if language == "vi" else self.body_en


# All of them read. Nothing here pays, changes, or acts for a citizen: an app sends the citizen to ours for that.
_SCOPES = (
    AppScope(
        "profile:read",
        "Biết bạn là ai trong ứng dụng",
        "Know you within the app",
        "Số điện thoại đã che bớt, ngôn ngữ và ngày bạn tham gia.",
        "Your masked phone number, your language and the day you joined.",
    ),
    AppScope(
        "identity:read",
        "Xem thông tin cá nhân của bạn",
        "See your personal details",
        "Họ tên, ngày sinh; số định danh và số thẻ bảo hiểm y tế chỉ thấy vài số cuối.",
        "Your name and birth date; of your citizen's and health-insurance numbers the last digits only.",
    ),
    AppScope(
        "bills:read",
        "Xem hóa đơn của bạn",
        "See your bills",
        "Mã khách hàng bạn đã lưu, tên chủ hộ đã che bớt, số tiền, hạn trả và chỉ số công tơ.",
        "The customer codes you linked, masked names of holders, amounts, due days and meter readings.",
    ),
    AppScope(
        "payments:read",
        "Xem các lần thanh toán của bạn",
        "See your payments",
        "Ngày, số tiền và kết quả; không thấy thẻ và không trả thay bạn được.",
        "Days, amounts and outcomes; never your card, and it can't pay for you.",
    ),
)
SCOPES = {scope.name: scope for scope in _SCOPES}
