"""A phone in someone's hands, an app of others, and a clock that can be moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth import budgets
from kit import clock
from server.settings import Settings
from tests.auth.app_stories import Browser, ThirdParty, allow, register
from tests.auth.people import Phone
from tests.auth.served import Homecoming, serve_homecoming, serve_house


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


@pytest.fixture
def app_of_others(client: Callable[[], FlaskClient]) -> ThirdParty:
    return register(client())


@pytest.fixture
def code(client: Callable[[], FlaskClient], app_of_others: ThirdParty) -> str:
    """A code An has just allowed."""
    return allow(client, app_of_others)


@pytest.fixture
def browser(client: Callable[[], FlaskClient]) -> Browser:
    return Browser(client())


@pytest.fixture
def house(client: Callable[[], FlaskClient], settings: Settings) -> Iterator[str]:
    """The address of a running web server."""
    with serve_house(settings) as url:
        yield url


@pytest.fixture
def home() -> Iterator[Homecoming]:
    """The page of an app that people come back to."""
    with serve_homecoming() as page:
        yield page
