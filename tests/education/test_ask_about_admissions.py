"""What is open for a child, and whose catchment a home lies in: with sources, in doubt near borders, never stored."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from kit import clock
from kit.database import Base, transaction
from services.education.geometry import METRES_PER_DEGREE, ShapeRefused, read_shape
from services.education.operations import seeding
from tests.education.conftest import HAC_THANH, NAM_DINH, THANH_HOA, make_school

CATCHMENT, ADMISSIONS = "/v1/education/catchment-look-ups", "/v1/education/admission-look-ups"
LAT, LON = 19.8, 105.78
UP = 1 / METRES_PER_DEGREE  # a metre, in degrees of latitude
SOURCE = {"source": "Kế hoạch tuyển sinh (ví dụ)", "source_on": "2026-05-15"}
pytestmark = pytest.mark.usefixtures("communes")


def square(south: float, north: float, *holes: list[list[float]]) -> dict[str, Any]:
    """A polygon of a hundredth of a degree from west to east."""
    ring = [[LON, south], [LON + 0.01, south], [LON + 0.01, north], [LON, north], [LON, south]]
    return {"type": "Polygon", "coordinates": [ring, *holes]}


def zone(school: Any, **more: Any) -> dict[str, Any]:
    number = next(_numbers)
    kind = "polygon" if "geometry" in more else "street" if "street" in more else "commune"
    return {
        "id": f"00000000-0000-7000-8000-{number:012d}",
        "school_id": str(school),
        "level": "primary",
        "school_year": 2026,
        "kind": kind,
        "name": f"Khu {number}",
        "priority": 1,
        **SOURCE,
        **more,
    }


_numbers = iter(range(1, 10_000))


def publish(*zones: dict[str, Any], rounds: Any = ()) -> None:
    with transaction() as session:
        seeding.load_admissions(session, {"zones": zones, "rounds": rounds})


def ask(person: Any, **home: Any) -> Any:
    answer = person.post(CATCHMENT, json={"home": home, "level": "primary", "school_year": 2026})
    assert answer.status_code == 200, answer.json
    return answer.json


def schools_of(answer: Any) -> set[str]:
    return {one["school_id"] for one in answer["zones"]}


def test_well_inside_of_one_zone_the_answer_is_sure_and_says_its_source(chi):
    school = make_school("Một")
    publish(zone(school, geometry=square(LAT, LAT + 0.01)))

    told = ask(chi, lat=LAT + 0.005, lon=LON + 0.005)

    assert (told["answer"], schools_of(told)) == ("in_zone", {str(school)})
    assert (told["zones"][0]["source"], told["source_on"]) == (SOURCE["source"], SOURCE["source_on"])
    assert told["note"].startswith("Trường và UBND")


def test_forty_metres_from_a_border_both_schools_are_named(chi):
    south, north = make_school("Nam"), make_school("Bắc")
    publish(zone(south, geometry=square(LAT - 0.01, LAT)), zone(north, geometry=square(LAT, LAT + 0.01)))

    told = ask(chi, lat=LAT - 39.9 * UP, lon=LON + 0.005)

    assert (told["answer"], schools_of(told)) == ("borderline", {str(south), str(north)})
    assert {one["school_id"]: (one["is_inside"], one["border_m"]) for one in told["zones"]} == {
        str(south): (True, 40),
        str(north): (False, 40),
    }


@pytest.mark.parametrize(("metres", "answer"), [(99, "borderline"), (102, "in_zone")])
def test_a_hundred_metres_from_a_border_doubt_ends(chi, metres, answer):
    school = make_school("Nam")
    publish(zone(school, geometry=square(LAT - 0.01, LAT)))

    assert ask(chi, lat=LAT - metres * UP, lon=LON + 0.005)["answer"] == answer


def test_a_hole_in_a_zone_is_not_the_zone(chi):
    school, other = make_school("Quanh"), make_school("Trong")
    hole = [
        [LON + x, LAT + y] for x, y in ((0.003, 0.003), (0.003, 0.007), (0.007, 0.007), (0.007, 0.003), (0.003, 0.003))
    ]
    publish(zone(school, geometry=square(LAT, LAT + 0.01, hole)))

    in_the_hole = ask(chi, lat=LAT + 0.005, lon=LON + 0.005)
    at_its_rim = ask(chi, lat=LAT + 0.003 + 30 * UP, lon=LON + 0.005)
    publish(zone(other, geometry={"type": "Polygon", "coordinates": [hole]}))
    filled = ask(chi, lat=LAT + 0.005, lon=LON + 0.005)

    assert (in_the_hole["answer"], in_the_hole["zones"]) == ("unknown", [])
    assert (at_its_rim["answer"], at_its_rim["zones"][0]["is_inside"]) == ("borderline", False)
    assert (filled["answer"], schools_of(filled)) == ("in_zone", {str(other)})


def test_two_zones_over_one_home_are_a_borderline_case(chi):
    one, two = make_school("Một"), make_school("Hai")
    publish(*(zone(school, geometry=square(LAT, LAT + 0.01)) for school in (one, two)))

    told = ask(chi, lat=LAT + 0.005, lon=LON + 0.005)

    assert (told["answer"], schools_of(told)) == ("borderline", {str(one), str(two)})


@pytest.mark.parametrize(("lat", "lon"), [(0, 0), (LON - 20, LAT), (48.85, 2.35)], ids=["null", "swapped", "paris"])
def test_a_point_that_is_not_in_vietnam_is_refused(chi, lat, lon):
    refused = chi.post(CATCHMENT, json={"home": {"lat": lat, "lon": lon}, "level": "primary", "school_year": 2026})

    assert (refused.status_code, refused.json["code"]) == (422, "point_outside_vietnam")


@pytest.mark.parametrize(
    ("street", "number", "answer"),
    [
        ("Lê Lợi", 7, "in_zone"),
        ("đường LE LOI", 7, "in_zone"),
        ("Lê Lợi", 8, "by_commune_only"),
        ("Lê Lợi", 101, "by_commune_only"),
        ("Lê Lợi", None, "by_commune_only"),
        ("Trần Phú", 7, "by_commune_only"),
    ],
    ids=["odd", "folded", "even", "beyond", "no number", "another street"],
)
def test_a_street_range_takes_its_side_and_its_numbers(chi, street, number, answer):
    school = make_school("Một")
    street_range = {"street": "Lê Lợi", "number_from": 1, "number_to": 99, "parity": "odd"}
    publish(zone(school, commune_code=HAC_THANH, **street_range), zone(school, commune_code=HAC_THANH))

    assert ask(chi, commune_code=HAC_THANH, street=street, number=number)["answer"] == answer


def test_without_any_zone_nothing_is_claimed_and_the_school_is_still_listed(chi):
    school = make_school("Trường Tiểu học Một", point=(LAT, LON))

    answer = ask(chi, commune_code=HAC_THANH, lat=LAT, lon=LON)["answer"]
    near = chi.get("/v1/education/nearby", query_string={"lat": LAT, "lon": LON}).json["items"]

    assert answer == "unknown"
    assert [one["id"] for one in near] == [str(school)]


def test_no_list_says_anything_of_a_catchment(chi):
    school = make_school("Trường Tiểu học Một", point=(LAT, LON))
    publish(zone(school, geometry=square(LAT - 0.01, LAT + 0.01)))
    paths = ("search?q=mot", f"search?q=mot&lat={LAT}&lon={LON}", "schools", f"nearby?lat={LAT}&lon={LON}")

    for path in (*paths, f"schools/{school}", "suggestions?q=mot"):
        answer = chi.get(f"/v1/education/{path}")

        assert str(school) in answer.text
        assert not re.search("zone|catchment|tuyến", answer.text), path


@pytest.mark.parametrize(
    ("geometry", "code"),
    [
        ({"type": "Point", "coordinates": [LON, LAT]}, "not_a_polygon"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, "point_outside_vietnam"),
        ({"type": "Polygon", "coordinates": [[[LON, LAT], [LON + 1, LAT], [LON, LAT + 1]]]}, "ring_not_closed"),
        (
            {"type": "Polygon", "coordinates": [[[105, 19], [106, 20], [106, 19], [105, 20], [105, 19]]]},
            "ring_crosses_itself",
        ),
        ({"type": "Polygon", "coordinates": [[[105, "19"], [106, 20], [106, 19], [105, 19]]]}, "not_a_point"),
        (square(LAT, LAT + 0.01, [[104, 19], [104.1, 19], [104.1, 19.1], [104, 19]]), "hole_outside"),
        ({"type": "Polygon", "coordinates": [[[105, 19]] * 2001]}, "too_many_points"),
        ({"type": "Polygon", "coordinates": []}, "no_coordinates"),
        (None, "not_a_polygon"),
    ],
)
def test_a_shape_that_can_be_no_zone_is_refused_with_its_reason(geometry, code):
    with pytest.raises(ShapeRefused) as refused:
        read_shape(geometry)

    assert refused.value.code == code


def a_round(**changes: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-7000-8000-{next(_numbers):012d}",
        "province_code": THANH_HOA,
        "commune_code": None,
        "school_id": None,
        "school_year": 2026,
        "level": "primary",
        "grade": 1,
        "age_from": 6,
        "age_to": 6,
        "channel": "online",
        "opens_at": "2026-07-01T08:00:00+07:00",
        "closes_at": "2026-07-04T00:00:00+07:00",
        "result_on": "2026-07-23",
        "papers": [{"vi": "Giấy khai sinh", "en": "Birth certificate"}],
        "criteria": [],
        "is_example": True,
        **SOURCE,
        **changes,
    }


def open_for(person: Any, birth_year: int = 2020, month: str = "2026-07", **home: Any) -> list[Any]:
    asked = {"birth_year": birth_year, "home": {"commune_code": HAC_THANH} | home, "month": month}
    answer = person.post(ADMISSIONS, json=asked)
    assert answer.status_code == 200, answer.json
    return answer.json["items"]


def test_what_is_open_for_a_child_born_in_2020_at_this_address_this_month(chi):
    near, far = make_school("Gần"), make_school("Xa")
    province, of_near, of_far = a_round(), a_round(school_id=str(near)), a_round(school_id=str(far))
    of_near["quotas"] = [{"school_id": str(near), "classes": 5, "seats": 175}]
    others = [a_round(commune_code=NAM_DINH, province_code="37"), a_round(grade=6, age_from=11, age_to=11)]
    kindergarten = a_round(level="kindergarten", grade=None, age_from=3, age_to=5)
    publish(
        zone(near, geometry=square(LAT, LAT + 0.01)),
        zone(far, geometry=square(LAT + 0.1, LAT + 0.11)),
        rounds=[province, of_near, of_far, kindergarten, *others],
    )

    home = {"lat": LAT + 0.005, "lon": LON + 0.005}
    told = open_for(chi, **home)

    assert {one["round"]["id"] for one in told} == {province["id"], of_near["id"]}
    assert {(one["grade"], one["catchment"]["answer"]) for one in told} == {(1, "in_zone")}
    quotas = next(one["round"]["quotas"] for one in told if one["round"]["id"] == of_near["id"])
    assert [(one["seats"], one["school_name"]) for one in quotas] == [(175, "Gần")]
    assert [one["round"]["id"] for one in open_for(chi, birth_year=2022, **home)] == [kindergarten["id"]]
    assert open_for(chi, month="2026-08", **home) == []
    assert open_for(chi, birth_year=2010, **home) == []


def test_an_unknown_commune_is_refused_with_a_way_on(chi):
    refused = chi.post(ADMISSIONS, json={"birth_year": 2020, "home": {"commune_code": "99999"}})

    assert (refused.status_code, refused.json["code"]) == (422, "unknown_commune")
    assert refused.json["next_action"] == "resolve_division"


def test_a_round_is_coming_then_open_then_over(chi, later):
    one = a_round()
    publish(rounds=[one])
    path = f"/v1/education/rounds/{one['id']}"
    states = []

    for day in ("2026-06-30", "2026-07-02", "2026-07-05"):
        clock.move(datetime.fromisoformat(f"{day}T12:00:00+07:00") - datetime.now(UTC))
        states.append(chi.get(path).json["state"])

    assert states == ["coming", "open", "over"]


def test_rounds_of_a_school_are_those_that_concern_it(chi):
    school = make_school("Một")
    mine, province = a_round(school_id=str(school)), a_round(opens_at="2026-06-01T08:00:00+07:00")
    publish(rounds=[mine, province, a_round(level="upper_secondary", grade=10), a_round(province_code="37")])

    told = chi.get("/v1/education/rounds", query_string={"school_id": str(school)}).json["items"]

    assert [one["id"] for one in told] == [mine["id"], province["id"]]


def test_the_home_is_stored_nowhere_and_logged_nowhere(chi, capfd):
    school = make_school("Một")
    publish(zone(school, geometry=square(LAT, LAT + 0.01)), rounds=[a_round()])
    lat, lon, street = 19.8051237, 105.7851239, "Đường Không Ai Biết"
    home = {"lat": lat, "lon": lon, "commune_code": HAC_THANH, "street": street, "number": 97531}

    ask(chi, **home)
    open_for(chi, **home)

    with transaction() as session:
        stored = "\n".join(
            str(row)
            for table in Base.metadata.tables
            for row in session.execute(text(f'SELECT t::text FROM "{table}" t')).scalars()
        )
    logged = "".join(capfd.readouterr())
    for trace in ("19.8051237", "105.7851239", "Không Ai Biết", "97531"):
        assert trace not in stored
        assert trace not in logged
