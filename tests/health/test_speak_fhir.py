"""Clinics as systems of hospitals read them: every resource valid, every search bounded, refusals as outcomes."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from kit import clock
from kit.database import transaction
from server import openapi
from services.health import operations
from services.health.fhir import capability, codes
from services.health.fhir.library import check
from services.health.models import Department, FacilityHours, SlotState
from tests.health.clinics import (
    at,
    book,
    confirm,
    hold,
    make_facility,
    make_morning,
    make_practitioner,
    make_service,
    make_slot,
    tomorrow,
)

FHIR = "/fhir"
EVERYWHERE = {
    "name": "Bệnh viện Nhi Thanh Hoá", "search_fold": "benh vien nhi thanh hoa", "latitude": 19.7753,
    "longitude": 105.7741, "commune": "Phường Hạc Thành", "province": "Thanh Hóa", "province_code": "38",
    "address": "217 Lý Nam Đế",
}  # fmt: skip


@pytest.fixture
def hospital(nurse):
    return make_facility(organisation_id=nurse.organisation_id, **EVERYWHERE)


@pytest.fixture
def service(hospital):
    return make_service(hospital, bring_vi="Thẻ BHYT hoặc CCCD")


def read(person, path, **query):
    """An answer that is FHIR, by the library and by our own checks."""
    answer = person.get(f"{FHIR}/{path}", query_string=query, headers={"Accept": codes.FHIR_JSON})
    assert answer.content_type == codes.FHIR_JSON, answer.text
    check(answer.json)
    return answer


def ids(answer):
    return [one["resource"]["id"] for one in answer.json.get("entry", [])]


def test_the_capability_statement_says_what_there_is_and_no_more(chi, app):
    told = read(chi, "metadata")

    (rest,) = told.json["rest"]
    paths = {path.removeprefix("/fhir/"): item for path, item in _document(app)["paths"].items() if "/fhir/" in path}
    for resource in rest["resource"]:
        asked = {one["name"] for one in paths[resource["type"]]["get"].get("parameters", []) if one["in"] == "query"}
        assert {one["name"] for one in resource["searchParam"]} == asked - {"_cursor"}, resource["type"]
        for operation in resource.get("operation", ()):
            assert f"{resource['type']}/${operation['name']}" in paths
    assert {one["type"] for one in rest["resource"]} == set(capability.SEARCHES)
    assert (told.json["fhirVersion"], told.headers["Cache-Control"].split(",")[0]) == ("4.0.1", "public")


def _document(app):
    return openapi.document(app)


def test_a_hospital_is_an_organization_and_a_location_with_departments_and_hours(chi, hospital):
    with transaction() as session:
        session.add(Department(facility_id=hospital.id, code="noi", name_vi="Khoa Nội", name_en="Internal medicine"))
        session.add(FacilityHours(facility_id=hospital.id, weekday=1, opens=at(tomorrow(), 7).time(),
                                  closes=at(tomorrow(), 12).time()))  # fmt: skip

    organization = read(chi, f"Organization/{hospital.id}").json
    (part,) = read(chi, "Organization", partof=f"Organization/{hospital.id}").json["entry"]
    location = read(chi, f"Location/{hospital.id}").json
    department = read(chi, f"Organization/{part['resource']['id']}").json

    assert (organization["name"], organization["type"][0]["coding"][0]["code"]) == (EVERYWHERE["name"], "prov")
    assert organization["address"][0]["city"] == "Phường Hạc Thành"
    assert (department["name"], department["partOf"]["reference"]) == ("Khoa Nội", f"Organization/{hospital.id}")
    assert location["position"] == {"longitude": 105.7741, "latitude": 19.7753}
    assert location["hoursOfOperation"][0]["daysOfWeek"] == ["mon"]
    assert read(chi, f"Organization/{part['resource']['id']}").status_code == 200


def test_searches_find_by_words_without_diacritics_and_by_distance(chi, hospital):
    far = make_facility("Bệnh viện Nhi Hà Nội", search_fold="benh vien nhi ha noi", latitude=21.0, longitude=105.8)

    by_name = [ids(read(chi, kind, name="nhi thanh")) for kind in ("Organization", "Location")]
    near = read(chi, "Location", near="19.77|105.77|5|km")
    both = read(chi, "Location", near="19.77|105.77|200|km")

    assert by_name == [[str(hospital.id)]] * 2
    assert ids(near) == [str(hospital.id)]
    assert ids(both) == [str(hospital.id), str(far.id)]
    assert near.json["entry"][0]["fullUrl"].endswith(f"/fhir/Location/{hospital.id}")


def test_services_and_people_are_told_with_where_they_belong(chi, hospital, service):
    doctor = make_practitioner(hospital.id)

    told = read(chi, f"HealthcareService/{service.id}").json
    english = chi.get(f"{FHIR}/HealthcareService/{service.id}", headers={"Accept-Language": "en"})
    found = [
        ids(read(chi, "HealthcareService", organization=str(hospital.id), specialty="children")),
        ids(read(chi, "HealthcareService", specialty="eyes")),
        ids(read(chi, "Practitioner", name="minh duc")),
        ids(read(chi, "Practitioner", name="inh")),
        ids(read(chi, "PractitionerRole", organization=f"Organization/{hospital.id}")),
        ids(read(chi, "PractitionerRole", practitioner=str(service.id))),
    ]

    assert (told["name"], english.json["name"]) == ("Khám nhi", "Paediatrics")
    assert english.headers["Content-Language"] == "en"
    assert told["providedBy"]["reference"] == f"Organization/{hospital.id}"
    assert told["extraDetails"] == "Thẻ BHYT hoặc CCCD"
    assert found == [[str(service.id)], [], [str(doctor.id)], [], [str(doctor.id)], []]
    assert read(chi, f"Practitioner/{doctor.id}").json["gender"] == "unknown"
    assert read(chi, f"PractitionerRole/{doctor.id}").json["code"] == [{"text": "doctor"}]


def test_schedules_are_one_for_each_service_and_practitioner_with_their_horizon(chi, hospital, service):
    doctor = make_practitioner(hospital.id)
    plain = make_slot(service)
    own = make_slot(service, at(tomorrow() + timedelta(days=2), 9), practitioner=doctor)

    found = read(chi, "Schedule", actor=f"HealthcareService/{service.id}").json["entry"]
    of_doctor = read(chi, "Schedule", actor=f"Practitioner/{doctor.id}").json["entry"]

    (schedule,) = [one["resource"] for one in of_doctor]
    assert len(found) == 2
    assert len(schedule["id"]) <= 64
    assert schedule["planningHorizon"] == {
        "start": clock.local(own.starts_at).isoformat(timespec="seconds"),
        "end": clock.local(own.ends_at).isoformat(timespec="seconds"),
    }
    assert read(chi, f"Schedule/{schedule['id']}").json == schedule
    slots = [read(chi, "Slot", schedule=f"Schedule/{one}") for one in (schedule["id"], service.id)]
    assert [ids(one) for one in slots] == [[str(own.id)], [str(plain.id)]]
    assert read(chi, "Schedule", actor=f"Location/{make_facility().id}").json.get("entry") is None


def test_a_slot_says_whether_a_place_can_be_had_and_how_many(chi, an, binh, service):
    start = at(tomorrow(), 8)
    slots = [make_slot(service, start + timedelta(minutes=15 * number), capacity=2) for number in range(2)]
    full, held, unreleased, withdrawn = (
        make_slot(service, start + timedelta(hours=1, minutes=15 * number), **more)
        for number, more in enumerate([{}, {}, {"release_at": clock.now() + timedelta(hours=1)}, {}])
    )
    book(an, full)
    hold(binh, held)
    with transaction() as session:
        session.get_one(type(withdrawn), withdrawn.id).state = SlotState.WITHDRAWN

    told = {one["resource"]["id"]: one["resource"] for one in read(chi, "Slot").json["entry"]}
    free = ids(read(chi, "Slot", status="free"))

    assert {key: told[str(one.id)]["status"] for key, one in {
        "free": slots[0], "full": full, "held": held, "unreleased": unreleased, "withdrawn": withdrawn,
    }.items()} == {
        "free": "free", "full": "busy", "held": "busy-tentative", "unreleased": "busy-unavailable",
        "withdrawn": "busy-unavailable",
    }  # fmt: skip
    assert told[str(slots[0].id)]["extension"] == [{"url": codes.CAPACITY, "valueInteger": 2}]
    assert "extension" not in told[str(full.id)]
    assert free == [str(one.id) for one in slots]
    assert read(chi, f"Slot/{full.id}").json["status"] == "busy"


def test_slots_are_found_by_days_and_instants_of_vietnam_two_weeks_at_most(chi, service):
    late, early = (make_slot(service, at(tomorrow() + timedelta(days=days), *clock_at))
                   for days, clock_at in ((0, (23, 30)), (1, (0, 30))))  # fmt: skip
    day, next_day = tomorrow(), tomorrow() + timedelta(days=1)
    instant = clock.local(early.starts_at).isoformat(timespec="seconds")

    found = {
        asked: ids(read(chi, "Slot", start=asked.split()))
        for asked in (str(day), f"ge{next_day}", f"gt{day} lt{next_day}", f"ge{instant}", f"lt{instant}", instant)
    }
    refused = [
        read(chi, "Slot", start=asked)
        for asked in (
            [f"ge{day}", f"lt{day + timedelta(days=15)}"], "2026-12-01T07:30:00", "2026-13-01", "yesterday",
            ["2026-12-01"] * 3,
        )
    ]  # fmt: skip

    assert found == {
        str(day): [str(late.id)], f"ge{next_day}": [str(early.id)], f"gt{day} lt{next_day}": [],
        f"ge{instant}": [str(early.id)], f"lt{instant}": [str(late.id)], instant: [str(early.id)],
    }  # fmt: skip
    assert [one.status_code for one in refused] == [400] * 5
    assert {one.json["resourceType"] for one in refused} == {"OperationOutcome"}


def test_a_search_goes_on_where_its_bundle_says(chi, service):
    slots = make_morning(service, 5)

    first = read(chi, "Slot", _count=2, status="free")
    links = {one["relation"]: one["url"] for one in first.json["link"]}
    seen, url = ids(first), links["next"]
    for _page in range(2):
        page = chi.get(url.removeprefix("http://127.0.0.1:8000"))
        seen += ids(page)
        url = next((one["url"] for one in page.json["link"] if one["relation"] == "next"), None)

    assert seen == [str(one.id) for one in slots]
    assert url is None
    assert links["self"].endswith("/fhir/Slot?_count=2&status=free")


def test_what_is_public_is_kept_by_its_etag(chi, hospital):
    path = f"{FHIR}/Organization/{hospital.id}"
    first = chi.get(path)

    again = chi.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, again.text) == (200, 304, "")


def test_refusals_below_fhir_are_outcomes_whoever_refuses(chi, an, hospital):
    unknown = [
        read(chi, f"Organization/{make_facility().id}x"), read(chi, f"Slot/{hospital.id}"),
        read(chi, f"Schedule/{hospital.id}"), read(chi, "Schedule/nothing"), read(chi, "Nothing"),
    ]  # fmt: skip
    signed_out = read(chi, "Appointment")
    stray = read(chi, "Slot", colour="red")
    wrong_method = chi.ask("DELETE", f"{FHIR}/Slot")
    other_type = chi.get(f"{FHIR}/metadata", headers={"Accept": "text/html"})

    assert [one.status_code for one in unknown] == [404] * 5
    assert {one.json["issue"][0]["code"] for one in unknown} == {"not-found"}
    assert (signed_out.status_code, signed_out.json["issue"][0]["code"]) == (401, "login")
    assert signed_out.headers["WWW-Authenticate"].startswith("Bearer")
    assert (stray.status_code, [one["code"] for one in stray.json["issue"]]) == (400, ["invalid", "not-supported"])
    assert (wrong_method.status_code, wrong_method.json["resourceType"]) == (405, "OperationOutcome")
    assert (other_type.status_code, other_type.json["resourceType"]) == (406, "OperationOutcome")
    assert an.get("/v1/nothing").json["code"] == "not_found"


def test_the_feed_lists_what_is_free_as_lines(chi, an, hospital, service):
    slots = make_morning(service, 3, capacity=2)
    elsewhere = make_slot(make_service(make_facility("Trạm y tế")))
    confirm(an, hold(an, slots[0]))
    operations.forget_kept_feed()

    manifest = chi.get(f"{FHIR}/$bulk-publish", query_string={"_since": "2026-11-01T00:00:00+07:00"}).json
    files = {
        one["url"].rsplit("/", 1)[1]: chi.get(one["url"].removeprefix("http://127.0.0.1:8000"), headers={
            "Accept": codes.FHIR_LINES,
        }) for one in manifest["output"]
    }  # fmt: skip

    lines = {name: [check(one) for one in _lines(answer)] for name, answer in files.items()}
    assert set(files) == {"locations.ndjson", "schedules.ndjson", "slots-00.ndjson", "slots-38.ndjson"}
    assert {one["type"] for one in manifest["output"]} == {"Location", "Schedule", "Slot"}
    assert [one["id"] for one in lines["slots-38.ndjson"]] == [str(one.id) for one in slots]
    assert [one["id"] for one in lines["slots-00.ndjson"]] == [str(elsewhere.id)]
    phone = {"url": codes.BOOKING_PHONE, "valueString": "0237 3 951 234"}
    assert [one["extension"] for one in lines["slots-38.ndjson"]] == [
        [{"url": codes.CAPACITY, "valueInteger": left}, phone] for left in (1, 2, 2)
    ]
    assert {one["schedule"]["reference"].split("/")[1] for one in lines["slots-38.ndjson"]} <= {
        one["id"] for one in lines["schedules.ndjson"]
    }
    assert {one["id"] for one in lines["locations.ndjson"]} == {str(hospital.id), str(elsewhere.facility_id)}
    assert files["slots-38.ndjson"].content_type == codes.FHIR_LINES
    assert "max-age=60" in files["slots-38.ndjson"].headers["Cache-Control"]
    # Made once a minute: what is booked now shows in the next one.
    book(an, make_slot(service, at(tomorrow() + timedelta(days=1), 9)))
    assert chi.get(f"{FHIR}/feed/slots-38.ndjson").data == files["slots-38.ndjson"].data
    assert chi.get(f"{FHIR}/feed/slots-x.ndjson").status_code == 404


def _lines(answer):
    return [orjson.loads(line) for line in answer.data.splitlines()]
