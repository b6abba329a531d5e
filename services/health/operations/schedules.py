"""Changing schedules: rules that begin and end, exceptions, and the one writer that makes places of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.events import emit
from services.health.errors import ScheduleUnclear
from services.health.events import PlacesWithdrawn
from services.health.models import (
    LIVE,
    Booking,
    ExceptionKind,
    Holiday,
    MoveCause,
    Practitioner,
    ScheduleException,
    ScheduleRule,
    Service,
    Slot,
    SlotState,
)
from services.health.operations.drawn_days import list_days
from services.health.operations.moves import open_tasks
from services.health.timetable import PlannedSlot, plan

_BATCH = 500
_LONGEST_EXCEPTION = timedelta(days=366)


@dataclass(frozen=True)
class Written:
    """What one run of the writer did."""

    made: int = 0
    changed: int = 0
    withdrawn: int = 0
    people: int = 0  # who are to be moved


def write_slots(session: Session, service_id: UUID, *, reason: str = "schedule_changed") -> Written:
    """Bring the slots of a service to what its schedule wants, from today to its horizon.

    One writer at a time: a second one waits. A slot in which somebody has a place is never deleted: it is withdrawn,
    and each of its people gets a move task. Capacity never falls below what is taken.
    """
    # No row stands for "the slots of this service", so the turn is taken by its id.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"slots:{service_id}", 0))))
    service = session.execute(select(Service).where(Service.id == service_id)).scalar_one_or_none()
    if service is None:
        raise NotFound
    now, today = clock.now(), clock.today()
    days = [today + timedelta(days=step) for step in range(service.horizon_days + 1)]
    planned = [slot for slot in _plan(session, service, days) if slot.starts_at > now] if service.is_open else []
    wanted = {(slot.starts_at, slot.practitioner_id): slot for slot in planned}
    present = {
        (row.starts_at, row.practitioner_id): row
        for row in session.execute(
            select(Slot.id, Slot.starts_at, Slot.ends_at, Slot.practitioner_id, Slot.capacity, Slot.kept, Slot.state,
                   Slot.release_at, Slot.closes_at)
            .where(Slot.service_id == service_id, Slot.starts_at > now)
        )
    }  # fmt: skip
    made = _make(session, service, [slot for key, slot in wanted.items() if key not in present])
    changed = 0
    gone = [row.id for key, row in present.items() if key not in wanted and row.state is SlotState.OPEN]
    for key in sorted(wanted.keys() & present.keys(), key=lambda key: present[key].id):
        row, slot = present[key], wanted[key]
        if _is_as_wanted(row, slot, service):
            continue
        if _change(session, row, slot, service):
            changed += 1
        elif row.state is SlotState.OPEN:
            gone.append(row.id)
    gone.sort()
    people = _withdraw(session, service, gone, reason) if gone else 0
    return Written(made, changed, len(gone), people)


def write_all_slots(session: Session) -> Sequence[UUID]:
    """The services whose slots are to be written, for a writer that takes them one by one."""
    return session.scalars(select(Service.id).order_by(Service.id)).all()


def add_rule(session: Session, facility_id: UUID, given: Mapping[str, Any]) -> ScheduleRule:
    """Add a weekly rule to a service of the facility. Raises NotFound, ScheduleUnclear."""
    _check_service(session, facility_id, given["service_id"])
    if given["opens"] >= given["closes"]:
        raise ScheduleUnclear(field="closes")
    if given["kept"] >= given["capacity"]:
        raise ScheduleUnclear(field="kept")
    if given["practitioner_id"] is not None and session.get(Practitioner, given["practitioner_id"]) is None:
        raise NotFound
    if given["valid_to"] is not None and given["valid_to"] < given["valid_from"]:
        raise ScheduleUnclear(field="valid_to")
    rule = ScheduleRule(id=new_id(), created_at=clock.now(), **given)
    session.add(rule)
    session.flush()
    write_slots(session, rule.service_id)
    return rule


def end_rule(session: Session, facility_id: UUID, rule_id: UUID, last_on: date) -> ScheduleRule:
    """Let a weekly rule hold until `last_on` and no longer. Raises NotFound, ScheduleUnclear."""
    rule = session.execute(
        select(ScheduleRule)
        .join(Service, Service.id == ScheduleRule.service_id)
        .where(ScheduleRule.id == rule_id, Service.facility_id == facility_id)
        .with_for_update(of=ScheduleRule)
    ).scalar_one_or_none()
    if rule is None:
        raise NotFound
    if last_on < rule.valid_from - timedelta(days=1):
        raise ScheduleUnclear(field="last_on")
    # A rule that never held would end before it began: it holds on no day that is still to come.
    rule.valid_to = max(last_on, rule.valid_from)
    session.flush()
    write_slots(session, rule.service_id)
    return rule


def add_exception(session: Session, facility_id: UUID, given: Mapping[str, Any]) -> tuple[ScheduleException, Written]:
    """Close days, add hours or change the number of places. Raises NotFound, ScheduleUnclear."""
    if given["service_id"] is not None:
        _check_service(session, facility_id, given["service_id"])
    if given["to_on"] < given["from_on"] or given["to_on"] - given["from_on"] > _LONGEST_EXCEPTION:
        raise ScheduleUnclear(field="to_on")
    if given["kind"] != "closed" and (given["service_id"] is None or given["capacity"] is None):
        raise ScheduleUnclear(field="capacity")
    if given["kind"] == "extra" and None in {given["opens"], given["closes"], given["slot_minutes"]}:
        raise ScheduleUnclear(field="opens")
    if given["opens"] and given["closes"] and given["opens"] >= given["closes"]:
        raise ScheduleUnclear(field="closes")
    values = dict(given) | {"kind": ExceptionKind(given["kind"])}
    exception = ScheduleException(id=new_id(), created_at=clock.now(), facility_id=facility_id, **values)
    session.add(exception)
    session.flush()
    concerned = [exception.service_id] if exception.service_id else _services_of(session, facility_id)
    done = [write_slots(session, service_id, reason=exception.reason) for service_id in concerned]
    total = Written(
        sum(one.made for one in done),
        sum(one.changed for one in done),
        sum(one.withdrawn for one in done),
        sum(one.people for one in done),
    )
    return exception, total


def list_rules(session: Session, facility_id: UUID) -> Sequence[ScheduleRule]:
    """The weekly rules of a facility that still hold or will hold."""
    return session.scalars(
        select(ScheduleRule)
        .join(Service, Service.id == ScheduleRule.service_id)
        .where(
            Service.facility_id == facility_id,
            or_(ScheduleRule.valid_to.is_(None), ScheduleRule.valid_to >= clock.today()),
        )
        .order_by(ScheduleRule.service_id, ScheduleRule.weekday, ScheduleRule.opens)
    ).all()


def raise_capacity(session: Session, facility_id: UUID, slot_id: UUID, *, by: int, reason: str, actor: UUID) -> Slot:
    """Let more people into a slot than its schedule says, for a reason that is written down. Raises NotFound."""
    slot = session.scalar(
        update(Slot)
        .where(Slot.id == slot_id, Slot.facility_id == facility_id, Slot.state == SlotState.OPEN)
        .values(capacity=Slot.capacity + by)
        .returning(Slot)
        .execution_options(populate_existing=True)
    )
    if slot is None:
        raise NotFound
    session.add(
        ScheduleException(
            facility_id=facility_id,
            service_id=slot.service_id,
            practitioner_id=slot.practitioner_id,
            kind=ExceptionKind.CAPACITY,
            from_on=slot.day,
            to_on=slot.day,
            opens=clock.local(slot.starts_at).time(),
            closes=clock.local(slot.ends_at).time(),
            capacity=slot.capacity,
            reason=f"{reason} [{actor}]",
        )
    )
    session.flush()
    return slot


def _plan(session: Session, service: Service, days: Sequence[date]) -> list[PlannedSlot]:
    rules = session.scalars(
        select(ScheduleRule).where(ScheduleRule.service_id == service.id).order_by(ScheduleRule.id)
    ).all()
    exceptions = session.scalars(
        select(ScheduleException)
        .where(
            ScheduleException.facility_id == service.facility_id,
            or_(ScheduleException.service_id.is_(None), ScheduleException.service_id == service.id),
            ScheduleException.to_on >= days[0],
            ScheduleException.from_on <= days[-1],
        )
        .order_by(ScheduleException.id)
    ).all()
    holidays = session.scalars(select(Holiday).where(Holiday.day.between(days[0], days[-1]))).all()
    drawn = list_days(session, service.id, days)
    planned = plan(days, rules, exceptions, {holiday.day: holiday for holiday in holidays})
    return [_after_draw(slot, drawn[slot.day].done_at) if slot.day in drawn else slot for slot in planned]


def _after_draw(slot: PlannedSlot, done_at: datetime | None) -> PlannedSlot:
    """Places of a day that is drawn by lot are nobody's until that is done; then, what is left is everybody's."""
    return replace(slot, release_at=slot.starts_at if done_at is None else max(slot.release_at, done_at))


def _make(session: Session, service: Service, planned: Sequence[PlannedSlot]) -> int:
    if not planned:
        return 0
    numbers = _numbers(session, {slot.practitioner_id for slot in planned})
    now = clock.now()
    rows = [
        {
            "id": new_id(),
            "created_at": now,
            "facility_id": service.facility_id,
            "service_id": service.id,
            "practitioner_no": numbers.get(slot.practitioner_id),
            "closes_at": slot.starts_at - timedelta(minutes=service.lead_minutes),
            "taken": 0,
            "state": SlotState.OPEN,
            **slot.__dict__,
        }
        for slot in planned
    ]
    for start in range(0, len(rows), _BATCH):
        session.execute(insert_or_skip(Slot).on_conflict_do_nothing(), rows[start : start + _BATCH])
    return len(rows)


def _change(session: Session, row: Any, slot: PlannedSlot, service: Service) -> bool:  # noqa: ANN401 - columns
    """Bring a slot to what is wanted; False when it cannot be: it has another length, and people."""
    wanted = {
        "kept": slot.kept,
        "release_at": slot.release_at,
        "closes_at": slot.starts_at - timedelta(minutes=service.lead_minutes),
        "state": SlotState.OPEN,
        "ends_at": slot.ends_at,
    }
    guard = Slot.id == row.id if row.ends_at == slot.ends_at else and_(Slot.id == row.id, Slot.taken == 0)
    done = session.scalar(
        update(Slot).where(guard).values(capacity=func.greatest(slot.capacity, Slot.taken), **wanted).returning(Slot.id)
    )
    return done is not None


def _is_as_wanted(row: Any, slot: PlannedSlot, service: Service) -> bool:  # noqa: ANN401 - columns
    closes_at = slot.starts_at - timedelta(minutes=service.lead_minutes)
    return (row.capacity, row.kept, row.release_at, row.closes_at, row.state, row.ends_at) == (
        slot.capacity, slot.kept, slot.release_at, closes_at, SlotState.OPEN, slot.ends_at
    )  # fmt: skip


def _withdraw(session: Session, service: Service, slot_ids: Sequence[UUID], reason: str) -> int:
    session.execute(select(Slot.id).where(Slot.id.in_(slot_ids)).order_by(Slot.id).with_for_update())
    session.execute(update(Slot).where(Slot.id.in_(slot_ids)).values(state=SlotState.WITHDRAWN))
    affected = session.scalars(
        select(Booking.id).where(Booking.slot_id.in_(slot_ids), Booking.state.in_(LIVE)).order_by(Booking.id)
    ).all()
    opened = open_tasks(session, affected, MoveCause.SCHEDULE, reason)
    if opened:
        emit(session, PlacesWithdrawn(service.id))
    return opened


def _numbers(session: Session, ids: set[UUID | None]) -> dict[UUID | None, int]:
    rows = session.execute(
        select(Practitioner.id, Practitioner.no).where(Practitioner.id.in_([one for one in ids if one]))
    )
    return {row.id: row.no for row in rows}


def _check_service(session: Session, facility_id: UUID, service_id: UUID) -> None:
    known = session.scalar(select(Service.id).where(Service.id == service_id, Service.facility_id == facility_id))
    if known is None:
        raise NotFound


def _services_of(session: Session, facility_id: UUID) -> Sequence[UUID]:
    return session.scalars(select(Service.id).where(Service.facility_id == facility_id).order_by(Service.id)).all()
