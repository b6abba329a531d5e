"""Clerks of a power or water company do by hand what its system does, for their own company and for no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.factories import POWER, WATER, make_provider, owe
from tests.payments.stories import pay
from tests.people import Machine, Outside, Person, StaffMember, Work
from tests.utilities.files import csv_of, importing, send

PAYMENTS = "/v1/utilities/provider-payments"


@pytest.fixture
def hoa(staff: Callable[..., StaffMember]) -> StaffMember:
    """A clerk of the power company."""
    return staff("provider", "clerk", provider_id=make_provider(POWER).id)


@pytest.fixture
def lan(staff: Callable[..., StaffMember]) -> StaffMember:
    """A clerk of the water company."""
    return staff("provider", "clerk", provider_id=make_provider(WATER).id)


def test_a_clerk_sends_a_file_and_sees_what_became_of_it(hoa: StaffMember, work: Work) -> None:
    done = importing(hoa, work)(csv_of({}, {}))

    assert (done["state"], done["created"], done["refused"]) == ("done", 2, 0)


def test_a_file_of_a_clerk_is_the_companys_and_no_other_finds_it(
    hoa: StaffMember, lan: StaffMember, machine: Callable[..., Machine]
) -> None:
    file = send(hoa, csv_of({})).headers["Location"]

    system, other = machine(make_provider(POWER).id), machine(make_provider(WATER).id)

    assert [who.get(file).status_code for who in (hoa, system, lan, other)] == [200, 200, 404, 404]


def test_one_key_of_a_clerk_and_of_the_system_are_two_intentions(
    hoa: StaffMember, machine: Callable[..., Machine]
) -> None:
    system = machine(make_provider(POWER).id)

    first, again, of_system = (send(who, csv_of({}), key="november") for who in (hoa, hoa, system))

    assert first.json["id"] == again.json["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert of_system.json["id"] != first.json["id"]


def test_a_clerk_reads_what_was_paid_to_their_company_alone(
    an: Person, hoa: StaffMember, lan: StaffMember, outside: Outside, work: Work
) -> None:
    electric, water = owe(an, outside), owe(an, outside, slug=WATER)
    pay(an, electric, water)
    work()

    seen = {who: [row["bill_no"] for row in who.get(PAYMENTS).json["items"]] for who in (hoa, lan)}

    assert seen == {hoa: [electric.bill_no], lan: [water.bill_no]}


def test_a_cursor_of_one_company_is_of_no_use_to_another(
    an: Person, hoa: StaffMember, lan: StaffMember, outside: Outside, work: Work
) -> None:
    pay(an, owe(an, outside))
    pay(an, owe(an, outside))
    work()
    cursor = hoa.get(PAYMENTS, query_string={"limit": 1}).json["next"]

    assert hoa.get(PAYMENTS, query_string={"limit": 1, "cursor": cursor}).status_code == 200
    assert lan.get(PAYMENTS, query_string={"limit": 1, "cursor": cursor}).status_code == 400
