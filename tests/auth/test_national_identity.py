"""National identity: there and back, one person is one citizen, and an answer that lies in any way is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import jwt
import pytest
import requests
from sqlalchemy import func, select, text

from auth import events as auth_events, identity, operations
from auth.identity import Provider
from auth.models import Citizen, IdentityAttempt, LinkedIdentity, SessionEnd, SignInSession
from kit import clock, events, sealed
from kit.database import transaction
from tests.auth.authenticator import Authenticator
from tests.auth.people import AN, Phone
from tests.auth.test_passkeys import register, sign_in as sign_in_with_passkey
from tests.people import all_at_once

APP = "vn.citizen.app:/identity"
SECRET = "a-secret-of-these-tests"
heard: list[Any] = []


def hear(session, event) -> None:
    heard.append(event)


@pytest.fixture(autouse=True)
def later():
    """Here the time is the machine's: the provider looks at its own clock."""
    clock.move(timedelta())
    passed = [timedelta()]

    def pass_time(length: timedelta) -> None:
        passed.append(length)
        clock.move(sum(passed, timedelta()))

    yield pass_time
    clock.move(timedelta())


@pytest.fixture
def provider(outside, client, settings):
    """The sandbox's provider, with us registered as a client."""
    issuer = f"{settings.sandbox_url}/identity"
    wanted = {"client_id": "citizen", "client_secret": SECRET, "client_name": "Công dân số", "redirect_uris": [APP]}
    outside._ask("POST", "/control/identity/clients", json=wanted)
    used = Provider(issuer, "citizen", SECRET, (APP,))
    identity.use_provider(used)
    heard.clear()
    events.listen(auth_events.CitizensJoined, hear)
    yield used
    task = events._heard_by[auth_events.CitizensJoined].pop(f"{hear.__module__}.hear")
    del events.app.tasks[task.name]
    identity.use_provider(settings.identity)


def visit(address: str, person: str = "an", decision: str = "agree") -> dict[str, str]:
    """What the provider sends the citizen back with, who has answered on its page in a browser."""
    with requests.Session() as browser:
        browser.trust_env = False
        sent = dict(parse_qsl(urlsplit(address).query)) | {"person": person, "decision": decision}
        answer = browser.post(address.partition("?")[0], data=sent, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text[:500]
    back = answer.headers["Location"]
    assert back.startswith(APP), back
    returned = dict(parse_qsl(urlsplit(back).query))
    returned.pop("error_description", None)
    return returned


def start(phone: Phone, **body: str):
    return phone.http.post("/v1/auth/identity-attempts", json=body)


def finish(phone: Phone, attempt_id: str, returned: dict[str, str], **more: str):
    answered = phone.http.post(f"/v1/auth/identity-attempts/{attempt_id}/answer", json=returned | more)
    if answered.status_code == 200:
        phone.tokens = answered.json
    return answered


def sign_in(phone: Phone, person: str = "an", **more: str):
    started = start(phone).json
    return finish(phone, started["id"], visit(started["authorization_url"], person), **more)


def step_up(phone: Phone, person: str = "an"):
    started = phone.call("POST", "/v1/me/step-ups/identity", json={}).json
    returned = visit(started["authorization_url"], person)
    answered = phone.call("POST", f"/v1/me/step-ups/identity/{started['id']}/answer", json=returned)
    if answered.status_code == 200:
        phone.tokens = answered.json
    return answered


def said(phone: Phone):
    return jwt.decode(phone.tokens["access_token"], options={"verify_signature": False})


def citizens() -> int:
    with transaction() as session:
        return session.execute(
            select(func.count()).select_from(Citizen).where(Citizen.joined_into.is_(None))
        ).scalar_one()


def assert_refused(answered, reason: str = "answer") -> None:
    told = (answered.status_code, answered.json["code"], answered.json.get("reason"))
    assert told == (422, "identity_refused", reason), answered.json


def test_a_person_signs_in_and_comes_back_as_the_same_citizen(phone, other_phone, provider):
    first = sign_in(phone, device_name="Điện thoại của An")
    again = sign_in(other_phone)
    other = sign_in(other_phone, "binh")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json["citizen_id"] == again.json["citizen_id"] != other.json["citizen_id"]
    assert said(phone)["acr"] == "identity"
    assert phone.me().json == {
        "id": first.json["citizen_id"],
        "phone": None,
        "language": "vi",
        "created_at": phone.me().json["created_at"],
        "assurance": "identity",
    }
    assert citizens() == 2


def test_what_the_provider_is_asked_is_strict(phone, provider):
    started = start(phone)

    asked = parse_qs(urlsplit(started.json["authorization_url"]).query)
    assert started.status_code == 201
    assert asked["code_challenge_method"] == ["S256"]
    assert (asked["response_type"], asked["acr_values"], asked["max_age"]) == (["code"], ["2"], ["300"])
    assert {len(asked[name][0]) for name in ("state", "nonce", "code_challenge")} == {43}
    assert len({asked[name][0] for name in ("state", "nonce", "code_challenge")}) == 3


def test_no_secret_of_an_attempt_is_stored(phone, provider):
    started = start(phone)

    asked = parse_qs(urlsplit(started.json["authorization_url"]).query)
    with transaction() as session:
        stored = session.execute(text("SELECT string_agg(t::text, ' ') FROM identity_attempt t")).scalar_one()
    assert not any(asked[name][0] in stored for name in ("state", "nonce", "code_challenge"))


def test_verified_facts_are_kept_in_the_vault_alone(phone, provider):
    citizen_id = UUID(sign_in(phone).json["citizen_id"])

    with transaction() as session:
        kept = sealed.read(session, citizen_id)
        proofs = sealed.list_proofs(session, citizen_id)
        stored = session.execute(text("SELECT string_agg(t::text, ' ') FROM linked_identity t")).scalar_one()
    assert kept == {"name": "Nguyễn Văn An", "birth_date": "1990-05-12", "cccd": "000090000001"}
    assert set(proofs.values()) == {"national_identity"}
    assert not any(value in stored for value in kept.values())


def test_the_mapping_of_claims_is_a_setting(phone, provider):
    identity.use_provider(replace(provider, claims={"name": "gender"}))

    citizen_id = UUID(sign_in(phone).json["citizen_id"])

    with transaction() as session:
        assert sealed.read(session, citizen_id) == {"name": "male"}
    with pytest.raises(ValueError, match="cccd"):
        identity.use_provider(replace(provider, claims={"shoe_size": "shoe_size"}))


LIES = (
    "wrong_issuer", "wrong_audience", "extra_audience", "expired", "missing_expiry", "issued_in_future", "wrong_nonce",
    "missing_nonce", "old_auth_time", "alg_none", "hs256_public_key", "unpublished_key", "kid_of_another_key",
    "embedded_key", "zero_signature", "tampered_payload",
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_bad_id_token_is_refused(phone, provider, outside, lie):
    started = start(phone).json
    returned = visit(started["authorization_url"])
    outside.spoil("identity", lie)

    assert_refused(finish(phone, started["id"], returned))

    assert citizens() == 0
    assert sign_in(phone).status_code == 200


@pytest.mark.parametrize("lie", ["lower_acr", "missing_acr"])
def test_a_level_that_is_too_low_is_refused(phone, provider, outside, lie):
    outside.spoil("identity", lie)

    assert_refused(sign_in(phone), "level")


@pytest.mark.parametrize("lie", ["state_missing", "state_changed", "wrong_issuer_returned"])
def test_a_bad_way_back_is_refused(phone, provider, outside, lie):
    outside.spoil("identity", lie)

    assert_refused(sign_in(phone))


@pytest.mark.parametrize("person", ["giang", "khoi", "lan"])
def test_whom_the_provider_bars_is_not_signed_in(phone, provider, person):
    assert_refused(sign_in(phone, person), "declined")


def test_a_person_of_the_first_level_is_told_so(phone, provider):
    assert_refused(sign_in(phone, "dung"), "level")


def test_who_declines_is_not_signed_in(phone, provider):
    started = start(phone).json

    declined = finish(phone, started["id"], visit(started["authorization_url"], decision="refuse"))

    assert_refused(declined, "declined")


def test_an_attempt_works_once_whatever_comes_of_it(phone, other_phone, provider):
    started = start(phone).json
    returned = visit(started["authorization_url"])

    wrong = finish(phone, started["id"], returned | {"state": "A" * 43})
    late = finish(other_phone, started["id"], returned)

    assert_refused(wrong)
    assert (late.status_code, late.json["code"]) == (410, "identity_attempt_over")


def test_one_way_back_taken_ten_times_at_once_signs_in_once(phone, client, provider):
    started = start(phone).json
    returned = visit(started["authorization_url"])

    answers = all_at_once(10, lambda _: finish(Phone(client()), started["id"], returned))

    assert sorted(each.status_code for each in answers) == [200] + [410] * 9


def test_the_code_of_one_attempt_is_no_answer_to_another(phone, other_phone, provider):
    mine, other = start(phone).json, start(other_phone).json
    stolen = visit(mine["authorization_url"])
    own = visit(other["authorization_url"], "binh")

    # Login by a planted code: its state, its nonce and its verifier are those of another attempt.
    assert_refused(finish(other_phone, other["id"], stolen))
    fresh = start(other_phone).json
    state = visit(fresh["authorization_url"], "binh")["state"]
    assert_refused(finish(other_phone, fresh["id"], own | {"state": state}))


def test_an_attempt_expires_after_ten_minutes(phone, provider, later):
    started = start(phone).json
    returned = visit(started["authorization_url"])
    later(timedelta(minutes=10, seconds=1))

    late = finish(phone, started["id"], returned)

    assert (late.status_code, late.json["code"]) == (410, "identity_attempt_over")


def test_only_registered_addresses_are_returned_to(phone, provider):
    refused = start(phone, redirect_uri="https://evil.example/identity")

    assert (refused.status_code, refused.json["code"]) == (422, "redirect_not_allowed")


def test_a_provider_that_is_down_is_told_as_such(phone, provider, outside):
    outside.spoil("identity", "down", count=100)

    refused = start(phone)
    outside.mend()

    assert (refused.status_code, refused.json["code"]) == (503, "identity_unavailable")
    assert start(phone).status_code == 201


def test_where_it_is_not_offered_it_says_so(phone, client):
    identity.use_provider(None)

    refused = start(phone)

    assert (refused.status_code, refused.json["code"]) == (409, "identity_not_offered")


def test_a_rotated_key_of_the_provider_is_learned(phone, provider, outside, later):
    sign_in(phone)
    outside._ask("POST", "/control/identity/rotate-keys")
    later(timedelta(seconds=11))

    assert sign_in(phone).status_code == 200


def test_by_phone_or_by_identity_it_is_the_same_citizen_once_linked(phone, other_phone, provider):
    citizen_id = phone.sign_in(AN)["citizen_id"]
    old = dict(phone.tokens)

    linked = step_up(phone)
    by_identity = sign_in(other_phone)

    assert (linked.status_code, linked.json["citizen_id"]) == (200, citizen_id)
    assert said(phone)["acr"] == "identity"
    assert by_identity.json["citizen_id"] == citizen_id
    assert phone.refresh(old["refresh_token"]).status_code == 401
    assert phone.me().json["phone"] == "0912 *** 678"
    assert (citizens(), heard) == (1, [])


def test_the_same_number_at_the_provider_joins_nobody(phone, other_phone, provider):
    # The provider tells +84912345678 of An as well; but a number is not a person.
    by_phone = phone.sign_in(AN)["citizen_id"]
    by_identity = sign_in(other_phone).json["citizen_id"]

    assert by_phone != by_identity


def test_who_came_by_two_doors_is_one_citizen_when_both_are_proved_at_once(
    phone, other_phone, client, provider, work, outside
):
    by_identity = sign_in(other_phone).json["citizen_id"]
    by_phone = phone.sign_in(AN)["citizen_id"]
    authenticator = Authenticator()
    assert register(phone, authenticator).status_code == 201

    joined = step_up(phone)
    assert work() == []

    assert joined.json["citizen_id"] == by_identity != by_phone
    assert [(str(event.kept_id), str(event.joined_id)) for event in heard] == [(by_identity, by_phone)]
    fresh, third = Phone(client()), Phone(client())
    assert fresh.sign_in(AN)["citizen_id"] == by_identity
    assert sign_in_with_passkey(third, authenticator).json["citizen_id"] == by_identity
    assert phone.me().json["phone"] == "0912 *** 678"
    assert citizens() == 1
    with transaction() as session:
        ended = session.execute(select(SignInSession.ended_by).where(SignInSession.citizen_id == by_phone)).scalars()
        assert set(ended) == {SessionEnd.ENDED_ELSEWHERE}


def test_a_citizen_linked_to_one_person_is_not_linked_to_another(phone, provider):
    phone.sign_in(AN)
    step_up(phone, "an")

    refused = step_up(phone, "binh")

    assert (refused.status_code, refused.json["code"]) == (409, "identity_of_another")
    assert phone.me().json["assurance"] == "identity"


def test_a_person_whom_another_client_names_differently_is_known_by_their_verified_code(
    phone, other_phone, provider, outside
):
    first = sign_in(phone).json["citizen_id"]
    wanted = {"client_id": "citizen-2", "client_secret": SECRET, "client_name": "Công dân số", "redirect_uris": [APP]}
    outside._ask("POST", "/control/identity/clients", json=wanted)
    identity.use_provider(replace(provider, client_id="citizen-2", issuer=provider.issuer))
    with transaction() as session:
        session.execute(text("UPDATE linked_identity SET issuer = 'https://identity.example'"))

    second = sign_in(other_phone)

    assert second.json["citizen_id"] == first
    with transaction() as session:
        assert session.execute(select(func.count()).select_from(LinkedIdentity)).scalar_one() == 2


def test_first_sign_ins_of_one_person_at_once_make_one_citizen(client, provider):
    phones = [Phone(client()) for _ in range(5)]
    ways = [start(phone).json for phone in phones]
    back = [visit(way["authorization_url"]) for way in ways]

    answers = all_at_once(5, lambda place: finish(phones[place], ways[place]["id"], back[place]))

    assert [each.status_code for each in answers] == [200] * 5
    assert len({each.json["citizen_id"] for each in answers}) == 1
    assert citizens() == 1


def test_old_attempts_are_forgotten(phone, provider, later):
    start(phone)
    later(timedelta(days=1, seconds=1))
    start(phone)

    with transaction() as session:
        operations.forget_old_attempts(session)

    with transaction() as session:
        assert session.execute(select(func.count()).select_from(IdentityAttempt)).scalar_one() == 1
