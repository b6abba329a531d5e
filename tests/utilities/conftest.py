"""A provider, and after every story that moved money its books are checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.utilities.models import Provider
from tests.factories import make_provider
from tests.people import Machine


@pytest.fixture
def power(clean: None) -> Provider:
    """The power company of Thanh Hóa."""
    return make_provider()


@pytest.fixture
def clerk(power: Provider, machine: Callable[..., Machine]) -> Machine:
    """The power company's own system."""
    return machine(power.id)
