"""The promise of an Idempotency-Key, row by row."""

import threading
import time
from typing import Any

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import Gateway, Order, error_of, gateway_client, headers_of, intent_params

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_the_same_key_and_parameters_bring_the_first_answer_again(gateway: Gateway) -> None:
    first = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    again = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.headers["Idempotency-Key"] == "pay:1"
    assert len(gateway.v1.payment_intents.list().data) == 1


def test_the_order_of_parameters_does_not_matter(world: Server) -> None:
    url, headers = (
        f"{world.url}/stripe/v1/payment_intents",
        {"Authorization": "Bearer sk_test_x", "Idempotency-Key": "k"},
    )

    first = requests.post(url, data="amount=20000&currency=vnd", headers=headers | FORM, timeout=5)
    second = requests.post(url, data="currency=vnd&amount=20000", headers=headers | FORM, timeout=5)

    assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])


def test_a_stored_decline_is_replayed_and_charges_nothing_more(gateway: Gateway) -> None:
    params = intent_params(payment_method="pm_card_chargeDeclined", confirm=True)

    for _ in range(2):
        with pytest.raises(stripe.CardError):
            gateway.v1.payment_intents.create(params, {"idempotency_key": "pay:1"})

    assert len(gateway.v1.charges.list().data) == 1


def test_a_stored_500_is_replayed_and_says_that_asking_again_is_no_use(
    gateway: Gateway,
    order: Order,
) -> None:
    order(target="gateway", action="error", match={"method": "POST"})

    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})
        assert failed.value.http_status == 500
        assert headers_of(failed.value)["Stripe-Should-Retry"] == "false"

    assert gateway.v1.payment_intents.list().data == []
    assert gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:2"}).id


def test_other_parameters_under_the_same_key_are_refused(gateway: Gateway) -> None:
    gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    with pytest.raises(stripe.IdempotencyError) as refused:
        gateway.v1.payment_intents.create(intent_params(amount=250_001), {"idempotency_key": "pay:1"})

    assert (refused.value.http_status, error_of(refused.value).type) == (400, "idempotency_error")


def test_the_same_key_on_another_endpoint_is_refused(gateway: Gateway) -> None:
    intent = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    with pytest.raises(stripe.IdempotencyError):
        gateway.v1.payment_intents.cancel(intent.id, {}, {"idempotency_key": "pay:1"})

    assert gateway.v1.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_a_key_in_use_is_answered_with_409(world: Server, gateway: Gateway, order: Order) -> None:
    slow = order(target="gateway", action="delay", seconds=5, match={"method": "POST"})
    first = threading.Thread(
        target=gateway.v1.payment_intents.create, args=(intent_params(), {"idempotency_key": "pay:1"})
    )
    first.start()
    wait_until_used(world, slow)

    with pytest.raises(stripe.APIError) as refused:
        gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert (refused.value.http_status, error_of(refused.value).code) == (409, "idempotency_key_in_use")
    assert headers_of(refused.value)["Stripe-Should-Retry"] == "true"
    first.join()
    assert len(gateway.v1.payment_intents.list().data) == 1


def wait_until_used(world: Server, fault: dict[str, Any]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (rule,) = [
            each
            for each in requests.get(f"{world.url}/control/faults", timeout=5).json()["items"]
            if each["id"] == fault["id"]
        ]
        if rule["used"]:
            return
        time.sleep(0.01)
    pytest.fail("the slow request never arrived")


def test_twenty_simultaneous_requests_with_one_key_make_one_intent(world: Server) -> None:
    outcomes: list[str | None] = []

    def go() -> None:
        try:
            client = gateway_client(world.url)
            outcomes.append(client.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"}).id)
        except stripe.APIError as refused:
            outcomes.append(error_of(refused).code)

    threads = [threading.Thread(target=go) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 20
    assert len(set(outcomes) - {"idempotency_key_in_use"}) == 1
    assert len(gateway_client(world.url).v1.payment_intents.list().data) == 1


def test_a_refused_parameter_does_not_use_up_the_key(gateway: Gateway) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        gateway.v1.payment_intents.create(intent_params(amount=-5), {"idempotency_key": "pay:1"})

    intent = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert "Idempotent-Replayed" not in intent.last_response.headers


def test_a_key_is_forgotten_after_a_day(world: Server, gateway: Gateway) -> None:
    first = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 25 * 3600}, timeout=5)
    second = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert second.id != first.id


def test_a_key_has_at_most_255_characters(gateway: Gateway) -> None:
    with pytest.raises(stripe.IdempotencyError):
        gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "k" * 256})
