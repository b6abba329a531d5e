"""A visit as an iCalendar file (RFC 5545): where and when, never for what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from kit import clock

CONTENT_TYPE = "text/calendar; charset=utf-8"
_FOLD_AT = 73  # octets: the line may have 75 with its break
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})
_SUMMARY = {"vi": "Lịch hẹn tại {place}", "en": "Appointment at {place}"}
# Vietnam has been at +07 without summer time since 13 June 1975; before that the file has nothing to say.
_ZONE = (
    "BEGIN:VTIMEZONE",
    "TZID:Asia/Ho_Chi_Minh",
    "BEGIN:STANDARD",
    "DTSTART:19750613T000000",
    "TZOFFSETFROM:+0800",
    "TZOFFSETTO:+0700",
    "TZNAME:+07",
    "END:STANDARD",
    "END:VTIMEZONE",
)


@dataclass(frozen=True)
class Visit:
    """What a calendar needs to know of a booking."""

    booking_id: UUID
    sequence: int
    starts_at: datetime
    ends_at: datetime
    is_cancelled: bool
    is_held: bool
    place: str
    address: str
    latitude: float | None
    longitude: float | None
    stamped_at: datetime


def render(visit: Visit, language: str) -> bytes:
    """The file of one visit: the same UID for life, SEQUENCE as the booking counts its changes."""
    where = ", ".join(part for part in (visit.place, visit.address) if part)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Citizen//Clinic bookings//VI",
        "CALSCALE:GREGORIAN",
        f"METHOD:{'CANCEL' if visit.is_cancelled else 'PUBLISH'}",
        *_ZONE,
        "BEGIN:VEVENT",
        f"UID:{visit.booking_id}@citizen",
        f"SEQUENCE:{visit.sequence}",
        f"DTSTAMP:{visit.stamped_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;TZID=Asia/Ho_Chi_Minh:{clock.local(visit.starts_at):%Y%m%dT%H%M%S}",
        f"DTEND;TZID=Asia/Ho_Chi_Minh:{clock.local(visit.ends_at):%Y%m%dT%H%M%S}",
        f"SUMMARY:{_text(_SUMMARY[language].format(place=visit.place))}",
        f"LOCATION:{_text(where)}",
        *([f"GEO:{visit.latitude:.4f};{visit.longitude:.4f}"] if visit.latitude and visit.longitude else []),
        f"STATUS:{'CANCELLED' if visit.is_cancelled else 'TENTATIVE' if visit.is_held else 'CONFIRMED'}",
        "TRANSP:OPAQUE",
        "CLASS:PRIVATE",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{piece}\r\n" for line in lines for piece in _fold(line)).encode()


def _text(value: str) -> str:
    return value.translate(_ESCAPED)


def _fold(line: str) -> Iterator[str]:
    """The line in pieces of at most 75 octets, never inside a character; a continuation begins with a space."""
    piece = ""
    for char in line:
        if len((piece + char).encode()) > _FOLD_AT:
            yield piece
            piece = " "
        piece += char
    yield piece
