"""The identity provider's keys change, and what it knows outlives it."""

import json
from pathlib import Path

import jwt
import pytest
import requests

from sandbox import Server
from tests.sandbox.relying_party import OUT, RETURN, RelyingParty
from tests.sandbox.sandbox_clients import Start


@pytest.fixture
def party(world: Server) -> RelyingParty:
    return RelyingParty(world.url)


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def test_keys_rotate_in_the_middle_of_a_sign_in(party: RelyingParty) -> None:
    before = party.tokens("an")["id_token"]
    code = party.sign_in("binh")["code"]

    rotated = party.control("rotate-keys").json()

    after = party.redeem(code).json()["id_token"]
    assert kid_of(after) == rotated["kid"] != kid_of(before)
    assert list(party.jwks()) == [kid_of(after), kid_of(before)]
    assert [party.signed(token)["name"] for token in (before, after)] == ["Nguyễn Văn An", "Trần Thị Bình"]


def test_an_old_key_disappears_after_a_day(party: RelyingParty) -> None:
    (old,) = party.jwks()
    new = party.control("rotate-keys").json()["kid"]
    seen = {}

    for hours in (23, 25):
        requests.post(f"{party.url}/control/clock", json={"offset_seconds": hours * 3600}, timeout=5)
        seen[hours] = list(party.jwks())

    assert seen == {23: [new, old], 25: [new]}


def test_a_withdrawn_key_disappears_at_once(party: RelyingParty) -> None:
    stolen = party.tokens("an")["id_token"]
    party.control("rotate-keys")

    rotated = party.control("rotate-keys", withdraw=True).json()

    assert list(party.jwks()) == [rotated["kid"]]
    with pytest.raises(jwt.InvalidTokenError, match="no such key"):
        party.signed(stolen)
    assert party.signed(party.tokens("an")["id_token"])["name"] == "Nguyễn Văn An"


def test_a_token_of_a_withdrawn_key_signs_nobody_out(party: RelyingParty) -> None:
    stolen = party.tokens("an")["id_token"]
    party.control("rotate-keys", withdraw=True)
    address = party.metadata["end_session_endpoint"]

    elsewhere = requests.post(address, data={"id_token_hint": stolen, "post_logout_redirect_uri": OUT}, timeout=5)

    assert elsewhere.status_code == 400
    assert "code" in party.visit(prompt="none")


@pytest.mark.parametrize("wrong", [{"withdraw": "yes"}, {"withdraw": None}])
def test_an_unclear_order_rotates_nothing(party: RelyingParty, wrong: dict[str, object]) -> None:
    before = party.jwks()

    refused = party.control("rotate-keys", **wrong)

    assert refused.status_code == 400
    assert party.jwks() == before


def test_the_published_keys_are_public_and_cacheable(party: RelyingParty) -> None:
    answer = requests.get(party.metadata["jwks_uri"], timeout=5)

    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["alg"], key["use"]) == ("ES256", "sig")
    assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_everything_is_there_after_a_restart(start: Start) -> None:
    party = RelyingParty(start().url)
    party.control("people", id="mai", name="Ngô Thị Mai", birthdate="2004-02-29", gender="female")
    tokens, code = party.tokens("mai"), party.sign_in("mai", prompt="login")["code"]
    party.control("rotate-keys")
    keys = party.jwks()
    requests.post(f"{party.url}/control/faults", json={"target": "identity", "action": "wrong_nonce"}, timeout=5)

    party.move(start().url)

    assert party.jwks() == keys
    assert party.userinfo(tokens["access_token"]).json()["name"] == "Ngô Thị Mai"
    late = party.redeem(code).json()
    assert party.broken_promises(party.signed(late["id_token"]), late) == {"nonce"}
    assert party.signed(tokens["id_token"])["sub"] == party.signed(late["id_token"])["sub"]
    assert "code" in party.visit(prompt="none")


def test_clients_may_come_with_the_sample(start: Start, sample: Path) -> None:
    listed = {"client_id": "citizen", "client_secret": "first", "redirect_uris": [RETURN]}
    (sample / "identity_clients.json").write_text(json.dumps([listed]), encoding="utf-8")
    party = RelyingParty(start().url, "other")

    answer = party.sign_in("an", client_id="citizen")
    changed = party.control("clients", **listed | {"client_secret": "second"})
    party.move(start().url)

    assert party.redeem(answer["code"], ("citizen", "first")).status_code == 401
    assert (changed.status_code, party.redeem(answer["code"], ("citizen", "second")).status_code) == (200, 200)


def test_starting_over_forgets_people_and_keeps_who_is_connected(party: RelyingParty) -> None:
    tokens = party.tokens("an")
    party.control("people", id="mai", name="Ngô Thị Mai", birthdate="2004-02-29", gender="female")
    party.control("people", id="an", locked=True)
    keys = party.jwks()

    requests.post(f"{party.url}/control/reset", timeout=5)

    assert party.jwks() == keys
    assert party.userinfo(tokens["access_token"]).status_code == 401
    assert party.visit(prompt="none")["error"] == "login_required"
    assert party.sign_in("mai").response.status_code == 400
    again = party.tokens("an")
    assert party.signed(again["id_token"])["sub"] == party.signed(tokens["id_token"])["sub"]
