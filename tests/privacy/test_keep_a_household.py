"""The household: six people at most, sealed, changed only by who has read them, seen by nobody else."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

import persons.operations
from kit.database import transaction
from kit.vault import Unreadable
from persons.models import HouseholdMember, Verification
from tests.people import all_at_once
from tests.privacy.clear_text import places_of

HOA = {"name": "Nguyễn Thị Hoa", "relation": "parent", "birth_date": "1955-09-02", "cccd": "034155001234"}
PATH = "/v1/me/household"


def add(person, **more):
    return person.post(PATH, json=HOA | more)


def test_a_person_is_kept_declared_and_masked(an):
    added = add(an, health_insurance_no="DN4340123456789")

    told = added.json
    assert (added.status_code, added.headers["Location"]) == (201, f"{PATH}/{told['id']}")
    assert (told["name"], told["relation"], told["birth_date"]) == ("Nguyễn Thị Hoa", "parent", "1955-09-02")
    assert (told["cccd"], told["health_insurance_no"]) == ("*********234", "************789")
    assert told["verified_by"] == "declared"
    assert an.get(f"{PATH}/{told['id']}").json == told
    assert an.get(PATH).json["items"] == [told]
    assert added.headers["ETag"] == told["etag"]


def test_nobody_else_sees_changes_or_removes_them(an, binh, chi):
    told = add(an).json
    path, match = f"{PATH}/{told['id']}", {"If-Match": told["etag"]}

    asked = [
        binh.get(path),
        binh.patch(path, json={"name": "Ai Đó"}, headers=match),
        binh.delete(path, headers=match),
        an.get(f"{PATH}/{uuid4()}"),
    ]

    assert [one.status_code for one in asked] == [404] * 4
    assert len({one.json["title"] for one in asked}) == 1
    assert binh.get(PATH).json["items"] == []
    assert chi.get(path).status_code == 401
    assert an.get(path).json == told


def test_a_change_needs_the_version_that_was_read(an):
    told = add(an).json
    path = f"{PATH}/{told['id']}"

    blind = an.patch(path, json={"relation": "spouse"})
    changed = an.patch(path, json={"relation": "spouse", "cccd": None}, headers={"If-Match": told["etag"]})
    stale = an.patch(path, json={"relation": "child"}, headers={"If-Match": told["etag"]})
    late = an.delete(path, headers={"If-Match": told["etag"]})
    gone = an.delete(path, headers={"If-Match": changed.headers["ETag"]})

    assert [one.status_code for one in (blind, changed, stale, late, gone)] == [428, 200, 412, 412, 204]
    assert (changed.json["relation"], changed.json["cccd"], changed.json["name"]) == ("spouse", None, HOA["name"])
    assert an.get(path).status_code == 404


def test_a_change_undoes_what_was_verified(an):
    told = add(an).json
    with transaction() as session:
        persons.operations.verify_member(session, an.id, told["id"], Verification.PAPERS)
    path = f"{PATH}/{told['id']}"
    verified = an.get(path)

    changed = an.patch(path, json={"birth_date": "1955-09-03"}, headers={"If-Match": verified.headers["ETag"]})

    assert (verified.json["verified_by"], changed.json["verified_by"]) == ("papers", "declared")


def test_a_seventh_person_has_no_place_until_one_leaves(an):
    kept = [add(an, name=f"Người thứ {word}").json for word in ("một", "hai", "ba", "bốn", "năm", "sáu")]

    refused = add(an)
    an.delete(f"{PATH}/{kept[2]['id']}", headers={"If-Match": kept[2]["etag"]})
    added = add(an)

    assert (refused.status_code, refused.json["code"], added.status_code) == (409, "household_full", 201)


def test_of_ten_additions_at_once_six_find_a_place(an):
    answers = all_at_once(10, lambda _number: an.again().post(PATH, json=HOA).status_code)

    assert sorted(answers) == [201] * 6 + [409] * 4
    with transaction() as session:
        assert sorted(session.scalars(select(HouseholdMember.place))) == [1, 2, 3, 4, 5, 6]


def test_sending_the_same_key_again_keeps_one_person(an):
    key = {"Idempotency-Key": "hoa"}

    first, again = an.post(PATH, json=HOA, headers=key), an.post(PATH, json=HOA, headers=key)
    other = an.post(PATH, json=HOA | {"name": "Người Khác"}, headers=key)

    assert (first.json, again.headers["Idempotency-Replayed"]) == (again.json, "true")
    assert other.status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"relation": "friend"},
        {"birth_date": "2155-09-02"},
        {"birth_date": "02/09/1955"},
        {"cccd": "12"},
        {"name": "   "},
        {"name": None},
        {"verified_by": "papers"},
        {"place": 1},
    ],
)
def test_what_cannot_be_is_refused(an, wrong):
    refused = add(an, **wrong)

    assert refused.status_code in {400, 422}
    assert an.get(PATH).json["items"] == []


def test_nothing_of_them_stands_in_clear_and_swapped_rows_are_refused(an):
    first, second = add(an).json, add(an, name="Trần Văn Minh").json
    assert places_of(HOA["name"], HOA["cccd"], "1955-09-02", "Trần Văn Minh", "parent") == []

    with transaction() as session:
        blob = session.scalars(text("SELECT sealed FROM household_member ORDER BY place")).all()[1]
        session.execute(update(HouseholdMember).where(HouseholdMember.place == 1).values(sealed=bytes(blob)))

    with transaction() as session, pytest.raises(Unreadable):
        persons.operations.get_member(session, an.id, first["id"])
    assert an.get(f"{PATH}/{second['id']}").json == second
