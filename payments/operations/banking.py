"""The bank's lines, matched to the đồng with payouts and remittances, or written down as differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments import ledger
from payments.bank_file import PART, Line, LineError, Statement
from payments.errors import StatementRefused
from payments.models import BankLine, BankStatement, Discrepancy, JournalKind, MatchRun, Way
from payments.operations.bank_lines import contradict, match_all
from payments.operations.discrepancies import close_discrepancies, open_discrepancy
from payments.operations.history import OPEN_STATES

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
    to, until a file tells them. Raises StatementRefused for other content under a revision that is known, and for a
    revision before one that was taken in.
    """
    # Two files at once may tell the same lines.
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('bank statements', 0))"))
    began = clock.now()
    if _is_outdated(session, statement):
        raise StatementRefused(reason="revision_old")
    fresh, errors, booked_otherwise = _sort_out(session, statement)
    statement_id = _write_down(session, statement, fresh=len(fresh), errors=errors)
    if statement_id is None:
        if find_bank_statement(session, statement.file_hash) is None:
            raise StatementRefused(reason="revision_twice")
        return None
    refused = {error.line for error in errors}
    good = replace(statement, lines=tuple(line for line in statement.lines if line.number not in refused))
    match_all(session, statement_id, fresh)
    _note_refused(session, good, errors, good.missing_vnd - booked_otherwise)
    # A line that cannot be read may be any of those that were told before: nothing is withdrawn on its word.
    if statement.name is not None and not errors:
        _withdraw(session, statement_id, statement)
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


def _is_outdated(session: Session, statement: Statement) -> bool:
    """Whether the bank has corrected this statement already: what it has taken back must not come in after that."""
    if statement.name is None or statement.revision is None:
        return False
    named = select(BankStatement.id).where(BankStatement.name == statement.name)
    corrected = named.where(BankStatement.revision > statement.revision, BankStatement.refused == 0).exists()
    known = named.where(BankStatement.file_hash == statement.file_hash).exists()
    return bool(session.scalar(select(corrected & ~known)))


def _sort_out(session: Session, statement: Statement) -> tuple[list[Line], list[LineError], int]:
    """The lines that are news, and all that is refused: also what contradicts a line that came before.

    Last, the sum under which such lines are booked already.
    """
    references = {form for line in statement.lines for form in _forms(line.reference)}
    query = (
        select(BankLine, BankStatement)
        .join(BankStatement, BankStatement.id == BankLine.statement_id)
        .where(BankLine.reference == func.any(list(references)))
    )
    known = {line.reference: (line, told_by) for line, told_by in session.execute(query).all()}
    entries = Counter[str]()
    for line in statement.lines:
        entries[_entry(line.reference)] += line.amount_vnd
    fresh: list[Line] = []
    errors = list(statement.errors)
    otherwise: dict[str, int] = {}
    for line in statement.lines:
        forms = known.keys() & _forms(line.reference)
        if not forms:
            fresh.append(line)
            continue
        is_same = line.reference in forms
        before, told_by = known[line.reference if is_same else forms.pop()]
        name = line.reference if is_same else _entry(line.reference)
        told = line.amount_vnd if is_same else entries[name]
        booked = before.amount_vnd if is_same else _booked(session, before)
        if before.withdrawn:
            errors.append(LineError(line.number, "withdrawn_before", "reference"))
        elif before.booked_on != line.booked_on and _is_another(told_by, statement):
            errors.append(LineError(line.number, "known_of_another_day", "reference"))
        elif told != booked:
            errors.append(LineError(line.number, "known_otherwise", "reference"))
            otherwise[name] = booked
    return fresh, sorted(errors, key=lambda error: error.line), sum(otherwise.values())


def _is_another(before: BankStatement, statement: Statement) -> bool:
    """Whether both have counted a movement as their own: then one number is that of two movements."""
    if not before.balanced or not statement.balanced:
        return False
    if statement.name is not None:
        return before.name != statement.name
    return (before.opening_vnd, before.closing_vnd) != (statement.opening_vnd, statement.closing_vnd)


def _booked(session: Session, line: BankLine) -> int:
    """What is booked of the entry that a line is, or is a part of."""
    if PART not in line.reference:
        return line.amount_vnd
    parts = (BankLine.booked_on == line.booked_on, BankLine.statement_id == line.statement_id)
    return int(session.scalar(select(func.sum(BankLine.amount_vnd)).where(*parts, BankLine.line == line.line)) or 0)


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
        contradict(session, subject, "ROW_REJECTED")
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
    return {reference, f"{reference}{PART}1", _entry(reference)}


def _entry(reference: str) -> str:
    return reference.partition(PART)[0]


def _withdraw(session: Session, statement_id: UUID, statement: Statement) -> None:
    """A corrected statement says what of the former one never was: each such line is explained by name."""
    still_there = {form for line in statement.lines for form in _forms(line.reference)}
    # Also where the bank does not number its corrections, and we have.
    revision = select(BankStatement.revision).where(BankStatement.id == statement_id).scalar_subquery()
    gone = (
        select(BankLine)
        .join(BankStatement, BankStatement.id == BankLine.statement_id)
        .where(
            BankStatement.name == statement.name,
            BankStatement.revision < revision,
            ~BankLine.withdrawn,
            BankLine.reference != func.all(list(still_there)),
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
