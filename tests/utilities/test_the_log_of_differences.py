"""Every step of a difference stands in a log that nobody changes; both sides, the operator and webhooks hear of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import payments.flows
from kit import clock
from kit.database import transaction
from payments.models import Side, Way
from payments.operations import Actor, Row, ToldRows, raise_by_hand, take_in_rows
from services.utilities import flows
from services.utilities.operations import settlement
from tests.factories import POWER
from tests.payments.stories import rows
from tests.people import all_at_once
from tests.utilities.bulk import Paid, company, write

OURS = "/v1/utilities/provider-discrepancies"
HOUSE = "/v1/payments/discrepancies"
LOG = "/v1/webhooks/events"
DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=clock.ZONE)
PROPOSAL = {"account": "2910", "explanation": "Nhà cung cấp ghi thiếu"}


@pytest.fixture
def power(clean):
    return company(POWER)


@pytest.fixture
def desk(power, machine):
    """The provider's own system."""
    return machine(power[0].id, "settlement:write", "payments:read")


@pytest.fixture
def clerk(staff):
    return staff("province", "clerk")


@pytest.fixture
def approver(staff, clerk):
    return staff("province", "approver", organisation_id=clerk.organisation_id)


def tell(provider, *lines: tuple[str, int], day: date = DAY) -> None:
    """The provider tells of a day, and the day is compared."""
    told = [Row(n + 2, bill_no, amount) for n, (bill_no, amount) in enumerate(lines)]
    with transaction() as session:
        take_in_rows(session, provider.id, Way.PROVIDER, day, ToldRows("csv", str(lines), told, []))
        settlement.match_posted(session, provider.id, day, day)


def short(power) -> str:
    """A bill that the provider has written down 1,000 đồng short; the id of the difference."""
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    tell(provider, ("B-1", 499_000))
    return str(rows("SELECT id FROM discrepancy")[0].id)


def approve(approver, path: str):
    """Somebody agrees to what is proposed, as it is read."""
    return approver.post(f"{path}/approval", headers={"If-Match": approver.get(path).json["etag"]})


def steps(caller, path: str) -> list[tuple[str, str, str]]:
    return [(step["action"], step["state"], step["side"]) for step in caller.get(path).json["events"]]


def heard(desk, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    items = desk.get(LOG, query_string={"limit": 100}).json["items"]
    return [(item["kind"], item["data"]) for item in items if item["kind"].startswith(prefix)]


def test_every_step_stands_in_the_log_with_who_and_for_whom(power, desk, clerk, approver) -> None:
    found = short(power)
    house, ours = f"{HOUSE}/{found}", f"{OURS}/{found}"

    taken_on = clerk.post(f"{house}/investigation")
    again = clerk.post(f"{house}/investigation")
    desk.post(f"{ours}/notes", json={"body": "Máy in sai"})
    clerk.post(f"{house}/proposal", json=PROPOSAL)
    own = clerk.post(f"{house}/refusal", json={"reason": "Nhầm"})
    declined = approver.post(f"{house}/refusal", json={"reason": "Sai tài khoản"})
    twice = approver.post(f"{house}/refusal", json={"reason": "Sai tài khoản"})
    clerk.post(f"{house}/proposal", json=PROPOSAL | {"account": "5130"})
    settled = approve(approver, house)

    assert (taken_on.json["state"], again.status_code, again.json["code"]) == (
        "investigating", 409, "discrepancy_not_open",
    )  # fmt: skip
    assert (own.status_code, own.json["code"]) == (403, "second_person_needed")
    assert (declined.json["state"], "account" in declined.json, twice.status_code) == ("investigating", False, 409)
    assert settled.json["state"] == "resolved"
    expected = [
        ("opened", "open", "house"),
        ("investigated", "investigating", "province"),
        ("noted", "investigating", "provider"),
        ("proposed", "proposed", "province"),
        ("declined", "investigating", "province"),
        ("proposed", "proposed", "province"),
        ("approved", "resolved", "province"),
    ]
    assert steps(clerk, house) == steps(desk, ours) == expected
    log = clerk.get(house).json["events"]
    assert [step.get("person_id") for step in log] == [
        None, str(clerk.id), None, str(clerk.id), str(approver.id), str(clerk.id), str(approver.id),
    ]  # fmt: skip
    assert (log[4]["reason"], log[4]["account"]) == ("Sai tài khoản", "2910")
    told = desk.get(ours).json["events"]
    assert all("person_id" not in step for step in told)
    assert told[1]["organisation"] == log[1]["organisation"]
    assert str(clerk.id) not in desk.get(ours).text
    assert rows("SELECT closed_at IS NULL FROM discrepancy") == [(False,)]


def test_the_log_is_never_changed(power) -> None:
    short(power)

    for change in ("UPDATE discrepancy_event SET action = 'noted'", "DELETE FROM discrepancy_event"):
        with pytest.raises(DBAPIError), transaction() as session:
            session.execute(text(change))

    assert rows("SELECT count(*) FROM discrepancy_event") == [(1,)]


def test_comparisons_log_what_they_open_close_reopen_and_change(power, desk) -> None:
    clock.move(-timedelta(days=9))
    found = short(power)
    provider = power[0]
    due = rows("SELECT due_on FROM discrepancy")[0].due_on

    tell(provider, ("B-1", 499_000), ("B-1", 7))  # a line more: the first difference stays as it is
    tell(provider, ("B-1", 498_000))
    tell(provider, ("B-1", 500_000))
    clock.move(timedelta())
    tell(provider, ("B-1", 498_000))

    assert [step[0] for step in steps(desk, f"{OURS}/{found}")] == [
        "opened", "changed", "auto_closed", "reopened",
    ]  # fmt: skip
    again = rows("SELECT due_on FROM discrepancy WHERE id = :id", id=found)[0].due_on
    assert again - due == timedelta(days=9)


def test_who_approves_and_who_declines_at_once_leave_one_end(power, clerk, approver, staff) -> None:
    found = short(power)
    clerk.post(f"{HOUSE}/{found}/proposal", json=PROPOSAL)
    second = staff("province", "approver", organisation_id=clerk.organisation_id)

    def decide(n: int) -> int:
        if n % 2:
            return approve(approver, f"{HOUSE}/{found}").status_code
        return second.post(f"{HOUSE}/{found}/refusal", json={"reason": "Không đúng"}).status_code

    answers = all_at_once(4, decide)

    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 412}
    ends = [step[0] for step in steps(clerk, f"{HOUSE}/{found}")][2:]
    assert len(ends) == 1
    booked = rows("SELECT count(*) FROM journal WHERE kind = 'adjustment'")
    assert booked == [(int(ends == ["approved"]),)]


def test_differences_are_listed_by_what_somebody_asks_for(power, desk, clerk, approver) -> None:
    clock.move(-timedelta(days=9))
    first = short(power)
    provider = power[0]
    clock.move(-timedelta(days=4))
    said = {"subject": "B-7", "day": DAY, "amount_vnd": 0, "body": "Sai"}
    with transaction() as session:
        young = str(raise_by_hand(session, provider.id, Actor(Side.PROVIDER), **said))
        raise_by_hand(session, provider.id, Actor(Side.PROVINCE, clerk.id), **said)
    clock.move(timedelta())
    clerk.post(f"{HOUSE}/{first}/proposal", json=PROPOSAL)
    approve(approver, f"{HOUSE}/{first}")
    asked = {"subject": "B-7", "business_day": str(DAY), "amount_vnd": 0, "body": "Vẫn sai"}
    house = clerk.post(HOUSE, json=asked | {"payee_id": str(provider.id)}).json

    def listed(caller, path: str, **query: object) -> list[str]:
        answer = caller.get(path, query_string=query)
        assert answer.status_code == 200, answer.json
        return [item["id"] for item in answer.json["items"]]

    cases = [
        ({}, [house["id"], young]),
        ({"state": "all"}, [house["id"], young, first]),
        ({"state": "resolved"}, [first]),
        ({"state": "open"}, [house["id"], young]),
        ({"kind": "RAISED_BY_PROVINCE"}, [house["id"]]),
        ({"way": "provider", "state": "all"}, [house["id"], young, first]),
        ({"way": "bank"}, []),
        ({"minimum_age_days": 4}, [house["id"], young]),
        ({"minimum_age_days": 5}, []),
        ({"overdue": "true"}, [house["id"], young]),
        ({"overdue": "false", "state": "all"}, [first]),
    ]
    for query, expected in cases:
        assert listed(clerk, HOUSE, **query) == listed(desk, OURS, **query) == expected, query
    assert listed(clerk, HOUSE, payee_id=str(provider.id), state="all") == [house["id"], young, first]
    assert listed(clerk, HOUSE, payee_id=str(clerk.id), state="all") == []
    assert desk.get(OURS, query_string={"payee_id": str(provider.id)}).status_code == 400
    nobody = clerk.post(HOUSE, json=asked | {"payee_id": str(clerk.id)})
    assert (nobody.status_code, nobody.json["code"]) == (404, "not_found")
    assert clerk.get(HOUSE, query_string={"state": "lost"}).status_code in {400, 422}
    assert (house["kind"], house["overdue"], house["age_days"]) == ("RAISED_BY_PROVINCE", True, 4)
    assert [note["body"] for note in house["notes"]] == ["Sai", "Vẫn sai"]


def test_the_operator_is_reminded_once_a_day_of_what_is_overdue(power, desk, outside, work, settings) -> None:
    clock.move(-timedelta(days=10))
    found = short(power)

    def remind() -> list[str]:
        payments.flows.remind_of_differences()
        assert work() == []
        return [sms["text"] for sms in outside.inbox("sms", settings.alarm_phone)]

    before = remind()
    clock.move(-timedelta(days=6))
    all_at_once(4, lambda _n: payments.flows.remind_of_differences())
    first = remind()
    clock.move(timedelta())
    second = remind()

    assert before == []
    assert (len(first), len(second)) == (1, 2)
    assert any("1 chênh lệch" in text and "1 ngày" in text for text in first), first
    assert [step[0] for step in steps(desk, f"{OURS}/{found}")] == ["opened", "reminded", "reminded"]
    assert rows("SELECT reminded_on FROM discrepancy_event WHERE action = 'reminded' ORDER BY 1") != []


def test_a_provider_is_told_of_its_differences_and_not_of_its_own_words(power, desk, clerk, approver, work) -> None:
    found = short(power)
    provider = power[0]
    desk.post(f"{OURS}/{found}/notes", json={"body": "Máy in sai"})
    clerk.post(f"{HOUSE}/{found}/notes", json={"body": "Đã nhận"})
    tell(provider, ("B-1", 499_000), *((f"X-{n:03}", 5) for n in range(120)))
    clerk.post(f"{HOUSE}/{found}/proposal", json=PROPOSAL)
    approve(approver, f"{HOUSE}/{found}")
    assert work() == []

    told = heard(desk, "discrepancy.")

    one = {"discrepancy_ids": [found], "count": 1}
    assert [kind for kind, _ in told] == [
        "discrepancy.opened", "discrepancy.answered", "discrepancy.opened", "discrepancy.resolved",
    ]  # fmt: skip
    assert [data for _, data in told if data["count"] == 1] == [one, one, one]
    assert (told[2][1]["count"], len(told[2][1]["discrepancy_ids"])) == (120, 100)
    assert all(UUID(each) for each in told[2][1]["discrepancy_ids"])


def test_a_provider_is_told_when_a_remittance_is_published_final_and_amended(power, desk, work) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    clock.move(datetime(2026, 11, 18, 17, 5, tzinfo=clock.ZONE) - clock.now())
    flows.close_books()
    clock.move(timedelta())
    clock.move(datetime(2026, 11, 19, 17, 5, tzinfo=clock.ZONE) - clock.now())
    write(provider, customer, [Paid("B-2", 70_000, NOON)])
    flows.close_books()
    clock.move(timedelta())
    assert work() == []

    told = heard(desk, "remittance.")

    shown = [(kind, data["business_day"], data["revision"], data["payable_vnd"]) for kind, data in told]
    assert sorted(shown) == [
        ("remittance.amended", "2026-11-18", 2, 70_000),
        ("remittance.final", "2026-11-18", 1, 500_000),
        ("remittance.final", "2026-11-18", 2, 70_000),
        ("remittance.published", "2026-11-18", 1, 500_000),
    ]
    ids = {row.id for row in rows("SELECT CAST(id AS text) AS id FROM remittance")}
    assert {data["remittance_id"] for _, data in told} == ids
