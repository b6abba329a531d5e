"""What paying costs the database: statements and commits of each operation, and no transaction while others think."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
import requests
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Engine

from kit import database
from payments.events import PaymentAuthorised, PaymentCaptured
from services.utilities import flows
from tests.factories import owe
from tests.payments.stories import pay
from tests.people import Outside, Person, Work

Counted = Callable[[], Any]


@pytest.fixture
def engine(app: Flask) -> Engine:
    engine: Engine = database._sessions.kw["bind"]
    return engine


@pytest.fixture
def counted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """`with counted() as seen`: statements as they go over the wire, the queue's own among them, and commits."""
    executed = psycopg.Cursor.execute

    @contextmanager
    def count() -> Iterator[dict[str, int]]:
        seen = {"statements": 0, "commits": 0}

        def execute(self: psycopg.Cursor[Any], *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
            seen["statements"] += 1
            return executed(self, *args, **kwargs)

        def commit(_connection: object) -> None:
            seen["commits"] += 1

        event.listen(engine, "commit", commit)
        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", execute)
            yield seen
        event.remove(engine, "commit", commit)

    return count


def test_paying_takes_two_commits_and_a_dozen_statements(
    an: Person, outside: Outside, counted: Counted, figure: Callable[[str], None]
) -> None:
    pay(an, owe(an, outside))  # the first one wakes everything up
    bill = owe(an, outside)

    with counted() as seen:
        answer = pay(an, bill)

    figure(f"payBills: {seen['statements']} statements, {seen['commits']} commits")
    assert answer.status_code == 201
    assert seen["commits"] == 2
    assert seen["statements"] <= 12


def test_from_the_hold_to_the_posting_takes_five_commits(
    an: Person, outside: Outside, counted: Counted, figure: Callable[[str], None]
) -> None:
    payment_id = UUID(pay(an, owe(an, outside)).json["id"])

    with counted() as taking:
        flows.recheck_and_capture(PaymentAuthorised(payment_id))
    with counted() as posting:
        flows.post_to_providers(PaymentCaptured(payment_id, 0))

    figure(f"taking: {taking}; posting: {posting}")
    assert (taking["commits"], posting["commits"]) == (3, 2)
    # Each listener of an event is a job, and each job a statement.
    assert taking["statements"] <= 10
    assert posting["statements"] <= 8


def test_no_transaction_is_open_while_the_gateway_or_a_provider_thinks(
    an: Person, outside: Outside, work: Work, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = owe(an, outside)
    sent = requests.Session.send
    busy: list[int] = []

    def watching(self: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:
        busy.append(engine.pool.checkedout())  # type: ignore[attr-defined]
        return sent(self, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "send", watching)
    pay(an, bill)
    work()

    assert len(busy) >= 4
    assert set(busy) == {0}
