"""Webhooks that are wrong in every ordered way, several receivers, and one that comes before the answer."""

import json
import time
from typing import Any

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.gateway_books import control
from tests.sandbox.sandbox_clients import SECRET, Gateway, Order, Receiver, Start, gateway_client, intent_params, paid

YEAR = 365 * 24 * 3600


@pytest.fixture
def world(start: Start, receiver: Receiver) -> Server:
    return start(receiver.url)


def spoilt_and_genuine(gateway: Gateway, receiver: Receiver, order: Order, action: str) -> list[Any]:
    order(target="webhook", action=action)
    receiver.answers.append(200)
    gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == 2)
    return receiver.calls


@pytest.mark.parametrize("action", ["forged", "wrong_secret", "truncated", "old_timestamp"])
def test_a_spoilt_signature_is_refused_and_the_genuine_event_follows(
    gateway: Gateway, receiver: Receiver, order: Order, action: str
) -> None:
    spoilt, genuine = spoilt_and_genuine(gateway, receiver, order, action)

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(spoilt[0], spoilt[1], SECRET)
    assert stripe.Webhook.construct_event(genuine[0], genuine[1], SECRET).type == "payment_intent.created"


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [("livemode", "livemode", True), ("other_account", "account", "acct_somebodyelse0000")],
)
def test_a_well_signed_event_may_be_meant_for_somebody_else(
    gateway: Gateway, receiver: Receiver, order: Order, action: str, field: str, value: object
) -> None:
    spoilt, genuine = spoilt_and_genuine(gateway, receiver, order, action)

    event = stripe.Webhook.construct_event(spoilt[0], spoilt[1], SECRET)
    assert event.to_dict()[field] == value
    assert json.loads(genuine[0]).get(field) != value


def test_a_well_signed_event_may_name_another_amount(gateway: Gateway, receiver: Receiver, order: Order) -> None:
    spoilt, genuine = spoilt_and_genuine(gateway, receiver, order, "amount_off")

    amounts = [
        stripe.Webhook.construct_event(body, signature, SECRET).data.object["amount"]
        for body, signature, _ in (spoilt, genuine)
    ]
    assert amounts == [250_001, 250_000]
    assert json.loads(spoilt[0])["id"] == json.loads(genuine[0])["id"]


def test_an_event_may_be_signed_a_year_ahead(gateway: Gateway, receiver: Receiver, order: Order) -> None:
    spoilt, _ = spoilt_and_genuine(gateway, receiver, order, "future_timestamp")

    signed_at = int(spoilt[1].split(",")[0].removeprefix("t="))
    assert abs(signed_at - time.time() - YEAR) < 60
    assert stripe.Webhook.construct_event(spoilt[0], spoilt[1], SECRET).type == "payment_intent.created"


def test_an_early_event_arrives_before_the_answer(gateway: Gateway, receiver: Receiver, order: Order) -> None:
    order(target="webhook", action="early", match={"event_type": "payment_intent.succeeded"})

    intent = paid(gateway)

    arrived = [json.loads(body) for body, *_ in list(receiver.calls)]
    assert intent.id in [each["data"]["object"]["id"] for each in arrived if each["type"] == "payment_intent.succeeded"]


def test_an_event_says_what_changed(gateway: Gateway, receiver: Receiver) -> None:
    intent = paid(gateway)

    gateway.v1.refunds.create({"payment_intent": intent.id, "amount": 100_000})

    (event,) = gateway.v1.events.list({"types": ["charge.refunded"]}).data
    assert event.data.to_dict()["previous_attributes"] == {"amount_refunded": 0, "refunded": False}


def test_an_event_can_be_listed_for_thirty_days(world: Server, gateway: Gateway) -> None:
    gateway.v1.payment_intents.create(intent_params())
    (event,) = gateway.v1.events.list().data

    control(world.url, "clock", {"offset_seconds": 29 * 24 * 3600})
    lately = gateway.v1.events.list().data
    control(world.url, "clock", {"offset_seconds": 31 * 24 * 3600})

    assert [each.id for each in lately] == [event.id]
    assert gateway.v1.events.list().data == []


def test_two_endpoints_on_one_address_both_hear(start: Start, receiver: Receiver) -> None:
    world = start()
    gateway = gateway_client(world.url)
    made = [
        gateway.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": events})
        for events in (["*"], ["payment_intent.created", "charge.failed"])
    ]

    intent = gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == 2)

    heard = [[_verifies(body, signature, each.secret) for body, signature, _ in receiver.calls] for each in made]
    assert [sum(each) for each in heard] == [1, 1]
    assert delivered(gateway).data.object["id"] == intent.id
    assert "secret" not in gateway.v1.webhook_endpoints.retrieve(made[0].id).to_dict()


def delivered(gateway: Gateway) -> Any:
    """Return the only event once every receiver has accepted it: that is written down after their answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (event,) = gateway.v1.events.list().data
        if event.pending_webhooks == 0:
            return event
        time.sleep(0.01)
    pytest.fail("not every receiver is known to have accepted the event")


def test_an_endpoint_that_is_off_or_gone_hears_nothing(start: Start, receiver: Receiver) -> None:
    world = start()
    gateway = gateway_client(world.url)
    off, gone, on = (
        gateway.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]}) for _ in range(3)
    )
    gateway.v1.webhook_endpoints.update(off.id, {"disabled": True})
    gateway.v1.webhook_endpoints.delete(gone.id)

    gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == 1)

    assert _verifies(receiver.calls[0][0], receiver.calls[0][1], on.secret)
    listed = gateway.v1.webhook_endpoints.list().data
    assert {each.id: each.status for each in listed} == {on.id: "enabled", off.id: "disabled"}


def test_the_same_seed_spoils_the_same_calls(world: Server, order: Order) -> None:
    gateway = gateway_client(world.url)
    patterns = []
    for _ in range(2):
        order(target="gateway", action="error", status=500, stored=False, probability=0.4, seed=11)
        patterns.append([fails(gateway) for _ in range(30)])
        requests.delete(f"{world.url}/control/faults", timeout=5)

    assert patterns[0] == patterns[1]
    assert 3 < sum(patterns[0]) < 25


def fails(gateway: Gateway) -> bool:
    try:
        gateway.v1.balance.retrieve()
    except stripe.APIError:
        return True
    return False


def test_an_error_that_is_not_kept_may_be_asked_again(gateway: Gateway, order: Order) -> None:
    order(target="gateway", action="error", stored=False, match={"amount": "250000"})
    options = {"idempotency_key": "pay:1"}

    other = gateway.v1.payment_intents.create(intent_params(amount=300_000))
    with pytest.raises(stripe.APIError):
        gateway.v1.payment_intents.create(intent_params(), options)
    again = gateway.v1.payment_intents.create(intent_params(), options)

    assert (other.amount, again.amount) == (300_000, 250_000)
    assert "Idempotent-Replayed" not in again.last_response.headers


def test_a_forgotten_key_makes_a_new_request(world: Server, gateway: Gateway) -> None:
    first = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    forgotten = control(world.url, "gateway/keys/forget", {"key": "pay:1"})
    second = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert forgotten == {"forgotten": 1}
    assert second.id != first.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": "gateway", "action": "error", "probability": 0},
        {"target": "gateway", "action": "error", "probability": 1.5},
        {"target": "gateway", "action": "error", "seed": -1},
        {"target": "payout", "action": "lost"},
        {"target": "payout", "action": "wrong_sum", "amount": "1"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(world: Server, wrong: dict[str, Any]) -> None:
    assert requests.post(f"{world.url}/control/faults", json=wrong, timeout=5).status_code == 400


def _verifies(body: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.Webhook.construct_event(body, signature, secret)
    except stripe.SignatureVerificationError:
        return False
    return True
