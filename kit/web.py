"""How the API speaks: operations, problem documents, request keys, ETags and the headers of every answer."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4

import flask
import flask_smorest
import orjson
import sqlalchemy.exc
from flask import Flask, Response, g, request
from flask.json.provider import JSONProvider
from werkzeug.exceptions import HTTPException

from kit import keyed, logs
from kit.errors import (
    CODES,
    BadRequest,
    DomainError,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InternalServerError,
    MalformedRequest,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ServiceUnavailable,
)
from kit.idempotency import Outcome, RequestKey
from kit.parsing import MOST_FLAWS, Flaw, StrictParser, unknown_parameter
from kit.problems import PROBLEM, ProblemSchema, spell_out_refusals
from kit.text import clean

if TYPE_CHECKING:
    from apispec import APISpec

_TOLD_IN_A_LANGUAGE = frozenset({"application/json", PROBLEM, "text/html"})
LANGUAGES = ("vi", "en")
_CONDITIONS = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"})
_LONGEST_KEY = 255
_KEY = re.compile(rf"[ -~]{{1,{_LONGEST_KEY}}}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_View = TypeVar("_View", bound=Callable[..., Any])


class Json(JSONProvider):
    """orjson instead of the standard library: answers are made of it."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:  # noqa: ANN401 - the library's signature
        """`obj` as JSON text."""
        return orjson.dumps(obj, option=orjson.OPT_NON_STR_KEYS).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:  # noqa: ANN401 - the library's signature
        """The value of JSON text."""
        return orjson.loads(s)


class Blueprint(flask_smorest.Blueprint):
    """A room's doors: operations with strict parsing and documented refusals."""

    ARGUMENTS_PARSER = StrictParser()
    # Types of which an Accept must take one; a room that answers in the JSON of a standard adds its own.
    speaks: tuple[str, ...] = ("application/json", PROBLEM)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever flask-smorest takes
        super().__init__(*args, **kwargs)
        # Decorators copy what was told before them; so refusals are spelled out only where the document is made.
        self._prepare_doc_cbks.insert(0, spell_out_refusals)

    def register_views_in_doc(self, api: Api, app: Flask, spec: APISpec, **more: Any) -> None:  # noqa: ANN401
        """Describe the operations once somebody asks for the document: a server starts without it."""
        api.undescribed.append(partial(super().register_views_in_doc, api, app, spec, **more))

    def raises(self, *errors: type[DomainError]) -> Callable[[_View], _View]:
        """Document that the operation may answer with these refusals."""

        def decorate(view: _View) -> _View:
            told = view.__dict__.setdefault("_apidoc", {})
            told["refusals"] = [*told.get("refusals", ()), errors]
            return view

        return decorate

    def idempotent(self, view: _View) -> _View:
        """Require an Idempotency-Key and document it; `request_key` then gives the key to the operation."""

        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any view
            g.idempotency_key = request.headers.get("Idempotency-Key", "")
            if not _KEY.fullmatch(g.idempotency_key):
                raise IdempotencyKeyMissing
            return view(*args, **kwargs)

        parameter = {
            "in": "header",
            "name": "Idempotency-Key",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY, "pattern": "^[ -~]+$"},
            "description": "A fresh random value per intention; send it again to ask again. Kept for 72 hours.",
            "example": "0f8b7c1e-9d1c-4c6c-9a44-1a2b3c4d5e6f",
        }
        documented: _View = self.doc(parameters=[parameter])(checked)
        return self.raises(IdempotencyKeyMissing, IdempotencyKeyReused)(documented)

    def conditional(self, view: _View) -> _View:
        """Document that the operation needs If-Match; the view itself calls `require_match`."""
        parameter = {
            "in": "header",
            "name": "If-Match",
            "required": True,
            "schema": {"type": "string", "maxLength": 200},
            "description": "The ETag of the resource as last read.",
            "example": '"d41d8cd98f00b204e9800998ecf"',
        }
        documented: _View = self.doc(parameters=[parameter])(view)
        return self.raises(PreconditionRequired, PreconditionFailed)(documented)


class Api(flask_smorest.Api):
    """The API: its operations by name, and one way to refuse."""

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: Flask, **kwargs: Any) -> None:  # noqa: ANN401 - the library's options
        self.operations: dict[tuple[str, str], str] = {}  # (endpoint, method) -> operationId
        self._querying: set[str] = set()  # the operations that take parameters in the query string
        self._speaks: dict[str, tuple[str, ...]] = {}  # operationId -> the types it answers in
        self.undescribed: list[Callable[[], None]] = []  # rooms that the document does not have yet
        super().__init__(app, **kwargs)
        # "//" is another path, not one to be redirected to: the policy holds for what was asked, or it is not found.
        app.url_map.merge_slashes = False
        app.register_error_handler(DomainError, refuse)
        for cause in (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError):
            app.register_error_handler(cause, self._busy)
        app.register_error_handler(Exception, self._broken)

    def register_blueprint(self, blp: Blueprint, **kwargs: Any) -> None:  # noqa: ANN401 - the library's options
        """Add a room; every operation in it must carry an operationId."""
        for endpoint, methods in blp._docs.items():  # noqa: SLF001 - the library keeps them nowhere else
            for method, doc in methods.items():
                if method == "parameters":
                    continue
                operation = doc["manual_doc"]["operationId"]
                self.operations[f"{blp.name}.{endpoint}", method.upper()] = operation
                self._speaks[operation] = blp.speaks
                if any(taken["in"] == "query" for taken in doc.get("arguments", {}).get("parameters", ())):
                    self._querying.add(operation)
        super().register_blueprint(blp, **kwargs)

    def describe(self) -> dict[str, Any]:
        """What flask-smorest says of every operation, as OpenAPI."""
        while self.undescribed:
            self.undescribed.pop(0)()
        described: dict[str, Any] = self.spec.to_dict()
        return described

    def operation(self) -> str | None:
        """The operationId of the current request, None outside of the API."""
        method = "GET" if request.method == "HEAD" else request.method
        return self.operations.get((request.endpoint or "", method))

    def read_strictly(self) -> None:
        """Refuse what no schema sees: stray parameters, broken text in the path, an Accept that leaves JSON out.

        Runs before every request, after the guard.
        """
        operation = self.operation()
        if operation is None:
            return
        if request.args and operation not in self._querying:
            raise MalformedRequest(errors=[unknown_parameter(name) for name in list(request.args)[:MOST_FLAWS]])
        for name, value in (request.view_args or {}).items():
            if isinstance(value, str):
                if "\0" in value:
                    raise NotFound  # nothing stored can be named so
                request.view_args[name] = clean(value)  # type: ignore[index]
        taken = request.accept_mimetypes
        if taken and not any(taken.quality(kind) for kind in self._speaks[operation]):
            raise NotAcceptable

    def handle_http_exception(self, error: HTTPException) -> Response:
        """A problem document for what Flask and werkzeug refuse, with the headers they set (Allow, Retry-After)."""
        status = error.code or InternalServerError.status
        ours = CODES.get(re.sub(r"\W+", "_", error.name.lower()))
        known = ours or (InternalServerError if status >= InternalServerError.status else BadRequest)
        given = error.get_response() if error.response is None else error.response
        kept = {k: v for k, v in given.headers if k.lower() not in {"content-type", "content-length"}}
        return problem(status, known.code, known.text(language()), {"retryable": known.retryable}, kept)

    @staticmethod
    def _busy(error: Exception) -> Response:
        logs.logger.warning("database_busy", error=type(error).__name__, request_id=request_id())
        return refuse(ServiceUnavailable(retry_after=1))

    @staticmethod
    def _broken(error: Exception) -> Response:
        logs.logger.error("broken", exc_info=error, request_id=request_id(), operation=g.get("operation_id"))
        return refuse(InternalServerError())


def refuse(error: DomainError) -> Response:
    """The problem document of a DomainError, in the caller's language."""
    members: dict[str, Any] = {"retryable": error.retryable}
    if error.next_action:
        members["next_action"] = error.next_action
    for name, value in error.members.items():
        members[name] = [_member(item) for item in value] if isinstance(value, list | tuple) else _member(value)
    return problem(error.status, error.code, error.text(language()), members, error.headers)


def problem(
    status: int, code: str, text: tuple[str, str], members: dict[str, Any], headers: dict[str, str]
) -> Response:
    """One application/problem+json answer; `text` is title and detail."""
    title, detail = text
    g.problem_code = code
    body = {
        "type": f"{flask.current_app.config['BASE_URL']}/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request_id(),
        "code": code,
        **members,
    }
    return Response(flask.json.dumps(body), status, headers, content_type=PROBLEM)


def speak(language: str) -> None:
    """Answer the present request in "vi" or "en", whatever its Accept-Language: who asks has said so elsewhere."""
    g.spoken = language


def language() -> str:
    """The caller's language: "vi" unless English, of whatever country, is preferred."""
    if "spoken" in g:
        return str(g.spoken)
    for tag_asked, quality in request.accept_languages:
        if quality > 0 and (asked := tag_asked.partition("-")[0].lower()) in LANGUAGES:
            return asked
    return "vi"


def request_id() -> str:
    """This request's id: the caller's X-Request-Id when it is a UUID, else a new one."""
    if "request_id" not in g:
        g.request_id = known_request_id(request.headers.get("X-Request-Id", ""))
    return str(g.request_id)


def known_request_id(told: str) -> str:
    """The caller's request id when it is a UUID, else a new one."""
    try:
        return str(UUID(told))
    except ValueError:
        return str(uuid4())


def request_key(asked: object) -> RequestKey:
    """The Idempotency-Key of an idempotent operation, bound to the caller, the operation and what was asked."""
    meaning = orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return RequestKey(
        caller=g.caller_key,
        operation=g.operation_id,
        key=g.idempotency_key,
        # What was asked holds amounts, codes and numbers that could be guessed from a plain hash.
        fingerprint=keyed.derive("request fingerprint", meaning).hex(),
    )


def note(outcome: Outcome) -> None:
    """Tell the caller when the answer is a replay."""
    g.replayed = outcome.replayed


def tag(*version: object) -> None:
    """Give the answer a strong ETag made of the resource's `version` and the language it is told in."""
    g.etag = etag_of(*version, told_in=language())


def etag_of(*version: object, told_in: str) -> str:
    """The ETag of a resource's `version` as told in a language."""
    return hashlib.sha256("|".join(map(str, (*version, told_in))).encode()).hexdigest()[:27]


def require_match(*version: object) -> None:
    """Raises PreconditionRequired without If-Match, PreconditionFailed when it is not the ETag of `version`."""
    if not request.if_match:
        raise PreconditionRequired
    if not any(request.if_match.contains(etag_of(*version, told_in=known)) for known in LANGUAGES):
        raise PreconditionFailed


def public(max_age: int = 300) -> None:
    """Let anyone keep this answer for `max_age` seconds, and a stale copy of it for a day when we are down."""
    g.public_max_age = max_age


def finish(response: Response) -> Response:
    """The headers of every answer: request id, language, caching, ETag, replay."""
    response.headers["X-Request-Id"] = request_id()
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.mimetype in _TOLD_IN_A_LANGUAGE:
        response.headers.setdefault("Content-Language", language())
    if g.get("replayed"):
        response.headers["Idempotency-Replayed"] = "true"
    if (age := g.get("public_max_age")) is not None and response.status_code == 200:  # noqa: PLR2004
        response.headers["Cache-Control"] = f"public, max-age={age}, stale-if-error=86400"
        response.headers["Vary"] = "Accept-Language"
        response.add_etag()
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    if response.status_code < 300 and (etag := g.get("etag")):  # noqa: PLR2004 - a refusal is not the resource
        response.set_etag(etag)
    if request.method in {"GET", "HEAD"} and "ETag" in response.headers and not _CONDITIONS.isdisjoint(request.environ):
        response.make_conditional(request)
    return response


def begin() -> None:
    """Start the stopwatch of a request."""
    g.started = time.perf_counter()


def log_request(response: Response) -> Response:
    """One line per request: route template, never the path; who only as a pseudonym."""
    logs.tell_request(
        request_id=request_id(),
        # A method is whatever the caller writes.
        method=request.method if request.method in _METHODS else "OTHER",
        route=str(request.url_rule) if request.url_rule else None,
        operation=g.get("operation_id"),
        status=response.status_code,
        started=g.get("started", time.perf_counter()),
        caller=g.get("caller_key"),
        code=g.get("problem_code"),
        traceparent=request.headers.get("traceparent", ""),
    )
    return response


def known_code(code: str) -> type[DomainError] | None:
    """The refusal that answers with `code`."""
    return CODES.get(code)


def _member(value: Any) -> Any:  # noqa: ANN401 - JSON members
    return value.as_member(language()) if isinstance(value, Flaw) else str(value) if isinstance(value, UUID) else value
