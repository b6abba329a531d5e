"""The school office: one proposes, another approves; files with errors by line; history; testing an address."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from kit import clock
from kit.database import transaction
from services.education.models import Proposal, ProposalState, School
from services.education.operations.office import entrust_province
from tests.education.conftest import DONG_TIEN_WARD, HAC_THANH, NAM_DINH, NINH_BINH, SOURCES, make_school
from tests.education.test_ask_about_admissions import LAT, LON, SOURCE, a_round, square
from tests.people import all_at_once

OFFICE = "/v1/education/office"
PROPOSALS, IMPORTS, ZONES, DIRECTORY = (
    f"{OFFICE}/{name}" for name in ("proposals", "imports", "zone-imports", "directory")
)
WHY = "Quyết định 12"
HEADING = "id,name,levels,commune_code,lat,lon,roll,size_as_of,source,source_on"
NEW = {
    "name": "Trường Tiểu học Mới",
    "levels": [{"level": "primary"}],
    "places": [{"commune_code": HAC_THANH}],
    "sources": SOURCES,
}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
pytestmark = pytest.mark.usefixtures("communes")


def propose(person: Any, changes: Any, school: Any = None, **more: Any) -> Any:
    asked = {"changes": changes, "why": WHY} | ({"school_id": str(school)} if school else {})
    return person.post(f"{OFFICE}/school-proposals", json=asked, **more)


def decide(person: Any, proposal: Any, *, approve: bool = True) -> Any:
    path = f"{PROPOSALS}/{proposal['id']}"
    etag = person.get(path).headers["ETag"]
    return person.patch(path, json={"approve": approve, "note": "Đã xem"}, headers={"If-Match": etag})


def facts_now(school: Any) -> dict[str, Any]:
    with transaction() as session:
        return dict(session.scalars(select(School.facts).where(School.id == school)).one())


def send(person: Any, path: str, content: str | bytes, kind: str = "text/csv") -> Any:
    answer = person.post(f"{path}?why=DS", data=content, content_type=kind)
    assert answer.status_code == 201, answer.json
    return answer.json


def test_nothing_changes_until_somebody_else_agrees_and_history_keeps_who_and_why(office, chi):
    editor, approver = office
    school = make_school("Trường Tiểu học Cũ")

    proposal = propose(editor, {"name": "Trường Tiểu học Mới"}, school).json
    unchanged = facts_now(school)["name"]
    decided = decide(approver, proposal)
    history = editor.get(f"{OFFICE}/schools/{school}/revisions").json["items"]

    assert (unchanged, facts_now(school)["name"]) == ("Trường Tiểu học Cũ", "Trường Tiểu học Mới")
    assert (decided.status_code, decided.json["state"], decided.json["decided_by"]) == (
        200,
        "approved",
        str(approver.id),
    )
    assert history[0] | {"created_at": None} == {
        "version": 2,
        "before": {"name": "Trường Tiểu học Cũ"},
        "after": {"name": "Trường Tiểu học Mới"},
        "why": WHY,
        "proposed_by": str(editor.id),
        "approved_by": str(approver.id),
        "created_at": None,
    }
    assert chi.get(f"/v1/education/schools/{school}").json["name"] == "Trường Tiểu học Mới"


def test_nobody_decides_their_own_proposal_and_editors_decide_none(office, staff):
    editor, approver = office
    both = staff("school_office", "editor", "approver", organisation_id=editor.organisation_id)
    proposal = propose(both, NEW).json

    own = decide(both, proposal)
    as_editor = decide(editor, proposal)
    other = decide(approver, proposal)
    twice = decide(approver, proposal)

    assert (own.status_code, own.json["code"]) == (403, "own_proposal")
    assert as_editor.status_code == 403
    assert other.status_code == 200
    assert (twice.status_code, twice.json["code"]) == (409, "proposal_decided")


def test_of_two_who_decide_at_once_one_does(office, staff):
    editor, approver = office
    other = staff("school_office", "approver", organisation_id=editor.organisation_id)
    proposal = propose(editor, NEW).json
    callers = [approver, other]

    answers = all_at_once(2, lambda number: decide(callers[number], proposal))

    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 409, 412}
    with transaction() as session:
        made = session.scalars(select(School.id).where(School.name == NEW["name"])).all()
    assert len(made) == 1


def test_a_refused_or_withdrawn_proposal_changes_nothing(office):
    editor, approver = office
    refused, withdrawn = propose(editor, NEW).json, propose(editor, NEW | {"name": "Khác"})

    decide(approver, refused, approve=False)
    path = f"{PROPOSALS}/{withdrawn.json['id']}"
    gone = editor.delete(path, headers={"If-Match": withdrawn.headers["ETag"]})

    states = [one["state"] for one in editor.get(PROPOSALS).json["items"]]
    assert (gone.status_code, states) == (204, ["withdrawn", "refused"])
    with transaction() as session:
        assert session.scalars(select(School.id)).all() == []


def test_a_proposal_on_facts_that_changed_meanwhile_is_outdated(office):
    editor, approver = office
    school = make_school("Một")
    first, second = (propose(editor, {"name": name}, school).json for name in ("Hai", "Ba"))

    decide(approver, first)
    late = decide(approver, second)

    assert (late.status_code, late.json["code"]) == (409, "proposal_outdated")
    assert facts_now(school)["name"] == "Hai"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"levels": [{"level": "primary", "grade_from": 6, "grade_to": 9}]}, "grades"),
        ({"state": "merged", "closed_on": "2026-08-01"}, "required"),
        ({"state": "merged", "closed_on": "2026-08-01", "successor_id": "00000000-0000-4000-8000-000000000000"},
         "leads_nowhere"),
        ({"sources": {"name": SOURCES["all"]}}, "source_missing"),
        ({"campuses": [{"name": "A", "lat": 0, "lon": 0}]}, "invalid"),
        ({"campuses": [{"name": "A", "lat": 19.8}]}, "half_a_point"),
        ({"name": ""}, "invalid"),
        ({"fees": [{"school_year": 2026, "kind": "tuition", "amount_vnd": -1, "per": "month"}]}, "invalid"),
    ],
)  # fmt: skip
def test_facts_that_do_not_hold_together_are_refused_with_their_place(office, changes, code):
    editor, _ = office
    school = make_school("Một")

    refused = propose(editor, changes, school)

    assert (refused.status_code, refused.json["code"]) == (422, "facts_not_valid")
    assert code in {flaw["code"] for flaw in refused.json["errors"]}


def test_what_changes_nothing_and_what_is_of_another_province_is_refused(office, staff):
    editor, _ = office
    school, elsewhere = make_school("Một"), make_school("Hai", commune=NAM_DINH)
    stranger = staff("school_office", "editor")

    nothing = propose(editor, {"name": "Một"}, school)
    outside = propose(editor, {"name": "Ba"}, elsewhere)
    moved_out = propose(editor, {"places": [{"commune_code": NAM_DINH}]}, school)
    by_stranger = propose(stranger, {"name": "Ba"}, school)
    proposal = propose(editor, {"name": "Bốn"}, school).json

    assert nothing.json["code"] == "nothing_changed"
    assert [one.json["code"] for one in (outside, moved_out, by_stranger)] == ["outside_office"] * 3
    assert stranger.get(f"{PROPOSALS}/{proposal['id']}").status_code == 404
    assert stranger.get(PROPOSALS).json["items"] == []


def test_the_database_itself_wants_two_pairs_of_eyes(office):
    editor, _ = office
    propose(editor, NEW)

    own = update(Proposal).values(state=ProposalState.APPROVED, decided_by=editor.id, decided_at=clock.now())
    with transaction() as session, pytest.raises(IntegrityError, match="two_pairs_of_eyes"):
        session.execute(own)


def test_a_round_and_an_open_day_are_proposed_and_approved_too(office, chi):
    editor, approver = office
    school = make_school("Một")
    facts = {name: value for name, value in a_round().items() if name != "id"}
    facts["quotas"] = [{"school_id": str(school), "seats": 175}]
    day = {"starts_at": (clock.now() + timedelta(days=5)).isoformat(), "campus": "Chính", "places": 10}
    day |= {"school_id": str(school), "ends_at": (clock.now() + timedelta(days=5, hours=2)).isoformat()}

    one = editor.post(f"{OFFICE}/round-proposals", json={"round": facts, "why": WHY}).json
    other = editor.post(f"{OFFICE}/open-day-proposals", json={"open_day": day, "why": WHY}).json
    made = [decide(approver, proposal).json["subject_id"] for proposal in (one, other)]

    told = chi.get(f"/v1/education/rounds/{made[0]}").json
    days = chi.get(f"/v1/education/schools/{school}/open-days").json["items"]
    assert (told["opens_at"], told["quotas"][0]["seats"]) == ("2026-07-01T08:00:00.000+07:00", 175)
    assert [(one["id"], one["places_left"]) for one in days] == [(made[1], 10)]
    cancel = editor.post(f"{OFFICE}/open-day-proposals", json={"open_day_id": made[1], "why": WHY}).json
    assert decide(approver, cancel).status_code == 200
    assert chi.get(f"/v1/education/schools/{school}/open-days").json["items"] == []


def test_a_round_names_schools_of_its_province_each_once(office, staff):
    editor, _ = office
    school, far = str(make_school("Một")), str(make_school("Xa", commune=NAM_DINH))
    facts = {name: value for name, value in a_round().items() if name != "id"}
    wrong = {
        "twice": ([school, school], "invalid_request"),
        "of others": ([far], "outside_office"),
        "of nobody": ([str(uuid4())], "not_found"),
    }

    def ask(schools: list[str]) -> Any:
        quotas = [{"school_id": one, "seats": 35} for one in schools]
        return editor.post(f"{OFFICE}/round-proposals", json={"round": facts | {"quotas": quotas}, "why": WHY})

    told = {what: ask(schools).json["code"] for what, (schools, _) in wrong.items()}
    with transaction() as session:
        entrust_province(session, editor.organisation_id, NINH_BINH)
    of_both = ask([school, far])

    assert told == {what: code for what, (_, code) in wrong.items()}
    assert (of_both.status_code, of_both.json["errors"][0]["code"]) == (422, "other_province")


def test_a_table_is_read_line_by_line_and_each_error_says_its_line(office, chi):
    editor, approver = office
    school = make_school("Trường Tiểu học Một")
    lines = [
        HEADING,
        f"{school},Trường Tiểu học Một,primary,{HAC_THANH},,,500,2026-09-05,Sổ,2026-09-05",
        f",Trường THCS Hai,lower_secondary 6-9,{DONG_TIEN_WARD},19.8,105.7,,,Sổ,2026-09-05",
        f",Ở điểm không,primary,{HAC_THANH},0,0,,,Sổ,2026-09-05",
        ",Ở đâu,primary,99999,,,,,Sổ,2026-09-05",
        f",Tỉnh khác,primary,{NAM_DINH},,,,,Sổ,2026-09-05",
        f",Cấp lạ,college,{HAC_THANH},,,,,Sổ,2026-09-05",
        f",Số lạ,primary,{HAC_THANH},,,nhiều,2026-09-05,Sổ,2026-09-05",
        f",Ngày lạ,primary,{HAC_THANH},,,,,Sổ,05/09/2026",
        f"{school},Lại nó,primary,{HAC_THANH},,,,,Sổ,2026-09-05",
        f"abc,Mã lạ,primary,{HAC_THANH},,,,,Sổ,2026-09-05",
    ]

    told = send(editor, IMPORTS, "\ufeff" + "\r\n".join(lines))
    own = editor.post(f"{IMPORTS}/{told['id']}/decisions", json={"approve": True})
    decided = approver.post(f"{IMPORTS}/{told['id']}/decisions", json={"approve": True})

    assert [(one["line"], one["column"], one["code"]) for one in told["errors"]] == [
        (4, "lat", "point_outside_vietnam"),
        (5, "commune_code", "unknown_commune"),
        (6, "commune_code", "outside_office"),
        (7, "levels", "not_a_level"),
        (8, "roll", "not_readable"),
        (9, "source_on", "not_readable"),
        (10, "id", "twice_in_the_file"),
        (11, "id", "not_an_id"),
    ]
    assert (told["lines"], told["changed"], told["unchanged"], told["refused"]) == (10, 2, 0, 8)
    assert own.status_code == 403
    assert decided.json == {"decided": 2, "left": 0}
    assert facts_now(school)["size"] == {"capacity": None, "roll": 500, "classes": None, "as_of": "2026-09-05"}
    assert [one["name"] for one in chi.get("/v1/education/schools?level=lower_secondary").json["items"]] == [
        "Trường THCS Hai"
    ]


def test_what_is_exported_can_be_sent_back_and_changes_nothing(office):
    editor, _ = office
    campuses = [{"name": "Cơ sở 2", "lat": 19.81, "lon": 105.71}, {"name": "Cơ sở chính", "is_main": True}]
    make_school("Trường Tiểu học Một", campuses=campuses, programmes=["boarding"], contacts={"phone": "02370000000"})
    make_school("=1+1", former_names=[{"name": "Tên cũ", "until": "1999-01-01"}])

    csv = editor.get(DIRECTORY)
    xlsx = editor.get(f"{DIRECTORY}?format=xlsx")
    back = [send(editor, IMPORTS, csv.data), send(editor, IMPORTS, xlsx.data, XLSX)]

    assert csv.data.startswith(b"\xef\xbb\xbf")
    assert b"'=1+1" in csv.data
    assert [(one["lines"], one["unchanged"], one["errors"]) for one in back] == [(2, 2, [])] * 2


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"\xff\xfe", "text/csv", "not_utf_8"),
        (b"a,b\r\n1,2", "text/csv", "missing_column_name"),
        (b"name,name,levels,commune_code,source,source_on", "text/csv", "duplicate_column"),
        (b"not a zip", XLSX, "not_a_workbook"),
        (b"name\0", "text/csv", "not_text"),
        (HEADING.encode() + b"\r\n,a" * 2_001, "text/csv", "too_many_lines"),
        (HEADING.encode() + b"\r\n" * 20_002, "text/csv", "too_many_lines"),
    ],
    ids=["letters", "column missing", "column twice", "no workbook", "NUL", "lines", "empty lines"],
)
def test_a_file_that_makes_no_sense_is_refused_as_a_whole(office, content, kind, reason):
    refused = office[0].post(f"{IMPORTS}?why=DS", data=content, content_type=kind)

    assert (refused.status_code, refused.json["code"], refused.json["reason"]) == (422, "file_unreadable", reason)


def test_a_workbook_with_dates_and_numbers_is_read_as_people_see_it(office):
    book = openpyxl.Workbook()
    for row in (
        HEADING.split(","),
        [None, "Trường Tiểu học Hai", "primary", HAC_THANH, 19.8, 105.7, 500.0, clock.today(), "Sổ", clock.today()],
    ):
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)

    told = send(office[0], IMPORTS, written.getvalue(), XLSX)

    (proposal,) = office[0].get(f"{PROPOSALS}?import_id={told['id']}").json["items"]
    assert (told["changed"], told["errors"]) == (1, [])
    assert proposal["changes"]["size"] == {
        "capacity": None, "roll": 500, "classes": None, "as_of": clock.today().isoformat(),
    }  # fmt: skip


def test_zones_are_tested_before_they_are_shown_and_take_the_place_of_older_ones(office, chi, staff):
    editor, approver = office
    school, ask_path = make_school("Một"), "/v1/education/catchment-look-ups"
    asked = {"home": {"lat": LAT + 0.005, "lon": LON + 0.005}, "level": "primary", "school_year": 2026}
    properties = {"school": str(school), "level": "primary", "school_year": 2026, "name": "Khu 1", **SOURCE}
    bad = [
        (
            {"geometry": square(LAT, LAT + 0.01), "properties": properties | {"level": "upper_secondary"}},
            "not_taught_there",
        ),
        ({"geometry": {"type": "Point", "coordinates": [0, 0]}, "properties": properties}, "not_a_polygon"),
        ({"geometry": square(LAT, LAT + 0.01), "properties": properties | {"school": "KHONG-CO"}}, "unknown_school"),
    ]

    def file(*features: Any) -> Any:
        return {"type": "FeatureCollection", "features": [{"type": "Feature", **one} for one in features]}

    good = {"geometry": square(LAT, LAT + 0.01), "properties": properties}
    sent = editor.post(f"{ZONES}?why=DS", json=file(good, *(one for one, _ in bad))).json
    (proposal,) = editor.get(f"{PROPOSALS}?import_id={sent['id']}").json["items"]
    tested = editor.post(f"{OFFICE}/catchment-look-ups", json=asked).json
    elsewhere = staff("school_office", "editor").post(f"{OFFICE}/catchment-look-ups", json=asked).json
    before = chi.post(ask_path, json=asked).json["answer"]
    decide(approver, proposal)
    after = chi.post(ask_path, json=asked).json
    again = editor.post(f"{ZONES}?why=DS", json=file(good | {"geometry": square(LAT + 0.1, LAT + 0.11)})).json
    decide(approver, editor.get(f"{PROPOSALS}?import_id={again['id']}").json["items"][0])

    assert [(one["line"], one["code"]) for one in sent["errors"]] == [(n, code) for n, (_, code) in enumerate(bad, 2)]
    assert (tested["answer"], tested["zones"][0]["is_published"], before) == ("in_zone", False, "unknown")
    assert (elsewhere["answer"], after["answer"]) == ("unknown", "in_zone")
    shown = chi.get(f"/v1/education/zones/{after['zones'][0]['zone_id']}")
    assert shown.status_code == 404
    assert chi.post(ask_path, json=asked).json["answer"] == "unknown"


def test_street_ranges_come_as_a_table(office, chi):
    editor, approver = office
    school = make_school("Một")
    lines = [
        "school,level,school_year,commune_code,street,number_from,number_to,parity,source,source_on",
        f"{school},primary,2026,{HAC_THANH},Lê Lợi,1,99,odd,Sổ,2026-05-15",
        f"{school},primary,2026,{HAC_THANH},Lê Lợi,99,1,odd,Sổ,2026-05-15",
        f"{school},primary,2026,{HAC_THANH},,,,,Sổ,2026-05-15",
        f"{school},primary,2026,abc,,,,,Sổ,2026-05-15",
    ]

    sent = send(editor, ZONES, "\n".join(lines))
    decide(approver, editor.get(f"{PROPOSALS}?import_id={sent['id']}").json["items"][0])
    asked = {"level": "primary", "school_year": 2026}
    answers = [
        chi.post(
            "/v1/education/catchment-look-ups",
            json={"home": {"commune_code": HAC_THANH, "street": "Lê Lợi", "number": number}, **asked},
        ).json["answer"]
        for number in (7, 8)
    ]

    assert [(one["line"], one["code"]) for one in sent["errors"]] == [(3, "numbers_fall"), (5, "not_a_code")]
    assert answers == ["in_zone", "by_commune_only"]
