"""Every step of a booking is written down; a state changes only along the legal moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from services.health.models import REACHED_FROM, Booking, BookingEvent, BookingState
from services.health.operations import deposits

# What most who change a booking want to know of it afterwards.
CHANGED = (
    Booking.id, Booking.hold_id, Booking.citizen_id, Booking.patient_id, Booking.facility_id, Booking.service_id,
    Booking.slot_id, Booking.day, Booking.starts_at, Booking.ends_at, Booking.state, Booking.offer,
    Booking.waitlist_entry_id, Booking.replaces_id,
)  # fmt: skip


def remember(
    session: Session, booking_id: UUID, step: str, actor: UUID | None, detail: Mapping[str, Any] | None = None
) -> None:
    """Write one step down."""
    session.execute(
        insert(BookingEvent).values(
            id=new_id(),
            created_at=clock.now(),
            booking_id=booking_id,
            step=step,
            actor_id=actor,
            detail=dict(detail) if detail else None,
        )
    )


def change_state(
    session: Session,
    state: BookingState,
    *where: ColumnElement[bool],
    actor: UUID | None,
    detail: Mapping[str, Any] | None = None,
    **values: object,
) -> list[Row[*tuple[Any, ...]]]:
    """Move every booking that matches and may reach `state` there; those it moved, as `CHANGED`, by id.

    Whose visit will not be gets the deposit back.
    """
    now = clock.now()
    moved = session.execute(
        update(Booking)
        .where(*where, Booking.state.in_(REACHED_FROM[state]))
        .values(state=state, state_since=now, version=Booking.version + 1, **values)
        .returning(*CHANGED)
    ).all()
    for row in moved:
        remember(session, row.id, state.value, actor, detail)
    if moved and state in deposits.GIVES_BACK:
        deposits.give_back(session, [row.id for row in moved], state.value)
    return sorted(moved, key=lambda row: row.id)


def list_steps(session: Session, booking_id: UUID) -> list[BookingEvent]:
    """The steps of a booking, the first one first."""
    return list(
        session.scalars(select(BookingEvent).where(BookingEvent.booking_id == booking_id).order_by(BookingEvent.id))
    )
