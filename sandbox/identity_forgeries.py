"""Bad id_tokens, made to order: each breaks one promise and keeps all the others."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from sandbox.identity_keys import SigningKey
from sandbox.identity_protocol import base64url
from sandbox.store import Document

ANOTHER_ISSUER = "https://identity.example/"
ANOTHER_CLIENT = "another-client"
_HOUR_SECONDS = 3600
_DAY_SECONDS = 24 * _HOUR_SECONDS
_ES256_SIGNATURE_BYTES = 64

Lie = Callable[[Document], Document]
Forgery = Callable[[Document, SigningKey], str]


def _without(name: str) -> Lie:
    return lambda claims: {each: value for each, value in claims.items() if each != name}


def _moved(seconds: int) -> Lie:
    return lambda claims: claims | {"iat": claims["iat"] + seconds, "exp": claims["exp"] + seconds}


def _written(header: Mapping[str, Any], claims: Document, sign: Callable[[bytes], bytes]) -> str:
    """A compact JWS by hand, since no library writes these."""
    body = f"{base64url(orjson.dumps(header))}.{base64url(orjson.dumps(claims))}"
    return f"{body}.{base64url(sign(body.encode()))}"


def _unsigned(claims: Document, key: SigningKey) -> str:
    return _written({"alg": "none", "typ": "JWT", "kid": key.kid}, claims, lambda _: b"")


def _with_public_key(claims: Document, key: SigningKey) -> str:
    header = {"alg": "HS256", "typ": "JWT", "kid": key.kid}
    return _written(header, claims, lambda text: hmac.digest(key.public_pem(), text, "sha256"))


def _with_zeros(claims: Document, key: SigningKey) -> str:
    header = {"alg": "ES256", "typ": "JWT", "kid": key.kid}
    return _written(header, claims, lambda _: bytes(_ES256_SIGNATURE_BYTES))


def _with_its_own_key(claims: Document, _: SigningKey) -> str:
    stranger = SigningKey.new()
    return stranger.sign(claims, jwk=stranger.jwk)


def _tampered(claims: Document, key: SigningKey) -> str:
    head, _, signature = key.sign(claims).split(".")
    other = claims | {"sub": secrets.token_hex(32)}
    return f"{head}.{base64url(orjson.dumps(other))}.{signature}"


# False claims under a good signature.
LIES: Mapping[str, Lie] = {
    "wrong_issuer": lambda claims: claims | {"iss": ANOTHER_ISSUER},
    "wrong_audience": lambda claims: claims | {"aud": ANOTHER_CLIENT},
    "extra_audience": lambda claims: claims | {"aud": [claims["aud"], ANOTHER_CLIENT]},
    "expired": _moved(-_DAY_SECONDS),
    "missing_expiry": _without("exp"),
    "issued_in_future": _moved(_HOUR_SECONDS),
    "wrong_nonce": lambda claims: claims | {"nonce": secrets.token_urlsafe(16)},
    "missing_nonce": _without("nonce"),
    "lower_acr": lambda claims: claims | {"acr": str(int(claims["acr"]) - 1)},
    "missing_acr": _without("acr"),
    "old_auth_time": lambda claims: claims | {"auth_time": claims["auth_time"] - _DAY_SECONDS},
}
# True claims under a signature that proves nothing.
FORGERIES: Mapping[str, Forgery] = {
    "alg_none": _unsigned,
    "hs256_public_key": _with_public_key,
    "unpublished_key": lambda claims, _: SigningKey.new().sign(claims),
    "kid_of_another_key": lambda claims, key: SigningKey.new().sign(claims, kid=key.kid),
    "embedded_key": _with_its_own_key,
    "zero_signature": _with_zeros,
    "tampered_payload": _tampered,
}


def forge(action: str, claims: Document, key: SigningKey) -> str:
    """Return an id_token that is bad in the way `action` names; `key` is the one that signs honest ones."""
    if action in FORGERIES:
        return FORGERIES[action](claims, key)
    return key.sign(LIES[action](claims))
