"""What machines ask: whether to send traffic here, and how we are doing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from kit import clock
from kit.database import new_id, transaction
from kit.embedded import EmbeddedServer
from payments.models import MoneyState, Payment, Posting
from server import migrations
from tests.factories import make_bill, make_customer
from tests.people import Outside, Person, Work

PHONE, HOLDER = "+84912345678", "Nguyễn Văn An"
Probe = Callable[[], FlaskClient]


def gauges(client: Probe) -> dict[str, float]:
    """Every figure of /metrics, by its name with its labels."""
    answer = client().get("/metrics")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    lines = [line for line in answer.get_data(as_text=True).splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}


# -- is it alive, is it ready ------------------------------------------------------------------------------------------


def test_a_server_that_is_up_and_migrated_is_ready(client: Probe) -> None:
    live, ready = client().get("/livez"), client().get("/readyz")

    assert (live.status_code, live.json) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json) == (200, {"status": "ok"})
    assert ready.headers["Cache-Control"] == "no-store"


def test_without_its_database_it_lives_but_is_not_ready(client: Probe, reconnect: Callable[[str], None]) -> None:
    reconnect("postgresql://nobody@127.0.0.1:1/none")

    live, ready = client().get("/livez"), client().get("/readyz")

    assert live.status_code == 200
    assert (ready.status_code, ready.json, ready.headers["Retry-After"]) == (503, {"status": "database"}, "1")


def test_an_empty_database_is_not_ready_until_it_is_migrated(
    client: Probe, reconnect: Callable[[str], None], postgres: EmbeddedServer
) -> None:
    url = postgres.database("not_migrated")
    reconnect(url)

    empty = client().get("/readyz")
    migrations.upgrade(url)
    migrated = client().get("/readyz")

    assert (empty.status_code, empty.json) == (503, {"status": "migrations"})
    assert migrated.status_code == 200


@pytest.mark.parametrize("revision", ["'0001'", "'9999_of_a_newer_code'", "NULL"])
def test_a_schema_that_is_not_this_codes_is_not_ready(client: Probe, database_url: str, revision: str) -> None:
    expected = migrations.expected_revision()
    change = (
        "DELETE FROM alembic_version" if revision == "NULL" else f"UPDATE alembic_version SET version_num = {revision}"
    )
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(change)
        try:
            ready = client().get("/readyz")
        finally:
            admin.execute("DELETE FROM alembic_version")
            admin.execute("INSERT INTO alembic_version VALUES (%s)", [expected])

    assert (ready.status_code, ready.json) == (503, {"status": "migrations"})
    assert client().get("/readyz").status_code == 200


# -- how are we doing --------------------------------------------------------------------------------------------------


def test_every_state_has_a_figure_even_when_nothing_is_in_it(client: Probe) -> None:
    figures = gauges(client)

    assert {f'citizen_payments{{state="{state}"}}' for state in MoneyState} <= figures.keys()
    assert {f'citizen_postings{{state="{state}"}}' for state in Posting} <= figures.keys()
    assert figures["citizen_ledger_imbalance_vnd"] == 0
    assert figures["citizen_oldest_unknown_payment_seconds"] == 0
    assert figures["citizen_oldest_due_job_seconds"] == 0


def test_payments_are_counted_by_state_and_the_doubtful_by_age(
    client: Probe, later: Callable[[timedelta], None]
) -> None:
    with transaction() as session:
        for state in (MoneyState.UNKNOWN, MoneyState.UNKNOWN, MoneyState.FAILED):
            who = new_id()
            held = {"citizen_id": who, "holder_id": who, "amount_vnd": 50_000, "captured_vnd": 0}
            session.add(Payment(**held, state=state, state_since=clock.now()))
    later(timedelta(minutes=20))

    figures = gauges(client)

    assert figures['citizen_payments{state="unknown"}'] == 2
    assert figures['citizen_payments{state="failed"}'] == 1
    assert figures['citizen_payments{state="captured"}'] == 0
    assert 1_200 <= figures["citizen_oldest_unknown_payment_seconds"] < 1_260


def test_jobs_that_wait_and_jobs_that_are_parked_are_seen(client: Probe, chi: Person) -> None:
    chi.post("/v1/auth/phone-challenges", json={"phone": "0912345678"})
    with transaction() as session:
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now() - interval '90 seconds'"))
        queue = session.execute(text("SELECT queue_name FROM procrastinate_jobs")).scalar_one()

    waiting = gauges(client)
    with transaction() as session:
        session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
        session.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    parked = gauges(client)

    assert waiting[f'citizen_jobs{{queue="{queue}",status="todo"}}'] == 1
    assert 90 <= waiting["citizen_oldest_due_job_seconds"] < 120
    assert parked[f'citizen_jobs{{queue="{queue}",status="failed"}}'] == 1
    assert parked["citizen_oldest_due_job_seconds"] == 0


def test_no_figure_is_about_a_person(client: Probe, an: Person, outside: Outside, work: Work) -> None:
    customer = make_customer(name=HOLDER)
    bill = make_bill(outside, customer)
    proof = {"provider": "pc-thanh-hoa", "customer_code": customer.code, "holder_name": HOLDER}
    assert an.post("/v1/utilities/lookups", json=proof).status_code == 200
    asked = {"bill_ids": [str(bill.id)], "amount_vnd": bill.amount_vnd, "payment_method": "pm_card_visa"}
    paid = an.post("/v1/utilities/payments", json=asked)
    assert paid.status_code == 201, paid.json
    work()

    told = client().get("/metrics").get_data(as_text=True)

    assert gauges(client)['citizen_payments{state="captured"}'] == 1
    assert set(re.findall(r'(\w+)="', told)) <= {"queue", "status", "state"}
    for personal in (PHONE, PHONE[3:], HOLDER, customer.code, str(an.id), paid.json["id"], bill.bill_no):
        assert personal not in told


def test_without_its_database_the_figures_are_a_problem_too(client: Probe, reconnect: Callable[[str], None]) -> None:
    reconnect("postgresql://nobody@127.0.0.1:1/none")

    refused = client().get("/metrics")

    assert (refused.status_code, refused.json["code"]) == (503, "service_unavailable")
