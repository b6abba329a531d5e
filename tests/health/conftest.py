"""A clinic, its front desk, and after every story: no counter is off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from kit import clock
from services.health import operations
from services.health.models import Service, Slot
from services.health.operations import rush
from tests.health.clinics import at, has_drift, make_facility, make_service, make_slot, sign_in_again
from tests.people import Person


@pytest.fixture(autouse=True)
def counters(clean: None) -> Iterator[None]:
    """Every story begins at nine in the morning and leaves every counter right."""
    nine = at(clock.today(), 9)
    clock.move(nine - clock.now())
    rush._full.clear()
    operations.forget_kept()
    yield
    assert has_drift() == []


@pytest.fixture
def later(counters: None) -> Callable[..., None]:
    """`later(length, an, …)` lets time pass; the people named have the app open and stay signed in."""

    def pass_time(length: timedelta, *people: Person) -> None:
        clock.move(clock._offset + length)
        sign_in_again(*people)

    return pass_time


@pytest.fixture
def nurse(counters: None, staff):
    """Someone at the front desk of the clinic, who may also change its schedule."""
    return staff("clinic", "front_desk", "clerk")


@pytest.fixture
def service(nurse) -> Service:
    """Something that can be booked."""
    return make_service(make_facility(organisation_id=nurse.organisation_id))


@pytest.fixture
def slot(service: Service) -> Slot:
    """One place, tomorrow at eight."""
    return make_slot(service)


@pytest.fixture
def crowd(client, counters: None) -> Callable[[int], list[Person]]:
    """`crowd(200)` makes citizens, each on a connection of their own."""
    return lambda count: [Person(client(), f"+8491{number:07d}") for number in range(count)]


@pytest.fixture
def people(crowd) -> list[Person]:
    """Twelve citizens."""
    return crowd(12)
