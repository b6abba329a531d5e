"""The gateway is slow, silent or broken: nobody pays twice, nothing is lost, and the truth is found in the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

import payments.gateway
import payments.operations
from auth.assurance import Proof
from auth.models import Assurance
from kit import clock
from kit.database import transaction
from services.utilities.models import Bill, BillState
from services.utilities.operations import start_payment
from tests.factories import AMOUNT_VND, bill_now, owe
from tests.payments.stories import (
    confirm_in_app,
    inbox,
    journals,
    pay,
    refused_in_both,
    rows,
    steps,
    sweep,
    told,
)
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]
CREATE = {"method": "POST", "path": "/payment_intents"}
# The SDK asks a second time by itself, so a fault must last for two calls to be seen by us.
EFFECT_WITHOUT_ANSWER: list[dict[str, Any]] = [
    {"action": "cut", "count": 2},
    {"action": "cut", "count": 2, "half": True},
    {"action": "timeout_after", "count": 2, "seconds": 0.5},
]
NO_EFFECT: list[dict[str, Any]] = [
    {"action": "timeout_before", "count": 2, "seconds": 0.5},
    {"action": "error"},
    {"action": "error", "status": 503},
    {"action": "down"},
    {"action": "rate_limit", "count": 2},
]


def _name(fault: dict[str, Any]) -> str:
    return "-".join(str(value) for value in fault.values())


@pytest.fixture
def bill(an: Person, outside: Outside, hasty: None) -> Bill:
    return owe(an, outside)


@pytest.mark.parametrize("fault", EFFECT_WITHOUT_ANSWER, ids=_name)
def test_a_hold_whose_answer_was_lost_is_found_and_taken_once(
    an: Person, bill: Bill, outside: Outside, work: Work, fault: dict[str, Any]
) -> None:
    outside.spoil("gateway", match=CREATE, **fault)

    answer = pay(an, bill)
    failures = work()

    assert (answer.status_code, answer.json["state"]) == (201, "unknown")
    assert answer.json["timeline"][1]["title_vi"] == "Đang kiểm tra với cổng thanh toán"
    assert failures == []
    assert told(an, answer.json["id"])["state"] == "captured"
    assert [(i["status"], i["amount_received"]) for i in outside.intents()] == [("succeeded", AMOUNT_VND)]
    assert len(journals(answer.json["id"])) == 2


@pytest.mark.parametrize("fault", NO_EFFECT, ids=_name)
def test_a_call_that_never_had_an_effect_ends_after_a_minute_and_the_bill_is_payable(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later, fault: dict[str, Any]
) -> None:
    outside.spoil("gateway", match=CREATE, **fault)
    payment_id = pay(an, bill).json["id"]
    outside.mend()
    work()
    later(timedelta(seconds=55))
    sweep(work)
    still = told(an, payment_id)["state"]

    later(timedelta(seconds=6))
    sweep(work)
    again = pay(an, bill)
    work()

    ended = told(an, payment_id)
    assert (still, ended["state"], ended["reason"]) == ("unknown", "failed", "never_sent")
    assert (again.status_code, told(an, again.json["id"])["state"]) == (201, "captured")
    assert [intent["metadata"]["payment_id"] for intent in outside.intents()] == [again.json["id"]]
    assert sorted(message["kind"] for message in inbox(an)) == ["bills_paid", "payment_ended"]


def test_a_bill_whose_payment_is_being_checked_stays_locked(
    an: Person, binh: Person, bill: Bill, outside: Outside
) -> None:
    outside.spoil("gateway", "down", match=CREATE)
    payment_id = pay(an, bill).json["id"]

    problem = refused_in_both(lambda headers: pay(an, bill, **headers), 409, "bill_being_paid")

    assert (problem["payment_id"], problem["bill_id"]) == (payment_id, str(bill.id))
    assert problem["next_action"] == "wait_for_payment"
    assert bill_now(bill).state is BillState.PAYING


def test_a_single_lost_answer_is_not_even_noticed(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    outside.spoil("gateway", "cut", match=CREATE)

    answer = pay(an, bill)
    work()

    assert (answer.json["state"], told(an, answer.json["id"])["state"]) == ("authorised", "captured")
    assert len(outside.intents()) == 1


def test_a_process_that_died_before_the_call_leaves_a_payment_that_ends_by_itself(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    with transaction() as session:
        payment_id = str(
            start_payment(
                session, an.id, [bill.id], bill.amount_vnd, proof=Proof(Assurance.PASSKEY, clock.now(), clock.now())
            )
        )
    later(timedelta(seconds=61))

    failures = sweep(work)

    assert (told(an, payment_id)["state"], failures, outside.intents()) == ("failed", [], [])
    assert bill_now(bill).state is BillState.OPEN


def test_a_hold_that_appears_after_the_end_is_let_go_of(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("gateway", "error", match=CREATE)
    payment_id = UUID(pay(an, bill).json["id"])
    later(timedelta(seconds=61))
    sweep(work)

    # The call that was thought lost reaches the gateway after all, as a line that was held up delivers it.
    payments.gateway._connection.client.v1.payment_intents.create(
        {
            "amount": AMOUNT_VND,
            "currency": "vnd",
            "capture_method": "manual",
            "metadata": {"payment_id": str(payment_id)},
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    (late,) = outside.intents()
    with transaction() as session:
        payments.operations.apply_intent(session, payment_id, payments.gateway.retrieve_intent(late["id"]))
    failures = work()

    assert failures == []
    assert (told(an, str(payment_id))["state"], outside.intents()[0]["status"]) == ("failed", "canceled")
    assert journals(payment_id) == []


@pytest.mark.parametrize("fault", EFFECT_WITHOUT_ANSWER, ids=_name)
def test_a_capture_whose_answer_was_lost_is_booked_once(
    an: Person, bill: Bill, outside: Outside, work: Work, fault: dict[str, Any]
) -> None:
    outside.spoil("gateway", match={"path": "/capture"}, **fault)
    payment_id = pay(an, bill).json["id"]

    failures = work()

    assert failures == []
    assert told(an, payment_id)["state"] == "captured"
    assert "unknown" in steps(an, payment_id)
    assert [kind for kind, _legs in journals(payment_id)] == ["captured", "posted"]
    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]


@pytest.mark.parametrize("fault", NO_EFFECT, ids=_name)
def test_a_capture_that_never_happened_is_tried_again_but_not_in_a_frenzy(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later, fault: dict[str, Any]
) -> None:
    outside.spoil("gateway", match={"path": "/capture"}, **fault)
    payment_id = pay(an, bill).json["id"]
    work()
    outside.mend()
    sweep(work)
    soon = told(an, payment_id)

    later(timedelta(seconds=21))
    failures = sweep(work)

    # Within twenty seconds the first call may still arrive, so nothing is concluded and nothing sent.
    assert (soon["state"], [step["step"] for step in soon["timeline"]].count("capturing")) == ("unknown", 1)
    assert (told(an, payment_id)["state"], failures) == ("captured", [])
    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]


def test_a_gateway_that_keeps_failing_is_asked_less_and_less_often(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    outside.spoil("gateway", "error", match={"path": "/capture"}, count=1000)
    payment_id = pay(an, bill).json["id"]
    work()

    for _minute in range(60):
        later(timedelta(minutes=1))
        sweep(work)
    outside.mend()
    later(timedelta(minutes=20))
    sweep(work)

    assert steps(an, payment_id).count("capturing") < 20
    assert told(an, payment_id)["state"] == "captured"


def test_a_worker_that_died_between_deciding_and_capturing_is_replaced(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    payment_id = pay(an, bill).json["id"]
    with transaction() as session:
        payments.operations.begin_capture(session, UUID(payment_id))
    rows_before = rows("DELETE FROM procrastinate_jobs RETURNING task_name")
    later(timedelta(seconds=21))

    failures = sweep(work)

    # Every room that sells hears that the money is held: bills, tickets, deposits.
    assert (len(rows_before), failures) == (3, [])
    assert told(an, payment_id)["state"] == "captured"


def test_a_held_payment_that_everybody_forgot_is_taken_up_again(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    payment_id = pay(an, bill).json["id"]
    rows("DELETE FROM procrastinate_jobs RETURNING id")
    later(timedelta(minutes=14))
    sweep(work)
    still = told(an, payment_id)["state"]

    later(timedelta(minutes=2))
    failures = sweep(work)

    assert (still, told(an, payment_id)["state"], failures) == ("authorised", "captured", [])


def test_an_intent_that_is_not_ours_changes_nothing(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    waiting = pay(an, bill, card=None).json
    other = pay(an, owe(an, outside), card=None).json
    confirm_in_app(outside, other["next_action"]["client_secret"])
    intent_of_other = payments.gateway.find_intent(UUID(other["id"]), made_at=_made_at(other))
    assert intent_of_other is not None

    with transaction() as session:
        payments.operations.apply_intent(session, UUID(waiting["id"]), intent_of_other)
    work()

    assert (told(an, waiting["id"])["state"], told(an, other["id"])["state"]) == ("requires_action", "requires_action")


def test_a_replay_while_the_outcome_is_unknown_gives_the_same_payment(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("gateway", "cut", match=CREATE, count=2)
    key = str(uuid4())
    first = pay(an, bill, key=key)
    work()

    replay = pay(an, bill, key=key)

    assert (replay.status_code, replay.headers["Idempotency-Replayed"]) == (201, "true")
    assert (first.json["state"], replay.json["state"]) == ("unknown", "captured")
    assert replay.json["id"] == first.json["id"]


def _made_at(payment: dict[str, Any]) -> Any:
    return rows("SELECT created_at FROM payment WHERE id = :id", id=payment["id"])[0].created_at
