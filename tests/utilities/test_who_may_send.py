"""Who sends bills and statements: a company that is in testing, live or suspended, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from services.utilities.models import Provider
from tests.payments.stories import rows
from tests.people import Caller, Machine
from tests.utilities.test_single_bills_of_a_provider import GOOD

SCOPES = ("bills:write", "payments:read", "settlement:write")
DAY = "2026-11-18"
RAISED = {"subject": "B-1", "business_day": DAY, "amount_vnd": 0, "body": "?"}


def everything(caller: Caller) -> dict[str, Any]:
    """Each operation by which a company sends something, and what it is answered."""
    root, csv = "/v1/utilities", {"Content-Type": "text/csv"}
    return {
        "importBills": caller.post(f"{root}/imports", data="bill_no\n", headers=csv),
        "putProviderBill": caller.ask("PUT", f"{root}/provider-bills", json=GOOD),
        "closeProviderBill": caller.post(
            f"{root}/provider-bills/closures", json={"bill_no": "B", "state": "withdrawn"}
        ),
        "submitStatement": caller.post(
            f"{root}/provider-statements?business_day={DAY}", data="bill_no,amount_vnd,receipt_no\n", headers=csv
        ),
        "submitStatement of the bank": caller.post(
            f"{root}/provider-statements?business_day={DAY}&way=advice", data="reference,amount_vnd\n", headers=csv
        ),
        "a statement nobody can read": caller.post(
            f"{root}/provider-statements?business_day={DAY}", data="\xff", headers=csv
        ),
        "reportDiscrepancy": caller.post(f"{root}/provider-discrepancies", json=RAISED),
        "listProviderPostings": caller.get(f"{root}/provider-postings"),
    }


def test_a_company_that_is_not_there_is_not_found_whatever_it_sends(
    clean: None, machine: Callable[..., Machine], staff: Callable[..., Caller]
) -> None:
    system = machine(uuid4(), *SCOPES)
    clerk = staff("provider", "clerk")

    answers = everything(system) | {f"{name} by a clerk": told for name, told in everything(clerk).items()}
    by_day = system.get(f"/v1/utilities/provider-payments?day={DAY}")

    wrong = {name: told.status_code for name, told in answers.items() if told.status_code != 404}
    assert {name: status for name, status in wrong.items() if status != 403} == {}
    assert (set(wrong) <= {name for name in answers if "clerk" in name}, by_day.status_code) == (True, 404)
    assert rows("SELECT (SELECT count(*) FROM discrepancy) + (SELECT count(*) FROM bill_import)") == [(0,)]


@pytest.mark.parametrize("stage", ["applied", "in_review", "rejected", "closed"])
def test_a_company_that_is_not_let_in_or_is_closed_sends_nothing(
    power: Provider, machine: Callable[..., Machine], stage: str
) -> None:
    system = machine(power.id, *SCOPES)
    rows("UPDATE provider SET stage = :stage WHERE id = :id RETURNING id", stage=stage, id=power.id)

    answers = everything(system)

    told = {name: (each.status_code, each.json.get("code"), each.json.get("stage")) for name, each in answers.items()}
    assert told == dict.fromkeys(answers, (409, "provider_not_admitted", stage))
    assert rows("SELECT (SELECT count(*) FROM discrepancy) + (SELECT count(*) FROM bill_import)") == [(0,)]


def test_a_company_that_is_suspended_goes_on_with_what_was_begun(
    power: Provider, machine: Callable[..., Machine]
) -> None:
    system = machine(power.id, *SCOPES)
    rows("UPDATE provider SET stage = 'suspended' WHERE id = :id RETURNING id", id=power.id)

    told = {name: each.status_code for name, each in everything(system).items()}

    assert (told["importBills"], told["submitStatement"], told["reportDiscrepancy"]) == (202, 202, 201)


def test_a_day_that_no_calendar_of_ours_has_and_one_long_ago_are_refused_in_words(
    power: Provider, machine: Callable[..., Machine]
) -> None:
    system = machine(power.id, *SCOPES)

    def send(day: str) -> Any:
        csv = {"Content-Type": "text/csv"}
        return system.post(f"/v1/utilities/provider-statements?business_day={day}", data="bill_no\n", headers=csv)

    edges = [send(day).status_code for day in ("0001-01-01", "9999-12-31")]
    long_ago = send("2024-01-01")

    assert edges == [400, 400]
    assert (long_ago.status_code, long_ago.json["code"]) == (409, "day_too_old")
