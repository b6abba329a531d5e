"""The comparisons of our books with the gateway's, a payee's and its bank's, and the files of theirs they stand on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, func, insert, select, text, update
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments import reconciliation
from payments.models import Discrepancy, MatchRun, Statement, Way
from payments.operations.discrepancies import ANSWERED_WITHIN, close_found, open_discrepancy
from payments.operations.history import OPEN_STATES, announce
from payments.operations.settling import explain

# A line of another day within these is looked for on the other side. What is farther off meets by the difference that
# one of the two has opened.
NEAR = timedelta(days=5)
# A transfer is known by its reference, and banks are closed for days on end.
_ADVISED_WITHIN = timedelta(days=400)
_BATCH = 5_000
_CHANGES = text("""
SELECT count(*) FILTER (WHERE o.line IS NULL) AS added, count(*) FILTER (WHERE n.line IS NULL) AS removed
FROM (SELECT line, key, amount_vnd, row_number() OVER (PARTITION BY key, amount_vnd ORDER BY line) AS nth
      FROM statement_row WHERE statement_id = :new) n
FULL JOIN (SELECT line, key, amount_vnd, row_number() OVER (PARTITION BY key, amount_vnd ORDER BY line) AS nth
           FROM statement_row WHERE statement_id = :old) o USING (key, amount_vnd, nth)
""")
# The days that a comparison must look at together with those it is asked for: of what is open, and of what was far
# apart and has met.
_SPAN = text("""
SELECT min(first) AS first, max(last) AS last FROM (
  SELECT state, least(business_day, ours_day, theirs_day) AS first,
    greatest(business_day, ours_day, theirs_day) AS last
  FROM discrepancy, jsonb_to_record(details) AS days (ours_day date, theirs_day date)
  -- What somebody has raised by hand has no details of two sides, and any day that it likes.
  WHERE way = :way AND payee_id IS NOT DISTINCT FROM CAST(:payee AS uuid) AND details IS NOT NULL) told
WHERE state IN ('open', 'investigating', 'proposed')
  OR last - first > :near AND last >= CAST(:first AS date) - :near AND first <= CAST(:last AS date) + :near
""")
# A column at once: a million lines one by one would take minutes.
_STAGE = text("""
INSERT INTO statement_row (statement_id, line, key, amount_vnd, receipt_no, customer_code)
SELECT :id, told.* FROM unnest(CAST(:line AS int[]), CAST(:key AS text[]), CAST(:amount_vnd AS bigint[]),
  CAST(:receipt_no AS text[]), CAST(:customer_code AS text[])) AS told
""")
# A movement that was explained has its fee booked under its id; those of a month are movements of their own. What two
# people have settled of a fee is booked too.
_WRONG_FEES = text("""
WITH told AS (
  SELECT id, fee_vnd, CAST(made_at AT TIME ZONE 'UTC' AS date) AS day FROM balance_transaction
  WHERE explained AND type <> 'stripe_fee' AND made_at >= CAST(CAST(:first AS date) AS timestamp) AT TIME ZONE 'UTC'
    AND made_at < CAST(CAST(:last AS date) + 1 AS timestamp) AT TIME ZONE 'UTC'),
booked AS (
  SELECT j.subject, sum(e.amount_vnd) AS vnd FROM told
  JOIN journal j ON j.subject = told.id AND j.kind IN ('fee', 'dispute_fee')
  JOIN journal_entry e ON e.journal_id = j.id AND e.account IN ('5110', '5120') GROUP BY 1),
settled AS (
  SELECT split_part(subject, ' ', 1) AS id, sum(amount_vnd) AS vnd, count(*) AS times FROM discrepancy
  WHERE kind = 'FEE_MISMATCH' AND state = 'resolved' AND details ? 'booked_vnd' GROUP BY 1),
held AS (
  SELECT t.id, t.day, t.fee_vnd AS told_vnd, CAST(coalesce(b.vnd, 0) - coalesce(s.vnd, 0) AS bigint) AS booked_vnd,
    t.id || CASE WHEN s.times > 0 THEN ' settled #' || s.times + 1 ELSE '' END AS subject
  FROM told t LEFT JOIN booked b ON b.subject = t.id LEFT JOIN settled s ON s.id = t.id)
SELECT * FROM held WHERE told_vnd <> booked_vnd
""")


@dataclass(frozen=True)
class Row:
    """One good line of somebody's file."""

    line: int
    key: str
    amount_vnd: int
    receipt_no: str | None = None
    customer_code: str | None = None


@dataclass(frozen=True)
class ToldRows:
    """A file as it was read: its good lines, and those refused with their number, code and column."""

    format: str
    file_hash: str
    rows: Sequence[Row]
    errors: Sequence[dict[str, Any]]


def hold_day(session: Session, payee_id: UUID, way: Way, day: date) -> Statement | None:
    """What a payee has told of a day so far, if anything; nobody else tells of it until the commit."""
    name = f"statement {payee_id} {way} {day}"
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
    of_day = (Statement.payee_id == payee_id, Statement.way == way, Statement.business_day == day)
    return session.execute(select(Statement).where(*of_day, Statement.current)).scalar_one_or_none()


def take_in_rows(session: Session, payee_id: UUID, way: Way, day: date, told: ToldRows) -> UUID:
    """Keep what a payee tells of a day, as a revision of what it told before; returns the statement's id.

    The same lines under another name or in another order are the file that is known. Every line is staged before any
    comparison; refused lines are kept with their numbers and stop nothing.
    """
    before = hold_day(session, payee_id, way, day)
    of_day = (Statement.payee_id == payee_id, Statement.way == way, Statement.business_day == day)
    content = _content_hash(told)
    if before is not None and before.content_hash == content:
        return before.id
    revision = (session.scalar(select(func.max(Statement.revision)).where(*of_day)) or 0) + 1
    session.execute(update(Statement).where(*of_day, Statement.current).values(current=False))
    statement_id = new_id()
    session.execute(
        insert(Statement).values(
            id=statement_id,
            created_at=clock.now(),
            payee_id=payee_id,
            way=way,
            business_day=day,
            revision=revision,
            current=True,
            format=told.format,
            file_hash=told.file_hash,
            content_hash=content,
            read=len(told.rows) + len(told.errors),
            accepted=len(told.rows),
            refused=len(told.errors),
            amount_vnd=sum(row.amount_vnd for row in told.rows),
            added=len(told.rows),
            removed=0,
            errors=list(told.errors)[:1000],
        )
    )
    _stage(session, statement_id, told.rows)
    if before is not None:
        changes = session.execute(_CHANGES, {"new": statement_id, "old": before.id}).one()
        changed = {"added": changes.added, "removed": changes.removed}
        session.execute(update(Statement).where(Statement.id == statement_id).values(**changed))
    return statement_id


def get_statement(session: Session, statement_id: UUID, payee_id: UUID) -> Statement:
    """A payee's own statement. Raises NotFound."""
    query = select(Statement).where(Statement.id == statement_id, Statement.payee_id == payee_id)
    found = session.scalar(query)
    if found is None:
        raise NotFound
    return found


def span(
    session: Session, way: Way, payee_id: UUID | None, first: date, last: date, *, near: timedelta = NEAR
) -> tuple[date, date]:
    """The days that a comparison of some days has to look at; until the transaction ends nobody else compares them.

    A late line always matches, however late: whatever is still open is looked at again, with both days of it.
    """
    # One that has read a statement before its correction must not have the last word.
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"compare {way} {payee_id}"}
    )
    while True:
        asked = {"way": way.value, "payee": payee_id, "first": first, "last": last, "near": near.days}
        row = session.execute(_SPAN, asked).one()
        wider = min(first, row.first or first), max(last, row.last or last)
        if wider == (first, last):
            return wider
        first, last = wider


def compare(  # noqa: PLR0917 - two sides, whose they are and over which days
    session: Session,
    statement: TextClause,
    way: Way,
    payee_id: UUID | None,
    first: date,
    last: date,
    *,
    near: timedelta = NEAR,
    **sides: object,
) -> MatchRun:
    """Compare two sides over some days, and those of `span`; may be repeated, and changes nothing then."""
    asked = last
    first, last = span(session, way, payee_id, first, last, near=near)
    # Of this transaction alone: sorting a million lines in the memory of one request's statement would go to disk.
    session.execute(text("SET LOCAL work_mem = '32MB'"))
    bound: dict[str, object] = {
        "way": way.value,
        "payee": payee_id,
        "first": first,
        # The gateway's days after those that were asked for are not over.
        "last": asked if way is Way.GATEWAY else last,
        "near_first": first - near,
        "near_last": last + near,
        "from": datetime.combine(first - near, time.min, UTC),
        "until": datetime.combine(last + near + timedelta(days=1), time.min, UTC),
        "now": clock.now(),
        "stamp": _stamp(),
        "due_on": clock.today() + ANSWERED_WITHIN,
        **sides,
    }
    wanted = {name: bound[name] for name in statement.compile().params}
    counts = session.execute(statement, wanted).one()
    if counts.lost:
        raise AssertionError(f"a comparison has lost {counts.lost} lines")
    run = MatchRun(
        id=new_id(),
        created_at=clock.now(),
        way=way,
        payee_id=payee_id,
        first_day=first,
        last_day=bound["last"],
        ours=counts.matched + counts.ours_open,
        theirs=counts.matched + counts.theirs_open,
        matched=counts.matched,
        matched_vnd=counts.matched_vnd,
        ours_open=counts.ours_open,
        theirs_open=counts.theirs_open,
        opened=counts.opened,
        closed=counts.closed,
    )
    _open_settled(session, run, counts.contradicted or [])
    session.add(run)
    session.flush()
    if run.opened or run.closed:
        announce(session, payee_id)
    return run


def match_gateway(session: Session, first: date, last: date) -> MatchRun:
    """Compare the ledger with the gateway's movements over some days of the gateway, which are UTC."""
    # What a movement is, and what it has cost, is said before it is compared.
    explain(session)
    run = compare(session, reconciliation.GATEWAY, Way.GATEWAY, None, first, last, same_day=False)
    _compare_fees(session, run)
    return run


def match_advice(session: Session, payee_id: UUID, first: date, last: date) -> MatchRun:
    """Compare what was remitted with what the payee's bank has advised it of."""
    return compare(
        session,
        reconciliation.ADVICE,
        Way.ADVICE,
        payee_id,
        first,
        last,
        near=_ADVISED_WITHIN,
        same_day=False,
        unknown="ADVICE_UNKNOWN",
        twice="DUPLICATE_ADVICE",
    )


def list_runs(session: Session, *, payee_id: UUID | None, limit: int, cursor: str | None) -> Page:
    """Comparisons, of one payee where given, the newest first."""
    query = select(MatchRun)
    if payee_id is not None:
        query = query.where(MatchRun.payee_id == payee_id)
    return page(session, query, by=[MatchRun.id], limit=limit, cursor=cursor, question=("runs", payee_id))


def _open_settled(session: Session, run: MatchRun, contradicted: Sequence[Mapping[str, Any]]) -> None:
    """What two people have settled and a later line contradicts is a difference of the rest, and not silence.

    The one that they settled stays as they left it. The rest closes by itself when the line is taken back.
    """
    of_rests = (
        Discrepancy.way == run.way,
        Discrepancy.payee_id.is_not_distinct_from(run.payee_id),
        Discrepancy.details.has_key("settled"),
        Discrepancy.business_day.between(run.first_day, run.last_day),
    )
    open_before = set(session.scalars(select(Discrepancy.id).where(*of_rests, Discrepancy.state.in_(OPEN_STATES))))
    found = {
        open_discrepancy(
            session,
            rest["kind"],
            rest["rest_vnd"],
            subject=f"{rest['subject']} settled #{rest['nth']}",
            way=run.way,
            payee_id=run.payee_id,
            day=date.fromisoformat(rest["day"]),
            details={
                "settled": rest["id"],
                "told_vnd": rest["now_vnd"],
                "booked_vnd": rest["booked_vnd"],
                **{name: rest[name] for name in ("ours_day", "theirs_day") if rest[name]},
            },
        )
        for rest in contradicted
    }
    run.opened += len(found - open_before)
    run.closed += close_found(session, *of_rests, Discrepancy.id.not_in(found))


def _compare_fees(session: Session, run: MatchRun) -> None:
    """Hold the fees that were booked against those that the gateway tells by now, over the days of a run."""
    days = {"first": run.first_day, "last": run.last_day}
    wrong = session.execute(_WRONG_FEES, days).all()
    for fee in wrong:
        open_discrepancy(
            session,
            "FEE_MISMATCH",
            fee.booked_vnd - fee.told_vnd,
            subject=fee.subject,
            way=Way.GATEWAY,
            day=fee.day,
            details={"told_vnd": fee.told_vnd, "booked_vnd": fee.booked_vnd},
        )
    run.closed += close_found(
        session,
        Discrepancy.kind == "FEE_MISMATCH",
        Discrepancy.details.has_key("booked_vnd"),
        Discrepancy.business_day.between(run.first_day, run.last_day),
        Discrepancy.subject.not_in([fee.subject for fee in wrong]),
    )
    session.flush()


def _stage(session: Session, statement_id: UUID, rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        columns = {each.name: [getattr(row, each.name) for row in batch] for each in fields(Row)}
        session.execute(_STAGE, {"id": statement_id, **columns})


def _content_hash(told: ToldRows) -> str:
    def lines() -> Iterable[str]:
        for row in told.rows:
            yield f"{row.key}\0{row.amount_vnd}\0{row.receipt_no or ''}\0{row.customer_code or ''}"
        for error in told.errors:
            yield f"\1{error['code']}\0{error.get('field') or ''}"

    return hashlib.sha256("\n".join(sorted(lines())).encode()).hexdigest()


def _stamp() -> str:
    """The first half of a UUIDv7 made now; the statement adds the rest for each row."""
    return str(new_id())[:15]
