"""Values derived from the process's secret, so that what is stored is worth nothing without it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from uuid import UUID

from kit import keyed

_CODE_DIGITS = 6


def code_of(challenge_id: UUID) -> str:
    """The six digits that answer a challenge: RFC 4226 truncation of a keyed hash of its id."""
    digest = keyed.derive("one-time code", challenge_id.bytes)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**_CODE_DIGITS).zfill(_CODE_DIGITS)


def challenge_of(challenge_id: UUID) -> bytes:
    """The 32 bytes that an authenticator has to sign."""
    return keyed.derive("passkey challenge", challenge_id.bytes)


def secret_of(purpose: str, attempt_id: UUID) -> str:
    """A secret of one attempt at the identity provider, for one purpose: state, nonce or PKCE; 43 characters."""
    return urlsafe_b64encode(keyed.derive(f"identity {purpose}", attempt_id.bytes)).rstrip(b"=").decode()


def form_secret_of(request_id: UUID, browser: str) -> str:
    """What the forms of an app's question carry in the browser that holds the cookie `browser`; 43 characters."""
    derived = keyed.derive("form of an authorization", request_id.bytes + browser.encode())
    return urlsafe_b64encode(derived).rstrip(b"=").decode()


def successor_of(refresh_token: str) -> str:
    """The refresh token that follows this one: always the same, and unknowable to who holds only the token."""
    return urlsafe_b64encode(keyed.derive("refresh token", refresh_token.encode())).rstrip(b"=").decode()


def fingerprint(kind: str, value: str) -> str:
    """A keyed hash that lets a phone number or a network address be counted without being stored."""
    return f"{kind}:{keyed.derive(kind, value.encode()).hex()[:32]}"
