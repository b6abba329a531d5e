"""The places that are free as files of lines, in the shape of SMART Scheduling Links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from services.health.fhir.resources import instant


def manifest(base: str, at: datetime, provinces: Iterable[Any]) -> dict[str, Any]:
    """Which files there are: places, schedules, and one file of free slots for each province."""
    files = f"{base}/fhir/feed"
    slots = [
        {
            "type": "Slot",
            "url": f"{files}/slots-{one.code}.ndjson",
            **({"extension": {"state": [one.name]}} if one.name else {}),
        }
        for one in provinces
    ]
    return {
        "transactionTime": instant(at),
        "request": f"{base}/fhir/$bulk-publish",
        "output": [
            {"type": "Location", "url": f"{files}/locations.ndjson"},
            {"type": "Schedule", "url": f"{files}/schedules.ndjson"},
            *slots,
        ],
        "error": [],
    }


def lines(resources: Iterable[Mapping[str, Any]]) -> bytes:
    """One resource a line."""
    return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in resources)
