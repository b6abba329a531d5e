"""Bills that are paid by themselves: announced, skipped, paid, or left to the citizen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import text

import auth.operations
import services.utilities.flows
import services.utilities.operations
from auth.assurance import Proof
from auth.models import Assurance
from kit import clock
from kit.database import transaction
from services.utilities.models import Bill
from tests.factories import AMOUNT_VND, POWER, link, make_bill, make_customer
from tests.payments.stories import answer_bank, check_both_sides, events_of, inbox, knock, rows
from tests.people import Caller, Outside, Person, Work

AUTOMATIC, PLANNED = "/v1/utilities/automatic-payments", "/v1/utilities/planned-payments"
# Bills of the factories are due on 25 November 2026, so three days before is the 22nd.
PAY_AT = datetime.combine(date(2026, 11, 22), time(9), clock.ZONE)
Later = Callable[[timedelta], None]


class Household:
    """An, a linked account, a kept card, and a strong sign-in; time passes for all of them."""

    def __init__(self, an: Person, outside: Outside, later: Later, card: str) -> None:
        self.an, self.outside, self._later = an, outside, later
        self.customer = make_customer()
        self.passed = timedelta()
        self.go_to(PAY_AT - timedelta(days=6))
        self.first = make_bill(outside, self.customer, amount_vnd=1, period="2026-09")
        (self.account,) = link(an, self.first)
        with transaction() as session:
            session.execute(text("UPDATE bill SET state = 'paid_elsewhere' WHERE id = :id"), {"id": self.first.id})
        self.card = an.post("/v1/payments/cards", json={"payment_method": card}).json

    def strong(self) -> Caller:
        """An, just having used a passkey that is not new."""
        proof = Proof(Assurance.PASSKEY, clock.now(), clock.now() - timedelta(days=30))
        with transaction() as session:
            token = auth.operations.start_session(session, self.an.id, None, proof, is_new_device=False).access_token
        return Caller(self.an.http, token)

    def wish(self, ceiling_vnd: int = 1_000_000, days_before: int = 3, **also: Any) -> Any:
        """An wants the account's bills to be paid by themselves."""
        asked = {"account_id": self.account["id"], "card_id": self.card["id"], "ceiling_vnd": ceiling_vnd}
        return self.strong().post(AUTOMATIC, json=asked | {"days_before": days_before} | also)

    def bill(self, **also: Any) -> Bill:
        """A bill comes."""
        return make_bill(self.outside, self.customer, **also)

    def go_to(self, moment: datetime) -> None:
        """It is that moment, here and outside; An opens the app again."""
        self.passed += moment - clock.now()
        self._later(moment - clock.now())
        self.outside._ask("POST", "/control/clock", json={"offset_seconds": self.passed.total_seconds()})
        with transaction() as session:
            self.an.token = auth.operations.start_session(session, self.an.id, None, is_new_device=False).access_token

    def announced(self) -> list[dict[str, Any]]:
        """What the planner has announced by now, the newest first."""
        services.utilities.flows.plan_payments()
        items: list[dict[str, Any]] = self.an.get(PLANNED).json["items"]
        return items


@pytest.fixture
def household(request: pytest.FixtureRequest, an: Person, outside: Outside, later: Later) -> Household:
    return Household(an, outside, later, getattr(request, "param", "pm_card_visa"))


def kinds(person: Person) -> list[str]:
    return [message["kind"] for message in inbox(person)]


def test_a_bill_is_announced_two_days_before_and_paid_when_the_day_has_come(
    household: Household, outside: Outside, work: Work
) -> None:
    household.wish()
    bill = household.bill()
    household.go_to(PAY_AT - timedelta(hours=50))
    assert household.announced() == []
    household.go_to(PAY_AT - timedelta(hours=48, minutes=30))

    (planned,) = household.announced()
    work()
    services.utilities.flows.pay_planned()
    assert (planned["state"], planned["bill_id"], planned["amount_vnd"]) == ("announced", str(bill.id), AMOUNT_VND)
    assert (datetime.fromisoformat(planned["pay_at"]), outside.intents()) == (PAY_AT, [])
    (notice,) = inbox(household.an)
    assert (notice["kind"], notice["subject_id"]) == ("automatic_announced", planned["id"])
    assert notice["title"] == "Ngày 22/11/2026 sẽ tự động thanh toán 636.768 đ"
    household.go_to(PAY_AT)
    for _time in range(2):
        services.utilities.flows.pay_planned()
    work()

    (started,) = household.announced()
    assert started["state"] == "started"
    assert household.an.get(f"/v1/payments/{started['payment_id']}").json["state"] == "captured"
    assert [posting["amount_vnd"] for posting in outside.postings(POWER)] == [AMOUNT_VND]
    assert kinds(household.an) == ["bills_paid", "automatic_announced"]
    check_both_sides()


def test_a_skipped_bill_is_not_paid_and_the_next_one_is_announced_again(
    household: Household, outside: Outside, work: Work
) -> None:
    household.wish()
    household.bill()
    household.go_to(PAY_AT - timedelta(hours=40))
    (planned,) = household.announced()

    skipped = [household.an.post(f"{PLANNED}/{planned['id']}/skip") for _time in range(2)]
    household.go_to(datetime.fromisoformat(planned["pay_at"]) + timedelta(minutes=1))
    services.utilities.flows.pay_planned()

    assert [(answer.status_code, answer.json["state"]) for answer in skipped] == [(200, "skipped")] * 2
    assert [item["state"] for item in household.announced()] == ["skipped"]
    assert outside.intents() == []


def test_all_bills_that_are_due_are_announced_however_many_and_the_first_ones_due_first(household: Household) -> None:
    household.wish()
    bills = [household.bill(period=period) for period in ("2026-08", "2026-09", "2026-10")]
    for days, bill in zip((2, 0, 1), bills, strict=True):
        rows("UPDATE bill SET due_on = due_on + :days WHERE id = :id RETURNING id", days=days, id=bill.id)
    household.go_to(PAY_AT)

    services.utilities.flows.plan_payments(at_once=1)

    announced = [row.bill_id for row in rows("SELECT bill_id FROM planned_payment ORDER BY id")]
    assert announced == [bills[place].id for place in (1, 2, 0)]


def test_at_night_a_bill_that_is_not_due_yet_takes_no_place_of_one_that_is(
    household: Household, outside: Outside
) -> None:
    household.wish(days_before=3)
    early = household.bill()
    due = make_bill(outside, make_customer())
    (account,) = link(household.an, due)
    household.wish(days_before=5, account_id=account["id"])
    rows("UPDATE bill SET due_on = due_on + 1 WHERE id = :id RETURNING id", id=due.id)
    household.go_to(PAY_AT - timedelta(hours=49 + 6))

    with transaction() as session:
        services.utilities.operations.plan(session, limit=1)

    assert [row.bill_id for row in rows("SELECT bill_id FROM planned_payment")] == [due.id]
    household.go_to(PAY_AT - timedelta(hours=49))
    assert {planned["bill_id"] for planned in household.announced()} == {str(due.id), str(early.id)}


def test_what_was_announced_while_the_wish_was_being_ended_is_not_paid(household: Household, outside: Outside) -> None:
    household.wish()
    household.bill()
    household.go_to(PAY_AT - timedelta(hours=40))
    (planned,) = household.announced()
    rows("UPDATE automatic_payment SET ended_at = now() RETURNING id")

    household.go_to(datetime.fromisoformat(planned["pay_at"]) + timedelta(minutes=1))
    services.utilities.flows.pay_planned()

    assert [(item["state"], item["reason"]) for item in household.announced()] == [("skipped", "ended")]
    assert outside.intents() == []


def test_a_bill_that_came_late_still_has_its_48_hours(household: Household) -> None:
    household.wish()
    household.go_to(PAY_AT - timedelta(hours=5))
    household.bill()

    (planned,) = household.announced()

    assert datetime.fromisoformat(planned["pay_at"]) - clock.now() >= timedelta(hours=47, minutes=59)


@pytest.mark.parametrize(
    ("moment", "ceiling", "reason"),
    [
        (PAY_AT - timedelta(hours=40), AMOUNT_VND - 1, "over_ceiling"),
        (datetime.combine(date(2026, 11, 24), time(9), clock.ZONE), AMOUNT_VND, "too_late"),
    ],
    ids=["over the ceiling", "too late for the notice"],
)
def test_what_may_not_be_paid_by_itself_is_left_to_the_citizen_who_is_told_once(
    household: Household, outside: Outside, work: Work, moment: datetime, ceiling: int, reason: str
) -> None:
    household.wish(ceiling_vnd=ceiling)
    household.bill()
    household.go_to(moment)

    for _time in range(2):
        left = household.announced()
        work()

    assert [(item["state"], item["reason"]) for item in left] == [("left", reason)]
    assert (kinds(household.an), outside.intents()) == (["automatic_left"], [])


@pytest.mark.parametrize(
    ("household", "reason"),
    [
        ("pm_card_authenticationRequiredOnSetup", None),
        ("pm_card_authenticationRequired", "authentication_needed"),
        ("pm_card_chargeCustomerFail", "card_declined"),
    ],
    indirect=["household"],
    ids=["asks when it is kept", "asks each time", "declined"],
)
def test_a_card_that_needs_the_citizen_falls_back_to_a_push(
    household: Household, outside: Outside, work: Work, reason: str | None
) -> None:
    if household.card["state"] == "adding":
        answer_bank(household.card["next_action"]["redirect_url"], "complete")
        for event in events_of(outside, "setup_intent.succeeded"):
            knock(household.an, event)
        work()
    device = {"address": "fMx1c0bQTk6v:APA91bHsaved", "address_kind": "token", "platform": "android", "language": "vi"}
    assert household.an.post("/v1/devices", json=device).status_code in {200, 201}
    assert household.wish().status_code == 201
    bill = household.bill()
    household.go_to(PAY_AT - timedelta(hours=48, minutes=30))
    household.announced()
    household.go_to(PAY_AT)

    services.utilities.flows.pay_planned()
    work()

    (planned,) = household.announced()
    pushes = [push["body"] for push in outside.shown_on(device["address"])]
    if reason is None:
        assert planned["state"] == "started"
        assert rows("SELECT state FROM bill WHERE id = :id", id=bill.id) == [("paid",)]
    else:
        assert (planned["state"], planned["reason"]) == ("left", reason)
        assert rows("SELECT state FROM bill WHERE id = :id", id=bill.id) == [("open",)]
        assert "Không tự động trả được. Mở ứng dụng để thanh toán." in pushes
    check_both_sides()


def test_a_bill_that_has_changed_is_announced_anew_and_not_paid_before(
    household: Household, outside: Outside, work: Work
) -> None:
    household.wish()
    bill = household.bill()
    household.go_to(PAY_AT - timedelta(hours=48, minutes=30))
    household.announced()
    with transaction() as session:
        session.execute(text("UPDATE bill SET amount_vnd = amount_vnd + 1 WHERE id = :id"), {"id": bill.id})
    household.go_to(PAY_AT)

    services.utilities.flows.pay_planned()

    anew, dropped = household.announced()
    assert (dropped["state"], dropped["reason"]) == ("dropped", "bill_changed")
    assert (anew["state"], anew["amount_vnd"], outside.intents()) == ("announced", AMOUNT_VND + 1, [])


def test_a_bill_that_the_citizen_has_paid_before_is_not_paid_again(
    household: Household, outside: Outside, work: Work
) -> None:
    household.wish()
    bill = household.bill()
    household.go_to(PAY_AT - timedelta(hours=48, minutes=30))
    household.announced()
    asked = {"bill_ids": [str(bill.id)], "amount_vnd": AMOUNT_VND, "card_id": household.card["id"]}
    assert household.an.post("/v1/utilities/payments", json=asked).status_code == 201
    work()
    household.go_to(PAY_AT)

    services.utilities.flows.pay_planned()
    work()

    assert [item["state"] for item in household.announced()] == ["dropped"]
    assert len(outside.intents()) == 1


@pytest.mark.parametrize("how", ["wish", "card", "account"])
def test_whatever_it_stands_on_ends_it_and_what_was_announced(
    household: Household, outside: Outside, work: Work, how: str
) -> None:
    wish = household.wish()
    household.bill()
    household.go_to(PAY_AT - timedelta(hours=48, minutes=30))
    household.announced()
    path = {
        "wish": f"{AUTOMATIC}/{wish.json['id']}",
        "card": f"/v1/payments/cards/{household.card['id']}",
        "account": f"/v1/utilities/accounts/{household.account['id']}",
    }[how]

    ended = household.an.delete(path, headers={"If-Match": household.an.get(path).headers["ETag"]})
    work()
    household.go_to(PAY_AT)
    services.utilities.flows.pay_planned()

    assert (ended.status_code, household.an.get(AUTOMATIC).json) == (204, {"items": []})
    assert [item["state"] for item in household.announced()] == ["skipped"]
    assert outside.intents() == []


def test_it_takes_a_strong_sign_in_an_own_card_and_an_own_account(
    household: Household, an: Person, binh: Person
) -> None:
    asked = {"account_id": household.account["id"], "card_id": household.card["id"], "ceiling_vnd": 1, "days_before": 0}
    theirs = binh.post("/v1/payments/cards", json={"payment_method": "pm_card_visa"}).json

    weak = an.post(AUTOMATIC, json=asked)
    foreign_card = household.wish(card_id=theirs["id"])
    foreign_account = household.wish(account_id="019a0b00-0000-7000-8000-000000000003")
    first, second = household.wish(), household.wish()

    assert (weak.status_code, weak.json["code"]) == (401, "insufficient_user_authentication")
    assert [foreign_card.status_code, foreign_account.status_code, first.status_code] == [404, 404, 201]
    assert (second.status_code, second.json["code"]) == (409, "already_automatic")
    assert binh.get(f"{AUTOMATIC}/{first.json['id']}").status_code == 404


def test_a_strangers_planned_payment_is_hidden_and_one_that_has_begun_cannot_be_skipped(
    household: Household, binh: Person, work: Work
) -> None:
    household.wish()
    household.bill()
    household.go_to(PAY_AT - timedelta(hours=48, minutes=30))
    (planned,) = household.announced()
    path = f"{PLANNED}/{planned['id']}"
    with transaction() as session:
        binh.token = auth.operations.start_session(session, binh.id, None, is_new_device=False).access_token
    hidden = [binh.get(path), binh.post(f"{path}/skip")]
    household.go_to(PAY_AT)
    services.utilities.flows.pay_planned()

    late = household.an.post(f"{path}/skip")

    assert [answer.status_code for answer in hidden] == [404, 404]
    assert (late.status_code, late.json["code"], late.json["state"]) == (409, "planned_payment_over", "started")
