"""Access tokens: the only file that signs and checks JWTs (ES256, typ at+jwt as in RFC 9068)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt.algorithms import ECAlgorithm

from auth import keyring
from auth.keyring import Jwk
from auth.models import Assurance
from kit import clock, keyed
from kit.database import new_id
from kit.errors import NotSignedIn

AUDIENCE = "citizen-api"
LIFETIME = timedelta(minutes=5)
_LEEWAY = timedelta(seconds=60)  # how far ahead the clock of a machine that signs may run
_KEY_KEPT = timedelta(seconds=30)
_MOST_CLAIMS_KEPT = 10_000
_LONGEST_TOKEN = 4096
_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_REQUIRED = ["exp", "iat", "sub", "iss", "aud", "jti"]
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Claims:
    """What a valid access token says about its bearer."""

    role: str
    subject: UUID
    provider_id: UUID | None
    session_id: UUID | None
    credential_id: UUID | None
    client_id: UUID | None  # the app of others that holds it; then `subject` is what the citizen is called towards it
    scopes: frozenset[str]
    is_test: bool  # of a system of an organisation that is still trying its systems
    assurance: Assurance | None
    authenticated_at: datetime | None
    known_since: datetime | None
    expires_at: datetime
    kid: str  # the key that signed


_issuer: dict[str, str] = {}
_known_keys: dict[str, tuple[EllipticCurvePublicKey, datetime]] = {}
_known_claims: dict[bytes, Claims] = {}
_lock = threading.Lock()  # guards the two tables above; held for a dictionary's operation only


def use_key(pem: str, *, issuer: str, secret: bytes, folder: Path | None = None) -> None:
    """Sign as `issuer` from now on, with the P-256 private key in `pem` or one of those in `folder`.

    `secret` keys all that is derived. Raises ValueError when a key is anything else.
    """
    keyring.use(pem, folder)
    _issuer["own"] = issuer
    keyed.use_key(secret)
    with _lock:
        _known_keys.clear()
        _known_claims.clear()


def issue(
    *,
    kid: str,
    role: str,
    subject: UUID,
    session_id: UUID | None = None,
    credential_id: UUID | None = None,
    provider_id: UUID | None = None,
    client_id: UUID | None = None,
    scopes: Iterable[str] = (),
    is_test: bool = False,
    assurance: str | None = None,
    authenticated_at: datetime | None = None,
    known_since: datetime | None = None,
) -> str:
    """An access token signed with our key `kid`, valid for LIFETIME. It carries ids only: no number, no name."""
    own = keyring.find(kid)
    if own is None:
        raise LookupError("this machine does not have the key it should sign with")
    issued_at = int(clock.now().timestamp())
    claims = {
        "iss": _issuer["own"],
        "sub": str(subject),
        "aud": AUDIENCE,
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
        "jti": str(new_id()),
        "role": role,
        "scope": " ".join(sorted(scopes)),
        "acr": assurance,
        "auth_time": int(authenticated_at.timestamp()) if authenticated_at else None,
        "known_since": int(known_since.timestamp()) if known_since else None,
        "sid": str(session_id) if session_id else None,
        "credential_id": str(credential_id) if credential_id else None,
        "provider_id": str(provider_id) if provider_id else None,
        "client_id": str(client_id) if client_id else None,
        "test": True if is_test else None,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(present, own.private_key, _ALGORITHM, headers={"kid": own.kid, "typ": _TYPE})


def issuer() -> str:
    """Our name in tokens and towards apps: the address we are known by."""
    return _issuer["own"]


def verify(token: str, find_key: Callable[[str], Jwk | None]) -> Claims:
    """What `token` says, once its signature, type, issuer, audience and times hold.

    `find_key(kid)` gives the public key of our key table that is not withdrawn, None for any other; the answer is kept
    for half a minute, and a verified token's claims until it expires: who asks also has to know which keys and sessions
    have ended since. Raises NotSignedIn with a short reason.
    """
    if len(token) > _LONGEST_TOKEN:
        raise NotSignedIn("malformed")
    now = clock.now()
    digest = hashlib.sha256(token.encode()).digest()
    with _lock:
        claims = _known_claims.get(digest)
    if claims is None:
        claims = _decode(token, find_key, now)
        with _lock:
            while len(_known_claims) >= _MOST_CLAIMS_KEPT:
                del _known_claims[next(iter(_known_claims))]
            _known_claims[digest] = claims
    if now >= claims.expires_at:
        with _lock:
            _known_claims.pop(digest, None)
        raise NotSignedIn("expired")
    return claims


def _decode(token: str, find_key: Callable[[str], Jwk | None], now: datetime) -> Claims:
    header = _read_header(token)
    try:
        # The time is the house's clock, so PyJWT must not compare with the system's.
        read = jwt.decode_complete(
            token,
            _key_of(header, find_key, now),
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=_issuer["own"],
            options={
                "require": _REQUIRED,
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.MissingRequiredClaimError as exc:
        raise NotSignedIn(f"no {exc.claim}") from exc
    except jwt.InvalidAudienceError as exc:
        raise NotSignedIn("another audience") from exc
    except jwt.InvalidIssuerError as exc:
        raise NotSignedIn("another issuer") from exc
    except jwt.InvalidSignatureError as exc:
        raise NotSignedIn("bad signature") from exc
    except jwt.PyJWTError as exc:
        raise NotSignedIn("malformed") from exc
    if read["header"] != header:
        raise NotSignedIn("malformed")  # two readers of one header must not disagree
    return _claims(read["payload"], now, header["kid"])


def _read_header(token: str) -> dict[str, Any]:
    """What the token says of itself, unverified; PyJWT would read the whole token for it, which costs as much again."""
    segment = token.partition(".")[0]
    if not _BASE64URL.fullmatch(segment):
        raise NotSignedIn("malformed")
    try:
        header = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError) as exc:
        raise NotSignedIn("malformed") from exc
    if not isinstance(header, dict):
        raise NotSignedIn("malformed")
    return header


def _key_of(header: dict[str, Any], find_key: Callable[[str], Jwk | None], now: datetime) -> EllipticCurvePublicKey:
    """The key its header names, if it is ours. A key inside the token, or an address of one, is never looked at."""
    if header.get("alg") != _ALGORITHM:
        raise NotSignedIn("another algorithm")
    if header.get("typ") != _TYPE:
        raise NotSignedIn("another type")
    if "crit" in header:
        raise NotSignedIn("unknown extension")
    kid = header.get("kid")
    if not isinstance(kid, str) or not _THUMBPRINT.fullmatch(kid):
        raise NotSignedIn("unknown key")
    with _lock:
        key, read_at = _known_keys.get(kid, (None, now))
    if key is not None and abs(now - read_at) < _KEY_KEPT:
        return key
    jwk = find_key(kid)
    if jwk is None:
        with _lock:
            _known_keys.pop(kid, None)
        raise NotSignedIn("unknown key")
    fresh = ECAlgorithm.from_jwk(jwk)
    if not isinstance(fresh, EllipticCurvePublicKey):
        raise NotSignedIn("unknown key")
    with _lock:
        _known_keys[kid] = fresh, now
    return fresh


def _claims(payload: dict[str, Any], now: datetime, kid: str) -> Claims:
    if _instant(payload, "iat") > now + _LEEWAY:
        raise NotSignedIn("issued in the future")
    try:
        return Claims(
            role=_text(payload, "role"),
            subject=UUID(_text(payload, "sub")),
            provider_id=UUID(_text(payload, "provider_id")) if "provider_id" in payload else None,
            session_id=UUID(_text(payload, "sid")) if "sid" in payload else None,
            credential_id=UUID(_text(payload, "credential_id")) if "credential_id" in payload else None,
            client_id=UUID(_text(payload, "client_id")) if "client_id" in payload else None,
            scopes=frozenset(_text(payload, "scope").split()) if "scope" in payload else frozenset(),
            is_test=payload.get("test") is True,
            assurance=Assurance(_text(payload, "acr")) if "acr" in payload else None,
            authenticated_at=_instant(payload, "auth_time") if "auth_time" in payload else None,
            known_since=_instant(payload, "known_since") if "known_since" in payload else None,
            expires_at=_instant(payload, "exp"),
            kid=kid,
        )
    except ValueError as exc:
        raise NotSignedIn("malformed") from exc


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str):
        raise NotSignedIn("malformed")
    return value


def _instant(payload: dict[str, Any], name: str) -> datetime:
    value = payload.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotSignedIn("malformed")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise NotSignedIn("malformed") from exc
