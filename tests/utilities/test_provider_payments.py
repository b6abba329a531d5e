"""What a power or water company sees of the payments of its bills, and of nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from services.utilities.models import Provider
from tests.factories import AMOUNT_VND, POWER, WATER, owe
from tests.payments.stories import check_books, pay, refused_in_both
from tests.people import Machine, Outside, Person, Work

PATH = "/v1/utilities/provider-payments"


def _listed(caller: Machine, **query: Any) -> list[dict[str, Any]]:
    answer = caller.get(PATH, query_string=query)
    assert answer.status_code == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def test_a_company_sees_a_payment_with_its_own_receipt(
    an: Person, clerk: Machine, outside: Outside, work: Work
) -> None:
    bill = owe(an, outside)
    payment_id = pay(an, bill).json["id"]
    before = _listed(clerk)

    work()

    (row,) = _listed(clerk)
    (posting,) = outside.postings(POWER)
    assert before == []
    assert (row["payment_id"], row["bill_no"], row["amount_vnd"]) == (payment_id, bill.bill_no, AMOUNT_VND)
    assert (row["posting"], row["receipt_no"], row["period"]) == ("posted", posting["receipt_no"], "2026-10")
    assert row["captured_at"].endswith("+07:00")
    assert set(row) == {
        "id", "payment_id", "bill_no", "period", "amount_vnd", "captured_at", "posting", "posting_reason",
        "receipt_no", "posted_at",
    }  # fmt: skip
    check_books()


def test_a_company_sees_only_its_own_bills_of_a_payment(
    an: Person, clerk: Machine, machine: Callable[..., Machine], outside: Outside, work: Work
) -> None:
    electric, water = owe(an, outside), owe(an, outside, slug=WATER)
    water_clerk = machine(water.provider_id)
    pay(an, electric, water)
    work()

    assert [row["bill_no"] for row in _listed(clerk)] == [electric.bill_no]
    assert [row["bill_no"] for row in _listed(water_clerk)] == [water.bill_no]


def test_payments_are_filtered_by_posting_and_by_time(an: Person, clerk: Machine, outside: Outside, work: Work) -> None:
    posted = owe(an, outside)
    pay(an, posted)
    work()
    between = clock.now()
    waiting, refused = owe(an, outside), owe(an, outside)
    pay(an, refused)
    outside.spoil("provider", "down", match={"path": "/postings"})
    work()
    outside.paid_at_the_counter(POWER, refused.bill_no)
    outside.mend()
    work()
    outside.spoil("provider", "down", match={"path": "/postings"})
    pay(an, waiting)
    work()

    def found(**query: Any) -> set[str]:
        return {row["bill_no"] for row in _listed(clerk, **query)}

    since = clock.local(between).isoformat()
    assert found() == {posted.bill_no, waiting.bill_no, refused.bill_no}
    assert found(posting="unknown") == {waiting.bill_no}
    assert found(posting="rejected") == {refused.bill_no}
    assert found(since=since) == {waiting.bill_no, refused.bill_no}
    assert found(since=since, posting="posted") == set()
    assert found(since=clock.local(clock.now() + timedelta(hours=1)).isoformat()) == set()
    (row,) = _listed(clerk, posting="rejected")
    assert (row["posting_reason"], row["receipt_no"]) == ("already_paid", None)


def test_payments_are_read_page_by_page_newest_first(an: Person, clerk: Machine, outside: Outside, work: Work) -> None:
    bills = [owe(an, outside, amount_vnd=AMOUNT_VND + number) for number in range(5)]
    for bill in bills:
        pay(an, bill)
        work()

    seen: list[str] = []
    page = clerk.get(PATH, query_string={"limit": 2}).json
    pages = 1
    while True:
        seen += [row["bill_no"] for row in page["items"]]
        if "next" not in page:
            break
        page = clerk.get(PATH, query_string={"limit": 2, "cursor": page["next"]}).json
        pages += 1

    assert seen == [bill.bill_no for bill in reversed(bills)]
    assert pages == 3


def test_the_cursor_of_one_company_is_of_no_use_to_another(
    an: Person, clerk: Machine, machine: Callable[..., Machine], outside: Outside, work: Work
) -> None:
    electric = [owe(an, outside) for _ in range(2)]
    water = owe(an, outside, slug=WATER)
    pay(an, *electric, water)
    work()
    cursor = clerk.get(PATH, query_string={"limit": 1}).json["next"]

    answer = machine(water.provider_id).get(PATH, query_string={"limit": 1, "cursor": cursor})

    assert (answer.status_code, answer.json["code"]) == (400, "malformed_request")


def test_only_a_companys_system_with_the_scope_may_read(
    an: Person, chi: Person, power: Provider, machine: Callable[..., Machine]
) -> None:
    without = machine(power.id, "bills:write")

    problem = refused_in_both(lambda headers: without.get(PATH, headers=headers), 403, "not_allowed")

    assert problem["scope"] == "payments:read"
    refused_in_both(lambda headers: an.get(PATH, headers=headers), 403, "not_allowed")
    refused_in_both(lambda headers: chi.get(PATH, headers=headers), 401, "not_signed_in")


@pytest.mark.parametrize("query", ["since=2026-11-21T00:00:00", "since=yesterday", "posting=done", "provider=x"])
def test_a_question_without_a_meaning_is_refused(clerk: Machine, query: str) -> None:
    answer = clerk.get(f"{PATH}?{query}")

    assert (answer.status_code, answer.json["code"]) == (400, "malformed_request")
