"""Paying deposits: the payment of a hold, the place that waits for it, and what follows when the money was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

import payments.operations
from auth.assurance import Proof, allow_payment
from kit import clock
from kit.database import new_id
from payments.models import PaymentItem
from payments.operations import Claim
from services.health.errors import DepositChanged, DepositUnderway, NothingToPay
from services.health.models import Booking, BookingState, Deposit, DepositState, Facility
from services.health.operations.deposits import LATE, give_back, list_owed, list_states
from services.health.operations.holds import book_held, check_still_held, list_held

# How long a place waits for its citizen to pay, and then for the gateway to take what the bank holds.
PAYING = timedelta(minutes=10)
TAKING = timedelta(hours=1)
_WAITS = 2  # attempts to pay that make a hold last longer: a place cannot be kept by not paying for it


def start_deposit(session: Session, citizen_id: UUID, hold_id: UUID, amount_vnd: int, *, proof: Proof) -> UUID:
    """Open a payment of exactly `amount_vnd`, the sum the citizen has seen, for all places of a hold; returns its id.

    The hold then lasts for ten minutes at least. Raises NotFound, HoldExpired, BookingInOtherState, NothingToPay,
    DepositUnderway, DepositChanged, InsufficientUserAuthentication and DayLimitReached.
    """
    # One citizen's payments are opened one after the other, so that together they stay within a day's limit.
    session.execute(select(payments.operations.take_turn(citizen_id)))
    held = list_held(session, citizen_id, hold_id)
    ids = [one.id for one in held]
    session.execute(select(Booking.id).where(Booking.id.in_(ids)).order_by(Booking.id).with_for_update(key_share=True))
    held = list_held(session, citizen_id, hold_id)
    check_still_held(session, held)
    owed = list_owed(session, ids)
    if not owed:
        raise NothingToPay
    known = list_states(session, ids)
    if underway := next((one for one in known.values() if one.state is DepositState.PAYING), None):
        raise DepositUnderway(payment_id=str(underway.payment_id))
    total = sum(owed.values())
    if total != amount_vnd:
        raise DepositChanged(amount_vnd=total)
    paid = payments.operations.sum_of_day(session, citizen_id, clock.today())
    allow_payment(proof, paid_vnd=paid, amount_vnd=total)
    waits = session.scalar(select(func.count()).where(Deposit.booking_id == held[0].id)) or 0
    facilities = _facilities(session, held)
    owing = [one for one in held if one.id in owed]
    claims = [_claim(one, facilities[one.facility_id], owed[one.id]) for one in owing]
    payment_id = payments.operations.open_payment(session, citizen_id, claims)
    if waits < _WAITS:
        _wait(session, ids, PAYING)
    now = clock.now()
    session.execute(
        insert(Deposit),
        [
            {
                "id": new_id(),
                "created_at": now,
                "booking_id": one.id,
                "facility_id": one.facility_id,
                "payment_id": payment_id,
                "amount_vnd": owed[one.id],
                "state": DepositState.PAYING,
                "state_since": now,
            }
            for one in owing
        ],
    )
    return payment_id


def secure_places(session: Session, payment_id: UUID) -> bool | None:
    """Keep the places of a payment whose money the bank holds, until it was taken.

    False when one of them has gone: then nothing is to be taken. None for a payment that pays for something else.
    """
    ids = session.scalars(select(Deposit.booking_id).where(Deposit.payment_id == payment_id)).all()
    if not ids:
        return None
    kept = session.scalars(
        select(Booking.id)
        .where(Booking.id.in_(ids), Booking.state == BookingState.HELD, Booking.hold_expires_at > clock.now())
        .order_by(Booking.id)
        .with_for_update(key_share=True)
    ).all()
    if len(kept) < len(ids):
        return False
    _wait(session, kept, TAKING)
    return True


def record_taken(session: Session, payment_id: UUID) -> None:
    """The money was taken: the places are booked. What has no place any more is given back. Safe to repeat."""
    taken = {item.subject_id: item for item in payments.operations.list_items(session, payment_id) if item.taken}
    paid = session.execute(
        update(Deposit)
        .where(
            Deposit.payment_id == payment_id,
            Deposit.state == DepositState.PAYING,
            Deposit.booking_id.in_(taken),
        )
        .values(state=DepositState.PAID, state_since=clock.now())
        .returning(Deposit.id, Deposit.booking_id)
    ).all()
    for row in paid:
        receipt_no = f"DC-{row.id.hex[-12:].upper()}"
        item_id = taken[row.booking_id].id
        payments.operations.record_posted(session, item_id, receipt_no=receipt_no, posted_at=clock.now())
    bookings = sorted(row.booking_id for row in paid)
    if bookings:
        booked = {row.id for row in book_held(session, Booking.id.in_(bookings), Booking.state == BookingState.HELD)}
        give_back(session, [one for one in bookings if one not in booked], "place_gone")
    _return_late(session, payment_id, taken)


def record_ended(session: Session, payment_id: UUID) -> None:
    """Nothing was taken: the hold runs on for as long as it lasts, and may be paid in another way."""
    session.execute(
        update(Deposit)
        .where(Deposit.payment_id == payment_id, Deposit.state == DepositState.PAYING)
        .values(state=DepositState.ENDED, state_since=clock.now())
    )


def _return_late(session: Session, payment_id: UUID, taken: Mapping[UUID, PaymentItem]) -> None:
    """Give back what was taken after its payment had ended: it pays for nothing any more."""
    late = session.execute(
        update(Deposit)
        .where(
            Deposit.payment_id == payment_id,
            Deposit.state.in_([DepositState.PAYING, DepositState.ENDED]),
            Deposit.booking_id.not_in(taken),
        )
        .values(state=DepositState.RETURNED, state_since=clock.now(), reason="came_too_late")
        .returning(Deposit.amount_vnd)
    ).all()
    if late:
        amount_vnd = sum(row.amount_vnd for row in late)
        payments.operations.refund_by_rule(session, payment_id, amount_vnd, cause=LATE, reason="came_too_late")


def _wait(session: Session, booking_ids: Sequence[UUID], length: timedelta) -> None:
    session.execute(
        update(Booking)
        .where(Booking.id.in_(booking_ids), Booking.state == BookingState.HELD)
        .values(
            hold_expires_at=func.greatest(Booking.hold_expires_at, clock.now() + length), version=Booking.version + 1
        )
    )


def _facilities(session: Session, held: Sequence[Booking]) -> dict[UUID, Facility]:
    found = session.scalars(select(Facility).where(Facility.id.in_({one.facility_id for one in held})))
    return {one.id: one for one in found}


def _claim(booking: Booking, facility: Facility, amount_vnd: int) -> Claim:
    """What the citizen, and their bank, read: where and when, never for what."""
    if facility.organisation_id is None:
        raise ValueError("nobody runs this facility")
    day = booking.day.strftime("%d/%m/%Y")
    return Claim(
        subject_id=booking.id,
        payee_id=facility.organisation_id,
        amount_vnd=amount_vnd,
        label_vi=f"Đặt cọc {facility.name}, {day}",
        label_en=f"Deposit {facility.name_en or facility.name}, {day}",
    )
