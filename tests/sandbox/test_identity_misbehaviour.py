"""The identity provider lies on order: each fault breaks the one promise it is named after, and no other."""

import hmac
import time
from base64 import urlsafe_b64decode
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox import Server
from sandbox.faults import ACTIONS, ON_ID_TOKENS
from sandbox.identity_forgeries import FORGERIES, LIES
from tests.sandbox.relying_party import RelyingParty
from tests.sandbox.sandbox_clients import Order


@pytest.fixture
def party(world: Server) -> RelyingParty:
    return RelyingParty(world.url)


def unverified(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize(("action", "broken"), [
    ("wrong_issuer", {"iss"}), ("wrong_audience", {"aud"}), ("wrong_audience_own_azp", {"aud", "azp"}),
    ("extra_audience", {"aud"}), ("expired", {"exp", "iat"}),
    ("missing_expiry", {"exp"}), ("issued_in_future", {"exp", "iat"}), ("wrong_nonce", {"nonce"}),
    ("missing_nonce", {"nonce"}), ("lower_acr", {"acr"}), ("missing_acr", {"acr"}), ("old_auth_time", {"auth_time"}),
])  # fmt: skip
def test_a_lie_stands_under_a_good_signature(party: RelyingParty, order: Order, action: str, broken: set[str]) -> None:
    order(target="identity", action=action)

    tokens = party.tokens("an", acr_values="2")

    assert party.broken_promises(party.signed(tokens["id_token"]), tokens) == broken
    honest = party.tokens("an", acr_values="2")
    assert party.broken_promises(party.signed(honest["id_token"]), honest) == set()


def test_the_lies_are_what_their_names_say(party: RelyingParty, order: Order) -> None:
    told = {}
    for action in LIES:
        order(target="identity", action=action)
        told[action] = party.signed(party.tokens("an", acr_values="2")["id_token"])

    now = time.time()
    assert told["extra_audience"]["aud"] == [party.client_id, "another-client"]
    assert "azp" not in told["extra_audience"]
    assert told["wrong_audience"]["aud"] == "another-client"
    own_azp = told["wrong_audience_own_azp"]
    assert (own_azp["aud"], own_azp["azp"]) == ("another-client", party.client_id)
    assert told["expired"]["exp"] < now - 3600
    assert told["issued_in_future"]["iat"] > now + 3000
    assert told["lower_acr"]["acr"] == "1"
    assert told["old_auth_time"]["auth_time"] < now - 80_000
    missing = {action: set(told["wrong_issuer"]) - set(claims) for action, claims in told.items()}
    assert {action: gone for action, gone in missing.items() if gone} == {
        "missing_expiry": {"exp"}, "missing_nonce": {"nonce"}, "missing_acr": {"acr"}}  # fmt: skip


@pytest.mark.parametrize("action", sorted(FORGERIES))
def test_a_forged_signature_convinces_nobody(party: RelyingParty, order: Order, action: str) -> None:
    order(target="identity", action=action)

    tokens = party.tokens("an", acr_values="2")

    with pytest.raises(jwt.InvalidTokenError):
        party.signed(tokens["id_token"])
    broken = party.broken_promises(unverified(tokens["id_token"]), tokens)
    assert broken == ({"sub"} if action == "tampered_payload" else set())


def test_the_forgeries_are_what_their_names_say(party: RelyingParty, order: Order) -> None:
    headers, bodies, signatures = {}, {}, {}
    for action in FORGERIES:
        order(target="identity", action=action)
        token = party.tokens("an")["id_token"]
        headers[action] = jwt.get_unverified_header(token)
        bodies[action], _, signature = token.rpartition(".")
        signatures[action] = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))

    ((kid, published),) = party.jwks().items()
    pem = jwt.PyJWK.from_dict(published).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert (headers["alg_none"]["alg"], signatures["alg_none"]) == ("none", b"")
    assert headers["hs256_public_key"]["alg"] == "HS256"
    assert signatures["hs256_public_key"] == hmac.digest(pem, bodies["hs256_public_key"].encode(), "sha256")
    assert signatures["zero_signature"] == bytes(64)
    assert {action for action, header in headers.items() if header["kid"] != kid} == {"unpublished_key", "embedded_key"}
    assert {action for action, header in headers.items() if "jwk" in header} == {"embedded_key"}
    own_key = jwt.PyJWK.from_dict(headers["embedded_key"]["jwk"] | {"alg": "ES256"})
    own_text = f"{bodies['embedded_key']}.{signatures_text(signatures['embedded_key'])}"
    assert jwt.decode(own_text, own_key, ["ES256"], audience=party.client_id)["name"] == "Nguyễn Văn An"


def signatures_text(signature: bytes) -> str:
    return jwt.utils.base64url_encode(signature).decode()


def test_every_fault_of_an_id_token_is_proved_here(party: RelyingParty) -> None:
    known = LIES.keys() | FORGERIES.keys()

    assert known == ON_ID_TOKENS
    assert len(known) >= 12
    assert known < ACTIONS["identity"]


@pytest.mark.parametrize("action", ["state_missing", "state_changed", "wrong_issuer_returned"])
def test_the_way_back_is_spoiled(party: RelyingParty, order: Order, action: str) -> None:
    order(target="identity", action=action)

    answer = party.sign_in("an")

    state, issuer = answer.get("state"), answer["iss"]
    assert party.redeem(answer["code"]).status_code == 200
    if action == "wrong_issuer_returned":
        assert (state, issuer) == (party.state, "https://identity.example/")
    else:
        assert issuer == party.metadata["issuer"]
        assert (state is None) == (action == "state_missing")
        assert state != party.state
    assert party.visit()["state"] == party.state


def test_userinfo_speaks_of_somebody_else(party: RelyingParty, order: Order) -> None:
    order(target="identity", action="userinfo_other_sub")
    tokens = party.tokens("an")

    other, honest = (party.userinfo(tokens["access_token"]).json() for _ in range(2))

    assert party.signed(tokens["id_token"])["sub"] == honest["sub"] != other["sub"]
    assert other | {"sub": honest["sub"]} == honest


def test_a_code_passes_a_second_time(party: RelyingParty, order: Order) -> None:
    fault = order(target="identity", action="replay_accepted")
    code = party.sign_in("an")["code"]

    statuses = [party.redeem(code).status_code for _ in range(3)]

    assert statuses == [200, 200, 400]
    (listed,) = requests.get(f"{party.url}/control/faults", timeout=5).json()["items"]
    assert (listed["id"], listed["seen"], listed["used"]) == (fault["id"], 2, 1)


def test_a_replay_that_is_let_pass_is_bound_all_the_same(party: RelyingParty, order: Order) -> None:
    order(target="identity", action="replay_accepted", count=9)
    code = party.sign_in("an")["code"]
    party.redeem(code)

    wrong = party.redeem(code, code_verifier="w" * 43)

    assert wrong.json()["error"] == "invalid_grant"


def test_the_token_endpoint_fails_and_the_code_stays_good(party: RelyingParty, order: Order) -> None:
    code = party.sign_in("an")["code"]
    order(target="identity", action="error", match={"path": "/identity/token"})
    order(target="identity", action="timeout_before", seconds=0.1, match={"path": "/identity/token"}, nth=2)

    broken = party.redeem(code)
    with pytest.raises(requests.ConnectionError):
        party.redeem(code)

    assert (broken.status_code, broken.json()["error"]) == (500, "server_error")
    assert party.redeem(code).status_code == 200


def test_an_answer_lost_after_the_effect_has_used_the_code_up(party: RelyingParty, order: Order) -> None:
    code = party.sign_in("an")["code"]
    order(target="identity", action="timeout_after", seconds=0.1, match={"path": "/identity/token"})

    with pytest.raises(requests.ConnectionError):
        party.redeem(code)

    assert party.redeem(code).json()["error"] == "invalid_grant"


def test_the_provider_is_down_until_it_is_up(party: RelyingParty, order: Order) -> None:
    fault = order(target="identity", action="down")

    down = requests.get(party.metadata["jwks_uri"], timeout=5)
    requests.delete(f"{party.url}/control/faults/{fault['id']}", timeout=5)

    assert (down.status_code, down.json()["error"]) == (503, "temporarily_unavailable")
    assert party.jwks()


def test_a_fault_does_not_see_calls_it_cannot_spoil(party: RelyingParty, order: Order) -> None:
    order(target="identity", action="expired", nth=2)
    code = party.sign_in("an")["code"]
    party.redeem("unknown")
    party.userinfo("unknown")

    first = party.redeem(code).json()

    assert party.broken_promises(party.signed(first["id_token"]), first) == set()
    second = party.tokens("an")
    assert party.broken_promises(party.signed(second["id_token"]), second) == {"exp", "iat"}
