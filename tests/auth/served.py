"""The application over real HTTP, known by the address it is served under, and the page of an app of others."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import flask
from werkzeug.serving import make_server

import server.app
from auth import tokens
from server.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PATIENCE_SECONDS = 30


@contextmanager
def serve(application: WSGIApplication, port: int = 0) -> Iterator[int]:
    """Serve in a thread; gives the port."""
    served = make_server("127.0.0.1", port, application, threaded=True)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(served.port)
    finally:
        served.shutdown()
        thread.join(_PATIENCE_SECONDS)
        served.server_close()


@contextmanager
def serve_house(settings: Settings) -> Iterator[str]:
    """The whole application, and the address it is known by, for as long as it is served."""
    assembled: list[WSGIApplication] = []

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return assembled[0](environ, start)  # the port has to be known before the house can be put together

    with serve(answer) as port:
        url = f"http://127.0.0.1:{port}"
        tokens.use_key(settings.signing_key, issuer=url, secret=settings.secret_key)
        assembled.append(server.app.assemble(replace(settings, base_url=url)))
        try:
            yield url
        finally:
            tokens.use_key(settings.signing_key, issuer=settings.base_url, secret=settings.secret_key)


@dataclass
class Homecoming:
    """The page of an app to which citizens come back, and what they bring."""

    url: str
    brought: queue.Queue[dict[str, str]]

    def wait(self) -> dict[str, str]:
        """What the next citizen brings."""
        return self.brought.get(timeout=_PATIENCE_SECONDS)


@contextmanager
def serve_homecoming() -> Iterator[Homecoming]:
    """A page at /back, and one at /trap that puts `src` into a frame."""
    page = flask.Flask("homecoming")
    brought: queue.Queue[dict[str, str]] = queue.Queue()

    @page.get("/back")
    def back() -> str:
        brought.put(flask.request.args.to_dict())
        return "<!doctype html><title>back</title><p>Chào bạn"

    @page.get("/trap")
    def trap() -> str:
        source = flask.request.args["src"]
        return flask.render_template_string(
            "<!doctype html><title>trap</title><iframe id=f src='{{ s }}'></iframe>", s=source
        )

    with serve(page) as port:
        yield Homecoming(f"http://127.0.0.1:{port}", brought)
