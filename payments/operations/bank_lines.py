"""What each line of the bank is: a payout, a remittance, or money of which nobody has said yet what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments import ledger
from payments.bank_file import Line
from payments.models import (
    BankLine,
    Discrepancy,
    DiscrepancyState,
    Journal,
    JournalKind,
    Payout,
    PayoutState,
    Remittance,
    Settlement,
    Way,
)
from payments.operations.discrepancies import close_found, open_discrepancy
from payments.operations.history import OPEN_STATES
from payments.operations.remitting import awaits_debit, match_debit
from payments.operations.timeline import settle

# A payout that the gateway calls paid is at the bank within so many days, weekends among them.
ARRIVES_WITHIN = timedelta(days=4)
_OF_PAYOUTS = ("PAYOUT_NOT_IN_BANK", "BANK_SHORT", "BANK_OVER")


def match_all(session: Session, statement_id: UUID, lines: Sequence[Line]) -> None:
    """Keep the lines of a statement, and say what each of them is; what nobody knows is booked as not identified."""
    if not lines:
        return
    made = [{"id": new_id(), "line": line.number, **_columns_of(line)} for line in lines]
    session.execute(insert(BankLine).values(created_at=clock.now(), statement_id=statement_id), made)
    waiting = _waiting(session)
    for row, line in zip(made, lines, strict=True):
        if line.amount_vnd < 0 and match_debit(session, row["id"], amount_vnd=line.amount_vnd, said=_said(line)):
            continue
        payout = _find_payout(waiting, line)
        if payout is not None:
            waiting.remove(payout)
            _pay_in(session, row["id"], line, payout)
            continue
        _leave_unidentified(session, line, line.reference)


def match_late(session: Session) -> int:
    """Match bank lines that came before the gateway told of their payout, or before their remittance was final.

    Returns how many.
    """
    payouts, found = _waiting(session), 0
    wanted = {payout.amount_vnd for payout in payouts}
    wanted |= {-vnd for vnd in session.scalars(select(Remittance.payable_vnd).where(*awaits_debit()))}
    if not wanted:
        return 0
    lines = session.execute(
        select(BankLine)
        .join(Journal, (Journal.subject == BankLine.reference) & (Journal.kind == JournalKind.BANK_UNIDENTIFIED))
        .where(
            ~BankLine.withdrawn,
            BankLine.amount_vnd.in_(wanted),
            ~select(Payout.id).where(Payout.bank_line_id == BankLine.id).exists(),
            ~select(Remittance.id).where(Remittance.paid_line_id == BankLine.id).exists(),
        )
        .order_by(BankLine.id)
    ).scalars()
    for line in lines.all():
        if line.amount_vnd < 0:
            if match_debit(session, line.id, amount_vnd=line.amount_vnd, said=_said(line)):
                _identify(session, line)
                found += 1
            continue
        payout = _find_payout([each for each in payouts if each.amount_vnd == line.amount_vnd], line)
        if payout is not None:
            payouts.remove(payout)
            _identify(session, line)
            _pay_in(session, line.id, line, payout)
            found += 1
    return found


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


def release_line(session: Session, payout: Payout) -> None:
    """A payout has failed after its credit had come: the credit stays, and is nobody's until people say what it is."""
    line = None if payout.bank_line_id is None else session.get(BankLine, payout.bank_line_id)
    payout.bank_line_id = None
    if line is None or line.withdrawn:
        return  # what the bank has withdrawn is a difference already
    contradict(session, in_bank(payout.id), *_OF_PAYOUTS)
    back = ledger.move(ledger.BANK, ledger.IN_TRANSIT, -line.amount_vnd)
    ledger.book(session, JournalKind.BANKED, f"{payout.id} {line.reference} failed", back)
    _leave_unidentified(session, line, f"{line.reference} of {payout.id}")


def contradict(session: Session, subject: str, *kinds: str) -> None:
    """Differences of these classes have turned out otherwise: nobody has to look at them any more.

    What two people have booked of one is booked twice by now: its opposite is a difference.
    """
    # Asked with nearly every line of a bank, and true of few.
    query = select(Discrepancy).where(Discrepancy.kind.in_(kinds), Discrepancy.subject == subject)
    for found in session.scalars(query).all():
        if found.state in OPEN_STATES:
            close_found(session, Discrepancy.id == found.id)
        elif found.state is DiscrepancyState.RESOLVED and found.amount_vnd:
            opposite, name = -found.amount_vnd, f"{subject} told late"
            open_discrepancy(session, found.kind, opposite, subject=name, way=Way.BANK, day=found.business_day)


def in_bank(payout_id: str) -> str:
    """What a difference between a payout and the bank is about: not the payout's own sum."""
    return f"{payout_id} at the bank"


def _said(line: Line | BankLine) -> str:
    return f"{line.reference} {line.purpose}"


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
    said = _said(line)
    named = [payout for payout in waiting if payout.id in said or (payout.trace_id and payout.trace_id in said)]
    exact = (payout for payout in named if payout.amount_vnd == line.amount_vnd)
    return next(exact, named[0] if named else None)


def _leave_unidentified(session: Session, line: Line | BankLine, subject: str) -> None:
    discrepancy = open_discrepancy(
        session, "BANK_UNIDENTIFIED", line.amount_vnd, subject=line.reference, way=Way.BANK, day=line.booked_on
    )
    legs = ledger.move(ledger.BANK, ledger.UNIDENTIFIED, line.amount_vnd)
    ledger.book(session, JournalKind.BANK_UNIDENTIFIED, subject, legs, discrepancy_id=discrepancy)


def _identify(session: Session, line: BankLine) -> None:
    """The money is in the bank's account already: only what it is called changes."""
    back = ledger.move(ledger.UNIDENTIFIED, ledger.BANK, line.amount_vnd)
    ledger.book(session, JournalKind.BANK_UNIDENTIFIED, f"{line.reference} identified", back)
    contradict(session, line.reference, "BANK_UNIDENTIFIED")


def _pay_in(session: Session, line_id: UUID, line: Line | BankLine, payout: Payout) -> None:
    """A payout has come; where it is of another sum, the rest stays in transit until two people explain it."""
    payout.bank_line_id = line_id
    contradict(session, in_bank(payout.id), *_OF_PAYOUTS)
    legs = ledger.move(ledger.BANK, ledger.IN_TRANSIT, line.amount_vnd)
    ledger.book(session, JournalKind.BANKED, f"{payout.id} {line.reference}", legs)
    if difference := line.amount_vnd - payout.amount_vnd:
        kind = "BANK_OVER" if difference > 0 else "BANK_SHORT"
        open_discrepancy(session, kind, difference, subject=in_bank(payout.id), way=Way.BANK, day=line.booked_on)
        return
    settle(session, payout.id, Settlement.BANK_MATCHED, Settlement.BANK_MATCHED)
