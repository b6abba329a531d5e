"""A machine that does anything in any order, and sums that hold after every step, ours and the gateway's.

STEPS_OF_MONEY says how many steps are taken in all; the seed of a run stands in its report.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings as how, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from requests import HTTPError

import auth.operations
import payments.flows
import services.utilities.flows
from kit import clock, failpoints
from kit.database import transaction
from kit.errors import DomainError
from payments import operations
from services.utilities.models import Bill, Customer
from tests.conftest import _empty
from tests.factories import POWER, link, make_bill, make_customer
from tests.payments.fifty.test_kill_at_every_commit import _all_failpoints
from tests.payments.stories import answer_bank, check_both_sides, events_of, knock, pay, rows, sweep, told
from tests.people import Outside, Person, Work

STEPS = int(os.environ.get("STEPS_OF_MONEY", "10000"))
# In parts, so that two cores share them; each part begins with a seed of its own.
_PARTS = 4
_STEPS_EACH = 400
_MOST_ROUNDS = 50
_SEED = int(os.environ.get("SEED_OF_MONEY", "0")) or secrets.randbits(32)
_CARDS = ("pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required",
          "pm_card_refundFail")  # fmt: skip
_FAULTS = (
    ("gateway", {"action": "cut", "match": {"path": "/payment_intents"}, "count": 2}),
    ("gateway", {"action": "cut", "match": {"path": "/capture"}, "count": 2}),
    ("gateway", {"action": "cut", "match": {"path": "/refunds"}, "count": 2}),
    ("gateway", {"action": "error", "match": {"path": "/capture"}}),
    ("gateway", {"action": "error", "match": {"path": "/cancel"}}),
    ("gateway", {"action": "error", "match": {"path": "/refunds"}, "stored": False}),
    ("gateway", {"action": "rate_limit", "match": {"path": "/payment_intents"}, "count": 2}),
    ("provider", {"action": "cut", "match": {"path": "/postings"}}),
    ("provider", {"action": "error", "match": {"path": "/bills/check"}}),
    ("provider", {"action": "down", "count": 4}),
)
# What may never be untrue, between any two steps: no sum without its counterpart, and nothing booked that the gateway
# has not done.
_OURS = """
SELECT * FROM (SELECT coalesce(sum(e.amount_vnd), 0) AS everything,
    coalesce(sum(e.amount_vnd) FILTER (WHERE j.kind = 'captured' AND e.account = '1110'), 0) AS booked,
    coalesce(sum(e.amount_vnd) FILTER (WHERE e.account IN ('1110', '1120', '5110')), 0) AS assets,
    coalesce(-sum(e.amount_vnd) FILTER (WHERE e.account IN ('2110', '2120', '2130')), 0) AS claims
  FROM journal j JOIN journal_entry e ON e.journal_id = j.id) AS books,
  (SELECT coalesce(sum(captured_vnd), 0) AS captured FROM payment) AS payments,
  (SELECT coalesce(sum(amount_vnd), 0) AS returned FROM refund WHERE state = 'succeeded') AS refunds
"""


class Crashed(BaseException):
    """The process dies here, as far as everything after it can tell."""


def _crash() -> None:
    raise Crashed


class Money(RuleBasedStateMachine):
    """What may happen to money, in any order."""

    world: tuple[Flask, Outside]
    taken = 0

    @initialize()
    def a_new_day(self) -> None:
        app, self.outside = self.world
        clock.move(timedelta())
        failpoints.disarm()
        _empty()
        self.outside.reset()
        self.passed = timedelta()
        # For money alone: what is told to people and to systems of others is left undone.
        self.work = Work(leaving="^(notifications|webhooks)[.]")
        self.an = Person(app.test_client(), "+84912345678")
        self.customer: Customer = make_customer()
        self.keys: list[tuple[str, Bill, str]] = []
        self.payments: list[str] = []
        self.bills = [make_bill(self.outside, self.customer, amount_vnd=50_000 + number) for number in range(3)]
        link(self.an, self.bills[0])
        # Whichever rules this run leaves out, there is money on its way for the others.
        for bill in self.bills[:2]:
            self._pay(bill, "pm_card_visa")

    @rule(amount=st.integers(min_value=10_000, max_value=200_000), card=st.sampled_from(_CARDS))
    def a_bill_comes_and_is_paid(self, amount: int, card: str) -> None:
        self.bills.append(make_bill(self.outside, self.customer, amount_vnd=amount))
        self._pay(self.bills[-1], card)

    @rule(amount=st.integers(min_value=10_000, max_value=200_000))
    def a_bill_comes_and_goes_its_way(self, amount: int) -> None:
        self.a_bill_comes_and_is_paid(amount, "pm_card_visa")
        self.the_worker_works()

    @rule(data=st.data(), card=st.sampled_from(_CARDS))
    def any_bill_is_paid(self, data: Any, card: str) -> None:
        self._pay(data.draw(st.sampled_from(self.bills)), card)

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def the_app_asks_again(self, data: Any) -> None:
        self._ask(*data.draw(st.sampled_from(self.keys)))

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def it_is_cancelled(self, data: Any) -> None:
        chosen = data.draw(st.sampled_from(self.payments))
        self._crashing(lambda: self._cancel(chosen))

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), part=st.sampled_from((1, 2)))
    def the_company_gives_money_back(self, data: Any, part: int) -> None:
        payment = told(self.an, data.draw(st.sampled_from(self.payments)))
        item, payee = payment["items"][0], self.customer.provider_id
        # Refused while it is on its way, disputed or given back already.
        with suppress(DomainError), transaction() as session:
            operations.ask_refund(
                session,
                UUID(payment["id"]),
                item["amount_vnd"] // part,
                clerk_id=uuid4(),
                reason="meter_misread",
                item_id=UUID(item["id"]),
                payee_id=payee,
            )

    @precondition(lambda self: self.payments)
    @rule(data=st.data(), outcome=st.sampled_from(("complete", "fail")))
    def the_bank_is_answered(self, data: Any, outcome: str) -> None:
        payment = told(self.an, data.draw(st.sampled_from(self.payments)))
        waiting = {i["metadata"]["payment_id"] for i in self.outside.intents() if i["status"] == "requires_action"}
        if "next_action" in payment and payment["id"] in waiting:
            answer_bank(payment["next_action"]["redirect_url"], outcome)

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def webhooks_arrive_late_twice_or_never(self, data: Any) -> None:
        if events := events_of(self.outside):
            for event in data.draw(st.lists(st.sampled_from(events), max_size=4)):
                assert knock(self.an, event).status_code == 200

    @rule(fault=st.sampled_from(_FAULTS))
    def something_breaks(self, fault: tuple[str, dict[str, Any]]) -> None:
        self.outside.spoil(fault[0], **fault[1])

    @rule(place=st.sampled_from(_all_failpoints()))
    def the_process_will_crash(self, place: str) -> None:
        failpoints.arm(place, _crash)

    @rule()
    def all_is_mended(self) -> None:
        self.outside.mend()
        failpoints.disarm()

    @rule(data=st.data())
    def the_counter_is_faster(self, data: Any) -> None:
        # Refused when it was paid before.
        with suppress(HTTPError):
            self.outside.paid_at_the_counter(POWER, data.draw(st.sampled_from(self.bills)).bill_no)

    @rule(seconds=st.sampled_from((5, 25, 70, 700, 2_000)))
    def the_clock_jumps(self, seconds: int) -> None:
        self._pass(timedelta(seconds=seconds))

    @rule()
    def the_worker_works(self) -> None:
        self._crashing(self.work)

    @rule()
    def the_sweepers_come(self) -> None:
        self._crashing(lambda: sweep(self.work))
        self._crashing(payments.flows.sweep_refunds)
        self._crashing(services.utilities.flows.sweep_postings)

    @invariant()
    def every_dong_is_somewhere(self) -> None:
        if not hasattr(self, "outside"):
            return
        type(self).taken += 1
        (ours,) = rows(_OURS)
        theirs = self.outside._ask("GET", "/control/gateway/books")
        assert (ours.everything, ours.captured) == (0, ours.booked)
        assert ours.assets == ours.claims
        charged = theirs["net_by_type"].get("charge", 0)
        assert ours.captured >= 0
        assert theirs["net"] == sum(theirs["net_by_type"].values()) == theirs["available"] + theirs["pending"]
        # The gateway's sums are after its fee; what we have booked as taken it has taken.
        assert ours.captured * 971 // 1000 <= charged + len(self.payments)
        assert ours.returned <= -theirs["net_by_type"].get("refund", 0)

    def teardown(self) -> None:
        if not hasattr(self, "outside"):
            return
        failpoints.disarm()
        self.outside.mend()
        for _round in range(3):
            self._pass(timedelta(minutes=31))
            sweep(self.work)
            payments.flows.sweep_refunds()
            services.utilities.flows.sweep_postings()
            for event in events_of(self.outside, "refund.failed"):
                knock(self.an, event)
            self.work()
        check_both_sides()
        left = "SELECT id FROM payment WHERE state NOT IN ('captured', 'failed', 'cancelled', 'expired')"
        assert rows(left) == []
        assert rows("SELECT id FROM refund WHERE state NOT IN ('succeeded', 'failed')") == []
        clock.move(timedelta())

    def _pay(self, bill: Bill, card: str) -> None:
        self.keys.append((str(uuid4()), bill, card))
        self._ask(*self.keys[-1])

    def _ask(self, key: str, bill: Bill, card: str) -> None:
        try:
            answer = pay(self.an, bill, card=card, key=key)
        except Crashed:
            return
        # A long day may reach what one may pay in a day.
        is_enough = answer.status_code == 401 and answer.json["code"] == "insufficient_user_authentication"
        assert answer.status_code in {201, 409, 422} or is_enough, answer.json
        if answer.status_code == 201 and answer.json["id"] not in self.payments:
            self.payments.append(answer.json["id"])

    def _cancel(self, payment_id: str) -> None:
        answer = self.an.post(f"/v1/payments/{payment_id}/cancellation")
        assert answer.status_code in {200, 409, 503}

    def _pass(self, length: timedelta) -> None:
        self.passed += length
        clock.move(self.passed)
        self.outside._ask("POST", "/control/clock", json={"offset_seconds": self.passed.total_seconds()})
        with transaction() as session:
            self.an.token = auth.operations.start_session(session, self.an.id, None, is_new_device=False).access_token

    def _crashing(self, do: Callable[[], Any]) -> None:
        try:
            do()
        except Crashed:
            return


class Near(Outside):
    """The outside world without the way there: what is asked of it, is asked in this process."""

    def __init__(self, url: str, world: Flask) -> None:
        super().__init__(url)
        self._near = world.test_client()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        query = {name: value for name, value in (more.pop("params", None) or {}).items() if value is not None}
        answer = self._near.open(path, method=method, query_string=query, **more)
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise HTTPError(answer.status)
        return answer.json if answer.data else None


@pytest.mark.tampered
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(_PARTS))
def test_whatever_happens_in_whatever_order_no_dong_is_lost_doubled_or_unexplained(
    part: int,
    app: Flask,
    world: Flask,
    outside: Outside,
    hasty: None,
    figure: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Waits that are kind to others would only make a thousand steps longer.
    monkeypatch.setattr("payments.flows.money._LONGEST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0.005)
    Money.world, Money.taken = (app, Near(outside.url, world)), 0
    start = _SEED + part
    wanted, rounds = STEPS // _PARTS, 0

    # A run may be shorter than it could be: as many rounds as it takes.
    while Money.taken < wanted and rounds < _MOST_ROUNDS:
        # The first example of each is the simplest there is: it does nothing but mend.
        examples = 1 + max(1, (wanted - Money.taken) // _STEPS_EACH)
        run_state_machine_as_test(seed(start + rounds * _PARTS)(Money), settings=_how(examples))
        rounds += 1

    paid = rows("SELECT count(*) AS all_of_them FROM payment")[0].all_of_them
    figure(f"{Money.taken} steps, SEED_OF_MONEY={start}; {paid} payments in the last run")
    assert Money.taken >= wanted


def _how(examples: int) -> how:
    return how(
        max_examples=examples,
        stateful_step_count=_STEPS_EACH,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate],  # to find a shorter story of the same would take longer than all other tests
        suppress_health_check=list(HealthCheck),
    )
