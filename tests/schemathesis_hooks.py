"""What schemathesis cannot know of this API: a key belongs to one intention, and a file of lines is sent as it is."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import schemathesis

LONGEST_KEY = 255
FILES_OF_LINES = ("application/x-ndjson", "application/jsonl", "text/csv")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Give every well-formed request a key of its own: the same key for another body is rightly refused."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY:
        case.headers["Idempotency-Key"] = str(uuid4())


@schemathesis.serializer(*FILES_OF_LINES)
def as_it_is(context: Any, value: Any) -> bytes:
    """The body of a file."""
    return value if isinstance(value, bytes) else str(value).encode()
