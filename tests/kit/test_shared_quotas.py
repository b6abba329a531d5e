"""Requests a minute that all processes count together, and each by itself while the counter does not answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

import server.app
from kit import clock
from kit.quotas import Quotas
from server.settings import Settings
from tests.kit.redis_stranger import Redis, redis
from tests.people import all_at_once


@pytest.fixture
def counter(app: Flask) -> Iterator[Redis]:
    with redis() as started:
        yield started


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A machine that is busy with other tests may take its time; `patience(…)` says how long."""

    def wait(seconds: float) -> None:
        monkeypatch.setattr("kit.quotas._PATIENCE_SECONDS", seconds)

    wait(10)
    return wait


@pytest.fixture
def at() -> Iterator[Callable[[int], None]]:
    """`at(20)`: it is twenty seconds after a full minute."""

    def move(second: int) -> None:
        noon = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
        clock.move(timedelta())
        clock.move(noon + timedelta(seconds=second) - clock.now())

    move(0)
    yield move
    clock.move(timedelta())


def test_two_processes_count_one_caller_together(counter: Redis, at: Callable[[int], None]) -> None:
    first, second = Quotas(3, shared_at=counter.url), Quotas(3, shared_at=counter.url)
    at(20)

    told = [quotas.spend("an") for quotas in (first, second, first, second)]
    stranger = second.spend("binh")

    assert [(quota.remaining, quota.exceeded) for quota in told] == [(2, False), (1, False), (0, False), (0, True)]
    assert {quota.reset_seconds for quota in told} == {40}
    assert (stranger.remaining, stranger.exceeded) == (2, False)


def test_of_many_requests_at_once_in_four_processes_exactly_the_quota_passes(
    counter: Redis, at: Callable[[int], None]
) -> None:
    processes = [Quotas(10, shared_at=counter.url) for _ in range(4)]

    spent = all_at_once(20, lambda number: processes[number % 4].spend("an").exceeded)

    assert sorted(spent) == [False] * 10 + [True] * 10


def test_a_new_minute_is_a_new_window(counter: Redis, at: Callable[[int], None]) -> None:
    quotas = Quotas(1, shared_at=counter.url)

    told = []
    for second in (0, 59, 60):
        at(second)
        told.append(quotas.spend("an").exceeded)

    assert told == [False, True, False]
    assert set(counter.lifetimes.values()) == {60}


def test_the_counter_learns_neither_who_calls_nor_from_where(counter: Redis, at: Callable[[int], None]) -> None:
    quotas = Quotas(1, shared_at=counter.url)

    for caller in ("address:203.0.113.77", "citizen:019a0c1e-0000-7c00-8000-00000000000a"):
        quotas.spend(caller)

    assert len(counter.counters) == 2
    assert not any("203.0.113" in name or "019a0c1e" in name or "citizen:" in name for name in counter.counters)


def test_without_the_counter_each_process_counts_for_itself_and_asks_no_more_for_a_while(
    counter: Redis, at: Callable[[int], None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotas, instant = Quotas(2, shared_at=counter.url), [1_000.0]
    monkeypatch.setattr("time.monotonic", lambda: instant[0])
    quotas.spend("an")
    port = counter.server_address[1]
    counter.shutdown()
    counter.hang_up()
    counter.server_close()

    alone = [quotas.spend("an").exceeded for _ in range(3)]
    warnings = [line for line in caplog.messages if "quotas_counted_alone" in line]
    with redis(port) as back:
        asked_too_soon = quotas.spend("an").exceeded, back.asked
        instant[0] += 11
        asked_again = quotas.spend("an").exceeded, back.asked

    assert alone == [False, False, True]
    assert len(warnings) == 1
    assert json.loads(warnings[0])["error"] in {"ConnectionError", "TimeoutError"}
    assert asked_too_soon == (True, 0)
    assert asked_again == (False, 1)


def test_a_counter_that_is_slow_holds_nobody_up_twice(
    counter: Redis, at: Callable[[int], None], patience: Callable[[float], None]
) -> None:
    patience(0.25)
    quotas = Quotas(5, shared_at=counter.url)
    quotas.spend("an")
    counter.pause_seconds = 5

    told = [quotas.spend("an").exceeded for _ in range(10)]

    assert sorted(told) == [False] * 5 + [True] * 5
    assert counter.waiting == 1  # one try, broken off, and none after it


def test_the_application_counts_where_its_settings_say(
    counter: Redis, settings: Settings, app: Flask, clean: None
) -> None:
    changes: dict[str, Any] = {**vars(settings), "requests_per_minute": 2, "ratelimit_url": counter.url}
    shared = [server.app.assemble(Settings(**changes)).test_client() for _ in range(2)]

    statuses = [client.get("/v1/areas").status_code for client in (*shared, *shared)]

    assert statuses.count(429) >= 1
    assert counter.asked == 4
