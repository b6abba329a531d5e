"""The double-entry journal: what is booked when money moves. Debits positive, credits negative, đồng."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import Table, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments.models import Journal, JournalEntry, JournalKind

GATEWAY_PENDING = "1110"
GATEWAY_AVAILABLE = "1120"
IN_TRANSIT = "1130"
BANK = "1210"
DISPUTED = "1310"
SUSPENSE = "1910"
PROVIDER_PAYABLE = "2110"
CITIZEN_UNAPPLIED = "2120"
REFUND_IN_FLIGHT = "2130"
UNIDENTIFIED = "2910"
FEE_INCOME = "4110"
GATEWAY_FEE = "5110"
DISPUTE_FEE = "5120"
LOSS = "5130"
ACCOUNTS = frozenset({
    GATEWAY_PENDING, GATEWAY_AVAILABLE, IN_TRANSIT, BANK, DISPUTED, SUSPENSE,
    PROVIDER_PAYABLE, CITIZEN_UNAPPLIED, REFUND_IN_FLIGHT, UNIDENTIFIED,
    FEE_INCOME, GATEWAY_FEE, DISPUTE_FEE, LOSS,
})  # fmt: skip
# What an adjustment may name. The others are kept for somebody or something by name, which an adjustment does not have:
# a sum that stands there for nobody could be neither given nor explained. What a provider's own difference moves, it
# moves beside that for this provider.
ADJUSTABLE = ACCOUNTS - {DISPUTED, PROVIDER_PAYABLE, CITIZEN_UNAPPLIED, REFUND_IN_FLIGHT}

# Made once: they are on the way of every payment.
_JOURNALS = cast("Table", Journal.__table__)
_JOURNAL = insert_or_skip(_JOURNALS).on_conflict_do_nothing().returning(_JOURNALS.c.id)
_ENTRY = insert(cast("Table", JournalEntry.__table__))
_K = JournalKind
# Which accounts an entry may debit and credit. A sum that moves the other way (a negative movement of the gateway's
# balance) swaps the two.
ENTRIES: Mapping[JournalKind, tuple[frozenset[str], frozenset[str]]] = {
    kind: (frozenset(debit), frozenset(credit))
    for kind, debit, credit in (
        (_K.CAPTURED, {GATEWAY_PENDING}, {CITIZEN_UNAPPLIED}),
        (_K.POSTED, {CITIZEN_UNAPPLIED}, {PROVIDER_PAYABLE}),
        (_K.FEE, {GATEWAY_FEE}, {GATEWAY_PENDING, GATEWAY_AVAILABLE}),
        (_K.AVAILABLE, {GATEWAY_AVAILABLE}, {GATEWAY_PENDING}),
        (_K.PAYOUT, {IN_TRANSIT}, {GATEWAY_AVAILABLE}),
        (_K.PAYOUT_FAILED, {GATEWAY_AVAILABLE}, {IN_TRANSIT}),
        (_K.BANKED, {BANK}, {IN_TRANSIT}),
        (_K.BANK_UNIDENTIFIED, {BANK}, {UNIDENTIFIED}),
        (_K.REMITTED, {PROVIDER_PAYABLE}, {BANK, FEE_INCOME}),
        (_K.REFUND_REQUESTED, {CITIZEN_UNAPPLIED}, {REFUND_IN_FLIGHT}),
        (_K.REFUND_DONE, {REFUND_IN_FLIGHT}, {GATEWAY_AVAILABLE}),
        (_K.REFUND_FAILED, {REFUND_IN_FLIGHT}, {CITIZEN_UNAPPLIED}),
        (_K.REVERSED, {PROVIDER_PAYABLE}, {CITIZEN_UNAPPLIED}),
        (_K.DISPUTE_OPENED, {DISPUTED}, {GATEWAY_AVAILABLE}),
        (_K.DISPUTE_FEE, {DISPUTE_FEE}, {GATEWAY_AVAILABLE}),
        (_K.DISPUTE_WON, {GATEWAY_AVAILABLE}, {DISPUTED}),
        (_K.DISPUTE_LOST, {PROVIDER_PAYABLE, CITIZEN_UNAPPLIED, LOSS}, {DISPUTED}),
        (_K.REFUND_RETURNED, {GATEWAY_AVAILABLE}, {CITIZEN_UNAPPLIED}),
        (_K.ADJUSTMENT, ADJUSTABLE | {PROVIDER_PAYABLE}, ADJUSTABLE | {PROVIDER_PAYABLE}),
    )
}


@dataclass(frozen=True)
class Leg:
    """One side of a booking, with whom it concerns."""

    account: str
    amount_vnd: int
    payee_id: UUID | None = None
    citizen_id: UUID | None = None


def book(
    session: Session,
    kind: JournalKind,
    subject: object,
    legs: Sequence[Leg],
    *,
    payment_id: UUID | None = None,
    discrepancy_id: UUID | None = None,
) -> bool:
    """Book what happened to `subject`; False when that stands there already.

    Raises ValueError for legs that this kind of entry does not have: what the table ENTRIES does not draw is a mistake.
    """
    legs = [leg for leg in legs if leg.amount_vnd]
    _check(kind, legs)
    payees = {leg.payee_id for leg in legs if leg.payee_id}
    now = clock.now()
    head = {
        "id": new_id(),
        "created_at": now,
        "kind": kind,
        "subject": str(subject),
        "payment_id": payment_id,
        "payee_id": payees.pop() if len(payees) == 1 else None,
        "discrepancy_id": discrepancy_id,
    }
    # What it is tied to may have been written by this session a moment ago.
    session.flush()
    journal_id = session.execute(_JOURNAL, head).scalar_one_or_none()
    if journal_id is None:
        return False
    session.execute(
        _ENTRY,
        [{"id": new_id(), "created_at": now, "journal_id": journal_id, **vars(leg)} for leg in legs],
    )
    return True


def move(debit: str, credit: str, amount_vnd: int, *, citizen_id: UUID | None = None) -> list[Leg]:
    """Two legs; a citizen stands on the account that is kept by citizen."""

    def leg(account: str, amount: int) -> Leg:
        return Leg(account, amount, citizen_id=citizen_id if account == CITIZEN_UNAPPLIED else None)

    return [leg(debit, amount_vnd), leg(credit, -amount_vnd)]


def sum_of_all(session: Session) -> int:
    """The sum of every entry ever made: 0, or something is badly wrong."""
    return int(session.execute(select(func.coalesce(func.sum(JournalEntry.amount_vnd), 0))).scalar_one())


def balance(
    session: Session,
    *accounts: str,
    payee_id: UUID | None = None,
    citizen_id: UUID | None = None,
    payment_id: UUID | None = None,
) -> int:
    """Debits less credits of accounts, of one payee, citizen or payment where given."""
    query = select(func.coalesce(func.sum(JournalEntry.amount_vnd), 0)).where(JournalEntry.account.in_(accounts))
    if payee_id is not None:
        query = query.where(JournalEntry.payee_id == payee_id)
    if citizen_id is not None:
        query = query.where(JournalEntry.citizen_id == citizen_id)
    if payment_id is not None:
        query = query.join(Journal, Journal.id == JournalEntry.journal_id).where(Journal.payment_id == payment_id)
    return int(session.execute(query).scalar_one())


def _check(kind: JournalKind, legs: Sequence[Leg]) -> None:
    debit, credit = ENTRIES[kind]
    debited = {leg.account for leg in legs if leg.amount_vnd > 0}
    credited = {leg.account for leg in legs if leg.amount_vnd < 0}
    if not (debited <= debit and credited <= credit) and not (debited <= credit and credited <= debit):
        raise ValueError(f"{kind} does not move money from {sorted(credited)} to {sorted(debited)}")
    if kind is _K.ADJUSTMENT and any(leg.account == PROVIDER_PAYABLE and leg.payee_id is None for leg in legs):
        raise ValueError("what is owed to providers is owed to each by name")
