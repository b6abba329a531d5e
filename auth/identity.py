"""National identity: the conversation with an OpenID provider (code, PKCE, state, nonce); the only file that has it."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from auth import derivation
from auth.errors import IdentityNotOffered, IdentityRefused, IdentityUnavailable
from kit import clock, logs

# How long ago the citizen may have proved who they are to the provider.
MAX_AGE = timedelta(minutes=5)
_LEEWAY = timedelta(seconds=60)  # how far the provider's clock may be off
_TIMEOUT_SECONDS = (3, 10)
_METADATA_KEPT = timedelta(hours=1)
_KEYS_KEPT = timedelta(minutes=5)
_LONGEST_ID_TOKEN = 16_384
_LONGEST_ANSWER = 65_536
_LONGEST_TALK_SECONDS = 15  # for one answer as a whole, however slowly it drips
_PIECE = 8_192
_OK = 200
_ALGORITHMS = ["ES256"]
_MAPPED = frozenset({"name", "birth_date", "cccd"})


@dataclass(frozen=True)
class Provider:
    """A national identity provider, and who we are to it.

    `acr_values` are the levels that are enough, the preferred first; `claims` says under which name the provider tells
    what we keep: name, birth_date (yyyy-mm-dd), cccd.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    acr_values: tuple[str, ...] = ("2",)
    scope: str = "openid profile national_id"
    claims: Mapping[str, str] = field(
        default_factory=lambda: {"name": "name", "birth_date": "birthdate", "cccd": "national_id_number"}
    )


@dataclass(frozen=True)
class Person:
    """Someone the provider has verified: `facts` by our names for them, as far as it told them."""

    issuer: str
    subject: str
    level: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Returned:
    """What came back from the provider with the citizen's browser, or app."""

    state: str | None
    code: str | None
    issuer: str | None
    error: str | None


@dataclass
class _Known:
    """What we have read of the provider; read anew when it is old."""

    provider: Provider | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    metadata_read_at: datetime | None = None
    keys: KeySet | None = None
    keys_read_at: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)  # held while reading: nobody reads twice


_known = _Known()


def use_provider(provider: Provider | None) -> None:
    """Rely on `provider` from now on; None: it is not offered. Raises ValueError for a mapping to unknown names."""
    if provider is not None and not set(provider.claims) <= _MAPPED:
        raise ValueError(f"claims can be mapped to {', '.join(sorted(_MAPPED))} only")
    with _known.lock:
        _known.provider = provider
        _known.metadata_read_at = _known.keys_read_at = None


def offered() -> Provider:
    """The provider in use; raises IdentityNotOffered."""
    if _known.provider is None:
        raise IdentityNotOffered
    return _known.provider


def address_of(attempt_id: UUID, redirect_uri: str) -> str:
    """Where the citizen goes to prove who they are. Raises IdentityUnavailable when the provider does not answer."""
    provider = offered()
    verifier = derivation.secret_of("verifier", attempt_id)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": provider.scope,
        "state": derivation.secret_of("state", attempt_id),
        "nonce": derivation.secret_of("nonce", attempt_id),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "acr_values": " ".join(provider.acr_values),
        "max_age": str(int(MAX_AGE.total_seconds())),
    }
    return f"{_metadata()['authorization_endpoint']}?{urlencode(asked)}"


def read_answer(attempt_id: UUID, redirect_uri: str, returned: Returned) -> Person:
    """Whom the provider has verified, once everything it says holds together.

    Raises IdentityRefused, and IdentityUnavailable when it does not answer.
    """
    provider = offered()
    if not hmac.compare_digest((returned.state or "").encode(), derivation.secret_of("state", attempt_id).encode()):
        raise _refused("state")
    # RFC 9207: an answer of another provider must not be taken to this one.
    needs_issuer = _metadata().get("authorization_response_iss_parameter_supported", False)
    if (needs_issuer or returned.issuer) and returned.issuer != provider.issuer:
        raise _refused("issuer")
    if returned.code is None:
        reason = "level" if returned.error == "unmet_authentication_requirements" else "declined"
        raise IdentityRefused(reason=reason)
    token = _exchange(provider, attempt_id, redirect_uri, returned.code)
    claims = _read_id_token(provider, attempt_id, token)
    facts = {ours: claims[theirs] for ours, theirs in provider.claims.items() if isinstance(claims.get(theirs), str)}
    return Person(provider.issuer, claims["sub"], claims["acr"], facts)


def _exchange(provider: Provider, attempt_id: UUID, redirect_uri: str, code: str) -> dict[str, Any]:
    with OAuth2Session(
        provider.client_id,
        provider.client_secret,
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the name of a method
        redirect_uri=redirect_uri,
    ) as session:
        _bound(session)
        try:
            token = session.fetch_token(
                _metadata()["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=derivation.secret_of("verifier", attempt_id),
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except AuthlibBaseError as exc:
            raise _refused(str(exc.error)) from exc
        except (requests.RequestException, ValueError, KeyError) as exc:
            raise _unavailable(exc) from exc
    return dict(token)


def _read_id_token(provider: Provider, attempt_id: UUID, token: Mapping[str, Any]) -> CodeIDToken:
    text = token.get("id_token")
    if not isinstance(text, str) or len(text) > _LONGEST_ID_TOKEN:
        raise _refused("id_token")
    now = clock.now()
    try:
        decoded = _decode(text)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={"iss": {"essential": True, "value": provider.issuer}},
            params={
                "nonce": derivation.secret_of("nonce", attempt_id),
                "client_id": provider.client_id,
                "access_token": token.get("access_token"),
                "max_age": int(MAX_AGE.total_seconds()),
            },
        )
        claims.validate(now=int(now.timestamp()), leeway=int(_LEEWAY.total_seconds()))
    except (JoseError, ValueError, TypeError) as exc:
        raise _refused(type(exc).__name__) from exc
    _check(claims, provider, now)
    return claims


def _check(claims: Mapping[str, Any], provider: Provider, now: datetime) -> None:
    """What the library leaves to us: one audience, a level that is enough, and a proof that is fresh."""
    if claims["aud"] not in (provider.client_id, [provider.client_id]):
        raise _refused("audience")
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise _refused("subject")
    if claims.get("acr") not in provider.acr_values:
        raise IdentityRefused(reason="level")
    latest, oldest = (now + _LEEWAY).timestamp(), (now - MAX_AGE - _LEEWAY).timestamp()
    if not claims["iat"] <= latest or not oldest <= claims["auth_time"] <= latest:
        raise _refused("time")


def _decode(text: str) -> jwt.Token:
    try:
        return jwt.decode(text, _keys(), algorithms=_ALGORITHMS)
    except (JoseError, ValueError):
        # The provider may have a new key since we looked; but not more often than every ten seconds.
        return jwt.decode(text, _keys(at_most=timedelta(seconds=10)), algorithms=_ALGORITHMS)


def _metadata() -> dict[str, Any]:
    provider = offered()
    with _known.lock:
        if _is_old(_known.metadata_read_at, _METADATA_KEPT):
            found = _get(f"{provider.issuer}/.well-known/openid-configuration")
            wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            # Whoever answers for another issuer answers nothing (OpenID Connect Discovery, section 4.3).
            if found.get("issuer") != provider.issuer or not all(isinstance(found.get(name), str) for name in wanted):
                raise _unavailable(ValueError("issuer"))
            _known.metadata, _known.metadata_read_at = found, clock.now()
        return _known.metadata


def _keys(*, at_most: timedelta = _KEYS_KEPT) -> KeySet:
    address = _metadata()["jwks_uri"]
    with _known.lock:
        if _known.keys is None or _is_old(_known.keys_read_at, at_most):
            try:
                _known.keys = KeySet.import_key_set(_get(address))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as exc:
                raise _unavailable(exc) from exc
            _known.keys_read_at = clock.now()
        return _known.keys


def _get(address: str) -> dict[str, Any]:
    with requests.Session() as session:
        _bound(session)
        try:
            answer = session.get(address, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
            found = orjson.loads(answer.content) if answer.status_code == _OK else None
        except (requests.RequestException, ValueError, OSError) as exc:
            raise _unavailable(exc) from exc
    if not isinstance(found, dict):
        raise _unavailable(ValueError("answer"))
    return found


class _Bounded(HTTPAdapter):
    """A line on which an answer that is too long, or takes too long, breaks off."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """One request and its whole answer; raises RequestException for one that will not end."""
        answer = super().send(request, *args, **{**kwargs, "stream": True})
        ends = time.monotonic() + _LONGEST_TALK_SECONDS
        body = bytearray()
        try:
            while piece := answer.raw.read1(_PIECE, decode_content=True):
                body += piece
                if len(body) > _LONGEST_ANSWER or time.monotonic() > ends:
                    raise requests.exceptions.ContentDecodingError("too long")
        except HTTPError as exc:
            raise requests.exceptions.ConnectionError("broken off") from exc
        finally:
            answer.close()
        answer._content = bytes(body)  # noqa: SLF001 - where requests keeps what was read
        return answer


def _bound(session: requests.Session) -> None:
    """Let nothing of the machine's surroundings, and no endless answer, into this session."""
    session.trust_env = False
    session.mount("https://", _Bounded())
    session.mount("http://", _Bounded())


def _is_old(read_at: datetime | None, kept: timedelta) -> bool:
    return read_at is None or not timedelta() <= clock.now() - read_at < kept


def _refused(error: str) -> IdentityRefused:
    logs.logger.warning("identity_refused", error=error)
    return IdentityRefused(reason="answer")


def _unavailable(exc: Exception) -> IdentityUnavailable:
    logs.logger.warning("identity_unavailable", error=type(exc).__name__)
    return IdentityUnavailable(retry_after=5)
