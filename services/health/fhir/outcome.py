"""Refusals as FHIR tells them: an OperationOutcome made of a problem document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.health.fhir.codes import PROPOSED

_BY_STATUS = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    410: "expired",
    413: "too-long",
    415: "not-supported",
    422: "business-rule",
    428: "required",
    429: "throttled",
    500: "exception",
    503: "transient",
}
# What someone has already, rather than what somebody else was faster at.
_DUPLICATES = frozenset({"already_booked", "hold_limit", "patient_busy"})
_FLAWS = {"required": "required", "unknown": "not-supported", "length": "too-long", "not_an_option": "code-invalid"}


def outcome(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The OperationOutcome of a problem document: one issue for the refusal, one for each flaw it lists.

    Free places that a refusal names follow as information, under the ids by which they can be held.
    """
    code = "duplicate" if problem["code"] in _DUPLICATES else _BY_STATUS.get(problem["status"], "processing")
    issues: list[dict[str, Any]] = [
        {
            "severity": "error",
            "code": code,
            "details": {
                "coding": [{"system": problem["type"].rsplit("/", 1)[0], "code": problem["code"]}],
                "text": problem["title"],
            },
            "diagnostics": f"{problem['detail']} [{problem['instance']}]",
        }
    ]
    issues += [_flaw(one) for one in problem.get("errors", ())]
    issues += [
        {
            "severity": "information",
            "code": "informational",
            "diagnostics": f"Appointment/{PROPOSED}{free['slot_id']} {free['starts_at']}",
        }
        for free in problem.get("alternatives", ())
    ]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _flaw(flaw: Mapping[str, str]) -> dict[str, Any]:
    place = flaw["pointer"].strip("/").replace("/", ".")
    return {
        "severity": "error",
        "code": _FLAWS.get(flaw["code"], "value"),
        "diagnostics": flaw["detail"],
        **({"expression": [place]} if place else {}),
    }
