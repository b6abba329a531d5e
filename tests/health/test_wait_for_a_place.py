"""The waiting list: a freed place is held for one person at a time, and the public never sees it in between."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from kit import events
from services.health import flows, operations
from services.health.events import BookingConfirmed
from services.health.models import BookingState
from tests.health.clinics import (
    BOOKINGS,
    HOLDS,
    WAITS,
    add_child,
    any_place,
    at,
    book,
    count_bookings,
    hold,
    make_service,
    make_slot,
    slot_now,
    tomorrow,
)
from tests.people import all_at_once

heard: list[object] = []


def hear(_session, event):
    heard.append(event.booking_id)


def wait(person, service, **more):
    asked = {"service_id": str(service.id), "from_on": tomorrow().isoformat(), "to_on": tomorrow().isoformat()}
    return person.post(WAITS, json=asked | more)


def offers_of(person):
    live = person.get(BOOKINGS, query_string={"live": "true"}).json["items"]
    return [one for one in live if one["state"] == "held" and one["offer"] == "waitlist"]


def cancel(person, booking):
    return person.post(f"{BOOKINGS}/{booking['id']}/cancellation")


def state_of(person, entered):
    return person.get(f"{WAITS}/{entered.json['id']}").json


def test_a_freed_place_is_held_for_the_first_who_waits_and_the_list_stays_full(an, people, service, slot):
    booked = book(an, slot)
    entered = [wait(person, service) for person in people[:3]]

    cancel(an, booked)

    operations.forget_kept()
    listed = an.get(f"/v1/health/services/{service.id}/availability", query_string={"day": tomorrow().isoformat()})
    (offer,) = offers_of(people[0])
    assert [one.json["position"] for one in entered] == [1, 2, 3]
    assert [len(offers_of(person)) for person in people[1:3]] == [0, 0]
    assert (listed.json["is_full"], listed.json["items"][0]["band"]) == (True, "full")
    confirmed = people[0].post(f"{HOLDS}/{offer['hold_id']}/confirmation")
    assert confirmed.json["items"][0]["state"] == "booked"
    assert state_of(people[0], entered[0])["state"] == "placed"


def test_an_offer_that_runs_out_goes_to_the_second(an, people, service, slot, later):
    booked = book(an, slot)
    entered = [wait(person, service) for person in people[:2]]
    cancel(an, booked)

    later(timedelta(minutes=15), *people[:2])
    flows.sweep_holds()
    flows.sweep_holds()

    first, second = (state_of(person, one) for person, one in zip(people, entered, strict=False))
    assert (first["state"], first["missed"], second["state"]) == ("waiting", 1, "offered")
    assert (len(offers_of(people[0])), len(offers_of(people[1]))) == (0, 1)
    assert slot_now(slot).taken == 1


@pytest.fixture
def confirmed():
    """The bookings that rooms above hear of as confirmed, once the worker has run."""
    events.listen(BookingConfirmed, hear)
    heard.clear()
    yield heard
    task = events._heard_by[BookingConfirmed].pop(f"{hear.__module__}.hear")
    del events.app.tasks[task.name]


def test_a_booking_won_by_moving_an_offer_is_told_as_any_other(an, binh, service, slot, work, confirmed):
    other = make_slot(service, at(tomorrow(), 9))
    booked = book(an, slot)
    wait(binh, service)
    cancel(an, booked)
    (offer,) = offers_of(binh)

    moved = binh.post(f"{BOOKINGS}/{offer['id']}/move", json={"slot_id": str(other.id)})
    again = binh.post(f"{BOOKINGS}/{offer['id']}/move", json={"slot_id": str(slot.id)})
    failures = work()

    assert (moved.json["state"], again.json["slot_id"], failures) == ("booked", str(slot.id), [])
    assert confirmed == [UUID(booked["id"]), UUID(offer["id"])]


def test_a_refused_offer_goes_to_the_next_at_once(an, people, service, slot):
    booked = book(an, slot)
    for person in people[:2]:
        wait(person, service)
    cancel(an, booked)

    people[0].post(f"{HOLDS}/{offers_of(people[0])[0]['hold_id']}/release")

    assert len(offers_of(people[1])) == 1


def test_three_offers_and_no_more(an, people, service, later):
    entered = wait(people[0], service)
    for turn in range(4):
        slot = make_slot(service, at(tomorrow(), 8 + turn))
        booked = book(an, slot)
        cancel(an, booked)
        later(timedelta(minutes=15), an, *people[:1])
        flows.sweep_holds()

    told = state_of(people[0], entered)

    assert (told["state"], told["offers"], told["missed"]) == ("exhausted", 3, 3)


def test_shortly_before_the_visit_an_offer_lives_for_two_minutes(an, binh, later):
    service = make_service(cancel_minutes=30)
    slot = make_slot(service, at(tomorrow() - timedelta(days=1), 11))
    booked = book(an, slot)
    today = (tomorrow() - timedelta(days=1)).isoformat()
    wait(binh, service, from_on=today, to_on=today)

    cancel(an, booked)
    later(timedelta(minutes=2), binh)
    flows.sweep_holds()

    assert offers_of(binh) == []
    assert slot_now(slot).taken == 0


def test_a_refusal_keeps_the_turn_somebody_had(an, people, service, slot, later):
    book(an, slot)
    refused = hold(people[0], window=any_place(service))
    later(timedelta(minutes=1), *people[:2])
    wait(people[1], service)

    token = refused.json["waitlist"]["token"]
    entered = wait(people[0], service, token=token)
    stolen = wait(people[2], service, token=token)

    assert entered.json["position"] == 1
    assert stolen.json["position"] == 3


def test_one_patient_waits_once_for_a_service(an, service):
    wait(an, service)

    again = wait(an, service)

    assert (again.status_code, again.json["code"]) == (409, "already_waiting")


def test_nobody_waits_for_a_service_that_is_not_for_their_age(an, binh):
    service, birthday = make_service(min_age=0, max_age=15), tomorrow() + timedelta(days=1)
    grown = add_child(binh, birth_date="1990-01-01")
    nearly = add_child(binh, name="Bé An", birth_date=birthday.replace(year=birthday.year - 16).isoformat())
    sixteen, fifteen = make_slot(service, at(birthday, 8)), make_slot(service)
    child = add_child(an)
    booked = [book(an, one, members=[child]) for one in (sixteen, fifteen)]

    unknown, refused = wait(binh, service), wait(binh, service, member_id=grown)
    too_late = wait(binh, service, member_id=nearly, from_on=birthday.isoformat(), to_on=birthday.isoformat())
    entered = wait(binh, service, member_id=nearly, to_on=birthday.isoformat())
    cancel(an, booked[0])
    on_the_birthday = len(offers_of(binh))
    cancel(an, booked[1])

    assert [one.json["code"] for one in (unknown, refused, too_late)] == [
        "birth_date_missing", "not_eligible", "not_eligible",
    ]  # fmt: skip
    assert entered.status_code == 201
    assert on_the_birthday == 0
    assert [one["slot_id"] for one in offers_of(binh)] == [str(fifteen.id)]


def test_only_days_and_hours_that_suit_are_offered(an, people, service, slot):
    booked = book(an, slot)
    wait(people[0], service, part="afternoon")
    wait(people[1], service, from_on=(tomorrow() + timedelta(days=1)).isoformat(),
         to_on=(tomorrow() + timedelta(days=2)).isoformat())  # fmt: skip
    wait(people[2], service, part="morning")

    cancel(an, booked)

    assert [len(offers_of(person)) for person in people[:3]] == [0, 0, 1]


def test_whoever_withdraws_is_offered_nothing(an, binh, service, slot):
    booked = book(an, slot)
    entered = wait(binh, service)

    withdrawn = binh.post(f"{WAITS}/{entered.json['id']}/withdrawal")
    cancel(an, booked)

    assert (withdrawn.json["state"], withdrawn.json["position"]) == ("withdrawn", None)
    assert offers_of(binh) == []
    assert slot_now(slot).taken == 0


def test_a_freed_place_has_one_owner_though_the_public_and_the_list_want_it(an, people, service, slot):
    booked = book(an, slot)
    wait(people[0], service)

    def race(number):
        return cancel(an.again(), booked) if number == 0 else hold(people[number], slot)

    answers = all_at_once(6, race)

    assert answers[0].status_code == 200
    assert [one.status_code for one in answers[1:]] == [409] * 5
    assert len(offers_of(people[0])) == 1
    assert count_bookings(BookingState.HELD) == 1
    assert slot_now(slot).taken == 1
