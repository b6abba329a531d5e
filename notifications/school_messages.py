"""The words of messages about schools, in Vietnamese and English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from kit import clock
from notifications.models import MessageKind
from notifications.wording import OTHER, Words

INBOX: Mapping[MessageKind, Mapping[str, Words]] = {
    MessageKind.SCHOOL_ROUND: {
        "vi": Words("{milestone}: {round}", "{opens} – {closes}. {advice} Trường và UBND xã, phường quyết định."),
        "en": Words("{milestone}: {round}", "{opens} – {closes}. {advice} The school and the commune decide."),
    },
    MessageKind.SCHOOL_GONE: {
        "vi": Words("Trường bạn lưu đã đóng cửa", "{school} không còn hoạt động. {successor}"),
        "en": Words("A school you saved has closed", "{school} does not take pupils any more. {successor}"),
    },
    MessageKind.OPEN_DAY_CANCELLED: {
        "vi": Words("Ngày hội tham quan đã hủy", "{school} đã hủy ngày hội {date}. Mong bạn thông cảm."),
        "en": Words("The open day was cancelled", "{school} has cancelled its open day of {date}. We are sorry."),
    },
}
# Milestones of a round of admission: what is told, and what to do.
MILESTONES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "papers": {
        "vi": ("Chuẩn bị giấy tờ", "Hãy chuẩn bị giấy tờ và kiểm tra thông tin cư trú trên VNeID."),
        "en": ("Prepare the papers", "Get the papers ready and check your residence in VNeID."),
    },
    "soon": {"vi": ("Sắp mở", "Chỉ còn ba ngày nữa."), "en": ("Opens soon", "Only three days to go.")},
    "open": {"vi": ("Đã mở", "Bạn có thể nộp hồ sơ từ bây giờ."), "en": ("Open now", "You can apply from now on.")},
    "last_day": {"vi": ("Ngày cuối", "Đừng để lỡ nhé."), "en": ("Last day", "Please don't miss it.")},
    "changed": {"vi": ("Đổi lịch", "Lịch mới như trên."), "en": ("Dates changed", "The new dates are above.")},
    "withdrawn": {
        "vi": ("Đợt tuyển sinh đã hủy", "Đợt này không còn nữa; chúng tôi sẽ báo khi có lịch mới."),
        "en": ("Round withdrawn", "It does not take place; you will hear when there are new dates."),
    },
    OTHER: {
        "vi": ("Tuyển sinh", "Xem chi tiết trong mục Trường học."),
        "en": ("Admission", "See Schools for details."),
    },
}
_ROUND: Mapping[str, tuple[str, str]] = {
    "vi": ("lớp {grade}, năm học {year}", "tuyển sinh năm học {year}"),
    "en": ("grade {grade}, {year}", "admission {year}"),
}
_SUCCESSOR: Mapping[str, tuple[str, str]] = {
    "vi": ("Trường kế thừa: {name}.", "Bạn hãy chọn trường khác."),
    "en": ("Its successor is {name}.", "Please choose another school."),
}
# Shown on a locked screen to whoever stands near.
PUSH: Mapping[MessageKind, Mapping[str, Words]] = {
    MessageKind.SCHOOL_ROUND: {
        "vi": Words("Nhắc lịch tuyển sinh", "Mở ứng dụng để xem chi tiết."),
        "en": Words("Admission reminder", "Open the app for the details."),
    },
    MessageKind.SCHOOL_GONE: {
        "vi": Words("Có thay đổi về trường bạn lưu", "Mở ứng dụng để xem chi tiết."),
        "en": Words("News of a school you saved", "Open the app for the details."),
    },
    MessageKind.OPEN_DAY_CANCELLED: {
        "vi": Words("Một ngày hội đã hủy", "Mở ứng dụng để xem chi tiết."),
        "en": Words("An open day was cancelled", "Open the app for the details."),
    },
}


def words_of(params: Mapping[str, Any], language: str) -> dict[str, str]:
    """What stands in the places of a message about schools; unknown milestones get words that are true of any."""
    told: dict[str, str] = {}
    if "milestone" in params:
        told["milestone"], told["advice"] = MILESTONES.get(params["milestone"], MILESTONES[OTHER])[language]
        of_grade, of_year = _ROUND[language]
        years = f"{params['school_year']}-{params['school_year'] + 1}"
        told["round"] = (of_grade if params["grade"] else of_year).format(grade=params["grade"], year=years)
        for name in ("opens", "closes"):
            told[name] = f"{clock.local(datetime.fromisoformat(params[name + '_at'])):%H:%M %d/%m/%Y}"
    if "school" in params:
        told["school"] = params["school"]
    if "successor" in params:
        named, unnamed = _SUCCESSOR[language]
        told["successor"] = named.format(name=params["successor"]) if params["successor"] else unnamed
    if "day" in params:
        told["date"] = f"{date.fromisoformat(params['day']):%d/%m/%Y}"
    return told
