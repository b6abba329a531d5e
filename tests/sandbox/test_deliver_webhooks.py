"""Webhooks: signed for the SDK, repeated until accepted, and spoiled in every ordered way."""

import json
from typing import Any

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import (
    RETRIES,
    SECRET,
    Call,
    Gateway,
    Order,
    Receiver,
    Start,
    gateway_client,
    intent_params,
    paid,
)


@pytest.fixture
def world(start: Start, receiver: Receiver) -> Server:
    return start(receiver.url)


def kinds(calls: list[Call]) -> list[str]:
    return [json.loads(body)["type"] for body, _, _ in calls]


def ids(calls: list[Call], status: int = 200) -> list[str]:
    return [json.loads(body)["id"] for body, _, answered in calls if answered == status]


def deliveries(world: Server) -> list[dict[str, Any]]:
    return list(requests.get(f"{world.url}/control/webhook/deliveries", timeout=5).json()["items"])


def test_every_event_arrives_signed_and_is_listed_as_delivered(
    gateway: Gateway,
    receiver: Receiver,
) -> None:
    intent = paid(gateway, capture_method="manual", metadata={"payment_id": "p1"})
    gateway.v1.payment_intents.capture(intent.id)

    receiver.wait(lambda calls: len(calls) == 5)

    assert sorted(kinds(receiver.calls)) == [
        "charge.captured",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]
    for body, signature, _ in receiver.calls:
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        assert event.data.object.metadata.to_dict() == {"payment_id": "p1"}
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body.replace(b"250000", b"250001"), signature, SECRET)
    assert {event.id for event in gateway.v1.events.list({"limit": 100}).data} == set(ids(receiver.calls))


def test_an_event_names_the_request_that_caused_it(gateway: Gateway, receiver: Receiver) -> None:
    created = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    receiver.wait(lambda calls: len(calls) == 1)

    request = json.loads(receiver.calls[0][0])["request"]
    assert request == {"id": created.last_response.request_id, "idempotency_key": "pay:1"}


def test_a_declined_card_and_a_cancelled_intent_are_announced(gateway: Gateway, receiver: Receiver) -> None:
    with pytest.raises(stripe.CardError):
        paid(gateway, "pm_card_chargeDeclined")
    gateway.v1.payment_intents.cancel(gateway.v1.payment_intents.list().data[0].id)

    receiver.wait(lambda calls: len(calls) == 4)

    assert sorted(kinds(receiver.calls)) == [
        "charge.failed",
        "payment_intent.canceled",
        "payment_intent.created",
        "payment_intent.payment_failed",
    ]


def test_the_bank_page_and_a_refund_are_announced(gateway: Gateway, receiver: Receiver) -> None:
    intent = paid(gateway, "pm_card_authenticationRequired")
    requests.post(intent.next_action.redirect_to_url.url, data={"outcome": "complete"}, timeout=5)
    gateway.v1.refunds.create({"payment_intent": intent.id})

    receiver.wait(lambda calls: len(calls) == 6)

    assert sorted(kinds(receiver.calls)) == [
        "charge.refunded",
        "charge.succeeded",
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "refund.created",
    ]


def test_an_event_that_met_an_error_is_sent_again_with_a_new_signature(
    gateway: Gateway,
    receiver: Receiver,
) -> None:
    receiver.answers.extend([500, 302])

    gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == 3)

    assert [status for *_, status in receiver.calls] == [500, 302, 200]
    assert len({json.loads(body)["id"] for body, *_ in receiver.calls}) == 1
    for body, signature, _ in receiver.calls:
        assert stripe.Webhook.construct_event(body, signature, SECRET).type == "payment_intent.created"


def test_the_gateway_gives_up_after_the_last_try_and_still_lists_the_event(
    gateway: Gateway,
    receiver: Receiver,
) -> None:
    receiver.answers.extend([500] * 50)

    gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == len(RETRIES) + 1)

    undelivered = gateway.v1.events.list({"delivery_success": False}).data
    assert [event.pending_webhooks for event in undelivered] == [1]
    assert gateway.v1.events.list({"delivery_success": True}).data == []


def test_an_event_ordered_twice_arrives_twice_under_one_id(
    gateway: Gateway,
    receiver: Receiver,
    order: Order,
) -> None:
    order(target="webhook", action="twice", match={"event_type": "payment_intent.succeeded"})

    paid(gateway)
    receiver.wait(lambda calls: len(calls) == 4)

    assert kinds(receiver.calls).count("payment_intent.succeeded") == 2
    assert len(set(ids(receiver.calls))) == 3


def test_a_lost_event_never_arrives_and_can_be_fetched(
    world: Server,
    gateway: Gateway,
    receiver: Receiver,
    order: Order,
) -> None:
    order(target="webhook", action="lost", match={"event_type": "payment_intent.succeeded"})

    paid(gateway)
    receiver.wait(lambda calls: len(calls) == 2)

    assert sorted(kinds(receiver.calls)) == ["charge.succeeded", "payment_intent.created"]
    assert {each["type"]: each["state"] for each in deliveries(world)}["payment_intent.succeeded"] == "lost"
    missed = gateway.v1.events.list({"delivery_success": False}).data
    assert [event.type for event in missed] == ["payment_intent.succeeded"]


def test_a_late_event_arrives_after_its_wait(gateway: Gateway, receiver: Receiver, order: Order) -> None:
    order(target="webhook", action="late", seconds=0.4, match={"event_type": "payment_intent.created"})

    paid(gateway)
    receiver.wait(lambda calls: len(calls) == 3)

    assert kinds(receiver.calls)[-1] == "payment_intent.created"


def test_a_forged_event_comes_first_and_does_not_verify(
    gateway: Gateway,
    receiver: Receiver,
    order: Order,
) -> None:
    order(target="webhook", action="forged", match={"event_type": "payment_intent.created"})
    receiver.answers.append(400)

    created = gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == 2)

    (forged, forged_signature, _), (genuine, signature, _) = receiver.calls
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(forged, forged_signature, SECRET)
    assert json.loads(forged)["data"]["object"]["amount"] == 250_001
    event = stripe.Webhook.construct_event(genuine, signature, SECRET)
    assert (event.data.object.id, event.data.object.amount) == (created.id, 250_000)


def test_the_genuine_event_follows_even_when_the_forged_one_was_believed(
    gateway: Gateway,
    receiver: Receiver,
    order: Order,
) -> None:
    order(target="webhook", action="forged")

    gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == 2)

    assert stripe.Webhook.construct_event(receiver.calls[1][0], receiver.calls[1][1], SECRET)


def test_an_event_ordered_out_of_order_waits_to_be_overtaken(
    gateway: Gateway,
    receiver: Receiver,
    order: Order,
) -> None:
    order(target="webhook", action="out_of_order", seconds=60, match={"event_type": "payment_intent.created"})

    created = gateway.v1.payment_intents.create(intent_params())
    gateway.v1.payment_intents.cancel(created.id)
    receiver.wait(lambda calls: len(calls) == 2)

    assert kinds(receiver.calls) == ["payment_intent.canceled", "payment_intent.created"]


def test_the_signature_follows_the_clock(world: Server, gateway: Gateway, receiver: Receiver) -> None:
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 86400}, timeout=5)

    gateway.v1.payment_intents.create(intent_params())
    receiver.wait(lambda calls: len(calls) == 1)

    signed_at = int(receiver.calls[0][1].split(",")[0].removeprefix("t="))
    assert abs(signed_at - json.loads(receiver.calls[0][0])["created"]) <= 5


def test_waiting_events_survive_a_restart_and_go_to_the_new_address(start: Start, receiver: Receiver) -> None:
    world = start("http://127.0.0.1:9/nobody")
    gateway_client(world.url).v1.payment_intents.create(intent_params())

    start(receiver.url)
    receiver.wait(lambda calls: len(calls) == 1)

    assert kinds(receiver.calls) == ["payment_intent.created"]


def test_the_receiver_can_be_named_while_running(start: Start, receiver: Receiver) -> None:
    world = start()
    gateway = gateway_client(world.url)
    gateway.v1.payment_intents.create(intent_params(metadata={"n": "before"}))

    target = {"url": receiver.url, "secret": "whsec_other"}
    answer = requests.post(f"{world.url}/control/webhook", json=target, timeout=5)
    gateway.v1.payment_intents.create(intent_params(metadata={"n": "after"}))
    receiver.wait(lambda calls: len(calls) == 1)

    assert answer.json() == {"url": receiver.url}
    event = stripe.Webhook.construct_event(receiver.calls[0][0], receiver.calls[0][1], "whsec_other")
    assert event.data.object.metadata.to_dict() == {"n": "after"}
