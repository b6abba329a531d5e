"""Which report somebody wants, of which days, as which kind of file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import marshmallow as ma

from kit.fields import Choice
from payments.operations import Basis, Span
from services.utilities import report_file
from services.utilities.operations.reports import Asked

LONGEST = timedelta(days=400)
_FIRST_DAY, _LAST_DAY = date(2020, 1, 1), date(2199, 12, 31)
_PROVIDER = "019a0b00-0000-7000-8000-000000000001"


class FormatQuery(ma.Schema):
    """Which kind of file."""

    format = ma.fields.String(
        load_default=report_file.JSON,
        validate=ma.validate.OneOf(sorted(report_file.MEDIA)),
        metadata={"description": "All three hold the same.", "example": "csv"},
    )


class DaysQuery(FormatQuery):
    """Which days."""

    first = ma.fields.Date(required=True, metadata={"description": "The first day.", "example": "2026-11-01"})
    last = ma.fields.Date(
        required=True, metadata={"description": "The last day: 400 days at most.", "example": "2026-11-30"}
    )

    @ma.validates_schema
    def _in_order(self, asked: dict[str, Any], **_options: object) -> None:
        first, last = asked["first"], asked["last"]
        if not _FIRST_DAY <= first <= last <= _LAST_DAY or last - first >= LONGEST:
            raise ma.ValidationError("a day from 2020 on, and up to 400 days later", "last")


class SpanQuery(DaysQuery):
    """Which days, and how they are cut."""

    by = Choice(Span, load_default=Span.DAY.value, metadata={"description": "What one row is of.", "example": "month"})


class OwnTurnoverQuery(SpanQuery):
    """Which days, and whose."""

    basis = Choice(
        Basis,
        load_default=Basis.BUSINESS.value,
        metadata={"description": "business: the provider's day, by its dated cut-off.", "example": "business"},
    )


class OfProviderQuery(ma.Schema):
    """Of whom."""

    payee_id = ma.fields.UUID(load_default=None, metadata={"description": "Only this provider.", "example": _PROVIDER})


class TurnoverQuery(OwnTurnoverQuery, OfProviderQuery):
    """Which days, whose, and of whom."""


class AgeingQuery(FormatQuery, OfProviderQuery):
    """Of whom."""


class ApprovalQuery(DaysQuery, OfProviderQuery):
    """Which days, and of whom."""


def gather(asked: dict[str, Any], today: date) -> Asked:
    """What an operation was asked for; a report without days is one of today."""
    return Asked(
        first=asked.get("first", today),
        last=asked.get("last", today),
        by=Span(asked.get("by", Span.TOTAL)),
        basis=Basis(asked.get("basis", Basis.CALENDAR)),
        payee_id=asked.get("payee_id"),
        for_payee=asked.get("for_payee", False),
    )
