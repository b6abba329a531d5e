"""Faults on the line: which call they hit, what the caller sees, and what has happened nevertheless."""

import time

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import Gateway, Order, gateway_client, headers_of, intent_params


def made(gateway: Gateway) -> int:
    return len(gateway.v1.payment_intents.list().data)


def test_an_answer_lost_after_the_effect_is_found_again_with_the_same_key(
    world: Server,
    gateway: Gateway,
    order: Order,
) -> None:
    order(target="gateway", action="timeout_after", seconds=5, match={"method": "POST"})
    hurried = gateway_client(world.url, timeout=0.3)

    with pytest.raises(stripe.APIConnectionError):
        hurried.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert made(gateway) == 1
    again = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert made(gateway) == 1


def test_a_request_lost_before_the_effect_has_none(gateway: Gateway, order: Order) -> None:
    order(target="gateway", action="timeout_before", seconds=0.2, match={"method": "POST"})

    with pytest.raises(stripe.APIConnectionError):
        gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert made(gateway) == 0
    fresh = gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})
    assert "Idempotent-Replayed" not in fresh.last_response.headers


@pytest.mark.parametrize("half", [False, True])
def test_a_cut_connection_has_had_its_effect(gateway: Gateway, order: Order, *, half: bool) -> None:
    order(target="gateway", action="cut", half=half, match={"method": "POST"})

    with pytest.raises(stripe.APIConnectionError):
        gateway.v1.payment_intents.create(intent_params())

    assert made(gateway) == 1


def test_half_an_answer_ends_in_the_middle_of_its_body(world: Server, order: Order) -> None:
    order(target="provider", action="cut", half=True)

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)) as broken:
        requests.post(
            f"{world.url}/providers/power/bills/check",
            json={"bill_no": "HD001"},
            headers={"Authorization": "Bearer sandbox-power"},
            timeout=5,
        )

    assert "IncompleteRead" in str(broken.value)


def test_the_sdk_gets_over_a_cut_connection_without_a_second_effect(
    world: Server,
    gateway: Gateway,
    order: Order,
) -> None:
    order(target="gateway", action="cut", match={"method": "POST"})
    stubborn = gateway_client(world.url, retries=2)

    intent = stubborn.v1.payment_intents.create(intent_params())

    assert intent.last_response.headers["Idempotent-Replayed"] == "true"
    assert made(gateway) == 1


def test_a_fault_hits_the_calls_it_was_ordered_for(world: Server, gateway: Gateway, order: Order) -> None:
    fault = order(target="gateway", action="rate_limit", nth=2, count=2, match={"path": "/payment_intents"})
    seen: list[int | None] = []

    for _ in range(5):
        try:
            gateway.v1.payment_intents.create(intent_params())
            seen.append(200)
        except stripe.RateLimitError as refused:
            seen.append(refused.http_status)

    assert seen == [200, 429, 429, 200, 200]
    (listed,) = requests.get(f"{world.url}/control/faults", timeout=5).json()["items"]
    assert (listed["id"], listed["seen"], listed["used"]) == (fault["id"], 5, 2)


def test_a_rate_limit_is_not_kept_under_the_key(gateway: Gateway, order: Order) -> None:
    order(target="gateway", action="rate_limit", seconds=7, match={"method": "POST"})

    with pytest.raises(stripe.RateLimitError) as refused:
        gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"})

    assert headers_of(refused.value)["Retry-After"] == "7"
    assert gateway.v1.payment_intents.create(intent_params(), {"idempotency_key": "pay:1"}).id


def test_down_lasts_until_it_is_cleared(world: Server, gateway: Gateway, order: Order) -> None:
    fault = order(target="gateway", action="down")

    for _ in range(3):
        with pytest.raises(stripe.APIError) as refused:
            gateway.v1.balance.retrieve()
        assert refused.value.http_status == 503
    cleared = requests.delete(f"{world.url}/control/faults/{fault['id']}", timeout=5)

    assert cleared.json() == {"cleared": 1}
    assert gateway.v1.balance.retrieve().object == "balance"
    assert requests.delete(f"{world.url}/control/faults/{fault['id']}", timeout=5).status_code == 404


def test_a_delay_answers_late_and_right(gateway: Gateway, order: Order) -> None:
    order(target="gateway", action="delay", seconds=0.3)
    started = time.monotonic()

    intent = gateway.v1.payment_intents.create(intent_params())

    assert time.monotonic() - started >= 0.3
    assert intent.status == "requires_payment_method"


def test_a_fault_of_one_company_leaves_the_other_alone(world: Server, order: Order) -> None:
    for slug in ("water", "power"):
        requests.post(
            f"{world.url}/control/providers/{slug}/bills",
            timeout=5,
            json={"bill_no": "B1", "customer_code": "C1", "amount_vnd": 50_000},
        )
    order(target="provider", action="error", status=502, count=100, match={"slug": "water"})

    answers = {
        slug: requests.post(
            f"{world.url}/providers/{slug}/bills/check",
            json={"bill_no": "B1"},
            timeout=5,
            headers={"Authorization": f"Bearer sandbox-{slug}"},
        ).status_code
        for slug in ("water", "power")
    }

    assert answers == {"water": 502, "power": 200}


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"target": "moon", "action": "delay"},
        {"target": "gateway", "action": "lost"},
        {"target": "webhook", "action": "delay"},
        {"target": "gateway", "action": "delay", "nth": 0},
        {"target": "gateway", "action": "delay", "seconds": -1},
        {"target": "gateway", "action": "delay", "colour": "red"},
        {"target": "gateway", "action": "error", "status": 200},
        {"target": "gateway", "action": "delay", "match": {"a": "b"}},
        [],
    ],
)
def test_a_fault_that_cannot_be_carried_out_is_refused(world: Server, fault: object) -> None:
    refused = requests.post(f"{world.url}/control/faults", json=fault, timeout=5)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_fault")
    assert requests.get(f"{world.url}/control/faults", timeout=5).json() == {"items": []}
