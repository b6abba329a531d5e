"""Closing the books with providers: remittances as files, their statements, and differences between the two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import payments.operations
from kit import clock, events
from payments import proof, reconciliation
from payments.models import MatchRun, Remittance, Statement, Way
from payments.operations import Row, ToldRows
from services.utilities import remittance, statement_file
from services.utilities.errors import DayNotOver, DayTooOld, LayoutUnusable
from services.utilities.events import StatementReceived
from services.utilities.models import Provider, StatementLayout
from services.utilities.operations.endpoints import Called, list_called
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
_MOST_MISSED = 31


def publish(session: Session, remittance_id: UUID) -> bool:
    """Publish a draft: its control totals are the ledger's, its files are written once to sign them.

    False when somebody else has published it, or something has been booked for the day meanwhile; it is to be drafted
    first.
    """
    found = payments.operations.prove(session, remittance_id)
    if found is None:
        return False
    found.payee_name = session.scalar(select(Provider.name_vi).where(Provider.id == found.payee_id))
    session.flush()
    files = {}
    for kind in remittance.MEDIA:
        digest = remittance.digest(_write(session, found, kind))
        files[kind] = {
            "sha256": digest.hex(),
            "signature": proof.sign_file(digest).hex(),
            "public_key": proof.public_key().hex(),
        }
    payments.operations.publish(session, remittance_id, files)
    return True


def write_file(session: Session, found: Remittance, kind: str) -> Iterator[bytes]:
    """A published remittance as a file in pieces; nothing in it depends on when, or how often, it is written.

    Raises AssertionError in the end unless it is to the byte what was signed: then it must not be handed out.
    """
    hashed = hashlib.sha256()
    for piece in _write(session, found, kind):
        hashed.update(piece)
        yield piece
    if hashed.hexdigest() != (found.files or {})[kind]["sha256"]:
        raise AssertionError(f"the {kind} file of remittance {found.id} is not what was signed")


def _write(session: Session, found: Remittance, kind: str) -> Iterator[bytes]:
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


def open_day(session: Session, provider_id: UUID, way: Way, day: date) -> Layout:
    """By which headings a provider's file of one of its business days is read; raises DayNotOver and DayTooOld."""
    terms = payments.operations.read_terms(session, provider_id)
    if payments.operations.closes_at(terms, day) > clock.now():
        raise DayNotOver
    if day < clock.today() - _LONGEST_BACK:
        raise DayTooOld
    return Layout(get_layout(session, provider_id, way))


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
    """Store the lines of a statement, and have them compared; returns the statement's id.

    The same lines again, under any name and in any order, are the statement that is known.
    """
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
    return [_pull(session, called, day) for called in list_called(session) if called.provider_id in payees]


def list_missed(session: Session, day: date) -> Sequence[tuple[date, Pull]]:
    """Days between the last one that a provider has told of and `day`: its system was silent then, and is asked again.

    A month of days at most, the newest first; nobody is asked of days before the first that was told.
    """
    last = (
        select(Statement.payee_id, func.max(Statement.business_day).label("day"))
        .where(Statement.way == Way.PROVIDER, Statement.current, Statement.business_day < day)
        .group_by(Statement.payee_id)
    )
    told = {row.payee_id: row.day for row in session.execute(last)}
    return [
        (day - timedelta(days=back), _pull(session, called, day - timedelta(days=back)))
        for called in list_called(session)
        for back in range(1, min((day - told.get(called.provider_id, day)).days, _MOST_MISSED))
    ]


def _pull(session: Session, called: Called, day: date) -> Pull:
    terms = payments.operations.read_terms(session, called.provider_id)
    opens, closes = (payments.operations.closes_at(terms, each) for each in (day - timedelta(days=1), day))
    return Pull(called.provider_id, called.slug, called.endpoint, opens, closes)


def keep_pulled(session: Session, pull: Pull, day: date, lines: Iterable[Posted]) -> UUID | None:
    """Keep what was read of a provider's ledger as if it had sent it; returns the statement's id.

    None where it has sent its statement itself while it was being read: what it says counts.
    """
    held = payments.operations.hold_day(session, pull.provider_id, Way.PROVIDER, day)
    if held is not None and held.format != PULLED:
        return None
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
    slug = session.execute(select(Provider.slug).where(Provider.id == found.payee_id)).scalar_one()
    own = ("lines", "posted_vnd", "returned_vnd", "clawed_back_vnd", "adjusted_vnd", "commission_vnd")
    return {
        "provider": slug,
        "provider_name": found.payee_name,
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
