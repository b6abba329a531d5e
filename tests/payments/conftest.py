"""After every story of money its books are checked; and a gateway that is given up on quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

import auth.operations
from kit.database import transaction
from tests.payments.stories import check_books
from tests.people import Outside, Person


@pytest.fixture(autouse=True)
def books(clean: None, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("tampered") is None:
        check_books()


@pytest.fixture
def later(later: Callable[[timedelta], None], an: Person, outside: Outside) -> Callable[[timedelta], None]:
    """`later(…)` lets time pass, here and in the world outside; An opens the app again, which signs in anew."""
    passed = [timedelta()]

    def pass_time(length: timedelta) -> None:
        later(length)
        passed.append(length)
        outside._ask("POST", "/control/clock", json={"offset_seconds": sum(passed, timedelta()).total_seconds()})
        with transaction() as session:
            an.token = auth.operations.start_session(session, an.id, None, is_new_device=False).access_token

    return pass_time
