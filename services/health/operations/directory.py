"""Reading the directory: facilities by words, place, distance and hours; what they offer; the nearest free place."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, DateTime, Row, Select, and_, cast, exists, func, literal, or_, select
from sqlalchemy.orm import Session

import divisions.operations
from kit import clock
from kit.errors import NotFound
from kit.pages import Page, page
from kit.text import fold
from services.health.models import (
    Department,
    Facility,
    FacilityHours,
    FacilityLevel,
    Holiday,
    HolidayKind,
    Practitioner,
    Service,
    Slot,
    SlotState,
    Speciality,
)

Columns = Row[*tuple[Any, ...]]
MOST_FEATURES = 2_000
_EARTH_METRES = 6_371_000
_METRES_A_DEGREE = 111_320
_NEVER = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
_SHOWN = (
    Facility.id, Facility.name, Facility.name_en, Facility.ownership, Facility.level, Facility.specialities,
    Facility.address, Facility.commune_code, Facility.commune, Facility.province_code, Facility.province,
    Facility.latitude, Facility.longitude, Facility.phones, Facility.always_open, Facility.attribution,
    Facility.sort_key,
)  # fmt: skip


@dataclass(frozen=True)
class Near:
    """A point, and how far from it in metres."""

    latitude: float
    longitude: float
    radius_metres: int


@dataclass(frozen=True)
class Wanted:
    """What facilities are looked for; None means any."""

    q: str | None = None
    speciality: Speciality | None = None
    level: FacilityLevel | None = None
    commune_code: str | None = None
    province_code: str | None = None
    area: str | None = None
    near: Near | None = None
    open_now: bool = False
    bookable: bool = False


@dataclass(frozen=True)
class FacilityTold:
    """A facility with all that is known of it."""

    facility: Facility
    hours: Sequence[FacilityHours]
    departments: Sequence[Department]
    services: Sequence[Columns]
    practitioners: Sequence[Practitioner]
    is_open: bool | None


def search_facilities(session: Session, wanted: Wanted, *, sort: str, limit: int, cursor: str | None) -> Page:
    """A page of facilities by `name`, `distance` (from `wanted.near`) or `next_free` place, as columns.

    Each row has `distance_metres` and `next_free_at`, None where not asked for or not there. Raises UnknownArea.
    """
    statement, by = _statement(session, wanted, sort)
    question = ("facilities", vars(wanted) | {"near": vars(wanted.near) if wanted.near else None}, sort)
    return page(session, statement, by=by, limit=limit, cursor=cursor, question=question, descending=False)


def list_features(session: Session, wanted: Wanted) -> Sequence[Columns]:
    """Facilities that have a point, for a map; at most two thousand, in alphabetical order."""
    statement, _by = _statement(session, wanted, "name")
    return session.execute(
        statement.where(Facility.latitude.is_not(None)).order_by(Facility.sort_key, Facility.id).limit(MOST_FEATURES)
    ).all()


def get_facility(session: Session, facility_id: UUID) -> FacilityTold:
    """One facility with hours, departments, services and practitioners. Raises NotFound."""
    facility = session.get(Facility, facility_id)
    if facility is None:
        raise NotFound
    hours = session.scalars(
        select(FacilityHours)
        .where(FacilityHours.facility_id == facility_id)
        .order_by(FacilityHours.weekday, FacilityHours.opens)
    ).all()
    departments = session.scalars(
        select(Department).where(Department.facility_id == facility_id).order_by(Department.code)
    ).all()
    practitioners = session.scalars(
        select(Practitioner).where(Practitioner.facility_id == facility_id).order_by(Practitioner.no)
    ).all()
    services = session.execute(_services().where(Service.facility_id == facility_id).order_by(Service.code)).all()
    is_open = None
    if hours or facility.always_open:
        is_open = session.scalar(select(_is_open_now(session)).where(Facility.id == facility_id))
    return FacilityTold(facility, hours, departments, services, practitioners, is_open)


def search_services(
    session: Session,
    *,
    facility_id: UUID | None,
    speciality: Speciality | None,
    province_code: str | None,
    q: str | None,
    sort: str,
    limit: int,
    cursor: str | None,
) -> Page:
    """A page of services that take bookings, by `name` or by `next_free` place, with the facility of each."""
    statement = _services().where(Service.is_open)
    if facility_id is not None:
        statement = statement.where(Service.facility_id == facility_id)
    if speciality is not None:
        statement = statement.where(Service.speciality == speciality)
    if province_code is not None:
        statement = statement.where(Facility.province_code == province_code)
    if q is not None:
        statement = statement.where(_has_words(q))
    by: list[Any] = [Facility.sort_key, Service.id]
    if sort == "next_free":
        free = _next_free(Slot.service_id == Service.id)
        soonest = cast(func.coalesce(free, _NEVER), DateTime(timezone=True)).label("free_order")
        statement = statement.add_columns(soonest)
        by = [soonest, *by]
    question = ("services", facility_id, speciality, province_code, q, sort)
    return page(session, statement, by=by, limit=limit, cursor=cursor, question=question, descending=False)


def get_service(session: Session, service_id: UUID) -> Service:
    """One service. Raises NotFound."""
    found = session.get(Service, service_id)
    if found is None:
        raise NotFound
    return found


def get_own_facility(session: Session, organisation_id: UUID) -> UUID:
    """The facility an organisation runs. Raises NotFound."""
    found = session.scalar(select(Facility.id).where(Facility.organisation_id == organisation_id))
    if found is None:
        raise NotFound
    return found


def list_phones(session: Session, facility_id: UUID) -> list[str]:
    """The numbers to call a facility under."""
    return list(session.scalar(select(Facility.phones).where(Facility.id == facility_id)) or [])


def bookable_now(now: datetime) -> ColumnElement[bool]:
    """Slots of which somebody may take a place at this instant."""
    return and_(Slot.state == SlotState.OPEN, Slot.taken < Slot.capacity, Slot.release_at <= now, Slot.closes_at > now)


def _statement(session: Session, wanted: Wanted, sort: str) -> tuple[Select[*tuple[Any, ...]], list[Any]]:
    by: list[Any] = [Facility.sort_key, Facility.id]
    distance: ColumnElement[int] = literal(None, BigInteger)
    if wanted.near is not None:
        distance = _distance(wanted.near)
    statement = select(*_SHOWN, distance.label("distance_metres"))
    if wanted.near is not None:
        statement = statement.where(*_box(wanted.near), distance <= wanted.near.radius_metres)
        if sort == "distance":
            by = [distance.label("distance_metres"), Facility.id]
    free = _next_free(Slot.facility_id == Facility.id)
    if sort == "next_free" or wanted.bookable:
        statement = statement.add_columns(free.label("next_free_at"))
    else:
        statement = statement.add_columns(literal(None, DateTime(timezone=True)).label("next_free_at"))
    if wanted.bookable:
        statement = statement.where(free.is_not(None))
    if sort == "next_free":
        soonest = cast(func.coalesce(free, _NEVER), DateTime(timezone=True)).label("free_order")
        statement = statement.add_columns(soonest)
        by = [soonest, *by]
    return _filtered(session, statement, wanted), by


def _filtered(session: Session, statement: Select[*tuple[Any, ...]], wanted: Wanted) -> Select[*tuple[Any, ...]]:
    if wanted.q is not None:
        statement = statement.where(_has_words(wanted.q))
    if wanted.speciality is not None:
        statement = statement.where(Facility.specialities.contains([wanted.speciality]))
    if wanted.level is not None:
        statement = statement.where(Facility.level == wanted.level)
    if wanted.commune_code is not None:
        statement = statement.where(Facility.commune_code == wanted.commune_code)
    if wanted.province_code is not None:
        statement = statement.where(Facility.province_code == wanted.province_code)
    if wanted.area is not None:
        statement = statement.where(Facility.province_code == divisions.operations.province_of(session, wanted.area))
    if wanted.open_now:
        statement = statement.where(_is_open_now(session))
    return statement


def _has_words(q: str) -> ColumnElement[bool]:
    """Every word of `q` begins a word of the facility's names or place, diacritics or not."""
    words = ["".join(char for char in word if char.isalnum()) for word in fold(q).split()]
    query = " & ".join(f"'{word}':*" for word in words if word)
    if not query:
        return literal(value=False)
    return func.to_tsvector("simple", Facility.search_fold).op("@@")(func.to_tsquery("simple", query))


def _is_open_now(session: Session) -> ColumnElement[bool]:
    now = clock.local(clock.now())
    holiday = session.get(Holiday, now.date())
    if holiday is not None and holiday.kind is HolidayKind.OFF:
        return Facility.always_open.is_(True)
    weekday = holiday.as_weekday if holiday is not None and holiday.as_weekday else now.isoweekday()
    hours = exists().where(
        FacilityHours.facility_id == Facility.id,
        FacilityHours.weekday == weekday,
        FacilityHours.opens <= now.time(),
        FacilityHours.closes > now.time(),
    )
    return or_(Facility.always_open.is_(True), hours)


def _box(near: Near) -> list[ColumnElement[bool]]:
    north = near.radius_metres / _METRES_A_DEGREE
    east = north / max(math.cos(math.radians(near.latitude)), 0.01)
    return [
        Facility.latitude.between(near.latitude - north, near.latitude + north),
        Facility.longitude.between(near.longitude - east, near.longitude + east),
    ]


def _distance(near: Near) -> ColumnElement[int]:
    """Great-circle metres, whole."""
    north = func.sin(func.radians(Facility.latitude - near.latitude) / 2)
    east = func.sin(func.radians(Facility.longitude - near.longitude) / 2)
    within = north * north + math.cos(math.radians(near.latitude)) * func.cos(func.radians(Facility.latitude)) * (
        east * east
    )
    return cast(2 * _EARTH_METRES * func.asin(func.least(1.0, func.sqrt(within))), BigInteger)


def _next_free(whose: ColumnElement[bool]) -> ColumnElement[datetime]:
    return (
        select(Slot.starts_at)
        .where(whose, bookable_now(clock.now()), Slot.starts_at > clock.now())
        .order_by(Slot.starts_at)
        .limit(1)
        .scalar_subquery()
    )


def _services() -> Select[*tuple[Any, ...]]:
    return select(
        Service.id,
        Service.code,
        Service.name_vi,
        Service.name_en,
        Service.speciality,
        Service.department_id,
        Service.facility_id,
        Facility.name.label("facility"),
        Facility.commune,
        Facility.province,
        Facility.sort_key,
        Service.duration_minutes,
        Service.lead_minutes,
        Service.horizon_days,
        Service.cancel_minutes,
        Service.min_age,
        Service.max_age,
        Service.needs_referral,
        Service.fee_vnd,
        Service.deposit_vnd,
        Service.bring_vi,
        Service.bring_en,
        Service.is_open,
        _next_free(Slot.service_id == Service.id).label("next_free_at"),
    ).join(Facility, Facility.id == Service.facility_id)


def group_hours(hours: Sequence[FacilityHours]) -> list[dict[str, Any]]:
    """Hours with the weekdays that share them, in the order of the week."""
    shared: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in hours:
        shared[f"{row.opens:%H:%M}", f"{row.closes:%H:%M}"].append(row.weekday)
    return [{"weekdays": days, "opens": opens, "closes": closes} for (opens, closes), days in shared.items()]
