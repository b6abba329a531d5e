"""Signatures of calls to others as Standard Webhooks has them: HMAC-SHA256 over id, instant and body."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime

_SECRET_BYTES = 32
_PREFIX = "whsec_"


def new_secret() -> str:
    """A fresh secret, in the form in which the other side gets it."""
    return _PREFIX + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_part(call_id: str, stamp: str, body: bytes) -> bytes:
    """What is signed: the id of the call, the instant as seconds, the body, with dots between them."""
    return b".".join((call_id.encode(), stamp.encode(), body))


def signature(secret: str, signed: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `signed` under a secret (whsec_ and base64)."""
    digest = hmac.digest(b64decode(secret.removeprefix(_PREFIX)), signed, hashlib.sha256)
    return f"v1,{b64encode(digest).decode()}"


def headers_of(secret: str, call_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The three headers of the standard for one call that one secret signs."""
    stamp = str(int(at.timestamp()))
    return {
        "webhook-id": call_id,
        "webhook-timestamp": stamp,
        "webhook-signature": signature(secret, signed_part(call_id, stamp, body)),
    }
