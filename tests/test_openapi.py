"""The API document: what it promises of every operation, and that it is what the code does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

import server.app
from kit.errors import CODES
from server import openapi
from server.policy import POLICY
from server.settings import Settings
from tests.people import all_at_once

COMMITTED = Path(__file__).parents[1] / "openapi.yaml"
METHODS = ("get", "put", "post", "patch", "delete")
PROBLEM = "application/problem+json"
FHIR = "application/fhir+json"
WITH_EXAMPLES = {"application/json", "application/fhir+json", "application/x-www-form-urlencoded"}
VERBS = re.compile(
    r"^(accept|add|answer|approve|ask|cancel|change|close|confirm|create|decline|end|erase|export|extend|finish|get|give"
    r"|hold|import|invite|issue|leave|link|list|lookUp|mark|move|narrow|offer|pay|propose|put|receive|refresh|register"
    r"|remove|rename|replay|report|resolve|resume|review|revoke|rotate|search|send|sign|skip|start|step|submit|suspend|test"
    r"|unlink|withdraw)(?=[A-Z])[A-Za-z]+$"
)
# They make money move, a message go out, or an import run.
NEED_A_KEY = {
    "startPhoneSignIn", "payBills", "askRefund", "importBills", "inviteMember", "addCard", "createAutomaticPayment",
    "importGuides", "addDraft", "payTickets", "holdPlaces", "confirmHold", "cancelBooking",
    "moveBooking", "addWait", "addWalkIn", "cancelBookingByClinic", "payDeposit", "addDrawRequest", "holdFhirPlace",
    "confirmFhirAppointment",
}  # fmt: skip
# A provider's own books are what holds: it tells a bill whole, by its number, and has nothing of ours to read before;
# and it alone knows which headings its files have. The form of a bank's files is told whole, too, by its code.
TOLD_WHOLE = {"putProviderBill", "putStatementLayout", "putBankForm"}


@dataclass(frozen=True)
class Operation:
    """One operation as the document tells it."""

    name: str
    path: str
    method: str
    said: dict[str, Any]
    parameters: list[dict[str, Any]]

    def named(self, place: str) -> dict[str, dict[str, Any]]:
        """Its parameters in a place (path, query, header) by their names."""
        return {one["name"]: one for one in self.parameters if one["in"] == place}


class Document:
    """The whole document, with its references followed."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self.whole = whole
        self.schemas: dict[str, dict[str, Any]] = whole["components"]["schemas"]
        self.operations = {one.name: one for one in self._operations()}
        self._registry = Registry().with_resource("urn:api", DRAFT202012.create_resource(whole))

    def _operations(self) -> Iterator[Operation]:
        for path, item in self.whole["paths"].items():
            for method in METHODS:
                if method in item:
                    said = item[method]
                    parameters = [
                        self.follow(one) for one in (*item.get("parameters", []), *said.get("parameters", []))
                    ]
                    yield Operation(said["operationId"], path, method, said, parameters)

    def follow(self, thing: dict[str, Any]) -> dict[str, Any]:
        """What a reference points to, or the thing itself."""
        while "$ref" in thing:
            target: Any = self.whole
            for step in thing["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            thing = target
        return thing

    def properties(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every property of every named schema: the schema, the property, what is said of it."""
        for name, schema in self.schemas.items():
            for field, kind in schema.get("properties", {}).items():
                yield name, field, self.follow(kind)

    def flaws(self, schema: dict[str, Any], example: Any) -> list[str]:
        """What is wrong with an example."""
        validator = Draft202012Validator(
            absolute(schema), registry=self._registry, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(example)]

    def texts(self, schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        """Every text inside a schema, and where it stands."""
        schema = self.follow(schema)
        if "string" in types(schema):
            yield place, schema
        for name, kind in schema.get("properties", {}).items():
            yield from self.texts(kind, f"{place}/{name}")
        if "items" in schema:
            yield from self.texts(schema["items"], f"{place}/[]")


def absolute(schema: Any) -> Any:
    """The schema with its references made absolute, for a validator that does not know where it stands."""
    if isinstance(schema, dict):
        return {name: f"urn:api{kind}" if name == "$ref" else absolute(kind) for name, kind in schema.items()}
    return [absolute(one) for one in schema] if isinstance(schema, list) else schema


def types(schema: dict[str, Any]) -> list[str]:
    """The JSON types a schema allows."""
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else given


def is_conditional(operation: Operation) -> bool:
    """Whether it changes what was read before, and has to say which version that was."""
    return operation.method in {"put", "patch", "delete"} and operation.name not in TOLD_WHOLE


def is_snake_case(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) is not None


@pytest.fixture(scope="session")
def document(app: Flask) -> Document:
    return Document(openapi.document(app))


def of_every_operation(check: Callable[[Operation, Document], None]) -> Callable[[Document], None]:
    """A test that a check holds for each operation; it names those for which it does not, and why."""

    @wraps(check)
    def test(document: Document) -> None:
        wrong = {}
        for name in sorted(POLICY):
            assert name in document.operations, "server/policy.py knows an operation that does not exist"
            try:
                check(document.operations[name], document)
            except (AssertionError, LookupError) as failed:  # a member that is missing is a finding, too
                wrong[name] = repr(failed)
        assert wrong == {}

    del test.__wrapped__  # pytest would ask it for its arguments
    return test


# -- the whole document ------------------------------------------------------------------------------------------------


def test_many_who_ask_first_at_once_are_served_what_is_committed(
    clean: None, settings: Settings, document: Document
) -> None:
    fresh = server.app.assemble(settings)

    answers = all_at_once(6, lambda number: fresh.test_client().get(f"/openapi.{('json', 'yaml')[number % 2]}"))

    assert {answer.status_code for answer in answers} == {200}
    assert {(answer.mimetype, answer.text) for answer in answers[1::2]} == {
        ("application/yaml", COMMITTED.read_text(encoding="utf-8"))
    }, "run `citizen spec`"
    assert len({answer.data for answer in answers[::2]}) == 1
    assert answers[0].json == document.whole == yaml.load(answers[1].text, Loader=yaml.CSafeLoader)


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document.whole["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document.whole).iter_errors()] == []


def test_every_operation_has_a_rule_and_every_rule_an_operation(document: Document) -> None:
    assert set(document.operations) == set(POLICY)


def test_operations_are_named_by_a_verb(document: Document) -> None:
    assert [name for name in document.operations if not VERBS.match(name)] == []


def test_properties_are_snake_case(document: Document) -> None:
    # WebAuthn and FHIR name their members themselves.
    theirs = ("Authenticator", "Credential", "Passkey", "Fhir")
    ours = [each for each in document.properties() if not each[0].startswith(theirs)]

    assert [f"{name}.{field}" for name, field, _ in ours if not is_snake_case(field)] == []


def test_ids_are_never_numbers(document: Document) -> None:
    wrong = [
        f"{name}.{field}"
        for name, field, kind in document.properties()
        if (field == "id" or field.endswith("_id")) and "string" not in types(kind)
    ]

    assert wrong == []


def test_money_is_whole_dong_within_bounds(document: Document) -> None:
    wrong = [
        f"{name}.{field}"
        for name, field, kind in document.properties()
        if field.endswith("_vnd") and not ("integer" in types(kind) and {"minimum", "maximum"} <= set(kind))
    ]

    assert wrong == []


def test_instants_and_days_say_so(document: Document) -> None:
    formats = {"_at": "date-time", "_on": "date"}
    wrong = [
        f"{name}.{field}"
        for name, field, kind in document.properties()
        for ending, wanted in formats.items()
        if field.endswith(ending) and kind.get("format") != wanted
    ]

    assert wrong == []


# -- every operation ---------------------------------------------------------------------------------------------------


@of_every_operation
def test_an_operation_says_what_it_does(operation: Operation, document: Document) -> None:
    tags = {tag["name"] for tag in document.whole["tags"]}
    explained = [*operation.named("query").values(), *operation.named("header").values()]

    assert 0 < len(operation.said["summary"]) <= 90
    assert len(operation.said.get("description", "")) > 20
    assert len(operation.said["tags"]) == 1
    assert operation.said["tags"][0] in tags
    assert [one["name"] for one in explained if not one.get("description")] == []


@of_every_operation
def test_an_operation_says_who_may_call_it(operation: Operation, document: Document) -> None:
    rule = POLICY[operation.name]
    schemes = {name for one in operation.said["security"] for name in one}

    assert schemes <= set(document.whole["components"]["securitySchemes"])
    assert bool(schemes) is not rule.open
    assert ({"401", "403"} <= set(operation.said["responses"])) or rule.open


@of_every_operation
def test_refusals_are_problem_documents_with_examples(operation: Operation, document: Document) -> None:
    refusals = {
        status: document.follow(answer) for status, answer in operation.said["responses"].items() if status >= "400"
    }

    assert {"429", "503"} <= set(refusals)
    assert ("400" in refusals) or not operation.named("query")
    assert ("404" in refusals) or not operation.named("path")
    assert ({"412", "428"} <= set(refusals)) or not is_conditional(operation)
    for status, refusal in refusals.items():
        kind = FHIR if operation.path.startswith("/fhir/") else PROBLEM
        assert set(refusal["content"]) == {kind}
        assert refusal["description"]
        examples = refusal["content"][kind]["examples"]
        assert set(examples) <= set(CODES)
        assert kind == FHIR or {one["value"]["status"] for one in examples.values()} == {int(status)}
        for example in examples.values():
            assert document.flaws(refusal["content"][kind]["schema"], example["value"]) == []


@of_every_operation
def test_requests_and_answers_come_with_examples_that_obey_their_schema(
    operation: Operation, document: Document
) -> None:
    answers = [document.follow(answer) for status, answer in operation.said["responses"].items() if status < "300"]
    bodies = [operation.said["requestBody"]] if "requestBody" in operation.said else []
    contents = [content for body in (*bodies, *answers) for content in body.get("content", {}).items()]

    assert answers
    for kind, content in contents:
        given = [content["example"]] if "example" in content else []
        given += [one["value"] for one in content.get("examples", {}).values()]
        assert given or kind not in WITH_EXAMPLES
        for example in given:
            assert document.flaws(content["schema"], example) == []


@of_every_operation
def test_effects_that_must_not_happen_twice_need_a_key(operation: Operation, document: Document) -> None:
    headers = operation.named("header")

    assert operation.name not in NEED_A_KEY or headers["Idempotency-Key"]["required"] is True
    assert "If-Match" in headers or not is_conditional(operation)


@of_every_operation
def test_lists_are_paged_with_a_bound(operation: Operation, document: Document) -> None:
    query = {name: one["schema"] for name, one in operation.named("query").items()}

    assert ("limit" in query) == ("cursor" in query)
    if "limit" in query:
        assert (query["limit"]["minimum"], query["limit"]["maximum"], query["limit"]["default"]) == (1, 100, 20)


@of_every_operation
def test_paths_are_kebab_case_and_parameters_snake_case(operation: Operation, document: Document) -> None:
    segments = [one for one in operation.path.split("/")[1:] if not one.startswith("{")]
    names = [*operation.named("path"), *operation.named("query")]
    if operation.path.startswith("/fhir/"):
        # Types, operations and parameters are spelled by FHIR; what begins with an underscore is of every search.
        segments = [one for one in segments if not re.fullmatch(r"[A-Z][A-Za-z]+|\$[a-z-]+|[a-z{}-]+\.ndjson", one)]
        names = [name.removeprefix("_") for name in names]

    # /.well-known/jwks.json is spelled by another standard.
    assert [one for one in segments if not re.fullmatch(r"\.?[a-z0-9]+(-[a-z0-9]+)*(\.json)?", one)] == []
    assert [name for name in names if not is_snake_case(name)] == []


@of_every_operation
def test_every_text_that_comes_in_has_an_end(operation: Operation, document: Document) -> None:
    contents = operation.said.get("requestBody", {}).get("content", {})
    endless = [
        place
        for kind, content in contents.items()
        # The gateway's events are checked by their signature, and bounded by the megabyte.
        if kind in WITH_EXAMPLES and operation.name != "receiveStripeWebhook"
        for place, text in document.texts(content["schema"])
        if not {"maxLength", "enum", "pattern", "format"} & set(text)
    ]

    assert endless == []


# -- the pages behind refusals -----------------------------------------------------------------------------------------


def test_every_refusal_has_its_page(client: Callable[[], FlaskClient]) -> None:
    http = client()
    pages = {code: http.get(f"/problems/{code}") for code in sorted(CODES)}

    assert [code for code, page in pages.items() if page.status_code != 200 or code not in page.text] == []


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/nothing-here", {}, 404),
        ("DELETE", "/v1/divisions/areas", {}, 405),
        ("POST", "/v1/auth/sessions/refresh", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_refusals_of_http_itself_are_problem_documents_with_a_page_too(
    client: Callable[[], FlaskClient], method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = client().open(path, method=method, headers=headers, data=b"x" if method == "POST" else None)

    assert (answer.status_code, answer.content_type, answer.json["status"]) == (status, PROBLEM, status)
    page = client().get(answer.json["type"].removeprefix("http://127.0.0.1:8000"))
    assert page.status_code == 200, f"{answer.json['type']} is no page"
