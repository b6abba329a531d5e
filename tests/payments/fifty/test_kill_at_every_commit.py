"""kill -9 at every commit boundary there is: one effect, whoever takes over."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

import payments.flows
import services.utilities.flows
from kit import clock
from kit.database import transaction
from services.utilities import operations
from services.utilities.models import Bill, BillState
from tests.factories import AMOUNT_VND, POWER, bill_now, link, make_bill, owe
from tests.payments.stories import at_gateway, inbox, pay, rows, sweep
from tests.people import Outside, Person, Work

_ROOT = Path(__file__).parents[3]


@cache
def _all_failpoints() -> list[str]:
    """Every place named in a call of `reach` in our code: a new one is tested without being listed here."""
    names = set()
    for folder in ("payments", "services"):
        texts = (path.read_text(encoding="utf-8") for path in (_ROOT / folder).rglob("*.py"))
        for text in (text for text in texts if "reach(" in text):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "reach":
                    names.add(ast.literal_eval(node.args[0]))
    return sorted(names)


def test_there_is_a_failpoint_at_each_boundary_of_paying() -> None:
    kinds = {name.partition(":")[0] for name in _all_failpoints()}

    assert kinds == {"submit", "capture", "cancel", "posting", "refund", "webhook", "card", "automatic", "answers"}


def test_a_process_that_lives_on_fails_its_test_with_what_it_said(
    an: Person, outside: Outside, die_at: Callable[..., None]
) -> None:
    with pytest.raises(AssertionError, match=r"(?s)^nowhere was not reached, but '0': .*/v1/utilities/payments"):
        die_at("nowhere", an, owe(an, outside))


_APART = ("card:", "automatic:", "answers:")


@pytest.mark.parametrize("failpoint", [name for name in _all_failpoints() if not name.startswith(_APART)])
def test_a_process_killed_there_leaves_one_effect(
    failpoint: str,
    an: Person,
    outside: Outside,
    work: Work,
    later: Callable[[timedelta], None],
    die_at: Callable[..., None],
) -> None:
    kind = failpoint.partition(":")[0]
    bill = owe(an, outside)
    if kind == "cancel":
        outside.paid_at_the_counter(POWER, bill.bill_no)
    if kind == "refund":
        # Open at the check before the capture, and paid at the counter when it is to be posted.
        outside.spoil("provider", "down", match={"path": "/postings"})
        pay(an, bill)
        work()
        outside.mend()
        outside.paid_at_the_counter(POWER, bill.bill_no)

    die_at(failpoint, an, bill, *(["webhooks"] if kind == "webhook" else []))
    for _round in range(4):
        later(timedelta(minutes=31))
        sweep(work)
        payments.flows.sweep_refunds()
        services.utilities.flows.sweep_postings()
        work()

    taken = [intent["amount_received"] for intent in outside.intents()]
    posted = [posting["amount_vnd"] for posting in outside.postings(POWER)]
    (payment,) = rows("SELECT state, captured_vnd, refunded_vnd FROM payment")
    match kind:
        case "cancel":
            assert (payment, taken, posted) == (("cancelled", 0, 0), [0], [])
        case "refund":
            assert (payment, taken, posted) == (("captured", AMOUNT_VND, AMOUNT_VND), [AMOUNT_VND], [])
            assert outside.refunds() == [AMOUNT_VND]
        case "submit" if payment[0] == "failed":
            assert (taken, posted) == ([], [])
        case _:
            assert (payment, taken, posted) == (("captured", AMOUNT_VND, 0), [AMOUNT_VND], [AMOUNT_VND])


@pytest.mark.parametrize("failpoint", [name for name in _all_failpoints() if name.startswith("card:")])
def test_a_card_whose_process_was_killed_is_kept_once_by_the_same_request(
    failpoint: str, an: Person, outside: Outside, die_at: Callable[..., None]
) -> None:
    die_at(failpoint, an, owe(an, outside), "card")

    asked = {"json": {"payment_method": "pm_card_visa"}, "headers": {"Idempotency-Key": "one"}}
    again = an.post("/v1/payments/cards", **asked)

    assert (again.status_code, again.json["state"]) == (201, "kept")
    assert [len(at_gateway(outside, what)["data"]) for what in ("customers", "setup_intents")] == [1, 1]


def test_an_automatic_payment_whose_process_was_killed_takes_nothing_and_is_left_to_the_citizen(
    an: Person, outside: Outside, work: Work, later: Callable[[timedelta], None], die_at: Callable[..., None]
) -> None:
    bill = make_bill(outside)
    (account,) = link(an, bill)
    card = an.post("/v1/payments/cards", json={"payment_method": "pm_card_visa"}).json
    wish = {"account_id": UUID(account["id"]), "card_id": UUID(card["id"]), "ceiling_vnd": AMOUNT_VND}
    with transaction() as session:
        session.execute(update(Bill).where(Bill.id == bill.id).values(due_on=clock.today() + timedelta(days=3)))
        operations.start_automatic(session, an.id, **wish, days_before=3)
    services.utilities.flows.plan_payments()

    die_at("automatic: payment committed, gateway not asked", an, bill, "planned")
    later(timedelta(days=2, hours=2))
    sweep(work)

    assert rows("SELECT state, reason FROM planned_payment") == [("left", "never_sent")]
    assert (outside.intents(), bill_now(bill).state) == ([], BillState.OPEN)
    assert inbox(an)[0]["kind"] == "automatic_left"
