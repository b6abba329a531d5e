"""Payments that wait for the citizen: 3-D Secure, confirming in the app, giving up, and coming too late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

import payments.flows
import payments.operations
from kit.database import transaction
from payments.events import PaymentDoubtful
from payments.models import MoneyState
from services.utilities.models import Bill, BillState
from tests.factories import bill_now, owe
from tests.payments.stories import (
    answer_bank,
    confirm_in_app,
    events_of,
    inbox,
    knock,
    pay,
    refused_in_both,
    rows,
    steps,
    sweep,
    told,
)
from tests.people import Outside, Person, Work
from tests.privacy.clear_text import places_of

SECURE = "pm_card_threeDSecure2Required"
Later = Callable[[timedelta], None]


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def _tell(person: Person, outside: Outside, *types: str) -> None:
    for event in events_of(outside, *types):
        assert knock(person, event).status_code == 200


def test_a_card_that_needs_the_bank_waits_for_the_citizen(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    answer = pay(an, bill, card=SECURE)

    failures = work()

    assert (answer.status_code, answer.json["state"], failures) == (201, "requires_action", [])
    assert answer.json["next_action"]["redirect_url"].startswith(f"{outside.url}/stripe/authenticate/")
    assert told(an, answer.json["id"])["next_action"] == answer.json["next_action"]
    assert bill_now(bill).state is BillState.PAYING


def test_who_reads_the_database_cannot_confirm_in_the_citizens_place(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    by_address = pay(an, bill, card=SECURE).json["next_action"]["redirect_url"]
    by_app = pay(an, owe(an, outside), card=None).json["next_action"]["client_secret"]

    assert places_of(by_address, by_address.rpartition("/")[2], by_app, by_app.partition("_secret_")[2]) == []


def test_what_confirms_a_payment_is_forgotten_when_it_is_over(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    secret = pay(an, bill, card=None).json["next_action"]["client_secret"]
    cancelled = pay(an, owe(an, outside), card=SECURE).json["id"]
    kept = rows("SELECT redirect_url IS NULL, client_secret IS NULL FROM payment ORDER BY id")

    confirm_in_app(outside, secret)
    _tell(an, outside)
    work()
    an.post(f"/v1/payments/{cancelled}/cancellation")

    assert kept == [(True, False), (False, False)]
    assert rows("SELECT state, redirect_url, client_secret FROM payment ORDER BY id") == [
        ("captured", None, None), ("cancelled", None, None),
    ]  # fmt: skip


def test_confirming_at_the_bank_completes_the_payment(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    waiting = pay(an, bill, card=SECURE).json

    answer_bank(waiting["next_action"]["redirect_url"], "complete")
    _tell(an, outside)
    failures = work()

    assert failures == []
    assert (told(an, waiting["id"])["state"], bill_now(bill).state) == ("captured", BillState.PAID)
    assert steps(an, waiting["id"])[:3] == ["created", "requires_action", "authorised"]


def test_failing_at_the_bank_ends_the_payment_and_frees_the_bill(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=SECURE).json

    answer_bank(waiting["next_action"]["redirect_url"], "fail")
    _tell(an, outside)
    failures = work()

    assert failures == []
    ended = told(an, waiting["id"])
    assert (ended["state"], ended["reason"]) == ("failed", "authentication_failed")
    assert bill_now(bill).state is BillState.OPEN
    assert [message["subject_id"] for message in inbox(an)] == [waiting["id"]]


def test_a_replay_after_failing_at_the_bank_keeps_the_first_status(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    key = str(uuid4())
    first = pay(an, bill, card=SECURE, key=key)
    answer_bank(first.json["next_action"]["redirect_url"], "fail")
    _tell(an, outside)
    work()

    replay = pay(an, bill, card=SECURE, key=key)

    assert (replay.status_code, replay.headers["Idempotency-Replayed"]) == (201, "true")
    assert (replay.json["id"], replay.json["state"]) == (first.json["id"], "failed")


def test_a_card_that_is_declined_after_the_bank_said_yes_ends_with_the_reason(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds").json

    answer_bank(waiting["next_action"]["redirect_url"], "complete")
    _tell(an, outside)
    work()

    assert told(an, waiting["id"])["reason"] == "insufficient_funds"
    assert bill_now(bill).state is BillState.OPEN


def test_a_payment_the_citizen_has_left_expires_after_half_an_hour(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    waiting = pay(an, bill, card=SECURE).json
    later(timedelta(minutes=29, seconds=50))
    sweep(work)
    still = told(an, waiting["id"])["state"]

    later(timedelta(seconds=15))
    failures = sweep(work)

    ended = told(an, waiting["id"])
    assert (still, ended["state"], ended["reason"], failures) == ("requires_action", "expired", "expired", [])
    assert (bill_now(bill).state, outside.intents()[0]["status"]) == (BillState.OPEN, "canceled")
    assert [message["kind"] for message in inbox(an)] == ["payment_ended"]


def test_an_expired_payment_whose_gateway_kept_an_error_ends_at_the_next_sweep(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    waiting = pay(an, bill, card=SECURE).json
    later(timedelta(minutes=31))
    outside.spoil("gateway", "error", match={"path": "/cancel"})
    sweep(work)
    still = told(an, waiting["id"])["state"]

    sweep(work)

    assert (still, told(an, waiting["id"])["state"]) == ("requires_action", "expired")


def test_an_expiry_whose_answer_was_lost_is_brought_home_by_the_webhook(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    waiting = pay(an, bill, card=SECURE).json
    later(timedelta(minutes=31))
    outside.spoil("gateway", "cut", match={"path": "/cancel"}, count=2)

    sweep(work)
    _tell(an, outside)
    failures = work()

    ended = told(an, waiting["id"])
    assert (ended["state"], failures) == ("expired", [])
    assert outside.intents()[0]["status"] == "canceled"
    assert bill_now(bill).state is BillState.OPEN


def test_a_bank_that_said_yes_before_the_expiry_reached_it_is_heard(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    waiting = pay(an, bill, card=SECURE).json
    later(timedelta(minutes=31))
    answer_bank(waiting["next_action"]["redirect_url"], "complete")
    _tell(an, outside, "payment_intent.amount_capturable_updated")
    work()

    failures = sweep(work)

    paid = told(an, waiting["id"])
    assert (paid["state"], failures) == ("captured", [])
    assert "reason" not in paid


def test_an_expiry_that_overtakes_a_capture_ends_the_payment(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=None).json
    payment_id = UUID(waiting["id"])
    confirm_in_app(outside, waiting["next_action"]["client_secret"])
    payments.flows.settle(PaymentDoubtful(payment_id))
    with transaction() as session:
        payments.operations.begin_capture(session, payment_id)

    # A sweeper that saw it wait a moment ago comes to the gateway before the worker does.
    payments.flows.cancel(payment_id, MoneyState.EXPIRED, "expired")
    failures = work()

    assert (told(an, waiting["id"])["state"], failures) == ("expired", [])
    assert (bill_now(bill).state, outside.intents()[0]["status"]) == (BillState.OPEN, "canceled")


def test_the_citizen_may_cancel_while_the_bank_waits(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    waiting = pay(an, bill, card=SECURE).json

    answer = an.post(f"/v1/payments/{waiting['id']}/cancellation")
    paid = pay(an, bill)
    work()

    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert answer.json["reason"] == "cancelled_by_citizen"
    assert told(an, paid.json["id"])["state"] == "captured"
    assert sorted(intent["status"] for intent in outside.intents()) == ["canceled", "succeeded"]


@pytest.mark.parametrize("end", ["held", "captured", "failed", "cancelled"])
def test_what_does_not_wait_for_the_citizen_cannot_be_cancelled(
    an: Person, bill: Bill, outside: Outside, work: Work, end: str
) -> None:
    card = {"failed": "pm_card_chargeDeclined", "cancelled": SECURE}.get(end, "pm_card_visa")
    answer = pay(an, bill, card=card)
    payment_id = answer.json.get("payment_id") or answer.json["id"]
    if end == "cancelled":
        an.post(f"/v1/payments/{payment_id}/cancellation")
    if end == "captured":
        work()
    before = told(an, payment_id)

    problem = refused_in_both(
        lambda headers: an.post(f"/v1/payments/{payment_id}/cancellation", headers=headers),
        409,
        "payment_not_cancellable",
    )

    assert problem["state"] == before["state"]
    assert told(an, payment_id) == before


def test_cancelling_while_the_gateway_is_silent_is_asked_for_again_and_loses_nothing(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=SECURE).json
    path = f"/v1/payments/{waiting['id']}/cancellation"
    outside.spoil("gateway", "down", match={"path": "/cancel"})

    problem = refused_in_both(lambda headers: an.post(path, headers=headers), 503, "service_unavailable")
    still = told(an, waiting["id"])["state"]
    outside.mend()
    answer = an.post(path)

    assert (problem["retryable"], still) == (True, "requires_action")
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert work() == []


def test_cancelling_what_the_gateway_has_held_meanwhile_lets_go_of_it(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=SECURE).json
    answer_bank(waiting["next_action"]["redirect_url"], "complete")

    answer = an.post(f"/v1/payments/{waiting['id']}/cancellation")
    _tell(an, outside)
    failures = work()

    assert (answer.json["state"], failures) == ("cancelled", [])
    assert outside.intents()[0]["status"] == "canceled"
    assert told(an, waiting["id"])["state"] == "cancelled"


def test_the_app_confirms_by_itself_and_the_webhook_brings_it_home(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=None).json
    action = waiting["next_action"]

    confirmed = confirm_in_app(outside, action["client_secret"])
    _tell(an, outside, "payment_intent.amount_capturable_updated")
    failures = work()

    assert (waiting["state"], action["publishable_key"]) == ("requires_action", "pk_test_tests")
    assert (confirmed["status"], failures) == ("requires_capture", [])
    assert (told(an, waiting["id"])["state"], bill_now(bill).state) == ("captured", BillState.PAID)
    assert len(outside.intents()) == 1


def test_an_app_that_confirms_with_a_declined_card_frees_the_bill(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    waiting = pay(an, bill, card=None).json

    confirm_in_app(outside, waiting["next_action"]["client_secret"], "pm_card_chargeDeclinedInsufficientFunds")
    _tell(an, outside, "payment_intent.payment_failed")
    work()

    assert (told(an, waiting["id"])["state"], told(an, waiting["id"])["reason"]) == ("failed", "insufficient_funds")
    assert pay(an, bill).status_code == 201


def test_a_hold_for_a_payment_that_has_ended_is_let_go_of(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    waiting = pay(an, bill, card=None).json
    secret = waiting["next_action"]["client_secret"]
    confirm_in_app(outside, secret, "pm_card_chargeDeclined")
    _tell(an, outside, "payment_intent.payment_failed")
    work()

    confirm_in_app(outside, secret)
    _tell(an, outside, "payment_intent.amount_capturable_updated")
    failures = work()

    assert failures == []
    assert (told(an, waiting["id"])["state"], outside.intents()[0]["status"]) == ("failed", "canceled")
    assert rows("SELECT count(*) FROM journal") == [(0,)]
