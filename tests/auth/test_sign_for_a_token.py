"""private_key_jwt: a system signs with its own key that it is itself, for us, now, and once."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from sqlalchemy import text

from auth import assertions, operations
from auth.errors import KeyNotUsable
from kit import clock
from kit.database import transaction
from tests.people import all_at_once, make_organisation

URL = "http://127.0.0.1:8000/v1/auth/token"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
P256, STRANGER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def jwk_of(key) -> dict[str, str]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return algorithm.to_jwk(key.public_key(), as_dict=True)


def make_system(*keys) -> str:
    organisation_id = make_organisation("provider")
    with transaction() as session:
        made = operations.create_client(session, organisation_id=organisation_id, scopes=["bills:write"], name="PC")
        for key in keys:
            operations.add_key(session, made.id, assertions.read_key(jwk_of(key)), expires_at=None)
    return str(made.id)


@pytest.fixture
def system(client) -> str:
    """The client id of a system with a P-256 key."""
    return make_system(P256)


def claims(client_id: str, **changes):
    now = int(clock.now().timestamp())
    said = {"iss": client_id, "sub": client_id, "aud": URL, "iat": now, "exp": now + 60, "jti": str(uuid4())}
    return {name: value for name, value in (said | changes).items() if value is not None}


def sign(client_id: str, *, key=P256, algorithm="ES256", headers=None, **changes) -> str:
    return jwt.encode(claims(client_id, **changes), key, algorithm, headers=headers)


def ask(client, assertion, **form):
    sent = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": assertion, **form}
    return client().post("/v1/auth/token", data={name: value for name, value in sent.items() if value is not None})


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_secret(client_id: str, secret: str) -> str:
    """An assertion with an HMAC, which the library refuses to make with a public key."""
    signed = f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64(claims(client_id))}"
    mac = hmac.digest(secret.encode(), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_system_that_signs_with_its_key_gets_a_token(client, system):
    given = ask(client, sign(system))

    assert (given.status_code, given.json["scope"]) == (200, "bills:write")
    assert jwt.decode(given.json["access_token"], options={"verify_signature": False})["sub"] == system


@pytest.mark.parametrize("audience", [URL, "http://127.0.0.1:8000", [URL]])
def test_the_audience_is_our_issuer_or_the_address_of_the_token_endpoint(client, system, audience):
    assert ask(client, sign(system, aud=audience), client_id=system).status_code == 200


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_an_rsa_key_is_as_good(client, algorithm):
    system = make_system(RSA)

    assert ask(client, sign(system, key=RSA, algorithm=algorithm)).status_code == 200


def test_both_of_two_keys_are_good_until_one_is_withdrawn(client):
    system = make_system(P256, RSA)
    before = [ask(client, sign(system)).status_code, ask(client, sign(system, key=RSA, algorithm="RS256")).status_code]

    with transaction() as session:
        [first, _second] = operations.list_credentials(session, [UUID(system)])[UUID(system)]
        operations.withdraw_credential(session, first)

    after = [ask(client, sign(system)).status_code, ask(client, sign(system, key=RSA, algorithm="RS256")).status_code]
    assert (before, after) == ([200, 200], [401, 200])


def test_an_assertion_is_good_once(client, system):
    assertion = sign(system)

    first, again = ask(client, assertion), ask(client, assertion)

    assert (first.status_code, again.status_code, again.json["code"]) == (200, 401, "invalid_client")


def test_of_many_who_bring_one_assertion_at_once_one_gets_a_token(client, system):
    assertion = sign(system)

    answers = all_at_once(8, lambda _nth: ask(client, assertion).status_code)

    assert sorted(answers) == [200] + [401] * 7


def test_one_number_used_by_two_systems_is_two_assertions(client, system):
    other = make_system(RSA)

    answers = [ask(client, sign(system, jti="1")), ask(client, sign(other, key=RSA, algorithm="RS256", jti="1"))]

    assert [answer.status_code for answer in answers] == [200, 200]


FORGED = {
    "another key": lambda c: sign(c, key=STRANGER),
    "no signature": lambda c: f"{b64({'alg': 'none'})}.{b64(claims(c))}.",
    "the public key as a secret": lambda c: by_secret(c, json.dumps(jwk_of(P256))),
    "an algorithm of another kind of key": lambda c: sign(c, key=RSA, algorithm="RS256"),
    "the key inside it": lambda c: sign(c, key=STRANGER, headers={"jwk": jwk_of(STRANGER)}),
    "the name of another key": lambda c: sign(c, headers={"kid": "another"}),
    "the type of an access token": lambda c: sign(c, headers={"typ": "at+jwt"}),
    "an extension nobody knows": lambda c: sign(c, headers={"crit": ["b64"], "b64": True}),
    "another issuer": lambda c: sign(c, iss=str(uuid4())),
    "another subject": lambda c: sign(c, sub=str(uuid4())),
    "no subject": lambda c: sign(c, sub=None),
    "another audience": lambda c: sign(c, aud="https://elsewhere.example"),
    "the audience of our access tokens": lambda c: sign(c, aud="citizen-api"),
    "an audience too many": lambda c: sign(c, aud=[URL, "https://elsewhere.example"]),
    "no audience": lambda c: sign(c, aud=None),
    "no end": lambda c: sign(c, exp=None),
    "an end gone by": lambda c: sign(c, exp=int(clock.now().timestamp()) - 1),
    "an end too far off": lambda c: sign(c, exp=int(clock.now().timestamp()) + 600),
    "an end that is no number": lambda c: sign(c, exp="tomorrow"),
    "a beginning to come": lambda c: sign(c, nbf=int(clock.now().timestamp()) + 120),
    "made in the future": lambda c: sign(c, iat=int(clock.now().timestamp()) + 120),
    "no number of its own": lambda c: sign(c, jti=None),
    "an empty number": lambda c: sign(c, jti=""),
    "a number without end": lambda c: sign(c, jti="x" * 201),
    "a client that is none": lambda c: sign(c, iss="pc-thanh-hoa", sub="pc-thanh-hoa"),
    "garbage": lambda _c: "garbage",
    "three dots": lambda _c: "...",
    "a list": lambda _c: f"{b64({'alg': 'ES256'})}.{b64([1])}.c2ln",
    "nothing": lambda _c: None,
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_what_is_not_the_systems_own_word_for_us_now_is_refused(client, system, forge):
    refused = ask(client, forge(system))

    assert (refused.status_code, refused.json["error"]) == (401, "invalid_client")


def test_the_client_named_beside_the_assertion_must_be_the_same(client, system):
    refused = ask(client, sign(system), client_id=str(uuid4()))

    assert (refused.status_code, refused.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("kind", [None, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", ""])
def test_another_type_of_assertion_is_refused(client, system, kind):
    refused = ask(client, sign(system), client_assertion_type=kind)

    assert refused.status_code in {401, 422}


def test_a_system_shows_one_thing_only(client, system):
    twice = [ask(client, sign(system), client_secret="x" * 43)]
    twice.append(
        client().post(
            "/v1/auth/token",
            data={"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": sign(system)},
            headers={"Authorization": "Basic " + base64.b64encode(b"a:b").decode()},
        )
    )

    assert [(one.status_code, one.json["code"]) for one in twice] == [(400, "malformed_request")] * 2


def test_a_key_is_no_secret_and_a_secret_no_key(client, system):
    as_secret = client().post(
        "/v1/auth/token",
        data={"grant_type": "client_credentials", "client_id": system, "client_secret": json.dumps(jwk_of(P256))[:200]},
    )

    assert as_secret.status_code == 401


def test_a_key_that_has_lapsed_is_refused_and_its_tokens_end_within_ten_seconds(client, later):
    organisation_id = make_organisation("provider")
    with transaction() as session:
        made = operations.create_client(session, organisation_id=organisation_id, scopes=["bills:write"], name="PC")
        until = clock.now() + timedelta(minutes=2)
        operations.add_key(session, made.id, assertions.read_key(jwk_of(P256)), expires_at=until)
    token = ask(client, sign(str(made.id))).json["access_token"]
    path, headers = f"/v1/utilities/imports/{uuid4()}", {"Authorization": f"Bearer {token}"}
    before = client().get(path, headers=headers).status_code

    later(timedelta(minutes=2, seconds=10))

    assert (before, client().get(path, headers=headers).status_code) == (404, 401)
    assert ask(client, sign(str(made.id))).status_code == 401


def test_what_was_spent_is_remembered_until_it_could_not_be_used_again(client, system, later):
    ask(client, sign(system))

    counts = []
    for length in (timedelta(), timedelta(minutes=20)):
        later(length)
        with transaction() as session:
            operations.forget_old_assertions(session)
            counts.append(session.execute(text("SELECT count(*) FROM client_assertion")).scalar_one())

    assert counts == [1, 0]


BAD_KEYS = {
    "another curve": jwk_of(ec.generate_private_key(ec.SECP384R1())),
    "too short": jwk_of(rsa.generate_private_key(65537, 1024)),
    "off the curve": {**jwk_of(P256), "x": jwk_of(STRANGER)["x"]},
    "with its private half": ECAlgorithm.to_jwk(P256, as_dict=True),
    "symmetric": {"kty": "oct", "k": "c2VjcmV0"},
    "of no kind": {},
    "without a member": {"kty": "EC", "crv": "P-256", "x": jwk_of(P256)["x"]},
    "with a number for a text": {**jwk_of(P256), "x": 1},
    "not base64": {**jwk_of(P256), "x": "!"},
    "of no modulus": {"kty": "RSA", "n": "AA", "e": "AQAB"},
}  # fmt: skip


@pytest.mark.parametrize("jwk", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_key_that_cannot_be_used_is_refused(client, jwk):
    with pytest.raises(KeyNotUsable):
        assertions.read_key(jwk)
