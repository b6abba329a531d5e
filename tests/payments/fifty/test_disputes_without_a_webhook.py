"""A dispute of which no webhook ever speaks is booked all the same, and its end too: the gateway itself is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

import payments.flows
from kit import clock
from kit.database import transaction
from payments import ledger
from payments.flows.disputing import hear_of_disputes
from payments.gateway import Movement
from tests.factories import AMOUNT_VND, owe
from tests.payments.stories import pay, rows
from tests.people import Outside, Person, Work

_MINUTE = timedelta(minutes=1)


@pytest.fixture
def disputed(an: Person, outside: Outside, work: Work) -> None:
    """A bill that was paid and posted, and is disputed at once; no webhook comes."""
    pay(an, owe(an, outside), card="pm_card_createDispute")
    work()


def _balances(*accounts: str) -> list[int]:
    with transaction() as session:
        return [ledger.balance(session, account) for account in accounts]


def test_money_that_the_bank_has_taken_is_booked_as_disputed_before_anybody_calls_it_a_difference(
    disputed: None, outside: Outside
) -> None:
    assert rows("SELECT state FROM dispute") == []

    differences = [payments.flows.compare_with_gateway() for _time in range(2)]

    assert rows("SELECT state FROM dispute") == [("needs_response",)]
    assert (differences, rows("SELECT kind FROM discrepancy")) == ([0, 0], [])
    assert _balances(ledger.DISPUTED) == [AMOUNT_VND]


def test_a_dispute_that_was_won_is_heard_of_by_the_money_that_comes_back(disputed: None, outside: Outside) -> None:
    payments.flows.read_movements()
    (dispute,) = rows("SELECT gateway_id FROM dispute")
    outside.at_gateway(f"disputes/{dispute.gateway_id}/decide", outcome="won")

    payments.flows.read_movements()

    assert rows("SELECT state FROM dispute") == [("won",)]
    assert _balances(ledger.DISPUTED) == [0]


def test_a_dispute_that_was_lost_is_heard_of_though_no_money_moves_for_it(disputed: None, outside: Outside) -> None:
    payments.flows.read_movements()
    (dispute,) = rows("SELECT gateway_id FROM dispute")
    payable = _balances(ledger.PROVIDER_PAYABLE)
    outside.at_gateway(f"disputes/{dispute.gateway_id}/decide", outcome="lost")
    payments.flows.read_movements()
    unheard = rows("SELECT state FROM dispute")

    payments.flows.sweep_disputes()
    payments.flows.sweep_disputes()

    assert (unheard, rows("SELECT state FROM dispute")) == ([("needs_response",)], [("lost",)])
    assert payable == [-AMOUNT_VND]
    assert _balances(ledger.DISPUTED, ledger.PROVIDER_PAYABLE) == [0, 0]


def test_a_gateway_that_is_silent_leaves_open_disputes_as_they_are(
    disputed: None, outside: Outside, hasty: None
) -> None:
    payments.flows.read_movements()
    outside.spoil("gateway", "cut", match={"path": "/disputes"}, count=100)

    payments.flows.sweep_disputes()

    assert rows("SELECT state FROM dispute") == [("needs_response",)]


def test_a_movement_of_a_dispute_that_the_gateway_does_not_know_stops_nothing(
    disputed: None, outside: Outside, at: Callable[[], Movement]
) -> None:
    payments.flows.read_movements()
    (dispute,) = rows("SELECT gateway_id FROM dispute")
    outside.at_gateway(f"disputes/{dispute.gateway_id}/decide", outcome="won")
    back = replace(at(), id="txn_back", source=dispute.gateway_id, amount_vnd=AMOUNT_VND)

    hear_of_disputes([at(), replace(at(), id="txn_2", source=None), back])

    assert rows("SELECT state FROM dispute") == [("won",)]


@pytest.fixture
def at() -> Callable[[], Movement]:
    """A movement of a dispute that nobody has heard of."""
    now = clock.now()
    return lambda: Movement(
        "txn_1", "adjustment", "dispute", "dp_unheardOf", -1_000, 0, -1_000, "vnd", now, now + _MINUTE
    )
