"""Lists, search, expansion and the refusal of parameters that make no sense."""

import time
from typing import Any

import pytest
import requests
import stripe

from sandbox import Server
from tests.sandbox.sandbox_clients import Gateway, intent_params, paid


def test_a_list_is_walked_to_its_end_in_both_directions(gateway: Gateway) -> None:
    made = [gateway.v1.payment_intents.create(intent_params(metadata={"n": str(n)})).id for n in range(7)]

    newest_first = [each.id for each in gateway.v1.payment_intents.list({"limit": 3}).auto_paging_iter()]
    before = gateway.v1.payment_intents.list({"limit": 3, "ending_before": made[2]})

    assert newest_first == made[::-1]
    assert ([each.id for each in before.data], before.has_more) == ([made[5], made[4], made[3]], True)


def test_a_list_is_bounded_by_time(world: Server, gateway: Gateway) -> None:
    old = gateway.v1.payment_intents.create(intent_params())
    requests.post(f"{world.url}/control/clock", json={"offset_seconds": 7200}, timeout=5)
    new = gateway.v1.payment_intents.create(intent_params())
    middle = int(time.time()) + 3600

    later = gateway.v1.payment_intents.list({"created": {"gte": middle}}).data
    earlier = gateway.v1.payment_intents.list({"created": {"lte": middle}}).data

    assert ([each.id for each in later], [each.id for each in earlier]) == ([new.id], [old.id])


def test_a_cursor_nobody_knows_is_refused(gateway: Gateway) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.charges.list({"starting_after": "ch_unknown"})

    assert (refused.value.code, refused.value.param) == ("resource_missing", "starting_after")


@pytest.mark.parametrize(
    "query",
    [
        "metadata['payment_id']:'p-3'",
        'metadata["payment_id"]:"p-3"',
        "status:'requires_payment_method' AND metadata['payment_id']:'p-3'",
        "amount>=250003 AND amount<250004",
    ],
)
def test_an_intent_is_found_by_our_own_id(gateway: Gateway, query: str) -> None:
    made = [
        gateway.v1.payment_intents.create(intent_params(amount=250_000 + n, metadata={"payment_id": f"p-{n}"}))
        for n in range(5)
    ]

    found = gateway.v1.payment_intents.search({"query": query})

    assert [each.id for each in found.data] == [made[3].id]


def test_a_search_is_walked_to_its_end(gateway: Gateway) -> None:
    made = {gateway.v1.payment_intents.create(intent_params(metadata={"day": "monday"})).id for _ in range(5)}
    gateway.v1.payment_intents.create(intent_params(metadata={"day": "tuesday"}))

    found = [
        each.id
        for each in gateway.v1.payment_intents.search(
            {"query": "metadata['day']:'monday'", "limit": 2}
        ).auto_paging_iter()
    ]

    assert (set(found), len(found)) == (made, 5)


@pytest.mark.parametrize("query", ["colour:'red'", "metadata['a']>3", "status'x'", "status:'a' OR status:'b'"])
def test_a_search_nobody_understands_is_refused(gateway: Gateway, query: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payment_intents.search({"query": query})

    assert refused.value.param == "query"


def test_ids_expand_into_their_objects(gateway: Gateway) -> None:
    customer = gateway.v1.customers.create({"name": "An", "email": "an@example.vn"})
    intent = paid(gateway, customer=customer.id)

    shown = gateway.v1.payment_intents.retrieve(
        intent.id, {"expand": ["latest_charge.balance_transaction", "customer", "payment_method"]}
    )
    listed = gateway.v1.charges.list({"expand": ["data.balance_transaction"]})

    assert shown.latest_charge.balance_transaction.source == shown.latest_charge.id
    assert (shown.customer.name, shown.payment_method.card.last4) == ("An", "4242")
    assert listed.data[0].balance_transaction.net == 242_750


def test_what_is_no_id_cannot_be_expanded_and_nothing_happens(gateway: Gateway) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payment_intents.create(intent_params(expand=["status"]))

    assert refused.value.param == "expand"
    assert gateway.v1.payment_intents.list().data == []


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"amount": 12_500.5}, "amount", "parameter_invalid_integer"),
        ({"amount": "12,500"}, "amount", "parameter_invalid_integer"),
        ({"amount": -250_000}, "amount", "parameter_invalid_integer"),
        ({"amount": 0}, "amount", "parameter_invalid_integer"),
        ({"amount": 9_999}, "amount", "amount_too_small"),
        ({"amount": 100_000_000_000}, "amount", "amount_too_large"),
        ({"currency": "usd"}, "currency", None),
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"capture_method": "later"}, "capture_method", None),
        ({"payment_method": "pm_card_unheardOf"}, "payment_method", "resource_missing"),
        ({"customer": "cus_unknown"}, "customer", "resource_missing"),
        ({"return_url": "javascript:alert(1)"}, "return_url", "url_invalid"),
        ({"metadata": {"k" * 41: "v"}}, "metadata", None),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_happens(
    gateway: Gateway,
    change: dict[str, Any],
    param: str,
    code: str | None,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payment_intents.create(intent_params() | change)

    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)
    assert gateway.v1.payment_intents.list().data == []


@pytest.mark.parametrize(
    "body",
    [
        b"amount=20000",
        b"amount=%FF&currency=vnd",
        b"amount[[]=1",
        b"amount[a]=1&amount=2",
        b"metadata=x&amount=20000&currency=vnd",
    ],
)
def test_a_body_that_cannot_be_read_is_a_400(world: Server, body: bytes) -> None:
    answer = requests.post(
        f"{world.url}/stripe/v1/payment_intents",
        data=body,
        timeout=5,
        headers={"Authorization": "Bearer sk_test_x", "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert answer.headers["Request-Id"].startswith("req_")


def test_metadata_is_merged_and_unset_with_empty_text(gateway: Gateway) -> None:
    intent = gateway.v1.payment_intents.create(intent_params(metadata={"a": "1", "b": "2"}))

    merged = gateway.v1.payment_intents.update(intent.id, {"metadata": {"a": "", "c": "3"}})
    emptied = gateway.v1.payment_intents.update(intent.id, {"metadata": ""})

    assert (merged.metadata.to_dict(), emptied.metadata.to_dict()) == ({"b": "2", "c": "3"}, {})


def test_an_unknown_id_is_a_404_and_an_unknown_call_says_so(world: Server, gateway: Gateway) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        gateway.v1.payment_intents.retrieve("pi_unknown")
    unknown = requests.get(f"{world.url}/stripe/v1/invoices", timeout=5)

    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert (unknown.status_code, "Unrecognized request URL" in unknown.text) == (404, True)


def test_transactions_are_listed_by_source_and_type(gateway: Gateway) -> None:
    intent = paid(gateway)
    paid(gateway)
    refund = gateway.v1.refunds.create({"payment_intent": intent.id})

    by_source = gateway.v1.balance_transactions.list({"source": intent.latest_charge}).data
    by_type = gateway.v1.balance_transactions.list({"type": "refund"}).data

    assert [each.type for each in by_source] == ["charge"]
    assert [each.source for each in by_type] == [refund.id]


def test_events_are_listed_by_type(gateway: Gateway) -> None:
    paid(gateway)

    kinds = [each.type for each in gateway.v1.events.list().data]
    some = gateway.v1.events.list({"types": ["payment_intent.created", "charge.succeeded"]}).data

    assert kinds == ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]
    assert [each.type for each in some] == ["charge.succeeded", "payment_intent.created"]
    assert gateway.v1.events.retrieve(some[0].id).data.object["object"] == "charge"
