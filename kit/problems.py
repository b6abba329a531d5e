"""How the API document tells of refusals (RFC 9457)."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.errors import DomainError

PROBLEM = "application/problem+json"


class FlawSchema(ma.Schema):
    """One thing wrong with a request."""

    pointer = ma.fields.String(metadata={"description": "JSON pointer into the body, or the parameter's name."})
    code = ma.fields.String(metadata={"description": "Stable slug, never translated.", "example": "required"})
    detail = ma.fields.String(metadata={"description": "What to change, in the caller's language."})


class ProblemSchema(ma.Schema):
    """A refusal (RFC 9457).

    `code` is stable; `title` and `detail` follow Accept-Language. More members may stand beside these, named in the
    text of the code.
    """

    class Meta:
        """A refusal may carry members of its own."""

        unknown = ma.INCLUDE

    type = ma.fields.URL(required=True, metadata={"description": "A page that explains the code."})
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    instance = ma.fields.String(required=True, metadata={"description": "The request id; quote it when you ask us."})
    code = ma.fields.String(required=True)
    errors = ma.fields.List(ma.fields.Nested(FlawSchema))
    retryable = ma.fields.Boolean(metadata={"description": "Whether the very same request may succeed later."})
    next_action = ma.fields.String(metadata={"description": "What the app should do next."})


def spell_out_refusals(doc: dict[str, Any], told: dict[str, Any], **_more: object) -> dict[str, Any]:
    """Describe the refusals an operation was told of, where flask-smorest prepares what it was told."""
    responses = told.setdefault("response", {}).setdefault("responses", {})
    for errors in told.pop("refusals", ()):
        by_status: dict[int, list[type[DomainError]]] = {}
        for error in errors:
            by_status.setdefault(error.status, []).append(error)
        for status, group in by_status.items():
            described = {
                "schema": ProblemSchema(),
                "content_type": PROBLEM,
                "description": " · ".join(f"`{e.code}`: {' '.join((e.__doc__ or '').split())}" for e in group),
                "examples": {e.code: {"summary": e.text("en")[0], "value": example_of(e)} for e in group},
            }
            responses.setdefault(status, []).append(described)
    return doc


def example_of(error: type[DomainError]) -> dict[str, Any]:
    """What a refusal looks like, for the API document."""
    title, detail = error.text("vi")
    return {
        "type": f"https://api.citizen.example/problems/{error.code}",
        "title": title,
        "status": error.status,
        "detail": detail,
        "instance": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
        "code": error.code,
        "retryable": error.retryable,
    }
