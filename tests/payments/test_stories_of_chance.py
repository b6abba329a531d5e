"""Long stories that nobody would think of: cards, faults, lost webhooks and counters at random, and sums that hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

import services.utilities.flows
from services.utilities.models import Bill
from tests.factories import POWER, WATER, owe, slug_of
from tests.payments.stories import answer_bank, check_books, events_of, knock, pay, rows, sweep, told
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]
_CARDS = ("pm_card_visa",) * 5 + (
    "pm_card_chargeDeclined",
    "pm_card_threeDSecure2Required",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
)
_FAULTS = (
    ("gateway", {"action": "cut", "match": {"path": "/payment_intents"}, "count": 2}),
    ("gateway", {"action": "cut", "count": 2, "match": {"path": "/capture"}}),
    ("gateway", {"action": "error", "match": {"path": "/payment_intents"}}),
    ("gateway", {"action": "error", "match": {"path": "/capture"}}),
    ("gateway", {"action": "error", "match": {"path": "/cancel"}}),
    ("gateway", {"action": "rate_limit", "match": {"path": "/payment_intents"}, "count": 2}),
    ("provider", {"action": "cut"}),
    ("provider", {"action": "cut", "match": {"path": "/postings"}}),
    ("provider", {"action": "error", "match": {"path": "/postings"}, "count": 2}),
    ("provider", {"action": "error", "match": {"path": "/bills/check"}}),
)
_STEPS = 45


class Story:
    """What may happen, and the dice that decide what does."""

    def __init__(self, seed: int, an: Person, outside: Outside, work: Work, later: Later) -> None:
        self.dice = random.Random(seed)
        self.an, self.outside, self.work, self.later = an, outside, work, later
        self.bills: list[Bill] = []
        self.payments: list[str] = []

    def a_bill_comes(self) -> None:
        slug = self.dice.choice((POWER, POWER, WATER))
        self.bills.append(owe(self.an, self.outside, slug=slug, amount_vnd=self.dice.randrange(10_000, 150_000)))

    def it_is_paid(self) -> None:
        bills = self.dice.sample(self.bills, min(len(self.bills), self.dice.choice((1, 1, 2, 3))))
        answer = pay(self.an, *bills, card=self.dice.choice(_CARDS))
        assert answer.status_code in {201, 409, 422}, answer.json
        if answer.status_code == 201:
            self.payments.append(answer.json["id"])

    def something_breaks(self) -> None:
        target, fault = self.dice.choice(_FAULTS)
        self.outside.spoil(target, **fault)

    def somebody_else_is_faster(self) -> None:
        bill = self.dice.choice(self.bills)
        change = self.dice.choice(({"status": "paid"}, {"status": "withdrawn"}, {"amount_vnd": bill.amount_vnd + 1}))
        self.outside.has_bill(slug_of(bill), bill_no=bill.bill_no, **change)

    def the_bank_is_answered(self) -> None:
        for payment_id in self.payments:
            action = told(self.an, payment_id).get("next_action")
            waiting = {i["metadata"]["payment_id"] for i in self.outside.intents() if i["status"] == "requires_action"}
            if action and payment_id in waiting:
                answer_bank(action["redirect_url"], self.dice.choice(("complete", "complete", "fail")))

    def some_webhooks_arrive(self) -> None:
        events = events_of(self.outside)
        for event in self.dice.choices(events, k=min(len(events), 4)):
            assert knock(self.an, event).status_code == 200

    def time_passes(self) -> None:
        self.later(timedelta(seconds=self.dice.choice((5, 25, 70, 400))))

    def the_worker_works(self) -> None:
        self.work()

    def the_sweepers_come(self) -> None:
        sweep(self.work)
        services.utilities.flows.sweep_postings()

    def all_is_well_again(self) -> None:
        self.outside.mend()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_every_dong_is_accounted_for(
    seed: int, an: Person, outside: Outside, work: Work, later: Later
) -> None:
    story = Story(seed, an, outside, work, later)
    chances = [
        (3, story.a_bill_comes), (6, story.it_is_paid), (4, story.something_breaks), (1, story.somebody_else_is_faster),
        (2, story.the_bank_is_answered), (3, story.some_webhooks_arrive), (3, story.time_passes),
        (6, story.the_worker_works), (2, story.the_sweepers_come), (1, story.all_is_well_again),
    ]  # fmt: skip
    story.a_bill_comes()

    for _step in range(_STEPS):
        story.dice.choices([what for _weight, what in chances], [weight for weight, _what in chances])[0]()
        check_books()
    outside.mend()
    for _round in range(3):
        later(timedelta(minutes=31))
        sweep(work)
        work()

    check_books()
    # Nothing is on its way any more, at us, at the gateway or in the queue.
    assert rows("SELECT id, state FROM payment WHERE state NOT IN ('captured', 'failed', 'cancelled', 'expired')") == []
    assert rows("SELECT id FROM payment_item WHERE posting IN ('pending', 'unknown', 'parked')") == []
    left = "SELECT b.id FROM bill b JOIN payment p ON p.id = b.payment_id WHERE b.state = 'paying'"
    assert rows(left) == []
    intents = outside.intents()
    assert {intent["status"] for intent in intents} <= {"succeeded", "canceled", "requires_payment_method"}
    # What the gateway has taken is what we have booked, payment by payment.
    taken = {i["metadata"]["payment_id"]: i["amount_received"] for i in intents if i["status"] == "succeeded"}
    assert taken == dict(map(tuple, rows("SELECT id::text, captured_vnd FROM payment WHERE state = 'captured'")))
    # What the companies have posted is what we say they have.
    posted = [
        (posting["payment_ref"], posting["bill_no"], posting["amount_vnd"], posting["receipt_no"])
        for slug in (POWER, WATER)
        for posting in outside.postings(slug)
    ]
    ours = rows(
        "SELECT i.payment_id::text, b.bill_no, i.amount_vnd, i.receipt_no FROM payment_item i "
        "JOIN bill b ON b.id = i.subject_id WHERE i.posting = 'posted'"
    )
    assert sorted(posted) == sorted(map(tuple, ours))
