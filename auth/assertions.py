"""Assertions: what a system signs with its own key to get a token (private_key_jwt, RFC 7523)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from auth.errors import KeyNotUsable
from kit import clock

LONGEST = timedelta(minutes=5)  # how far ahead an assertion may expire
LONGEST_TEXT = 8_000
_LEEWAY = timedelta(seconds=30)  # how far ahead the clock of another's machine may run
_LONGEST_JTI = 200
_SMALLEST_RSA_BITS, _LARGEST_RSA_BITS = 2048, 8192
_TYPES = {None, "JWT", "client-authentication+jwt"}
# By the type of the key, never by what the assertion says of itself.
_ALGORITHMS = {"EC": ["ES256"], "RSA": ["RS256", "PS256"]}
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_audiences: dict[str, frozenset[str]] = {}


@dataclass(frozen=True)
class Assertion:
    """What is left to check of an assertion whose signature and claims hold: that it is used once."""

    jti: str
    expires_at: datetime


def use_audiences(*audiences: str) -> None:
    """Take assertions that are made for one of these: the issuer, or the address of the token endpoint."""
    _audiences["own"] = frozenset(audiences)


def read_key(given: Mapping[str, Any]) -> dict[str, str]:
    """The members of a public JWK that make the key, and its RFC 7638 thumbprint as `kid`.

    Raises KeyNotUsable for anything but a P-256 or an RSA key of 2048 to 8192 bits, and for one with a private part.
    """
    kind = given.get("kty")
    members = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if members is None or _PRIVATE & set(given) or not all(isinstance(given.get(name), str) for name in members):
        raise KeyNotUsable
    jwk = {name: given[name] for name in members}
    if _key_of(jwk) is None:
        raise KeyNotUsable
    canonical = json.dumps(jwk, separators=(",", ":"), sort_keys=True)
    thumbprint = urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
    return jwk | {"kid": thumbprint}


def read_client(assertion: str) -> str | None:
    """The client that an assertion says it is from; nothing of it is believed yet. None when it can't be read."""
    if len(assertion) > LONGEST_TEXT:
        return None
    try:
        _header, payload, _signature = assertion.split(".")
        claimed = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    subject = claimed.get("sub") if isinstance(claimed, dict) else None
    return subject if isinstance(subject, str) else None


def verify(assertion: str, jwk: Mapping[str, Any]) -> Assertion | None:
    """An assertion that was signed by the private half of `jwk`, is for us, and holds now; None for any other.

    Issuer and subject are the same, one audience is ours, it expires within five minutes, and it has a `jti`.
    """
    key = _key_of(jwk)
    if key is None:
        return None
    try:
        header = jwt.get_unverified_header(assertion)
        # The time is the house's clock, so PyJWT must not compare with the system's.
        payload = jwt.decode(
            assertion,
            key,
            algorithms=_ALGORITHMS[jwk["kty"]],
            options={
                "require": ["iss", "sub", "aud", "exp", "jti"],
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError:
        return None
    is_plain = header.get("typ") in _TYPES and "crit" not in header and header.get("kid") in {None, jwk.get("kid")}
    return _read(payload) if is_plain and _is_for_us(payload) else None


def _is_for_us(payload: Mapping[str, Any]) -> bool:
    # One audience, as a text or alone in a list: what is meant for others too could be replayed by them.
    audience = payload["aud"]
    if isinstance(audience, list) and len(audience) == 1:
        [audience] = audience
    return isinstance(audience, str) and audience in _audiences["own"] and payload["iss"] == payload["sub"]


def _read(payload: Mapping[str, Any]) -> Assertion | None:
    now = clock.now()
    expires_at = _instant(payload.get("exp"))
    if expires_at is None or not now < expires_at <= now + LONGEST + _LEEWAY:
        return None
    for name in ("iat", "nbf"):
        if name in payload:
            since = _instant(payload[name])
            if since is None or since > now + _LEEWAY:
                return None
    jti = payload["jti"]
    return Assertion(jti, expires_at) if isinstance(jti, str) and 0 < len(jti) <= _LONGEST_JTI else None


def _key_of(jwk: Mapping[str, Any]) -> EllipticCurvePublicKey | RSAPublicKey | None:
    try:
        if jwk["kty"] == "EC":
            key = ECAlgorithm.from_jwk(dict(jwk)) if jwk["crv"] == "P-256" else None
            return key if isinstance(key, EllipticCurvePublicKey) else None
        key_rsa = RSAAlgorithm.from_jwk(dict(jwk))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if not isinstance(key_rsa, RSAPublicKey):
        return None
    return key_rsa if _SMALLEST_RSA_BITS <= key_rsa.key_size <= _LARGEST_RSA_BITS else None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
