"""The one file that knows fhir.resources: whether something is FHIR, by the library and by what it lets through.

The library has no R4; its R4B keeps these resources as they are in R4. It takes any word where FHIR binds a code,
ends before beginnings and appointments of nobody, so each of these is looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any

Resource = Mapping[str, Any]
Trouble = tuple[str, str]  # where (a path of element names), and what
_STATUSES_WITHOUT_TIME = frozenset({"proposed", "cancelled", "waitlist"})
_STATUSES_WITH_REASON = frozenset({"cancelled", "noshow"})
_BINDINGS: dict[str, dict[str, frozenset[str]]] = {
    "Appointment": {
        "status": frozenset({
            "proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error",
            "checked-in", "waitlist",
        }),
        "participant.status": frozenset({"accepted", "declined", "tentative", "needs-action"}),
        "participant.required": frozenset({"required", "optional", "information-only"}),
    },
    "Slot": {"status": frozenset({"busy", "free", "busy-unavailable", "busy-tentative", "entered-in-error"})},
    "Location": {
        "status": frozenset({"active", "suspended", "inactive"}),
        "mode": frozenset({"instance", "kind"}),
        "hoursOfOperation.daysOfWeek": frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"}),
        "telecom.system": frozenset({"phone", "fax", "email", "pager", "url", "sms", "other"}),
    },
    "Organization": {"telecom.system": frozenset({"phone", "fax", "email", "pager", "url", "sms", "other"})},
    "Practitioner": {"gender": frozenset({"male", "female", "other", "unknown"})},
    "Bundle": {
        "type": frozenset({
            "document", "message", "transaction", "transaction-response", "batch", "batch-response", "history",
            "searchset", "collection",
        }),
        "entry.search.mode": frozenset({"match", "include", "outcome"}),
    },
    "CapabilityStatement": {
        "status": frozenset({"draft", "active", "retired", "unknown"}),
        "kind": frozenset({"instance", "capability", "requirements"}),
        "rest.mode": frozenset({"client", "server"}),
    },
    "OperationOutcome": {
        "issue.severity": frozenset({"fatal", "error", "warning", "information"}),
        "issue.code": frozenset({
            "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired",
            "forbidden", "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found",
            "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict",
            "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled", "informational",
        }),
    },
}  # fmt: skip
# Where the library looks for a resource of a type; nothing else is read or told.
_MODULES = {name: name.lower() for name in (
    "Appointment", "Bundle", "CapabilityStatement", "HealthcareService", "Location", "OperationOutcome",
    "Organization", "Parameters", "Practitioner", "PractitionerRole", "Schedule", "Slot",
)}  # fmt: skip


class NotFhir(Exception):
    """Something is no resource of FHIR R4. `troubles` says where and why."""

    def __init__(self, troubles: list[Trouble]) -> None:
        super().__init__("; ".join(f"{place}: {what}" for place, what in troubles))
        self.troubles = troubles


def check(resource: Resource) -> Resource:
    """The resource itself, when it is one of R4 by form, codes and rules; raises NotFhir with all that is wrong."""
    kind = str(resource.get("resourceType"))
    if kind not in _MODULES:
        raise NotFhir([("resourceType", "is none of those known here")])
    # The library follows what a bundle holds into its entries; what is looked at here goes there by itself.
    inside = [entry["resource"] for entry in resource.get("entry", ()) if "resource" in entry]
    troubles = [*_form(kind, resource)] or [
        trouble
        for one in (resource, *inside)
        for trouble in (*_codes(one["resourceType"], one), *_rules(one["resourceType"], one))
    ]
    if troubles:
        raise NotFhir(troubles)
    return resource


def _form(kind: str, resource: Resource) -> Iterator[Trouble]:
    """What the library finds: elements that are missing, unknown, or of another type."""
    model, refusal = _model(kind)
    try:
        model.model_validate(dict(resource))
    except refusal as exc:
        for error in exc.errors():  # type: ignore[attr-defined]
            yield ".".join(str(step) for step in error["loc"]) or kind, str(error["msg"])


@cache
def _model(kind: str) -> tuple[Any, type[Exception]]:
    # On the first question of FHIR: it takes half a second and thirty megabytes, which nobody else should pay.
    module = import_module(f"fhir.resources.R4B.{_MODULES[kind]}")
    return getattr(module, kind), import_module("pydantic").ValidationError


def _codes(kind: str, resource: Resource) -> Iterator[Trouble]:
    for path, words in _BINDINGS.get(kind, {}).items():
        for value in _at(resource, path.split(".")):
            if value not in words:
                yield path, f"{value!r} is none of {', '.join(sorted(words))}"


def _at(inside: Any, path: list[str]) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """Every value that stands at a path, through lists."""
    if isinstance(inside, list | tuple):
        for one in inside:
            yield from _at(one, path)
    elif not path:
        yield inside
    elif isinstance(inside, Mapping) and path[0] in inside:
        yield from _at(inside[path[0]], path[1:])


def _rules(kind: str, resource: Resource) -> Iterator[Trouble]:
    rules: dict[str, Callable[[Resource], Iterator[Trouble]]] = {
        "Appointment": _rules_of_appointments,
        "Slot": _in_order,
        "Schedule": _rules_of_schedules,
        "Bundle": _rules_of_bundles,
    }
    if kind in rules:
        yield from rules[kind](resource)


def _in_order(resource: Resource) -> Iterator[Trouble]:
    start, end = resource.get("start"), resource.get("end")
    if start and end and _instant(start) >= _instant(end):
        yield "end", "is not after start"


def _rules_of_appointments(resource: Resource) -> Iterator[Trouble]:
    status = resource["status"]
    if not resource.get("participant"):
        yield "participant", "names nobody"
    for one in resource.get("participant", ()):
        if not one.get("actor") and not one.get("type"):
            yield "participant", "says neither who nor of which type (app-1)"
    if bool(resource.get("start")) != bool(resource.get("end")):
        yield "start", "stands without end, or end without start (app-2)"
    elif not resource.get("start") and status not in _STATUSES_WITHOUT_TIME:
        yield "start", f"is missing in an appointment that is {status} (app-3)"
    if resource.get("cancelationReason") and status not in _STATUSES_WITH_REASON:
        yield "cancelationReason", f"is given for an appointment that is {status} (app-4)"
    yield from _in_order(resource)


def _rules_of_schedules(resource: Resource) -> Iterator[Trouble]:
    if not resource.get("actor"):
        yield "actor", "names nobody"
    horizon = resource.get("planningHorizon", {})
    if {"start", "end"} <= set(horizon) and _instant(horizon["start"]) > _instant(horizon["end"]):
        yield "planningHorizon", "ends before it begins"


def _rules_of_bundles(resource: Resource) -> Iterator[Trouble]:
    if resource["type"] != "searchset" and any(entry.get("search") for entry in resource.get("entry", ())):
        yield "entry.search", f"stands in a bundle that is a {resource['type']} (bdl-2)"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
