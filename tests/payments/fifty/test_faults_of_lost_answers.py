"""Faults 4 to 9: processes that die and answers that are lost, at the worst moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Timer

import psycopg
from sqlalchemy.exc import OperationalError

from services.utilities.models import BillState
from tests.factories import AMOUNT_VND, POWER, bill_now, link, make_bill, make_customer, owe
from tests.payments.stories import at_gateway, pay, rows, sweep
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]


def test_04_a_payment_whose_process_died_before_the_gateway_heard_of_it_ends_and_the_bill_is_free(
    an: Person, outside: Outside, work: Work, later: Later, die_at: Callable[..., None]
) -> None:
    bill = owe(an, outside)
    die_at("submit: payment committed, gateway not asked", an, bill)

    later(timedelta(minutes=2))
    sweep(work)

    assert rows("SELECT state, reason FROM payment") == [("failed", "never_sent")]
    assert (bill_now(bill).state, outside.intents()) == (BillState.OPEN, [])
    assert pay(an, bill).status_code == 201


def test_05_a_hold_whose_process_died_before_it_was_written_down_is_taken_once(
    an: Person, outside: Outside, work: Work, later: Later, die_at: Callable[..., None]
) -> None:
    bill = owe(an, outside)
    die_at("submit: gateway has answered, answer not committed", an, bill)

    later(timedelta(minutes=2))
    sweep(work)

    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]
    assert bill_now(bill).state is BillState.PAID


def test_06_a_process_that_dies_inside_the_finalising_commit_leaves_all_or_nothing(
    an: Person, outside: Outside, work: Work, later: Later, die_at: Callable[..., None]
) -> None:
    bill = owe(an, outside)

    die_at("submit: inside the commit of the answer", an, bill)

    assert rows("SELECT state FROM payment") == [("created",)]
    assert rows("SELECT step FROM payment_event") == [("created",)]
    later(timedelta(minutes=2))
    sweep(work)
    assert rows("SELECT kind FROM journal ORDER BY number") == [("captured",), ("posted",)]


def test_06_a_database_that_dies_at_any_point_of_the_finalising_commit_leaves_all_or_nothing(
    an: Person, outside: Outside, work: Work, figure: Callable[[str], None], database_url: str
) -> None:
    dice = random.Random(6)
    whole = {"captured": 0, "not captured": 0}
    customer = make_customer()
    link(an, make_bill(outside, customer))

    for number in range(40):
        bill = make_bill(outside, customer, amount_vnd=20_000 + number)
        payment_id = pay(an, bill).json["id"]
        # The worker's connections are ended wherever they are by then: between two statements, or in the commit.
        killer = Timer(dice.uniform(0.0, 0.03), end_connections, [database_url])
        killer.start()
        with suppress(OperationalError):
            work()
        killer.join()
        _recover()
        (found,) = rows(
            "SELECT p.state, (SELECT count(*) FROM journal j WHERE j.payment_id = p.id AND j.kind = 'captured') AS js,"
            " (SELECT count(*) FROM payment_event e WHERE e.payment_id = p.id AND e.step = 'captured') AS steps,"
            " (SELECT count(*) FROM payment_item i WHERE i.payment_id = p.id AND i.taken) AS taken"
            " FROM payment p WHERE p.id = :id",
            id=payment_id,
        )
        done = found.state == "captured"
        assert (found.js, found.steps, found.taken) == ((1, 1, 1) if done else (0, 0, 0)), number
        whole["captured" if done else "not captured"] += 1
        work()

    figure(f"the finalising commit at 40 random points: {whole}")
    assert sum(whole.values()) == 40


def test_07_a_gateway_that_takes_the_hold_and_drops_the_line_is_asked_for_the_truth(
    an: Person, outside: Outside, work: Work, hasty: None
) -> None:
    bill = owe(an, outside)
    outside.spoil("gateway", "timeout_after", match={"path": "/payment_intents"}, count=3, seconds=1)

    answer = pay(an, bill)
    outside.mend()
    work()

    assert answer.json["state"] in {"unknown", "authorised"}
    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]
    assert len(outside.postings(POWER)) == 1


def test_08_after_a_day_the_gateway_has_forgotten_the_key_and_is_asked_by_our_id(
    an: Person, outside: Outside, work: Work, later: Later
) -> None:
    bill = owe(an, outside)
    outside.spoil("gateway", "cut", match={"path": "/payment_intents"}, count=100)
    payment_id = pay(an, bill).json["id"]
    work()
    later(timedelta(hours=25))
    outside.at_gateway("keys/forget")
    outside.mend()

    sweep(work)

    # The line was cut after the gateway had made a hold: found by our id in it, not made a second time.
    assert rows("SELECT state FROM payment WHERE id = :id", id=payment_id) == [("captured",)]
    assert [intent["amount_received"] for intent in outside.intents()] == [AMOUNT_VND]
    assert len(at_gateway(outside, "charges")["data"]) == 1


def _recover() -> None:
    """The pool notices that its connections are gone."""
    for _connection in range(5):
        with suppress(OperationalError):
            rows("SELECT 1")


def end_connections(database_url: str) -> None:
    """End every connection to the database but this one, as a server does that dies."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(database_url) as connection:
        connection.execute(f"{others} AND backend_type = 'client backend' AND pid <> pg_backend_pid()")


def test_09_a_stored_failure_of_the_gateway_is_not_read_as_a_failure_of_the_payment(
    an: Person, outside: Outside, work: Work, later: Later
) -> None:
    bill = owe(an, outside)
    payment_id = pay(an, bill).json["id"]
    outside.spoil("gateway", "error", match={"path": "/capture"}, count=1)
    work()
    assert rows("SELECT state FROM payment WHERE id = :id", id=payment_id) == [("unknown",)]

    for _round in range(3):
        later(timedelta(minutes=1))
        sweep(work)

    assert rows("SELECT state, captured_vnd FROM payment") == [("captured", AMOUNT_VND)]
    assert len(at_gateway(outside, "charges")["data"]) == 1
