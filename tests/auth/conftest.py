"""A phone in someone's hands, and a clock that can be moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth import budgets
from kit import clock
from tests.auth.people import Phone


@pytest.fixture
def phone(client: Callable[[], FlaskClient]) -> Phone:
    return Phone(client())


@pytest.fixture
def other_phone(client: Callable[[], FlaskClient]) -> Phone:
    return Phone(client())


@pytest.fixture
def limit(app: Flask) -> Iterator[Callable[..., None]]:
    """`limit(codes_per_address_and_hour=3)` changes limits of signing in until the end of the test."""
    before = budgets.limits()
    yield lambda **changes: budgets.use_limits(replace(budgets.limits(), **changes))
    budgets.use_limits(before)


@pytest.fixture(autouse=True)
def later() -> Iterator[Callable[[timedelta], None]]:
    """It is half past nine in the morning, far from the turn of any hour; `later(…)` lets time pass."""
    morning = datetime.combine(clock.today(), time(9, 30), clock.ZONE)
    passed = [morning - clock.now()]
    clock.move(passed[0])

    def pass_time(length: timedelta) -> None:
        passed.append(length)
        clock.move(sum(passed, timedelta()))

    yield pass_time
    clock.move(timedelta())
