"""Hashes keyed with the process's secret: equal values are found by them, and who holds only the database learns none.

One secret serves many purposes, and none of them can be used for another: the purpose is part of what is hashed.
"""

from __future__ import annotations

import hashlib
import hmac

_secrets: dict[str, bytes] = {}


def use_key(secret: bytes) -> None:
    """Hash with `secret` from now on. All processes of one installation share it; a new one voids what was hashed."""
    _secrets["key"] = secret


def derive(purpose: str, value: bytes) -> bytes:
    """HMAC-SHA256 of `value` for one purpose: 32 bytes, always the same, and unknowable without the secret."""
    # The purpose and its end are part of the message, so no value serves two purposes.
    return hmac.digest(_secrets["key"], purpose.encode() + b"\0" + value, hashlib.sha256)
