"""How often one caller may call."""

from __future__ import annotations

import pytest

from kit.quotas import Quotas
from tests.people import all_at_once


def test_a_caller_is_told_what_is_left() -> None:
    quotas = Quotas(2)

    first, second, third = (quotas.spend("an") for _ in range(3))

    assert [(q.limit, q.remaining, q.exceeded) for q in (first, second, third)] == [
        (2, 1, False),
        (2, 0, False),
        (2, 0, True),
    ]
    assert 1 <= third.reset_seconds <= third.window_seconds == 60


def test_callers_do_not_spend_for_each_other() -> None:
    quotas = Quotas(1)

    assert [quotas.spend(caller).exceeded for caller in ("an", "binh", "an")] == [False, False, True]


def test_when_the_minute_is_over_everyone_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    quotas, instant = Quotas(1), [1_000.0]
    monkeypatch.setattr("time.monotonic", lambda: instant[0])

    told = []
    for passed in (0.0, 59.5, 0.4, 0.1):
        instant[0] += passed
        told.append(quotas.spend("an"))

    assert [quota.exceeded for quota in told] == [False, True, True, False]
    assert [quota.reset_seconds for quota in told] == [60, 1, 1, 60]


def test_nobody_is_told_to_wait_longer_than_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    # From 32,768 on floats are coarser: sixty seconds added here and taken away again are a little more than sixty.
    monkeypatch.setattr("time.monotonic", lambda: 32_747.095578363)

    assert Quotas(3).spend("an").reset_seconds == 60


def test_of_many_requests_at_once_exactly_the_quota_passes() -> None:
    quotas = Quotas(10)

    spent = all_at_once(20, lambda _number: quotas.spend("an").exceeded)

    assert sorted(spent) == [False] * 10 + [True] * 10
