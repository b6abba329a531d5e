"""Calling numbers: who is next, what becomes of a number, and what those who wait are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from kit.errors import NotFound
from services.health.calling import LAST_CALLS, Waiting, calling_order, minutes_to_wait, rank_after_skip
from services.health.errors import BookingInOtherState, NobodyWaits, SessionNotOpen
from services.health.models import (
    Booking,
    BookingState,
    ClinicDay,
    LaneKind,
    QueueLane,
    QueueTicket,
    ReminderKind,
    Service,
    Slot,
    TicketState,
)
from services.health.operations.directory import get_service
from services.health.operations.door import get_ticket
from services.health.operations.reminders import remind_now
from services.health.operations.timeline import change_state

MOST_SKIPS = 2
TOLD_AT = 5  # people before: time to come nearer
_GRACE = timedelta(minutes=30)
_BATCH = 200
# What a number does -> what its booking does with it.
_MIRRORED = {
    TicketState.CALLED: BookingState.CALLED,
    TicketState.IN_SERVICE: BookingState.IN_SERVICE,
    TicketState.DONE: BookingState.SEEN,
    TicketState.WAITING: BookingState.CHECKED_IN,
    TicketState.LEFT: BookingState.LEFT,
}
_FROM = {
    TicketState.IN_SERVICE: (TicketState.CALLED,),
    TicketState.DONE: (TicketState.CALLED, TicketState.IN_SERVICE),
    TicketState.LEFT: (TicketState.WAITING, TicketState.CALLED),
}


@dataclass(frozen=True)
class LaneTold:
    """A lane as everybody may see it."""

    kind: LaneKind
    now_serving: int | None
    last_number: int
    waiting: int


@dataclass(frozen=True)
class TurnTold:
    """Where somebody stands in the queue; minutes are a range, None once they are called."""

    lane: LaneKind
    number: int
    state: TicketState
    now_serving: int | None
    ahead: int | None
    minutes_from: int | None
    minutes_to: int | None


def open_session(session: Session, facility_id: UUID, service_id: UUID, actor: UUID) -> ClinicDay:
    """Begin the day of a service; only then a patient who does not come is to blame. Raises NotFound."""
    _check(session, facility_id, service_id)
    now, day = clock.now(), clock.today()
    session.execute(
        insert(ClinicDay)
        .values(service_id=service_id, day=day, opened_at=now, opened_by=actor, turn=0)
        .on_conflict_do_update(index_elements=[ClinicDay.service_id, ClinicDay.day], set_={"closed_at": None})
    )
    return _day(session, service_id, day)


def close_session(session: Session, facility_id: UUID, service_id: UUID) -> ClinicDay:
    """End the day of a service. Raises NotFound, SessionNotOpen."""
    _check(session, facility_id, service_id)
    closed = session.scalar(
        update(ClinicDay)
        .where(ClinicDay.service_id == service_id, ClinicDay.day == clock.today(), ClinicDay.opened_at.is_not(None))
        .values(closed_at=clock.now())
        .returning(ClinicDay)
        .execution_options(populate_existing=True)
    )
    if closed is None:
        raise SessionNotOpen
    return closed


def call_next(session: Session, facility_id: UUID, service_id: UUID, actor: UUID) -> QueueTicket:
    """Call who is next: an emergency, else by lanes in turn. Two desks never call the same number.

    Those who have five people before them are told that their turn is near. Raises NotFound, SessionNotOpen,
    NobodyWaits.
    """
    _check(session, facility_id, service_id)
    day = clock.today()
    clinic_day = session.scalar(
        select(ClinicDay)
        .where(ClinicDay.service_id == service_id, ClinicDay.day == day)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if clinic_day is None or clinic_day.opened_at is None or clinic_day.closed_at is not None:
        raise SessionNotOpen
    order = list(calling_order(_list_waiting(session, service_id, day), clinic_day.turn))
    if not order:
        raise NobodyWaits
    (first, clinic_day.turn), *rest = order
    ticket = session.scalars(
        update(QueueTicket)
        .where(QueueTicket.id == first.ticket_id)
        .values(state=TicketState.CALLED, called_at=clock.now())
        .returning(QueueTicket)
        .execution_options(populate_existing=True)
    ).one()
    _mirror(session, ticket, TicketState.CALLED, actor)
    _tell_near(session, [one.ticket_id for one, _turn in rest[:TOLD_AT]])
    session.flush()
    return ticket


def change_ticket(session: Session, facility_id: UUID, ticket_id: UUID, to: TicketState, actor: UUID) -> QueueTicket:
    """Say what has become of a number: it went in, is done, or has left. Raises NotFound, BookingInOtherState."""
    get_ticket(session, facility_id, ticket_id)
    done_at = clock.now() if to in {TicketState.DONE, TicketState.LEFT} else None
    changed = session.scalar(
        update(QueueTicket)
        .where(QueueTicket.id == ticket_id, QueueTicket.state.in_(_FROM[to]))
        .values(state=to, done_at=done_at)
        .returning(QueueTicket)
        .execution_options(populate_existing=True)
    )
    if changed is None:
        raise BookingInOtherState(state=get_ticket(session, facility_id, ticket_id).state)
    _mirror(session, changed, to, actor)
    return changed


def skip_ticket(session: Session, facility_id: UUID, ticket_id: UUID, actor: UUID) -> QueueTicket:
    """Whoever was called and did not come waits behind three others, twice; then they have left.

    Raises NotFound, BookingInOtherState.
    """
    ticket = get_ticket(session, facility_id, ticket_id)
    # The day is locked as for a call, so that ranks don't change meanwhile.
    session.execute(
        select(ClinicDay.day)
        .where(ClinicDay.service_id == ticket.service_id, ClinicDay.day == ticket.day)
        .with_for_update()
    )
    ticket = get_ticket(session, facility_id, ticket_id)
    if ticket.state is not TicketState.CALLED:
        raise BookingInOtherState(state=ticket.state)
    if ticket.skips >= MOST_SKIPS:
        return change_ticket(session, facility_id, ticket_id, TicketState.LEFT, actor)
    ranks = session.scalars(
        select(QueueTicket.rank).where(QueueTicket.lane_id == ticket.lane_id, QueueTicket.state == TicketState.WAITING)
    ).all()
    ticket.rank = rank_after_skip(ranks, ticket.rank)
    ticket.skips += 1
    ticket.state, ticket.called_at = TicketState.WAITING, None
    session.flush()
    _mirror(session, ticket, TicketState.WAITING, actor)
    return ticket


def list_lanes(session: Session, service_id: UUID, day: date) -> list[LaneTold]:
    """What is served in each lane of a service's day; empty before the first number. Raises NotFound."""
    get_service(session, service_id)
    rows = session.execute(
        select(
            QueueLane.kind,
            QueueLane.last_number,
            func.count(QueueTicket.id).filter(QueueTicket.state == TicketState.WAITING).label("waiting"),
        )
        .outerjoin(QueueTicket, QueueTicket.lane_id == QueueLane.id)
        .where(QueueLane.service_id == service_id, QueueLane.day == day)
        .group_by(QueueLane.id)
        .order_by(QueueLane.kind)
    ).all()
    serving = _now_serving(session, service_id, day)
    return [LaneTold(row.kind, serving.get(row.kind), row.last_number, row.waiting) for row in rows]


def tell_turn(session: Session, booking: Booking) -> TurnTold:
    """Where a booking's number stands: who is served, how many are before it, how long it takes. Raises NotFound."""
    row = session.execute(
        select(QueueTicket, QueueLane.kind)
        .join(QueueLane, QueueLane.id == QueueTicket.lane_id)
        .where(QueueTicket.booking_id == booking.id)
    ).one_or_none()
    if row is None:
        raise NotFound
    ticket, lane = row
    serving = _now_serving(session, ticket.service_id, ticket.day).get(lane)
    ahead = minutes_from = minutes_to = None
    if ticket.state is TicketState.WAITING:
        turn = session.scalar(
            select(ClinicDay.turn).where(ClinicDay.service_id == ticket.service_id, ClinicDay.day == ticket.day)
        )
        order = calling_order(_list_waiting(session, ticket.service_id, ticket.day), turn or 0)
        ahead = next(place for place, (one, _turn) in enumerate(order) if one.ticket_id == ticket.id)
        usual = get_service(session, ticket.service_id).duration_minutes
        minutes_from, minutes_to = minutes_to_wait(_gaps(session, ticket.service_id, ticket.day), ahead, usual)
    return TurnTold(lane, ticket.number, ticket.state, serving, ahead, minutes_from, minutes_to)


def list_days_over(session: Session) -> Sequence[tuple[UUID, date]]:
    """Service days that ended half an hour ago or more with bookings of which nobody knows anything."""
    rows = session.execute(
        select(Booking.service_id, Booking.day)
        .join(Slot, (Slot.service_id == Booking.service_id) & (Slot.day == Booking.day))
        .where(Booking.state == BookingState.BOOKED, Booking.starts_at < clock.now())
        .group_by(Booking.service_id, Booking.day)
        .having(func.max(Slot.ends_at) < clock.now() - _GRACE)
        .limit(_BATCH)
    )
    return [(row.service_id, row.day) for row in rows]


def record_absences(session: Session, service_id: UUID, day: date) -> BookingState:
    """Those who were booked and did not come missed it if the clinic was there; else nobody knows, nobody is blamed."""
    opened = session.scalar(select(ClinicDay.opened_at).where(ClinicDay.service_id == service_id, ClinicDay.day == day))
    state = BookingState.NO_SHOW if opened is not None else BookingState.UNKNOWN
    change_state(
        session,
        state,
        Booking.service_id == service_id,
        Booking.day == day,
        Booking.state == BookingState.BOOKED,
        actor=None,
    )
    return state


def _list_waiting(session: Session, service_id: UUID, day: date) -> list[Waiting]:
    rows = session.execute(
        select(QueueTicket.id, QueueLane.kind, QueueTicket.rank, QueueTicket.number, QueueTicket.priority_group)
        .join(QueueLane, QueueLane.id == QueueTicket.lane_id)
        .where(QueueLane.service_id == service_id, QueueLane.day == day, QueueTicket.state == TicketState.WAITING)
    )
    return [Waiting(*row) for row in rows]


def _tell_near(session: Session, ticket_ids: Sequence[UUID]) -> None:
    told = session.execute(
        update(QueueTicket)
        .where(QueueTicket.id.in_(ticket_ids), QueueTicket.booking_id == Booking.id, QueueTicket.is_told.is_(False))
        .values(is_told=True)
        .returning(Booking.id, Booking.citizen_id)
    ).all()
    for row in told:
        remind_now(session, row.id, row.citizen_id, ReminderKind.SOON)


def _mirror(session: Session, ticket: QueueTicket, to: TicketState, actor: UUID) -> None:
    if ticket.booking_id is not None:
        change_state(session, _MIRRORED[to], Booking.id == ticket.booking_id, actor=actor)


def _now_serving(session: Session, service_id: UUID, day: date) -> dict[LaneKind, int]:
    rows = session.execute(
        select(QueueLane.kind, QueueTicket.number)
        .join(QueueLane, QueueLane.id == QueueTicket.lane_id)
        .where(QueueLane.service_id == service_id, QueueLane.day == day, QueueTicket.called_at.is_not(None))
        .order_by(QueueTicket.called_at, QueueTicket.id)
    )
    return {row.kind: row.number for row in rows}  # of a lane the last one stays


def _gaps(session: Session, service_id: UUID, day: date) -> list[float]:
    calls = session.scalars(
        select(QueueTicket.called_at)
        .where(QueueTicket.service_id == service_id, QueueTicket.day == day, QueueTicket.called_at.is_not(None))
        .order_by(QueueTicket.called_at.desc())
        .limit(LAST_CALLS + 1)
    ).all()
    times: list[Any] = list(reversed(calls))
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]


def _day(session: Session, service_id: UUID, day: date) -> ClinicDay:
    return session.execute(
        select(ClinicDay)
        .where(ClinicDay.service_id == service_id, ClinicDay.day == day)
        .execution_options(populate_existing=True)
    ).scalar_one()


def _check(session: Session, facility_id: UUID, service_id: UUID) -> None:
    known = select(Service.id).where(Service.id == service_id, Service.facility_id == facility_id)
    if session.scalar(known) is None:
        raise NotFound
