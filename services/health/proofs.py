"""What a citizen shows at the door: a code in words, and a signed text for a QR code that needs no network to check.

The text is `KB1.` and the base64url of 39 bytes and their Ed25519 signature: version, booking, facility, start in
seconds, change number. A clinic's device checks it with the public key of `listProofKeys`, which it keeps.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit import vault

PREFIX = "KB1."
CODE_DIGITS = 6
_SHAPE = struct.Struct(">B16s16sIH")
_VERSION = 1
_SIGNATURE_BYTES = 64
_keys: dict[str, Ed25519PrivateKey] = {}


class NotAProof(Exception):
    """The text is not one that we have signed."""


@dataclass(frozen=True)
class Proof:
    """What a signed text says."""

    booking_id: UUID
    facility_id: UUID
    starts_at: datetime
    sequence: int


def use_key(secret: bytes) -> None:
    """Sign with a key made of `secret` from now on; the same secret gives the same key on every machine."""
    seed = HKDF(SHA256(), 32, salt=None, info=b"booking proof").derive(secret)
    _keys["own"] = Ed25519PrivateKey.from_private_bytes(seed)


def public_key() -> str:
    """The raw public key, base64url without padding."""
    raw = _keys["own"].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _text(raw)


def sign(proof: Proof) -> str:
    """The text of the QR code."""
    body = _SHAPE.pack(
        _VERSION,
        proof.booking_id.bytes,
        proof.facility_id.bytes,
        int(proof.starts_at.timestamp()),
        proof.sequence % 65_536,
    )
    return PREFIX + _text(body + _keys["own"].sign(body))


def verify(text: str) -> Proof:
    """What a signed text says; raises NotAProof for anything we have not signed."""
    try:
        raw = urlsafe_b64decode(text.removeprefix(PREFIX) + "==")
    except ValueError as exc:
        raise NotAProof from exc
    if not text.startswith(PREFIX) or len(raw) != _SHAPE.size + _SIGNATURE_BYTES:
        raise NotAProof
    body, signature = raw[: _SHAPE.size], raw[_SHAPE.size :]
    try:
        _keys["own"].public_key().verify(signature, body)
    except InvalidSignature as exc:
        raise NotAProof from exc
    _version, booking, facility, starts, sequence = _SHAPE.unpack(body)
    return Proof(UUID(bytes=booking), UUID(bytes=facility), datetime.fromtimestamp(starts, UTC), sequence)


def code_of(booking_id: UUID) -> str:
    """Six digits to say aloud; they follow from the id under a key of ours and are stored nowhere."""
    number = int.from_bytes(vault.blind_index("check-in code", str(booking_id)))
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
