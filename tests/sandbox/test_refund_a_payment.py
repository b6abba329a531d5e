"""Refunds and the balance: every đồng that moves is written down once."""

import time
from typing import Any

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import Gateway, paid


def total(balance: stripe.Balance) -> int:
    return balance.available[0].amount + balance.pending[0].amount


def transactions(gateway: Gateway, **filters: Any) -> list[Any]:
    return list(gateway.v1.balance_transactions.list({"limit": 2, **filters}).auto_paging_iter())


def test_a_full_refund_gives_everything_back_but_the_fee(gateway: Gateway) -> None:
    intent = paid(gateway)

    refund = gateway.v1.refunds.create({"payment_intent": intent.id, "metadata": {"case": "7"}})

    assert (refund.status, refund.amount, refund.metadata.to_dict()) == ("succeeded", 250_000, {"case": "7"})
    assert gateway.v1.refunds.retrieve(refund.id).charge == intent.latest_charge
    charge = gateway.v1.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 250_000)
    assert total(gateway.v1.balance.retrieve()) == -7_250


def test_two_equal_partial_refunds_are_two_refunds(gateway: Gateway) -> None:
    intent = paid(gateway)

    for _ in range(2):
        gateway.v1.refunds.create({"payment_intent": intent.id, "amount": 100_000})

    assert [refund.amount for refund in gateway.v1.refunds.list({"payment_intent": intent.id}).data] == [100_000] * 2
    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.refunds.create({"payment_intent": intent.id, "amount": 50_001})
    assert refused.value.param == "amount"
    assert gateway.v1.charges.retrieve(intent.latest_charge).amount_refunded == 200_000


def test_what_was_refunded_cannot_be_refunded_again(gateway: Gateway) -> None:
    intent = paid(gateway)
    gateway.v1.refunds.create({"charge": intent.latest_charge})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.refunds.create({"charge": intent.latest_charge})

    assert refused.value.code == "charge_already_refunded"


def test_a_hold_cannot_be_refunded(gateway: Gateway) -> None:
    held = paid(gateway, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError):
        gateway.v1.refunds.create({"payment_intent": held.id})

    assert transactions(gateway) == []


def test_a_refund_may_fail_days_after_it_succeeded(world: Server, gateway: Gateway) -> None:
    requests.post(f"{world.url}/control/gateway/payouts/schedule", json={"interval": "manual"}, timeout=5)
    intent = paid(gateway, "pm_card_refundFail")
    refund = gateway.v1.refunds.create({"payment_intent": intent.id})

    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 3 * 24 * 3600}, timeout=5)
    deadline = time.monotonic() + 30
    while (later := gateway.v1.refunds.retrieve(refund.id)).status == "succeeded" and time.monotonic() < deadline:
        time.sleep(0.05)

    assert (refund.status, later.status) == ("succeeded", "failed")
    back = gateway.v1.balance_transactions.retrieve(later.failure_balance_transaction)
    assert (back.type, back.amount) == ("refund_failure", 250_000)
    assert total(gateway.v1.balance.retrieve()) == 250_000 - 7_250
    assert gateway.v1.events.list({"types": ["charge.refund.updated"]}).data[0].data.object["id"] == refund.id


def test_the_balance_is_the_sum_of_its_transactions_whatever_happens(gateway: Gateway) -> None:
    for card, more in (
        ("pm_card_visa", {}),
        ("pm_card_bypassPending", {"amount": 33_333}),
        ("pm_card_visa", {"amount": 99_999_999}),
        ("pm_card_visa", {"capture_method": "manual"}),
    ):
        paid(gateway, card, **more)
    held = paid(gateway, capture_method="manual", amount=70_001)
    gateway.v1.payment_intents.capture(held.id, {"amount_to_capture": 12_345})
    gateway.v1.refunds.create({"payment_intent": held.id, "amount": 345})
    with pytest.raises(stripe.CardError):
        paid(gateway, "pm_card_chargeDeclined")

    booked = transactions(gateway)

    assert len(booked) == 5
    assert all(each.net == each.amount - each.fee for each in booked)
    balance = gateway.v1.balance.retrieve()
    assert total(balance) == sum(each.net for each in booked)
    assert balance.available[0].amount == sum(each.net for each in booked if each.status == "available")


def test_money_becomes_available_after_two_days(world: Server, gateway: Gateway) -> None:
    intent = paid(gateway)

    before = gateway.v1.balance.retrieve()
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 2 * 24 * 3600 + 60}, timeout=5)
    after = gateway.v1.balance.retrieve()

    assert (before.available[0].amount, before.pending[0].amount) == (0, 242_750)
    assert (after.available[0].amount, after.pending[0].amount) == (242_750, 0)
    assert transactions(gateway, source=intent.latest_charge)[0].status == "available"


@pytest.mark.parametrize(
    ("amount", "fee"), [(10_000, 290), (12_500, 363), (12_517, 363), (99_999_999_999, 2_900_000_000)]
)
def test_the_fee_is_rounded_half_up(gateway: Gateway, amount: int, fee: int) -> None:
    intent = paid(gateway, amount=amount, expand=["latest_charge.balance_transaction"])

    assert intent.latest_charge.balance_transaction.fee == fee
