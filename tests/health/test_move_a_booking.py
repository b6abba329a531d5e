"""Moving and cancelling: the old place is kept until the new one is won, and nobody waits for each other for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from kit import clock
from kit.database import transaction
from services.health.models import BookingState
from tests.health.clinics import (
    BOOKINGS,
    DESK,
    add_child,
    any_place,
    at,
    book,
    booking_now,
    hold,
    make_morning,
    make_service,
    make_slot,
    slot_now,
    states,
    tomorrow,
)
from tests.patience import until_somebody_waits_for
from tests.people import all_at_once


def move(person, booking, slot=None, **more):
    asked = {"slot_id": str(slot.id)} if slot is not None else {}
    return person.post(f"{BOOKINGS}/{booking['id']}/move", json=asked | more)


def cancel(person, booking):
    return person.post(f"{BOOKINGS}/{booking['id']}/cancellation")


def test_a_booking_moves_and_keeps_its_id(an, service):
    slots = make_morning(service, 2)
    booked = book(an, slots[0])

    moved = move(an, booked, slots[1])

    assert (moved.status_code, moved.json["id"], moved.json["slot_id"]) == (200, booked["id"], str(slots[1].id))
    assert (moved.json["state"], moved.json["moves_left"]) == ("booked", 1)
    assert [slot_now(one).taken for one in slots] == [0, 1]


def test_a_full_slot_leaves_the_old_booking_as_it_was(an, binh, service):
    slots = make_morning(service, 3)
    book(binh, slots[1])
    booked = book(an, slots[0])
    before = booking_now(booked["id"])

    refused = move(an, booked, slots[1])

    assert (refused.status_code, refused.json["code"]) == (409, "place_taken")
    assert refused.json["alternatives"][0]["slot_id"] == str(slots[2].id)
    after = booking_now(booked["id"])
    assert (after.slot_id, after.version, after.state) == (before.slot_id, before.version, BookingState.BOOKED)


def test_a_booking_moves_into_any_free_place_of_a_window(an, binh, service):
    slots = make_morning(service, 3)
    book(binh, slots[1])
    booked = book(an, slots[0])

    moved = move(an, booked, window=any_place(service))

    assert moved.json["slot_id"] == str(slots[2].id)


def test_a_booking_moves_twice_and_no_more(an, service):
    slots = make_morning(service, 4)
    booked = book(an, slots[0])

    answers = [move(an, booked, one) for one in slots[1:]]

    assert [one.status_code for one in answers] == [200, 200, 409]
    assert answers[-1].json["code"] == "moves_used_up"


def test_a_booking_does_not_move_beyond_the_age_it_is_for(an):
    service, birthday = make_service(min_age=0, max_age=15), tomorrow() + timedelta(days=1)
    child = add_child(an, birth_date=birthday.replace(year=birthday.year - 16).isoformat())
    fifteen, sixteen = make_slot(service), make_slot(service, at(birthday, 8))
    booked = book(an, fifteen, members=[child])

    refused = move(an, booked, sixteen)

    assert (refused.status_code, refused.json["code"], refused.json["max_age"]) == (422, "not_eligible", 15)
    assert booking_now(booked["id"]).slot_id == fifteen.id
    assert [slot_now(one).taken for one in (fifteen, sixteen)] == [1, 0]


def test_a_place_of_another_service_is_no_place_to_move_to(an, slot):
    booked = book(an, slot)
    elsewhere = make_slot(make_service(), at(tomorrow(), 10))

    assert move(an, booked, elsewhere).status_code == 404
    assert slot_now(elsewhere).taken == 0


@pytest.mark.parametrize(("capacity", "expected"), [(2, [200, 200]), (1, [409, 409])])
def test_two_who_swap_slots_at_once_never_wait_for_each_other(an, binh, service, capacity, expected):
    first, second = (make_slot(service, at(tomorrow(), hour), capacity=capacity) for hour in (8, 9))
    mine, theirs = book(an, first), book(binh, second)
    asked = [(an.again(), mine, second), (binh.again(), theirs, first)]

    answers = all_at_once(2, lambda number: move(*asked[number]))

    assert [one.status_code for one in answers] == expected
    assert (slot_now(first).taken, slot_now(second).taken) == (1, 1)


def kill_who_waits_for(statement):
    """End the connection of whoever waits for a lock in such a statement, as a crash would."""
    with transaction() as session:
        return session.scalar(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND query LIKE :begin || '%' LIMIT 1"
            ),
            {"begin": statement},
        )


def poll_until(look):
    """The first true answer within ten seconds, or the last one."""
    deadline = time.monotonic() + 10
    while not (seen := look()) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return seen


def test_a_crash_between_winning_and_letting_go_keeps_the_old_place(an, service):
    slots = make_morning(service, 2)
    booked = book(an, slots[0])

    with transaction() as gate, ThreadPoolExecutor(1) as pool:
        # The step is written down after the new place is won and before the old one is let go of: there it stops.
        gate.execute(text("LOCK TABLE booking_event IN EXCLUSIVE MODE"))
        moving = pool.submit(move, an.again(), booked, slots[1])
        killed = poll_until(lambda: kill_who_waits_for("INSERT INTO booking_event"))
        answer = moving.result(10)

    assert killed
    assert answer.status_code >= 500
    assert booking_now(booked["id"]).slot_id == slots[0].id
    assert [slot_now(one).taken for one in slots] == [1, 0]


def test_who_moves_into_a_window_locks_slots_in_one_order(an, service):
    slots = make_morning(service, 3)
    booked = book(an, slots[2])
    lock = text("SELECT id FROM slot WHERE id = :id FOR NO KEY UPDATE NOWAIT")

    with ThreadPoolExecutor(1) as pool, transaction() as other:
        other.execute(lock, {"id": slots[1].id})
        with transaction() as first:
            # The first place goes while they wait for it: they come to the second, which is somebody's.
            first.execute(text("UPDATE slot SET state = 'withdrawn' WHERE id = :id"), {"id": slots[0].id})
            moving = pool.submit(move, an.again(), booked, window=any_place(service))
            until_somebody_waits_for(first)
        until_somebody_waits_for(other)
        other.execute(lock, {"id": slots[2].id})  # whoever has the second one gets the third, too
        other.commit()
        moved = moving.result(10)

    assert (moved.status_code, moved.json["slot_id"]) == (200, str(slots[1].id))


def test_cancelling_gives_the_place_back(an, binh, slot):
    booked = book(an, slot)

    cancelled = cancel(an, booked)
    again = cancel(an, booked)

    assert (cancelled.status_code, cancelled.json["state"]) == (200, "cancelled_by_citizen")
    assert (again.status_code, again.json["code"]) == (409, "booking_in_other_state")
    assert hold(binh, slot).status_code == 201


def test_after_the_cut_off_only_the_clinic_cancels(an, service, nurse):
    slot = make_slot(service, clock.now() + timedelta(hours=3))
    booked = book(an, slot)

    refused = cancel(an, booked)
    by_clinic = nurse.post(f"{DESK}/bookings/{booked['id']}/cancellation", json={"reason": "Bác sĩ ốm"})

    assert (refused.status_code, refused.json["code"], refused.json["phones"]) == (409, "too_late", ["0237 3 951 234"])
    assert by_clinic.status_code == 204
    assert states(booked["id"]) == [BookingState.CANCELLED_BY_CLINIC]


def test_the_cancelled_patient_is_offered_the_nearest_place_before_everybody_else(an, service, nurse, work):
    not_released = clock.now() + timedelta(days=2)
    slots = make_morning(service, 2)
    later_place = make_slot(service, at(tomorrow() + timedelta(days=3), 8), release_at=not_released)
    booked = book(an, slots[0])
    make_full(slots[1])

    nurse.post(f"{DESK}/bookings/{booked['id']}/cancellation", json={"reason": "Bác sĩ ốm"})
    failures = work()

    (offer,) = an.get(BOOKINGS, query_string={"live": "true"}).json["items"]
    assert failures == []
    assert (offer["state"], offer["offer"], offer["slot_id"]) == ("held", "move", str(later_place.id))
    taken = an.post(f"/v1/health/holds/{offer['hold_id']}/confirmation")
    assert taken.json["items"][0]["state"] == "booked"
    assert nurse.get(f"{DESK}/moves").json["items"] == []


def make_full(slot):
    """Take the last place out of the slot's capacity."""
    with transaction() as session:
        session.execute(text("UPDATE slot SET state = 'withdrawn' WHERE id = :id"), {"id": slot.id})


def test_somebody_elses_clinic_cancels_nothing(an, slot, staff):
    booked = book(an, slot)
    stranger = staff("clinic", "front_desk", "clerk")

    answer = stranger.post(f"{DESK}/bookings/{booked['id']}/cancellation", json={"reason": "Nhầm"})

    assert answer.status_code == 404
    assert states(booked["id"]) == [BookingState.BOOKED]
