"""Draws: announcing one, and asking for a place in its ten minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock, idempotency
from kit.database import new_id
from kit.errors import NotFound
from kit.idempotency import Outcome, RequestKey
from services.health import lots
from services.health.errors import (
    AlreadyBooked,
    AlreadyEntered,
    DayAlreadyDrawn,
    DrawNotOpen,
    ScheduleUnclear,
)
from services.health.models import (
    LIVE,
    Booking,
    Draw,
    DrawOutcome,
    DrawRequest,
    DrawState,
    Facility,
    Service,
    Slot,
    SlotState,
)
from services.health.operations.directory import get_service
from services.health.operations.patients import check_age, resolve_patients, seal
from services.health.operations.schedules import write_slots
from services.health.operations.waitlist import turn_after_draw

WINDOW = timedelta(minutes=10)
NOTICE = timedelta(minutes=10)
_SHOWN_LAST = 50
_TIMES = ("opens_at", "closes_at")
Columns = Row[*tuple[Any, ...]]
# Never the seed: it opens nowhere but in the draw.
_SHOWN = (
    Draw.id, Draw.facility_id, Draw.service_id, Draw.day, Draw.opens_at, Draw.closes_at, Draw.state, Draw.seed_hash,
    Draw.shown_seed, Draw.list_hash, Draw.drawn_at, Draw.done_at,
)  # fmt: skip


def announce_draw(session: Session, facility_id: UUID, given: Mapping[str, Any], *, actor: UUID) -> Columns:
    """Let the places of a service's day be drawn among those who ask in the ten minutes from `opens_at`.

    The hash of the seed stands from now on. Until the draw is done nobody else gets a place of that day. Raises
    NotFound, ScheduleUnclear, DayAlreadyDrawn.
    """
    service = session.scalar(
        select(Service).where(Service.id == given["service_id"], Service.facility_id == facility_id)
    )
    if service is None:
        raise NotFound
    opens_at: datetime = given["opens_at"]
    closes_at = opens_at + WINDOW
    if opens_at < clock.now() + NOTICE:
        raise ScheduleUnclear(field="opens_at")
    first_closes = session.scalar(
        select(func.min(Slot.closes_at)).where(
            Slot.service_id == service.id, Slot.day == given["day"], Slot.state == SlotState.OPEN
        )
    )
    if first_closes is None:
        raise ScheduleUnclear(field="day")
    if closes_at >= first_closes:
        raise ScheduleUnclear(field="opens_at")
    seed = lots.new_seed()
    made = session.scalar(
        insert(Draw)
        .values(
            id=new_id(),
            created_at=clock.now(),
            facility_id=facility_id,
            service_id=service.id,
            day=given["day"],
            opens_at=opens_at,
            closes_at=closes_at,
            announced_by=actor,
            state=DrawState.ANNOUNCED,
            seed_hash=lots.promise(seed),
            seed=seed,
        )
        .on_conflict_do_nothing()
        .returning(Draw.id)
    )
    if made is None:
        raise DayAlreadyDrawn
    write_slots(session, service.id)
    return get_draw(session, made)


def cancel_draw(session: Session, facility_id: UUID, draw_id: UUID) -> Columns:
    """Let a day be booked as the schedule says after all, before it is drawn; its requests end as withdrawn.

    Raises NotFound, DrawNotOpen once it is drawn.
    """
    draw = session.execute(
        select(Draw.id, Draw.service_id, Draw.state)
        .where(Draw.id == draw_id, Draw.facility_id == facility_id)
        .with_for_update()
    ).one_or_none()
    if draw is None:
        raise NotFound
    if draw.state is not DrawState.ANNOUNCED:
        raise DrawNotOpen(state=draw.state)
    session.execute(update(Draw).where(Draw.id == draw_id).values(state=DrawState.CANCELLED))
    session.execute(
        update(DrawRequest)
        .where(DrawRequest.draw_id == draw_id, DrawRequest.state == DrawOutcome.ENTERED)
        .values(state=DrawOutcome.WITHDRAWN)
    )
    write_slots(session, draw.service_id)
    return get_draw(session, draw_id)


def get_draw(session: Session, draw_id: UUID) -> Columns:
    """One draw as everybody may see it. Raises NotFound."""
    found = session.execute(select(*_SHOWN).where(Draw.id == draw_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def list_draws(session: Session, service_id: UUID) -> Sequence[Columns]:
    """The draws of a service, the latest day first, at most fifty. Raises NotFound."""
    get_service(session, service_id)
    return session.execute(
        select(*_SHOWN)
        .where(Draw.service_id == service_id)
        .order_by(Draw.day.desc(), Draw.id.desc())
        .limit(_SHOWN_LAST)
    ).all()


def list_tickets(session: Session, draw_id: UUID) -> list[dict[str, Any]]:
    """The tickets of a draw in drawn order, each with what became of it; none before it is drawn. Raises NotFound."""
    found = session.execute(select(Draw.tickets, Draw.outcomes).where(Draw.id == draw_id)).one_or_none()
    if found is None:
        raise NotFound
    tickets = found.tickets or []
    outcomes = found.outcomes or [None] * len(tickets)
    return [
        {"rank": rank, "ticket": ticket, "outcome": outcome}
        for rank, (ticket, outcome) in enumerate(zip(tickets, outcomes, strict=True), 1)
    ]


def enter_draw(
    session: Session, request: RequestKey, citizen_id: UUID, draw_id: UUID, member_id: UUID | None
) -> Outcome:
    """Ask for a place of a draw for one person, once per Idempotency-Key; the earlier do not fare better.

    Raises NotFound, DrawNotOpen, AlreadyEntered, AlreadyBooked, NotEligible, BirthDateMissing.
    """

    def enter() -> UUID:
        draw = _open_draw(session, draw_id)
        (who,) = resolve_patients(session, citizen_id, [member_id])
        check_age(get_service(session, draw.service_id), who, draw.day)
        entered = select(DrawRequest.id).where(
            DrawRequest.draw_id == draw_id,
            DrawRequest.patient_id == who.patient_id,
            DrawRequest.state != DrawOutcome.WITHDRAWN,
        )
        # The patient is locked, so nobody enters them meanwhile; the unique index would refuse it all the same.
        if session.scalar(entered) is not None:
            raise AlreadyEntered
        booked = select(Booking.id).where(
            Booking.patient_id == who.patient_id,
            Booking.service_id == draw.service_id,
            Booking.day == draw.day,
            Booking.state.in_(LIVE),
        )
        if session.scalar(booked) is not None:
            raise AlreadyBooked
        request_id = new_id()
        session.add(
            DrawRequest(
                id=request_id,
                created_at=clock.now(),
                draw_id=draw_id,
                citizen_id=citizen_id,
                member_id=member_id,
                patient_id=who.patient_id,
                patient_no=who.patient_no,
                patient_sealed=seal(session, citizen_id, request_id, who),
                ticket=lots.new_ticket(),
            )
        )
        session.flush()
        return request_id

    return idempotency.once(session, request, enter)


def withdraw_request(session: Session, citizen_id: UUID, request_id: UUID) -> dict[str, Any]:
    """Ask no longer, until the ten minutes are over. Raises NotFound, DrawNotOpen."""
    told = get_request(session, citizen_id, request_id)
    _open_draw(session, told["draw_id"])
    session.execute(
        update(DrawRequest)
        .where(DrawRequest.id == request_id, DrawRequest.state == DrawOutcome.ENTERED)
        .values(state=DrawOutcome.WITHDRAWN)
    )
    return get_request(session, citizen_id, request_id)


def get_request(session: Session, citizen_id: UUID, request_id: UUID) -> dict[str, Any]:
    """A request of the citizen, with a turn in the waiting list where it was lost. Raises NotFound."""
    found = session.execute(_requests(citizen_id).where(DrawRequest.id == request_id)).one_or_none()
    if found is None:
        raise NotFound
    return _tell(found, citizen_id)


def list_requests(session: Session, citizen_id: UUID) -> list[dict[str, Any]]:
    """The citizen's requests, the newest fifty."""
    rows = session.execute(_requests(citizen_id).order_by(DrawRequest.id.desc()).limit(_SHOWN_LAST)).all()
    return [_tell(row, citizen_id) for row in rows]


def find_lost(session: Session, request_id: UUID) -> Columns | None:
    """What a message says of a request that got no place: where. None when the person has left."""
    return session.execute(
        select(DrawRequest.citizen_id, Facility.name.label("place"), Draw.day)
        .join(Draw, Draw.id == DrawRequest.draw_id)
        .join(Facility, Facility.id == Draw.facility_id)
        .where(DrawRequest.id == request_id)
    ).one_or_none()


def _open_draw(session: Session, draw_id: UUID) -> Columns:
    """The draw, locked against being drawn, while it takes requests. Raises NotFound, DrawNotOpen."""
    asked = select(Draw.service_id, Draw.day, Draw.state, Draw.opens_at, Draw.closes_at).where(Draw.id == draw_id)
    # Whoever comes too late is told so by one look, and keeps nobody from drawing.
    _check_open(session.execute(asked).one_or_none())
    return _check_open(session.execute(asked.with_for_update(read=True, key_share=True)).one_or_none())


def _check_open(draw: Columns | None) -> Columns:
    if draw is None:
        raise NotFound
    if draw.state is not DrawState.ANNOUNCED or not draw.opens_at <= clock.now() < draw.closes_at:
        told: dict[str, Any] = {name: clock.local(getattr(draw, name)).isoformat(timespec="seconds") for name in _TIMES}
        raise DrawNotOpen(state=draw.state, **told)
    return draw


def _requests(citizen_id: UUID) -> Any:  # noqa: ANN401 - a select of many columns
    return (
        select(
            DrawRequest.id, DrawRequest.draw_id, DrawRequest.member_id, DrawRequest.ticket, DrawRequest.rank,
            DrawRequest.state, DrawRequest.booking_id, Draw.service_id, Draw.day, Draw.closes_at,
        )
        .join(Draw, Draw.id == DrawRequest.draw_id)
        .where(DrawRequest.citizen_id == citizen_id)
    )  # fmt: skip


def _tell(row: Columns, citizen_id: UUID) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in row._fields if name != "closes_at"}
    waitlist = None
    if row.state in {DrawOutcome.LOST, DrawOutcome.PASSED_OVER}:
        # Who was drawn earlier waits before who was drawn later.
        turn = row.closes_at + timedelta(microseconds=row.rank or 0)
        waitlist = {
            "service_id": row.service_id,
            "from_on": row.day,
            "to_on": row.day,
            "token": turn_after_draw(citizen_id, row.service_id, turn),
        }
    return told | {"waitlist": waitlist}
