"""Faults 4 to 9: processes that die and answers that are lost, at the worst moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from services.utilities.models import BillState
from tests.factories import AMOUNT_VND, POWER, bill_now, owe
from tests.payments.fifty.mortals import die_at
from tests.payments.stories import at_gateway, pay, rows, sweep
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]


def test_04_a_payment_whose_process_died_before_the_gateway_heard_of_it_ends_and_the_bill_is_free(
    an: Person, outside: Outside, work: Work, later: Later, settings: object
) -> None:
    bill = owe(an, outside)
    die_at("submit: payment committed, gateway not asked", settings, an, bill)

    later(timedelta(minutes=2))
    sweep(work)

    assert rows("SELECT state, reason FROM payment") == [("failed", "never_sent")]
    assert (bill_now(bill).state, outside.intents()) == (BillState.OPEN, [])
    assert pay(an, bill).status_code == 201


def test_05_a_hold_whose_process_died_before_it_was_written_down_is_taken_once(
    an: Person, outside: Outside, work: Work, later: Later, settings: object
) -> None:
    bill = owe(an, outside)
    die_at("submit: gateway has answered, answer not committed", settings, an, bill)

    later(timedelta(minutes=2))
    sweep(work)

    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]
    assert bill_now(bill).state is BillState.PAID


def test_06_a_process_that_dies_inside_the_finalising_commit_leaves_all_or_nothing(
    an: Person, outside: Outside, work: Work, later: Later, settings: object
) -> None:
    bill = owe(an, outside)

    die_at("submit: inside the commit of the answer", settings, an, bill)

    assert rows("SELECT state FROM payment") == [("created",)]
    assert rows("SELECT step FROM payment_event") == [("created",)]
    later(timedelta(minutes=2))
    sweep(work)
    assert rows("SELECT kind FROM journal ORDER BY number") == [("captured",), ("posted",)]


def test_07_a_gateway_that_takes_the_hold_and_drops_the_line_is_asked_for_the_truth(
    an: Person, outside: Outside, work: Work, hasty: None
) -> None:
    bill = owe(an, outside)
    outside.spoil("gateway", "timeout_after", match={"path": "/payment_intents"}, count=3, seconds=1)

    answer = pay(an, bill)
    outside.mend()
    work()

    assert answer.json["state"] in {"unknown", "authorised"}
    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]
    assert len(outside.postings(POWER)) == 1


def test_08_after_a_day_the_gateway_has_forgotten_the_key_and_is_asked_by_our_id(
    an: Person, outside: Outside, work: Work, later: Later
) -> None:
    bill = owe(an, outside)
    outside.spoil("gateway", "cut", match={"path": "/payment_intents"}, count=100)
    payment_id = pay(an, bill).json["id"]
    work()
    later(timedelta(hours=25))
    outside.mend()

    sweep(work)

    # The line was cut after the gateway had made a hold: found by our id in it, not made a second time.
    assert rows("SELECT state FROM payment WHERE id = :id", id=payment_id) == [("captured",)]
    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]


def test_09_a_stored_failure_of_the_gateway_is_not_read_as_a_failure_of_the_payment(
    an: Person, outside: Outside, work: Work, later: Later
) -> None:
    bill = owe(an, outside)
    payment_id = pay(an, bill).json["id"]
    outside.spoil("gateway", "error", match={"path": "/capture"}, count=1)
    work()
    assert rows("SELECT state FROM payment WHERE id = :id", id=payment_id) == [("unknown",)]

    for _round in range(3):
        later(timedelta(minutes=1))
        sweep(work)

    assert rows("SELECT state, captured_vnd FROM payment") == [("captured", AMOUNT_VND)]
    assert len(at_gateway(outside, "charges")["data"]) == 1
