"""How much the database is asked, and whether it finds the answer by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

import payments.operations
from kit import database
from kit.database import count_statements, transaction
from services.utilities import operations
from services.utilities.models import Bill
from tests.factories import WATER, link, make_bills, make_customer, make_provider, owe
from tests.payments.stories import pay, told
from tests.people import Outside, Person, Work

_HOUSEHOLDS = 4_000


@pytest.fixture
def engine(app: Any) -> Engine:
    engine: Engine = database._sessions.kw["bind"]
    return engine


@pytest.fixture
def asked(engine: Engine) -> list[str]:
    """Every statement from now on."""
    statements: list[str] = []
    count_statements(engine, statements)
    return statements


def _own(statements: list[str]) -> list[str]:
    """Those of the operation itself: without looking up the key that signed the token."""
    return [statement for statement in statements if "signing_key" not in statement]


@pytest.fixture
def bills(an: Person, outside: Outside) -> list[Bill]:
    made = [owe(an, outside) for _ in range(5)]
    pay(an, made.pop())
    return made


@pytest.mark.parametrize("count", [1, 4])
def test_paying_asks_no_more_for_many_bills_than_for_one(
    an: Person, bills: list[Bill], asked: list[str], count: int
) -> None:
    answer = pay(an, *bills[:count])

    statements = _own(asked)
    assert answer.status_code == 201
    # Claiming: the key, the bills with their provider, older bills only where the order matters, payment, items,
    # step, bills, the key again. Applying: the payment locked and read anew, its intent, its move with the step, the
    # job. Between them and at the end the payment as it is, with items and steps.
    claiming = next(n for n, statement in enumerate(statements) if "UPDATE idempotency_key" in statement) + 1
    assert claiming <= 8, statements
    assert len(statements) - claiming <= 9, statements[claiming:]


def test_a_list_of_bills_is_one_question(an: Person, bills: list[Bill], asked: list[str]) -> None:
    items = an.get("/v1/utilities/bills").json["items"]

    assert len(items) == 5
    assert len(_own(asked)) == 1


def test_a_payment_is_read_by_two_questions(an: Person, bills: list[Bill], work: Work, asked: list[str]) -> None:
    payment_id = pay(an, *bills).json["id"]
    work()
    asked.clear()

    shown = told(an, payment_id)

    assert len(shown["items"]) == 4
    assert len(_own(asked)) == 2


def test_accounts_and_look_ups_do_not_ask_for_each_household(an: Person, bills: list[Bill], asked: list[str]) -> None:
    an.get("/v1/utilities/accounts")

    assert len(_own(asked)) == 1


# Households with three bills each, every one of which is paid but for An's; and twenty payments on their way.
_PROVINCE = (
    """
    INSERT INTO customer (id, created_at, provider_id, code, name, address)
    SELECT gen_random_uuid(), now(), CASE WHEN n % 2 = 0 THEN :power ELSE :water END, 'X' || n, 'Hộ ' || n, ''
    FROM generate_series(1, :count) AS n
    """,
    """
    INSERT INTO bill (id, created_at, provider_id, customer_id, bill_no, period, amount_vnd, before_tax_vnd, vat_vnd,
      fee_vnd, usage, lines, issued_on, due_on, version, state)
    SELECT gen_random_uuid(), now(), provider_id, id, code || p, p, 50000, 50000, 0, 0, 1, '[]', '2026-11-05',
      '2026-11-25', '1', 'paid'
    FROM customer, unnest(ARRAY['2026-08', '2026-09', '2026-10']) AS p WHERE code LIKE 'X%'
    """,
    """
    INSERT INTO payment (id, created_at, citizen_id, holder_id, amount_vnd, captured_vnd, state, state_since, version)
    SELECT id, now(), gen_random_uuid(), gen_random_uuid(), 50000, 50000, 'captured', now() - interval '1 day', 1
    FROM bill WHERE state = 'paid' AND period = '2026-10'
    """,
    """
    INSERT INTO payment_item (id, created_at, payment_id, payee_id, subject_id, amount_vnd, label_vi, label_en, live,
      taken, posting, posting_attempts)
    SELECT gen_random_uuid(), now(), id, provider_id, id, 50000, '', '', true, true, 'posted', 1
    FROM bill WHERE state = 'paid' AND period = '2026-10'
    """,
    """
    INSERT INTO payment (id, created_at, citizen_id, holder_id, amount_vnd, captured_vnd, state, state_since, version)
    SELECT gen_random_uuid(), now(), :me, :me, 50000, 0, 'unknown', now() - interval '1 hour', 1
    FROM generate_series(1, 20)
    """,
)


@pytest.fixture
def province(an: Person, outside: Outside) -> Iterator[Bill]:
    """Some thousands of households, of whom one is An's; with the statistics that PostgreSQL makes by itself."""
    power, water = make_provider(), make_provider(WATER)
    mine, *_rest = make_bills(outside, make_customer(), ["2026-08", "2026-09", "2026-10"])
    link(an, mine)
    with transaction() as session:
        for statement in _PROVINCE:
            names = set(re.findall(r":(\w+)", statement))
            values = {"power": power.id, "water": water.id, "count": _HOUSEHOLDS, "me": an.id}
            session.execute(text(statement), {name: values[name] for name in names})
        session.execute(text("ANALYZE bill, customer, account, lookup, payment, payment_item"))
    yield mine
    with transaction() as session:
        session.execute(text("TRUNCATE bill, customer CASCADE"))


@contextmanager
def _plans(engine: Engine) -> Iterator[list[dict[str, Any]]]:
    """The plan of every SELECT that is run inside the block, exactly as it is run: with its own parameters."""
    plans: list[dict[str, Any]] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT") and "signing_key" not in statement:
            with cursor.connection.cursor() as beside:
                plans.append(beside.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()[0][0]["Plan"])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _read_whole(plans: list[dict[str, Any]]) -> set[str]:
    """Tables that are read from end to end."""
    return {node["Relation Name"] for plan in plans for node in _nodes(plan) if node["Node Type"] == "Seq Scan"}


def _indexes(plans: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for plan in plans for node in _nodes(plan) if "Index Name" in node}


_SMALL = {"provider", "account", "lookup"}


def test_a_citizens_bills_are_found_among_all_by_the_index(an: Person, province: Bill, engine: Engine) -> None:
    with _plans(engine) as plans:
        items = an.get("/v1/utilities/bills").json["items"]
        an.get(f"/v1/utilities/bills/{province.id}")
        an.get("/v1/utilities/bills?state=open&limit=1")

    assert len(items) == 3
    assert len(plans) == 3
    assert _read_whole(plans) <= _SMALL
    assert "ix_bill_customer" in _indexes(plans)


def test_claiming_bills_reads_only_these(an: Person, province: Bill, engine: Engine) -> None:
    with _plans(engine) as plans:
        answer = pay(an, province)

    assert answer.status_code == 201
    assert _read_whole(plans) <= _SMALL | {"idempotency_key", "payment_event"}


def test_the_sweeper_finds_the_few_that_are_on_their_way_by_the_index(province: Bill, engine: Engine) -> None:
    with _plans(engine) as plans, transaction() as session:
        doubtful = payments.operations.list_doubtful(session)

    assert len(doubtful) == 20
    assert (_read_whole(plans), _indexes(plans)) == (set(), {"ix_payment_open"})


def test_a_company_reads_its_newest_payments_by_the_index(province: Bill, engine: Engine) -> None:
    def read(**asked: Any) -> Any:
        with transaction() as session:
            return operations.list_provider_payments(
                session, province.provider_id, **{"since": None, "posting": None, "cursor": None, "limit": 20} | asked
            )

    with _plans(engine) as plans:
        first = read()
        second = read(cursor=first.next)

    assert (len(first.items), len(second.items)) == (20, 20)
    assert (_read_whole(plans), "ix_payment_item_payee" in _indexes(plans)) == (set(), True)


def test_a_citizens_payments_are_found_by_the_index(an: Person, province: Bill, engine: Engine) -> None:
    with _plans(engine) as plans:
        items = an.get("/v1/payments").json["items"]

    assert len(items) == 20
    assert (_read_whole(plans), _indexes(plans)) == (set(), {"ix_payment_citizen"})
