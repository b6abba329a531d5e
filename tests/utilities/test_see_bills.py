"""What a citizen sees of a bill: where the amount comes from, and lists that stay stable."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.utilities.models import BillState, Provider
from tests.factories import WATER, link, make_bill, make_bills, make_customer, make_provider
from tests.people import Machine, Outside, Person, Work
from tests.utilities.files import csv_of, importing

SAMPLE = Path(__file__).parents[2] / "sample"
TIERED = {
    "usage": "250",
    "tariff_code": "power-household-2025-05-10",
    "reading_from": "16251",
    "reading_to": "16501",
    "reading_from_on": "2026-10-01",
    "reading_to_on": "2026-10-31",
    "before_tax_vnd": "589600",
    "vat_vnd": "47168",
}


def _linked(person: Person, code: str, name: str = "Nguyễn Văn An", provider: str = "pc-thanh-hoa") -> None:
    asked = {"provider": provider, "customer_code": code, "holder_name": name}
    assert person.post("/v1/utilities/accounts", json=asked).status_code == 201


def test_a_power_bill_explains_its_tiers_its_tax_and_its_readings(an: Person, clerk: Machine, work: Work) -> None:
    importing(clerk, work)(csv_of(TIERED))
    _linked(an, "PA07TH0000001")

    (item,) = an.get("/v1/utilities/bills").json["items"]
    bill = an.get(f"/v1/utilities/bills/{item['id']}").json

    tiers = [
        (line["quantity"], line["price_vnd"], line["amount_vnd"]) for line in bill["lines"] if line["kind"] == "tier"
    ]
    assert tiers == [(50, 1984, 99_200), (50, 2050, 102_500), (100, 2380, 238_000), (50, 2998, 149_900)]
    assert [(line["name_vi"], line["amount_vnd"]) for line in bill["lines"] if line["kind"] == "vat"] == [
        ("Thuế GTGT 8%", 47_168)
    ]
    assert sum(line["amount_vnd"] for line in bill["lines"]) == bill["amount_vnd"] == 636_768
    assert (bill["usage"], bill["before_tax_vnd"], bill["vat_vnd"], bill["fee_vnd"]) == (250, 589_600, 47_168, 0)
    assert bill["reading"] == {"start": 16251, "end": 16501, "start_on": "2026-10-01", "end_on": "2026-10-31"}
    assert {name: bill[name] for name in item} == item


def test_an_amount_our_tariff_does_not_lead_to_is_not_explained_away(an: Person, clerk: Machine, work: Work) -> None:
    other = {"amount_vnd": "636769", "before_tax_vnd": "589601", "vat_vnd": "47168"}
    importing(clerk, work)(csv_of(TIERED | other))
    _linked(an, "PA07TH0000001")

    (item,) = an.get("/v1/utilities/bills").json["items"]
    (line,) = an.get(f"/v1/utilities/bills/{item['id']}").json["lines"]

    assert (line["kind"], line["name_en"], line["amount_vnd"]) == ("billed", "As billed", 636_769)


def test_every_bill_of_the_sample_explains_itself(an: Person, machine: Callable[..., Machine], work: Work) -> None:
    told = {}
    for slug in ("pc-thanh-hoa", WATER):
        clerk = machine(make_provider(slug).id)
        told[slug] = importing(clerk, work)((SAMPLE / f"bills_{slug}.csv").read_bytes())
        with (SAMPLE / f"bills_{slug}.csv").open(encoding="utf-8-sig") as lines:
            first = next(csv.DictReader(lines))
        _linked(an, first["customer_code"], first["customer_name"], slug)

    items = an.get("/v1/utilities/bills?limit=100").json["items"]
    bills = [an.get(f"/v1/utilities/bills/{item['id']}").json for item in items]

    assert all(t["refused"] == 0 and t["created"] > 20 for t in told.values())
    assert {bill["provider"] for bill in bills} == {"pc-thanh-hoa", WATER}
    for bill in bills:
        assert [line["kind"] for line in bill["lines"]].count("vat") == 1
        assert sum(line["amount_vnd"] for line in bill["lines"]) == bill["amount_vnd"]
        assert bill["before_tax_vnd"] + bill["vat_vnd"] + bill["fee_vnd"] == bill["amount_vnd"]
        assert bill["reading"]["end"] - bill["reading"]["start"] == bill["usage"]


def test_bills_are_listed_newest_period_first_page_by_page(an: Person, outside: Outside) -> None:
    periods = [f"2026-{month:02d}" for month in range(1, 8)]
    link(an, *make_bills(outside, make_customer(), periods))

    seen: list[dict[str, Any]] = []
    page = an.get("/v1/utilities/bills?limit=3").json
    seen += page["items"]
    # A bill that comes in between changes nothing for who is turning the pages.
    make_bills(outside, make_customer(), ["2026-08"])
    while "next" in page:
        page = an.get("/v1/utilities/bills", query_string={"limit": 3, "cursor": page["next"]}).json
        seen += page["items"]

    assert [item["period"] for item in seen] == periods[::-1]


def test_bills_are_filtered_by_account_and_state(an: Person) -> None:
    here, there = make_customer(), make_customer()
    opened, paid = make_bill(customer=here), make_bill(customer=here, state=BillState.PAID, period="2026-09")
    elsewhere = make_bill(customer=there)
    of_here, _of_there = link(an, opened, elsewhere)

    def listed(**query: str) -> set[str]:
        return {item["id"] for item in an.get("/v1/utilities/bills", query_string=query).json["items"]}

    assert listed() == {str(opened.id), str(paid.id), str(elsewhere.id)}
    assert listed(account_id=of_here["id"]) == {str(opened.id), str(paid.id)}
    assert listed(account_id=of_here["id"], state="open") == {str(opened.id)}
    assert listed(state="paid") == {str(paid.id)}


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=101", "cursor=x", "period=2026-10", "account_id=1"])
def test_a_question_that_makes_no_sense_is_refused(an: Person, query: str) -> None:
    answer = an.get(f"/v1/utilities/bills?{query}")

    assert (answer.status_code, answer.json["code"]) == (400, "malformed_request")
    assert answer.json["errors"]


def test_a_cursor_is_bound_to_its_question_and_its_caller(an: Person, binh: Person, outside: Outside) -> None:
    bills = make_bills(outside, make_customer(), ["2026-09", "2026-10"])
    link(an, *bills)
    link(binh, *bills)
    cursor = an.get("/v1/utilities/bills?limit=1").json["next"]

    answers = [
        binh.get("/v1/utilities/bills", query_string={"limit": 1, "cursor": cursor}),
        an.get("/v1/utilities/bills", query_string={"limit": 1, "cursor": cursor, "state": "open"}),
        an.get("/v1/payments", query_string={"cursor": cursor}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]


def test_the_same_household_at_two_companies_is_two_accounts(an: Person, power: Provider) -> None:
    electric, water = make_bill(), make_bill(slug=WATER)

    accounts = link(an, electric, water)

    assert [account["kind"] for account in accounts] == ["power", "water"]
    assert accounts[0]["provider"] == power.slug
