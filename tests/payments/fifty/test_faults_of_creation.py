"""Faults 1 to 3: the same intention many times at once, and many intentions for one bill."""

from __future__ import annotations

from uuid import uuid4

from tests.factories import AMOUNT_VND, owe
from tests.payments.stories import pay, rows
from tests.people import Outside, Person, Work, all_at_once


def test_01_two_hundred_threads_with_one_key_make_one_payment(an: Person, outside: Outside, work: Work) -> None:
    bill, key = owe(an, outside), str(uuid4())

    def try_once(_number: int) -> tuple[int, str]:
        caller = an.again()
        while (answer := pay(caller, bill, key=key)).status_code in {409, 503} and answer.json["retryable"]:
            pass
        return answer.status_code, answer.json["id"]

    answers = set(all_at_once(200, try_once))

    assert len(answers) == 1
    assert {status for status, _id in answers} == {201}
    assert len(outside.intents()) == 1
    assert rows("SELECT count(*) FROM payment") == [(1,)]


def test_02_the_same_key_for_another_amount_is_refused_and_asks_the_gateway_nothing(
    an: Person, outside: Outside
) -> None:
    bill, other, key = owe(an, outside), owe(an, outside), str(uuid4())
    pay(an, bill, key=key)

    refused = pay(an, bill, amount_vnd=AMOUNT_VND + 1, key=key)
    stranger = pay(an, other, key=key)

    assert [(answer.status_code, answer.json["code"]) for answer in (refused, stranger)] == [
        (422, "idempotency_key_reused")
    ] * 2
    assert len(outside.intents()) == 1


def test_03_of_fifty_intentions_for_one_bill_one_is_a_payment(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)

    def try_once(_number: int) -> int:
        caller = an.again()
        while (answer := pay(caller, bill)).status_code == 503:
            pass
        return answer.status_code

    statuses = all_at_once(50, try_once)
    work()

    assert sorted(statuses) == [201] + [409] * 49
    assert rows("SELECT state, count(*) FROM payment GROUP BY 1") == [("captured", 1)]
