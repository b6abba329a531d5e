"""Reading schools: lists, near me, the map, side by side, single fields, expired standards, conditional requests."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from kit.database import transaction
from server import openapi
from services.education.operations import writing
from services.education.operations.writing import Author
from tests.education.conftest import HAC_THANH, NAM_DINH, THANH_HOA, change, facts_of, make_school
from tests.education.test_ask_about_admissions import a_round, publish, square, zone
from tests.test_openapi import Document

BASE = "/v1/education"
SCHOOLS, NEARBY, MAP, COMPARE = (f"{BASE}/{name}" for name in ("schools", "nearby", "map", "comparisons"))
STANDARD = {"level": 1, "decision": "12/QĐ-UBND", "decided_on": "2021-12-01", "valid_to": "2026-11-30"}
pytestmark = pytest.mark.usefixtures("communes")


def test_pages_follow_the_vietnamese_alphabet_and_miss_nothing(chi):
    names = ["Trường Tiểu học Ân Thi", "Trường THCS Bà Triệu", "Trường Tiểu học Đông Sơn", "Trường Tiểu học Duy Tân"]
    for name in reversed(names):
        make_school(name)

    first = chi.get(SCHOOLS, query_string={"limit": 3})
    rest = chi.get(SCHOOLS, query_string={"limit": 3, "cursor": first.json["next"]})
    stolen = chi.get(SCHOOLS, query_string={"limit": 3, "level": "primary", "cursor": first.json["next"]})

    told = [one["name"] for one in (*first.json["items"], *rest.json["items"])]
    assert told == [names[0], names[1], names[3], names[2]]
    assert "next" not in rest.json
    assert (stolen.status_code, stolen.json["errors"][0]["code"]) == (400, "cursor")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"level": "kindergarten"}, {"Hoa Sen"}),
        ({"programme": "boarding"}, {"Nội trú"}),
        ({"ownership": "private"}, {"Hoa Sen"}),
        ({"commune": NAM_DINH}, {"Nội trú"}),
        ({"province": THANH_HOA}, {"Kim Đồng", "Hoa Sen"}),
        ({"level": "primary", "province": THANH_HOA, "ownership": "public"}, {"Kim Đồng"}),
        ({"province": "99"}, set()),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_filters_narrow_the_list(chi, filters, expected):
    make_school("Kim Đồng")
    make_school("Hoa Sen", levels=["kindergarten"], ownership="private")
    make_school("Nội trú", levels=["lower_secondary"], programmes=["boarding"], commune=NAM_DINH)

    answer = chi.get(SCHOOLS, query_string=filters)

    assert {one["name"] for one in answer.json["items"]} == expected


def test_the_bytes_of_every_public_answer_obey_the_document(app, chi):
    one = make_school("Trường Tiểu học Kim Đồng", point=(19.8, 105.77), national_standard=STANDARD)
    two = make_school("Trường Tiểu học Lê Lợi", fees=[_fee(2025, 90_000), _fee(2026, 100_000)])
    day, area = a_round(school_id=str(one)), zone(one, geometry=square(19.8, 19.81))
    publish(area, rounds=[day])
    document = Document(openapi.document(app))
    asked = {
        "searchSchools": f"{BASE}/search?q=kim+dog&lat=19.8&lon=105.7",
        "listSchoolSuggestions": f"{BASE}/suggestions?q=kim",
        "listSchools": SCHOOLS,
        "getSchool": f"{SCHOOLS}/{one}",
        "listNearbySchools": f"{NEARBY}?lat=19.8&lon=105.7&metres=50000",
        "getSchoolMap": f"{MAP}?bbox=105,19,106,20",
        "getSchoolComparison": f"{COMPARE}?ids={one},{two}",
        "getSchoolSnapshot": f"{BASE}/snapshots?province={THANH_HOA}",
        "listSchoolChanges": f"{BASE}/changes?province={THANH_HOA}&since=0",
        "listAdmissionRounds": f"{BASE}/rounds?school_id={one}",
        "getAdmissionRound": f"{BASE}/rounds/{day['id']}",
        "getCatchmentZone": f"{BASE}/zones/{area['id']}",
        "listOpenDays": f"{SCHOOLS}/{one}/open-days",
    }
    for operation, path in asked.items():
        answer = chi.get(path)

        (content,) = document.operations[operation].said["responses"]["200"]["content"].values()
        assert answer.status_code == 200, operation
        assert document.flaws(content["schema"], answer.get_json(force=True)) == [], operation
        assert answer.headers["ETag"]
        again = chi.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b""), operation


def _fee(year, amount_vnd):
    return {"school_year": year, "kind": "meals", "amount_vnd": amount_vnd, "per": "month"}


def test_only_the_fields_asked_for_come(chi):
    school = make_school("Trường Tiểu học Kim Đồng")

    listed = chi.get(SCHOOLS, query_string={"fields": "name,levels"}).json["items"]
    read = chi.get(f"{SCHOOLS}/{school}", query_string={"fields": "size"}).json
    refused = chi.get(SCHOOLS, query_string={"fields": "name,password"})

    assert listed == [{"id": str(school), "name": "Trường Tiểu học Kim Đồng", "levels": ["primary"]}]
    assert read == {"id": str(school), "size": None}
    assert refused.status_code == 400


def test_a_standard_past_its_last_day_is_shown_as_expired(chi, later):
    school = make_school("Trường Tiểu học Kim Đồng", national_standard=STANDARD)
    path = f"{SCHOOLS}/{school}"
    before = chi.get(path)
    listed_before = chi.get(SCHOOLS).json["items"][0]

    later(timedelta(days=12))
    after = chi.get(path, headers={"If-None-Match": before.headers["ETag"]})
    listed_after = chi.get(SCHOOLS).json["items"][0]

    assert before.json["national_standard"]["is_expired"] is False
    assert (after.status_code, after.json["national_standard"]["is_expired"]) == (200, True)
    assert (listed_before["standard_is_expired"], listed_after["standard_is_expired"]) == (False, True)


def test_a_changed_school_has_another_etag(chi):
    school = make_school("Trường Tiểu học Kim Đồng")
    etag = chi.get(f"{SCHOOLS}/{school}").headers["ETag"]

    change(school, name="Trường Tiểu học Kim Đồng 1")

    assert chi.get(f"{SCHOOLS}/{school}", headers={"If-None-Match": etag}).status_code == 200


def test_the_nearest_come_first_by_the_great_circle(chi):
    # North and east by the same degrees: east is nearer, because meridians lean together.
    east = make_school("Đông", point=(19.80, 105.82))
    north = make_school("Bắc", point=(19.85, 105.77))
    make_school("Xa", point=(20.30, 105.97), commune=NAM_DINH)

    near = chi.get(NEARBY, query_string={"lat": 19.80, "lon": 105.77, "metres": 10_000}).json["items"]

    assert [one["id"] for one in near] == [str(east), str(north)]
    assert [one["distance_m"] for one in near] == [pytest.approx(5231, abs=5), pytest.approx(5560, abs=5)]


@pytest.mark.parametrize(("lat", "lon"), [(0, 0), (105.7, 19.8), (48.85, 2.35)], ids=["null", "swapped", "paris"])
def test_a_point_outside_of_vietnam_is_refused(chi, lat, lon):
    refused = chi.get(NEARBY, query_string={"lat": lat, "lon": lon})

    assert refused.json["code"] in {"point_outside_vietnam", "malformed_request"}
    assert refused.status_code in {400, 422}


def test_a_map_of_many_schools_shows_clusters(chi):
    with transaction() as session:
        many = [facts_of(f"Trường {n}", point=(19.5 + n / 2000, 105.5 + (n % 30) / 60)) for n in range(510)]
        writing.create_schools(session, many, Author("Ví dụ"))

    few = chi.get(MAP, query_string={"bbox": "105.5,19.5,105.6,19.55"}).get_json(force=True)["features"]
    clustered = chi.get(MAP, query_string={"bbox": "105,19,107,21"})

    features = clustered.get_json(force=True)["features"]
    assert clustered.content_type == "application/geo+json"
    assert {"id", "name"} <= set(few[0]["properties"])
    assert len(features) < 500
    assert sum(one["properties"]["schools"] for one in features) == 510


@pytest.mark.parametrize("bbox", ["1,2,3", "106,19,105,20", "105,19,106,91", "a,b,c,d", "105,19,106,20,21"])
def test_a_box_that_is_none_is_refused(chi, bbox):
    assert chi.get(MAP, query_string={"bbox": bbox}).status_code == 400


def test_schools_stand_side_by_side_and_no_data_is_said(chi):
    size = {"capacity": 1000, "roll": 900, "classes": 25, "as_of": "2026-05-31"}
    one = make_school("Một", size=size, fees=[_fee(2025, 90_000), _fee(2026, 100_000)])
    two = make_school("Hai", national_standard=STANDARD)

    rows = {row["field"]: row for row in chi.get(COMPARE, query_string={"ids": f"{one},{two}"}).json["rows"]}
    english = chi.get(COMPARE, query_string={"ids": f"{one},{two}"}, headers={"Accept-Language": "en"}).json["rows"]

    assert (rows["roll"]["values"], rows["roll"]["unit"]) == ([900, None], "pupils")
    assert rows["roll"]["texts"] == ["900 học sinh", "không có dữ liệu"]
    assert rows["roll"]["days"] == ["2026-05-31", None]
    assert rows["fee_meals_per_month"]["texts"] == ["100.000 đ", "không có dữ liệu"]
    assert rows["national_standard"]["texts"] == ["không có dữ liệu", "mức độ 1, đến 2026-11-30"]
    assert next(row for row in english if row["field"] == "roll")["texts"] == ["900 pupils", "no data"]
    assert not {field for field in rows if "score" in field}


def test_four_are_compared_and_five_are_not(chi):
    ids = [str(make_school(f"Trường {n}")) for n in range(5)]

    four = chi.get(COMPARE, query_string={"ids": ",".join(ids[:4])})
    five = chi.get(COMPARE, query_string={"ids": ",".join(ids)})
    unknown = chi.get(COMPARE, query_string={"ids": f"{ids[0]},{uuid4()}"})

    assert [one["id"] for one in four.json["schools"]] == ids[:4]
    assert (five.status_code, five.json["code"]) == (422, "too_many_to_compare")
    assert unknown.status_code == 404


def test_a_school_in_an_unknown_commune_is_refused():
    from services.education.errors import UnknownCommune  # noqa: PLC0415

    with pytest.raises(UnknownCommune):
        make_school("Ở đâu", commune="99999")
    assert HAC_THANH != "99999"
