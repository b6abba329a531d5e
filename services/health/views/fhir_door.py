"""What the doors of FHIR share: how they answer, and refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import flask
import orjson
from flask import Response, request

from kit.errors import NotFound
from kit.pages import Page
from kit.parsing import RepeatingParser
from kit.problems import PROBLEM
from kit.web import Blueprint, language
from services.health.fhir import codes, library, outcome, resources

BELOW = "/fhir/"
blueprint = Blueprint(
    "fhir",
    __name__,
    url_prefix="/fhir",
    description="Clinics in HL7 FHIR R4, for systems of hospitals: read, $find, $hold, $book, a feed of free places.",
)
blueprint.ARGUMENTS_PARSER = RepeatingParser()
blueprint.speaks = (codes.FHIR_JSON, codes.FHIR_LINES, *Blueprint.speaks)


def resource_type(kind: str) -> dict[str, Any]:
    """The schema of an answer that is a resource of a type; FHIR itself says the rest."""
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"const": kind}, "id": {"type": "string"}},
    }


def base() -> str:
    """The address of this server."""
    return str(flask.current_app.config["BASE_URL"])


def answer(resource: Mapping[str, Any]) -> Response:
    """A resource as it goes out, looked at by the library first."""
    return Response(orjson.dumps(library.check(resource)), content_type=codes.FHIR_JSON)


def found(page: Page, entries: Iterable[Mapping[str, Any]]) -> Response:
    """A page of a search, with the addresses of itself and of the next one."""
    said = [(name, value) for name, value in request.args.items(multi=True) if name != "_cursor"]
    links = {"self": _address([*request.args.items(multi=True)])}
    if page.next is not None:
        links["next"] = _address([*said, ("_cursor", page.next)])
    return answer(resources.bundle(base(), entries, links=links))


def existing(row: Any) -> Any:  # noqa: ANN401 - whatever was looked for
    """What was found; raises NotFound when nothing was."""
    if row is None:
        raise NotFound
    return row


def _address(parameters: list[tuple[str, str]]) -> str:
    query = urlencode(parameters)
    return f"{base()}{request.path}{'?' if query else ''}{query}"


@blueprint.after_app_request
def as_outcome(response: Response) -> Response:
    """Tell a refusal below /fhir as an OperationOutcome, whoever has refused; name the language of what is told."""
    if response.mimetype == PROBLEM and request.path.startswith(BELOW):
        response.set_data(orjson.dumps(outcome.outcome(orjson.loads(response.get_data()))))
        response.content_type = codes.FHIR_JSON
    if response.mimetype == codes.FHIR_JSON:
        response.headers["Content-Language"] = language()
    return response
