"""Faults 10 to 17: webhooks early, often, late, lost, forged, from elsewhere, or untrue."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from kit import clock
from services.utilities.models import Bill
from tests.factories import AMOUNT_VND, owe
from tests.payments.stories import answer_bank, events_of, journals, knock, knock_with, pay, rows, signed, sweep, told
from tests.people import Outside, Person, Work, all_at_once

_YEAR = 365 * 24 * 3600


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def test_10_a_webhook_that_is_faster_than_our_own_commit_books_once(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("gateway", "cut", match={"path": "/capture"}, count=1)
    payment_id = pay(an, bill).json["id"]
    work()

    for event in events_of(outside):
        knock(an, event)
    work()

    assert [kind for kind, _legs in journals(payment_id)] == ["captured", "posted"]


def test_11_one_event_five_hundred_times_is_one_row_and_one_booking(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    (event,) = events_of(outside, "payment_intent.amount_capturable_updated")

    statuses = all_at_once(20, lambda _number: {knock(an.again(), event).status_code for _time in range(25)})
    work()

    assert set().union(*statuses) == {200}
    assert rows("SELECT count(*) FROM gateway_event WHERE id = :id", id=event["id"]) == [(1,)]
    assert [kind for kind, _legs in journals(payment_id)] == ["captured", "posted"]


def test_12_a_late_failure_after_a_success_changes_nothing(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    pay(an, bill)
    work()
    (succeeded,) = events_of(outside, "payment_intent.succeeded")

    knock(an, succeeded)
    knock(an, succeeded | {"id": "evt_late", "type": "payment_intent.payment_failed"})
    work()

    assert rows("SELECT state, captured_vnd FROM payment") == [("captured", AMOUNT_VND)]


def test_13_with_every_webhook_lost_for_a_day_the_end_is_the_same(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Callable[[timedelta], None]
) -> None:
    outside.spoil("gateway", "cut", match={"path": "/payment_intents"}, count=2)
    pay(an, bill)

    for _hour in range(4):
        later(timedelta(hours=6))
        sweep(work)

    assert rows("SELECT state FROM payment") == [("captured",)]
    assert rows("SELECT count(*) FROM gateway_event") == [(0,)]


def test_14_a_forged_webhook_is_refused_and_nothing_of_it_is_kept(an: Person, bill: Bill, outside: Outside) -> None:
    pay(an, bill)
    (event,) = events_of(outside, "payment_intent.amount_capturable_updated")
    body = json.dumps(event).encode()
    altered = body.replace(b"evt_", b"evt-", 1)

    answers = [
        knock_with(an, body, signed(body, secret="whsec_wrong")),
        knock_with(an, altered, signed(body)),
        knock_with(an, body, "t=1,v1=00"),
        knock_with(an, body, None),
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert rows("SELECT count(*) FROM gateway_event") == [(0,)]


@pytest.mark.parametrize("seconds", [_YEAR, 301, -301])
def test_15_a_signature_of_another_time_is_refused_in_both_directions(
    an: Person, bill: Bill, outside: Outside, seconds: int
) -> None:
    pay(an, bill)
    (event,) = events_of(outside, "payment_intent.amount_capturable_updated")
    body = json.dumps(event).encode()

    answer = knock_with(an, body, signed(body, at=clock.now().timestamp() + seconds))

    assert (answer.status_code, answer.json["code"]) == (400, "webhook_refused")


@pytest.mark.parametrize("fault", ["livemode", "other_account"])
def test_16_a_valid_event_of_another_account_or_mode_is_quarantined(
    an: Person, bill: Bill, outside: Outside, work: Work, fault: str
) -> None:
    payment_id = pay(an, bill, card="pm_card_authenticationRequired").json["id"]
    answer_bank(told(an, payment_id)["next_action"]["redirect_url"], "complete")
    (event,) = events_of(outside, "payment_intent.amount_capturable_updated")

    answer = knock(an, event | ({"livemode": True} if fault == "livemode" else {"account": "acct_other"}))
    work()

    assert answer.status_code == 200
    assert rows("SELECT quarantined, handled_at FROM gateway_event") == [(True, None)]
    assert (told(an, payment_id)["state"], journals(payment_id)) == ("requires_action", [])


def test_17_an_event_with_another_amount_is_only_a_reason_to_ask_the_gateway(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = pay(an, bill).json["id"]
    work()
    (event,) = events_of(outside, "payment_intent.succeeded")
    event["data"]["object"] |= {"amount": AMOUNT_VND + 1, "amount_received": AMOUNT_VND + 1}

    answer = knock(an, event | {"id": "evt_amount_off"})
    failures = work()

    assert (answer.status_code, failures) == (200, [])
    assert journals(payment_id)[0][1] == {"1110": AMOUNT_VND, "2120": -AMOUNT_VND}
