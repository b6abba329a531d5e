"""Providers, customers and bills as the stories need them: in our tables, and in the company's own books."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select

from kit.database import transaction
from services.utilities import operations
from services.utilities.bill_file import whole_amount
from services.utilities.models import Bill, BillState, Customer, Provider
from tests.people import Outside, Person

POWER, WATER = "pc-thanh-hoa", "nuoc-thanh-hoa"
AMOUNT_VND = 636_768
HOLDER = "Nguyễn Văn An"
_SAMPLE = Path(__file__).parent.parent / "sample"
_PREFIX = {POWER: "PA07TH", WATER: "NTH"}
_numbers = count(1)


def make_provider(slug: str = POWER, **changes: Any) -> Provider:
    """A company of the sample province, with `changes` to what the sample says of it; and every tariff."""
    entries = json.loads((_SAMPLE / "providers.json").read_text("utf-8"))
    (entry,) = [entry for entry in entries if entry["slug"] == slug]
    entry["lookup"]["proofs"] = changes.get("proofs", entry["lookup"]["proofs"])
    entry["payable"]["selection"] = changes.get("selection", entry["payable"]["selection"])
    with transaction() as session:
        operations.save_providers(session, [entry])
        operations.save_tariffs(session, json.loads((_SAMPLE / "tariffs.json").read_text("utf-8")))
        return operations.get_provider(session, slug)


def make_customer(slug: str = POWER, *, code: str | None = None, name: str = HOLDER) -> Customer:
    """A household of a company; without a code it is a new one."""
    code = code or f"{_PREFIX[slug]}{next(_numbers):07d}"
    with transaction() as session:
        provider = session.execute(select(Provider).where(Provider.slug == slug)).scalar_one_or_none()
    provider = provider or make_provider(slug)
    customer = Customer(
        provider_id=provider.id, code=code, name=name, address="Số 18 đường Lê Lợi", commune_code="14797"
    )
    with transaction() as session:
        session.add(customer)
    return customer


def make_bill(
    outside: Outside | None = None,
    customer: Customer | None = None,
    *,
    slug: str = POWER,
    amount_vnd: int = AMOUNT_VND,
    period: str = "2026-10",
    state: BillState = BillState.OPEN,
) -> Bill:
    """A bill of a customer, a new one where none is given; with `outside` also in the company's own books."""
    customer = customer or make_customer(slug)
    bill = Bill(
        provider_id=customer.provider_id,
        customer_id=customer.id,
        bill_no=f"B-{period}-{next(_numbers):06d}",
        period=period,
        amount_vnd=amount_vnd,
        before_tax_vnd=amount_vnd,
        vat_vnd=0,
        fee_vnd=0,
        usage=0,
        reading=None,
        lines=whole_amount(amount_vnd),
        tariff_code=None,
        issued_on=date(2026, 11, 5),
        due_on=date(2026, 11, 25),
        version="1",
        state=state,
    )
    with transaction() as session:
        session.add(bill)
    if outside is not None:
        outside.has_bill(
            slug_of(bill), bill_no=bill.bill_no, customer_code=customer.code, period=period, amount_vnd=amount_vnd
        )
    return bill


def make_bills(outside: Outside, customer: Customer, periods: Iterable[str]) -> list[Bill]:
    """One bill a period for a customer, of rising amounts."""
    return [
        make_bill(outside, customer, period=period, amount_vnd=AMOUNT_VND + place)
        for place, period in enumerate(periods)
    ]


def link(person: Person, *bills: Bill) -> list[dict[str, Any]]:
    """A person links the accounts these bills belong to, by code and the holder's name; returns the accounts."""
    accounts = []
    for customer_id in dict.fromkeys(bill.customer_id for bill in bills):
        with transaction() as session:
            customer = session.get_one(Customer, customer_id)
            provider = session.get_one(Provider, customer.provider_id)
        asked = {"provider": provider.slug, "customer_code": customer.code, "holder_name": customer.name}
        answer = person.post("/v1/utilities/accounts", json=asked)
        assert answer.status_code == 201, answer.json
        accounts.append(answer.json)
    return accounts


def owe(person: Person, outside: Outside, **bill: Any) -> Bill:
    """A bill in our tables and in the company's books, of a household whose account the person has linked."""
    made = make_bill(outside, **bill)
    link(person, made)
    return made


def slug_of(bill: Bill) -> str:
    """The slug of the company a bill comes from."""
    with transaction() as session:
        return session.get_one(Provider, bill.provider_id).slug


def bill_now(bill: Bill) -> Bill:
    """A bill as it stands in the table now."""
    with transaction() as session:
        return session.get_one(Bill, bill.id)
