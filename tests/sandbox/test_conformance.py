"""The table of conformance, row by row: against the simulated gateway, and a real test account when there is one."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from sandbox.gateway import create_gateway, serve
from sandbox.serving import Server
from tests.sandbox import conformance_cards, conformance_money, conformance_payments
from tests.sandbox.conformance import Row, Runner
from tests.sandbox.declared_fields import undeclared
from tests.sandbox.gateway_books import control
from tests.sandbox.sandbox_clients import gateway_client, intent_params

ROWS = (*conformance_payments.ROWS, *conformance_cards.ROWS, *conformance_money.ROWS)
_KEY = os.environ.get("STRIPE_SECRET_KEY", "")
_WITHOUT = "STRIPE_SECRET_KEY is not set: the table was not compared with a real test account"
_FOR_ACCOUNTS = [row for row in ROWS if row.for_accounts]


@pytest.fixture(scope="module")
def one_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One gateway for the whole table: starting one for each row would take longer than the rows."""
    server = serve(create_gateway(tmp_path_factory.mktemp("table"))).start()
    yield server
    server.stop()


@pytest.fixture
def fresh(one_for_all: Server) -> str:
    """The address of a gateway that has forgotten the rows before."""
    control(one_for_all.url, "reset")
    control(one_for_all.url, "gateway/payouts/schedule", {"interval": "daily"})
    for endpoint in gateway_client(one_for_all.url).v1.webhook_endpoints.list().data:
        gateway_client(one_for_all.url).v1.webhook_endpoints.delete(endpoint.id)
    return one_for_all.url


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_the_gateway_does_what_the_table_says(fresh: str, row: Row) -> None:
    found, said = Runner(gateway_client(fresh), fresh).compare(row)

    assert found == said


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in _FOR_ACCOUNTS])
def test_what_a_real_account_is_asked_needs_nothing_but_the_sdk(fresh: str, row: Row) -> None:
    runner = Runner(gateway_client(fresh))

    found, said = runner.compare(row)

    assert found == said
    assert runner.differences == []


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.name) for row in _FOR_ACCOUNTS]
    if _KEY
    else [pytest.param(ROWS[0], id="no-account", marks=pytest.mark.skip(reason=_WITHOUT))],
)
def test_a_real_test_account_does_what_the_table_says(row: Row, figure: Callable[[str], None]) -> None:
    assert _KEY.startswith(("sk_test_", "rk_test_")), "this is no test key: it would move real money"
    stripe.enable_telemetry = False
    client = stripe.StripeClient(_KEY, http_client=stripe.RequestsClient(timeout=(5, 60)), max_network_retries=2)
    runner = Runner(client)

    found, said = runner.compare(row)

    for difference in runner.differences:
        figure(difference)
    assert found == said


def test_the_table_is_long_and_every_row_has_a_name_of_its_own(figure: Callable[[str], None]) -> None:
    names = Counter(row.name for row in ROWS)

    assert len(ROWS) >= 100
    assert [name for name, count in names.items() if count > 1] == []
    told = f"compared with a real test account: {len(_FOR_ACCOUNTS)}" if _KEY else _WITHOUT
    figure(f"{len(ROWS)} rows, of which a real account can be asked {len(_FOR_ACCOUNTS)}; {told}")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        ({"colour": "red"}, ["PaymentIntent.colour is unknown"]),
        ({"amount": "250000"}, ["PaymentIntent.amount is '250000'"]),
        ({"status": "wonderful"}, ["PaymentIntent.status is 'wonderful'"]),
        ({"next_action": {"redirect_to_url": {"url": 7}}}, ["type is missing", "url is 7"]),
    ],
)
def test_a_field_the_sdk_does_not_declare_is_named(fresh: str, change: dict[str, Any], wrong: list[str]) -> None:
    answer = gateway_client(fresh).v1.payment_intents.create(intent_params()).to_dict()

    found = undeclared(stripe.PaymentIntent.construct_from(answer | change, "sk_test_x"))

    assert len(found) == len(wrong)
    assert all(each in "; ".join(found) for each in wrong)
