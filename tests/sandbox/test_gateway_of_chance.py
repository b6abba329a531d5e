"""Long stories at random through the SDK: whatever is asked in whatever order, the gateway's books agree."""

import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.gateway_books import check_the_books, control, move_clock
from tests.sandbox.sandbox_clients import Gateway, gateway_client, paid

STEPS = 60
CARDS = (
    "pm_card_visa", "pm_card_visa", "pm_card_bypassPending", "pm_card_refundFail", "pm_card_pendingRefund",
    "pm_card_createDispute", "pm_card_createDisputeInquiry", "pm_card_chargeDeclined",
)  # fmt: skip


class Story:
    """One run of random requests; what the gateway refuses is part of it."""

    def __init__(self, url: str, gateway: Gateway, seed: int) -> None:
        self.url, self.gateway, self.dice = url, gateway, random.Random(seed)
        self.intents: list[str] = []
        self.offset = 0.0

    def steps(self) -> list[Callable[[], Any]]:
        return [
            self.pay, self.pay, self.hold, self.capture, self.cancel, self.refund, self.refund, self.answer_a_dispute,
            self.decide_a_dispute, self.pay_out, self.upset_a_payout, self.wait,
        ]  # fmt: skip

    def go(self) -> None:
        # Refusals are answers too: a refund of nothing left, a capture of nothing held, an empty balance.
        with contextlib.suppress(stripe.InvalidRequestError, stripe.CardError):
            self.dice.choice(self.steps())()

    def pay(self) -> None:
        amount = self.dice.randrange(10_000, 5_000_000)
        self.intents.append(paid(self.gateway, self.dice.choice(CARDS), amount=amount).id)

    def hold(self) -> None:
        self.intents.append(paid(self.gateway, "pm_card_visa", capture_method="manual", amount=400_000).id)

    def capture(self) -> None:
        wanted = {"amount_to_capture": self.dice.randrange(1, 450_000)}
        self.gateway.v1.payment_intents.capture(self.any_intent(), wanted)

    def cancel(self) -> None:
        self.gateway.v1.payment_intents.cancel(self.any_intent())

    def refund(self) -> None:
        wanted: dict[str, Any] = {"payment_intent": self.any_intent()}
        if self.dice.random() < 0.7:
            wanted["amount"] = self.dice.randrange(1, 900_000)
        self.gateway.v1.refunds.create(wanted)

    def answer_a_dispute(self) -> None:
        for dispute in self.gateway.v1.disputes.list({"limit": 1}).data:
            text = self.dice.choice(("winning_evidence", "losing_evidence", "escalate_inquiry_evidence", "what?"))
            self.gateway.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})

    def decide_a_dispute(self) -> None:
        for dispute in self.gateway.v1.disputes.list({"limit": 3}).data:
            outcome = self.dice.choice(("won", "lost", "warning_closed", "escalated"))
            path = f"{self.url}/control/gateway/disputes/{dispute.id}/decide"
            assert requests.post(path, json={"outcome": outcome}, timeout=5).status_code in {200, 400}

    def pay_out(self) -> None:
        if self.dice.random() < 0.5:
            control(self.url, "gateway/payouts")
        else:
            wanted = {"amount": self.dice.randrange(1, 3_000_000), "currency": "vnd"}
            self.gateway.v1.payouts.create(wanted)

    def upset_a_payout(self) -> None:
        for payout in self.gateway.v1.payouts.list({"limit": 2}).data:
            what = self.dice.choice(("arrive", "fail"))
            path = f"{self.url}/control/gateway/payouts/{payout.id}/{what}"
            assert requests.post(path, json={}, timeout=5).status_code in {200, 400}
            if self.dice.random() < 0.3:
                self.gateway.v1.payouts.cancel(payout.id)

    def wait(self) -> None:
        self.offset += self.dice.choice((10, 3600, 24 * 3600, 3 * 24 * 3600))
        move_clock(self.url, self.offset)

    def any_intent(self) -> str:
        return self.dice.choice(self.intents) if self.intents else "pi_none"


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_books_agree(world: Server, seed: int) -> None:
    story = Story(world.url, gateway_client(world.url), seed)

    for number in range(STEPS):
        story.go()
        if number % 10 == 9:
            check_the_books(world.url, story.gateway)

    move_clock(world.url, story.offset + 200 * 24 * 3600)
    check_the_books(world.url, story.gateway)
    undecided = [each for each in story.gateway.v1.disputes.list({"limit": 100}).data if "needs" in each.status]
    assert undecided == []
