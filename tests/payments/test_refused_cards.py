"""Cards that are declined, invalid or not meant for the sum: told at once and clearly, and the bill stays payable."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.utilities.models import BillState
from tests.factories import bill_now, owe
from tests.payments.stories import inbox, journals, pay, refused_in_both, rows, told
from tests.people import Outside, Person, Work

_REASONS = [
    ("pm_card_chargeDeclined", "card_declined"),
    ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ("pm_card_chargeDeclinedLostCard", "card_declined"),
    ("pm_card_chargeDeclinedStolenCard", "card_declined"),
    ("pm_card_chargeDeclinedExpiredCard", "card_expired"),
    ("pm_card_chargeDeclinedIncorrectCvc", "wrong_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "card_declined"),
    ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined"),
]


@pytest.mark.parametrize(("card", "reason"), _REASONS)
def test_a_declined_card_is_told_with_its_reason_and_the_bill_is_payable_at_once(
    an: Person, outside: Outside, work: Work, card: str, reason: str
) -> None:
    bill = owe(an, outside)

    declined = pay(an, bill, card=card)
    paid = pay(an, bill)
    failures = work()

    assert (declined.status_code, declined.json["code"], declined.json["reason"]) == (422, "card_declined", reason)
    assert declined.json["next_action"] == "use_another_card"
    attempt = told(an, declined.json["payment_id"])
    assert (attempt["state"], attempt["reason"], attempt["captured_vnd"]) == ("failed", reason, 0)
    assert [step["step"] for step in attempt["timeline"]] == ["created", "failed"]
    assert (paid.status_code, failures) == (201, [])
    assert told(an, paid.json["id"])["state"] == "captured"
    assert journals(attempt["id"]) == []
    assert sorted(message["kind"] for message in inbox(an)) == ["bills_paid", "payment_ended"]


def test_a_decline_is_told_in_both_languages(an: Person, outside: Outside) -> None:
    bill = owe(an, outside)
    key = str(uuid4())

    problem = refused_in_both(
        lambda headers: pay(an, bill, card="pm_card_chargeDeclined", key=key, **headers), 422, "card_declined"
    )

    assert problem["reason"] == "card_declined"
    assert rows("SELECT count(*) FROM payment") == [(1,)]


def test_the_bill_of_a_declined_card_is_open_again_when_the_worker_has_been_there(
    an: Person, outside: Outside, work: Work
) -> None:
    bill = owe(an, outside)

    pay(an, bill, card="pm_card_chargeDeclined")
    failures = work()

    assert failures == []
    assert (bill_now(bill).state, bill_now(bill).payment_id) == (BillState.OPEN, None)


def test_the_items_of_a_payment_that_took_nothing_are_not_taken_and_wait_for_nobody(
    an: Person, outside: Outside
) -> None:
    bill = owe(an, outside)

    declined = pay(an, bill, card="pm_card_chargeDeclinedExpiredCard")

    (item,) = told(an, declined.json["payment_id"])["items"]
    assert (item["posting"], item["posting_reason"]) == ("not_taken", "card_expired")


@pytest.mark.parametrize("card", ["pm_card_unheardOf", "pm_1234567890abcdef"])
def test_a_card_the_gateway_does_not_know_is_a_clear_problem(
    an: Person, outside: Outside, work: Work, card: str
) -> None:
    bill = owe(an, outside)
    key = str(uuid4())

    problem = refused_in_both(
        lambda headers: pay(an, bill, card=card, key=key, **headers), 422, "payment_method_invalid"
    )
    work()

    assert told(an, problem["payment_id"])["reason"] == "payment_method_invalid"
    assert bill_now(bill).state is BillState.OPEN
    assert pay(an, bill).status_code == 201


@pytest.mark.parametrize("card", ["visa", "pm_", "pm_card visa", "tok_visa", "pm_" + "x" * 201])
def test_what_cannot_be_a_card_is_refused_before_anything_is_written(an: Person, outside: Outside, card: str) -> None:
    bill = owe(an, outside)

    problem = refused_in_both(lambda headers: pay(an, bill, card=card, **headers), 422, "invalid_request")

    assert [(flaw["pointer"], flaw["code"]) for flaw in problem["errors"]] == [("/payment_method", "pattern")]
    assert rows("SELECT count(*) FROM payment") == [(0,)]


def test_a_sum_too_small_for_a_card_is_not_blamed_on_the_card(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside, amount_vnd=9_000)
    key = str(uuid4())

    problem = refused_in_both(lambda headers: pay(an, bill, key=key, **headers), 422, "amount_too_small")
    work()

    assert told(an, problem["payment_id"])["state"] == "failed"
    assert bill_now(bill).state is BillState.OPEN


def test_a_replay_of_a_declined_payment_is_the_same_answer(an: Person, outside: Outside, work: Work) -> None:
    bill = owe(an, outside)
    key = str(uuid4())

    first = pay(an, bill, card="pm_card_chargeDeclined", key=key)
    work()
    replay = pay(an, bill, card="pm_card_chargeDeclined", key=key)

    assert (replay.status_code, replay.headers["Idempotency-Replayed"]) == (422, "true")
    assert replay.json["payment_id"] == first.json["payment_id"]
    assert len(outside.intents()) == 1
