"""Closing the books with providers: remittances as files, their statements, and differences between the two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import payments.operations
from kit import clock, events
from payments import proof, reconciliation
from payments.models import MatchRun, Remittance, Statement, Way
from payments.operations import Row, ToldRows
from services.utilities import remittance, statement_file
from services.utilities.errors import DayNotOver, LayoutUnusable
from services.utilities.events import StatementReceived
from services.utilities.models import Provider, StatementLayout
from services.utilities.operations.endpoints import list_called
from services.utilities.providers import Endpoint, Posted
from services.utilities.statement_file import Layout

_AT_ONCE = 5_000
PULLED = "pull"  # the format of a statement that we have read ourselves
_STANDARD = {Way.PROVIDER: statement_file.STANDARD, Way.ADVICE: statement_file.ADVICE}
# What we hold as posted, by the provider's own clock and cut-off: `posted_at` is what its receipt says.
_POSTED = """
  SELECT b.bill_no AS key, i.amount_vnd, w.day, CAST(i.payee_id AS text) || ' ' || b.bill_no AS ref,
    'MISSING_AT_PROVIDER' AS alone, c.code AS hint
  FROM unnest(CAST(:days AS date[]), CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[]))
    AS w (day, opens, closes)
  JOIN payment_item i ON i.payee_id = :payee AND i.posting = 'posted'
    AND i.posted_at >= w.opens AND i.posted_at < w.closes
  JOIN bill b ON b.id = i.subject_id JOIN customer c ON c.id = b.customer_id
"""
POSTED = reconciliation.comparison(_POSTED, reconciliation.THEIR_ROWS, reconciliation.TOLD_DAYS)
_NEAR = timedelta(days=5)
_LONGEST_BACK = timedelta(days=400)


def publish(session: Session, remittance_id: UUID) -> bool:
    """Publish a draft: its control totals are the ledger's, its files are written once to sign them.

    False when something has been booked for the day meanwhile; it is to be drafted first.
    """
    found = payments.operations.prove(session, remittance_id)
    if found is None:
        return False
    files = {}
    for kind in remittance.MEDIA:
        digest = remittance.digest(write_file(session, found, kind))
        files[kind] = {"sha256": digest.hex(), "signature": proof.sign_file(digest).hex()}
    payments.operations.publish(session, remittance_id, files)
    return True


def write_file(session: Session, found: Remittance, kind: str) -> Iterator[bytes]:
    """A remittance as a file in pieces; nothing in it depends on when, or how often, it is written."""
    return remittance.write(kind, _head(session, found), _lines(session, found))


def get_layout(session: Session, provider_id: UUID, way: Way) -> Mapping[str, Any]:
    """Where a provider's files have what: its own layout, or the standard one."""
    query = select(StatementLayout.columns).where(
        StatementLayout.provider_id == provider_id, StatementLayout.way == way.value
    )
    return session.scalar(query) or dict(_STANDARD[way].columns)


def put_layout(session: Session, provider_id: UUID, way: Way, columns: Mapping[str, str]) -> Mapping[str, Any]:
    """Say where a provider's files have what. Raises LayoutUnusable for a layout that cannot be read by."""
    try:
        values = {"columns": dict(Layout.from_json(columns).columns)}
    except ValueError as exc:
        raise LayoutUnusable from exc
    session.execute(
        insert(StatementLayout)
        .values(provider_id=provider_id, way=way.value, version=1, **values)
        .on_conflict_do_update(
            index_elements=[StatementLayout.provider_id, StatementLayout.way],
            set_={**values, "version": StatementLayout.version + 1},
        )
    )
    return values["columns"]


def receive_statement(  # noqa: PLR0917 - a file, whose it is and what it tells of
    session: Session, provider_id: UUID, way: Way, day: date, kind: str, raw: bytes
) -> UUID:
    """Keep what a provider tells of one of its business days, and have it compared; returns the statement's id.

    The same lines again, under any name and in any order, are the statement that is known. Raises DayNotOver, and
    StatementUnreadable for a file that cannot be read as a whole.
    """
    terms = payments.operations.read_terms(session, provider_id)
    over = payments.operations.closes_at(terms, day)
    if over > clock.now() or day < clock.today() - _LONGEST_BACK:
        raise DayNotOver
    told = statement_file.read(kind, raw, Layout(get_layout(session, provider_id, way)))
    return keep_statement(session, provider_id, way, day, told)


def note_rejected(session: Session, provider_id: UUID, way: Way, day: date, reason: str) -> None:
    """A file of a provider was refused as a whole: a difference of its day, until a file can be read."""
    payments.operations.open_discrepancy(
        session,
        "FILE_REJECTED",
        0,
        subject=file_of(provider_id, way, day),
        way=way,
        day=day,
        payee_id=provider_id,
        details={"reason": reason},
    )


def file_of(provider_id: UUID, way: Way, day: date) -> str:
    """What a difference about a provider's file of a day is called."""
    return f"{provider_id} {way} {day} file"


def keep_statement(session: Session, provider_id: UUID, way: Way, day: date, told: ToldRows) -> UUID:
    """Store the lines of a statement, and have them compared; returns the statement's id."""
    statement_id = payments.operations.take_in_rows(session, provider_id, way, day, told)
    payments.operations.close_discrepancies(session, file_of(provider_id, way, day))
    events.emit(session, StatementReceived(statement_id, provider_id))
    return statement_id


@dataclass(frozen=True)
class Pull:
    """A provider whose own ledger of one of its business days is to be read: from `opens` until before `closes`."""

    provider_id: UUID
    slug: str
    endpoint: Endpoint | None
    opens: datetime
    closes: datetime

    @property
    def days(self) -> Sequence[date]:
        """The calendar days in Vietnam that the business day lies on."""
        first, last = clock.local(self.opens).date(), clock.local(self.closes - timedelta(microseconds=1)).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def list_pulls(session: Session, day: date) -> Sequence[Pull]:
    """The providers whose systems we call, but for those that have sent the statement of a business day themselves."""
    sent = select(Statement.payee_id).where(
        Statement.way == Way.PROVIDER, Statement.business_day == day, Statement.current, Statement.format != PULLED
    )
    payees = set(payments.operations.list_payees(session)) - set(session.scalars(sent))
    found = []
    for called in list_called(session):
        if called.provider_id in payees:
            terms = payments.operations.read_terms(session, called.provider_id)
            opens = payments.operations.closes_at(terms, day - timedelta(days=1))
            closes = payments.operations.closes_at(terms, day)
            found.append(Pull(called.provider_id, called.slug, called.endpoint, opens, closes))
    return found


def keep_pulled(session: Session, pull: Pull, day: date, lines: Iterable[Posted]) -> UUID:
    """Keep what was read of a provider's ledger as if it had sent it; returns the statement's id."""
    rows = [
        Row(number, line.bill_no, line.amount_vnd, line.receipt_no)
        for number, line in enumerate((each for each in lines if pull.opens <= each.posted_at < pull.closes), 1)
    ]
    digest = hashlib.sha256("\n".join(map(repr, rows)).encode()).hexdigest()
    return keep_statement(session, pull.provider_id, Way.PROVIDER, day, ToldRows(PULLED, digest, rows, []))


def subject_of(provider_id: UUID, bill_no: str) -> str:
    """What a difference about a provider's posting of a bill is called, whoever finds it."""
    return f"{provider_id} {bill_no}"


def compare_statement(session: Session, statement: Statement) -> MatchRun:
    """Compare a statement's day with our books; the same statement again finds the same."""
    day = statement.business_day
    if statement.way is Way.ADVICE:
        payments.operations.confirm_advised(session, statement.payee_id, statement.id, day)
        return payments.operations.match_advice(session, statement.payee_id, day, day)
    return match_posted(session, statement.payee_id, day, day)


def match_posted(session: Session, provider_id: UUID, first: date, last: date) -> MatchRun:
    """Compare what we hold as posted with what a provider's own ledger says, over some of its business days."""
    terms = payments.operations.read_terms(session, provider_id)
    begin, end = payments.operations.span(session, Way.PROVIDER, provider_id, first, last)
    days = [begin - _NEAR + timedelta(days=n) for n in range((end - begin + 2 * _NEAR).days + 1)]
    return payments.operations.compare(
        session,
        POSTED,
        Way.PROVIDER,
        provider_id,
        first,
        last,
        same_day=True,
        unknown="UNKNOWN_AT_PROVIDER",
        twice="DUPLICATE_POSTING",
        days=days,
        opens=[payments.operations.closes_at(terms, day - timedelta(days=1)) for day in days],
        closes=[payments.operations.closes_at(terms, day) for day in days],
    )


def _head(session: Session, found: Remittance) -> dict[str, Any]:
    slug, name = session.execute(select(Provider.slug, Provider.name_vi).where(Provider.id == found.payee_id)).one()
    own = ("lines", "posted_vnd", "returned_vnd", "clawed_back_vnd", "adjusted_vnd", "commission_vnd")
    return {
        "provider": slug,
        "provider_name": name,
        "business_day": found.business_day.isoformat(),
        "revision": found.revision,
        "number": found.number,
        "reference": found.reference,
        "explanation": found.explanation,
        "opens_at": clock.local(found.opens_at).isoformat(timespec="milliseconds"),
        "closes_at": clock.local(found.closes_at).isoformat(timespec="milliseconds"),
        "zone": clock.ZONE.key,
        "day_totals": payments.operations.sums_declared(session, found),
        "revision_totals": {
            **{name: getattr(found, name) for name in own},
            "carried_in_vnd": found.carried_in_vnd,
            "payable_vnd": found.payable_vnd,
            "carried_out_vnd": found.carried_out_vnd,
        },
        "proof": found.proof,
    }


def _lines(session: Session, found: Remittance) -> Iterator[dict[str, Any]]:
    batch: list[Any] = []
    for line in payments.operations.read_lines(session, found):
        batch.append(line)
        if len(batch) == _AT_ONCE:
            yield from _named(session, batch)
            batch = []
    yield from _named(session, batch)


def _named(session: Session, batch: list[Any]) -> Iterator[dict[str, Any]]:
    ids = {line.subject_id for line in batch if line.subject_id}
    numbers: dict[Any, str] = {}
    if ids:
        query = text("SELECT id, bill_no FROM bill WHERE id = ANY(:ids)")
        numbers = {row.id: row.bill_no for row in session.execute(query, {"ids": list(ids)})}
    for line in batch:
        yield {
            "revision": line.revision,
            "line": line.place,
            "kind": line.kind,
            "bill_no": numbers.get(line.subject_id),
            "payment_id": line.payment_id and str(line.payment_id),
            "receipt_no": line.receipt_no,
            "booked_at": clock.local(line.booked_at).isoformat(timespec="milliseconds"),
            "amount_vnd": line.amount_vnd,
            "commission_vnd": line.commission_vnd,
        }
