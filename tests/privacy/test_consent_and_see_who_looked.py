"""Consenting in the words that were shown, and seeing who looked, for whom, why and when."""

from __future__ import annotations

from itertools import pairwise
from uuid import uuid4

import pytest
from click.testing import CliRunner

import persons.operations
from kit.database import transaction
from persons.cli import commands
from persons.errors import PurposeMissing
from persons.guard import stated_purpose
from persons.models import AccessPurpose, AccessRole

# -- consents ----------------------------------------------------------------------------------------------------------


def test_nothing_is_consented_to_by_default(an):
    items = an.get("/v1/me/consents").json["items"]

    assert {item["purpose"] for item in items} == {"bill_reminders", "service_research"}
    assert [(item["given"], item["given_version"], item["decided_at"]) for item in items] == [(False, None, None)] * 2


def test_a_consent_is_given_and_withdrawn_and_every_decision_is_kept(an, binh):
    chosen = {"purpose": "bill_reminders", "version": 1}

    given = [an.post("/v1/me/consents", json=chosen).json["given"] for _time in range(2)]
    with transaction() as session:
        stands = persons.operations.has_consented(session, an.id, "bill_reminders")
    withdrawn = [an.post("/v1/me/consent-withdrawals", json={"purpose": "bill_reminders"}).json for _time in range(2)]

    assert (given, stands) == ([True, True], True)
    assert [one["given"] for one in withdrawn] == [False, False]
    history = an.post("/v1/me/exports").json["rooms"]["persons"]["consents"]
    assert [(one["action"], one["text_version"]) for one in history] == [("given", 1), ("withdrawn", 1)]
    assert not any(item["given"] for item in binh.get("/v1/me/consents").json["items"])


def test_consent_to_words_that_changed_is_refused(an):
    refused = an.post("/v1/me/consents", json={"purpose": "bill_reminders", "version": 7})
    unknown = an.post("/v1/me/consents", json={"purpose": "selling_data", "version": 1})

    assert (refused.status_code, refused.json["code"], refused.json["version"]) == (409, "consent_text_changed", 1)
    assert unknown.status_code == 404


def test_consents_are_asked_for_in_the_language_of_the_reader(an):
    vi, en = (
        an.get("/v1/me/consents", headers={"Accept-Language": language}).json["items"][0] for language in ("vi", "en")
    )

    assert (vi["title"], en["title"]) == ("Nhắc hóa đơn sắp đến hạn", "Reminders of bills that fall due")


# -- who looked --------------------------------------------------------------------------------------------------------


def test_a_citizen_sees_who_looked_for_whom_why_and_when(an, binh):
    with transaction() as session:
        for purpose in (AccessPurpose.BILLING, AccessPurpose.COMPLAINT):
            persons.operations.record_access(
                session,
                an.id,
                role=AccessRole.PROVIDER,
                purpose=purpose,
                operation="getCustomer",
                fields=["phone", "name", "name"],
                organisation="Công ty Điện lực Bắc Ninh",
                actor_id=uuid4(),
            )

    vi = an.get("/v1/me/accesses").json["items"]
    en = an.get("/v1/me/accesses", headers={"Accept-Language": "en"}).json["items"]

    assert [one["purpose"] for one in vi] == ["complaint", "billing"]
    assert (vi[0]["purpose_text"], en[0]["purpose_text"]) == ("Giải quyết khiếu nại", "Handling a complaint")
    assert (vi[0]["organisation"], vi[0]["fields_seen"]) == ("Công ty Điện lực Bắc Ninh", ["name", "phone"])
    assert binh.get("/v1/me/accesses").json["items"] == []
    assert all(later["at"] >= earlier["at"] for later, earlier in pairwise(vi))


def test_staff_must_say_why_they_look(app):
    for stated in ({}, {"Access-Purpose": "curiosity"}, {"Access-Purpose": "mandate"}):
        with app.test_request_context(headers=stated), pytest.raises(PurposeMissing):
            stated_purpose()
    with app.test_request_context(headers={"Access-Purpose": "complaint"}):
        assert stated_purpose() is AccessPurpose.COMPLAINT


def test_an_operator_finds_a_citizen_by_number_and_the_citizen_sees_it(an):
    looked = ["find", "--purpose", "citizen_request", "--organisation", "Sở Khoa học và Công nghệ"]

    found = CliRunner().invoke(commands, looked, input="0912 345 678\n")
    unknown = CliRunner().invoke(commands, looked, input="0977 345 678\n")
    silent = CliRunner().invoke(commands, ["find", "--organisation", "Sở"], input="0912 345 678\n")

    assert found.output.endswith(f"{an.id}\n")
    assert "0912" not in found.output
    assert unknown.output.endswith("no citizen has proved this number\n")
    assert silent.exit_code != 0
    [seen] = an.get("/v1/me/accesses").json["items"]
    assert (seen["role"], seen["organisation"], seen["purpose"]) == (
        "operator", "Sở Khoa học và Công nghệ", "citizen_request",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me/identity"),
        ("POST", "/v1/me/exports"),
        ("POST", "/v1/me/erasure"),
        ("GET", "/v1/me/data-requests"),
        ("GET", "/v1/me/consents"),
        ("GET", "/v1/me/accesses"),
        ("GET", "/v1/me/household"),
        ("GET", "/v1/me/mandates"),
    ],
)
def test_who_has_not_signed_in_sees_nothing(chi, machine, method, path):
    system = machine(uuid4())

    assert chi.ask(method, path).status_code == 401
    assert system.ask(method, path).status_code == 403
