"""Holding a place: one gets it, everybody else is told what is free; a yes in time, a no, and what ends by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit.database import transaction
from services.health import flows
from services.health.models import BookingState, Slot, SlotState
from tests.health.clinics import (
    BOOKINGS,
    HOLDS,
    add_child,
    any_place,
    at,
    book,
    confirm,
    count_bookings,
    hold,
    make_facility,
    make_morning,
    make_practitioner,
    make_service,
    make_slot,
    slot_now,
    states,
    tomorrow,
)
from tests.people import all_at_once

NAMES = ("Mai", "Lan", "Nam", "Sơn")


def test_a_place_is_held_and_then_booked(an, slot):
    held = hold(an, slot)
    booked = confirm(an, held)

    (told,) = held.json["items"]
    assert (held.status_code, told["state"], told["starts_at"]) == (201, "held", f"{tomorrow()}T08:00:00.000+07:00")
    assert held.headers["Location"] == f"{HOLDS}/{held.json['id']}"
    assert (booked.status_code, booked.json["items"][0]["state"], booked.json["expires_at"]) == (200, "booked", None)
    seen = an.get(f"{BOOKINGS}/{told['id']}").json
    assert [step["step"] for step in seen["steps"]] == ["held", "booked"]
    assert [one["id"] for one in an.get(BOOKINGS).json["items"]] == [told["id"]]


def test_nobody_else_sees_a_hold_or_a_booking(an, binh, chi, slot):
    held = hold(an, slot)
    path = f"{HOLDS}/{held.json['id']}"

    asked = [binh.get(path), binh.post(f"{path}/confirmation"), binh.post(f"{path}/extension")]
    asked += [binh.post(f"{path}/release"), binh.get(f"{BOOKINGS}/{held.json['id']}")]

    assert [one.status_code for one in asked] == [404] * 5
    assert chi.get(path).status_code == 401
    assert states(held.json["id"]) == [BookingState.HELD]


def test_sixty_ask_for_one_place_and_one_gets_it(crowd, slot):
    people = crowd(60)
    others = make_slot(make_service(), at(tomorrow(), 9))
    nearest = make_slot_of_same_service(slot)

    answers = all_at_once(60, lambda number: hold(people[number], slot))

    won = [one for one in answers if one.status_code == 201]
    lost = [one for one in answers if one.status_code == 409]
    assert (len(won), len(lost)) == (1, 59)
    assert {one.json["code"] for one in lost} == {"place_taken"}
    assert all(place["slot_id"] == str(nearest.id) for one in lost for place in one.json["alternatives"])
    assert all(one.json["waitlist"]["position"] == 1 for one in lost)
    assert (slot_now(slot).taken, slot_now(others).taken) == (1, 0)


def make_slot_of_same_service(slot):
    class OfService:
        id, facility_id, lead_minutes = slot.service_id, slot.facility_id, 60

    return make_slot(OfService, at(tomorrow(), 9))


def test_ten_places_go_to_ten_of_two_hundred_who_ask_in_parallel(crowd, service):
    people = crowd(200)
    slot = make_slot(service, capacity=10)

    answers = all_at_once(40, lambda number: [hold(people[number * 5 + turn], slot) for turn in range(5)])

    statuses = [one.status_code for several in answers for one in several]
    assert (statuses.count(201), statuses.count(409)) == (10, 190)
    assert slot_now(slot).taken == 10


def test_any_place_fills_a_morning_to_the_last_one(crowd, service):
    people = crowd(120)
    slots = make_morning(service, 40)

    answers = all_at_once(30, lambda number: [
        hold(people[number * 4 + turn], window=any_place(service)) for turn in range(4)
    ])  # fmt: skip

    statuses = [one.status_code for several in answers for one in several]
    assert (statuses.count(201), statuses.count(409)) == (40, 80)
    assert [slot_now(slot).taken for slot in slots] == [1] * 40


def test_a_window_may_be_narrower_than_a_day(an, binh, service):
    slots = make_morning(service, 8)

    late = hold(an, window=any_place(service, not_before="08:00", not_after="08:15"))
    early = hold(binh, window=any_place(service))

    assert late.json["items"][0]["slot_id"] == str(slots[4].id)
    assert early.json["items"][0]["slot_id"] == str(slots[0].id)


def test_one_doctor_is_never_in_two_clinics_at_once(an, binh):
    doctor = make_practitioner(make_facility().id)
    here = make_slot(make_service(), at(tomorrow(), 8), practitioner=doctor, minutes=30)
    there = make_slot(make_service(), at(tomorrow(), 8, 15), practitioner=doctor, minutes=30)
    hold(an, here)

    refused = hold(binh, there)

    assert (refused.status_code, refused.json["code"]) == (409, "practitioner_busy")
    assert slot_now(there).taken == 0


def test_one_doctor_asked_for_in_two_clinics_at_the_same_instant_goes_to_one(people):
    doctor = make_practitioner(make_facility().id)
    places = [make_slot(make_service(), at(tomorrow(), 8, 5 * n), practitioner=doctor) for n in range(2)]

    answers = all_at_once(8, lambda number: hold(people[number], places[number % 2]))

    assert sorted(one.status_code for one in answers) == [201] + [409] * 7
    assert sum(slot_now(one).taken for one in places) == 1


def test_mother_and_father_book_one_child_at_the_same_time_and_one_of_them_wins(an, binh):
    mother, father = add_child(an, cccd="038220001234"), add_child(binh, name="Mai", cccd="038220001234")
    first = make_slot(make_service(), at(tomorrow(), 8), minutes=30)
    second = make_slot(make_service(), at(tomorrow(), 8, 15), minutes=30)
    asked = [(an.again(), first, mother), (binh.again(), second, father)]

    answers = all_at_once(2, lambda number: hold(asked[number][0], asked[number][1], members=[asked[number][2]]))

    codes = sorted((one.status_code, one.json.get("code")) for one in answers)
    assert codes[0] == (201, None)
    assert codes[1] in {(409, "patient_busy"), (409, "hold_limit")}
    assert count_bookings(BookingState.HELD) == 1


def test_the_other_parent_is_told_that_the_child_is_busy(an, binh):
    mother, father = add_child(an, cccd="038220001234"), add_child(binh, cccd="038220001234")
    first = make_slot(make_service(), at(tomorrow(), 8), minutes=30)
    second = make_slot(make_service(), at(tomorrow(), 8, 15), minutes=30)
    book(an, first, members=[mother])

    refused = hold(binh, second, members=[father])

    assert (refused.status_code, refused.json["code"]) == (409, "patient_busy")


def test_a_patient_has_one_booking_for_a_service_and_day(an, service):
    slots = make_morning(service, 2)
    book(an, slots[0])

    refused = hold(an, slots[1])

    assert (refused.status_code, refused.json["code"]) == (409, "already_booked")


def test_one_account_has_one_hold_and_extends_it_once(an, people, service):
    slots = make_morning(service, 20)
    first = hold(an, slots[0])

    more = [hold(an, one) for one in slots[1:]]
    extended = an.post(f"{HOLDS}/{first.json['id']}/extension")
    again = an.post(f"{HOLDS}/{first.json['id']}/extension")

    assert {(one.status_code, one.json["code"]) for one in more} <= {(409, "hold_limit"), (409, "already_booked")}
    assert count_bookings(BookingState.HELD) == 1
    assert (extended.status_code, again.json["code"]) == (200, "already_extended")
    assert extended.json["expires_at"] > first.json["expires_at"]


def test_twenty_holds_at_once_leave_one(an):
    slots = [make_slot(make_service(), at(tomorrow(), 7 + n % 10)) for n in range(20)]

    answers = all_at_once(20, lambda number: hold(an.again(), slots[number]))

    assert sorted(one.status_code for one in answers) == [201] + [409] * 19
    assert {one.json["code"] for one in answers if one.status_code == 409} <= {"hold_limit", "patient_busy"}


def test_nobody_hoards_places_for_a_household(an):
    children = [add_child(an, name=f"Bé {NAMES[n]}", cccd=f"03822000{n:04d}") for n in range(4)]
    for day in range(1, 4):
        for child in children:
            book(an, make_slot(make_service(), at(tomorrow() + timedelta(days=day), 8)), members=[child])

    refused = hold(an, make_slot(make_service(), at(tomorrow() + timedelta(days=9), 8)), members=[children[0]])

    assert (refused.status_code, refused.json["code"], refused.json["most"]) == (409, "too_many_bookings", 12)


def test_a_patient_has_four_bookings_at_most_whoever_books(an, binh):
    mine, theirs = add_child(an, cccd="038220001234"), add_child(binh, cccd="038220001234")
    for day in range(4):
        book(an, make_slot(make_service(), at(tomorrow() + timedelta(days=day), 8)), members=[mine])

    refused = hold(binh, make_slot(make_service(), at(tomorrow() + timedelta(days=9), 8)), members=[theirs])

    assert (refused.json["code"], refused.json["most"]) == ("too_many_bookings", 4)


def test_a_family_gets_adjoining_places_or_none(an, service):
    slots = make_morning(service, 6)
    children = [add_child(an, name=f"Bé {NAMES[n]}", cccd=f"03822000{n:04d}") for n in range(2)]
    hold_of_another = make_slot_taken(slots[1])

    held = hold(an, window=any_place(service), members=[None, *children])
    booked = confirm(an, held)

    assert hold_of_another
    assert [one["slot_id"] for one in held.json["items"]] == [str(one.id) for one in slots[2:5]]
    assert [one["member_id"] for one in held.json["items"]] == [None, *children]
    assert [one["state"] for one in booked.json["items"]] == ["booked"] * 3


def make_slot_taken(slot):
    """Somebody has the only place of a slot."""
    with transaction() as session:
        session.get_one(Slot, slot.id).state = SlotState.WITHDRAWN
    return True


def test_a_family_for_whom_there_are_too_few_places_gets_none(an, service):
    slots = make_morning(service, 2)
    children = [add_child(an, name=f"Bé {NAMES[n]}", cccd=f"03822000{n:04d}") for n in range(2)]

    refused = hold(an, window=any_place(service), members=[None, *children])

    assert (refused.status_code, refused.json["code"]) == (409, "place_taken")
    assert [slot_now(one).taken for one in slots] == [0, 0]
    assert count_bookings() == 0


def test_a_family_gets_a_slot_of_which_some_places_were_held_for_too_long(an, people, service, later):
    slot = make_slot(service, capacity=3)
    for person in people[:2]:
        hold(person, slot)
    later(timedelta(minutes=5), an)

    held = hold(an, slot, members=[None, add_child(an)])

    assert (held.status_code, len(held.json["items"])) == (201, 2)
    assert slot_now(slot).taken == 2


def test_a_hold_runs_out_and_its_place_is_free_again(an, binh, slot, later):
    held = hold(an, slot)
    later(timedelta(minutes=5), an, binh)

    late = confirm(an, held)
    taken = hold(binh, slot)
    again = confirm(an, held)

    assert (late.status_code, late.json["code"]) == (410, "hold_expired")
    assert (taken.status_code, again.status_code) == (201, 410)
    assert [place["slot_id"] for place in again.json["alternatives"]] == []
    assert states(held.json["id"], taken.json["id"]) == [BookingState.EXPIRED, BookingState.HELD]


def test_the_sweep_gives_back_what_was_held_for_too_long(an, slot, later):
    held = hold(an, slot)
    later(timedelta(minutes=5))

    flows.sweep_holds()
    flows.sweep_holds()

    assert states(held.json["id"]) == [BookingState.EXPIRED]
    assert slot_now(slot).taken == 0


def test_a_yes_in_the_last_millisecond_and_the_sweep_make_one_truth(people, later):
    slots = make_morning(make_service(), 10)
    held = [hold(people[n], slots[n]) for n in range(10)]
    later(timedelta(minutes=5) - timedelta(milliseconds=150), *people[:10])

    def race(number):
        return flows.sweep_holds() if number >= 10 else confirm(people[number], held[number])

    answers = all_at_once(14, race)[:10]
    later(timedelta(seconds=1))
    flows.sweep_holds()

    for one, answer in zip(held, answers, strict=True):
        expected = BookingState.BOOKED if answer.status_code == 200 else BookingState.EXPIRED
        assert (answer.status_code in {200, 410}, states(one.json["id"])) == (True, [expected])


def test_letting_go_frees_the_place_at_once(an, binh, slot):
    held = hold(an, slot)

    released = an.post(f"{HOLDS}/{held.json['id']}/release")
    again = an.post(f"{HOLDS}/{held.json['id']}/release")

    assert (released.status_code, again.status_code) == (200, 200)
    assert hold(binh, slot).status_code == 201


def test_places_that_are_not_given_out_yet_say_when(an, service):
    opens = at(tomorrow(), 7)
    slot = make_slot(service, at(tomorrow() + timedelta(days=5), 8), release_at=opens)

    refused = hold(an, slot)

    assert (refused.status_code, refused.json["code"]) == (409, "not_yet_released")
    assert refused.json["release_at"] == f"{tomorrow()}T07:00:00.000+07:00"


def test_a_service_for_children_is_not_for_adults(an, slot):
    service = make_service(min_age=0, max_age=15)
    place = make_slot(service)
    grown, child = add_child(an, birth_date="1990-01-01"), add_child(an, name="Bé An")

    unknown = hold(an, place)
    refused = hold(an, place, members=[grown])
    held = hold(an, place, members=[child])

    assert (unknown.json["code"], refused.json["code"], held.status_code) == ("birth_date_missing", "not_eligible", 201)
    assert held.json["items"][0]["priority_group"] is None


def test_an_instant_needs_an_offset_and_any_offset_means_the_same_instant(an, service):
    slot = make_slot(service, at(tomorrow(), 8))
    day = tomorrow().isoformat()

    def ask(start, end):
        return hold(an, window={"service_id": str(service.id), "from_at": start, "until_at": end})

    refused = [ask(f"{day}T{zone}", f"{day}T09:00:00+07:00") for zone in ("08:00:00", "08:00:00 Asia/Ho_Chi_Minh")]
    two_days = ask(f"{day}T23:30:00+07:00", f"{tomorrow() + timedelta(days=1)}T00:30:00+07:00")
    held = ask(f"{day}T09:00:00+08:00", f"{day}T01:00:00Z")

    assert [one.status_code for one in (*refused, two_days)] == [422, 422, 422]
    assert refused[0].json["errors"][0]["pointer"] == "/window/from_at"
    assert held.status_code == 201
    assert held.json["items"][0]["starts_at"] == f"{day}T08:00:00.000+07:00"
    assert slot_now(slot).taken == 1


@pytest.mark.parametrize(
    "asked",
    [{}, {"slot_id": None}, {"slot_id": "x"}, {"window": {"day": "2026-12-01"}}, {"members": []}],
)
def test_a_request_that_does_not_say_where_is_refused(an, asked, slot):
    assert an.post(HOLDS, json=asked).status_code == 422


def test_one_key_is_one_hold_whenever_it_is_sent(an, slot):
    headers = {"Idempotency-Key": "giu-cho-mot-lan"}

    answers = all_at_once(2, lambda _n: hold(an.again(), slot, headers=headers))
    other = an.post(HOLDS, json={"slot_id": str(slot.id), "members": [add_child(an)]}, headers=headers)

    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert sorted("Idempotency-Replayed" in one.headers for one in answers) == [False, True]
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert count_bookings() == 1


def test_a_retry_after_a_lost_answer_gets_the_hold_that_was_made(an, slot):
    headers = {"Idempotency-Key": "mat-ket-noi"}
    first = hold(an, slot, headers=headers)  # its answer never arrives

    again = hold(an.again(), slot, headers=headers)

    assert (again.status_code, again.json) == (201, first.json)
