"""What citizens may consent to, in the words they are asked with; a changed wording is a new version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class ConsentText:
    """One version of the words about one purpose; refusing it costs the citizen no service."""

    purpose: str
    version: int
    valid_from: date
    title_vi: str
    title_en: str
    body_vi: str
    body_en: str


_TEXTS = (
    ConsentText(
        purpose="bill_reminders",
        version=1,
        valid_from=date(2026, 11, 1),
        title_vi="Nhắc hóa đơn sắp đến hạn",
        title_en="Reminders of bills that fall due",
        body_vi=(
            "Chúng tôi xem hạn thanh toán của các mã khách hàng bạn đã lưu và nhắc bạn trước hạn. Dữ liệu không được"
            " chuyển cho ai khác. Bạn có thể rút lại bất cứ lúc nào; các dịch vụ khác vẫn như cũ."
        ),
        body_en=(
            "We look at the due dates of the accounts you linked and remind you in time. The data goes to nobody else."
            " Withdraw whenever you like; all other services stay as they are."
        ),
    ),
    ConsentText(
        purpose="service_research",
        version=1,
        valid_from=date(2026, 11, 1),
        title_vi="Khảo sát để cải thiện dịch vụ",
        title_en="Surveys that improve the services",
        body_vi=(
            "Thỉnh thoảng tỉnh gửi bạn vài câu hỏi về dịch vụ đã dùng. Câu trả lời được tách khỏi tên và số điện thoại"
            " của bạn. Bạn có thể rút lại bất cứ lúc nào; các dịch vụ khác vẫn như cũ."
        ),
        body_en=(
            "Now and then the province asks you a few questions about a service you used. Answers are kept apart from"
            " your name and number. Withdraw whenever you like; all other services stay as they are."
        ),
    ),
)
PURPOSES = tuple(dict.fromkeys(text.purpose for text in _TEXTS))
CURRENT = {text.purpose: text for text in sorted(_TEXTS, key=lambda text: text.version)}
