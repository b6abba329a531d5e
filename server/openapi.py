"""The API document: what the code declares, completed with who may call, limits and the headers of every answer."""

from __future__ import annotations

from typing import Any

import orjson
import yaml
from flask import Flask

import persons.guard
import services.health.views
from auth.app_scopes import SCOPES
from auth.assurance import STAFF_DAY
from auth.errors import InsufficientUserAuthentication
from auth.guard import ACT_FOR, FOR_ORGANISATION, Role, Rule
from kit.errors import (
    DomainError,
    InvalidRequest,
    MalformedRequest,
    NotAcceptable,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RequestEntityTooLarge,
    ServiceUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
)
from kit.problems import PROBLEM, example_of
from kit.web import Api
from persons.errors import PurposeMissing
from server.policy import POLICY

_ABOUT = """\
Bills of Vietnamese provinces for the phone: find a household's electricity or water bill, pay it by card, and see when
the company has posted it.

- **Language**: `Accept-Language` vi (default) or en.
- **Refusals** are `application/problem+json` with a stable `code`.
- **Idempotency-Key**: send a fresh random value per intention, and repeat it when you ask again.
- **Pages**: `limit` and `cursor`; `next` is absent on the last page.
- **Money** is whole đồng. **Time** is RFC 3339, given in +07:00.
- Ignore properties you do not know; values of enumerations may grow.
- **Signing in**: `startPhoneSignIn`, `answerPhoneChallenge`, then `Authorization: Bearer …`.
- **Apps of others**: `registerApp`, then OAuth 2.1 as `getServerMetadata` tells, with a consent page at `/authorize`.
"""
CONFIG: dict[str, Any] = {
    "API_TITLE": "Citizen API",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": _ABOUT,
            "license": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
        },
        "servers": [{"url": "/", "description": "This server"}],
    },
}
_SECURITY = {
    "citizen": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of `answerPhoneChallenge` or `refreshSession`; it lives for five minutes.",
    },
    "provider": {
        "type": "oauth2",
        "description": "A machine client of a power or water company.",
        "flows": {
            "clientCredentials": {
                "tokenUrl": "/v1/auth/token",
                "scopes": {
                    "bills:write": "Send bills and read what became of them.",
                    "payments:read": "Read payments of one's own bills.",
                    "settlement:read": "Read reports of one's own money.",
                    "settlement:write": "Send statements and answer differences.",
                    "webhooks:manage": "Say which addresses are told of one's own payments.",
                },
            }
        },
    },
    "app": {
        "type": "oauth2",
        "description": "An app of others, for a citizen who has allowed it. The token lives for five minutes.",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/authorize",
                "tokenUrl": "/token",
                "refreshUrl": "/token",
                "scopes": {scope.name: f"{scope.title_en}. {scope.body_en}" for scope in SCOPES.values()},
            }
        },
    },
}
_ACT_FOR = {
    "in": "header",
    "name": ACT_FOR,
    "required": False,
    "schema": {"type": "string", "format": "uuid"},
    "example": "019a0c1e-0000-7c00-8000-00000000000a",
}
_FOR_ORGANISATION = {
    "in": "header",
    "name": FOR_ORGANISATION,
    "schema": {"type": "string", "format": "uuid"},
    "example": "019a0c1e-8888-7c00-8000-00000000000c",
}
_FHIR_OUTCOME = {
    "type": "object",
    "description": "A refusal in FHIR: an OperationOutcome. The first issue's `details.coding` holds the stable code.",
    "required": ["resourceType", "issue"],
    "properties": {
        "resourceType": {"const": "OperationOutcome"},
        "issue": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["severity", "code"],
                "properties": {"severity": {"type": "string"}, "code": {"type": "string"}},
            },
        },
    },
}
_ADDED = frozenset({ACT_FOR, FOR_ORGANISATION, persons.guard.HEADER})
_METHODS = frozenset({"get", "put", "post", "patch", "delete"})
_HEADERS = {
    "X-Request-Id": "Quote it when you ask us about an answer.",
    "RateLimit-Policy": "How many requests the caller may make in which window.",
    "RateLimit": "What is left of it, and when it begins anew.",
}
_COMMON = (NotAcceptable, TooManyRequests, ServiceUnavailable)
_SIGNED_IN = (NotSignedIn, NotAllowed)
_READING = (MalformedRequest, RequestEntityTooLarge, UnsupportedMediaType, InvalidRequest)
_NAMED = (*_COMMON, *_SIGNED_IN, *_READING, NotFound)


def document(app: Flask) -> dict[str, Any]:
    """The whole OpenAPI 3.1 document as a dictionary."""
    api: Api = app.extensions["api"]
    spec = api.describe()
    components = spec.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    components.setdefault("schemas", {})["FhirOutcome"] = _FHIR_OUTCOME
    components["headers"] = {
        name: {"description": words, "schema": {"type": "string"}} for name, words in _HEADERS.items()
    }
    for path in spec["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                _complete(operation)
    components["responses"] = {error.__name__: _shared(error) for error in _NAMED}
    spec["tags"] = sorted(spec.get("tags", []), key=lambda tag: str(tag["name"]))
    # Through JSON, so that only plain values are left: enumerations and UUIDs of examples become text.
    plain: dict[str, Any] = orjson.loads(orjson.dumps(spec, option=orjson.OPT_NON_STR_KEYS))
    for address, path in plain["paths"].items():
        if address.startswith(services.health.views.FHIR_BELOW):
            for method in sorted(_METHODS & set(path)):
                _tell_as_outcomes(path[method], plain["components"]["responses"])
    return plain


def render(app: Flask) -> str:
    """The text of openapi.yaml: stable, so that two renderings of the same code are equal."""
    return yaml.safe_dump(document(app), allow_unicode=True, sort_keys=False, width=120)


def _complete(operation: dict[str, Any]) -> None:
    rule = POLICY[operation["operationId"]]
    # References are the library's own words for what arguments may raise; ours are more exact.
    responses: dict[str, Any] = {
        status: response for status, response in operation["responses"].items() if "$ref" not in response
    }
    common: list[type[DomainError]] = [*_COMMON]
    if not rule.open:
        common += _SIGNED_IN
    operation["security"] = _security_of(rule)
    operation["x-roles"] = [role.value for role in sorted(_callers(rule))]
    # What is rendered once more has the headers already.
    declared = [one for one in operation.get("parameters", []) if one.get("name") not in _ADDED]
    if "requestBody" in operation:
        common += _READING
    elif declared:
        common.append(MalformedRequest)
    if rule.staff:
        operation["x-staff"] = {"organisations": sorted(rule.kinds), "roles": sorted(rule.staff)}
    if added := _headers_of(rule):
        operation["parameters"] = [*declared, *added]
    common += _refusals_of(rule)
    for error in common:
        _add(responses, error)
    for status, response in responses.items():
        if isinstance(response, dict) and "$ref" not in response:
            if int(status) >= 400:  # noqa: PLR2004 - where refusals begin
                _as_problem(response)
            response.setdefault("headers", {}).update(
                {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
            )
    operation["responses"] = dict(sorted(responses.items()))


def _security_of(rule: Rule) -> list[dict[str, list[str]]]:
    """The kinds of tokens of which one is needed."""
    if rule.open:
        return []
    callers = _callers(rule)
    # Staff show a citizen's token.
    schemes = [
        ("citizen", [], not callers.isdisjoint({Role.CITIZEN, Role.STAFF})),
        ("provider", [rule.scope], Role.PROVIDER in callers),
        ("app", [rule.app], Role.DEVELOPER in callers),
    ]
    return [{scheme: [scope for scope in scopes if scope]} for scheme, scopes, applies in schemes if applies]


def _headers_of(rule: Rule) -> list[dict[str, Any]]:
    """The headers by which a caller says for whom they ask, and why."""
    return [*([_act_for(rule)] if rule.act_for else []), *(_of_staff(rule) if rule.staff else [])]


def _refusals_of(rule: Rule) -> list[type[DomainError]]:
    """What the guard may answer beyond what every operation may."""
    may: list[tuple[object, type[DomainError]]] = [
        (rule.act_for, NotFound),
        (rule.staff or rule.assurance, InsufficientUserAuthentication),
        (rule.shows_citizens, PurposeMissing),
    ]
    return [error for applies, error in may if applies]


def _act_for(rule: Rule) -> dict[str, Any]:
    """The header by which an agent does it for the citizen who gave them a mandate."""
    return _ACT_FOR | {
        "description": (
            f"The citizen the caller acts for: the `principal_id` of a mandate with the scope `{rule.act_for}`. When"
            " none holds now, the answer is 404. Operations without this parameter answer 403 to it."
        )
    }


def _callers(rule: Rule) -> frozenset[Role]:
    if rule.open:
        return frozenset(Role)
    more = {role for role, applies in ((Role.STAFF, rule.staff), (Role.DEVELOPER, rule.app)) if applies}
    return rule.roles | more


def _of_staff(rule: Rule) -> list[dict[str, Any]]:
    """The headers by which a member of staff says for whom they act, and why where citizens' data is shown."""
    roles, kinds = (" or ".join(f"`{word}`" for word in sorted(words)) for words in (rule.staff, rule.kinds))
    only_staff = not rule.roles
    minutes = int((rule.max_age or STAFF_DAY).total_seconds() // 60)
    described = (
        f"The organisation the caller works for, as {roles} there; its kind is {kinds}. Needs a passkey or national"
        f" identity of the last {minutes} minutes. Operations without this parameter answer 403 to it."
    )
    header = _FOR_ORGANISATION | {"required": only_staff, "description": described}
    purpose = persons.guard.PARAMETER | {"required": only_staff}
    return [header, purpose] if rule.shows_citizens else [header]


def _add(responses: dict[str, Any], error: type[DomainError]) -> None:
    """Document a refusal that many operations share, beside those the view names."""
    status = str(error.status)
    given = responses.get(status)
    if given is None and error in _NAMED:
        responses[status] = {"$ref": f"#/components/responses/{error.__name__}"}
        return
    if given is None:
        responses[status] = _shared(error)
        return
    if "$ref" in given:
        [first] = [known for known in _NAMED if given["$ref"].endswith(f"/{known.__name__}")]
        given = responses[status] = _shared(first)
    shared = _shared(error)
    if f"`{error.code}`" not in given["description"]:
        given["description"] += f" · {shared['description']}"
    given["content"][PROBLEM].setdefault("examples", {}).update(shared["content"][PROBLEM]["examples"])


def _tell_as_outcomes(operation: dict[str, Any], shared: dict[str, Any]) -> None:
    """Below /fhir refusals are told in the words of FHIR: the same ones, as OperationOutcome."""
    for status, given in operation["responses"].items():
        name = given["$ref"].rsplit("/", 1)[1] if "$ref" in given else None
        if name is not None:
            shared.setdefault(f"Fhir{name}", _as_outcome(shared[name]))
            operation["responses"][status] = {"$ref": f"#/components/responses/Fhir{name}"}
        elif PROBLEM in given.get("content", {}):
            operation["responses"][status] = _as_outcome(given)


def _as_outcome(response: dict[str, Any]) -> dict[str, Any]:
    examples = {
        code: one | {"value": services.health.views.fhir_outcome(one["value"])}
        for code, one in response["content"][PROBLEM].get("examples", {}).items()
    }
    told = {"schema": {"$ref": "#/components/schemas/FhirOutcome"}, "examples": examples}
    return {**response, "content": {services.health.views.FHIR_JSON: told}}


def _shared(error: type[DomainError]) -> dict[str, Any]:
    return {
        "description": f"`{error.code}`: {' '.join((error.__doc__ or '').split())}",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS},
        "content": {
            PROBLEM: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {error.code: {"summary": error.text("en")[0], "value": example_of(error)}},
            }
        },
    }


def _as_problem(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    if "application/json" in content:
        content[PROBLEM] = content.pop("application/json") | content.get(PROBLEM, {})
