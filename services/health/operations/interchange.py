"""Reading clinics the way other systems ask: schedules, slots in a span of time, people by name, what is free now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, case, cast, exists, func, literal_column, or_, select
from sqlalchemy.orm import Session

from kit import clock
from kit.errors import NotFound
from kit.pages import Page, page
from kit.text import fold
from services.health.models import (
    Booking,
    BookingState,
    Department,
    Facility,
    Practitioner,
    Service,
    Slot,
    SlotState,
    Speciality,
)
from services.health.operations.bookings import BookingTold, get_booking, tell
from services.health.operations.directory import Columns, bookable_now

MOST_DAYS = 14
NO_PROVINCE = "00"
_FEED_DAYS = timedelta(days=120)
_MOST_PROPOSED = 200


@dataclass(frozen=True)
class Span:
    """From an instant, up to but without another."""

    start: datetime
    end: datetime


EVER = Span(datetime.fromisoformat("1900-01-01T00:00:00+00:00"), datetime.fromisoformat("9000-01-01T00:00:00+00:00"))


@dataclass(frozen=True)
class SlotsWanted:
    """Which slots; None means any. `only` is the schedule of a service without or with one practitioner."""

    span: Span | None = None
    only: tuple[UUID, UUID | None] | None = None
    service_id: UUID | None = None
    facility_id: UUID | None = None
    practitioner_id: UUID | None = None
    speciality: Speciality | None = None
    status: str | None = None


def get_department(session: Session, department_id: UUID) -> Department:
    """One department. Raises NotFound."""
    found = session.get(Department, department_id)
    if found is None:
        raise NotFound
    return found


def within_two_weeks(span: Span) -> Span:
    """A span with its open ends closed: from now on, for two weeks. One that is closed stays as long as it is."""
    start = clock.now() if span.start == EVER.start else span.start
    return Span(start, start + timedelta(days=MOST_DAYS) if span.end == EVER.end else span.end)


def get_facility_or_department(session: Session, key: UUID) -> tuple[Facility | None, Department | None]:
    """Whichever of the two has this id. Raises NotFound."""
    facility = session.get(Facility, key)
    return facility, None if facility is not None else get_department(session, key)


def list_departments(session: Session, facility_id: UUID) -> Sequence[Department]:
    """The departments of a facility, by code."""
    return session.scalars(
        select(Department).where(Department.facility_id == facility_id).order_by(Department.code)
    ).all()


def get_practitioner(session: Session, practitioner_id: UUID) -> Practitioner:
    """One practitioner. Raises NotFound."""
    found = session.get(Practitioner, practitioner_id)
    if found is None:
        raise NotFound
    return found


def search_practitioners(
    session: Session,
    *,
    name: str | None = None,
    facility_id: UUID | None = None,
    practitioner_id: UUID | None = None,
    speciality: Speciality | None = None,
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of practitioners; `name` begins a word of theirs, diacritics or not."""
    statement = select(Practitioner)
    if name is not None:
        folded = func.replace(_without_marks(Practitioner.name), "đ", "d")
        statement = statement.where((" " + folded).contains(f" {fold(name)}", autoescape=True))
    if facility_id is not None:
        statement = statement.where(Practitioner.facility_id == facility_id)
    if practitioner_id is not None:
        statement = statement.where(Practitioner.id == practitioner_id)
    if speciality is not None:
        statement = statement.where(Practitioner.specialities.contains([speciality]))
    question = ("practitioners", name, facility_id, practitioner_id, speciality)
    return page(
        session, statement, by=[Practitioner.id], limit=limit, cursor=cursor, question=question, descending=False
    )


def find_service(session: Session, service_id: UUID) -> Columns | None:
    """One service with the name of its facility, as columns."""
    return session.execute(
        select(
            Service.id, Service.name_vi, Service.name_en, Service.speciality, Service.facility_id, Service.bring_vi,
            Service.bring_en, Service.is_open, Facility.name.label("facility"),
        )
        .join(Facility, Facility.id == Service.facility_id)
        .where(Service.id == service_id)
    ).one_or_none()  # fmt: skip


def search_schedules(session: Session, wanted: SlotsWanted, *, limit: int, cursor: str | None) -> Page:
    """A page of schedules with places to come: service, practitioner or none, the first and the last instant."""
    key = cast(func.concat(Slot.service_id, ".", Slot.practitioner_id), Text).label("key")
    statement = _schedules(wanted, clock.now()).add_columns(key)
    by: list[Any] = [key]
    question = ("schedules", vars(wanted) | {"span": str(wanted.span)})
    return page(session, statement, by=by, limit=limit, cursor=cursor, question=question, descending=False)


def find_schedule(session: Session, service_id: UUID, practitioner_id: UUID | None) -> Columns | None:
    """One schedule with places to come, as `search_schedules` tells it."""
    return session.execute(_schedules(SlotsWanted(only=(service_id, practitioner_id)), clock.now())).one_or_none()


def search_slots(session: Session, wanted: SlotsWanted, *, limit: int, cursor: str | None) -> Page:
    """A page of slots in the order of time, as columns with `status` in the words of FHIR; of two weeks at most."""
    bounded = replace(wanted, span=within_two_weeks(wanted.span or EVER))
    statement = _slots(bounded, clock.now())
    question = ("slots", vars(wanted) | {"span": str(wanted.span)})
    return page(
        session, statement, by=[Slot.starts_at, Slot.id], limit=limit, cursor=cursor, question=question,
        descending=False,
    )  # fmt: skip


def find_slot(session: Session, slot_id: UUID) -> Columns | None:
    """One slot, as `search_slots` tells it."""
    return session.execute(_slots(SlotsWanted(), clock.now()).where(Slot.id == slot_id)).one_or_none()


def list_free(session: Session, wanted: SlotsWanted) -> Sequence[Columns]:
    """Slots of which somebody may take a place now, the soonest 200 of those that are wanted within two weeks."""
    bounded = replace(wanted, span=within_two_weeks(wanted.span or EVER))
    return session.execute(
        _slots(bounded, clock.now())
        .where(bookable_now(clock.now()))
        .order_by(Slot.starts_at, Slot.id)
        .limit(_MOST_PROPOSED)
    ).all()


def list_provinces_with_places(session: Session) -> Sequence[Columns]:
    """Provinces with something free now: `code` ("00" where none is known) and `name`."""
    code = func.coalesce(Facility.province_code, NO_PROVINCE)
    return session.execute(
        select(code.label("code"), func.max(Facility.province).label("name"))
        .where(exists().where(Slot.facility_id == Facility.id, *_free(clock.now())))
        .group_by(code)
        .order_by(code)
    ).all()


def list_bookable_facilities(session: Session) -> Sequence[Facility]:
    """Facilities with something free now, by name."""
    return session.scalars(
        select(Facility)
        .where(exists().where(Slot.facility_id == Facility.id, *_free(clock.now())))
        .order_by(Facility.sort_key, Facility.id)
    ).all()


def list_all_schedules(session: Session) -> Sequence[Columns]:
    """Every schedule with places to come."""
    return session.execute(_schedules(SlotsWanted(), clock.now()).order_by(Slot.service_id, Slot.practitioner_id)).all()


def list_free_of_province(session: Session, province_code: str) -> Sequence[Columns]:
    """All that is free now in a province, with the facility's `phones`, in the order of time.

    Raises NotFound for what is no code of a province.
    """
    now = clock.now()
    if re.fullmatch("[0-9]{2}", province_code) is None:
        raise NotFound
    return session.execute(
        _slots(SlotsWanted(), now)
        .add_columns(Facility.phones)
        .join(Facility, Facility.id == Slot.facility_id)
        .where(func.coalesce(Facility.province_code, NO_PROVINCE) == province_code, *_free(now))
        .order_by(Slot.starts_at, Slot.id)
    ).all()


def search_appointments(
    session: Session,
    citizen_id: UUID,
    *,
    patient_id: UUID | None,
    span: Span | None,
    states: Sequence[BookingState],
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of the citizen's bookings, the newest first, as `BookingTold`.

    `patient_id` is the citizen's own id or that of a profile; another one finds nothing.
    """
    wanted = select(Booking).where(Booking.citizen_id == citizen_id)
    if patient_id is not None:
        own = Booking.member_id.is_(None) if patient_id == citizen_id else Booking.member_id == patient_id
        wanted = wanted.where(own)
    if span is not None:
        wanted = wanted.where(Booking.starts_at >= span.start, Booking.starts_at < span.end)
    if states:
        wanted = wanted.where(Booking.state.in_(states))
    question = ("appointments", citizen_id, patient_id, str(span), sorted(states))
    found = page(session, wanted, by=[Booking.id], limit=limit, cursor=cursor, question=question)
    return Page(tell(session, found.items), found.next)


def get_appointment(session: Session, citizen_id: UUID, booking_id: UUID) -> BookingTold:
    """One booking of the citizen. Raises NotFound."""
    return tell(session, [get_booking(session, citizen_id, booking_id)])[0]


def _slots(wanted: SlotsWanted, now: datetime) -> Select[*tuple[Any, ...]]:
    status = _status(now)
    statement = (
        select(
            Slot.id, Slot.service_id, Slot.facility_id, Slot.practitioner_id, Slot.starts_at, Slot.ends_at,
            Slot.capacity, Slot.taken, status.label("status"), Service.name_vi, Service.name_en, Service.speciality,
        )
        .join(Service, Service.id == Slot.service_id)
        .where(*_wanted(wanted))
    )  # fmt: skip
    return statement if wanted.status is None else statement.where(status == wanted.status)


def _schedules(wanted: SlotsWanted, now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Slot.service_id, Slot.practitioner_id, Slot.facility_id, Service.name_vi, Service.name_en,
            Service.speciality, func.min(Slot.starts_at).label("first_at"), func.max(Slot.ends_at).label("last_at"),
        )
        .join(Service, Service.id == Slot.service_id)
        .where(Slot.state == SlotState.OPEN, Slot.starts_at > now, Service.is_open, *_wanted(wanted))
        .group_by(
            Slot.service_id, Slot.practitioner_id, Slot.facility_id, Service.name_vi, Service.name_en,
            Service.speciality,
        )
    )  # fmt: skip


def _wanted(wanted: SlotsWanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.span is not None:
        found += [Slot.starts_at >= wanted.span.start, Slot.starts_at < wanted.span.end]
    if wanted.only is not None:
        service_id, practitioner_id = wanted.only
        found += [Slot.service_id == service_id, Slot.practitioner_id.is_not_distinct_from(practitioner_id)]
    if wanted.service_id is not None:
        found.append(Slot.service_id == wanted.service_id)
    if wanted.facility_id is not None:
        found.append(Slot.facility_id == wanted.facility_id)
    if wanted.practitioner_id is not None:
        found.append(Slot.practitioner_id == wanted.practitioner_id)
    if wanted.speciality is not None:
        found.append(Service.speciality == wanted.speciality)
    return found


def _status(now: datetime) -> ColumnElement[str]:
    """What FHIR calls it: free, taken, taken but not for good, or not to be had."""
    held = exists().where(Booking.slot_id == Slot.id, Booking.state == BookingState.HELD)
    not_given = or_(Slot.state != SlotState.OPEN, Slot.release_at > now, Slot.closes_at <= now)
    return case(
        (not_given, "busy-unavailable"),
        (Slot.taken < Slot.capacity, "free"),
        (held, "busy-tentative"),
        else_="busy",
    )


def _free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (bookable_now(now), Slot.starts_at > now, Slot.starts_at < now + _FEED_DAYS)


def _without_marks(name: Any) -> ColumnElement[str]:  # noqa: ANN401 - a column
    apart = func.normalize(func.lower(name), literal_column("NFD"))
    return func.regexp_replace(apart, "[\u0300-\u036f]", "", "g")
