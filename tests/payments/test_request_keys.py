"""Idempotency-Key: the same wish is one payment, another wish needs another key."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.utilities.models import Bill
from tests.factories import owe
from tests.payments.stories import VISA, pay, refused_in_both, rows, told
from tests.people import Outside, Person, Work


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_without_a_key_nothing_is_paid(an: Person, bill: Bill, key: str) -> None:
    asked = {"bill_ids": [str(bill.id)], "amount_vnd": bill.amount_vnd, "payment_method": VISA}

    problem = refused_in_both(
        lambda headers: an.post("/v1/utilities/payments", json=asked, headers=headers | {"Idempotency-Key": key}),
        400,
        "idempotency_key_missing",
    )

    assert problem["retryable"] is False
    assert rows("SELECT count(*) FROM payment") == [(0,)]


def test_a_key_for_another_request_is_refused_and_pays_nothing(an: Person, bill: Bill, outside: Outside) -> None:
    other = owe(an, outside)
    key = str(uuid4())
    first = pay(an, bill, key=key)

    refused_in_both(lambda headers: pay(an, other, key=key, **headers), 422, "idempotency_key_reused")
    refused_in_both(lambda headers: pay(an, bill, amount_vnd=1, key=key, **headers), 422, "idempotency_key_reused")
    refused_in_both(lambda headers: pay(an, bill, card=None, key=key, **headers), 422, "idempotency_key_reused")

    assert rows("SELECT id::text FROM payment") == [(first.json["id"],)]
    assert len(outside.intents()) == 1


def test_a_replay_says_so_and_shows_the_payment_as_it_is_now(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    key = str(uuid4())
    first = pay(an, bill, key=key)
    work()

    replay = pay(an, bill, key=key)

    assert "Idempotency-Replayed" not in first.headers
    assert (replay.status_code, replay.headers["Idempotency-Replayed"]) == (201, "true")
    assert replay.headers["Location"] == first.headers["Location"]
    assert replay.json == told(an, first.json["id"])
    assert len(outside.intents()) == 1


def test_a_refused_request_does_not_use_up_its_key(an: Person, bill: Bill) -> None:
    key = str(uuid4())

    refused = pay(an, bill, amount_vnd=bill.amount_vnd + 1, key=key)
    paid = pay(an, bill, key=key)

    assert (refused.status_code, refused.json["code"]) == (409, "bill_changed")
    assert (paid.status_code, "Idempotency-Replayed" in paid.headers) == (201, False)


def test_two_citizens_may_use_the_same_key(an: Person, binh: Person, bill: Bill, outside: Outside) -> None:
    key = str(uuid4())

    answers = [pay(an, bill, key=key), pay(binh, owe(binh, outside), key=key)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json["id"] != answers[1].json["id"]


@pytest.mark.parametrize(
    ("change", "flaws"),
    [
        ({"bill_ids": []}, [("/bill_ids", "length")]),
        ({"bill_ids": ["1"]}, [("/bill_ids/0", "not_a_uuid")]),
        ({"amount_vnd": 0}, [("/amount_vnd", "out_of_range")]),
        ({"amount_vnd": -636_768}, [("/amount_vnd", "out_of_range")]),
        ({"amount_vnd": 100_000_000_000}, [("/amount_vnd", "out_of_range")]),
        ({"amount_vnd": 636_768.5}, [("/amount_vnd", "not_an_integer")]),
        ({"amount_vnd": "636768"}, [("/amount_vnd", "not_an_integer")]),
        ({"amount_vnd": True}, [("/amount_vnd", "not_an_integer")]),
        ({"currency": "usd"}, [("/currency", "unknown")]),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_by_its_place(
    an: Person, bill: Bill, change: dict[str, object], flaws: list[tuple[str, str]]
) -> None:
    asked = {"bill_ids": [str(bill.id)], "amount_vnd": bill.amount_vnd, "payment_method": VISA} | change

    problem = refused_in_both(
        lambda headers: an.post("/v1/utilities/payments", json=asked, headers=headers), 422, "invalid_request"
    )

    assert [(flaw["pointer"], flaw["code"]) for flaw in problem["errors"]] == flaws
    assert rows("SELECT count(*) FROM payment") == [(0,)]


def test_a_bill_named_twice_and_twenty_one_bills_are_refused(an: Person, bill: Bill) -> None:
    twice = [str(bill.id)] * 2
    many = [str(uuid4()) for _ in range(21)]

    answers = [
        an.post("/v1/utilities/payments", json={"bill_ids": ids, "amount_vnd": 1, "payment_method": VISA})
        for ids in (twice, many)
    ]

    assert [(a.status_code, a.json["errors"][0]["pointer"]) for a in answers] == [(422, "/bill_ids")] * 2
