"""Bills that were paid, withdrawn or changed meanwhile: nothing is taken on trust, and nobody is left guessing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.utilities.models import Bill, BillState
from tests.factories import (
    AMOUNT_VND,
    POWER,
    WATER,
    bill_now,
    link,
    make_bill,
    make_bills,
    make_customer,
    owe,
    slug_of,
)
from tests.payments.stories import inbox, journals, pay, refused_in_both, rows, told
from tests.people import Outside, Person, Work


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (BillState.PAID, "bill_already_paid"),
        (BillState.PAID_ELSEWHERE, "bill_already_paid"),
        (BillState.WITHDRAWN, "bill_withdrawn"),
    ],
)
def test_a_bill_that_is_not_open_cannot_be_paid(an: Person, state: BillState, code: str) -> None:
    bill = make_bill(state=state)
    link(an, bill)

    problem = refused_in_both(lambda headers: pay(an, bill, **headers), 409, code)

    assert problem["bill_id"] == str(bill.id)
    assert rows("SELECT count(*) FROM payment") == [(0,)]


def test_a_bill_that_we_have_paid_cannot_be_paid_again(an: Person, bill: Bill, work: Work) -> None:
    pay(an, bill)
    work()

    problem = refused_in_both(lambda headers: pay(an, bill, **headers), 409, "bill_already_paid")

    assert problem["retryable"] is False


def test_an_amount_that_a_file_has_changed_is_told_before_anything_is_paid(
    an: Person, bill: Bill, outside: Outside
) -> None:
    rows("UPDATE bill SET amount_vnd = 700000, version = '2' WHERE id = :id RETURNING id", id=bill.id)

    problem = refused_in_both(lambda headers: pay(an, bill, **headers), 409, "bill_changed")

    assert (problem["amount_vnd"], problem["next_action"]) == (700_000, "read_bills_again")
    assert (outside.intents(), bill_now(bill).state) == ([], BillState.OPEN)
    assert pay(an, bill, amount_vnd=700_000).status_code == 201


def test_the_changed_sum_of_several_bills_is_the_sum_of_all(an: Person, bill: Bill, outside: Outside) -> None:
    other = owe(an, outside, amount_vnd=100_000)

    problem = pay(an, bill, other, amount_vnd=AMOUNT_VND).json

    assert (problem["code"], problem["amount_vnd"]) == ("bill_changed", AMOUNT_VND + 100_000)


def test_an_amount_the_company_has_changed_lets_go_of_the_hold_and_shows_the_new_one(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    outside.has_bill(POWER, bill_no=bill.bill_no, amount_vnd=700_000)

    failures = work()

    ended = told(an, payment_id)
    assert (ended["state"], ended["reason"], failures) == ("cancelled", "bill_changed", [])
    assert (ended["items"][0]["posting"], ended["items"][0]["posting_reason"]) == ("not_taken", "bill_changed")
    assert [(i["status"], i["amount_received"]) for i in outside.intents()] == [("canceled", 0)]
    assert journals(payment_id) == []
    assert bill_now(bill).state is BillState.OPEN
    shown = an.get(f"/v1/utilities/bills/{bill.id}").json
    assert (shown["amount_vnd"], [line["amount_vnd"] for line in shown["lines"]]) == (700_000, [700_000])
    (message,) = inbox(an, "en")
    assert (message["kind"], message["body"].split(".")[0]) == ("payment_ended", "The bill has just changed")
    assert pay(an, bill, amount_vnd=700_000).status_code == 201


@pytest.mark.parametrize(
    ("change", "reason", "state"),
    [
        ({"status": "paid"}, "bill_paid_elsewhere", BillState.PAID_ELSEWHERE),
        ({"status": "withdrawn"}, "bill_withdrawn", BillState.WITHDRAWN),
    ],
)
def test_a_bill_that_is_no_longer_owed_is_not_taken(
    an: Person, bill: Bill, outside: Outside, work: Work, change: dict[str, str], reason: str, state: BillState
) -> None:
    payment_id = pay(an, bill).json["id"]
    outside.has_bill(POWER, bill_no=bill.bill_no, **change)

    failures = work()

    ended = told(an, payment_id)
    assert (ended["state"], ended["reason"], ended["captured_vnd"], failures) == ("cancelled", reason, 0, [])
    assert [intent["status"] for intent in outside.intents()] == ["canceled"]
    assert (bill_now(bill).state, journals(payment_id), outside.postings(POWER)) == (state, [], [])
    assert [message["subject_id"] for message in inbox(an)] == [payment_id]


def test_a_bill_the_company_does_not_know_is_not_taken(an: Person, outside: Outside, work: Work) -> None:
    owe(an, outside)
    unknown = make_bill()
    link(an, unknown)

    payment_id = pay(an, unknown).json["id"]
    work()

    assert told(an, payment_id)["reason"] == "bill_withdrawn"


def test_of_several_bills_only_those_still_owed_are_taken(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    gone, water = owe(an, outside, amount_vnd=100_000), owe(an, outside, slug=WATER, amount_vnd=50_000)
    payment_id = pay(an, bill, gone, water).json["id"]
    outside.paid_at_the_counter(POWER, gone.bill_no)

    failures = work()

    done = told(an, payment_id)
    assert (done["state"], done["captured_vnd"], failures) == ("captured", AMOUNT_VND + 50_000, [])
    assert {item["bill_id"]: item["posting"] for item in done["items"]} == {
        str(bill.id): "posted", str(gone.id): "not_taken", str(water.id): "posted",
    }  # fmt: skip
    assert [(i["status"], i["amount_received"]) for i in outside.intents()] == [("succeeded", AMOUNT_VND + 50_000)]
    assert bill_now(gone).state is BillState.PAID_ELSEWHERE


def test_a_bill_paid_at_the_counter_after_the_money_was_taken_leaves_it_with_the_citizen(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    # The company is asked before the capture and is down when it should post: the counter is faster.
    outside.spoil("provider", "down", match={"path": "/postings"})
    work()
    outside.paid_at_the_counter(POWER, bill.bill_no)
    outside.mend()

    failures = work()

    done = told(an, payment_id)
    assert (done["state"], done["captured_vnd"], failures) == ("captured", AMOUNT_VND, [])
    assert (done["items"][0]["posting"], done["items"][0]["posting_reason"]) == ("rejected", "already_paid")
    assert [step["step"] for step in done["timeline"]][-3:] == ["rejected", "refund_requested", "refunded"]
    assert journals(payment_id) == [
        ("captured", {"1110": AMOUNT_VND, "2120": -AMOUNT_VND}),
        ("refund_requested", {"2120": AMOUNT_VND, "2130": -AMOUNT_VND}),
        ("refund_done", {"2130": AMOUNT_VND, "1120": -AMOUNT_VND}),
    ]
    assert done["refunded_vnd"] == AMOUNT_VND
    assert bill_now(bill).state is BillState.PAID_ELSEWHERE
    (message,) = inbox(an)
    assert (message["kind"], "636.768" in message["title"]) == ("bills_returned", True)
    refused_in_both(lambda headers: pay(an, bill, **headers), 409, "bill_already_paid")


@pytest.mark.parametrize(
    ("change", "reason", "state"),
    [
        ({"amount_vnd": 700_000}, "amount_differs", BillState.OPEN),
        ({"status": "withdrawn"}, "withdrawn", BillState.WITHDRAWN),
    ],
)
def test_a_company_that_changes_its_mind_after_the_capture_returns_the_money(
    an: Person, bill: Bill, outside: Outside, work: Work, change: dict[str, object], reason: str, state: BillState
) -> None:
    other = owe(an, outside, slug=WATER, amount_vnd=50_000)
    payment_id = pay(an, bill, other).json["id"]
    outside.spoil("provider", "down", match={"path": "/postings", "slug": POWER})
    work()
    outside.has_bill(POWER, bill_no=bill.bill_no, **change)
    outside.mend()

    work()

    done = told(an, payment_id)
    assert {item["posting"]: item.get("posting_reason") for item in done["items"]} == {
        "rejected": reason,
        "posted": None,
    }
    assert bill_now(bill).state is state
    assert sorted(message["kind"] for message in inbox(an)) == ["bills_paid", "bills_returned"]
    assert rows("SELECT sum(amount_vnd) FROM journal_entry WHERE account = '2120'") == [(0,)]
    assert (done["refunded_vnd"], outside.refunds()) == (AMOUNT_VND, [AMOUNT_VND])


def test_a_refused_bill_can_be_paid_again_with_its_new_amount(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    pay(an, bill)
    outside.spoil("provider", "down", match={"path": "/postings"})
    work()
    outside.has_bill(POWER, bill_no=bill.bill_no, amount_vnd=700_000)
    outside.mend()
    work()
    pay(an, bill)
    work()

    again = pay(an, bill, amount_vnd=700_000)
    failures = work()

    assert (again.status_code, failures) == (201, [])
    assert told(an, again.json["id"])["items"][0]["posting"] == "posted"
    assert bill_now(bill).state is BillState.PAID


def test_an_older_water_bill_comes_first(an: Person, outside: Outside, work: Work) -> None:
    august, september, october = make_bills(outside, make_customer(WATER), ["2026-08", "2026-09", "2026-10"])
    link(an, august)

    problem = refused_in_both(lambda headers: pay(an, october, **headers), 409, "older_bill_open")
    together = pay(an, october, august, september)
    work()

    assert problem["next_action"] == "pay_older_bills"
    assert sorted(problem["bill_ids"]) == sorted([str(august.id), str(september.id)])
    assert told(an, together.json["id"])["state"] == "captured"
    assert len(outside.postings(WATER)) == 3


def test_power_bills_may_be_paid_in_any_order(an: Person, outside: Outside) -> None:
    _older, newer = make_bills(outside, make_customer(POWER), ["2026-09", "2026-10"])
    link(an, newer)

    assert pay(an, newer).status_code == 201
    assert slug_of(newer) == POWER


@pytest.mark.parametrize("key", [None, "0f8b7c1e"])
def test_bills_of_a_stranger_and_unknown_bills_look_alike(
    an: Person, binh: Person, outside: Outside, key: str | None
) -> None:
    strangers, unknown = owe(binh, outside), Bill(id=uuid4(), amount_vnd=AMOUNT_VND)
    mine = owe(an, outside)

    answers = [pay(an, found, key=key) for found in (strangers, unknown)] + [pay(an, mine, strangers)]

    bodies = [{k: v for k, v in answer.json.items() if k != "instance"} for answer in answers]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert all(body == bodies[0] for body in bodies)
    assert bill_now(mine).state is BillState.OPEN
