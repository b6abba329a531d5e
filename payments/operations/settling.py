"""The gateway's movements and its payouts, explained to the đồng or written down as differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from payments import ledger
from payments.gateway import Movement, Transfer
from payments.models import (
    BalanceTransaction,
    Discrepancy,
    DiscrepancyState,
    Dispute,
    JournalKind,
    Payment,
    Payout,
    PayoutState,
    Refund,
    RefundState,
    Settlement,
    Way,
)
from payments.operations.bank_lines import release_line
from payments.operations.discrepancies import close_discrepancies, open_discrepancy
from payments.operations.history import OPEN_STATES
from payments.operations.timeline import settle

# Movements are read again this far back: one may be told late, and none is taken in twice.
READ_AGAIN = timedelta(days=3)
# A payout takes days to arrive, holidays not counted, and may come back after it has: its state is read for longer.
PAYOUTS_READ_AGAIN = timedelta(days=30)
_EXPLAINED_WITHIN = timedelta(minutes=15)
_BATCH = 1_000
_OURS = "vnd"
_IN = " in "  # between the type and the currency of what is not in đồng
_CHARGES = frozenset({"charge", "payment"})
_REFUNDS = frozenset({"refund", "payment_refund"})
_REFUND_FAILURES = frozenset({"refund_failure", "payment_failure_refund"})
_PAYOUTS_BACK = frozenset({"payout_failure", "payout_cancel"})
_SUMS = ("amount_vnd", "fee_vnd", "net_vnd")
_told = insert_or_skip(BalanceTransaction)
_KEEP = _told.on_conflict_do_update(
    index_elements=[BalanceTransaction.id],
    set_={name: getattr(_told.excluded, name) for name in _SUMS},
    where=or_(*(getattr(BalanceTransaction, name) != getattr(_told.excluded, name) for name in _SUMS)),
).returning(BalanceTransaction.id, literal_column("xmax = 0", Boolean).label("is_new"))


def read_since(session: Session) -> datetime:
    """From when on the gateway's movements are to be read."""
    last = session.scalar(select(func.max(BalanceTransaction.made_at)))
    return datetime(2020, 1, 1, tzinfo=clock.ZONE) if last is None else last - READ_AGAIN


def take_in(session: Session, movements: Iterable[Movement]) -> int:
    """Write down movements of the gateway's balance; returns how many were news. `explain` says what they are.

    One that is told again with another sum or fee is kept as it is told now: `match_gateway` says how it differs from
    what was booked.
    """
    told = sorted({movement.id: movement for movement in movements}.values(), key=lambda each: (each.made_at, each.id))
    news: set[str] = set()
    for start in range(0, len(told), _BATCH):
        found = session.execute(_KEEP, [_columns_of(movement) for movement in told[start : start + _BATCH]])
        news.update(row.id for row in found if row.is_new)
    for movement in told:
        if movement.currency != _OURS and movement.id in news:
            said = {"currency": movement.currency, "amount": movement.amount_vnd, "net": movement.net_vnd}
            _open(session, "CURRENCY", 0, movement, details=said)
        elif movement.currency == _OURS and movement.fee_vnd != movement.amount_vnd - movement.net_vnd:
            _open(session, "FEE_MISMATCH", 0, movement, details={"fee": movement.fee_vnd, "net": movement.net_vnd})
    return len(news)


def _columns_of(movement: Movement) -> dict[str, Any]:
    is_ours = movement.currency == _OURS
    return {
        "id": movement.id,
        # What is not in đồng is no sum of ours: its type says so, and a person has to look.
        "type": movement.type if is_ours else f"{movement.type}{_IN}{movement.currency}",
        "category": movement.category,
        "source": movement.source,
        # The balance moves by the net; whatever else is said of it, the fee is the rest.
        "amount_vnd": movement.amount_vnd if is_ours else 0,
        "fee_vnd": movement.amount_vnd - movement.net_vnd if is_ours else 0,
        "net_vnd": movement.net_vnd if is_ours else 0,
        "made_at": movement.made_at,
        "available_at": movement.available_at,
        # Only what came in as pending ripens; the rest moves what is available at once.
        "ripened": movement.type not in _CHARGES or not is_ours,
        "explained": False,
        "read_at": clock.now(),
    }


def _open(
    session: Session,
    kind: str,
    amount_vnd: int,
    movement: Movement | BalanceTransaction,
    details: Mapping[str, Any] | None = None,
) -> None:
    told: dict[str, Any] = {"way": Way.GATEWAY, "day": movement.made_at.astimezone(UTC).date(), "details": details}
    open_discrepancy(session, kind, amount_vnd, subject=movement.id, **told)


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
    left, last = 0, ""
    # What two people have explained is booked, and must not be explained a second time.
    settled = select(Discrepancy.id).where(
        Discrepancy.subject == BalanceTransaction.id, Discrepancy.state == DiscrepancyState.RESOLVED
    )
    found = select(BalanceTransaction).where(~BalanceTransaction.explained, ~settled.exists())
    # What stays unexplained must not stand in the way of what comes after it.
    while batch := session.scalars(
        found.where(BalanceTransaction.id > last).order_by(BalanceTransaction.id).limit(_BATCH).with_for_update()
    ).all():
        last = batch[-1].id
        known = _known_troubles(session, batch)
        for movement in batch:
            trouble = _trouble_with(session, movement)
            if trouble is None:
                movement.explained = True
                close_discrepancies(session, movement.id)
            else:
                left += 1
                is_late = clock.now() - movement.made_at > _EXPLAINED_WITHIN
                if is_late and (movement.id, *trouble) not in known:
                    _open(session, *trouble, movement)
        session.flush()
    return left


def _known_troubles(session: Session, movements: Sequence[BalanceTransaction]) -> set[tuple[str, str, int]]:
    """Subject, class and sum of the differences of movements that somebody has to look at already."""
    subjects = Discrepancy.subject == func.any([movement.id for movement in movements])
    query = select(Discrepancy.subject, Discrepancy.kind, Discrepancy.amount_vnd)
    found = session.execute(query.where(subjects, Discrepancy.state.in_(OPEN_STATES))).all()
    return {(row.subject, row.kind, row.amount_vnd) for row in found}


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
        if before is not None and was is not state:
            _move_back(session, before)
        return False
    return state is PayoutState.PAID and (before is None or not before.listed)


def list_payout(session: Session, payout_id: str, movements: Sequence[Movement]) -> None:
    """Tie a payout to the movements it is made of: their sum is the payout, to the đồng, or it is a discrepancy."""
    take_in(session, movements)
    payout = session.execute(select(Payout).where(Payout.id == payout_id).with_for_update()).scalar_one()
    parts = [movement for movement in movements if movement.source != payout_id]
    session.execute(
        update(BalanceTransaction)
        .where(BalanceTransaction.id == func.any([movement.id for movement in parts]))
        .values(payout_id=payout_id)
    )
    payout.listed = True
    if (total := sum(movement.net_vnd for movement in parts)) != payout.amount_vnd:
        open_discrepancy(session, "PAYOUT_SUM", payout.amount_vnd - total, subject=payout_id)
    settle(session, payout_id, Settlement.IN_PAYOUT, Settlement.IN_PAYOUT)


_Trouble = tuple[str, int] | None


def _trouble_with(session: Session, movement: BalanceTransaction) -> _Trouble:
    """Book what a movement costs or moves; class and sum of the difference when nothing of ours stands behind it."""
    kind, source, net = movement.type, movement.source or "", movement.net_vnd
    if _IN in kind:
        return "CURRENCY", 0
    if kind in _CHARGES:
        return _trouble_with_charge(session, movement, source)
    if kind in _REFUNDS | _REFUND_FAILURES:
        # One of another sum is named by the comparison, which knows what was booked.
        known = session.scalar(select(Refund.id).where(Refund.gateway_id == source))
        return None if known else ("REFUND_UNMATCHED", net)
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


def _move_back(session: Session, payout: Payout) -> None:
    settle(session, payout.id, Settlement.UNSETTLED, "payout_failed")
    release_line(session, payout)
    payout.listed = False
    session.execute(update(BalanceTransaction).where(BalanceTransaction.payout_id == payout.id).values(payout_id=None))
