"""Files of bills as the companies' systems write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from werkzeug.test import TestResponse

from tests.people import Caller, Work

COLUMNS = ("bill_no", "customer_code", "customer_name", "period", "amount_vnd", "issued_on", "due_on")
GOOD = {
    "bill_no": "B-1",
    "customer_code": "PA07TH0000001",
    "customer_name": "Nguyễn Văn An",
    "period": "2026-10",
    "amount_vnd": "636768",
    "issued_on": "2026-11-05",
    "due_on": "2026-11-25",
}


def csv_of(*lines: dict[str, str], delimiter: str = ",", end: str = "\n", quote: str = "") -> bytes:
    """A CSV of bills; each line is the good bill with changes, numbered by its place unless it says otherwise."""
    columns = list(dict.fromkeys([*COLUMNS, *(name for line in lines for name in line)]))
    rows = [delimiter.join(columns)]
    for place, line in enumerate(lines, start=1):
        cells = GOOD | {"bill_no": f"B-{place}"} | line
        rows.append(delimiter.join(f"{quote}{cells.get(name, '')}{quote}" for name in columns))
    return (end.join(rows) + end).encode()


def send(
    clerk: Caller,
    content: bytes,
    *,
    kind: str = "text/csv",
    key: str | None = None,
    headers: dict[str, str] | None = None,
) -> TestResponse:
    """A provider's system uploads a file."""
    sent = {"Content-Type": kind, "Idempotency-Key": key or str(uuid4())} | (headers or {})
    return clerk.post("/v1/utilities/imports", data=content, headers=sent)


def importing(clerk: Caller, work: Work) -> Callable[..., dict[str, Any]]:
    """Uploads a file, has it read, and gives what became of it."""

    def run(content: bytes, **more: Any) -> dict[str, Any]:
        answer = send(clerk, content, **more)
        assert answer.status_code == 202, answer.json
        failures = work()
        assert failures == []
        told: dict[str, Any] = clerk.get(answer.headers["Location"]).json
        return told

    return run


def counts(told: dict[str, Any]) -> tuple[int, int, int, int]:
    """New, changed, unchanged and refused lines."""
    return told["created"], told["changed"], told["unchanged"], told["refused"]
