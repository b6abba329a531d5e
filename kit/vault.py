"""The arithmetic of sealing personal values: AES-256-GCM under a key per person, master keys, and blind indexes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12
_MASTER_ID_BYTES = 8
# 128 bits: two people never share one by chance, and the whole of the hash is nowhere.
_INDEX_BYTES = 16


class Unreadable(Exception):
    """A sealed value was altered, moved to another place, or its key is gone. The text never quotes the value."""


@dataclass(frozen=True)
class WrappedKey:
    """A person's key as it may be stored: sealed by the master key of that id."""

    master_id: str
    wrapped: bytes


@dataclass(frozen=True)
class DataKey:
    """The key of one person, in memory only; what it seals opens for the same person and field and nowhere else."""

    owner_id: UUID
    _key: bytes = field(repr=False)

    def seal(self, name: str, value: str) -> bytes:
        """The value of the field `name`, sealed; never the same bytes twice."""
        return _seal(self._key, _place(self.owner_id, name), value.encode())

    def unseal(self, name: str, sealed: bytes) -> str:
        """The value again. Raises Unreadable when it was altered, or belongs to another person or field."""
        return _open(self._key, _place(self.owner_id, name), sealed).decode()


@dataclass(frozen=True)
class _Keys:
    current: str
    masters: dict[str, bytes]
    index: bytes


_keys: dict[str, _Keys] = {}


def use_keys(masters: Sequence[bytes], *, index: bytes) -> None:
    """Wrap with the first of `masters` from now on, and open with any of them; `index` keys the blind indexes.

    Raises ValueError for a key that is not of 32 bytes, or an index key that also seals.
    """
    if not masters or any(len(key) != KEY_BYTES for key in (*masters, index)):
        raise ValueError(f"every key of the vault has {KEY_BYTES} bytes")
    if index in masters:
        raise ValueError("the key of the blind index must seal nothing")
    known = {_id_of(key): key for key in masters}
    _keys["own"] = _Keys(_id_of(masters[0]), known, index)


def current_master_id() -> str:
    """The id of the master key that wraps new keys."""
    return _keys["own"].current


def current_mark() -> bytes:
    """What every value begins with that `seal_briefly` seals now."""
    return bytes.fromhex(_keys["own"].current)


def new_key(owner_id: UUID) -> tuple[DataKey, WrappedKey]:
    """A fresh random key for a person, and the form in which it may be stored."""
    key = DataKey(owner_id, secrets.token_bytes(KEY_BYTES))
    return key, wrap(key)


def wrap(key: DataKey) -> WrappedKey:
    """The key sealed by the current master key."""
    own = _keys["own"]
    sealed = _seal(own.masters[own.current], _place(key.owner_id, "data key"), key._key)  # noqa: SLF001 - same file
    return WrappedKey(own.current, sealed)


def unwrap(owner_id: UUID, wrapped: WrappedKey) -> DataKey:
    """A person's key. Raises Unreadable when it is another person's, was altered, or its master key is gone."""
    return DataKey(owner_id, _open(_master(wrapped.master_id), _place(owner_id, "data key"), wrapped.wrapped))


def seal_briefly(purpose: str, row_id: UUID, value: str) -> bytes:
    """Seal a value that belongs to no person, for one row; the master key's id stands before it.

    Only for columns of `kit.sealed`, whose types are how `kit.renewal` finds what another master key has to seal anew.
    """
    own = _keys["own"]
    key = _derived(own.masters[own.current], purpose)
    return bytes.fromhex(own.current) + _seal(key, _place(row_id, purpose), value.encode())


def unseal_briefly(purpose: str, row_id: UUID, sealed: bytes) -> str:
    """What `seal_briefly` sealed for the same purpose and row; raises Unreadable for anything else."""
    master = _master(sealed[:_MASTER_ID_BYTES].hex())
    return _open(_derived(master, purpose), _place(row_id, purpose), sealed[_MASTER_ID_BYTES:]).decode()


def blind_index(name: str, value: str) -> bytes:
    """A keyed hash of a field's value, by which equal values are found and nothing is read."""
    message = name.encode() + b"\0" + value.encode()
    return hmac.digest(_keys["own"].index, message, hashlib.sha256)[:_INDEX_BYTES]


def _id_of(master: bytes) -> str:
    return hashlib.sha256(b"vault master key\0" + master).digest()[:_MASTER_ID_BYTES].hex()


def _master(master_id: str) -> bytes:
    try:
        return _keys["own"].masters[master_id]
    except KeyError:
        raise Unreadable(f"there is no master key {master_id}") from None


def _derived(master: bytes, purpose: str) -> bytes:
    # Under a key of its own, what is of no person can be told apart from wrapped keys for good.
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"briefly\0" + purpose.encode()).derive(master)


def _place(owner_id: UUID, name: str) -> bytes:
    return owner_id.bytes + name.encode()  # an id is always sixteen bytes, so the border is certain


def _seal(key: bytes, place: bytes, value: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value, place)


def _open(key: bytes, place: bytes, sealed: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        raise Unreadable("sealed for another place, or altered") from None
