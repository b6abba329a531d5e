"""Many want to pay at the same instant: one does, and everyone else is told by whom."""

from __future__ import annotations

import random
from collections import Counter
from uuid import uuid4

from tests.factories import AMOUNT_VND, POWER, link, make_bill, make_bills, make_customer, owe
from tests.payments.stories import pay, rows, told
from tests.people import Outside, Person, Work, all_at_once

_MANY = 64


def test_of_many_wishes_for_one_bill_one_is_granted(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)

    answers = all_at_once(_MANY, lambda _number: pay(an.again(), bill))
    failures = work()

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: _MANY - 1}
    (granted,) = [answer.json for answer in answers if answer.status_code == 201]
    refused = [answer.json for answer in answers if answer.status_code == 409]
    assert {(told["code"], told["payment_id"]) for told in refused} == {("bill_being_paid", granted["id"])}
    assert failures == []
    assert told(an, granted["id"])["state"] == "captured"
    assert [(i["status"], i["amount_received"]) for i in outside.intents()] == [("succeeded", AMOUNT_VND)]
    assert len(outside.postings(POWER)) == 1


def test_one_wish_sent_many_times_is_one_payment_and_one_answer(an: Person, outside: Outside) -> None:
    bill = owe(an, outside)
    key = str(uuid4())

    answers = all_at_once(_MANY, lambda _number: pay(an.again(), bill, key=key))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_data() for answer in answers}) == 1
    assert answers[0].json["state"] == "authorised"
    assert Counter("Idempotency-Replayed" in answer.headers for answer in answers) == {True: _MANY - 1, False: 1}
    assert len(outside.intents()) == 1
    assert rows("SELECT count(*) FROM payment") == [(1,)]


def test_two_households_members_pay_the_same_bill_once(an: Person, binh: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)
    link(binh, bill)

    answers = all_at_once(16, lambda number: pay((an if number % 2 else binh).again(), bill))
    work()

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 15}
    assert len(outside.postings(POWER)) == 1


def test_bills_that_are_claimed_in_different_orders_never_wait_for_each_other(
    an: Person, outside: Outside, work: Work
) -> None:
    bills = make_bills(
        outside, make_customer(), [f"2026-{month:02d}" for month in range(1, 8)]
    )  # all within a day's limit
    link(an, bills[0])
    dice = random.Random(7)
    wishes = [dice.sample(bills, dice.choice((2, 3, 4))) for _ in range(32)]

    answers = all_at_once(32, lambda number: pay(an.again(), *wishes[number]))
    failures = work()

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json["code"] for answer in answers if answer.status_code == 409} == {"bill_being_paid"}
    assert failures == []
    paid = [item["bill_id"] for answer in answers if answer.status_code == 201 for item in answer.json["items"]]
    assert len(paid) == len(set(paid)) == len(outside.postings(POWER)) > 0


def test_declined_cards_and_new_tries_on_the_same_bills_never_wait_for_each_other(
    an: Person, outside: Outside, work: Work
) -> None:
    bills = make_bills(outside, make_customer(), [f"2026-{month:02d}" for month in range(1, 7)])
    link(an, bills[0])
    dice = random.Random(11)
    wishes = [dice.sample(bills, 3) for _ in range(24)]

    def try_or_work(number: int) -> object:
        if number % 4 == 0:
            return work()
        return pay(an.again(), *wishes[number], card="pm_card_chargeDeclined").status_code

    results = all_at_once(24, try_or_work)
    work()

    assert {results[n] for n in range(24) if n % 4} <= {409, 422}
    assert rows("SELECT DISTINCT state FROM bill") == [("open",)]
    assert pay(an, *bills).status_code == 201


def test_a_bill_that_changes_while_it_is_paid_is_paid_as_it_was_seen_or_not_at_all(
    an: Person, outside: Outside
) -> None:
    bills = [make_bill(outside, make_customer()) for _ in range(8)]
    link(an, *bills)

    def pay_or_change(number: int) -> int:
        bill = bills[number // 2]
        if number % 2:
            return pay(an.again(), bill).status_code
        changed = "UPDATE bill SET amount_vnd = amount_vnd + 1 WHERE id = :id AND state = 'open' RETURNING id"
        return len(rows(changed, id=bill.id))

    answers = all_at_once(16, pay_or_change)

    assert set(answers[1::2]) <= {201, 409}
    # Who was refused was refused because the bill had just changed, and who pays pays what the bill says.
    assert all(answers[place - 1] == 1 for place in range(1, 16, 2) if answers[place] == 409)
    differing = "SELECT i.id FROM payment_item i JOIN bill b ON b.id = i.subject_id WHERE b.amount_vnd <> i.amount_vnd"
    assert rows(differing) == []
