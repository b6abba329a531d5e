"""The private keys this process signs with: in files, readable by the server alone, and never in the database."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

Jwk = dict[str, Any]
_COORDINATE_BYTES = 32


class NoKeyFolder(Exception):
    """A new key has nowhere to go: SIGNING_KEYS_DIR is not set."""


@dataclass(frozen=True)
class OwnKey:
    """A P-256 key pair; `kid` is the RFC 7638 thumbprint of `jwk`, its public half."""

    kid: str
    jwk: Jwk
    private_key: ec.EllipticCurvePrivateKey


@dataclass
class _Ring:
    first: OwnKey | None = None
    folder: Path | None = None
    keys: dict[str, OwnKey] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)  # guards `keys`


_ring = _Ring()


def use(pem: str, folder: Path | None) -> None:
    """Hold the private key in `pem`, and those in the files `*.pem` of `folder`; forget all others.

    Raises ValueError when one is anything else than a P-256 private key.
    """
    first = _read(pem)
    with _ring.lock:
        _ring.first, _ring.folder, _ring.keys = first, folder, {first.kid: first}
    _look_again()


def first() -> OwnKey:
    """The key of SIGNING_KEY_FILE."""
    if _ring.first is None:
        raise LookupError("no signing key is in use yet")
    return _ring.first


def find(kid: str) -> OwnKey | None:
    """The key of that name, if this machine has it; one that has come into the folder since is found too."""
    if kid not in _ring.keys:
        _look_again()
    return _ring.keys.get(kid)


def make() -> OwnKey:
    """A new key pair in a new file of the folder; to be copied to every machine that signs. Raises NoKeyFolder."""
    if _ring.folder is None:
        raise NoKeyFolder
    private_key = ec.generate_private_key(ec.SECP256R1())
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = _read(pem.decode())
    # Under another ending until it is whole, so that nobody reads half a key.
    unfinished = _ring.folder / f"{made.kid}.unfinished"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    unfinished.rename(_ring.folder / f"{made.kid}.pem")
    with _ring.lock:
        _ring.keys[made.kid] = made
    return made


def thumbprint(jwk: Jwk) -> str:
    """The RFC 7638 thumbprint of an elliptic-curve key."""
    canonical = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _look_again() -> None:
    if _ring.folder is None:
        return
    found = [_read(file.read_text(encoding="ascii")) for file in sorted(_ring.folder.glob("*.pem"))]
    with _ring.lock:
        _ring.keys |= {key.kid: key for key in found}


def _read(pem: str) -> OwnKey:
    private_key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey) or not isinstance(private_key.curve, ec.SECP256R1):
        raise ValueError("the signing key must be a P-256 private key in PEM")  # noqa: TRY004 - a value, not a type
    point = private_key.public_key().public_numbers()
    jwk = {"crv": "P-256", "kty": "EC", "x": _coordinate(point.x), "y": _coordinate(point.y)}
    return OwnKey(thumbprint(jwk), jwk, private_key)


def _coordinate(number: int) -> str:
    return _base64url(number.to_bytes(_COORDINATE_BYTES, "big"))


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
