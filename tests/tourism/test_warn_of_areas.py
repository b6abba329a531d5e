"""Warnings: shown on every guide they cover, closing those they close, and over when their time is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from kit import clock
from kit.database import transaction
from services.tourism import archives, operations
from services.tourism.operations import Scope
from tests.people import Person, StaffMember
from tests.tourism.guides import daily, make_guide, make_office

T = "/v1/tourism"
OPEN = daily("00:00", "24:00")
HUNG_YEN = {"province_code": "33", "province": "Hưng Yên", "commune_code": "13279", "commune": "Xã Vũ Tiên"}


@pytest.fixture
def approver(staff: Any) -> StaffMember:
    return staff("tourism_office", "approver", organisation_id=make_office())


def warn(approver: StaffMember, *, hours: int = 24, begins: int = 0, **changes: Any) -> Any:
    now = clock.now()
    return approver.post(
        f"{T}/alerts",
        json={
            "kind": "storm", "level": 3, "reason_vi": "Bão cấp 9.", "reason_en": "Storm.", "source": "Đài khí tượng",
            "starts_at": clock.local(now + timedelta(hours=begins)).isoformat(),
            "ends_at": clock.local(now + timedelta(hours=hours)).isoformat(),
            **({} if {"commune_codes", "guide_ids"} & set(changes) else {"province_codes": ["37"]}), **changes,
        },
    )  # fmt: skip


def listed(person: Person, query: str = "") -> dict[str, Any]:
    return {one["title"]: one for one in person.get(f"{T}/guides?limit=100{query}").json["items"]}


def test_a_storm_closes_the_guides_of_its_province_with_a_reason_and_until_when(
    approver: StaffMember, chi: Person
) -> None:
    here = make_guide("Tam Cốc", hours=OPEN)
    make_guide("Chùa Keo", hours=OPEN, address=HUNG_YEN)

    alert = warn(approver).json

    told = chi.get(f"{T}/guides/{here}?lang=en").json
    assert (told["open_now"], told["temporarily_closed"]) == (False, True)
    assert (told["advisory"]["reason"], told["advisory"]["level"]) == ("Storm.", 3)
    assert datetime.fromisoformat(told["next_change_at"]) == datetime.fromisoformat(alert["ends_at"])
    found = listed(chi)
    assert (found["Tam Cốc"]["open_now"], found["Tam Cốc"]["advisory"]["reason"]) == (False, "Bão cấp 9.")
    assert (found["Chùa Keo"]["open_now"], found["Chùa Keo"]["advisory"]) == (True, None)
    assert set(listed(chi, "&open_now=true")) == {"Chùa Keo"}
    assert set(listed(chi, "&open_now=false")) == {"Tam Cốc"}


def test_a_low_level_warns_and_closes_nothing(approver: StaffMember, chi: Person) -> None:
    make_guide("Tam Cốc", hours=OPEN)

    assert warn(approver, level=2).json["closes"] is False

    found = listed(chi)["Tam Cốc"]
    assert (found["open_now"], found["temporarily_closed"], found["advisory"]["level"]) == (True, False, 2)


def test_a_warning_covers_a_commune_or_a_single_guide(approver: StaffMember, chi: Person) -> None:
    one = make_guide("Một", hours=OPEN)
    make_guide("Hai", hours=OPEN)
    make_guide("Ba", hours=OPEN, address=HUNG_YEN)

    warn(approver, kind="closure", guide_ids=[str(one)])
    warn(approver, kind="flood", commune_codes=["13279"])

    assert {title: item["open_now"] for title, item in listed(chi).items()} == {"Một": False, "Hai": True, "Ba": False}


def test_what_lies_ahead_or_is_over_closes_nothing(approver: StaffMember, chi: Person, later: Any) -> None:
    make_guide("Tam Cốc", hours=OPEN)
    warn(approver, begins=5, hours=6)

    states = [listed(chi)["Tam Cốc"]["open_now"]]
    later(timedelta(hours=5, minutes=1))
    states.append(listed(chi)["Tam Cốc"]["open_now"])
    later(timedelta(hours=1))
    states.append(listed(chi)["Tam Cốc"]["open_now"])

    assert states == [True, False, True]


def test_an_office_calls_its_own_warning_off_once(approver: StaffMember, chi: Person, staff: Any) -> None:
    make_guide("Tam Cốc", hours=OPEN)
    alert = warn(approver).json
    stranger = staff("tourism_office", "approver")

    answers = [one.post(f"{T}/alerts/{alert['id']}/end").status_code for one in (stranger, approver, approver)]

    assert answers == [404, 200, 409]
    assert listed(chi)["Tam Cốc"]["open_now"] is True
    assert chi.get(f"{T}/alerts").json["items"] == []


def test_an_office_closes_its_own_guides_alone_and_the_province_closes_everybodys(
    approver: StaffMember, chi: Person, staff: Any
) -> None:
    ours = make_guide("Của ta", hours=OPEN)
    theirs = make_guide("Của họ", hours=OPEN, office=make_office("so-khac"))
    operator = staff("province", "operator")
    theirs_too = {"guide_ids": [str(ours), str(theirs)]}

    refused = warn(approver, **theirs_too)
    of_the_area = warn(approver).json

    def closed() -> tuple[set[str], set[str], set[str]]:
        one_by_one = {one for one in (ours, theirs) if chi.get(f"{T}/guides/{one}").json["temporarily_closed"]}
        found = listed(chi)
        return (
            {title for title, one in found.items() if one["temporarily_closed"]},
            set(listed(chi, "&open_now=false")),
            {title for title, one in found.items() if one["id"] in {str(each) for each in one_by_one}},
        )

    assert (refused.status_code, refused.json["code"]) == (404, "not_found")
    assert closed() == ({"Của ta"}, {"Của ta"}, {"Của ta"})
    assert approver.post(f"{T}/alerts/{of_the_area['id']}/end").status_code == 200
    assert warn(operator, **theirs_too).status_code == 201
    assert warn(operator).status_code == 201
    assert closed() == ({"Của ta", "Của họ"},) * 3


def test_a_pack_names_the_guides_that_an_offices_warning_covers(approver: StaffMember, staff: Any) -> None:
    ours = make_guide("Của ta")
    make_guide("Của họ", office=make_office("so-khac"))
    warn(approver)
    warn(staff("province", "operator"))

    with transaction() as session:
        pack = operations.get_pack(session, operations.build_pack(session, Scope("province", "37")))
        files = archives.unpack(operations.read_bytes(session, pack, 0, pack.bytes_total))

    told = [(one["province_codes"], one["guide_ids"]) for one in orjson.loads(files["alerts.json"])]
    assert told == [([], [str(ours)]), (["37"], [])]


def test_at_the_province_only_an_operator_warns(staff: Any) -> None:
    assert warn(staff("province", "approver")).status_code == 403


@pytest.mark.parametrize("changes", [{"level": 6}, {"hours": -1}, {"commune_codes": []}, {"province_codes": ["1"]}])
def test_a_warning_that_makes_no_sense_is_refused(approver: StaffMember, changes: dict[str, Any]) -> None:
    assert warn(approver, **changes).status_code == 422
