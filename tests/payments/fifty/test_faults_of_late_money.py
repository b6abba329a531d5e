"""Faults 32 to 34: money that comes after the end, a second try while the first is open, a guard without an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from kit.database import transaction
from payments import ledger
from payments.gateway import Intent
from payments.operations import apply_intent, refund_by_rule
from services.utilities.models import Bill, BillState
from tests.factories import AMOUNT_VND, POWER, bill_now, owe
from tests.payments.stories import answer_bank, confirm_in_app, events_of, knock, pay, refused_in_both, rows, sweep
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def test_32_a_confirmation_after_the_end_takes_nothing_and_the_hold_is_let_go_of(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    url = pay(an, bill, card="pm_card_authenticationRequired").json["next_action"]["redirect_url"]
    # We end it by ourselves, and the gateway never hears of it: the worst of all orders.
    rows("UPDATE payment SET state = 'expired', reason = 'expired' RETURNING id")
    rows("UPDATE payment_item SET live = false, posting = 'not_taken' RETURNING id")
    rows("UPDATE bill SET state = 'open', payment_id = NULL RETURNING id")

    answer_bank(url, "complete")
    for event in events_of(outside, "payment_intent.amount_capturable_updated"):
        knock(an, event)
    work()

    assert [intent["status"] for intent in outside.intents()] == ["canceled"]
    assert rows("SELECT state, captured_vnd FROM payment") == [("expired", 0)]


def _take_late(payment_id: object, outside: Outside) -> None:
    """The gateway says of an ended payment that its money was taken."""
    (intent,) = outside.intents()
    told = Intent(
        id=intent["id"],
        status="succeeded",
        amount_vnd=intent["amount"],
        received_vnd=intent["amount_received"],
        currency="vnd",
        payment_id=payment_id,
        client_secret=None,
        redirect_url=None,
        decline=None,
        charge_id=intent["latest_charge"],
    )
    with transaction() as session:
        apply_intent(session, told.payment_id, told)


def _end_behind_the_gateways_back(outside: Outside, an: Person, bill: Bill) -> object:
    pay(an, bill)
    (intent,) = outside.intents()
    outside._ask(
        "POST",
        f"/stripe/v1/payment_intents/{intent['id']}/capture",
        headers={"Authorization": "Bearer sk_test_tests"},
    )
    rows("UPDATE payment SET state = 'cancelled', reason = 'cancelled' RETURNING id")
    rows("UPDATE payment_item SET live = false, posting = 'not_taken' RETURNING id")
    rows("UPDATE bill SET state = 'open', payment_id = NULL RETURNING id")
    rows("DELETE FROM procrastinate_jobs RETURNING id")
    return rows("SELECT id FROM payment")[0].id


def test_32_money_that_was_taken_after_the_end_pays_a_bill_that_is_still_owed(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = _end_behind_the_gateways_back(outside, an, bill)

    _take_late(payment_id, outside)
    work()

    assert rows("SELECT state, captured_vnd, refunded_vnd FROM payment") == [("captured", AMOUNT_VND, 0)]
    assert (bill_now(bill).state, len(outside.postings(POWER))) == (BillState.PAID, 1)


def test_32_money_that_was_taken_after_the_end_goes_back_when_the_bill_is_paid_otherwise(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = _end_behind_the_gateways_back(outside, an, bill)
    rows("UPDATE bill SET state = 'paid_elsewhere' RETURNING id")

    _take_late(payment_id, outside)
    work()

    assert rows("SELECT state, captured_vnd, refunded_vnd FROM payment") == [("captured", AMOUNT_VND, AMOUNT_VND)]
    assert (outside.refunds(), outside.postings(POWER)) == ([AMOUNT_VND], [])
    with transaction() as session:
        assert ledger.balance(session, ledger.CITIZEN_UNAPPLIED) == 0


def test_32_late_money_of_a_provider_that_was_silent_at_first_goes_back_when_it_then_refuses(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    payment_id = _end_behind_the_gateways_back(outside, an, bill)
    outside.spoil("provider", "down", match={"path": "/postings"}, count=1)

    _take_late(payment_id, outside)
    work()
    assert rows("SELECT state, captured_vnd, refunded_vnd FROM payment") == [("captured", AMOUNT_VND, 0)]
    outside.paid_at_the_counter(POWER, bill.bill_no)
    work()

    assert rows("SELECT posting FROM payment_item") == [("rejected",)]
    assert outside.refunds() == [AMOUNT_VND]


def test_a_rule_that_asks_for_more_than_there_is_keeps_nothing_from_a_later_one(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "down", match={"path": "/postings"}, count=1)
    payment_id = UUID(pay(an, bill).json["id"])
    work()

    with transaction() as session:
        refused = refund_by_rule(session, payment_id, AMOUNT_VND, cause="still on its way", reason="too_early")

    assert refused is None
    assert rows("SELECT refunded_vnd FROM payment") == [(0,)]


def test_33_while_the_gateway_is_being_asked_nobody_can_pay_the_bill_again(
    an: Person, bill: Bill, outside: Outside, work: Work, hasty: None
) -> None:
    outside.spoil("gateway", "cut", match={"path": "/payment_intents"}, count=4)
    first = pay(an, bill)

    refused = refused_in_both(lambda headers: pay(an, bill, **headers), 409, "bill_being_paid")

    assert refused["payment_id"] == first.json["id"]
    assert len(outside.intents()) <= 1


def test_34_a_guard_that_gets_no_answer_takes_nothing(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("provider", "down", match={"path": "/bills/check"}, count=10_000)
    pay(an, bill)
    work()
    assert rows("SELECT state, captured_vnd FROM payment") == [("authorised", 0)]

    later(timedelta(minutes=11))
    work()

    assert rows("SELECT state, reason FROM payment") == [("cancelled", "provider_unreachable")]
    assert [intent["amount_received"] for intent in outside.intents()] == [0]
    outside.mend()
    sweep(work)
    assert confirm_in_app(outside, outside.intents()[0]["client_secret"])["error"]["type"] == "invalid_request_error"
