"""Seals and signatures: the canonical bytes of a journal, the chain over them, and the key that signs a day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

START = bytes(32)  # what stands before the first journal of a chain
_KEY_ID_BYTES = 8
_keys: dict[str, Ed25519PrivateKey] = {}


def use_key(secret: bytes) -> None:
    """Sign days with a key derived from `secret`. Whoever keeps roots keeps the public key that stood beside them."""
    seed = HKDF(SHA256(), 32, salt=None, info=b"daily root of the ledger").derive(secret)
    _keys["own"] = Ed25519PrivateKey.from_private_bytes(seed)


def public_key() -> bytes:
    """The 32 bytes that verify our signatures."""
    return _keys["own"].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(public: bytes) -> str:
    """A short name of a public key."""
    return hashlib.sha256(public).hexdigest()[: _KEY_ID_BYTES * 2]


def canonical(journal: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> bytes:
    """One journal as bytes that are the same on every machine: sorted names, no spaces, ids and instants as text."""
    body = {
        "journal": _plain(journal),
        "entries": [_plain(entry) for entry in sorted(entries, key=lambda e: str(e["id"]))],
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def link(before: bytes, content: bytes) -> bytes:
    """The digest that stands for a journal and all before it in its chain."""
    return hashlib.sha256(before + hashlib.sha256(content).digest()).digest()


def root_of(heads: Mapping[str, tuple[int, bytes]]) -> bytes:
    """One digest over the heads of all chains: a Merkle tree over the chains' names, lengths and last digests."""
    level = [
        hashlib.sha256(b"\0" + json.dumps([chain, position, digest.hex()]).encode()).digest()
        for chain, (position, digest) in sorted(heads.items())
    ] or [START]
    while len(level) > 1:
        pairs = [level[place : place + 2] for place in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\1" + b"".join(pair)).digest() if len(pair) > 1 else pair[0] for pair in pairs]
    return level[0]


def sign(day: str, root: bytes) -> bytes:
    """Our signature under the root of a day."""
    return _keys["own"].sign(_signed(day, root))


def is_signed(public: bytes, day: str, root: bytes, signature: bytes) -> bool:
    """Whether a root was signed with the key that `public` belongs to."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _signed(day, root))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(day: str, root: bytes) -> bytes:
    return b"ledger root\0" + day.encode() + b"\0" + root


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        if value is None or isinstance(value, int)
        else value.isoformat()
        if hasattr(value, "isoformat")
        else str(value)
        for name, value in row.items()
    }
