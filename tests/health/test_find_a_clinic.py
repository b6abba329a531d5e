"""The directory: true hospitals found by words without diacritics, by place, by distance, by what is open and free."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select, text

import auth.operations
from kit import clock
from kit.database import new_id, transaction
from kit.text import fold
from services.health import cli, operations
from services.health.facility_file import read, specialities_of
from services.health.models import Facility, Ownership, Speciality
from services.health.operations.directory import _statement
from tests.health.clinics import at, book, make_facility, make_service, make_slot, tomorrow
from tests.sample_divisions import seed_divisions

SAMPLE = Path(__file__).parents[2] / "sample"
CLINICS = SAMPLE / "clinics.csv"
NATIONWIDE = Path(__file__).parents[3] / "shared" / "data" / "hospitals_vn_osm.csv"
FACILITIES, SERVICES = "/v1/health/facilities", "/v1/health/services"
THANH_HOA = {"near_lat": 19.7759, "near_lon": 105.7717}


@pytest.fixture
def directory(counters):
    """The twenty-six hospitals of the sample with their services, in the divisions of the sample."""
    seed_divisions()
    with transaction() as session:
        told = operations.import_facilities(session, read(CLINICS.read_bytes(), name=CLINICS.name))
        operations.save_services(session, json.loads((SAMPLE / "clinic_services.json").read_text("utf-8")))
    return told


def names(answer):
    assert answer.status_code == 200, answer.json
    return [one["name"] for one in answer.json["items"]]


def search(person, **asked):
    return person.get(FACILITIES, query_string={"limit": 100} | asked)


def test_the_sample_is_read_once_however_often(directory):
    with transaction() as session:
        again = operations.import_facilities(session, read(CLINICS.read_bytes(), name=CLINICS.name))

    assert (directory.counts["new"], directory.counts["unplaced"], directory.unplaced) == (26, 0, [])
    assert (again.counts["new"], again.counts["changed"], again.counts["unchanged"]) == (0, 0, 26)


def test_each_hospital_of_the_sample_is_run_by_an_organisation_of_its_name(directory, staff):
    given = json.loads((SAMPLE / "clinic_services.json").read_text("utf-8"))
    with transaction() as session:
        operations.save_services(session, given)
        run_by = session.scalars(select(Facility.organisation_id)).all()
        children = auth.operations.get_organisation_by_slug(session, "benh-vien-nhi-thanh-hoa")

    nurse = staff("clinic", "front_desk", organisation_id=children.id)

    assert len(set(run_by)) == 26
    assert None not in run_by
    assert nurse.get("/v1/health/desk/moves").json == {"items": []}


@pytest.mark.parametrize("q", ["benh vien nhi thanh hoa", "Bệnh viện Nhi Thanh Hoá", "nhi thanh hóa", "NHI hac thanh"])
def test_words_find_a_hospital_with_and_without_diacritics(chi, directory, q):
    assert "Bệnh viện Nhi Thanh Hoá" in names(search(chi, q=q))


@pytest.mark.parametrize("q", ["&|!:*()", "' ' '", "%%%", "khongcogi"])
def test_words_that_mean_nothing_find_nothing(chi, directory, q):
    assert names(search(chi, q=q)) == []


def test_speciality_commune_and_area_narrow_the_search(chi, directory):
    eyes = names(search(chi, speciality="eyes"))
    commune = names(search(chi, commune_code="14797"))
    area = names(search(chi, area="thanh-hoa"))

    assert eyes == ["Bệnh viện Mắt tỉnh Ninh Bình"]
    assert len(commune) == 3
    assert set(commune) < set(area)
    assert search(chi, area="ha-noi").status_code in {404, 422}


def test_the_nearest_come_first_and_none_from_afar(chi, directory):
    found = search(chi, **THANH_HOA, radius_m=2_000, sort="distance").json["items"]

    distances = [one["distance_metres"] for one in found]
    assert found[0]["name"] == "Bệnh viện Đa khoa tỉnh Thanh Hoá"
    assert distances == sorted(distances)
    assert distances[0] < 50
    assert max(distances) <= 2_000
    assert search(chi, sort="distance").status_code == 400


def test_pages_of_a_search_hold_everything_once(chi, directory):
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = search(chi, limit=7, sort="distance", **THANH_HOA, radius_m=200_000, **cursor)
        seen += names(answer)
        if "next" not in answer.json:
            break
        cursor = {"cursor": answer.json["next"]}

    assert len(seen) == len(set(seen)) == len(names(search(chi, **THANH_HOA, radius_m=200_000)))


def test_open_now_follows_the_hours_of_the_day(chi, directory):
    monday = at(clock.today() + timedelta(days=(7 - clock.today().weekday()) % 7), 8)
    clock.move(clock._offset + (monday - clock.now()))
    morning = names(search(chi, open_now="true"))
    clock.move(clock._offset + timedelta(hours=4))
    noon = names(search(chi, open_now="true"))

    assert (len(morning), noon) == (26, [])


def test_the_soonest_free_place_comes_first(an, chi):
    near, far, none = (make_service(make_facility(name)) for name in ("Xa", "Gần", "Không"))
    make_slot(far, at(tomorrow() + timedelta(days=2), 8))
    first = make_slot(near, at(tomorrow(), 8))
    make_slot(near, at(tomorrow() + timedelta(days=3), 8))

    before = names_of_facilities(chi)
    book(an, first)
    after = names_of_facilities(chi)
    bookable = names(search(chi, bookable="true", sort="next_free"))

    assert none
    assert (before, after) == (["Xa", "Gần", "Không"], ["Gần", "Xa", "Không"])
    assert bookable == ["Gần", "Xa"]


def names_of_facilities(person):
    return [one["facility"] for one in person.get(SERVICES, query_string={"sort": "next_free"}).json["items"]]


def test_a_facility_tells_all_that_is_known_and_null_for_the_rest(chi, directory):
    (found,) = search(chi, q="nhi thanh hoa").json["items"]

    told = chi.get(f"{FACILITIES}/{found['id']}")

    assert told.headers["Cache-Control"].startswith("public")
    assert (told.json["level"], told.json["insurance"], told.json["phones"]) == (None, None, [])
    assert told.json["attribution"] == "© OpenStreetMap contributors"
    assert {one["name_vi"] for one in told.json["services"]} == {"Khám nhi tổng quát", "Tiêm chủng"}
    assert told.json["hours"][0] == {"weekdays": [1, 2, 3, 4, 5, 6], "opens": "07:00", "closes": "11:30"}


def test_the_map_is_geojson_with_its_attribution(chi, directory):
    told = chi.get(f"{FACILITIES}/map", query_string={"area": "ninh-binh"})

    assert (told.json["type"], told.json["attribution"]) == ("FeatureCollection", "© OpenStreetMap contributors")
    assert len(told.json["features"]) == 6
    longitude, latitude = told.json["features"][0]["geometry"]["coordinates"]
    assert (105 < longitude < 107, 20 < latitude < 21) == (True, True)


def test_availability_is_served_from_memory_and_answers_304(chi, an, service):
    slot = make_slot(service, capacity=10)
    path, day = f"{SERVICES}/{service.id}/availability", {"day": tomorrow().isoformat()}

    first = chi.get(path, query_string=day)
    same = chi.get(path, query_string=day, headers={"If-None-Match": first.headers["ETag"]})
    for person in (an,):
        book(person, slot)
    operations.forget_kept()
    after = chi.get(path, query_string=day)

    assert (first.status_code, same.status_code, same.data) == (200, 304, b"")
    assert first.headers["Cache-Control"].startswith("public, max-age=3")
    assert [one["band"] for one in (first.json["items"][0], after.json["items"][0])] == ["free", "free"]
    assert "taken" not in first.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Bệnh viện Mắt tỉnh Ninh Bình", (Speciality.EYES,)),
        ("Bệnh viện Răng Hàm Mặt", (Speciality.TEETH,)),
        ("Bệnh viện Sản - Nhi tỉnh Ninh Bình", (Speciality.CHILDREN, Speciality.WOMEN)),
        ("Bệnh viện Y học cổ truyền Hòa Bình", (Speciality.TRADITIONAL,)),
        ("Bệnh viện Lao và Phổi", (Speciality.LUNGS,)),
        ("Nhà thuốc", ()),
    ],
)
def test_a_name_says_what_it_is_good_at(name, expected):
    assert specialities_of(name) == expected


def test_the_command_says_what_could_not_be_placed(directory, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(
        "name,type,district,city,oldDistrict,oldProvince,newWard,newProvince,address,phone,website,mapsUrl\n"
        'Bệnh viện A,public,,,,,Hạc Thành,Thanh Hóa,,,,"https://x/?api=1&query=19.77,105.77"\n'
        'Bệnh viện B,private,,,,,Không Có,Thanh Hóa,,,,"https://x/?api=1&query=19.78,105.77"\n'
        "Bệnh viện C,public,,,,,,,,,,\n"
        ",public,,,,,,,,,,\n",
        encoding="utf-8",
    )

    result = CliRunner().invoke(cli.commands, ["import", str(file)])

    assert result.exit_code == 0, result.output
    assert "4 read, 3 new, 0 changed, 0 unchanged, 0 repeated, 1 refused, 2 not placed" in result.output
    assert "line 3: Bệnh viện B: unknown_commune" in result.output
    assert "line 4: Bệnh viện C: no_province" in result.output


def test_a_file_of_something_else_is_named(tmp_path):
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")

    result = CliRunner().invoke(cli.commands, ["import", str(file)])

    assert (result.exit_code, "neither the columns" in result.output) == (1, True)


def steps(plan):
    """The kinds of all steps of a plan, and their indexes."""
    return {plan["Node Type"], plan.get("Index Name")}.union(*(steps(one) for one in plan.get("Plans", [])))


def explain_searches():
    """By words and by distance: the milliseconds in the database, and the indexes that were used."""
    told = {}
    searches = {
        "words": (operations.Wanted(q="benh vien da khoa tinh"), "name"),
        "distance": (operations.Wanted(near=operations.Near(19.7759, 105.7717, 20_000)), "distance"),
    }
    for name, (wanted, sort) in searches.items():
        with transaction() as session:
            statement, by = _statement(session, wanted, sort)
            sql = statement.order_by(*by).limit(21).compile(session.bind)
            ask, known = session.connection().exec_driver_sql, dict(sql.params)
            tries = [ask(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", known).scalar_one()[0] for _time in range(3)]
            whole = min(tries, key=lambda one: one["Execution Time"])
        indexes = sorted(step for step in steps(whole["Plan"]) if step and step.startswith("ix_"))
        told[name] = (f"{whole['Execution Time']} ms", *indexes)
    return told


def test_of_1479_facilities_words_and_distance_are_found_by_their_indexes(counters, figure):
    kinds = ("Trạm y tế xã", "Phòng khám", "Bệnh viện Đa khoa tỉnh", "Trung tâm Y tế", "Nhà hộ sinh")
    rows = [
        {
            "former_names": [],
            "specialities": [],
            "phones": [],
            "id": new_id(),
            "created_at": clock.now(),
            "source_key": f"many|{place}",
            "source": "tests",
            "name": (name := f"{kinds[place % 25 % 5 if place % 25 < 5 else 0]} {place}"),
            "search_fold": fold(name),
            "sort_key": name,
            "ownership": Ownership.UNKNOWN,
            "always_open": False,
            "latitude": 9 + place % 130 / 10,
            "longitude": 103 + place % 59 / 10,
            "version": 1,
        }
        for place in range(1_479)
    ]
    with transaction() as session:
        session.execute(insert(Facility), rows)
    with transaction() as session:
        session.execute(text("ANALYZE facility"))

    found = explain_searches()

    figure(str(found))
    assert "ix_facility_words" in found["words"]
    assert "ix_facility_point" in found["distance"]


@pytest.mark.skipif(not NATIONWIDE.exists(), reason="the nationwide list lies beside the project, not in it")
def test_the_nationwide_list_is_read_whole_and_searched_fast(chi, directory, figure):
    with transaction() as session:
        told = operations.import_facilities(session, read(NATIONWIDE.read_bytes(), name=NATIONWIDE.name))
    with transaction() as session:
        session.execute(text("ANALYZE facility"))

    plans = explain_searches()

    figure(f"{told.counts['read']} read, {told.counts['unplaced']} not placed; {plans}")
    assert told.counts["read"] == 1_479
    # What the project's own list tells of its hospitals is not the other list's to change.
    counts = told.counts
    assert sum(counts[one] for one in ("new", "unchanged", "repeated", "refused")) == 1_479
    assert len(names(search(chi, q="benh vien da khoa"))) > 20
