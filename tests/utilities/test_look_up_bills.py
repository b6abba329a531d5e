"""Finding a household by its code and a second proof, and how little a guesser learns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

import auth.operations
from kit.database import transaction
from services.utilities.models import BillState, Customer
from tests.factories import AMOUNT_VND, HOLDER, POWER, WATER, make_bill, make_bills, make_customer, make_provider
from tests.payments.stories import refused_in_both, rows
from tests.people import Outside, Person, all_at_once

CODE = "PA07TH9000001"


@pytest.fixture
def household() -> Customer:
    return make_customer(code=CODE)


def look_up(person: Person, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
    """A person looks for the household, with `changes` to code and proof."""
    asked = {"provider": POWER, "customer_code": CODE, "holder_name": HOLDER} | changes
    asked = {name: value for name, value in asked.items() if value is not None}
    return person.post("/v1/utilities/lookups", json=asked, headers=headers)


def test_code_and_name_show_the_open_bills_and_a_masked_name(an: Person, household: Customer) -> None:
    first, second = make_bill(customer=household, period="2026-09"), make_bill(customer=household, period="2026-10")
    make_bill(customer=household, period="2026-08", state=BillState.PAID)
    make_bill()

    found = look_up(an)

    assert (found.status_code, found.json["holder_name"]) == (200, "N***** V** An")
    assert [bill["id"] for bill in found.json["bills"]] == [str(first.id), str(second.id)]
    assert found.headers["Cache-Control"] == "no-store"
    assert HOLDER not in found.get_data(as_text=True)


@pytest.mark.parametrize(
    "proof",
    [
        {"holder_name": "nguyen van an"},
        {"holder_name": "NGUYỄN  VĂN AN "},
        {"holder_name": "Nguyê\u0303n Va\u0306n An"},
        {"customer_code": " pa07 th90 00001 "},
        {"holder_name": None, "last_amount_vnd": AMOUNT_VND},
        {"holder_name": None, "last_amount_vnd": AMOUNT_VND + 2},
    ],
)
def test_a_proof_is_accepted_as_people_write_it(
    an: Person, outside: Outside, household: Customer, proof: dict[str, Any]
) -> None:
    make_bills(outside, household, ["2026-08", "2026-09", "2026-10"])

    assert look_up(an, **proof).status_code == 200


def test_an_unknown_code_and_a_wrong_proof_look_the_same(an: Person, outside: Outside, household: Customer) -> None:
    make_bills(outside, household, ["2026-07", "2026-08", "2026-09", "2026-10"])
    misses: list[dict[str, Any]] = [
        {"customer_code": "PA07TH9999999"},
        {"holder_name": "Trần Văn An"},
        {"holder_name": "An"},
        # The amount of a bill that is older than the last three.
        {"holder_name": None, "last_amount_vnd": AMOUNT_VND},
    ]

    problems = [
        refused_in_both(lambda headers, miss=miss: look_up(an, headers, **miss), 404, "customer_not_matched")
        for miss in misses
    ]

    bodies = [{name: problem[name] for name in problem if name != "instance"} for problem in problems]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["next_action"] == "check_customer_code"


@pytest.mark.parametrize(
    "code",
    ["1", "PA07TH900000", "PA07TH90000011", "PA08TH9000001", "NTH0000001", "PA07TH\uff19000001", "PA07TH900000l"],
)
def test_a_malformed_code_is_told_with_what_it_should_look_like(an: Person, household: Customer, code: str) -> None:
    problem = refused_in_both(lambda headers: look_up(an, headers, customer_code=code), 422, "customer_code_malformed")

    assert (problem["pattern"], problem["example"]) == (r"^PA07[A-Z0-9]{2}\d{7}$", "PA07TH0000001")
    assert rows("SELECT count(*) FROM lookup") == [(0,)]


@pytest.mark.parametrize("proof", [{"holder_name": None}, {"last_amount_vnd": AMOUNT_VND}])
def test_exactly_one_proof_is_needed(an: Person, household: Customer, proof: dict[str, Any]) -> None:
    problem = refused_in_both(lambda headers: look_up(an, headers, **proof), 422, "invalid_request")

    assert [(flaw["pointer"], flaw["code"]) for flaw in problem["errors"]] == [("/holder_name", "required")]


def test_an_unknown_provider_is_told(an: Person, household: Customer) -> None:
    problem = refused_in_both(lambda headers: look_up(an, headers, provider="pc-atlantis"), 404, "provider_unknown")

    assert "listProviders" in problem["detail"]


def test_a_proof_that_the_company_does_not_take_proves_nothing(an: Person) -> None:
    make_provider(proofs=["last_amount"])
    household = make_customer(code=CODE)
    make_bill(customer=household)

    by_name, by_amount = look_up(an), look_up(an, holder_name=None, last_amount_vnd=AMOUNT_VND)

    assert (by_name.status_code, by_amount.status_code) == (404, 200)


def test_after_twenty_misses_even_the_right_proof_is_refused_until_tomorrow(
    an: Person, binh: Person, household: Customer, later: Callable[[timedelta], None]
) -> None:
    for number in range(20):
        assert look_up(an, customer_code=f"PA07TH80000{number:02d}").status_code == 404

    problem = refused_in_both(lambda headers: look_up(an, headers), 429, "too_many_lookups")
    answer = look_up(an)
    others = look_up(binh)
    later(timedelta(seconds=int(answer.headers["Retry-After"])))
    _sign_in_again(an)
    tomorrow = look_up(an)

    assert problem["retryable"] is True
    assert 0 <= 86_400 - int(answer.headers["Retry-After"]) < 60  # a day after the first miss
    assert (others.status_code, tomorrow.status_code) == (200, 200)


def test_many_people_cannot_guess_at_one_code(an: Person, household: Customer) -> None:
    guessers = [_someone(an, number) for number in range(4)]
    answers = [look_up(guessers[n % 4], holder_name=f"Nguyễn Văn {chr(65 + n)}").status_code for n in range(11)]

    assert answers == [404] * 10 + [429]
    assert look_up(an).status_code == 429


def test_many_people_at_once_cannot_guess_at_one_code(an: Person, household: Customer) -> None:
    guessers = [_someone(an, number) for number in range(15)]

    def guess(number: int) -> int:
        asked = {"provider": POWER, "customer_code": CODE, "holder_name": f"Nguyễn Văn {chr(65 + number)}"}
        return guessers[number].again().post("/v1/utilities/lookups", json=asked).status_code

    answers = all_at_once(15, guess)

    assert (answers.count(404), answers.count(429)) == (10, 5)


def test_misses_that_come_at_once_are_counted_one_by_one(an: Person, household: Customer) -> None:
    def guess(number: int) -> int:
        asked = {"provider": POWER, "customer_code": f"PA07TH70000{number:02d}", "holder_name": HOLDER}
        return an.again().post("/v1/utilities/lookups", json=asked).status_code

    answers = all_at_once(30, guess)

    assert (answers.count(404), answers.count(429)) == (20, 10)


def test_who_walks_through_the_codes_is_stopped_soon_and_learns_no_name(an: Person) -> None:
    make_provider()
    for number in range(0, 500, 10):
        make_customer(code=f"PA07TH6000{number:03d}", name="Lê Thị Hồng Gấm")

    answers = [look_up(an, customer_code=f"PA07TH6000{number:03d}") for number in range(500)]

    blocked = next(place for place, answer in enumerate(answers) if answer.status_code == 429)
    assert blocked == 20
    assert {answer.status_code for answer in answers[blocked:]} == {429}
    told = "".join(answer.get_data(as_text=True) for answer in answers)
    assert not any(part in told for part in ("Gấm", "Hồng", "Thị"))


def test_a_look_up_is_kept_without_the_code_itself(an: Person, household: Customer) -> None:
    look_up(an)
    look_up(an, customer_code="PA07TH9999999")

    kept = rows("SELECT code_hash, customer_id IS NOT NULL AS hit FROM lookup ORDER BY id")

    assert [row.hit for row in kept] == [True, False]
    assert all(len(row.code_hash) == 64 for row in kept)


def test_a_look_up_opens_the_bills_for_a_day(
    an: Person, household: Customer, later: Callable[[timedelta], None]
) -> None:
    bill = make_bill(customer=household)
    before = an.get(f"/v1/utilities/bills/{bill.id}").status_code
    look_up(an)
    today = an.get(f"/v1/utilities/bills/{bill.id}").status_code
    listed = [item["id"] for item in an.get("/v1/utilities/bills").json["items"]]

    later(timedelta(hours=24, seconds=5))
    _sign_in_again(an)

    assert (before, today, listed) == (404, 200, [str(bill.id)])
    assert an.get(f"/v1/utilities/bills/{bill.id}").status_code == 404
    assert an.get("/v1/utilities/bills").json["items"] == []


def test_the_directory_says_what_to_ask_for(chi: Person) -> None:
    make_provider(POWER)
    make_provider(WATER)

    listed = chi.get("/v1/utilities/providers?area=thanh-hoa")

    shown = {provider["slug"]: provider for provider in listed.json["items"]}
    assert set(shown) == {POWER, WATER}
    assert shown[POWER]["proofs"] == ["holder_name", "last_amount"]
    assert (shown[POWER]["selection"], shown[WATER]["selection"]) == ("any", "oldest_first")
    assert listed.headers["Cache-Control"].startswith("public")
    assert chi.get("/v1/utilities/providers?kind=water").json["items"][0]["slug"] == WATER
    assert chi.get("/v1/utilities/providers?area=atlantis").json["items"] == []


def _someone(person: Person, number: int) -> Person:
    return Person(person.http.application.test_client(), f"+8490000000{number}")


def _sign_in_again(person: Person) -> None:
    with transaction() as session:
        person.token = auth.operations.start_session(session, person.id, None, is_new_device=False).access_token
