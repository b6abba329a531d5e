"""Deposits: what is owed before a booking, and the rule that whatever gives a place back gives its deposit back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import literal, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import cast
from sqlalchemy.types import Text

import payments.operations
from kit import clock
from kit.pages import Page, page
from payments.models import PaymentItem, Refund
from services.health.models import (
    Booking,
    BookingState,
    Deposit,
    DepositState,
    Facility,
    Offer,
    Service,
)

LATE = "late"
# Nobody is seen any more: the money is the citizen's again. Of a missed visit the clinic keeps it.
GIVES_BACK = frozenset({BookingState.CANCELLED_BY_CITIZEN, BookingState.CANCELLED_BY_CLINIC, BookingState.UNKNOWN})


def list_owed(session: Session, booking_ids: Collection[UUID]) -> dict[UUID, int]:
    """What is still to be paid before these holds can be booked, in đồng by booking; those that owe nothing are absent.

    A place that the clinic offers in exchange for one it took away costs nothing in advance.
    """
    paid = select(Deposit.id).where(Deposit.booking_id == Booking.id, Deposit.state == DepositState.PAID)
    owed = session.execute(
        select(Booking.id, Service.deposit_vnd)
        .join(Service, Service.id == Booking.service_id)
        .join(Facility, Facility.id == Booking.facility_id)
        .where(
            Booking.id.in_(booking_ids),
            Booking.state == BookingState.HELD,
            or_(Booking.offer.is_(None), Booking.offer != Offer.MOVE),
            Service.deposit_vnd.is_not(None),
            # Money goes to those who run the clinic here; nobody can be paid for one that nobody runs.
            Facility.organisation_id.is_not(None),
            ~paid.exists(),
        )
    )
    return {row.id: row.deposit_vnd for row in owed}


def list_states(session: Session, booking_ids: Collection[UUID]) -> dict[UUID, Deposit]:
    """The last deposit of each of these bookings that has one."""
    found = session.scalars(
        select(Deposit)
        .where(Deposit.booking_id.in_(booking_ids))
        .order_by(Deposit.id)
        .execution_options(populate_existing=True)
    )
    return {one.booking_id: one for one in found}


def give_back(session: Session, booking_ids: Sequence[UUID], reason: str) -> None:
    """Give the paid deposits of these bookings back to the card they came from, each once; others are left alone."""
    returned = session.execute(
        update(Deposit)
        .where(Deposit.booking_id.in_(booking_ids), Deposit.state == DepositState.PAID)
        .values(state=DepositState.RETURNED, state_since=clock.now(), reason=reason)
        .returning(Deposit.booking_id, Deposit.payment_id, Deposit.amount_vnd)
    ).all()
    for row in sorted(returned, key=lambda row: (row.payment_id, row.booking_id)):
        item_id = session.execute(
            select(PaymentItem.id).where(
                PaymentItem.payment_id == row.payment_id, PaymentItem.subject_id == row.booking_id, PaymentItem.taken
            )
        ).scalar_one()
        payments.operations.refund_by_rule(
            session, row.payment_id, row.amount_vnd, cause=f"item {item_id}", reason=reason, item_id=item_id
        )


def list_returned(session: Session, facility_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """Deposits of a facility that are given back, the newest first, each with the state of its refund.

    `refund_state` is None where the rule could not decide: then a person has to.
    """
    of_item = Refund.cause == literal("item ") + cast(PaymentItem.id, Text)
    columns: tuple[Any, ...] = (
        Deposit.id,
        Deposit.booking_id,
        Deposit.payment_id,
        Deposit.amount_vnd,
        Deposit.reason,
        Deposit.state_since.label("returned_at"),
        Refund.state.label("refund_state"),
    )
    wanted = (
        select(*columns)
        .outerjoin(
            PaymentItem,
            (PaymentItem.payment_id == Deposit.payment_id) & (PaymentItem.subject_id == Deposit.booking_id),
        )
        .outerjoin(Refund, (Refund.payment_id == Deposit.payment_id) & or_(of_item, Refund.cause == LATE))
        .where(Deposit.facility_id == facility_id, Deposit.state == DepositState.RETURNED)
    )
    return page(session, wanted, by=[Deposit.id], limit=limit, cursor=cursor, question=("returns", facility_id))
