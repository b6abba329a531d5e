"""The words of visits to clinics: for the inbox, for a locked screen, and by text to somebody without the app."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kit import clock
from notifications.models import MessageKind
from notifications.wording import Words

INBOX: Mapping[MessageKind, Mapping[str, Words]] = {
    # Where and when, and never for what: a message about a visit is read over shoulders too.
    MessageKind.VISIT_REMINDER: {
        "vi": Words(
            "Lịch hẹn lúc {when}",
            "Bạn có lịch hẹn tại {place} lúc {when}. Nếu không đến được, hãy đổi hoặc hủy để nhường chỗ.",
        ),
        "en": Words(
            "Your appointment at {when}",
            "You have an appointment at {place} at {when}. If you cannot come, move or cancel it for somebody else.",
        ),
    },
    MessageKind.TURN_NEAR: {
        "vi": Words("Sắp đến lượt bạn", "Còn khoảng năm người trước bạn tại {place}. Mời bạn đến gần phòng chờ."),
        "en": Words("Your turn is near", "About five people are before you at {place}. Please come closer."),
    },
    MessageKind.PLACE_OFFERED: {
        "vi": Words(
            "Có chỗ cho bạn lúc {when}",
            "{place} đang giữ cho riêng bạn một chỗ lúc {when}, đến {until}. Hãy mở ứng dụng để nhận hoặc từ chối.",
        ),
        "en": Words(
            "There is a place for you at {when}",
            "{place} holds a place at {when} for you alone until {until}. Open the app to take or refuse it.",
        ),
    },
    MessageKind.PLACE_MISSED: {
        "vi": Words(
            "Chỗ giữ cho bạn đã hết hạn",
            "Chỗ lúc {when} tại {place} đã chuyển cho người khác. Bạn có thể chọn chỗ khác trong ứng dụng.",
        ),
        "en": Words(
            "The place held for you has gone",
            "The place at {when} at {place} went to somebody else. You can choose another one in the app.",
        ),
    },
    MessageKind.VISIT_CANCELLED: {
        "vi": Words(
            "Cơ sở phải hủy lịch hẹn của bạn",
            "Rất tiếc, {place} không thể tiếp bạn lúc {when}. Bạn được ưu tiên chỗ khác: hãy xem trong mục Lịch hẹn.",
        ),
        "en": Words(
            "The clinic had to cancel your appointment",
            "We are sorry: {place} cannot see you at {when}. You come first for another place: see Bookings.",
        ),
    },
    MessageKind.DRAW_LOST: {
        "vi": Words(
            "Lần này bạn chưa bốc được chỗ",
            "Rất tiếc, {place} đã hết chỗ theo thứ tự bốc thăm. Mời bạn vào danh sách chờ, vẫn giữ thứ tự vừa bốc.",
        ),
        "en": Words(
            "You drew no place this time",
            "We are sorry: {place} has no place left in the drawn order. Join the waiting list and keep that order.",
        ),
    },
}

# Read over shoulders: neither place nor time.
PUSH: Mapping[MessageKind, Mapping[str, Words]] = {
    MessageKind.VISIT_REMINDER: {
        "vi": Words("Bạn có lịch hẹn sắp tới", "Mở ứng dụng để xem giờ và địa điểm."),
        "en": Words("You have an appointment soon", "Open the app for time and place."),
    },
    MessageKind.TURN_NEAR: {
        "vi": Words("Sắp đến lượt bạn", "Mở ứng dụng để xem số đang gọi."),
        "en": Words("Your turn is near", "Open the app to see which number is called."),
    },
    MessageKind.PLACE_OFFERED: {
        "vi": Words("Có chỗ đang giữ cho bạn", "Mở ứng dụng để nhận trước khi hết hạn."),
        "en": Words("A place is held for you", "Open the app to take it in time."),
    },
    MessageKind.PLACE_MISSED: {
        "vi": Words("Chỗ giữ cho bạn đã hết hạn", "Mở ứng dụng để chọn chỗ khác."),
        "en": Words("The place held for you has gone", "Open the app to choose another one."),
    },
    MessageKind.VISIT_CANCELLED: {
        "vi": Words("Lịch hẹn của bạn có thay đổi", "Mở ứng dụng để xem chỗ khác dành cho bạn."),
        "en": Words("Your appointment has changed", "Open the app for another place."),
    },
    MessageKind.DRAW_LOST: {
        "vi": Words("Đã có kết quả bốc thăm", "Mở ứng dụng để xem và vào danh sách chờ."),
        "en": Words("Lots have been drawn", "Open the app to see and to join the waiting list."),
    },
}

# To somebody without the app, by text message: when, and neither where nor for what. A number may have changed hands.
TEXT: Mapping[MessageKind, Mapping[str, str]] = {
    MessageKind.VISIT_REMINDER: {
        "vi": "Bạn có lịch hẹn lúc {when}. Nếu không đến được, hãy đổi hoặc hủy trong ứng dụng.",
        "en": "You have an appointment at {when}. If you cannot come, move or cancel it in the app.",
    },
    MessageKind.TURN_NEAR: {
        "vi": "Sắp đến lượt bạn: còn khoảng năm người. Mời bạn đến gần phòng chờ.",
        "en": "Your turn is near: about five people are before you. Please come closer.",
    },
    MessageKind.PLACE_OFFERED: {
        "vi": "Có chỗ lúc {when} giữ cho riêng bạn đến {until}. Hãy mở ứng dụng để nhận.",
        "en": "A place at {when} is held for you until {until}. Open the app to take it.",
    },
    MessageKind.VISIT_CANCELLED: {
        "vi": "Rất tiếc, lịch hẹn lúc {when} của bạn đã bị hủy. Bạn được ưu tiên chỗ khác trong ứng dụng.",
        "en": "We are sorry: your appointment at {when} was cancelled. You come first for another one: see the app.",
    },
}
_MOMENTS: Mapping[str, str] = {"starts_at": "when", "until_at": "until"}


def words_of(params: Mapping[str, Any]) -> dict[str, str]:
    """What stands in a message about a visit: `place`, and `starts_at` and `until_at` as ISO instants."""
    return _moments(params) | ({"place": params["place"]} if "place" in params else {})


def short_text(kind: MessageKind, params: Mapping[str, Any], language: str) -> str:
    """A message as a text to somebody who has no app; the same arguments always make the same text."""
    return TEXT[kind][language].format(**_moments(params))


def _moments(params: Mapping[str, Any]) -> dict[str, str]:
    return {
        asked: f"{clock.local(datetime.fromisoformat(params[name])):%H:%M %d/%m/%Y}"
        for name, asked in _MOMENTS.items()
        if name in params
    }
