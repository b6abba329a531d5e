"""A company that fetches its postings: nobody calls it, and what it answers counts once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

import payments.operations
import services.utilities.flows
from kit import clock, failpoints
from kit.database import transaction
from services.utilities.models import Bill, BillState, Provider
from tests.factories import AMOUNT_VND, POWER, WATER, bill_now, make_provider, owe
from tests.payments.stories import check_books, inbox, journals, pay, rows, told
from tests.people import Caller, Machine, Outside, Person, Work, all_at_once

PATH = "/v1/utilities/provider-postings"
SILENT = "no payee is silent for long"


@pytest.fixture
def puller(clean: None, machine: Callable[..., Machine]) -> Machine:
    """The power company's system; it fetches its postings, and answers within four hours."""
    provider = make_provider(POWER)
    change = "posting_mode = 'pull', answers_within_minutes = 240"
    rows(f"UPDATE provider SET {change} WHERE slug = :slug RETURNING id", slug=POWER)
    return machine(provider.id, "payments:read", "settlement:write")


def _paid(an: Person, outside: Outside, work: Work, *bills: Bill) -> str:
    payment_id: str = pay(an, *(bills or [owe(an, outside)])).json["id"]
    work()
    return payment_id


def _fetched(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    answer = caller.get(PATH, query_string=query)
    assert answer.status_code == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def _answer(caller: Caller, *answers: dict[str, Any]) -> list[dict[str, Any]]:
    told = caller.post(f"{PATH}/answers", json={"items": list(answers)})
    assert told.status_code == 200, told.json
    items: list[dict[str, Any]] = told.json["items"]
    return items


def test_nobody_is_called_and_the_receipt_that_is_answered_is_the_citizens(
    an: Person, puller: Machine, outside: Outside, work: Work
) -> None:
    outside.spoil("provider", "down", count=100)
    bill = owe(an, outside)
    payment_id = _paid(an, outside, work, bill)

    (item,) = _fetched(puller)
    waiting = told(an, payment_id)["items"][0]["posting"]
    first = _answer(puller, {"id": item["id"], "receipt_no": "R-1", "posted_at": "2026-11-20T08:00:00+07:00"})
    again = _answer(puller, {"id": item["id"], "receipt_no": "R-1"})
    failures = work()

    assert (item["bill_no"], item["amount_vnd"], item["payment_id"]) == (bill.bill_no, AMOUNT_VND, payment_id)
    assert item["key"] == f"{payment_id}/{bill.bill_no}"
    assert first == again
    assert first == [
        {"id": item["id"], "outcome": "posted", "receipt_no": "R-1", "reason": None, "discrepancy_id": None}
    ]
    (posted,) = told(an, payment_id)["items"]
    assert (waiting, posted["posting"], posted["receipt_no"]) == ("unknown", "posted", "R-1")
    assert posted["posted_at"] == "2026-11-20T08:00:00.000+07:00"
    assert (outside.postings(POWER), failures, _fetched(puller)) == ([], [], [])
    assert [kind for kind, _legs in journals(payment_id)] == ["captured", "posted"]
    assert bill_now(bill).state is BillState.PAID
    assert [message["kind"] for message in inbox(an)] == ["bills_paid"]
    check_books()


def test_a_second_receipt_number_opens_a_difference_and_the_first_stands(
    an: Person, puller: Machine, outside: Outside, work: Work
) -> None:
    payment_id = _paid(an, outside, work)
    (item,) = _fetched(puller)
    _answer(puller, {"id": item["id"], "receipt_no": "R-1"})

    twice = [_answer(puller, {"id": item["id"], "receipt_no": "R-2"})[0] for _ in range(2)]

    assert twice[0] == twice[1]
    assert (twice[0]["outcome"], twice[0]["receipt_no"]) == ("conflict", "R-1")
    seen = puller.get(f"/v1/utilities/provider-discrepancies/{twice[0]['discrepancy_id']}").json
    assert (seen["kind"], seen["amount_vnd"], seen["state"]) == ("DUPLICATE_POSTING", AMOUNT_VND, "open")
    assert told(an, payment_id)["items"][0]["receipt_no"] == "R-1"
    assert len(rows("SELECT id FROM discrepancy")) == 1
    check_books()


def test_what_is_refused_is_given_back_as_a_refused_call_is(
    an: Person, puller: Machine, outside: Outside, work: Work
) -> None:
    bill = owe(an, outside)
    payment_id = _paid(an, outside, work, bill)
    (item,) = _fetched(puller)

    told_once = _answer(puller, {"id": item["id"], "refusal": "withdrawn"})
    told_again = _answer(puller, {"id": item["id"], "refusal": "already_paid"})
    after_all = _answer(puller, {"id": item["id"], "receipt_no": "R-9"})
    work()

    assert told_once == told_again
    assert (told_once[0]["outcome"], told_once[0]["reason"]) == ("rejected", "withdrawn")
    assert (after_all[0]["outcome"], after_all[0]["receipt_no"]) == ("conflict", None)
    assert rows("SELECT kind, amount_vnd FROM discrepancy") == [("STATUS_CONFLICT", AMOUNT_VND)]
    assert outside.refunds() == [AMOUNT_VND]
    assert (told(an, payment_id)["items"][0]["posting"], bill_now(bill).state) == ("rejected", BillState.WITHDRAWN)
    check_books()


def test_any_part_is_answered_and_the_rest_stays_in_its_order(
    an: Person, puller: Machine, outside: Outside, work: Work
) -> None:
    bills = [owe(an, outside) for _ in range(5)]
    _paid(an, outside, work, *bills)
    first = puller.get(PATH, query_string={"limit": 2}).json
    second = puller.get(PATH, query_string={"limit": 2, "cursor": first["next"]}).json
    ids = [item["id"] for item in (*first["items"], *second["items"])]

    answered = _answer(
        puller,
        {"id": ids[2], "receipt_no": "R-3"},
        {"id": str(uuid4()), "receipt_no": "R-0"},
        {"id": ids[0], "refusal": "unknown_bill"},
    )

    assert [each["outcome"] for each in answered] == ["posted", "unknown", "rejected"]
    everything = [item["id"] for item in _fetched(puller)]
    assert everything == sorted(everything)
    assert everything[:2] == [ids[1], ids[3]]
    assert len(everything) == 3


def test_a_company_answers_its_own_postings_alone_and_one_that_is_called_fetches_none(
    an: Person, puller: Machine, machine: Callable[..., Machine], outside: Outside, work: Work
) -> None:
    water = make_provider(WATER)
    other = machine(water.id, "payments:read", "settlement:write")
    _paid(an, outside, work, owe(an, outside), owe(an, outside, slug=WATER))
    (item,) = _fetched(puller)

    stolen = _answer(other, {"id": item["id"], "receipt_no": "R-1"})
    refused = other.get(PATH)

    assert stolen[0]["outcome"] == "unknown"
    assert (refused.status_code, refused.json["code"]) == (409, "posting_by_push")
    assert len(outside.postings(WATER)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"receipt_no": "R-1", "refusal": "withdrawn"},
        {"refusal": "no_reason"},
        {"receipt_no": "x" * 101},
        {"receipt_no": "R-1", "posted_at": "2126-01-01T00:00:00+07:00"},
        {"receipt_no": "R-1", "posted_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_an_answer_says_one_thing(puller: Machine, wrong: dict[str, Any]) -> None:
    answer = puller.post(f"{PATH}/answers", json={"items": [{"id": str(uuid4()), **wrong}]})

    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_two_systems_that_answer_at_once_post_each_payment_once(
    an: Person, puller: Machine, outside: Outside, work: Work
) -> None:
    bills = [owe(an, outside) for _ in range(6)]
    payment_id = _paid(an, outside, work, *bills)
    clients = [Caller(puller.http.application.test_client(), puller.token) for _ in range(6)]

    def fetch_and_answer(number: int) -> list[str]:
        items = _fetched(clients[number])
        # One goes from the front, the other from the back: neither may wait for the other in a circle.
        answers = [{"id": item["id"], "receipt_no": f"R-{item['bill_no']}"} for item in items][:: (-1) ** number]
        return [each["outcome"] for each in _answer(clients[number], *answers)] if answers else []

    outcomes = [outcome for told in all_at_once(6, fetch_and_answer) for outcome in told]

    assert set(outcomes) == {"posted"}
    assert {item["posting"] for item in told(an, payment_id)["items"]} == {"posted"}
    assert len(journals(payment_id)) == 1 + len(bills)
    assert rows("SELECT kind FROM discrepancy") == []
    work()
    assert len(inbox(an)) == 1
    check_books()


def test_of_two_receipt_numbers_at_once_one_stands_and_the_other_is_a_conflict(
    an: Person, puller: Machine, outside: Outside, work: Work
) -> None:
    payment_id = _paid(an, outside, work)
    (item,) = _fetched(puller)
    clients = [Caller(puller.http.application.test_client(), puller.token) for _ in range(4)]

    outcomes = all_at_once(4, lambda n: _answer(clients[n], {"id": item["id"], "receipt_no": f"R-{n}"})[0])

    standing = told(an, payment_id)["items"][0]["receipt_no"]
    assert sorted(each["outcome"] for each in outcomes) == ["conflict", "conflict", "conflict", "posted"]
    assert {each["receipt_no"] for each in outcomes} == {standing}
    assert len(journals(payment_id)) == 2
    check_books()


class _Killed(BaseException):
    """The process dies here: nothing behind it is done, and nothing of it is told."""


def test_a_process_that_dies_between_two_answers_leaves_whole_ones_and_a_repeat_goes_on(
    an: Person, puller: Machine, outside: Outside, work: Work
) -> None:
    payment_id = _paid(an, outside, work, *(owe(an, outside) for _ in range(3)))
    answers = [{"id": item["id"], "receipt_no": f"R-{item['bill_no']}"} for item in _fetched(puller)]

    def die() -> None:
        raise _Killed

    failpoints.arm("answers: one committed, the next not begun", die)
    with pytest.raises(_Killed):
        _answer(puller, *answers)
    between = sorted(item["posting"] for item in told(an, payment_id)["items"])
    repeated = _answer(puller, *answers)

    assert between == ["posted", "unknown", "unknown"]
    assert [each["outcome"] for each in repeated] == ["posted"] * 3
    assert len(journals(payment_id)) == 4
    check_books()


def test_what_is_not_answered_within_the_companys_own_limit_is_an_alarm(
    an: Person,
    puller: Machine,
    power: Provider,
    machine: Callable[..., Machine],
    outside: Outside,
    work: Work,
    later: Callable[[timedelta], None],
) -> None:
    payment_id = _paid(an, outside, work)
    (item,) = _fetched(puller)

    def silent() -> bool:
        services.utilities.flows.sweep_postings()
        with transaction() as session:
            return SILENT in {breach.promise for breach in payments.operations.find_breaches(session)}

    later(timedelta(minutes=239))
    soon = silent()
    later(timedelta(minutes=2))
    alarmed = silent()
    parked = rows("SELECT posting FROM payment_item WHERE payment_id = :id", id=payment_id)
    system = machine(power.id, "payments:read", "settlement:write")
    (still,) = _fetched(system)
    _answer(system, {"id": item["id"], "receipt_no": "R-1"})

    assert (soon, alarmed, parked) == (False, True, [("parked",)])
    assert still["due_at"] == item["due_at"]
    assert (silent(), outside.postings(POWER)) == (False, [])


def test_payments_are_listed_by_the_business_day_of_the_companys_own_cut_off(
    an: Person, puller: Machine, power: Provider, outside: Outside, work: Work
) -> None:
    payments_of = [_paid(an, outside, work) for _ in range(3)]
    moments = ["2026-11-18T16:59:59.999+07:00", "2026-11-18T17:00:00+07:00", "2026-11-19T16:59:59+07:00"]
    for payment_id, moment in zip(payments_of, moments, strict=True):
        rows("UPDATE payment SET state_since = CAST(:at AS timestamptz) WHERE id = :id RETURNING id",
             at=moment, id=payment_id)  # fmt: skip

    def listed(**query: str) -> list[str]:
        items = puller.get("/v1/utilities/provider-payments", query_string=query).json["items"]
        return [item["payment_id"] for item in items]

    assert listed(day="2026-11-18") == payments_of[:1]
    assert listed(day="2026-11-19") == payments_of[:0:-1]
    assert listed(day="2026-11-19", since=moments[2]) == payments_of[2:]
    assert listed(day=str(clock.today())) == []
    assert puller.get("/v1/utilities/provider-payments?day=1026-01-01").status_code == 400
