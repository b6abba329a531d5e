"""The door: the code or QR of who has booked, numbers without gaps or doubles, whose turn it is, who did not come."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from kit import clock
from kit.database import transaction
from services.health import proofs
from services.health.models import (
    Booking,
    BookingEvent,
    BookingState,
    LaneKind,
    PriorityGroup,
)
from services.health.operations.door import draw_number
from tests.health.clinics import (
    BOOKINGS,
    DESK,
    add_child,
    at,
    book,
    make_facility,
    make_slot,
    nurse_again,
    start,
    states,
    tomorrow,
)
from tests.people import all_at_once


@pytest.fixture
def today(service):
    """A place today at eleven."""
    return make_slot(service, at(clock.today(), 11), capacity=50)


def proof_of(person, booking):
    return person.get(f"{BOOKINGS}/{booking['id']}/proof").json


def check_in(nurse, person, booking, **more):
    code = proofs.code_of(UUID(booking["id"]))
    return nurse.post(f"{DESK}/check-ins", json={"booking_id": booking["id"], "code": code} | more)


def call(nurse, service):
    return nurse.post(f"{DESK}/calls", json={"service_id": str(service.id)})


def walk_in(nurse, service, **more):
    return nurse.post(f"{DESK}/walk-ins", json={"service_id": str(service.id)} | more)


def mark(nurse, ticket, state):
    return nurse.post(f"{DESK}/tickets/{ticket.json['id']}/state", json={"state": state})


def test_the_code_a_citizen_says_draws_their_number_once(an, today, nurse):
    booked = book(an, today)
    proof = proof_of(an, booked)

    first = nurse.post(f"{DESK}/check-ins", json={"booking_id": booked["id"], "code": proof["code"]})
    again = nurse.post(f"{DESK}/check-ins", json={"booking_id": booked["id"], "code": proof["code"]})

    assert (first.status_code, first.json["lane"], first.json["number"]) == (200, "appointment", 1)
    assert again.json["id"] == first.json["id"]
    assert states(booked["id"]) == [BookingState.CHECKED_IN]


def test_the_qr_text_is_checked_without_a_network_and_lets_in(an, chi, today, nurse):
    booked = book(an, today)
    proof = proof_of(an, booked)
    (key,) = chi.get("/v1/health/proof-keys").json["items"]

    read = check_offline(proof["qr"], key["public_key"])
    shown = nurse.post(f"{DESK}/check-ins", json={"qr": proof["qr"]})

    assert (read, shown.status_code) == (UUID(booked["id"]), 200)


def check_offline(text, public_key):
    """What a clinic's tablet does, with nothing but the public key and the description in the API document."""
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    raw = urlsafe_b64decode(text.removeprefix("KB1.") + "==")
    Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(public_key + "==")).verify(raw[39:], raw[:39])
    return UUID(bytes=raw[1:17])


def test_a_qr_text_that_is_forged_or_for_another_clinic_or_another_time_is_refused(an, today, service, nurse, staff):
    booked = book(an, today)
    text = proof_of(an, booked)["qr"]
    forged = text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:]
    elsewhere = staff("clinic", "front_desk")
    make_facility(organisation_id=elsewhere.organisation_id)
    other = make_slot(service, at(clock.today(), 15))
    moved = book_then_move(an, nurse, booked, other, text)

    refused = [
        nurse.post(f"{DESK}/check-ins", json={"qr": forged}),
        nurse.post(f"{DESK}/check-ins", json={"qr": "KB1.AAAA"}),
        elsewhere.post(f"{DESK}/check-ins", json={"qr": text}),
        moved,
    ]

    assert [(one.status_code, one.json["code"]) for one in refused] == [(422, "proof_refused")] * 4


def book_then_move(an, nurse, booked, other, text):
    with transaction() as session:
        session.get_one(Booking, UUID(booked["id"])).starts_at = other.starts_at
        session.get_one(Booking, UUID(booked["id"])).ends_at = other.ends_at
    return nurse.post(f"{DESK}/check-ins", json={"qr": text})


def test_five_wrong_codes_lock_for_ten_minutes_and_a_colleague_may_vouch(an, today, nurse, later):
    booked = book(an, today)
    right = proof_of(an, booked)["code"]
    wrong = "000000" if right != "000000" else "000001"
    path = f"{DESK}/check-ins"

    misses = [nurse.post(path, json={"booking_id": booked["id"], "code": wrong}) for _turn in range(5)]
    locked = nurse.post(path, json={"booking_id": booked["id"], "code": right})
    vouched = nurse.post(path, json={"booking_id": booked["id"], "override_reason": "Quên điện thoại, đã xem CCCD"})

    assert [one.json["tries_left"] for one in misses] == [4, 3, 2, 1, 0]
    assert (locked.status_code, locked.json["code"]) == (429, "check_in_code_locked")
    assert 590 <= int(locked.headers["Retry-After"]) <= 601
    assert vouched.status_code == 200
    with transaction() as session:
        steps = session.scalars(select(BookingEvent).where(BookingEvent.step == "code_overridden")).all()
        assert [(step.actor_id, step.detail["reason"]) for step in steps] == [
            (nurse.id, "Quên điện thoại, đã xem CCCD")
        ]


def test_after_ten_minutes_the_right_code_lets_in(an, today, nurse, later):
    booked = book(an, today)
    for _turn in range(5):
        nurse.post(f"{DESK}/check-ins", json={"booking_id": booked["id"], "code": "999999"})

    later(timedelta(minutes=4, seconds=30))
    nurse_again(nurse)
    still = check_in(nurse, an, booked)
    later(timedelta(minutes=4, seconds=30))
    later(timedelta(minutes=2))
    nurse_again(nurse)

    assert (still.status_code, check_in(nurse, an, booked).status_code) == (429, 200)


def test_a_booking_of_another_day_is_not_let_in(an, slot, nurse):
    booked = book(an, slot)

    refused = check_in(nurse, an, booked)

    assert (refused.status_code, refused.json["code"], refused.json["day"]) == (409, "not_today", str(tomorrow()))


def test_five_hundred_check_ins_at_once_draw_five_hundred_numbers_without_a_gap(service):
    day = clock.today()

    def draw(_number):
        drawn = []
        for _turn in range(25):
            with transaction() as session:
                lane = LaneKind.APPOINTMENT
                drawn.append(draw_number(session, service.id, day, lane, group=None, booking_id=None).number)
        return drawn

    numbers = [number for drawn in all_at_once(20, draw) for number in drawn]

    assert sorted(numbers) == list(range(1, 501))


def another_screen(nurse):
    """The same nurse on another connection: for threads."""
    there = copy(nurse)
    there.http = nurse.http.application.test_client()
    return there


def test_patients_who_check_in_at_once_get_distinct_numbers(crowd, today, nurse):
    people = crowd(30)
    booked = [book(person, today) for person in people]

    answers = all_at_once(30, lambda n: check_in(another_screen(nurse), people[n], booked[n]))

    assert sorted(one.json["number"] for one in answers) == list(range(1, 31))


def test_a_check_in_that_is_undone_leaves_no_gap(service):
    def draw(session):
        return draw_number(session, service.id, clock.today(), LaneKind.WALK_IN, group=None, booking_id=None).number

    def draw_and_fail():
        with transaction() as session:
            draw(session)
            raise ConnectionError

    with transaction() as session:
        draw(session)
    with pytest.raises(ConnectionError):
        draw_and_fail()

    with transaction() as session:
        assert draw(session) == 2


def test_numbers_begin_anew_at_midnight_in_vietnam(service, later):
    numbers = {}
    clock.move(at(clock.today(), 23, 30) - clock.now() + clock._offset)
    for name in ("before", "after"):
        with transaction() as session:
            ticket = draw_number(session, service.id, clock.today(), LaneKind.WALK_IN, group=None, booking_id=None)
            numbers[name] = (ticket.number, ticket.day, clock.now().date())
        clock.move(clock._offset + timedelta(hours=1))

    assert (numbers["before"][0], numbers["after"][0]) == (1, 1)
    assert numbers["after"][1] - numbers["before"][1] == timedelta(days=1)
    # Half past eleven and half past midnight in Vietnam are the same day in London.
    assert numbers["after"][2] == numbers["before"][2]


def test_lanes_are_called_one_to_two_to_one_and_an_emergency_first(crowd, today, service, nurse):
    start(nurse, service)
    people = crowd(4)
    for person in people:
        check_in(nurse, person, book(person, today))
    for _turn in range(2):
        walk_in(nurse, service, priority_group="pregnant")
        walk_in(nurse, service)
    walk_in(nurse, service, priority_group="emergency")

    called = [call(nurse, service).json for _turn in range(9)]
    nobody = call(nurse, service)

    order = [(one["lane"], one["number"]) for one in called]
    assert order == [
        ("priority", 3),
        ("priority", 1), ("appointment", 1), ("appointment", 2), ("walk_in", 1),
        ("priority", 2), ("appointment", 3), ("appointment", 4), ("walk_in", 2),
    ]  # fmt: skip
    assert (nobody.status_code, nobody.json["code"]) == (409, "nobody_waits")


def test_two_desks_never_call_the_same_number(service, nurse):
    start(nurse, service)
    for _turn in range(16):
        walk_in(nurse, service)

    called = all_at_once(16, lambda _n: call(another_screen(nurse), service))

    assert sorted(one.json["number"] for one in called) == list(range(1, 17))


def test_nothing_is_called_before_the_day_has_begun(service, nurse):
    walk_in(nurse, service)

    assert call(nurse, service).json["code"] == "session_not_open"


def test_who_is_called_and_not_there_waits_behind_three_twice_and_then_has_left(an, today, service, nurse):
    start(nurse, service)
    booked = book(an, today)
    first = check_in(nurse, an, booked)
    others = [walk_in(nurse, service) for _turn in range(3)]
    call(nurse, service)

    skipped = [mark(nurse, first, "skipped")]
    for _turn in range(2):
        call_until(nurse, service, first)
        skipped.append(mark(nurse, first, "skipped"))

    assert [(one.json["state"], one.json["skips"]) for one in skipped] == [("waiting", 1), ("waiting", 2), ("left", 2)]
    assert states(booked["id"]) == [BookingState.LEFT]
    assert len(others) == 3


def call_until(nurse, service, wanted):
    for _turn in range(10):
        if call(nurse, service).json["id"] == wanted.json["id"]:
            return
    raise AssertionError("never called")


def test_a_citizen_sees_who_is_before_them_and_a_range_of_minutes(an, binh, today, service, nurse):
    start(nurse, service)
    waiting = [walk_in(nurse, service) for _turn in range(2)]
    for person in (binh, an):
        check_in(nurse, person, book(person, today))
    (mine,) = an.get(BOOKINGS, query_string={"live": "true"}).json["items"]

    told = an.get(f"{BOOKINGS}/{mine['id']}/turn").json
    called = call(nurse, service)
    then = an.get(f"{BOOKINGS}/{mine['id']}/turn").json
    lanes = an.get(f"/v1/health/services/{service.id}/queue").json["items"]

    assert (told["number"], told["ahead"], told["now_serving"]) == (2, 1, None)
    assert told["minutes_from"] < told["minutes_to"]
    assert (called.json["lane"], then["ahead"], then["now_serving"]) == ("appointment", 0, 1)
    assert {lane["kind"]: lane["waiting"] for lane in lanes} == {"appointment": 1, "walk_in": len(waiting)}


def test_whoever_has_five_before_them_is_told_once(crowd, today, service, nurse, work):
    start(nurse, service)
    people = crowd(8)
    for person in people:
        check_in(nurse, person, book(person, today))

    call(nurse, service)
    call(nurse, service)
    failures = work()

    told = [len(one.get("/v1/messages").json["items"]) for one in people]
    assert failures == []
    assert told == [0, 1, 1, 1, 1, 1, 1, 0]


def test_a_visit_goes_from_the_door_to_the_end(an, today, service, nurse):
    start(nurse, service)
    booked = book(an, today)
    ticket = check_in(nurse, an, booked)
    call(nurse, service)

    steps = [mark(nurse, ticket, state).json["state"] for state in ("in_service", "done")]
    again = mark(nurse, ticket, "done")

    assert (steps, again.status_code) == (["in_service", "done"], 409)
    assert states(booked["id"]) == [BookingState.SEEN]


def test_a_child_under_six_goes_first_by_law(an, nurse, service):
    slot = make_slot(service, at(clock.today(), 11))
    child = add_child(an, birth_date=(clock.today() - timedelta(days=1_000)).isoformat())
    booked = book(an, slot, members=[child])

    ticket = check_in(nurse, an, booked)

    assert (ticket.json["lane"], ticket.json["priority_group"]) == ("priority", PriorityGroup.UNDER_SIX)


def test_the_desk_reads_the_names_and_each_citizen_sees_that_it_looked(an, today, service, nurse):
    child = add_child(an, name="Nguyễn Thị Mai")
    book(an, today, members=[child])
    asked = {"service_id": str(service.id), "day": clock.today().isoformat()}

    blind = nurse.get(f"{DESK}/bookings", query_string=asked)
    listed = nurse.get(f"{DESK}/bookings", query_string=asked, headers={"Access-Purpose": "care"})

    assert blind.status_code == 400
    assert [(one["patient_name"], one["birth_year"]) for one in listed.json["items"]] == [("Nguyễn Thị Mai", 2020)]
    (look,) = an.get("/v1/me/accesses").json["items"]
    assert (look["operation"], look["purpose"]) == ("listDeskBookings", "care")
