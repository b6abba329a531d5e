"""The bank's lines, matched to the đồng with payouts and remittances, or written down as differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments import ledger
from payments.bank_file import PART, Line, LineError, Statement
from payments.errors import StatementRefused
from payments.models import (
    BankLine,
    BankStatement,
    Discrepancy,
    DiscrepancyState,
    Journal,
    JournalKind,
    MatchRun,
    Payout,
    PayoutState,
    Settlement,
    Way,
)
from payments.operations.discrepancies import close_discrepancies, open_discrepancy
from payments.operations.history import OPEN_STATES
from payments.operations.remitting import match_debit
from payments.operations.settling import settle

# A payout that the gateway calls paid is at the bank within so many days, weekends among them.
ARRIVES_WITHIN = timedelta(days=4)
_ERRORS_KEPT, _LINES_NAMED = 1_000, 20
# What became of every line of some days. A line that is neither a payout, nor a remittance, nor named by a difference
# would be lost.
_COUNTS = text("""
WITH theirs AS (
  SELECT l.amount_vnd,
    EXISTS (SELECT FROM payout p WHERE p.bank_line_id = l.id AND p.amount_vnd = l.amount_vnd)
      OR EXISTS (SELECT FROM remittance r WHERE r.paid_line_id = l.id) AS matched,
    EXISTS (SELECT FROM payout p WHERE p.bank_line_id = l.id AND p.amount_vnd <> l.amount_vnd) AS inexact,
    EXISTS (SELECT FROM discrepancy d WHERE d.kind = 'BANK_UNIDENTIFIED' AND d.subject = l.reference) AS named
  FROM bank_line l WHERE NOT l.withdrawn AND l.booked_on BETWEEN :first AND :last),
ours AS (
  SELECT id FROM payout WHERE state = 'paid' AND bank_line_id IS NULL AND arrives_on BETWEEN :first AND :last
  UNION ALL
  SELECT reference FROM remittance WHERE state = 'final' AND paid_line_id IS NULL AND payable_vnd > 0
    AND CAST(final_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) BETWEEN :first AND :last),
said AS (
  SELECT count(*) FILTER (WHERE created_at >= :began) AS opened,
    count(*) FILTER (WHERE state = 'auto_closed' AND closed_at >= :began) AS closed
  FROM discrepancy WHERE way = 'bank' AND (created_at >= :began OR closed_at >= :began))
SELECT count(*) FILTER (WHERE matched) AS matched,
  CAST(coalesce(sum(amount_vnd) FILTER (WHERE matched), 0) AS bigint) AS matched_vnd,
  count(*) FILTER (WHERE NOT matched) AS theirs_open,
  count(*) FILTER (WHERE inexact) + (SELECT count(*) FROM ours) AS ours_open,
  count(*) FILTER (WHERE NOT matched AND NOT inexact AND NOT named) AS lost,
  (SELECT opened FROM said) AS opened, (SELECT closed FROM said) AS closed
FROM theirs
""")


def take_in_statement(session: Session, statement: Statement) -> UUID | None:
    """Take in a file of the bank and match its credits with payouts; None when the file, or all of it, is known.

    A credit is a payout when it names it and is of its amount. Any other movement is booked as not identified, and is a
    discrepancy until two people have explained it. Lines that could not be read are one discrepancy, of what they come
    to, until a file tells them. Raises StatementRefused for other content under a revision that is known.
    """
    # Two files at once may tell the same lines.
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('bank statements', 0))"))
    began = clock.now()
    fresh, errors, booked_otherwise = _sort_out(session, statement)
    statement_id = _write_down(session, statement, fresh=len(fresh), errors=errors)
    if statement_id is None:
        if find_bank_statement(session, statement.file_hash) is None:
            raise StatementRefused(reason="revision_twice")
        return None
    refused = {error.line for error in errors}
    good = replace(statement, lines=tuple(line for line in statement.lines if line.number not in refused))
    _match_all(session, statement_id, fresh)
    _note_refused(session, good, errors, good.missing_vnd - booked_otherwise)
    # A line that cannot be read may be any of those that were told before: nothing is withdrawn on its word.
    if statement.name is not None and not errors:
        _withdraw(session, statement)
    session.flush()
    days = [line.booked_on for line in statement.lines] or [clock.today()]
    run = match_bank(session, min(days), max(days), began)
    session.execute(update(BankStatement).where(BankStatement.id == statement_id).values(run_id=run.id))
    return statement_id


def receive_statement(session: Session, statement: Statement) -> UUID:
    """Take in a file of the bank; returns the id it was taken in under, now or before. Raises StatementRefused."""
    taken = take_in_statement(session, statement) or find_bank_statement(session, statement.file_hash)
    if taken is None:
        raise StatementRefused(reason="revision_twice")
    return taken


def find_bank_statement(session: Session, file_hash: str) -> UUID | None:
    """The statement that was taken in from a file of this SHA-256."""
    return session.scalar(select(BankStatement.id).where(BankStatement.file_hash == file_hash))


def match_bank(session: Session, first: date, last: date, began: datetime) -> MatchRun:
    """Write down what became of every line of the bank's between two days, and of what we waited for then.

    `began` is when the work that this run tells of was begun: what it has opened and closed is counted from there.
    """
    counts = session.execute(_COUNTS, {"first": first, "last": last, "began": began}).one()
    if counts.lost:
        raise AssertionError(f"{counts.lost} lines of the bank stand nowhere")
    run = MatchRun(
        id=new_id(),
        created_at=clock.now(),
        way=Way.BANK,
        payee_id=None,
        first_day=first,
        last_day=last,
        ours=counts.matched + counts.ours_open,
        theirs=counts.matched + counts.theirs_open,
        matched=counts.matched,
        matched_vnd=counts.matched_vnd,
        ours_open=counts.ours_open,
        theirs_open=counts.theirs_open,
        opened=counts.opened,
        closed=counts.closed,
    )
    session.add(run)
    session.flush()
    return run


def _sort_out(session: Session, statement: Statement) -> tuple[list[Line], list[LineError], int]:
    """The lines that are news, and all that is refused: also what contradicts a line that came before.

    Last, the sum under which such lines are booked already.
    """
    references = {form for line in statement.lines for form in _forms(line.reference)}
    rows = session.execute(
        select(BankLine.reference, BankLine.amount_vnd, BankLine.withdrawn).where(BankLine.reference.in_(references))
    ).all()
    known = {row.reference: row for row in rows}
    fresh, errors, otherwise = [], list(statement.errors), 0
    for line in statement.lines:
        before = known.get(line.reference)
        if before is not None and before.withdrawn:
            errors.append(LineError(line.number, "withdrawn_before", "reference"))
        elif before is not None and before.amount_vnd != line.amount_vnd:
            errors.append(LineError(line.number, "known_otherwise", "reference"))
            otherwise += before.amount_vnd
        elif not known.keys() & _forms(line.reference):
            fresh.append(line)
    return fresh, sorted(errors, key=lambda error: error.line), otherwise


def _write_down(session: Session, statement: Statement, *, fresh: int, errors: Sequence[LineError]) -> UUID | None:
    read, revision = len(statement.lines) + len(statement.errors), statement.revision
    if revision is None:
        last = select(func.max(BankStatement.revision)).where(BankStatement.name == statement.name)
        revision = (session.scalar(last) or 0) + 1
    return session.execute(
        insert_or_skip(BankStatement)
        .values(
            id=new_id(),
            created_at=clock.now(),
            file_hash=statement.file_hash,
            layout=statement.layout,
            balanced=statement.balanced,
            name=statement.name,
            revision=revision,
            opening_vnd=statement.opening_vnd,
            moved_vnd=statement.closing_vnd - statement.opening_vnd,
            closing_vnd=statement.closing_vnd,
            read=read,
            accepted=read - len(errors),
            known=read - len(errors) - fresh,
            refused=len(errors),
            errors=[asdict(error) for error in errors[:_ERRORS_KEPT]],
        )
        .on_conflict_do_nothing()
        .returning(BankStatement.id)
    ).scalar_one_or_none()


def _note_refused(session: Session, statement: Statement, errors: Sequence[LineError], missing_vnd: int) -> None:
    """What could not be read is one difference of the statement, of the sum that is missing, until it is told."""
    # A corrected file has another hash, and the same balances.
    told = statement.name or f"{statement.opening_vnd}..{statement.closing_vnd}"
    subject = f"{statement.layout or 'bank'} {told}"
    if not errors:
        close_discrepancies(session, subject)
        settled = select(Discrepancy).where(
            Discrepancy.kind == "ROW_REJECTED",
            Discrepancy.subject == subject,
            Discrepancy.state == DiscrepancyState.RESOLVED,
            Discrepancy.amount_vnd != 0,
        )
        if (before := session.scalar(settled)) is not None:
            # Two people had booked the sum of what is told by its lines now: it must not stay booked twice.
            day = before.business_day
            told_late = f"{subject} told late"
            open_discrepancy(session, "ROW_REJECTED", -before.amount_vnd, subject=told_late, way=Way.BANK, day=day)
        return
    open_discrepancy(
        session,
        "ROW_REJECTED",
        missing_vnd,
        subject=subject,
        way=Way.BANK,
        day=max((line.booked_on for line in statement.lines), default=clock.today()),
        details={
            "file_hash": statement.file_hash,
            "refused": len(errors),
            "lines": [error.line for error in errors[:_LINES_NAMED]],
        },
    )


def _forms(reference: str) -> set[str]:
    """The names one movement may have come in under: a notification tells its parts, a statement perhaps the whole."""
    return {reference, f"{reference}{PART}1", reference.partition(PART)[0]}


def _withdraw(session: Session, statement: Statement) -> None:
    """A corrected statement says what of the former one never was: each such line is explained by name."""
    still_there = {form for line in statement.lines for form in _forms(line.reference)}
    gone = (
        select(BankLine)
        .join(BankStatement, BankStatement.id == BankLine.statement_id)
        .where(
            BankStatement.name == statement.name,
            BankStatement.revision < statement.revision,
            ~BankLine.withdrawn,
            BankLine.reference.not_in(still_there),
        )
        .order_by(BankLine.line)
        .with_for_update()
    )
    for line in session.scalars(gone).all():
        line.withdrawn = True
        unidentified = select(Discrepancy.id).where(
            Discrepancy.kind == "BANK_UNIDENTIFIED",
            Discrepancy.subject == line.reference,
            Discrepancy.state.in_(OPEN_STATES),
        )
        discrepancy_id = session.scalar(unidentified)
        if discrepancy_id is None:
            # It was matched with a payout or explained by two people: only people can say what it was instead.
            subject = f"{line.reference} withdrawn"
            open_discrepancy(
                session, "ROW_WITHDRAWN", -line.amount_vnd, subject=subject, way=Way.BANK, day=line.booked_on
            )
            continue
        legs = ledger.move(ledger.UNIDENTIFIED, ledger.BANK, line.amount_vnd)
        subject = f"{line.reference} withdrawn"
        ledger.book(session, JournalKind.BANK_UNIDENTIFIED, subject, legs, discrepancy_id=discrepancy_id)
        close_discrepancies(session, line.reference)


def match_late(session: Session) -> int:
    """Match bank lines that came before the gateway told of their payout; returns how many."""
    lines = session.execute(
        select(BankLine)
        .join(Journal, (Journal.subject == BankLine.reference) & (Journal.kind == JournalKind.BANK_UNIDENTIFIED))
        .where(~BankLine.withdrawn, ~select(Payout.id).where(Payout.bank_line_id == BankLine.id).exists())
    ).scalars()
    payouts, found = _waiting(session), 0
    for line in lines:
        payout = _find_payout([each for each in payouts if each.amount_vnd == line.amount_vnd], line)
        if payout is not None:
            payouts.remove(payout)
            _pay_in(session, line.id, line, payout, is_late=True)
            found += 1
    return found


def _match_all(session: Session, statement_id: UUID, lines: Sequence[Line]) -> None:
    if not lines:
        return
    made = [{"id": new_id(), "line": line.number, **_columns_of(line)} for line in lines]
    session.execute(insert(BankLine).values(created_at=clock.now(), statement_id=statement_id), made)
    waiting = _waiting(session)
    for row, line in zip(made, lines, strict=True):
        said = f"{line.reference} {line.purpose}"
        if line.amount_vnd < 0 and match_debit(session, row["id"], amount_vnd=line.amount_vnd, said=said):
            continue
        payout = _find_payout(waiting, line)
        if payout is not None:
            waiting.remove(payout)
            _pay_in(session, row["id"], line, payout)
            continue
        discrepancy = open_discrepancy(
            session, "BANK_UNIDENTIFIED", line.amount_vnd, subject=line.reference, way=Way.BANK, day=line.booked_on
        )
        legs = ledger.move(ledger.BANK, ledger.UNIDENTIFIED, line.amount_vnd)
        ledger.book(session, JournalKind.BANK_UNIDENTIFIED, line.reference, legs, discrepancy_id=discrepancy)


def _columns_of(line: Line) -> dict[str, Any]:
    return {name: getattr(line, name) for name in ("reference", "booked_on", "amount_vnd", "purpose")}


def _waiting(session: Session) -> list[Payout]:
    """The payouts that the gateway calls paid and no line of the bank is yet."""
    query = select(Payout).where(Payout.bank_line_id.is_(None), Payout.state == PayoutState.PAID)
    return list(session.scalars(query.order_by(Payout.id).with_for_update()))


def _find_payout(waiting: Sequence[Payout], line: Line | BankLine) -> Payout | None:
    """The payout that a credit names: one of its amount before one of another."""
    if line.amount_vnd < 0:
        return None
    said = f"{line.reference} {line.purpose}"
    named = [payout for payout in waiting if payout.id in said or (payout.trace_id and payout.trace_id in said)]
    exact = (payout for payout in named if payout.amount_vnd == line.amount_vnd)
    return next(exact, named[0] if named else None)


def _pay_in(session: Session, line_id: UUID, line: Line | BankLine, payout: Payout, *, is_late: bool = False) -> None:
    """A payout has come; where it is of another sum, the rest stays in transit until two people explain it."""
    payout.bank_line_id = line_id
    close_discrepancies(session, in_bank(payout.id))
    legs = ledger.move(ledger.BANK, ledger.IN_TRANSIT, line.amount_vnd)
    if is_late:
        # The money is in the bank's account already: only what it is called changes.
        back = ledger.move(ledger.UNIDENTIFIED, ledger.BANK, line.amount_vnd)
        ledger.book(session, JournalKind.BANK_UNIDENTIFIED, f"{line.reference} identified", back)
        close_discrepancies(session, line.reference)
    ledger.book(session, JournalKind.BANKED, f"{payout.id} {line.reference}", legs)
    if difference := line.amount_vnd - payout.amount_vnd:
        kind = "BANK_OVER" if difference > 0 else "BANK_SHORT"
        open_discrepancy(session, kind, difference, subject=in_bank(payout.id), way=Way.BANK, day=line.booked_on)
        return
    settle(session, payout.id, Settlement.BANK_MATCHED, Settlement.BANK_MATCHED)


def find_missing_in_bank(session: Session) -> int:
    """Payouts that the gateway calls paid and the bank has not shown for days are differences; returns how many."""
    late = select(Payout).where(
        Payout.bank_line_id.is_(None),
        Payout.state == PayoutState.PAID,
        Payout.arrives_on < clock.today() - ARRIVES_WITHIN,
    )
    found = session.scalars(late).all()
    for payout in found:
        open_discrepancy(
            session,
            "PAYOUT_NOT_IN_BANK",
            -payout.amount_vnd,
            subject=in_bank(payout.id),
            way=Way.BANK,
            day=payout.arrives_on,
        )
    return len(found)


def in_bank(payout_id: str) -> str:
    """What a difference between a payout and the bank is about: not the payout's own sum."""
    return f"{payout_id} at the bank"
