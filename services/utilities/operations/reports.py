"""Reports for the province and for a provider: what the books say, named by provider, ready to be written as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

import payments.operations
from kit import clock
from payments.operations import Basis, Span
from services.utilities import report_file
from services.utilities.models import Provider

_TURNOVER = (
    "period", "provider", "payee_id", "opens_at", "closes_at", "entries", "opening_vnd", "posted", "posted_vnd",
    "returned", "returned_vnd", "clawed_back_vnd", "adjusted_vnd", "remitted_vnd", "commission_vnd", "closing_vnd",
)  # fmt: skip
_MOVED = (
    "entries", "posted", "posted_vnd", "returned", "returned_vnd", "clawed_back_vnd", "adjusted_vnd", "remitted_vnd",
    "commission_vnd",
)  # fmt: skip
_ACCOUNTS = ("period", "account", "entries", "debit_vnd", "credit_vnd")
_AGEING = (
    "provider", "payee_id", "way", "kind", "age", "open", "amount_vnd", "absolute_vnd", "overdue", "oldest_at",
)  # fmt: skip
_APPROVALS = (
    "decided_at", "what", "decision", "subject_id", "provider", "payee_id", "reason", "account", "amount_vnd",
    "booked_vnd", "asked_by", "decided_by", "organisation",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Which days, how they are cut, and of which provider; None for all.

    `for_payee` says that it is the provider who asks: people of the province are not named then.
    """

    first: date
    last: date
    by: Span = Span.DAY
    basis: Basis = Basis.BUSINESS
    payee_id: UUID | None = None
    for_payee: bool = False


@dataclass(frozen=True)
class _Reading:
    """What the rows of a report are read from, and how providers are called."""

    session: Session
    asked: Asked
    slugs: Mapping[UUID | None, str]


@dataclass(frozen=True)
class Report:
    """The columns of a report, those of them that are summed, and who reads its rows."""

    columns: tuple[str, ...]
    summed: tuple[str, ...]
    rows: Callable[[_Reading], Iterator[dict[str, Any]]]


def write_report(session: Session, name: str, asked: Asked, kind: str, out: IO[bytes]) -> None:
    """Write a report as it stands at one moment, in memory that does not grow with it.

    `name` is turnover, accounts, ageing or approvals. It has to be the first that its transaction does.
    """
    payments.operations.hold_still(session)
    report = _REPORTS[name]
    slugs = {row.id: row.slug for row in session.execute(select(Provider.id, Provider.slug))}
    head = {
        "report": name,
        "first": asked.first.isoformat(),
        "last": asked.last.isoformat(),
        "by": asked.by.value,
        "basis": asked.basis.value,
        "provider": slugs.get(asked.payee_id),
        "zone": clock.ZONE.key,
        "as_of": _plain(clock.now()),
    }
    rows = (
        {column: _plain(value) for column, value in row.items()} for row in report.rows(_Reading(session, asked, slugs))
    )
    report_file.write(kind, head, report.columns, report.summed, rows, out)


def _turnover(of: _Reading) -> Iterator[dict[str, Any]]:
    asked = of.asked
    payees = [asked.payee_id] if asked.payee_id else payments.operations.list_booked_payees(of.session)
    payees.sort(key=lambda payee: (payee is None, of.slugs.get(payee, ""), str(payee)))
    for row in payments.operations.read_turnover(of.session, payees, asked.first, asked.last, asked.by, asked.basis):
        yield {**vars(row), "provider": of.slugs.get(row.payee_id)}


def _accounts(of: _Reading) -> Iterator[dict[str, Any]]:
    for row in payments.operations.read_accounts(of.session, of.asked.first, of.asked.last, of.asked.by):
        yield row._asdict()


def _ageing(of: _Reading) -> Iterator[dict[str, Any]]:
    for row in payments.operations.read_ageing(of.session, of.asked.payee_id):
        yield {**row._asdict(), "provider": of.slugs.get(row.payee_id)}


def _approvals(of: _Reading) -> Iterator[dict[str, Any]]:
    for row in payments.operations.read_decisions(of.session, of.asked.first, of.asked.last, of.asked.payee_id):
        told = {**row._asdict(), "provider": of.slugs.get(row.payee_id)}
        # Refunds are decided by the provider's own staff, differences by the province's.
        if of.asked.for_payee and row.what == "adjustment":
            told |= {"asked_by": None, "decided_by": None}
        yield told


_REPORTS: Mapping[str, Report] = {
    "turnover": Report(_TURNOVER, _MOVED, _turnover),
    "accounts": Report(_ACCOUNTS, ("entries", "debit_vnd", "credit_vnd"), _accounts),
    "ageing": Report(_AGEING, ("open", "amount_vnd", "absolute_vnd", "overdue"), _ageing),
    "approvals": Report(_APPROVALS, ("amount_vnd", "booked_vnd"), _approvals),
}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return clock.local(value).isoformat(timespec="milliseconds")
    if isinstance(value, int) or value is None:
        return value
    return str(value)
