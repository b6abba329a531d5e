"""Idempotency keys: whatever happens to requests with the same key, the effect is there once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select

from kit.database import new_id, transaction
from kit.errors import IdempotencyKeyReused, RequestInFlight
from kit.idempotency import IdempotencyKey, Outcome, RequestKey, forget_old_keys, once
from tests.people import Person, all_at_once

KEY = RequestKey("citizen:an", "payBills", "key-1", "fingerprint-1")


def ask(key: RequestKey, made: list[UUID]) -> Outcome:
    """One request whose effect is an entry in `made`."""

    def make() -> UUID:
        made.append(new_id())
        return made[-1]

    with transaction() as session:
        return once(session, key, make)


@pytest.fixture
def made(clean: None) -> list[UUID]:
    return []


def test_the_first_request_makes_and_the_next_gets_what_it_made(made: list[UUID]) -> None:
    first, second = ask(KEY, made), ask(KEY, made)

    assert (first, second) == (Outcome(made[0], replayed=False), Outcome(made[0], replayed=True))
    assert len(made) == 1


def test_of_twenty_requests_at_once_one_makes_and_all_get_the_same(made: list[UUID]) -> None:
    outcomes = all_at_once(20, lambda _number: ask(KEY, made))

    assert len(made) == 1
    assert {outcome.resource_id for outcome in outcomes} == set(made)
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 19


def test_the_same_key_for_another_request_is_refused(made: list[UUID]) -> None:
    ask(KEY, made)

    with pytest.raises(IdempotencyKeyReused):
        ask(RequestKey(KEY.caller, KEY.operation, KEY.key, "fingerprint-2"), made)

    assert len(made) == 1


@pytest.mark.parametrize("other", [("citizen:binh", "payBills"), ("citizen:an", "importBills")])
def test_a_key_belongs_to_one_caller_and_one_operation(made: list[UUID], other: tuple[str, str]) -> None:
    ask(KEY, made)

    outcome = ask(RequestKey(*other, KEY.key, "fingerprint-2"), made)

    assert not outcome.replayed
    assert len(made) == 2


def test_a_request_that_fails_leaves_its_key_unused(made: list[UUID]) -> None:
    def fail() -> UUID:
        raise RuntimeError("the bill is gone")

    with pytest.raises(RuntimeError), transaction() as session:
        once(session, KEY, fail)

    assert not ask(KEY, made).replayed


def test_when_the_first_of_two_at_once_fails_the_other_makes(made: list[UUID]) -> None:
    began, go_on = Event(), Event()

    def fail_slowly() -> UUID:
        began.set()
        go_on.wait(10)
        raise RuntimeError("the bill is gone")

    def request(number: int) -> Outcome | RuntimeError:
        if number == 1:
            began.wait(10)
            go_on.set()
            return ask(KEY, made)
        try:
            with transaction() as session:
                return once(session, KEY, fail_slowly)
        except RuntimeError as exc:
            return exc

    failed, second = all_at_once(2, request)

    assert isinstance(failed, RuntimeError)
    assert second == Outcome(made[0], replayed=False)


def test_who_waits_too_long_for_the_first_is_told_that_it_is_in_flight(
    made: list[UUID], database_url: str, reconnect: Callable[..., Engine]
) -> None:
    reconnect(database_url, statement_timeout_ms=200)
    with transaction() as slow:
        once(slow, KEY, new_id)

        with pytest.raises(RequestInFlight) as refused:
            ask(KEY, made)

    reconnect(database_url)
    assert refused.value.headers == {"Retry-After": "1"}
    assert ask(KEY, made).replayed


def test_a_key_is_kept_for_72_hours_and_then_forgotten(made: list[UUID], later: Callable[[timedelta], None]) -> None:
    ask(KEY, made)

    later(timedelta(hours=71, minutes=59))
    with transaction() as session:
        forget_old_keys(session)
    assert ask(KEY, made).replayed
    later(timedelta(minutes=2))
    with transaction() as session:
        forget_old_keys(session)

    with transaction() as session:
        assert session.execute(select(func.count()).select_from(IdempotencyKey)).scalar_one() == 0


def test_over_http_twenty_requests_at_once_make_one_resource(chi: Person) -> None:
    def start(_number: int) -> Any:
        http = chi.http.application.test_client()
        return http.post(
            "/v1/auth/phone-challenges", json={"phone": "0912345678"}, headers={"Idempotency-Key": "one intention"}
        )

    answers = all_at_once(20, start)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sorted(answer.headers.get("Idempotency-Replayed", "") for answer in answers) == [""] + ["true"] * 19


def test_over_http_the_meaning_counts_and_not_its_spelling(chi: Person) -> None:
    def start(phone: str) -> Any:
        return chi.post("/v1/auth/phone-challenges", json={"phone": phone}, headers={"Idempotency-Key": "k"})

    first, same, other = start("0912345678"), start("+84 912 345 678"), start("0987654321")

    assert (first.json["id"], same.headers["Idempotency-Replayed"]) == (same.json["id"], "true")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
