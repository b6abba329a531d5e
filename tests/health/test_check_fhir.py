"""What is FHIR and what is not: by the library, and by what the library lets through."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.health.fhir import outcome
from services.health.fhir.library import NotFhir, check

TIMES = {"start": "2026-12-01T07:30:00+07:00", "end": "2026-12-01T07:45:00+07:00"}
SLOT = TIMES | {"resourceType": "Slot", "schedule": {"reference": "Schedule/1"}, "status": "free"}
SOMEBODY = {"actor": {"reference": "Patient/1"}, "status": "accepted"}
APPOINTMENT = TIMES | {"resourceType": "Appointment", "status": "booked", "participant": [SOMEBODY]}


def troubles(resource, **more):
    with pytest.raises(NotFhir) as caught:
        check({name: value for name, value in (resource | more).items() if value is not None})
    return " ".join(f"{place}: {what}" for place, what in caught.value.troubles)


def test_what_is_right_goes_through_as_it_is():
    assert check(SLOT) is SLOT
    assert check(APPOINTMENT) is APPOINTMENT


def test_what_the_library_refuses_is_refused():
    assert "schedule" in troubles(SLOT, schedule=None)
    assert "start" in troubles(SLOT, start="2026-12-01T07:30:00")
    assert "colour" in troubles(SLOT, colour="red")
    assert "participant" in troubles(APPOINTMENT, participant=None)
    assert "none of those known" in troubles({"resourceType": "Patient"})


def test_what_the_library_lets_through_is_refused_as_well():
    # Codes that FHIR binds, ends before beginnings, appointments of nobody: the library takes each of them.
    assert "banana" in troubles(SLOT, status="banana")
    assert "banana" in troubles(APPOINTMENT, status="banana")
    assert "banana" in troubles(APPOINTMENT, participant=[SOMEBODY | {"status": "banana"}])
    assert "not after start" in troubles(SLOT, end=SLOT["start"])
    assert "not after start" in troubles(APPOINTMENT, start=APPOINTMENT["end"], end=APPOINTMENT["start"])
    assert "names nobody" in troubles(APPOINTMENT, participant=[])
    assert "app-1" in troubles(APPOINTMENT, participant=[{"status": "accepted"}])
    assert "app-2" in troubles(APPOINTMENT, end=None)
    assert "app-3" in troubles(APPOINTMENT, start=None, end=None)
    assert "app-4" in troubles(APPOINTMENT, cancelationReason={"text": "Bận"})
    assert "names nobody" in troubles({"resourceType": "Schedule", "actor": []})


def test_a_bundle_is_looked_at_to_its_last_entry():
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": SLOT}, {"resource": SLOT}]}
    check(bundle)

    spoiled = [{"resource": SLOT}, {"resource": SLOT | {"status": "banana"}}]

    assert "banana" in troubles(bundle, entry=spoiled)
    assert "schedule" in troubles(bundle, entry=[{"resource": {"resourceType": "Slot"}}])
    assert "bdl-2" in troubles(bundle, type="collection", entry=[{"resource": SLOT, "search": {"mode": "match"}}])


def test_refusals_are_outcomes_of_fhir_with_the_free_places_they_name():
    problem = {
        "type": "https://api.citizen.example/problems/place_taken", "title": "Đã hết chỗ", "status": 409,
        "detail": "Hãy chọn chỗ khác.", "instance": "019a", "code": "place_taken",
        "alternatives": [{"slot_id": "019a0d00-0000-7000-8000-00000000a001", "starts_at": TIMES["start"]}],
    }  # fmt: skip

    told = outcome.outcome(problem)
    doubled = outcome.outcome(problem | {"code": "already_booked", "alternatives": []})
    flawed = outcome.outcome(
        problem
        | {"status": 400, "code": "malformed_request", "alternatives": []}
        | {"errors": [{"pointer": "/parameter/0", "code": "unknown", "detail": "Không được hỗ trợ."}]}
    )

    assert [check(one) for one in (told, doubled, flawed)]
    assert [one["code"] for one in told["issue"]] == ["conflict", "informational"]
    assert told["issue"][1]["diagnostics"].startswith("Appointment/proposed-019a0d00-")
    assert doubled["issue"][0]["code"] == "duplicate"
    assert [(one["code"], one.get("expression")) for one in flawed["issue"]] == [
        ("invalid", None),
        ("not-supported", ["parameter.0"]),
    ]


def test_nobody_pays_for_the_library_before_the_first_question():
    loaded = "import services.health.views, sys; sys.exit(bool({'fhir', 'fhir_core', 'pydantic'} & set(sys.modules)))"

    ran = subprocess.run([sys.executable, "-c", loaded], check=False, timeout=60)

    assert ran.returncode == 0
