"""Mandates: offered with a code, accepted, used in their bounds, seen by both, over at once when they end."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

import services.utilities.operations as utilities
from kit import clock
from kit.database import new_id, transaction
from payments.models import Payment
from persons.models import DataAccess, Mandate
from services.utilities.models import Account, Bill, Customer
from tests.people import Person, all_at_once
from tests.privacy.clear_text import places_of

PATH, ACCEPT = "/v1/me/mandates", "/v1/me/mandate-acceptances"
BILLS = "/v1/utilities/bills"
BOTH = ("bills:read", "bills:pay")
PROVIDER = {
    "slug": "pc-bac-ninh",
    "kind": "power",
    "name_vi": "Điện lực Bắc Ninh",
    "name_en": "Bac Ninh Power",
    "group": None,
    "areas": ["bac-ninh"],
    "hotline": None,
    "lookup": {
        "customer_code": {"pattern": "^PA[0-9]{6}$", "example": "PA000001", "label_vi": "Mã", "label_en": "Code"},
        "proofs": ["holder_name"],
    },
    "payable": {"selection": "any", "exactness": "exact"},
    "cut_off": "17:00",
    "source": "tests",
}


@pytest.fixture
def dung(client) -> Person:
    """A third citizen, who holds no mandate."""
    return Person(client(), "+84933333333")


def offer(principal, *scopes, days=30):
    asked = {"scopes": list(scopes or BOTH), "ends_at": (clock.now() + timedelta(days=days)).isoformat()}
    return principal.post(PATH, json=asked)


def empower(principal, agent, *scopes, days=30):
    """The mandate as its agent sees it."""
    code = offer(principal, *scopes, days=days).json["code"]
    accepted = agent.post(ACCEPT, json={"code": code})
    assert accepted.status_code == 200, accepted.json
    return accepted.json


def acting(principal) -> dict[str, str]:
    return {"Act-For": str(principal.id)}


def owe(person) -> UUID:
    """A bill of a household whose code the person has linked."""
    with transaction() as session:
        utilities.save_providers(session, [PROVIDER])
        provider = utilities.get_provider(session, "pc-bac-ninh")
        customer = Customer(
            id=new_id(), provider_id=provider.id, code=f"PA{uuid4().int % 10**6:06d}", name="X", address="Y"
        )
        session.add(customer)
        session.flush()
        session.add(Account(citizen_id=person.id, customer_id=customer.id))
        bill = Bill(
            id=new_id(), provider_id=provider.id, customer_id=customer.id, bill_no=uuid4().hex, period="2026-10",
            amount_vnd=636_768, before_tax_vnd=589_600, vat_vnd=47_168, fee_vnd=0, usage=250, lines=[],
            issued_on=clock.today(), due_on=clock.today(), version="1",
        )  # fmt: skip
        session.add(bill)
        session.flush()
        return bill.id


def change(person, mandate, **asked):
    etag = person.get(f"{PATH}/{mandate['id']}").headers["ETag"]
    return person.patch(f"{PATH}/{mandate['id']}", json=asked, headers={"If-Match": etag})


def revoke(person, mandate):
    etag = person.get(f"{PATH}/{mandate['id']}").headers["ETag"]
    return person.delete(f"{PATH}/{mandate['id']}", headers={"If-Match": etag})


# -- giving and taking -------------------------------------------------------------------------------------------------


def test_a_mandate_is_offered_accepted_and_seen_by_both(an, binh, dung):
    offered = offer(an)
    accepted = binh.post(ACCEPT, json={"code": offered.json["code"].lower().replace("-", " ")})

    mine, theirs = an.get(PATH).json["items"], binh.get(PATH).json["items"]
    assert (offered.status_code, offered.json["state"], offered.json["agent_id"]) == (201, "offered", None)
    assert (accepted.status_code, accepted.json["state"]) == (200, "active")
    assert [(one["side"], one["other_name"]) for one in (*mine, *theirs)] == [
        ("principal", "0987 *** 321"),
        ("agent", "0912 *** 678"),
    ]
    for one in (*mine, *theirs):
        assert (one["principal_id"], one["agent_id"]) == (str(an.id), str(binh.id))
        assert (one["scopes"], "code" in one) == (["bills:pay", "bills:read"], False)
    assert dung.get(PATH).json["items"] == []
    assert dung.get(f"{PATH}/{accepted.json['id']}").status_code == 404
    assert places_of(offered.json["code"], offered.json["code"].replace("-", "")) == []


def test_the_same_request_tells_the_same_code(an):
    asked = {"scopes": ["bills:read"], "ends_at": (clock.now() + timedelta(days=9)).isoformat()}
    key = {"Idempotency-Key": "for-binh"}

    first, again = (an.post(PATH, json=asked, headers=key).json["code"] for _time in range(2))
    other = offer(an).json["code"]

    assert first == again
    assert first != other


def test_a_code_makes_one_agent_whoever_races(an, client):
    code = offer(an).json["code"]
    many = [Person(client(), f"+8493333330{nth}") for nth in range(6)]

    answers = all_at_once(6, lambda nth: many[nth].again().post(ACCEPT, json={"code": code}).status_code)

    assert sorted(answers) == [200] + [422] * 5
    winner = many[answers.index(200)]
    assert winner.post(ACCEPT, json={"code": code}).status_code == 200
    with transaction() as session:
        assert session.scalars(select(Mandate.agent_id)).one() == winner.id


def test_a_code_that_is_wrong_late_withdrawn_or_ones_own_opens_nothing(an, binh, later):
    own, withdrawn = offer(an).json, offer(an).json
    revoke(an, withdrawn)
    old = offer(an).json["code"]

    tried = [an.post(ACCEPT, json={"code": own["code"]})]
    tried += [binh.post(ACCEPT, json={"code": code}) for code in ("AAAA-AAAA-AAAA-AAAA", "", "-", withdrawn["code"])]
    later(timedelta(days=7, minutes=1))
    renewed = Person(binh.http, "+84987654321")
    tried.append(renewed.post(ACCEPT, json={"code": old}))

    assert [one.status_code for one in tried] == [422] * 6
    assert {one.json["code"] for one in tried} <= {"mandate_code_refused", "invalid_request"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["bookings:write"]},
        {"ends_at": "2020-01-01T00:00:00+07:00"},
        {"ends_at": "2099-01-01T00:00:00+07:00"},
        {"ends_at": "2027-01-01T00:00:00"},
        {"agent_id": str(uuid4())},
    ],
)
def test_a_mandate_without_bounds_is_refused(an, wrong):
    right = {"scopes": ["bills:read"], "ends_at": (clock.now() + timedelta(days=9)).isoformat()}

    refused = an.post(PATH, json=right | wrong)

    assert refused.status_code in {400, 422}
    assert an.get(PATH).json["items"] == []


# -- acting ------------------------------------------------------------------------------------------------------------


def test_an_agent_reads_the_bills_of_the_principal_and_only_when_asked(an, binh, dung):
    bill, own = owe(an), owe(binh)
    empower(an, binh, "bills:read")

    listed = binh.get(BILLS, headers=acting(an))
    read = binh.get(f"{BILLS}/{bill}", headers=acting(an))

    assert [one["id"] for one in listed.json["items"]] == [str(bill)]
    assert (read.status_code, read.json["amount_vnd"]) == (200, 636_768)
    assert [one["id"] for one in binh.get(BILLS).json["items"]] == [str(own)]
    assert binh.get(f"{BILLS}/{bill}").status_code == 404
    assert dung.get(BILLS, headers=acting(an)).status_code == 404
    assert an.get(BILLS, headers=acting(binh)).status_code == 404


def test_the_principal_sees_every_act_and_who_did_it(an, binh):
    bill = owe(an)
    empower(an, binh, "bills:read")

    binh.get(BILLS, headers=acting(an))
    binh.get(f"{BILLS}/{bill}", headers=acting(an))
    binh.get(f"{BILLS}/{bill}")

    seen = an.get("/v1/me/accesses").json["items"]
    assert [(one["operation"], one["role"], one["purpose"], one["actor_id"]) for one in seen] == [
        ("getBill", "delegate", "mandate", str(binh.id)),
        ("listBills", "delegate", "mandate", str(binh.id)),
    ]
    assert binh.get("/v1/me/accesses").json["items"] == []


def test_an_agent_pays_and_the_payment_is_the_principals(an, binh, outside):
    bill, own = owe(an), owe(binh)
    empower(an, binh)
    asked = {"bill_ids": [str(bill)], "amount_vnd": 636_768, "payment_method": "pm_card_visa"}

    paid = binh.post("/v1/utilities/payments", json=asked, headers=acting(an))
    not_theirs = binh.post("/v1/utilities/payments", json=asked | {"bill_ids": [str(own)]}, headers=acting(an))

    payment = f"/v1/payments/{paid.json['id']}"
    assert (paid.status_code, not_theirs.status_code) == (201, 404)
    assert an.get(payment).status_code == 200
    assert binh.get(payment, headers=acting(an)).status_code == 200
    assert binh.get(payment).status_code == 404
    with transaction() as session:
        assert session.scalars(select(Payment.citizen_id)).all() == [an.id]
        acts = session.scalars(select(DataAccess.operation).order_by(DataAccess.id)).all()
    assert acts == ["payBills", "payBills", "getPayment"]


def test_one_key_for_two_principals_is_two_intentions(an, binh, dung, outside):
    for principal in (an, dung):
        empower(principal, binh)
    key = {"Idempotency-Key": "one-key"}

    def pay(principal, bill):
        asked = {"bill_ids": [str(bill)], "amount_vnd": 636_768, "payment_method": "pm_card_visa"}
        return binh.post("/v1/utilities/payments", json=asked, headers=acting(principal) | key)

    first, second = pay(an, owe(an)), pay(dung, owe(dung))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json["id"] != second.json["id"]


def test_a_scope_that_was_not_given_is_nothing(an, binh):
    bill = owe(an)
    empower(an, binh, "bills:read")
    asked = {"bill_ids": [str(bill)], "amount_vnd": 636_768, "payment_method": "pm_card_visa"}

    refused = binh.post("/v1/utilities/payments", json=asked, headers=acting(an))

    assert refused.status_code == 404
    assert an.get(f"{BILLS}/{bill}").json["state"] == "open"


def test_a_narrowed_mandate_is_narrow_at_once(an, binh):
    bill = owe(an)
    mandate = empower(an, binh)

    narrowed = change(an, mandate, scopes=["bills:pay"])

    assert (narrowed.status_code, narrowed.json["scopes"]) == (200, ["bills:pay"])
    assert binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code == 404


@pytest.mark.parametrize("who", ["principal", "agent"])
def test_a_revoked_mandate_is_over_at_once_whoever_ends_it(an, binh, who):
    bill = owe(an)
    mandate = empower(an, binh)
    before = binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code

    ended = revoke(an if who == "principal" else binh, mandate)

    assert (before, ended.status_code) == (200, 204)
    assert binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code == 404
    assert [an.get(PATH).json["items"][0]["state"], binh.get(PATH).json["items"][0]["state"]] == ["revoked"] * 2
    assert change(an, mandate, scopes=["bills:read"]).json["code"] == "mandate_over"
    with transaction() as session:
        assert session.scalars(select(Mandate.revoked_by)).one() == who


def test_an_expired_mandate_is_over_at_once(an, binh, later):
    bill = owe(an)
    mandate = empower(an, binh)
    change(an, mandate, ends_at=(clock.now() + timedelta(minutes=2)).isoformat())
    before = binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code

    later(timedelta(minutes=2, seconds=1))

    assert (before, binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code) == (200, 404)
    assert binh.get(PATH).json["items"][0]["state"] == "expired"


def test_a_mandate_holds_only_from_its_day(an, binh, later):
    bill = owe(an)
    begins = clock.now() + timedelta(minutes=2)
    asked = {
        "scopes": ["bills:read"],
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(days=1)).isoformat(),
    }
    binh.post(ACCEPT, json={"code": an.post(PATH, json=asked).json["code"]})
    before = binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code

    later(timedelta(minutes=2, seconds=1))

    assert (before, binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code) == (404, 200)


def test_a_mandate_never_widens(an, binh):
    mandate = empower(an, binh, "bills:read", days=10)

    more = change(an, mandate, scopes=list(BOTH))
    longer = change(an, mandate, ends_at=(clock.now() + timedelta(days=20)).isoformat())
    by_agent = change(binh, mandate, scopes=["bills:read"])
    stale = an.patch(f"{PATH}/{mandate['id']}", json={"scopes": ["bills:read"]}, headers={"If-Match": '"old"'})

    assert [(one.status_code, one.json["code"]) for one in (more, longer)] == [(422, "mandate_only_narrows")] * 2
    assert (by_agent.status_code, stale.status_code) == (404, 412)


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/v1/me"), ("GET", "/v1/utilities/accounts"), ("GET", "/v1/messages"), ("GET", "/v1/me/identity"),
    ("POST", "/v1/me/exports"), ("POST", "/v1/me/erasure"), ("GET", PATH), ("POST", PATH), ("GET", "/v1/payments"),
])  # fmt: skip
def test_what_no_mandate_covers_is_refused_and_not_done_for_the_agent_instead(an, binh, method, path):
    empower(an, binh)

    refused = binh.ask(method, path, headers=acting(an))

    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")


def test_a_header_that_names_nobody_is_not_found(an, binh, chi, machine):
    empower(an, binh)

    assert [binh.get(BILLS, headers={"Act-For": who}).status_code for who in ("an", "", str(uuid4()))] == [404] * 3
    assert chi.get(BILLS, headers=acting(an)).status_code == 401
    assert machine(uuid4()).get(BILLS, headers=acting(an)).status_code == 403


def test_who_is_erased_leaves_no_mandate_behind(an, binh):
    bill = owe(an)
    empower(an, binh)
    held = empower(binh, an)

    an.post("/v1/me/erasure", json={"confirm": "erase everything"})

    assert binh.get(f"{BILLS}/{bill}", headers=acting(an)).status_code == 404
    assert {one["state"] for one in binh.get(PATH).json["items"]} == {"revoked"}
    assert {one["other_name"] for one in binh.get(PATH).json["items"]} == {None}
    assert binh.get(f"{PATH}/{held['id']}").json["state"] == "revoked"
