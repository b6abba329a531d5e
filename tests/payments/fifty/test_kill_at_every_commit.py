"""kill -9 at every commit boundary there is: one effect, whoever takes over."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import payments.flows
import services.utilities.flows
from tests.factories import AMOUNT_VND, POWER, owe
from tests.payments.fifty.mortals import die_at
from tests.payments.stories import pay, rows, sweep
from tests.people import Outside, Person, Work

_ROOT = Path(__file__).parents[3]


def _all_failpoints() -> list[str]:
    """Every place named in a call of `reach` in our code: a new one is tested without being listed here."""
    names = set()
    for folder in ("payments", "services"):
        for path in (_ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "reach":
                    names.add(ast.literal_eval(node.args[0]))
    return sorted(names)


def test_there_is_a_failpoint_at_each_boundary_of_paying() -> None:
    kinds = {name.partition(":")[0] for name in _all_failpoints()}

    assert kinds == {"submit", "capture", "cancel", "posting", "refund", "webhook"}


@pytest.mark.parametrize("failpoint", _all_failpoints())
def test_a_process_killed_there_leaves_one_effect(
    failpoint: str,
    an: Person,
    outside: Outside,
    work: Work,
    later: Callable[[timedelta], None],
    settings: object,
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

    die_at(failpoint, settings, an, bill, *(["webhooks"] if kind == "webhook" else []))
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
