"""Signatures of webhooks as Standard Webhooks has them: HMAC-SHA256 per address, and Ed25519 by the house."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit import signed_calls

_PUBLIC = "whpk_"

_keys: dict[str, Ed25519PrivateKey] = {}


def use_key(secret: bytes) -> None:
    """Sign with a key derived from `secret` from now on; all processes of one installation share it."""
    seed = HKDF(SHA256(), 32, salt=None, info=b"webhooks, ed25519").derive(secret)
    _keys["own"] = Ed25519PrivateKey.from_private_bytes(seed)


def new_secret() -> str:
    """A fresh secret, in the form in which a company gets it."""
    return signed_calls.new_secret()


def public_key() -> str:
    """The key that checks `v1a` signatures, in the form of the standard."""
    raw = _keys["own"].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _PUBLIC + b64encode(raw).decode()


def headers_of(event_id: UUID, at: datetime, body: bytes, endpoint_secrets: Iterable[str]) -> dict[str, str]:
    """The three headers of the standard: the event's id, the instant of this attempt, and a signature by each key."""
    stamp = str(int(at.timestamp()))
    signed = signed_calls.signed_part(str(event_id), stamp, body)
    by_secret = [signed_calls.signature(each, signed) for each in endpoint_secrets]
    by_key = f"v1a,{b64encode(_keys['own'].sign(signed)).decode()}"
    return {
        "webhook-id": str(event_id),
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join((*by_secret, by_key)),
    }
