"""Who does not come: blamed only where the clinic was there, heard on appeal, asked once more before the next."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from kit import clock
from kit.database import transaction
from services.health import flows
from services.health.models import Booking, BookingState
from services.health.operations.patients import resolve_patients
from tests.health.clinics import BOOKINGS, DESK, at, book, make_service, make_slot, nurse_again, start, states, tomorrow


@pytest.fixture
def today(service):
    """A place today at eleven."""
    return make_slot(service, at(clock.today(), 11), capacity=50)


@pytest.mark.parametrize(("opened", "state"), [(True, BookingState.NO_SHOW), (False, BookingState.UNKNOWN)])
def test_nobody_is_to_blame_where_the_clinic_never_opened(an, today, service, nurse, later, opened, state):
    booked = book(an, today)
    if opened:
        start(nurse, service)

    later(timedelta(hours=2))
    flows.close_days()
    early = states(booked["id"])
    later(timedelta(minutes=46))
    flows.close_days()

    assert (early, states(booked["id"])) == ([BookingState.BOOKED], [state])


def test_a_missed_visit_can_be_appealed_and_pardoned(an, today, service, nurse, later):
    booked = book(an, today)
    start(nurse, service)
    later(timedelta(hours=3), an)
    flows.close_days()
    nurse_again(nurse)
    path = f"{BOOKINGS}/{booked['id']}/appeal"

    appealed = an.post(path, json={"text": "Tôi đã đến nhưng quầy đóng cửa."})
    again = an.post(path, json={"text": "Lần nữa"})
    pardoned = nurse.post(f"{DESK}/bookings/{booked['id']}/pardon")

    assert (appealed.status_code, again.json["code"], pardoned.status_code) == (200, "nothing_to_appeal", 204)
    assert states(booked["id"]) == [BookingState.UNKNOWN]


def test_who_missed_two_visits_says_once_more_that_they_come_or_the_place_is_freed(an, service, nurse, later):
    miss_twice(an)
    slots = [make_slot(service, at(tomorrow(), hour)) for hour in (9, 10)]
    kept, freed = book(an, slots[0]), None
    said = an.post(f"{BOOKINGS}/{kept['id']}/reconfirmation")
    other = make_slot(make_service(), at(tomorrow(), 15))
    freed = book(an, other)

    later(timedelta(hours=29, minutes=30))
    flows.close_days()

    assert kept["reconfirm_by_at"] == kept["starts_at"].replace("T09", "T08")
    assert said.json["reconfirm_by_at"] is None
    assert states(freed["id"]) == [BookingState.CANCELLED_BY_CITIZEN]


def test_who_moves_a_visit_is_asked_again_before_the_new_time_and_not_before_the_old_one(an, service, later):
    miss_twice(an)
    booked = book(an, make_slot(service, at(tomorrow(), 9)))
    new = make_slot(service, at(tomorrow() + timedelta(days=1), 9))

    moved = an.post(f"{BOOKINGS}/{booked['id']}/move", json={"slot_id": str(new.id)})
    later(timedelta(hours=24))
    flows.close_days()

    assert (moved.status_code, moved.json["reconfirm_by_at"]) == (200, moved.json["starts_at"].replace("T09", "T08"))
    assert states(booked["id"]) == [BookingState.BOOKED]


def test_who_books_within_the_hour_has_just_said_that_they_come(an):
    miss_twice(an)
    booked = book(an, make_slot(make_service(lead_minutes=10), at(clock.today(), 9, 45)))

    flows.close_days()

    assert booked["reconfirm_by_at"] is None
    assert states(booked["id"]) == [BookingState.BOOKED]


def miss_twice(person):
    """Two visits of last month that the person did not come to."""
    for days in (20, 30):
        slot = make_slot(make_service(), at(clock.today() - timedelta(days=days), 8))
        with transaction() as session:
            patient = operations_patient(session, person)
            session.add(
                Booking(
                    id=uuid4(), hold_id=uuid4(), citizen_id=person.id, patient_id=patient.patient_id,
                    patient_no=patient.patient_no, facility_id=slot.facility_id, service_id=slot.service_id,
                    slot_id=slot.id, day=slot.day, starts_at=slot.starts_at, ends_at=slot.ends_at,
                    state=BookingState.NO_SHOW,
                )
            )  # fmt: skip
            session.get_one(type(slot), slot.id).taken = 1


def operations_patient(session, person):
    return resolve_patients(session, person.id, [None])[0]
