"""The bank's lines, matched to the đồng with payouts and remittances, or written down as differences."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments import ledger
from payments.bank_file import PART, Line, Statement
from payments.errors import StatementRefused
from payments.models import (
    BankLine,
    BankStatement,
    Discrepancy,
    Journal,
    JournalKind,
    Payout,
    PayoutState,
    Settlement,
    Way,
)
from payments.operations.discrepancies import close_discrepancies, open_discrepancy
from payments.operations.history import OPEN_STATES
from payments.operations.remitting import match_debit
from payments.operations.settling import payments_of, settle

# A payout that the gateway calls paid is at the bank within so many days, weekends among them.
ARRIVES_WITHIN = timedelta(days=4)


def take_in_statement(session: Session, statement: Statement) -> UUID | None:
    """Take in a file of the bank and match its credits with payouts; None when the file, or all of it, is known.

    A credit is a payout when it names it and is of its amount. Any other movement is booked as not identified, and is a
    discrepancy until two people have explained it. Raises StatementRefused for other content under a revision that is
    known.
    """
    statement_id = session.execute(
        insert_or_skip(BankStatement)
        .values(
            id=new_id(),
            created_at=clock.now(),
            file_hash=statement.file_hash,
            name=statement.name,
            revision=statement.revision,
            opening_vnd=statement.opening_vnd,
            moved_vnd=statement.closing_vnd - statement.opening_vnd,
            closing_vnd=statement.closing_vnd,
        )
        .on_conflict_do_nothing()
        .returning(BankStatement.id)
    ).scalar_one_or_none()
    if statement_id is None:
        if session.scalar(select(BankStatement.id).where(BankStatement.file_hash == statement.file_hash)) is None:
            raise StatementRefused(reason="revision_twice")
        return None
    references = {form for line in statement.lines for form in _forms(line.reference)}
    known = set(session.scalars(select(BankLine.reference).where(BankLine.reference.in_(references))))
    for line in statement.lines:
        if not known & _forms(line.reference):
            _match(session, statement_id, line)
    if statement.name is not None:
        _withdraw(session, statement)
    return statement_id


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
    waiting = session.execute(
        select(BankLine)
        .join(Journal, (Journal.subject == BankLine.reference) & (Journal.kind == JournalKind.BANK_UNIDENTIFIED))
        .where(~BankLine.withdrawn, ~select(Payout.id).where(Payout.bank_line_id == BankLine.id).exists())
    ).scalars()
    return sum(_match_payout(session, line.id, line, is_late=True) for line in waiting)


def _match(session: Session, statement_id: UUID, line: Line) -> None:
    line_id = new_id()
    values = {name: getattr(line, name) for name in ("reference", "booked_on", "amount_vnd", "purpose")}
    session.execute(
        insert(BankLine).values(
            id=line_id,
            created_at=clock.now(),
            statement_id=statement_id,
            line=line.number,
            **values,
        )
    )
    said = f"{line.reference} {line.purpose}"
    if line.amount_vnd < 0 and match_debit(session, line_id, amount_vnd=line.amount_vnd, said=said):
        return
    if not _match_payout(session, line_id, line) and not _match_inexact(session, line_id, line):
        discrepancy = open_discrepancy(session, "BANK_UNIDENTIFIED", line.amount_vnd, subject=line.reference)
        legs = ledger.move(ledger.BANK, ledger.UNIDENTIFIED, line.amount_vnd)
        ledger.book(session, JournalKind.BANK_UNIDENTIFIED, line.reference, legs, discrepancy_id=discrepancy)


def _match_payout(session: Session, line_id: UUID, line: Line | BankLine, *, is_late: bool = False) -> bool:
    candidates = session.execute(
        select(Payout)
        .where(Payout.bank_line_id.is_(None), Payout.state == PayoutState.PAID, Payout.amount_vnd == line.amount_vnd)
        .with_for_update()
    ).scalars()
    said = f"{line.reference} {line.purpose}"
    for payout in candidates:
        if payout.id in said or (payout.trace_id and payout.trace_id in said):
            payout.bank_line_id = line_id
            close_discrepancies(session, in_bank(payout.id))
            legs = ledger.move(ledger.BANK, ledger.IN_TRANSIT, line.amount_vnd)
            if is_late:
                # The money is in the bank's account already: only what it is called changes.
                back = ledger.move(ledger.UNIDENTIFIED, ledger.BANK, line.amount_vnd)
                ledger.book(session, JournalKind.BANK_UNIDENTIFIED, f"{line.reference} identified", back)
                close_discrepancies(session, line.reference)
            ledger.book(session, JournalKind.BANKED, f"{payout.id} {line.reference}", legs)
            for payment_id in payments_of(session, payout.id):
                settle(session, payment_id, Settlement.BANK_MATCHED, Settlement.BANK_MATCHED)
            return True
    return False


def _match_inexact(session: Session, line_id: UUID, line: Line) -> bool:
    """A credit that names a payout and is of another sum: the rest stays in transit until two people explain it."""
    if line.amount_vnd < 0:
        return False
    said = f"{line.reference} {line.purpose}"
    query = select(Payout).where(Payout.bank_line_id.is_(None), Payout.state == PayoutState.PAID).with_for_update()
    for payout in session.scalars(query):
        if payout.id in said or (payout.trace_id and payout.trace_id in said):
            payout.bank_line_id = line_id
            difference = line.amount_vnd - payout.amount_vnd
            kind = "BANK_OVER" if difference > 0 else "BANK_SHORT"
            close_discrepancies(session, in_bank(payout.id))
            open_discrepancy(session, kind, difference, subject=in_bank(payout.id), way=Way.BANK, day=line.booked_on)
            legs = ledger.move(ledger.BANK, ledger.IN_TRANSIT, line.amount_vnd)
            ledger.book(session, JournalKind.BANKED, f"{payout.id} {line.reference}", legs)
            return True
    return False


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
