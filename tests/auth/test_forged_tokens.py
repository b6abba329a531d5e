"""Access tokens: what a good one says, and every forgery is told to sign in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from auth import keyring, operations, tokens
from kit import clock, keyed
from kit.database import transaction
from tests.auth.people import bearer

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
STRANGER = ec.generate_private_key(ec.SECP256R1())
ISSUER = "http://127.0.0.1:8000"
SECRET = b"s" * 32


@pytest.fixture(autouse=True)
def own_key(client, signing_key):
    """The house signs with KEY here, so that a test can sign exactly what it wants to have refused."""
    secret = keyed._secrets["key"]
    tokens.use_key(PEM, issuer=ISSUER, secret=SECRET)
    yield
    tokens.use_key(signing_key, issuer=ISSUER, secret=secret)


@pytest.fixture
def good(phone) -> str:
    return phone.sign_in()["access_token"]


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header(**changes: Any) -> dict[str, Any]:
    merged = {"alg": "ES256", "typ": "at+jwt", "kid": keyring.first().kid, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    merged = {
        "iss": ISSUER,
        "sub": str(uuid4()),
        "aud": "citizen-api",
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid4()),
        "role": "citizen",
        "scope": "",
        "acr": "phone",
        "auth_time": now,
        "sid": str(uuid4()),
        **changes,
    }
    return {name: value for name, value in merged.items() if value is not None}


def sign(head: Any, body: Any, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """A token signed with ES256 whatever its header says."""
    signing_input = f"{part(head)}.{part(body)}"
    algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256, ec.SECP256R1)
    return f"{signing_input}.{part(algorithm.sign(signing_input.encode(), key))}"


def sign_with_public_key(head: dict[str, Any]) -> str:
    signing_input = f"{part(head)}.{part(claims())}"
    return f"{signing_input}.{part(hmac.digest(PUBLIC_PEM, signing_input.encode(), hashlib.sha256))}"


def retouch(token: str, **changes: Any) -> str:
    head, body, signature = token.split(".")
    changed = {**json.loads(base64.urlsafe_b64decode(body + "==")), **changes}
    return f"{head}.{part(changed)}.{signature}"


def own_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)


def now(seconds: int) -> int:
    return int(clock.now().timestamp()) + seconds


FORGERIES = {
    "alg none, no signature": lambda _: f"{part(header(alg='none'))}.{part(claims())}.",
    "alg None, no signature": lambda _: f"{part(header(alg='None'))}.{part(claims())}.",
    "alg none with a good signature": lambda _: sign(header(alg="none"), claims()),
    "HS256 keyed with the public key": lambda _: sign_with_public_key(header(alg="HS256")),
    "HMAC of the public key called ES256": lambda _: sign_with_public_key(header()),
    "alg ES384": lambda _: sign(header(alg="ES384"), claims()),
    "alg RS256": lambda _: sign(header(alg="RS256"), claims()),
    "alg missing": lambda _: sign(header(alg=None), claims()),
    "alg in lower case": lambda _: sign(header(alg="es256"), claims()),
    "signed by a stranger under our kid": lambda _: sign(header(), claims(), STRANGER),
    "signed by a stranger under their own kid": lambda _: sign(
        header(kid=keyring.thumbprint(own_jwk(STRANGER))), claims(), STRANGER
    ),
    "a stranger's key inside the token": lambda _: sign(header(jwk=own_jwk(STRANGER)), claims(), STRANGER),
    "an address of a stranger's keys": lambda _: sign(
        header(jku="http://127.0.0.1:9/jwks.json", x5u="http://127.0.0.1:9/cert.pem"), claims(), STRANGER
    ),
    "no kid": lambda _: sign(header(kid=None), claims()),
    "wrong kid": lambda _: sign(header(kid="A" * 43), claims()),
    "kid with SQL": lambda _: sign(header(kid="' OR '1'='1"), claims()),
    "kid as a path": lambda _: sign(header(kid="../../dev/null"), claims()),
    "kid a number": lambda _: sign(header(kid=7), claims()),
    "no typ": lambda _: sign(header(typ=None), claims()),
    "typ JWT": lambda _: sign(header(typ="JWT"), claims()),
    "typ of an id token": lambda _: sign(header(typ="id+jwt"), claims()),
    "an unknown critical extension": lambda _: sign(header(crit=["tenant"], tenant="all"), claims()),
    "an empty critical list": lambda _: sign(header(crit=[]), claims()),
    "b64 false": lambda _: sign(header(crit=["b64"], b64=False), claims()),
    "b64 true": lambda _: sign(header(crit=["b64"], b64=True), claims()),
    "another audience": lambda _: sign(header(), claims(aud="another-api")),
    "a list with our audience": lambda _: sign(header(), claims(aud=["citizen-api", "another-api"])),
    "a list of our audience alone": lambda _: sign(header(), claims(aud=["citizen-api"])),
    "another issuer": lambda _: sign(header(), claims(iss="http://127.0.0.1:9")),
    "issuer with a slash more": lambda _: sign(header(), claims(iss=ISSUER + "/")),
    **{
        f"no {name}": lambda _, name=name: sign(header(), claims(**{name: None}))
        for name in ("exp", "iat", "sub", "iss", "aud", "jti", "role")
    },
    "expired this second": lambda _: sign(header(), claims(iat=now(-300), exp=now(0))),
    "expired long ago": lambda _: sign(header(), claims(iat=now(-90_000), exp=now(-86_400))),
    "exp a text": lambda _: sign(header(), claims(exp="never")),
    "exp a truth": lambda _: sign(header(), claims(exp=True)),
    "exp beyond all calendars": lambda _: sign(header(), claims(exp=10**18)),
    "exp infinite": lambda _: sign(header(), claims(exp=float("inf"))),
    "iat in the future": lambda _: sign(header(), claims(iat=now(75), exp=now(375))),
    "exp before all calendars": lambda _: sign(header(), claims(exp=-(10**18))),
    "iat a text": lambda _: sign(header(), claims(iat="yesterday")),
    "sub not an id": lambda _: sign(header(), claims(sub="+84912345678")),
    "sub a number": lambda _: sign(header(), claims(sub=1)),
    "sid not an id": lambda _: sign(header(), claims(sid="1")),
    "provider_id not an id": lambda _: sign(header(), claims(provider_id="all")),
    "scope a list": lambda _: sign(header(), claims(scope=["bills:write"])),
    "payload a list": lambda _: sign(header(), [claims()]),
    "payload not JSON": lambda _: sign(header(), b"\xff\xfe"),
    "another subject": lambda good: retouch(good, sub=str(uuid4())),
    "another role": lambda good: retouch(good, role="operator"),
    "a longer life": lambda good: retouch(good, exp=now(86_400)),
    "no signature": lambda good: good.rpartition(".")[0] + ".",
    "two parts": lambda good: good.rpartition(".")[0],
    "six parts": lambda good: f"{good}.{good}",
    "signature cut short": lambda good: good[:-4],
    "a signature of zeros": lambda good: f"{good.rpartition('.')[0]}.{part(bytes(64))}",
    "a signature in DER": lambda _: (
        (signing := f"{part(header())}.{part(claims())}")
        + "."
        + part(KEY.sign(signing.encode(), ec.ECDSA(jwt.algorithms.ECAlgorithm.SHA256())))
    ),
    "a header of brackets": lambda _: f"{part(b'[' * 2_900)}.{part(claims())}.{part(bytes(64))}",
    "a header that is a list": lambda _: sign([header()], claims()),
    "a header that is not base64": lambda good: "." + good.partition(".")[2],
    "a header with a name twice": lambda _: sign(
        b'{"alg":"none","kid":"' + keyring.first().kid.encode() + b'","typ":"JWT","alg":"ES256"}', claims()
    ),
    "garbage": lambda _: "garbage",
    "only dots": lambda _: "..",
    "letters of another alphabet": lambda _: "Đây.là.đâu".encode().decode("latin-1"),
    "a novel": lambda good: good + "A" * 20_000,
    "an id_token of the identity provider": lambda _: sign(
        header(typ="JWT", kid=keyring.thumbprint(own_jwk(STRANGER))),
        claims(iss=ISSUER + "/identity", aud="citizen", nonce="n", acr="2"),
        STRANGER,
    ),
    "an id_token that we would have signed": lambda _: sign(header(typ="JWT"), claims(aud="citizen", nonce="n")),
    "an unknown level": lambda _: sign(header(), claims(acr="root")),
    "a refresh token": lambda _: "wVZ6Qk0m1b0m8e0T2s0C9oYw4y7n3l1xk5u8r2q6p0A",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_told_to_sign_in(phone, good, forgery):
    # The house's key is known to the table and to this process: only the forgery stands in the way.
    assert phone.me(good).status_code == 200

    refused = phone.me(forgery(good))

    assert (refused.status_code, refused.json["code"]) == (401, "not_signed_in")
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="citizen", error="invalid_token", error_description="')


FIVE_OPERATIONS = (
    ("GET", "/v1/me"),
    ("GET", "/v1/me/sessions"),
    ("POST", "/v1/utilities/payments"),
    ("GET", "/v1/payments"),
    ("DELETE", f"/v1/me/passkeys/{uuid4()}"),
)
TWENTY_FOUR = (
    "alg none, no signature", "HS256 keyed with the public key", "HMAC of the public key called ES256", "alg RS256",
    "signed by a stranger under our kid", "signed by a stranger under their own kid",
    "a stranger's key inside the token",
    "an address of a stranger's keys", "no kid", "wrong kid", "kid with SQL", "no typ", "typ JWT",
    "an unknown critical extension", "another audience", "a list with our audience", "another issuer", "no exp",
    "expired this second", "iat in the future", "another subject", "a signature of zeros", "a refresh token",
    "an id_token of the identity provider",
)  # fmt: skip


@pytest.mark.parametrize("name", TWENTY_FOUR)
def test_a_forged_token_opens_none_of_five_doors(phone, good, name):
    forged = FORGERIES[name](good)

    answers = [
        phone.http.open(path, method=method, headers={**bearer(forged), "Idempotency-Key": str(uuid4())})
        for method, path in FIVE_OPERATIONS
    ]

    assert [(each.status_code, each.json["code"]) for each in answers] == [(401, "not_signed_in")] * 5


def test_the_forger_of_these_tests_can_also_make_a_good_token(phone, good):
    subject = phone.tokens["citizen_id"]

    assert phone.me(sign(header(), claims(sub=subject))).status_code == 200
    assert phone.me(sign(header(), claims(sub=subject, iat=now(50), exp=now(350)))).status_code == 200


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Basic YTpi", "Digest a", "bearer", "Token abc", "Bearer a b"])
def test_another_authorization_header_is_told_to_sign_in(phone, value):
    refused = phone.http.get("/v1/me", headers={"Authorization": value})

    assert (refused.status_code, refused.json["code"]) == (401, "not_signed_in")
    assert refused.headers["WWW-Authenticate"].startswith('Bearer realm="citizen"')


def test_no_token_at_all_is_told_to_sign_in_without_an_error(phone):
    refused = phone.http.get("/v1/me")

    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="citizen"'


def test_a_token_is_refused_from_the_second_it_expires_even_when_it_was_seen_before(phone, good, later):
    before = phone.me(good)
    later(timedelta(seconds=290))
    nearly = phone.me(good)
    later(timedelta(seconds=10))
    after = phone.me(good)

    assert [before.status_code, nearly.status_code, after.status_code] == [200, 200, 401]
    assert "expired" in after.headers["WWW-Authenticate"]


def test_a_token_says_who_by_ids_alone(phone, good):
    head, said = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})

    assert head == {"alg": "ES256", "typ": "at+jwt", "kid": keyring.first().kid}
    assert said.keys() == {
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "role",
        "scope",
        "acr",
        "auth_time",
        "known_since",
        "sid",
    }
    assert (said["iss"], said["aud"], said["role"], said["acr"]) == (ISSUER, "citizen-api", "citizen", "phone")
    assert (said["sub"], said["exp"] - said["iat"]) == (phone.tokens["citizen_id"], 300)
    assert "912345678" not in json.dumps(said)


def test_the_published_keys_verify_a_token_anywhere(phone, good):
    published = phone.http.get("/.well-known/jwks.json")

    keys = jwt.PyJWKSet.from_dict(published.json)
    kid = jwt.get_unverified_header(good)["kid"]
    assert jwt.decode(
        good,
        keys[kid].key,
        algorithms=["ES256"],
        audience="citizen-api",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert published.headers["Cache-Control"] == "public, max-age=300, stale-if-error=86400"
    assert {frozenset(key) for key in published.json["keys"]} == {
        frozenset({"kty", "crv", "x", "y", "kid", "use", "alg"})
    }
    revalidated = phone.http.get("/.well-known/jwks.json", headers={"If-None-Match": published.headers["ETag"]})
    assert revalidated.status_code == 304


def test_the_key_is_published_before_it_signs(phone):
    keys = phone.http.get("/.well-known/jwks.json").json["keys"]

    assert [key["kid"] for key in keys] == [keyring.first().kid]


def test_the_kid_is_the_thumbprint_of_rfc_7638():
    # The example of RFC 7517 appendix A.1.
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "use": "enc",
        "kid": "1",
    }

    canonical = (
        '{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",'
        '"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}'
    )
    expected = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
    assert keyring.thumbprint(jwk) == expected


def test_machines_with_different_keys_accept_each_others_tokens(phone, good):
    another = STRANGER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    tokens.use_key(another, issuer=ISSUER, secret=SECRET)
    theirs = phone.me(good)
    ours = phone.refresh()

    assert (theirs.status_code, phone.me(ours.json["access_token"]).status_code) == (200, 200)
    assert len(phone.http.get("/.well-known/jwks.json").json["keys"]) == 2


def test_tokens_of_a_retired_key_are_refused_and_the_key_is_withdrawn(phone, good, later):
    subject = phone.tokens["citizen_id"]
    phone.me(good)

    with transaction() as session:
        operations.withdraw_signing_key(session, keyring.first().kid)
    later(timedelta(seconds=6))  # a process reads what was withdrawn every five seconds

    assert phone.me(sign(header(), claims(sub=subject))).status_code == 401
    assert phone.http.get("/.well-known/jwks.json").json["keys"] == []


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256K1())],
    ids=["P-384", "secp256k1"],
)
def test_a_key_on_another_curve_refuses_to_boot(key):
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    with pytest.raises(ValueError, match="P-256"):
        tokens.use_key(pem, issuer=ISSUER, secret=SECRET)


def test_only_so_many_tokens_are_remembered(good, monkeypatch):
    monkeypatch.setattr(tokens, "_MOST_CLAIMS_KEPT", 3)

    for _ in range(10):
        tokens.verify(sign(header(), claims()), lambda _kid: keyring.first().jwk)

    assert len(tokens._known_claims) == 3
    assert tokens.verify(good, lambda _kid: keyring.first().jwk).role == "citizen"


def test_a_token_without_a_session_signs_nobody_out(phone, good):
    refused = phone.http.post("/v1/auth/sessions/end", headers=bearer(sign(header(), claims(sid=None))))

    assert (refused.status_code, refused.json["code"]) == (401, "not_signed_in")
    assert phone.me(good).status_code == 200


def test_a_good_token_costs_one_look_at_the_key_table(good):
    asked = []

    def find_key(kid):
        asked.append(kid)
        return keyring.first().jwk

    tokens.use_key(PEM, issuer=ISSUER, secret=SECRET)  # forgets what this process knew
    read = [tokens.verify(good, find_key) for _ in range(3)]
    tokens.verify(sign(header(), claims()), find_key)

    assert asked == [keyring.first().kid]
    assert read[0] == read[2]
