"""The words of messages about tickets to a place, in Vietnamese and English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from notifications.models import MessageKind
from notifications.wording import OTHER, Words

INBOX: Mapping[MessageKind, Mapping[str, Words]] = {
    MessageKind.TICKETS_READY: {
        "vi": Words(
            "Vé của bạn đã sẵn sàng", "{place}, ngày {date}: {count} vé. Mở mã vé khi đến cổng, không cần có mạng."
        ),
        "en": Words(
            "Your tickets are ready", "{place}, {date}: {count}. Show the codes at the gate; no signal is needed."
        ),
    },
    MessageKind.TICKETS_RETURNED: {
        "vi": Words("Đang hoàn lại {amount} tiền vé", "{place}, ngày {date}. {reason} Tiền sẽ về thẻ bạn đã trả."),
        "en": Words("{amount} for tickets is on its way back", "{place}, {date}. {reason} It goes to your card."),
    },
}
# Shown on a locked screen to whoever stands near.
PUSH: Mapping[MessageKind, Mapping[str, Words]] = {
    MessageKind.TICKETS_READY: {
        "vi": Words("Vé của bạn đã sẵn sàng", "Mở ứng dụng để xem mã vé."),
        "en": Words("Your tickets are ready", "Open the app to see the codes."),
    },
    MessageKind.TICKETS_RETURNED: {
        "vi": Words("Tiền vé đang được hoàn lại", "Mở ứng dụng để xem chi tiết."),
        "en": Words("Money for tickets is on its way back", "Open the app for the details."),
    },
}
REASONS: Mapping[MessageKind, Mapping[str, Mapping[str, str]]] = {
    MessageKind.TICKETS_RETURNED: {
        "returned_in_time": {
            "vi": "Bạn đã trả vé đúng hạn.",
            "en": "You gave the tickets back in time.",
        },
        "place_closed": {
            "vi": "Điểm tham quan đóng cửa vào ngày đó.",
            "en": "The place is closed on that day.",
        },
        "places_released": {
            "vi": "Khi tiền đến nơi thì chỗ đã được nhường cho người khác.",
            "en": "When the money arrived, the places had gone to others.",
        },
        OTHER: {
            "vi": "Mục Vé của tôi có thêm chi tiết.",
            "en": "You will find the details under My tickets.",
        },
    },
}
_COUNTED: Mapping[str, tuple[str, str]] = {"vi": ("{n}", "{n}"), "en": ("{n} ticket", "{n} tickets")}


def words_of(params: Mapping[str, Any], language: str) -> dict[str, str]:
    """What stands in the places of a message about tickets; money and reasons are told as everywhere."""
    told = {"place": params["place"][language], "date": f"{date.fromisoformat(params['visit_on']):%d/%m/%Y}"}
    if "count" in params:
        one, more = _COUNTED[language]
        told["count"] = (one if params["count"] == 1 else more).format(n=params["count"])
    return told
