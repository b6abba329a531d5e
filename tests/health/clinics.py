"""Clinics as the stories need them: a facility, a service, places at a time, and who comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

import auth.operations
from auth.assurance import Proof
from auth.models import Assurance
from kit import clock
from kit.database import transaction
from services.health import operations
from services.health.models import (
    BLOCKING,
    Booking,
    BookingState,
    Facility,
    Ownership,
    Practitioner,
    Service,
    Slot,
    SlotState,
    Speciality,
)
from tests.people import Caller, Person, StaffMember

HOLDS, BOOKINGS, WAITS, DESK = (f"/v1/health/{name}" for name in ("holds", "bookings", "waits", "desk"))
CCCD = "038215001234"
_numbers = count(1)


def make_facility(name: str = "Bệnh viện Nhi Thanh Hoá", **more: Any) -> Facility:
    """A hospital of the sample province, made anew each time."""
    facility = Facility(
        **{
            "source_key": f"test|{next(_numbers)}",
            "name": name,
            "former_names": [],
            "ownership": Ownership.PUBLIC,
            "specialities": ["children"],
            "phones": ["0237 3 951 234"],
            "search_fold": "",
            "sort_key": name,
            "source": "tests",
        }
        | more
    )
    with transaction() as session:
        session.add(facility)
    return facility


def make_service(facility: Facility | None = None, **more: Any) -> Service:
    """A service that takes bookings from an hour before, cancelled until four hours before."""
    facility = facility or make_facility()
    service = Service(
        **{
            "facility_id": facility.id,
            "code": f"kham-{next(_numbers)}",
            "name_vi": "Khám nhi",
            "name_en": "Paediatrics",
            "speciality": Speciality.CHILDREN,
            "duration_minutes": 15,
            "horizon_days": 30,
            "needs_referral": False,
        }
        | more
    )
    with transaction() as session:
        session.add(service)
    return service


def make_practitioner(facility_id: UUID) -> Practitioner:
    """A doctor."""
    doctor = Practitioner(facility_id=facility_id, name="BS. Trần Minh Đức", role="doctor", specialities=[])
    with transaction() as session:
        session.add(doctor)
        session.flush()
        session.refresh(doctor)
    return doctor


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """An instant of a Vietnamese wall clock."""
    return datetime.combine(day, time(hour, minute), clock.ZONE).astimezone(UTC)


def tomorrow() -> date:
    """The day after today in Vietnam."""
    return clock.today() + timedelta(days=1)


def make_slot(
    service: Service,
    starts_at: datetime | None = None,
    *,
    capacity: int = 1,
    minutes: int = 15,
    practitioner: Practitioner | None = None,
    release_at: datetime | None = None,
) -> Slot:
    """Places of a service, tomorrow at eight unless told otherwise."""
    starts_at = starts_at or at(tomorrow(), 8)
    slot = Slot(
        facility_id=service.facility_id,
        service_id=service.id,
        practitioner_id=practitioner.id if practitioner else None,
        practitioner_no=practitioner.no if practitioner else None,
        day=clock.local(starts_at).date(),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        release_at=release_at or clock.now() - timedelta(days=1),
        closes_at=starts_at - timedelta(minutes=service.lead_minutes),
        capacity=capacity,
    )
    with transaction() as session:
        session.add(slot)
    return slot


def make_morning(service: Service, slots: int, *, capacity: int = 1, day: date | None = None) -> list[Slot]:
    """Slots of a quarter of an hour from seven o'clock on."""
    first = at(day or tomorrow(), 7)
    return [make_slot(service, first + timedelta(minutes=15 * place), capacity=capacity) for place in range(slots)]


def hold(person: Caller, slot: Slot | None = None, *, window: dict[str, Any] | None = None, **more: Any) -> Any:
    """Ask for a place."""
    headers = more.pop("headers", None)
    asked = {"slot_id": str(slot.id)} if slot is not None else {"window": window}
    return person.post(HOLDS, json=asked | more, headers=headers)


def any_place(service: Service, day: date | None = None, **hours: str) -> dict[str, Any]:
    """Any place of a day."""
    return {"service_id": str(service.id), "day": (day or tomorrow()).isoformat(), **hours}


def confirm(person: Caller, held: Any) -> Any:
    """Say yes to what is held."""
    return person.post(f"{HOLDS}/{held.json['id']}/confirmation")


def book(person: Caller, slot: Slot, **more: Any) -> dict[str, Any]:
    """Hold a place and say yes; the booking as told."""
    held = hold(person, slot, **more)
    assert held.status_code == 201, held.json
    booked = confirm(person, held)
    assert booked.status_code == 200, booked.json
    told: dict[str, Any] = booked.json["items"][0]
    return told


def add_child(person: Person, name: str = "Nguyễn Thị Mai", **more: Any) -> str:
    """A child of the household; the id of the profile."""
    profile = {"name": name, "relation": "child", "birth_date": "2020-05-04"} | more
    added = person.post("/v1/me/household", json=profile)
    assert added.status_code == 201, added.json
    return str(added.json["id"])


def sign_in_again(*people: Person) -> None:
    """Access tokens live for five minutes: these people get new ones."""
    with transaction() as session:
        for person in people:
            person.token = auth.operations.start_session(session, person.id, None, is_new_device=False).access_token


def slot_now(slot: Slot) -> Slot:
    """A slot as it stands in the table."""
    with transaction() as session:
        return session.get_one(Slot, slot.id)


def booking_now(booking_id: str | UUID) -> Booking:
    """A booking as it stands in the table."""
    with transaction() as session:
        return session.get_one(Booking, UUID(str(booking_id)))


def states(*booking_ids: str) -> list[BookingState]:
    """The states of bookings as they stand."""
    return [booking_now(one).state for one in booking_ids]


def count_bookings(*state: BookingState) -> int:
    """How many bookings there are, in some states or all."""
    with transaction() as session:
        return session.scalar(select(func.count(Booking.id)).where(Booking.state.in_(state or list(BookingState))))


def has_drift() -> list[tuple[UUID, int, int]]:
    """Slots whose counter is not the number of those who keep a place: (slot, counted, kept)."""
    kept = select(func.count(Booking.id)).where(Booking.slot_id == Slot.id, Booking.state.in_(BLOCKING))
    with transaction() as session:
        assert (operations.count_drift(session) == 0) == (
            session.execute(select(Slot.id).where(Slot.taken != kept.scalar_subquery())).first() is None
        )
        return list(session.execute(select(Slot.id, Slot.taken, kept.scalar_subquery()).where(
            Slot.taken != kept.scalar_subquery()
        )))  # fmt: skip


def withdrawn(slots: Sequence[Slot]) -> list[bool]:
    """Which of these slots give no places any more."""
    return [slot_now(one).state is SlotState.WITHDRAWN for one in slots]


def nurse_again(nurse: StaffMember) -> None:
    """The nurse signs in anew with the passkey."""
    with transaction() as session:
        proof = Proof(Assurance.PASSKEY, clock.now(), clock.now())
        nurse.token = auth.operations.start_session(session, nurse.id, None, proof, is_new_device=False).access_token


def start(nurse: StaffMember, service: Service) -> Any:
    """Begin the clinic's day."""
    return nurse.post(f"{DESK}/sessions", json={"service_id": str(service.id)})
