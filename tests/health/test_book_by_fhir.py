"""Appointments in FHIR: found, held, booked, moved and cancelled by their owner, as everywhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.health.fhir import codes
from services.health.fhir.library import check
from services.health.models import BookingState
from tests.health.clinics import (
    BOOKINGS,
    add_child,
    at,
    book,
    booking_now,
    count_bookings,
    hold,
    make_morning,
    make_practitioner,
    make_slot,
    slot_now,
    tomorrow,
)
from tests.people import all_at_once

APPOINTMENT = "/fhir/Appointment"


def parameters(**named):
    """A Parameters resource; text that names a resource is a reference."""
    kinds = {"reference": "valueReference", "time": "valueDateTime", "code": "valueCode", "whole": "resource"}
    listed = []
    for name, (kind, value) in named.items():
        told = {"reference": value} if kind == "reference" else value
        listed.append({"name": name.replace("_", "-"), kinds[kind]: told})
    return {"resourceType": "Parameters", "parameter": listed}


def ask(person, operation, headers=None, **named):
    answer = person.post(
        f"{APPOINTMENT}/${operation}", json=parameters(**named),
        headers={"Content-Type": codes.FHIR_JSON, "Accept": codes.FHIR_JSON} | (headers or {}),
    )  # fmt: skip
    assert answer.content_type == codes.FHIR_JSON
    check(answer.json)
    return answer


def by_reference(person, operation, reference, **more):
    return ask(person, operation, appointment_reference=("reference", reference), **more)


def proposed(slot):
    return f"Appointment/{codes.PROPOSED}{slot.id}"


def one_of(answer):
    (entry,) = answer.json["entry"]
    return entry["resource"]


def issues(answer):
    return [one["code"] for one in answer.json["issue"]]


def find(person, **named):
    start, end = str(tomorrow()), str(tomorrow() + timedelta(days=6))
    return ask(person, "find", **{"start": ("time", start), "end": ("time", end)} | named)


def whole(appointment, **more):
    return {name: value for name, value in (appointment | more).items() if value is not None}


def test_find_hold_and_book_lead_from_a_free_place_to_a_booking(an, chi, service, slot):
    place = one_of(find(chi, service=("reference", f"HealthcareService/{service.id}")))

    held = by_reference(an, "hold", f"Appointment/{place['id']}")
    pending = one_of(held)
    gone = find(chi)
    booked = one_of(by_reference(an, "book", f"Appointment/{pending['id']}"))

    assert (place["status"], place["id"]) == ("proposed", f"{codes.PROPOSED}{slot.id}")
    assert (held.status_code, pending["status"], pending["slot"]) == (
        200,
        "pending",
        [{"reference": f"Slot/{slot.id}"}],
    )
    assert pending["extension"][0]["valueInstant"] > pending["created"]
    assert gone.json.get("entry") is None
    assert (booked["id"], booked["status"]) == (pending["id"], "booked")
    assert booking_now(booked["id"]).state is BookingState.BOOKED
    assert an.get(f"{BOOKINGS}/{booked['id']}").json["state"] == "booked"
    assert an.get(f"{APPOINTMENT}/{booked['id']}").json == booked


def test_a_query_finds_what_a_parameters_resource_finds(chi, service, nurse):
    doctor = make_practitioner(service.facility_id)
    own = make_slot(service, at(tomorrow(), 10), practitioner=doctor)
    make_morning(service, 2)
    reference = f"Practitioner/{doctor.id}"

    by_body = [
        find(chi), find(chi, practitioner=("reference", reference)), find(chi, specialty=("code", "eyes")),
        find(chi, location_reference=("reference", f"Location/{service.facility_id}")),
    ]  # fmt: skip
    spans = {"start": str(tomorrow()), "end": str(tomorrow() + timedelta(days=6))}
    asked = [{}, {"practitioner": reference}, {"specialty": "eyes"}, {"location": str(service.facility_id)}]
    by_query = [chi.get(f"{APPOINTMENT}/$find", query_string=spans | one) for one in asked]

    assert [one.json for one in by_query] == [one.json for one in by_body]
    assert [len(one.json.get("entry", [])) for one in by_body] == [3, 1, 0, 3]
    assert one_of(by_body[1])["slot"] == [{"reference": f"Slot/{own.id}"}]


def test_a_place_can_be_booked_at_once_and_by_a_whole_resource(an, binh, service):
    slots = make_morning(service, 2)

    at_once = by_reference(an, "book", proposed(slots[0]))
    place = {
        "resourceType": "Appointment", "status": "proposed", "slot": [{"reference": f"Slot/{slots[1].id}"}],
        "participant": [{"actor": {"reference": f"Patient/{binh.id}"}, "status": "accepted"}],
    }  # fmt: skip
    as_whole = ask(binh, "book", appointment_resource=("whole", place))

    assert [one_of(one)["status"] for one in (at_once, as_whole)] == ["booked"] * 2
    assert one_of(as_whole)["participant"][0]["actor"]["reference"] == f"Patient/{binh.id}"
    assert [slot_now(one).taken for one in slots] == [1, 1]


def test_a_relative_keeps_their_own_name_and_is_found_as_a_patient(an, service, slot):
    child = add_child(an)

    booked = one_of(by_reference(an, "book", proposed(slot), patient_reference=("reference", f"Patient/{child}")))
    found = [
        an.get(APPOINTMENT, query_string={"patient": who}).json.get("entry", [])
        for who in (child, f"Patient/{child}", str(an.id), str(service.id))
    ]

    assert booked["participant"][0]["actor"] == {"reference": f"Patient/{child}", "display": "Nguyễn Thị Mai"}
    assert [len(one) for one in found] == [1, 1, 0, 0]


def test_moving_and_cancelling_keep_the_id_and_say_why(an, service):
    slots = make_morning(service, 2)
    booked = one_of(by_reference(an, "book", proposed(slots[0])))

    moved = one_of(ask(an, "book", appointment_resource=(
        "whole", whole(booked, slot=[{"reference": f"Slot/{slots[1].id}"}])
    )))  # fmt: skip
    cancelled = one_of(ask(an, "book", appointment_resource=("whole", whole(moved, status="cancelled"))))
    again = ask(an, "book", appointment_resource=("whole", whole(moved, status="cancelled")))

    assert (moved["id"], moved["status"], moved["slot"][0]["reference"]) == (
        booked["id"], "booked", f"Slot/{slots[1].id}",
    )  # fmt: skip
    assert int(moved["meta"]["versionId"]) > int(booked["meta"]["versionId"])
    assert (cancelled["id"], cancelled["status"]) == (booked["id"], "cancelled")
    assert cancelled["cancelationReason"]["coding"][0]["code"] == "pat"
    assert (again.status_code, issues(again)) == (409, ["conflict"])
    assert [slot_now(one).taken for one in slots] == [0, 0]


def test_nobody_sees_holds_or_changes_what_is_not_theirs(an, binh, chi, nurse, slot):
    booked = book(an, slot)
    path = f"{APPOINTMENT}/{booked['id']}"
    resource = an.get(path).json

    tried = [
        binh.get(path), nurse.as_citizen().get(path),
        by_reference(binh, "book", f"Appointment/{booked['id']}"),
        ask(binh, "book", appointment_resource=("whole", whole(resource, status="cancelled"))),
        ask(binh, "book", appointment_resource=("whole", resource)),
        by_reference(binh, "hold", proposed(slot), patient_reference=("reference", f"Patient/{an.id}")),
    ]  # fmt: skip
    strangers = [chi.get(path), chi.get(APPOINTMENT), by_reference(chi, "hold", proposed(slot))]

    assert [one.status_code for one in tried] == [404] * 6
    assert {one.json["issue"][0]["code"] for one in tried} == {"not-found"}
    assert binh.get(APPOINTMENT).json.get("entry") is None
    assert binh.get(APPOINTMENT, query_string={"patient": str(an.id)}).json.get("entry") is None
    assert [one.status_code for one in strangers] == [401] * 3
    assert nurse.get(path).status_code == 403
    assert booking_now(booked["id"]).state is BookingState.BOOKED


def test_appointments_are_searched_by_status_and_days(an, service):
    slots = [make_slot(service, at(tomorrow() + timedelta(days=days), 8)) for days in range(3)]
    bookings = [book(an, one) for one in slots]
    an.post(f"{BOOKINGS}/{bookings[2]['id']}/cancellation")

    def found(**query):
        answer = an.get(APPOINTMENT, query_string=query)
        check(answer.json)
        return [one["resource"]["id"] for one in answer.json.get("entry", [])]

    ids = [one["id"] for one in bookings]
    assert found() == ids[::-1]
    assert found(status="cancelled") == [ids[2]]
    assert found(status="booked", date=f"ge{tomorrow() + timedelta(days=1)}") == [ids[1]]
    assert found(date=[f"ge{tomorrow()}", f"lt{tomorrow() + timedelta(days=1)}"]) == [ids[0]]
    assert found(_count="1") == [ids[2]]


def test_a_taken_place_is_refused_with_places_nearby_and_a_doubled_one_as_a_duplicate(an, binh, service):
    slots = make_morning(service, 3)
    book(an, slots[0])

    taken = by_reference(binh, "hold", proposed(slots[0]))
    doubled = by_reference(an, "hold", proposed(slots[1]))

    assert (taken.status_code, issues(taken)) == (409, ["conflict", "informational", "informational"])
    assert [one["diagnostics"].split()[0] for one in taken.json["issue"][1:]] == [proposed(one) for one in slots[1:]]
    assert (doubled.status_code, issues(doubled)) == (409, ["duplicate"])
    assert doubled.json["issue"][0]["details"]["coding"][0]["code"] == "already_booked"


def test_a_late_yes_is_told_as_expired(an, later, slot):
    pending = one_of(by_reference(an, "hold", proposed(slot)))

    later(timedelta(minutes=6), an)
    late = by_reference(an, "book", f"Appointment/{pending['id']}")

    assert (late.status_code, issues(late)[0]) == (410, "expired")


def test_a_key_books_once_and_is_needed(an, slot):
    key = {"Idempotency-Key": "one-intention"}

    first, second = (by_reference(an, "book", proposed(slot), headers=key) for _time in range(2))
    missing = by_reference(an, "book", proposed(slot), headers={"Idempotency-Key": ""})

    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count_bookings() == 1
    assert (missing.status_code, missing.json["issue"][0]["details"]["coding"][0]["code"]) == (
        400, "idempotency_key_missing",
    )  # fmt: skip


def test_of_many_systems_that_book_one_place_at_once_one_gets_it(people, slot):
    answers = all_at_once(8, lambda number: by_reference(people[number].again(), "book", proposed(slot)))

    assert sorted(one.status_code for one in answers) == [200] + [409] * 7
    assert slot_now(slot).taken == 1


@pytest.mark.parametrize("operation", ["find", "hold", "book"])
def test_what_is_no_parameters_resource_is_refused_with_its_place(an, slot, operation):
    good = {"name": "appointment-reference", "valueReference": {"reference": proposed(slot)}}
    spoiled = {
        "no list": {"resourceType": "Parameters"},
        "an empty list": {"resourceType": "Parameters", "parameter": []},
        "another type": {"resourceType": "Patient", "parameter": [good]},
        "an unknown name": {"resourceType": "Parameters", "parameter": [{"name": "colour", "valueString": "red"}]},
        "twice": {"resourceType": "Parameters", "parameter": [good, good]},
        "a stray member": {"resourceType": "Parameters", "parameter": [good | {"colour": "red"}]},
        "another reference": {"resourceType": "Parameters", "parameter": [
            good | {"valueReference": {"reference": f"Slot/{slot.id}"}}
        ]},
        "a naive instant": {"resourceType": "Parameters", "parameter": [
            {"name": "start", "valueDateTime": "2026-12-01T07:00:00"}, {"name": "end", "valueDateTime": "2026-12-02"},
        ]},
        "nobody": {"resourceType": "Parameters", "parameter": [{"name": "appointment-resource", "resource": {
            "resourceType": "Appointment", "status": "proposed", "participant": [],
            "slot": [{"reference": f"Slot/{slot.id}"}],
        }}]},
        "a banana": {"resourceType": "Parameters", "parameter": [{"name": "appointment-resource", "resource": {
            "resourceType": "Appointment", "status": "banana", "participant": [{"status": "accepted"}],
        }}]},
    }  # fmt: skip

    answers = {name: an.post(f"{APPOINTMENT}/${operation}", json=body) for name, body in spoiled.items()}

    assert {name: one.status_code for name, one in answers.items()} == dict.fromkeys(spoiled, 422)
    for answer in answers.values():
        check(answer.json)
    assert count_bookings() == 0


def test_the_same_booking_is_told_in_both_tongues(an, binh, service):
    slots = make_morning(service, 2)
    held = hold(an, slots[0]).json["items"][0]

    told = an.get(f"{APPOINTMENT}/{held['id']}").json

    assert (told["status"], told["participant"][0]["status"]) == ("pending", "tentative")
    assert (told["start"], told["end"]) == tuple(held[name].replace(".000", "") for name in ("starts_at", "ends_at"))
    assert told["serviceType"] == [{"text": "Khám nhi"}]
