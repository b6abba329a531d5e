"""The key that signs packs and tickets (Ed25519), so that a phone or a gate without a signal can check them."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_INFO = b"citizen tourism packs and tickets 1"
_keys: dict[str, Ed25519PrivateKey] = {}


def use_key(secret: bytes) -> None:
    """Sign with a key of our own made from the installation's secret from now on."""
    seed = HKDF(SHA256(), 32, salt=None, info=_INFO).derive(secret)
    _keys["key"] = Ed25519PrivateKey.from_private_bytes(seed)


def public_jwk() -> dict[str, str]:
    """The public half (RFC 8037) with its thumbprint (RFC 7638) as `kid`."""
    raw = _keys["key"].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    members = {"crv": "Ed25519", "kty": "OKP", "x": _text(raw)}
    kid = _text(hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest())
    return {**members, "kid": kid, "alg": "EdDSA", "use": "sig"}


def canonical(document: Any) -> bytes:  # noqa: ANN401 - JSON
    """JSON with sorted keys and no spaces: what is signed (RFC 8785, for documents with ASCII keys and integers)."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def sign(message: bytes) -> str:
    """The signature of a message, 86 characters of base64url."""
    return _text(_keys["key"].sign(message))


def is_signed(jwk: Mapping[str, Any], message: bytes, signature: str) -> bool:
    """Whether a public key has signed exactly these bytes."""
    try:
        key = Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
        key.verify(_bytes(signature), message)
    except (InvalidSignature, NotBase64, ValueError, KeyError):
        return False
    return True


def seal(claims: Mapping[str, Any], prefix: str) -> str:
    """A short signed text: prefix, claims and signature, joined by dots."""
    body = f"{prefix}.{_text(canonical(dict(claims)))}"
    return f"{body}.{sign(body.encode())}"


def open_sealed(jwk: Mapping[str, Any], told: str, prefix: str) -> dict[str, Any] | None:
    """The claims of a sealed text; None unless it is whole, of that kind, and signed by the key."""
    body, _, signature = told.rpartition(".")
    kind, _, claims = body.partition(".")
    if kind != prefix or not is_signed(jwk, body.encode(), signature):
        return None
    opened: dict[str, Any] = orjson.loads(_bytes(claims))
    return opened


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
