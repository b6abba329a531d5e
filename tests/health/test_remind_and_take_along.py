"""What is said before a visit, and what a citizen takes along: a calendar file, all that is stored, or nothing more."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from kit import clock
from kit.database import transaction
from services.health import flows, operations
from services.health.models import Booking, BookingState, PatientKey, Reminder, ReminderState
from tests.health.clinics import (
    BOOKINGS,
    add_child,
    at,
    book,
    booking_now,
    confirm,
    hold,
    make_slot,
    sign_in_again,
    slot_now,
    states,
    tomorrow,
)


def in_four_days(service):
    return make_slot(service, at(tomorrow() + timedelta(days=3), 8), capacity=20)


def inbox(person):
    return person.get("/v1/messages").json["items"]


def register(person, address):
    device = {"address": address, "address_kind": "token", "platform": "android", "language": "vi"}
    answer = person.post("/v1/devices", json=device)
    assert answer.status_code in {200, 201}, answer.json


def test_a_visit_is_reminded_of_two_days_and_three_hours_before(an, service, later, work):
    book(an, in_four_days(service))

    seen = []
    for step in (timedelta(hours=46), timedelta(hours=2), timedelta(hours=45), timedelta(minutes=1)):
        later(step, an)
        flows.remind()
        flows.remind()
        work()
        seen.append(len(inbox(an)))

    assert seen == [0, 1, 2, 2]
    assert {one["kind"] for one in inbox(an)} == {"visit_reminder"}


def test_a_moved_booking_is_reminded_of_at_its_new_time_only(an, service, later, work):
    first, second = in_four_days(service), make_slot(service, at(tomorrow() + timedelta(days=9), 8))
    booked = book(an, first)
    an.post(f"{BOOKINGS}/{booked['id']}/move", json={"slot_id": str(second.id)})

    later(timedelta(days=3), an)
    flows.remind()
    work()

    with transaction() as session:
        reminders = session.scalars(select(Reminder).order_by(Reminder.due_at)).all()
    assert inbox(an) == []
    assert [one.state for one in reminders] == [ReminderState.DROPPED] * 2 + [ReminderState.DUE] * 2


def test_one_without_a_phone_and_one_whose_gateway_fails_never_stop_the_others(crowd, service, later, work, outside):
    people = crowd(5)
    slot = in_four_days(service)
    for number, person in enumerate(people):
        book(person, slot)
        if number:
            register(person, f"token-{number}-" + "x" * 120)
    outside.spoil("push", "error", status=500, nth=1)
    later(timedelta(hours=48), *people)

    flows.remind()
    failures = work()
    again = work()

    assert (len(failures), again) == (1, [])
    assert [len(inbox(person)) for person in people] == [1] * 5
    told = [len(outside.shown_on(f"token-{number}-" + "x" * 120)) for number in range(1, 5)]
    assert told == [1, 1, 1, 1]


def test_who_has_no_app_is_told_by_text_when_and_neither_where_nor_for_what(an, binh, service, later, work, outside):
    slot = in_four_days(service)
    register(an, "token-an-" + "x" * 120)
    for person in (an, binh):
        book(person, slot)
    later(timedelta(hours=48), an, binh)

    flows.remind()
    failures = [*work(), *work()]

    (text,) = outside.inbox("sms")
    assert failures == []
    assert text["to"] == "+84987654321"  # Bình's
    assert f"{clock.local(slot.starts_at):%H:%M %d/%m/%Y}" in text["text"]
    assert not {"Khám", "nhi", "Bệnh", "viện"} & set(text["text"].split())
    assert len(outside.inbox("push")) == 1


def test_a_text_that_gets_no_answer_is_delivered_once(an, service, later, work, outside):
    book(an, in_four_days(service))
    outside.spoil("sms", "error", status=503, nth=1)
    later(timedelta(hours=48), an)

    flows.remind()
    failures = work()
    work()

    assert len(failures) == 1
    assert len(outside.inbox("sms")) == 1


def test_an_app_that_has_gone_from_its_only_phone_is_replaced_by_a_text(an, service, later, work, outside):
    register(an, "unregistered-phone")
    book(an, in_four_days(service))
    later(timedelta(hours=48), an)

    flows.remind()
    work()

    assert (outside.inbox("push"), len(outside.inbox("sms"))) == ([], 1)


def test_nothing_medical_stands_in_a_push_or_a_message(an, service, later, work, outside):
    register(an, "token-an-" + "x" * 120)
    book(an, in_four_days(service))
    later(timedelta(hours=48), an)

    flows.remind()
    work()

    (push,) = outside.inbox("push")
    (message,) = inbox(an)
    shown = f"{push} {message}"
    assert "Khám nhi" not in shown
    assert "Bệnh viện" not in str(push)
    assert "Bệnh viện Nhi Thanh Hoá" in message["title"] + message["body"]


def test_the_calendar_file_keeps_its_uid_and_counts_its_changes(an, service):
    slots = [make_slot(service, at(tomorrow(), hour)) for hour in (8, 9)]
    held = hold(an, slots[0])
    path = f"{BOOKINGS}/{held.json['items'][0]['id']}"

    files = [an.get(f"{path}/calendar").text]
    booked = confirm(an, held).json["items"][0]
    files.append(an.get(f"{path}/calendar").text)
    an.post(f"{path}/move", json={"slot_id": str(slots[1].id)})
    files.append(an.get(f"{path}/calendar").text)
    an.post(f"{path}/cancellation")
    files.append(an.get(f"{path}/calendar").text)

    lines = [dict(line.split(":", 1) for line in text.replace("\r\n ", "").splitlines()) for text in files]
    assert {one["UID"] for one in lines} == {f"{booked['id']}@citizen"}
    numbers = [int(one["SEQUENCE"]) for one in lines]
    assert numbers == sorted(set(numbers))
    assert [one["STATUS"] for one in lines] == ["TENTATIVE", "CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert [one["METHOD"] for one in lines] == ["PUBLISH", "PUBLISH", "PUBLISH", "CANCEL"]
    assert lines[2]["DTSTART;TZID=Asia/Ho_Chi_Minh"].endswith("T090000")
    assert all("Khám" not in text for text in files)
    assert all(len(line.encode()) <= 75 for text in files for line in text.split("\r\n"))


def test_a_citizen_takes_their_bookings_along_and_is_forgotten_with_them(an, slot):
    child = add_child(an)
    booked = book(an, slot, members=[child])

    told = an.post("/v1/me/exports").json["rooms"]["health"]["bookings"]
    sign_in_again(an)
    erased = an.post("/v1/me/erasure", json={"confirm": "erase everything"})

    assert [(one["id"], one["patient"]["name"]) for one in told] == [(booked["id"], "Nguyễn Thị Mai")]
    assert erased.status_code in {200, 201, 204}, erased.json
    assert states(booked["id"]) == [BookingState.CANCELLED_BY_CITIZEN]
    assert (slot_now(slot).taken, booking_now(booked["id"]).patient_sealed) == (0, None)
    with transaction() as session:
        assert session.scalars(select(PatientKey.key)).all() == []


def test_two_accounts_that_are_one_person_have_their_bookings_in_one(an, binh, slot, service):
    child = add_child(binh)
    booked = book(binh, slot, members=[child])

    with transaction() as session:
        operations.join_citizens(session, an.id, binh.id)

    (mine,) = an.get(BOOKINGS).json["items"]
    assert (mine["id"], mine["patient_name"], binh.get(BOOKINGS).json["items"]) == (booked["id"], "Nguyễn Thị Mai", [])
    with transaction() as session:
        assert session.get_one(Booking, booking_now(mine["id"]).id).citizen_id == an.id


def test_a_mandate_lets_another_book_in_ones_name(an, binh, slot):
    offered = an.post("/v1/me/mandates", json={
        "scopes": ["health:book"], "ends_at": (clock.now() + timedelta(days=30)).isoformat(),
    })  # fmt: skip
    binh.post("/v1/me/mandate-acceptances", json={"code": offered.json.get("code")})

    held = binh.post("/v1/health/holds", json={"slot_id": str(slot.id)}, headers={"Act-For": str(an.id)})

    assert held.status_code == 201, (offered.json, held.json)
    assert booking_now(held.json["id"]).citizen_id == an.id
