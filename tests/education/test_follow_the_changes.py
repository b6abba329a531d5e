"""Copies on phones: a snapshot and what changed since lead to exactly what the server holds, whatever happened."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import delete, select, update

from divisions.models import Unit
from kit.database import transaction
from services.education import flows
from services.education.models import School
from services.education.operations import reading, syncing, writing
from tests.conftest import _empty
from tests.education.conftest import HAC_THANH, NAM_DINH, NINH_BINH, THANH_HOA, change, make_school
from tests.people import all_at_once
from tests.sample_divisions import seed_divisions

SNAPSHOTS, CHANGES = "/v1/education/snapshots", "/v1/education/changes"


class Phone:
    """A copy of one province."""

    def __init__(self, http: Any, province: str) -> None:
        self.http, self.province = http, province
        self.schools: dict[str, Any] = {}
        self.seq = 0

    def take_snapshot(self) -> None:
        told = self.http.get(SNAPSHOTS, query_string={"province": self.province}).json
        plain = gzip.decompress(self.http.get(told["url"]).data)
        assert (hashlib.sha256(plain).hexdigest(), len(plain)) == (told["sha256"], told["bytes_plain"])
        self.schools = {school["id"]: school for school in map(json.loads, plain.splitlines())}
        assert len(self.schools) == told["schools"]
        self.seq = told["seq"]

    def sync(self) -> None:
        while True:
            answer = self.http.get(CHANGES, query_string={"province": self.province, "since": self.seq})
            assert answer.status_code == 200, answer.json
            for item in answer.json["items"]:
                if item["kind"] == "put":
                    self.schools[item["id"]] = item["school"]
                else:
                    self.schools.pop(item["id"], None)
            self.seq = answer.json["seq"]
            if not answer.json["has_more"]:
                return


def on_the_server(province: str) -> dict[str, Any]:
    with transaction() as session:
        rows = session.execute(select(*reading._WHOLE).where(School.province_code == province, School.is_listed)).all()
    return {str(row.id): json.loads(json.dumps(reading.tell(row))) for row in rows}


@pytest.mark.usefixtures("communes")
def test_a_merger_leaves_a_tombstone_that_names_the_successor(chi):
    heir, gone = make_school("Còn"), make_school("Mất")
    phone = Phone(chi, THANH_HOA)
    phone.take_snapshot()

    change(gone, state="merged", successor_id=str(heir), closed_on="2026-08-01")
    told = chi.get(CHANGES, query_string={"province": THANH_HOA, "since": phone.seq}).json

    assert {"kind": "remove", "id": str(gone), "successor_id": str(heir)}.items() <= told["items"][0].items()
    phone.sync()
    assert phone.schools == on_the_server(THANH_HOA)
    assert list(phone.schools) == [str(heir)]


@pytest.mark.usefixtures("communes")
def test_a_school_that_moves_leaves_one_province_and_enters_the_other(chi):
    school = make_school("Dời đi")
    phones = [Phone(chi, THANH_HOA), Phone(chi, NINH_BINH)]
    make_school("Ở lại", commune=NAM_DINH)
    for phone in phones:
        phone.take_snapshot()

    change(school, places=[{"commune_code": NAM_DINH}])

    for phone in phones:
        phone.sync()
        assert phone.schools == on_the_server(phone.province)
    assert (str(school) in phones[0].schools, str(school) in phones[1].schools) == (False, True)


@pytest.mark.usefixtures("communes")
def test_a_commune_that_changes_its_province_takes_its_schools_along_and_one_that_is_gone_keeps_them(chi):
    moved, left = make_school("Đổi tỉnh"), make_school("Xã không còn", commune=NAM_DINH)
    phones = [Phone(chi, THANH_HOA), Phone(chi, NINH_BINH)]
    for phone in phones:
        phone.take_snapshot()
    with transaction() as session:
        session.execute(update(Unit).where(Unit.code == HAC_THANH).values(parent_code=NINH_BINH))
        session.execute(delete(Unit).where(Unit.code == NAM_DINH))

    with transaction() as session:
        drawn = writing.redraw(session)

    for phone in phones:
        phone.sync()
        assert phone.schools == on_the_server(phone.province)
    assert (drawn, phones[0].schools) == (1, {})
    assert phones[1].schools.keys() == {str(moved), str(left)}


@pytest.mark.usefixtures("communes")
def test_the_same_schools_make_the_same_file_and_nothing_new_makes_none(chi):
    make_school("Một")
    with transaction() as session:
        syncing.make_snapshot(session, THANH_HOA)
        syncing.make_snapshot(session, THANH_HOA)
    first = chi.get(SNAPSHOTS, query_string={"province": THANH_HOA}).json
    file = chi.get(first["url"])

    flows.refresh_snapshots()
    again = chi.get(SNAPSHOTS, query_string={"province": THANH_HOA}).json

    assert again == first
    assert "max-age=31536000" in file.headers["Cache-Control"]
    assert chi.get(first["url"], headers={"If-None-Match": file.headers["ETag"]}).status_code == 304


@pytest.mark.usefixtures("communes")
def test_who_slept_too_long_is_told_to_take_a_snapshot(chi, later):
    gone = make_school("Mất")
    make_school("Còn")
    change(gone, state="closed", closed_on="2026-08-01")
    later(timedelta(days=200))

    flows.tidy()
    too_old = chi.get(CHANGES, query_string={"province": THANH_HOA, "since": 0})
    future = chi.get(CHANGES, query_string={"province": THANH_HOA, "since": 99})
    unknown = chi.get(CHANGES, query_string={"province": "01", "since": 0})

    assert (too_old.status_code, too_old.json["code"], too_old.json["next_action"]) == (
        410,
        "feed_too_old",
        "take_snapshot",
    )
    assert (future.status_code, unknown.status_code) == (410, 404)
    phone = Phone(chi, THANH_HOA)
    phone.take_snapshot()
    phone.sync()
    assert phone.schools == on_the_server(THANH_HOA)


@pytest.mark.usefixtures("communes")
def test_writers_at_once_give_every_change_a_number_of_its_own(chi):
    phone = Phone(chi, THANH_HOA)
    make_school("Đầu tiên")
    phone.take_snapshot()

    all_at_once(6, lambda number: [make_school(f"Trường {number}.{n}") for n in range(3)])
    phone.sync()

    assert phone.seq == 19
    assert phone.schools == on_the_server(THANH_HOA)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from([HAC_THANH, NAM_DINH])),
        st.tuples(st.sampled_from(["rename", "close", "reopen", "merge", "move"]), st.integers(0, 7)),
        st.tuples(st.just("sync"), st.integers(0, 1)),
        st.tuples(st.just("snapshot"), st.sampled_from([THANH_HOA, NINH_BINH])),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_a_phone_that_misses_any_changes_holds_exactly_the_servers_data_after_it_syncs(chi, clean, actions):
    _empty()
    seed_divisions()
    schools = [make_school("Một"), make_school("Hai", commune=NAM_DINH)]
    phones = [Phone(chi, THANH_HOA), Phone(chi, NINH_BINH)]
    for phone in phones:
        phone.take_snapshot()

    for step, (what, which) in enumerate(actions):
        act(what, which, step, schools, phones)

    for phone in phones:
        phone.sync()
        assert phone.schools == on_the_server(phone.province)


def act(what: str, which: Any, step: int, schools: list[Any], phones: list[Phone]) -> None:
    """One thing that happens during the week."""
    if what == "open":
        schools.append(make_school(f"Trường {step}", commune=which))
    elif what == "sync":
        phones[which].sync()
    elif what == "snapshot":
        with transaction() as session:
            syncing.make_snapshot(session, which)
    else:
        school, other = schools[which % len(schools)], schools[(which + 1) % len(schools)]
        alive = {"state": "open", "successor_id": None, "closed_on": None}
        changes = {
            "rename": {"name": f"Tên mới {step}"},
            "close": {"state": "closed", "closed_on": "2026-08-01", "successor_id": None},
            "reopen": alive,
            "merge": {"state": "merged", "closed_on": "2026-08-01", "successor_id": str(other)},
            "move": {"places": [{"commune_code": NAM_DINH if step % 2 else HAC_THANH}]},
        }[what]
        if what != "merge" or not leads_to(other, school):
            change(school, **changes)


def leads_to(school: Any, other: Any) -> bool:
    """Whether a school has become another one, over any number of steps; a merger that goes round is refused."""
    seen = set()
    with transaction() as session:
        while school is not None and school not in seen:
            if school == other:
                return True
            seen.add(school)
            school = session.scalar(select(School.successor_id).where(School.id == school))
    return False
