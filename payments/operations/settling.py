"""The gateway's movements, its payouts and the bank's lines, matched to the đồng or written down as differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments import ledger
from payments.bank_file import Line, Statement
from payments.errors import StatementRefused
from payments.gateway import Movement, Transfer
from payments.models import (
    SETTLED_FROM,
    BalanceTransaction,
    BankLine,
    BankStatement,
    Discrepancy,
    DiscrepancyState,
    Dispute,
    Journal,
    JournalKind,
    Payment,
    Payout,
    PayoutState,
    Refund,
    RefundState,
    Settlement,
)
from payments.operations.discrepancies import close_discrepancies, open_discrepancy
from payments.operations.timeline import remember

# Movements are read again this far back: one may be told late, and none is taken in twice.
READ_AGAIN = timedelta(days=3)
# A payout takes days to arrive, holidays not counted, and may come back after it has: its state is read for longer.
PAYOUTS_READ_AGAIN = timedelta(days=30)
_EXPLAINED_WITHIN = timedelta(minutes=15)
_BATCH = 1_000
_CHARGES = frozenset({"charge", "payment"})
_REFUNDS = frozenset({"refund", "payment_refund"})
_REFUND_FAILURES = frozenset({"refund_failure", "payment_failure_refund"})
_PAYOUTS_BACK = frozenset({"payout_failure", "payout_cancel"})


def read_since(session: Session) -> datetime:
    """From when on the gateway's movements are to be read."""
    last = session.scalar(select(func.max(BalanceTransaction.made_at)))
    return datetime(2020, 1, 1, tzinfo=clock.ZONE) if last is None else last - READ_AGAIN


def take_in(session: Session, movements: Iterable[Movement]) -> int:
    """Write down movements of the gateway's balance; returns how many were news. `explain` says what they are."""
    news = 0
    for movement in sorted(movements, key=lambda found: (found.made_at, found.id)):
        is_new = session.execute(
            insert_or_skip(BalanceTransaction)
            .values(
                id=movement.id,
                # What is not in đồng is no sum of ours: its type says so, and a person has to look.
                type=movement.type if movement.currency == "vnd" else f"{movement.type} in {movement.currency}",
                category=movement.category,
                source=movement.source,
                amount_vnd=movement.amount_vnd,
                fee_vnd=movement.fee_vnd,
                net_vnd=movement.net_vnd,
                made_at=movement.made_at,
                available_at=movement.available_at,
                # Only what came in as pending ripens; the rest moves what is available at once.
                ripened=movement.type not in _CHARGES,
                explained=False,
                read_at=clock.now(),
            )
            .on_conflict_do_nothing()
            .returning(BalanceTransaction.id)
        ).scalar_one_or_none()
        news += is_new is not None
    return news


def list_unheard_failures(session: Session, movements: Iterable[Movement]) -> list[str]:
    """The gateway's ids of refunds that have come back by these movements, and that our books still call done."""
    returned = [movement.source for movement in movements if movement.type in _REFUND_FAILURES]
    known = select(Refund.gateway_id).where(Refund.gateway_id.in_(returned), Refund.state != RefundState.FAILED)
    return [one for one in session.scalars(known) if one] if returned else []


def explain(session: Session) -> int:
    """Find what of ours stands behind each new movement, and book what it costs; returns how many stay unexplained.

    Our own commit may come after the gateway's, so a movement is tried again until it is explained. After a quarter of
    an hour it is a discrepancy as well: an unknown type is not a line in a log.
    """
    left = 0
    # What two people have explained is booked, and must not be explained a second time.
    settled = select(Discrepancy.id).where(
        Discrepancy.subject == BalanceTransaction.id, Discrepancy.state == DiscrepancyState.RESOLVED
    )
    found = select(BalanceTransaction).where(~BalanceTransaction.explained, ~settled.exists())
    for movement in session.scalars(found.order_by(BalanceTransaction.made_at).limit(_BATCH).with_for_update()):
        trouble = _trouble_with(session, movement)
        if trouble is None:
            movement.explained = True
            close_discrepancies(session, movement.id)
        else:
            left += 1
            if clock.now() - movement.made_at > _EXPLAINED_WITHIN:
                open_discrepancy(session, *trouble, subject=movement.id)
    session.flush()
    return left


def balance_at_gateway(session: Session) -> int:
    """What the gateway has of ours by our books, pending and available together, in đồng."""
    return ledger.balance(session, ledger.GATEWAY_PENDING, ledger.GATEWAY_AVAILABLE)


def ripen(session: Session) -> int:
    """Book as available what the gateway may pay out by now; returns how many movements."""
    ripe = session.execute(
        update(BalanceTransaction)
        .where(~BalanceTransaction.ripened, BalanceTransaction.available_at <= clock.now())
        .values(ripened=True)
        .returning(BalanceTransaction.id, BalanceTransaction.net_vnd)
    ).all()
    for transaction_id, net in ripe:
        legs = ledger.move(ledger.GATEWAY_AVAILABLE, ledger.GATEWAY_PENDING, net)
        ledger.book(session, JournalKind.AVAILABLE, transaction_id, legs)
    return len(ripe)


def see_payout(session: Session, told: Transfer) -> bool:
    """Write down a payout as it is now; True when its transactions are still to be listed.

    One that failed after it was paid gives back what it had settled.
    """
    state = PayoutState(told.status)
    values = {"state": state, "trace_id": told.trace_id, "arrives_on": clock.local(told.arrives_at).date()}
    before = session.execute(select(Payout).where(Payout.id == told.id).with_for_update()).scalar_one_or_none()
    was = None if before is None else before.state
    session.execute(
        insert_or_skip(Payout)
        .values(id=told.id, amount_vnd=told.amount_vnd, listed=False, **values)
        .on_conflict_do_update(index_elements=[Payout.id], set_=values)
    )
    if state in {PayoutState.FAILED, PayoutState.CANCELLED}:
        if was not in {state, None}:
            _move_back(session, told.id)
        return False
    return state is PayoutState.PAID and (before is None or not before.listed)


def list_payout(session: Session, payout_id: str, movements: Sequence[Movement]) -> None:
    """Tie a payout to the movements it is made of: their sum is the payout, to the đồng, or it is a discrepancy."""
    take_in(session, movements)
    payout = session.execute(select(Payout).where(Payout.id == payout_id).with_for_update()).scalar_one()
    parts = [movement for movement in movements if movement.source != payout_id]
    session.execute(
        update(BalanceTransaction)
        .where(BalanceTransaction.id.in_([movement.id for movement in parts]))
        .values(payout_id=payout_id)
    )
    payout.listed = True
    if (total := sum(movement.net_vnd for movement in parts)) != payout.amount_vnd:
        open_discrepancy(session, "PAYOUT_SUM", payout.amount_vnd - total, subject=payout_id)
    for payment_id in _payments_of(session, payout_id):
        _settle(session, payment_id, Settlement.IN_PAYOUT, Settlement.IN_PAYOUT)


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
    known = set(
        session.scalars(
            select(BankLine.reference).where(BankLine.reference.in_([x.reference for x in statement.lines]))
        )
    )
    for line in statement.lines:
        if line.reference not in known:
            _match(session, statement_id, line)
    if statement.name is not None:
        _withdraw(session, statement)
    return statement_id


def _withdraw(session: Session, statement: Statement) -> None:
    """A corrected statement says what of the former one never was: each such line is explained by name."""
    gone = (
        select(BankLine)
        .join(BankStatement, BankStatement.id == BankLine.statement_id)
        .where(
            BankStatement.name == statement.name,
            BankStatement.revision < statement.revision,
            ~BankLine.withdrawn,
            BankLine.reference.not_in([line.reference for line in statement.lines]),
        )
        .order_by(BankLine.line)
        .with_for_update()
    )
    for line in session.scalars(gone).all():
        line.withdrawn = True
        unidentified = select(Discrepancy.id).where(
            Discrepancy.kind == "BANK_UNIDENTIFIED",
            Discrepancy.subject == line.reference,
            Discrepancy.state.in_([DiscrepancyState.OPEN, DiscrepancyState.PROPOSED]),
        )
        discrepancy_id = session.scalar(unidentified)
        if discrepancy_id is None:
            # It was matched with a payout or explained by two people: only people can say what it was instead.
            open_discrepancy(session, "ROW_WITHDRAWN", -line.amount_vnd, subject=f"{line.reference} withdrawn")
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
    if not _match_payout(session, line_id, line):
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
            legs = ledger.move(ledger.BANK, ledger.IN_TRANSIT, line.amount_vnd)
            if is_late:
                # The money is in the bank's account already: only what it is called changes.
                back = ledger.move(ledger.UNIDENTIFIED, ledger.BANK, line.amount_vnd)
                ledger.book(session, JournalKind.BANK_UNIDENTIFIED, f"{line.reference} identified", back)
                close_discrepancies(session, line.reference)
            ledger.book(session, JournalKind.BANKED, f"{payout.id} {line.reference}", legs)
            for payment_id in _payments_of(session, payout.id):
                _settle(session, payment_id, Settlement.BANK_MATCHED, Settlement.BANK_MATCHED)
            return True
    return False


_Trouble = tuple[str, int] | None


def _trouble_with(session: Session, movement: BalanceTransaction) -> _Trouble:
    """Book what a movement costs or moves; class and sum of the difference when nothing of ours stands behind it."""
    kind, source, net = movement.type, movement.source or "", movement.net_vnd
    if kind in _CHARGES:
        return _trouble_with_charge(session, movement, source)
    if kind in _REFUNDS | _REFUND_FAILURES:
        wanted = (Refund.gateway_id == source, Refund.amount_vnd == abs(movement.amount_vnd))
        return None if session.scalar(select(Refund.id).where(*wanted)) else ("REFUND_UNMATCHED", net)
    if kind == "adjustment" and movement.category.startswith("dispute"):
        return _trouble_with_dispute(session, movement, source)
    booked = {
        "payout": (JournalKind.PAYOUT, ledger.IN_TRANSIT, ledger.GATEWAY_AVAILABLE, -net),
        # Fees that are billed for a month in one line: a cost of the house, under the gateway's own id.
        "stripe_fee": (JournalKind.FEE, ledger.GATEWAY_FEE, ledger.GATEWAY_AVAILABLE, -net),
        **dict.fromkeys(_PAYOUTS_BACK, (JournalKind.PAYOUT_FAILED, ledger.GATEWAY_AVAILABLE, ledger.IN_TRANSIT, net)),
    }.get(kind)
    if booked is None:
        return "UNKNOWN_TYPE", net
    journal, debit, credit, amount = booked
    ledger.book(session, journal, movement.id, ledger.move(debit, credit, amount))
    return None


def _trouble_with_charge(session: Session, movement: BalanceTransaction, source: str) -> _Trouble:
    payment = session.execute(select(Payment.id, Payment.captured_vnd).where(Payment.charge_id == source)).one_or_none()
    if payment is None or not payment.captured_vnd:
        return "MISSING_IN_LEDGER", movement.net_vnd
    if movement.fee_vnd:
        legs = ledger.move(ledger.GATEWAY_FEE, ledger.GATEWAY_PENDING, movement.fee_vnd)
        ledger.book(session, JournalKind.FEE, movement.id, legs, payment_id=payment.id)
    difference = movement.amount_vnd - payment.captured_vnd
    if not difference:
        return None
    return "AMOUNT_OVER" if difference > 0 else "AMOUNT_UNDER", difference


def _trouble_with_dispute(session: Session, movement: BalanceTransaction, source: str) -> _Trouble:
    dispute = session.execute(select(Dispute.id, Dispute.payment_id).where(Dispute.gateway_id == source)).one_or_none()
    if dispute is None:
        return "DISPUTE_UNBOOKED", movement.net_vnd
    if movement.fee_vnd:
        legs = ledger.move(ledger.DISPUTE_FEE, ledger.GATEWAY_AVAILABLE, movement.fee_vnd)
        ledger.book(session, JournalKind.DISPUTE_FEE, movement.id, legs, payment_id=dispute.payment_id)
    return None


def _payments_of(session: Session, payout_id: str) -> Sequence[UUID]:
    query = select(Payment.id).join(BalanceTransaction, BalanceTransaction.source == Payment.charge_id)
    return session.scalars(query.where(BalanceTransaction.payout_id == payout_id).order_by(Payment.id)).all()


def _move_back(session: Session, payout_id: str) -> None:
    for payment_id in _payments_of(session, payout_id):
        _settle(session, payment_id, Settlement.UNSETTLED, "payout_failed")
    session.execute(update(Payout).where(Payout.id == payout_id).values(bank_line_id=None, listed=False))
    session.execute(update(BalanceTransaction).where(BalanceTransaction.payout_id == payout_id).values(payout_id=None))


def _settle(session: Session, payment_id: UUID, to: Settlement, step: str) -> None:
    moved = session.execute(
        update(Payment)
        .where(Payment.id == payment_id, Payment.settlement.in_(SETTLED_FROM[to]))
        .values(settlement=to)
        .returning(Payment.id)
    ).scalar_one_or_none()
    if moved is not None:
        remember(session, payment_id, step)
