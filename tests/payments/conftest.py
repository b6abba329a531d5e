"""After every story of money its books are checked; and a gateway that is given up on quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

import auth.operations
import payments.gateway
from kit.database import transaction
from server.settings import Settings
from tests.payments.stories import check_books
from tests.people import Outside, Person


@pytest.fixture(autouse=True)
def books(clean: None) -> Iterator[None]:
    yield
    check_books()


@pytest.fixture
def hasty(outside: Outside, settings: Settings) -> None:
    """We wait for the gateway for a third of a second only, so that its silence does not take a minute."""
    payments.gateway.connect(
        secret_key=settings.stripe_secret_key,
        publishable_key=settings.stripe_publishable_key,
        webhook_secret=settings.stripe_webhook_secret,
        url=settings.stripe_url,
        timeout_seconds=(1.0, 0.33),
    )


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
