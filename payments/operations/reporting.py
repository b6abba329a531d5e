"""Reports over the books: what moved on the accounts of payees, how old differences are, and who approved what.

Every sum is one of journal entries. A report is read in a transaction that holds still, some hundred windows of time or
a thousand rows at once, so that its memory does not grow with what it tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from kit import clock
from payments.models import PayeeTerms
from payments.operations.terms import closes_at

_WINDOWS_AT_ONCE = 200
_ROWS_AT_ONCE = 1_000
_DAY = timedelta(days=1)
# Somebody waits for it, but a year of a large company is read at once.
_PATIENCE = "30s"
_OF_SOMEBODY, _OF_NOBODY = "e.payee_id = w.payee_id", "e.payee_id IS NULL"
# What a remittance calls posted, returned, clawed back and adjusted, and the money that was handed on, by window. A
# provider is owed by credits, so signs are turned for what adds to it.
_MOVED = """
SELECT w.place, count(*) AS entries,
  count(*) FILTER (WHERE j.kind = 'posted') AS posted,
  coalesce(-sum(e.amount_vnd) FILTER (WHERE j.kind = 'posted'), 0) AS posted_vnd,
  count(*) FILTER (WHERE j.kind = 'reversed') AS returned,
  coalesce(sum(e.amount_vnd) FILTER (WHERE j.kind = 'reversed'), 0) AS returned_vnd,
  coalesce(sum(e.amount_vnd) FILTER (WHERE j.kind = 'dispute_lost'), 0) AS clawed_back_vnd,
  coalesce(-sum(e.amount_vnd) FILTER (
    WHERE j.kind NOT IN ('posted', 'reversed', 'dispute_lost', 'remitted')), 0) AS adjusted_vnd,
  coalesce(sum(e.amount_vnd) FILTER (WHERE j.kind = 'remitted'), 0) - coalesce(sum(c.vnd), 0) AS remitted_vnd,
  coalesce(sum(c.vnd), 0) AS commission_vnd
FROM unnest(CAST(:payees AS uuid[]), CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[]))
  WITH ORDINALITY AS w (payee_id, opens, closes, place)
JOIN journal_entry e ON e.account = '2110' AND {whose} AND e.created_at >= w.opens AND e.created_at < w.closes
JOIN journal j ON j.id = e.journal_id
LEFT JOIN LATERAL (
  SELECT -sum(f.amount_vnd) AS vnd FROM journal_entry f
  WHERE j.kind = 'remitted' AND f.journal_id = j.id AND f.account = '4110') c ON true
GROUP BY w.place
"""
_MOVES = {whose: text(_MOVED.format(whose=whose)) for whose in (_OF_SOMEBODY, _OF_NOBODY)}
_SUMS = (
    "entries", "posted", "posted_vnd", "returned", "returned_vnd", "clawed_back_vnd", "adjusted_vnd", "remitted_vnd",
    "commission_vnd",
)  # fmt: skip
_STOOD = "SELECT coalesce(-sum(amount_vnd), 0) FROM journal_entry WHERE account = '2110' AND created_at < :until"
_BEFORE = text(f"{_STOOD} AND payee_id = :payee")
_BEFORE_OF_NOBODY = text(f"{_STOOD} AND payee_id IS NULL")
# One look into the index for each payee, not one at every entry.
_PAYEES = text("""
WITH RECURSIVE found AS (
  (SELECT payee_id FROM journal_entry WHERE account = '2110' AND payee_id IS NOT NULL ORDER BY payee_id LIMIT 1)
  UNION ALL
  SELECT (SELECT e.payee_id FROM journal_entry e WHERE e.account = '2110' AND e.payee_id > f.payee_id
          ORDER BY e.payee_id LIMIT 1)
  FROM found f WHERE f.payee_id IS NOT NULL)
SELECT payee_id FROM found WHERE payee_id IS NOT NULL
""")
_NOBODYS = text("SELECT EXISTS (SELECT FROM journal_entry WHERE account = '2110' AND payee_id IS NULL)")
_ACCOUNTS = text("""
SELECT to_char(created_at AT TIME ZONE :zone, :format) AS period, account, count(*) AS entries,
  CAST(coalesce(sum(amount_vnd) FILTER (WHERE amount_vnd > 0), 0) AS bigint) AS debit_vnd,
  CAST(coalesce(-sum(amount_vnd) FILTER (WHERE amount_vnd < 0), 0) AS bigint) AS credit_vnd
FROM journal_entry WHERE created_at >= :opens AND created_at < :closes
GROUP BY 1, 2 ORDER BY 1, 2
""")
_AGEING = text("""
SELECT payee_id, way, kind, age, count(*) AS open, CAST(sum(amount_vnd) AS bigint) AS amount_vnd,
  CAST(sum(abs(amount_vnd)) AS bigint) AS absolute_vnd, count(*) FILTER (WHERE due_on < :today) AS overdue,
  min(created_at) AS oldest_at
FROM (
  SELECT d.*, CASE WHEN days <= 1 THEN '0-1' WHEN days <= 3 THEN '2-3' WHEN days <= 7 THEN '4-7'
    WHEN days <= 30 THEN '8-30' ELSE '31+' END AS age
  FROM (SELECT *, :today - CAST(created_at AT TIME ZONE :zone AS date) AS days FROM discrepancy
        WHERE state IN ('open', 'investigating', 'proposed')
          AND (CAST(:payee AS uuid) IS NULL OR payee_id = CAST(:payee AS uuid))) d) aged
GROUP BY payee_id, way, kind, age ORDER BY payee_id NULLS FIRST, way NULLS FIRST, kind, min(days)
""")
# Whatever takes two people: differences that were settled or not, and refunds above the limit.
_DECIDED = text("""
SELECT * FROM (
  SELECT e.id, e.created_at AS decided_at, 'adjustment' AS what, CAST(e.action AS text) AS decision,
    d.id AS subject_id, d.payee_id, d.kind AS reason, e.amount_vnd, e.account,
    CASE WHEN e.action = 'approved' THEN (
      SELECT CAST(coalesce(sum(f.amount_vnd) FILTER (WHERE f.amount_vnd > 0), 0) AS bigint) FROM journal j
      JOIN journal_entry f ON f.journal_id = j.id
      WHERE j.kind = 'adjustment' AND j.subject = CAST(d.id AS text)) ELSE 0 END AS booked_vnd,
    (SELECT p.person_id FROM discrepancy_event p
     WHERE p.discrepancy_id = d.id AND p.action = 'proposed' AND p.created_at <= e.created_at
     ORDER BY p.created_at DESC, p.id DESC LIMIT 1) AS asked_by,
    e.person_id AS decided_by, e.organisation
  FROM discrepancy_event e JOIN discrepancy d ON d.id = e.discrepancy_id
  WHERE e.action IN ('approved', 'declined') AND e.created_at >= :opens AND e.created_at < :closes
    AND (CAST(:payee AS uuid) IS NULL OR d.payee_id = CAST(:payee AS uuid))
    AND (e.created_at, e.id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))
  UNION ALL
  SELECT r.id, r.approved_at, 'refund', 'approved', r.payment_id, i.payee_id, r.reason, r.amount_vnd, NULL,
    (SELECT CAST(coalesce(sum(f.amount_vnd) FILTER (WHERE f.amount_vnd > 0), 0) AS bigint) FROM journal j
     JOIN journal_entry f ON f.journal_id = j.id
     WHERE j.kind = 'refund_requested' AND j.subject = CAST(r.id AS text)),
    r.asked_by, r.approved_by, NULL
  FROM refund r LEFT JOIN payment_item i ON i.id = r.item_id
  WHERE r.approved_at >= :opens AND r.approved_at < :closes
    AND (CAST(:payee AS uuid) IS NULL OR i.payee_id = CAST(:payee AS uuid))
    AND (r.approved_at, r.id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))) decided
ORDER BY decided_at, id LIMIT :limit
""")


class Basis(StrEnum):
    """Whose day: the calendar's in Vietnam, or the payee's own by its dated cut-off."""

    CALENDAR = "calendar"
    BUSINESS = "business"


class Span(StrEnum):
    """What one row of a report is of."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


@dataclass
class Turnover:
    """What moved on a payee's account in a span; in đồng, positive towards the payee, returns and claw-backs turned.

    Closing is opening and posted and adjusted, less returned, clawed back, remitted and commission. `payee_id` is None
    for what stands on the account without a payee.
    """

    period: str
    payee_id: UUID | None
    opens_at: datetime
    closes_at: datetime
    entries: int = 0
    posted: int = 0
    posted_vnd: int = 0
    returned: int = 0
    returned_vnd: int = 0
    clawed_back_vnd: int = 0
    adjusted_vnd: int = 0
    remitted_vnd: int = 0
    commission_vnd: int = 0
    opening_vnd: int = 0
    closing_vnd: int = 0


def hold_still(session: Session) -> None:
    """Let everything this transaction reads be of one moment; it must be its first statement, and it writes nothing."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    session.execute(text(f"SET LOCAL statement_timeout = '{_PATIENCE}'"))


def list_booked_payees(session: Session) -> list[UUID | None]:
    """Everybody with entries on the account of payees; None in the end where some stand there without one."""
    found: list[UUID | None] = list(session.scalars(_PAYEES))
    return [*found, None] if session.scalar(_NOBODYS) else found


def read_turnover(  # noqa: PLR0917 - whose, from when until when, and how it is cut
    session: Session, payees: Sequence[UUID | None], first: date, last: date, by: Span, basis: Basis
) -> Iterator[Turnover]:
    """What moved on payees' accounts, span by span and within one in the order of `payees`.

    Days on which nothing moved are left out; longer spans are where something stood. The entries of a span are those
    booked from `opens_at` and before `closes_at`: each entry is in one span.
    """
    ends = {payee: _ends(session, payee, basis) for payee in payees}
    standing = {payee: _balance(session, payee, ends[payee](first - _DAY)) for payee in payees}
    waiting: list[Turnover] = []
    windows: list[tuple[Turnover, datetime, datetime]] = []
    for name, begin, end in _spans(first, last, by):
        for payee in payees:
            close = ends[payee]
            row = Turnover(name, payee, close(begin - _DAY), close(end))
            waiting.append(row)
            days = (begin + timedelta(days=n) for n in range((end - begin).days + 1))
            windows += [(row, close(day - _DAY), close(day)) for day in days]
            if len(windows) >= _WINDOWS_AT_ONCE:
                yield from _filled(session, waiting, windows, standing, by)
                waiting, windows = [], []
    yield from _filled(session, waiting, windows, standing, by)


def read_accounts(session: Session, first: date, last: date, by: Span) -> Iterator[Row[Any]]:
    """Debits and credits of every account, by day or month of Vietnam's calendar or as a whole, in their order."""
    formats = {Span.DAY: "YYYY-MM-DD", Span.MONTH: "YYYY-MM", Span.TOTAL: f'"{first}/{last}"'}
    wanted = {**_within(first, last), "zone": clock.ZONE.key, "format": formats[by]}
    yield from session.execute(_ACCOUNTS, wanted)


def read_ageing(session: Session, payee_id: UUID | None = None) -> Iterator[Row[Any]]:
    """How many open differences there are of which age in days, by payee, comparison and class."""
    wanted = {"today": clock.today(), "zone": clock.ZONE.key, "payee": payee_id}
    yield from session.execute(_AGEING, wanted)


def read_decisions(session: Session, first: date, last: date, payee_id: UUID | None = None) -> Iterator[Row[Any]]:
    """What took two people, on some days of Vietnam's calendar, in the order of the decisions: who asked, who decided.

    `booked_vnd` is what the journal says was moved by it.
    """
    wanted = {**_within(first, last), "payee": payee_id, "limit": _ROWS_AT_ONCE}
    after = {"after_at": datetime(1970, 1, 1, tzinfo=UTC), "after_id": UUID(int=0)}
    while rows := session.execute(_DECIDED, {**wanted, **after}).all():
        yield from rows
        after = {"after_at": rows[-1].decided_at, "after_id": rows[-1].id}


def _filled(
    session: Session,
    rows: Sequence[Turnover],
    windows: Sequence[tuple[Turnover, datetime, datetime]],
    standing: dict[UUID | None, int],
    by: Span,
) -> Iterator[Turnover]:
    for whose, statement in _MOVES.items():
        of = [window for window in windows if (window[0].payee_id is None) is (whose == _OF_NOBODY)]
        if not of:
            continue
        asked = {
            "payees": [row.payee_id for row, _opens, _closes in of],
            "opens": [opens for _row, opens, _closes in of],
            "closes": [closes for _row, _opens, closes in of],
        }
        for moved in session.execute(statement, asked):
            row = of[moved.place - 1][0]
            for name in _SUMS:
                setattr(row, name, getattr(row, name) + int(getattr(moved, name)))
    for row in rows:
        row.opening_vnd = standing[row.payee_id]
        taken = row.returned_vnd + row.clawed_back_vnd + row.remitted_vnd + row.commission_vnd
        row.closing_vnd = row.opening_vnd + row.posted_vnd + row.adjusted_vnd - taken
        standing[row.payee_id] = row.closing_vnd
        if row.entries or (by is not Span.DAY and row.opening_vnd):
            yield row


def _balance(session: Session, payee_id: UUID | None, until: datetime) -> int:
    if payee_id is None:
        return int(session.scalar(_BEFORE_OF_NOBODY, {"until": until}) or 0)
    return int(session.scalar(_BEFORE, {"until": until, "payee": payee_id}) or 0)


def _ends(session: Session, payee_id: UUID | None, basis: Basis) -> Callable[[date], datetime]:
    query = select(PayeeTerms).where(PayeeTerms.payee_id == payee_id).order_by(PayeeTerms.valid_from)
    terms = session.scalars(query).all() if basis is Basis.BUSINESS else []
    # Who has agreed on no cut-off has the day of the calendar.
    held = terms or [PayeeTerms(valid_from=date.min, cut_off_minutes=24 * 60)]
    return lambda day: closes_at(held, day)


def _spans(first: date, last: date, by: Span) -> Iterator[tuple[str, date, date]]:
    if by is Span.TOTAL:
        yield f"{first}/{last}", first, last
        return
    begin = first
    while begin <= last:
        next_month = (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = begin if by is Span.DAY else min(last, next_month - _DAY)
        yield (f"{begin}" if by is Span.DAY else f"{begin:%Y-%m}"), begin, end
        begin = end + _DAY


def _within(first: date, last: date) -> dict[str, datetime]:
    opens, closes = (datetime.combine(day, time.min, clock.ZONE) for day in (first, last + _DAY))
    return {"opens": opens.astimezone(UTC), "closes": closes.astimezone(UTC)}
