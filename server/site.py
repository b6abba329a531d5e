"""Pages for people: the start page, the API document with its user interface, and one page per refusal."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

import flask
import flask_swagger_ui
from flask import Flask, Response, current_app, g
from werkzeug.exceptions import NotFound

from kit.web import known_code, language, public
from server import openapi

blueprint = flask.Blueprint("site", __name__, template_folder="templates")
_UI_FOLDER = f"{flask_swagger_ui.__path__[0]}/dist"
_MAKING = threading.Lock()  # what makes the document changes what it is made of
_UI_FILES = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})


@blueprint.get("/")
def start() -> str:
    """What this is, and where to go."""
    return flask.render_template("start.html", lang=language(), sandbox=current_app.config["SANDBOX_URL"])


@blueprint.get("/docs")
def docs() -> str:
    """The API document, to read and to try."""
    return flask.render_template("docs.html", lang=language())


@blueprint.get("/docs/<name>")
def docs_file(name: str) -> Response:
    """A file of the user interface, from its wheel: nothing is fetched from elsewhere."""
    if name not in _UI_FILES:
        raise NotFound
    response = flask.send_from_directory(_UI_FOLDER, name, max_age=86400)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@blueprint.get("/openapi.json")
def openapi_json() -> Response:
    """The API document for programs."""
    public()
    return Response(_made("json", lambda app: app.json.dumps(openapi.document(app))), content_type="application/json")


@blueprint.get("/openapi.yaml")
def openapi_yaml() -> Response:
    """The API document as it is committed."""
    public()
    return Response(_made("yaml", openapi.render), content_type="application/yaml")


def _made(kind: str, render: Callable[[Flask], str]) -> str:
    """The document, which stays the same as long as the process lives: made once, and by one request at a time."""
    made = current_app.extensions.setdefault("documents", {})
    with _MAKING:
        if kind not in made:
            made[kind] = render(current_app)
    text: str = made[kind]
    return text


@blueprint.get("/problems/<code>")
def problem_page(code: str) -> str:
    """What a refusal means, in both languages."""
    error = known_code(code)
    if error is None:
        raise NotFound
    return flask.render_template(
        "problem.html", lang=language(), code=code, status=error.status, vi=error.text("vi"), en=error.text("en")
    )


@blueprint.get("/paid")
def paid() -> str:
    """Where a bank's confirmation page sends the citizen back to."""
    return flask.render_template("paid.html", lang=language())


@blueprint.get("/identity")
def identified() -> str:
    """Where national identity sends the citizen's browser back to; the app there takes what stands in the address."""
    return flask.render_template("identified.html", lang=language())


@blueprint.after_request
def protect(response: Response) -> Response:
    """Nothing from elsewhere, no frames; scripts only those with this answer's nonce."""
    scripts = f"'self' 'nonce-{g.nonce}'" if "nonce" in g else "'none'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.context_processor
def nonce() -> dict[str, str]:
    """A fresh nonce for the scripts of one page."""
    g.nonce = secrets.token_urlsafe(16)
    return {"nonce": g.nonce}
