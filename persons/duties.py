"""The clocks that data law sets for each right of a citizen, with their source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from persons.models import RequestKind

_SATURDAY = 5


@dataclass(frozen=True)
class Duty:
    """How long we may take: working days to answer, calendar days until it is done; `source` binds from that day."""

    answer_working_days: int
    done_days: int
    source: str
    valid_from: date


_LAW = "Law 91/2025/QH15 and Decree 356/2025/ND-CP"
DUTIES = {
    RequestKind.EXPORT: Duty(answer_working_days=2, done_days=15, source=_LAW, valid_from=date(2026, 1, 1)),
    # The gateway and Firebase hold a part of it: the longer clock for requests that need others.
    RequestKind.ERASE: Duty(answer_working_days=2, done_days=20, source=_LAW, valid_from=date(2026, 1, 1)),
}


def due_dates(kind: RequestKind, asked_on: date) -> tuple[date, date]:
    """By when a request of that day must be answered and done.

    Public holidays count as working days here: the dates may fall earlier than the law's, never later.
    """
    duty = DUTIES[kind]
    answer = asked_on
    for _day in range(duty.answer_working_days):
        answer += timedelta(days=1)
        while answer.weekday() >= _SATURDAY:
            answer += timedelta(days=1)
    return answer, asked_on + timedelta(days=duty.done_days)
