"""Linked customer codes: kept for good, seen by their owner alone, and gone when unlinked."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from services.utilities.models import Bill
from tests.factories import HOLDER, POWER, link, make_bill
from tests.payments.stories import pay, refused_in_both
from tests.people import Outside, Person, Work


@pytest.fixture
def bill() -> Bill:
    return make_bill()


def _bodies(*answers: Any) -> list[dict[str, Any]]:
    return [{name: answer.json[name] for name in answer.json if name != "instance"} for answer in answers]


def test_a_linked_account_shows_its_bills(an: Person, bill: Bill) -> None:
    before = an.get("/v1/utilities/bills").json["items"]

    (account,) = link(an, bill)

    assert before == []
    assert (account["provider"], account["kind"], account["holder_name"]) == (POWER, "power", "N***** V** An")
    assert [item["id"] for item in an.get("/v1/utilities/bills").json["items"]] == [str(bill.id)]
    assert an.get("/v1/utilities/accounts").json["items"] == [account]


def test_linking_twice_gives_the_same_account(an: Person, bill: Bill) -> None:
    first, second = link(an, bill), link(an, bill)

    assert first == second
    assert len(an.get("/v1/utilities/accounts").json["items"]) == 1


def test_two_members_of_a_household_each_have_their_own_link(an: Person, binh: Person, bill: Bill) -> None:
    (of_an,), (of_binh,) = link(an, bill), link(binh, bill)

    assert of_an["id"] != of_binh["id"]
    assert an.get(f"/v1/utilities/bills/{bill.id}").json == binh.get(f"/v1/utilities/bills/{bill.id}").json


def test_linking_needs_the_same_proof_as_looking_up(an: Person, bill: Bill) -> None:
    asked = {"provider": POWER, "customer_code": "PA07TH9999999", "holder_name": HOLDER}
    malformed = asked | {"customer_code": "1"}

    refused_in_both(lambda h: an.post("/v1/utilities/accounts", json=asked, headers=h), 404, "customer_not_matched")
    refused_in_both(
        lambda h: an.post("/v1/utilities/accounts", json=malformed, headers=h), 422, "customer_code_malformed"
    )

    assert an.get("/v1/utilities/accounts").json["items"] == []


def test_unlinking_hides_the_bills_and_keeps_the_payments(an: Person, bill: Bill, outside: Outside, work: Work) -> None:
    customer_code = link(an, bill)[0]["customer_code"]
    outside.has_bill(POWER, bill_no=bill.bill_no, customer_code=customer_code, amount_vnd=bill.amount_vnd)
    payment_id = pay(an, bill).json["id"]
    work()
    read = an.get(f"/v1/utilities/accounts/{link(an, bill)[0]['id']}")

    gone = an.delete(f"/v1/utilities/accounts/{read.json['id']}", headers={"If-Match": read.headers["ETag"]})

    assert gone.status_code == 204
    assert an.get(f"/v1/utilities/bills/{bill.id}").status_code == 404
    assert an.get("/v1/utilities/bills").json["items"] == []
    assert an.get(f"/v1/utilities/accounts/{read.json['id']}").status_code == 404
    assert an.get(f"/v1/payments/{payment_id}").json["state"] == "captured"


def test_unlinking_needs_the_tag_of_what_was_read(an: Person, bill: Bill) -> None:
    (account,) = link(an, bill)
    path = f"/v1/utilities/accounts/{account['id']}"

    refused_in_both(lambda headers: an.delete(path, headers=headers), 428, "precondition_required")
    refused_in_both(lambda headers: an.delete(path, headers=headers | {"If-Match": '"x"'}), 412, "precondition_failed")

    assert an.get(path).status_code == 200


def test_an_account_that_was_unlinked_can_be_linked_again(an: Person, bill: Bill) -> None:
    (old,) = link(an, bill)
    tag = an.get(f"/v1/utilities/accounts/{old['id']}").headers["ETag"]
    an.delete(f"/v1/utilities/accounts/{old['id']}", headers={"If-Match": tag})

    (new,) = link(an, bill)

    assert new["id"] != old["id"]
    assert an.get(f"/v1/utilities/bills/{bill.id}").status_code == 200


def test_an_account_of_another_citizen_looks_like_one_that_does_not_exist(an: Person, binh: Person, bill: Bill) -> None:
    (account,) = link(an, bill)
    paths = [f"/v1/utilities/accounts/{found}" for found in (account["id"], uuid4())]

    read = [binh.get(path) for path in paths]
    deleted = [binh.delete(path, headers={"If-Match": '"x"'}) for path in paths]

    assert [answer.status_code for answer in read + deleted] == [404] * 4
    bodies = _bodies(*read, *deleted)
    assert all(body == bodies[0] for body in bodies)
    assert an.get(paths[0]).status_code == 200
    filtered = [binh.get(f"/v1/utilities/bills?account_id={found}").json for found in (account["id"], uuid4())]
    assert filtered == [{"items": []}, {"items": []}]


def test_a_bill_of_another_household_looks_like_one_that_does_not_exist(an: Person, binh: Person, bill: Bill) -> None:
    link(an, bill)

    answers = [binh.get(f"/v1/utilities/bills/{found}") for found in (bill.id, uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert len({str(body) for body in _bodies(*answers)}) == 1


@pytest.mark.parametrize("path", ["bills", "accounts", "bills/019a0b00-0000-7000-8000-000000000001"])
def test_nobody_sees_anything_without_signing_in(chi: Person, path: str) -> None:
    problem = refused_in_both(lambda headers: chi.get(f"/v1/utilities/{path}", headers=headers), 401, "not_signed_in")

    assert problem["next_action"] == "refresh_session"


def test_a_code_and_a_name_never_stand_in_a_log_line(
    an: Person, bill: Bill, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    account = link(an, bill)[0]

    an.get("/v1/utilities/bills", query_string={"account_id": account["id"]})

    logged = caplog.text + capsys.readouterr().err
    assert "linkAccount" in logged
    assert account["customer_code"] not in logged
    assert "Văn An" not in logged
