"""A provider's system sends, changes, withdraws and settles single bills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.utilities.models import Bill
from tests.factories import WATER, link, make_provider, owe
from tests.payments.stories import pay, refused_in_both, rows
from tests.people import Caller, Machine, Outside, Person, Work, all_at_once

BILLS = "/v1/utilities/provider-bills"
CLOSURES = f"{BILLS}/closures"
GOOD = {
    "bill_no": "B-1",
    "customer_code": "PA07TH0000001",
    "customer_name": "Nguyễn Văn An",
    "period": "2026-10",
    "amount_vnd": 636_768,
    "issued_on": "2026-11-05",
    "due_on": "2026-11-25",
}


def put(clerk: Machine, **changes: Any) -> Any:
    return clerk.ask("PUT", BILLS, json=GOOD | changes)


def close(clerk: Machine, bill_no: str, state: str) -> Any:
    return clerk.post(CLOSURES, json={"bill_no": bill_no, "state": state})


def states() -> list[tuple[str, int, str]]:
    return [tuple(row) for row in rows("SELECT bill_no, amount_vnd, state FROM bill ORDER BY bill_no")]


def test_a_bill_is_added_changed_and_left_as_it_is(clerk: Machine) -> None:
    added, again = put(clerk), put(clerk)
    changed = put(clerk, amount_vnd=700_000)

    assert [answer.status_code for answer in (added, again, changed)] == [200, 200, 200]
    assert added.json == again.json
    assert (changed.json["id"], changed.json["amount_vnd"]) == (added.json["id"], 700_000)
    assert states() == [("B-1", 700_000, "open")]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"customer_code": "12345"}, "/customer_code", "customer_code_malformed"),
        ({"period": "2026-13"}, "/period", "not_a_period"),
        ({"due_on": "2026-02-30"}, "/due_on", "not_a_date"),
        ({"due_on": "2026-11-01"}, "/due_on", "due_before_issued"),
        ({"vat_vnd": 1}, "/amount_vnd", "sum_differs"),
    ],
)
def test_what_a_line_of_a_file_is_refused_for_is_refused_here(
    clerk: Machine, changes: dict[str, Any], pointer: str, code: str
) -> None:
    answer = put(clerk, **changes)

    assert answer.status_code == 422
    assert [(flaw["pointer"], flaw["code"]) for flaw in answer.json["errors"]] == [(pointer, code)]
    assert states() == []


@pytest.mark.parametrize("state", ["withdrawn", "paid_elsewhere"])
def test_a_closed_bill_cannot_be_paid_and_is_owed_again_when_it_is_sent_again(
    an: Person, clerk: Machine, outside: Outside, state: str
) -> None:
    bill = owe(an, outside)
    closed, again = close(clerk, bill.bill_no, state), close(clerk, bill.bill_no, state)
    refused = pay(an, bill)
    put(clerk, bill_no=bill.bill_no, customer_code=closed_code(bill), amount_vnd=bill.amount_vnd)

    assert [(answer.status_code, answer.json["state"]) for answer in (closed, again)] == [(200, state)] * 2
    assert refused.status_code == 409
    assert [row[2] for row in states()] == ["open"]


def closed_code(bill: Bill) -> str:
    """The code of the customer the bill is for."""
    code: str = rows(f"SELECT code FROM customer WHERE id = '{bill.customer_id}'")[0][0]
    return code


def test_a_bill_that_is_being_paid_or_was_paid_is_not_touched(
    an: Person, clerk: Machine, outside: Outside, work: Work
) -> None:
    bill = owe(an, outside)
    code = closed_code(bill)
    pay(an, bill)

    for begin in (
        lambda headers: clerk.post(CLOSURES, json={"bill_no": bill.bill_no, "state": "withdrawn"}, headers=headers),
        lambda headers: clerk.ask(
            "PUT",
            BILLS,
            json=GOOD | {"bill_no": bill.bill_no, "customer_code": code, "amount_vnd": 1_000},
            headers=headers,
        ),
    ):
        refused_in_both(begin, 409, "bill_being_paid")
    work()
    for answer in (
        close(clerk, bill.bill_no, "withdrawn"),
        put(clerk, bill_no=bill.bill_no, customer_code=code, amount_vnd=1_000),
    ):
        assert (answer.status_code, answer.json["code"]) == (409, "bill_already_paid")
    assert states() == [(bill.bill_no, bill.amount_vnd, "paid")]


def test_closing_and_paying_at_once_end_in_one_of_the_two(an: Person, clerk: Machine, outside: Outside) -> None:
    bill = owe(an, outside)
    link(an, bill)

    def act(number: int) -> int:
        if number % 2:
            return pay(an.again(), bill).status_code
        caller = Caller(clerk.http.application.test_client(), clerk.token)
        return close(caller, bill.bill_no, "withdrawn").status_code

    answers = all_at_once(8, act)

    ((_no, _amount, state),) = states()
    won = {"paying": [201] + [409] * 7, "withdrawn": [200] * 4 + [409] * 4}
    assert sorted(answers) == won[state]


def test_another_providers_bill_is_not_there(an: Person, outside: Outside, machine: Callable[..., Machine]) -> None:
    bill = owe(an, outside)
    stranger = machine(make_provider(WATER).id)

    answer = close(stranger, bill.bill_no, "withdrawn")

    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert [row[2] for row in states()] == ["open"]
