"""The front of the web application: public answers that are kept go out before the framework is asked."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy.exc
from flask import Flask, Response, g, request
from werkzeug.http import parse_etags

from kit import logs, web
from kit.kept import Kept
from kit.quotas import Quota, Quotas

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LONGEST_HEADER = 200
_TOLD = frozenset({200, 304})
_OK_LINE, _KNOWN_LINE = "200 OK", "304 NOT MODIFIED"
# Told anew with every answer; of what is known already only what is not about its bytes.
_OF_ONE_REQUEST = frozenset({"x-request-id", "ratelimit", "ratelimit-policy", "date"})
_OF_THE_BYTES = frozenset({"content-type", "content-length", "content-language"})

Question = tuple[str, str, str, str]


@dataclass(frozen=True)
class Whole:
    """A public answer as it went out, ready to go out again."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    known_headers: tuple[tuple[str, str], ...]
    etag: str
    route: str
    operation: str

    def __len__(self) -> int:
        return len(self.body) + 1_000  # with what surrounds it


class Front:
    """A WSGI application around another one: tells again what `remember` has kept of its public answers.

    Whoever signs in, and whoever has used up their quota, is left to the application inside: the guard stands there.
    """

    def __init__(self, wsgi: WSGIApplication, stores: Collection[Kept[Whole]], quotas: Quotas) -> None:
        self._wsgi = wsgi
        self._stores = stores
        self._quotas = quotas

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        started = time.perf_counter()
        answer = self._find(environ)
        if answer is None:
            return self._wsgi(environ, start_response)
        quota = self._quotas.spend(f"address:{environ.get('REMOTE_ADDR')}")
        if quota.exceeded:
            return self._wsgi(environ, start_response)
        tags = environ.get("HTTP_IF_NONE_MATCH")
        is_known = tags is not None and parse_etags(tags).contains_weak(answer.etag)
        request_id = web.known_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        own = [("X-Request-Id", request_id), *_tell(quota)]
        if is_known:
            start_response(_KNOWN_LINE, [*answer.known_headers, *own])
        else:
            start_response(_OK_LINE, [*answer.headers, *own])
        logs.tell_request(
            request_id=request_id,
            method="GET",
            route=answer.route,
            operation=answer.operation,
            status=304 if is_known else 200,
            started=started,
            caller="anonymous",
            traceparent=environ.get("HTTP_TRACEPARENT", ""),
        )
        return [] if is_known else [answer.body]

    def _find(self, environ: WSGIEnvironment) -> Whole | None:
        question = question_of(environ)
        try:
            for store in self._stores if question is not None else ():
                if question in store and (answer := store.find(question)[1]) is not None:
                    return answer
        except sqlalchemy.exc.SQLAlchemyError:
            return None  # the application inside knows how to say that the database is away
        return None


def remember(app: Flask, api: web.Api, kept: Mapping[str, Kept[Whole]]) -> None:
    """Keep the public answers of these operations (operationId -> where) for `Front`.

    Call this before anything else hangs a function on `after_request`: it has to see what has become of the answer.
    """

    @app.before_request
    def look() -> None:
        store = kept.get(api.operation() or "")
        question = None if store is None else question_of(request.environ)
        if store is not None and question is not None:
            # What changes from here on is newer than the answer will be.
            g.to_keep = (store, question, store.find(question)[0])

    @app.after_request
    def keep(response: Response) -> Response:
        wanted = g.get("to_keep")
        if wanted is None or "public_max_age" not in g or response.status_code not in _TOLD or response.is_streamed:
            return response
        store, question, version = wanted
        etag, is_weak = response.get_etag()
        # Who knows the answer is sent none of it, but it was made, and stands here still.
        body = response.get_data()
        if etag is None or is_weak or not body:
            return response
        headers = [(name, value) for name, value in response.headers if name.lower() not in _OF_ONE_REQUEST]
        store.keep(
            question,
            version,
            Whole(
                body=body,
                headers=tuple(headers),
                known_headers=tuple(one for one in headers if one[0].lower() not in _OF_THE_BYTES),
                etag=etag,
                route=str(request.url_rule),
                operation=g.operation_id,
            ),
        )
        return response


def forget() -> None:
    """Keep nothing of the answer to this request: its question says more of the one who asks than others may share."""
    g.pop("to_keep", None)


def question_of(environ: WSGIEnvironment) -> Question | None:
    """What a public answer depends on; None for a request whose answer is not to be kept."""
    if environ["REQUEST_METHOD"] != "GET" or "HTTP_AUTHORIZATION" in environ:
        return None
    spoken, taken = environ.get("HTTP_ACCEPT_LANGUAGE", ""), environ.get("HTTP_ACCEPT", "")
    if len(spoken) > _LONGEST_HEADER or len(taken) > _LONGEST_HEADER:
        return None
    return environ["PATH_INFO"], environ.get("QUERY_STRING", ""), spoken, taken


def _tell(quota: Quota) -> list[tuple[str, str]]:
    return [
        ("RateLimit-Policy", f'"caller";q={quota.limit};w={quota.window_seconds}'),
        ("RateLimit", f'"caller";r={quota.remaining};t={quota.reset_seconds}'),
    ]
