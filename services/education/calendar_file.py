"""A calendar for the phone (iCalendar, RFC 5545): rounds and visits, in a file every calendar program opens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

_LONGEST_LINE = 75  # octets, without the line's end
_DOMAIN = "schools.citizen.example"
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})


@dataclass(frozen=True)
class Entry:
    """One thing in the calendar; `key` stays the same when it moves, so that the program moves it too."""

    key: str
    version: int
    starts_at: datetime
    ends_at: datetime
    title: str
    text: str
    is_cancelled: bool = False


def write(entries: Iterable[Entry], *, name: str, now: datetime) -> bytes:
    """The file: UTF-8, lines folded at 75 octets, instants in UTC so that no time zone has to be told."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Citizen//Schools//VI",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{name.translate(_ESCAPES)}",
    ]
    for entry in entries:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{entry.key}@{_DOMAIN}",
            f"SEQUENCE:{entry.version}",
            f"DTSTAMP:{_instant(now)}",
            f"DTSTART:{_instant(entry.starts_at)}",
            f"DTEND:{_instant(entry.ends_at)}",
            f"SUMMARY:{entry.title.translate(_ESCAPES)}",
            f"DESCRIPTION:{entry.text.translate(_ESCAPES)}",
            f"STATUS:{'CANCELLED' if entry.is_cancelled else 'CONFIRMED'}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in lines)


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _folded(line: str) -> bytes:
    """A line in pieces of at most 75 octets, never cut inside of a letter."""
    pieces, piece, room = [], b"", _LONGEST_LINE
    for letter in line:
        octets = letter.encode()
        if len(piece) + len(octets) > room:
            pieces.append(piece)
            piece, room = b"", _LONGEST_LINE - 1  # the space that continues a line counts
        piece += octets
    return b"\r\n ".join([*pieces, piece]) + b"\r\n"
