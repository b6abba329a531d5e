"""The page on which a citizen says yes or no to an app of others: no scripts, no frames, nothing from elsewhere."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import flask
from flask import Response, current_app, g, request

from auth import phones, redirects, tokens
from auth.app_errors import AuthorizationElsewhere, AuthorizationMalformed
from auth.app_models import App
from auth.app_scopes import SCOPES
from auth.errors import ChallengeOver, NotVietnameseMobile, TooManyCodes, TooManyTries, WrongCode
from auth.models import Language
from auth.operations import authorizations as operations, grants
from auth.operations.authorizations import Answered, Asked
from auth.views.door import unless_refused
from kit import clock
from kit.database import transaction
from kit.errors import DomainError, MalformedRequest
from kit.parsing import read_form, read_query
from kit.web import LANGUAGES, language, speak

pages = flask.Blueprint("authorize", __name__, url_prefix="/authorize", template_folder="../templates")
_COOKIE = "authorization"
_LONGEST_FORM = 10_000
_LONGEST_STATE = 1_000
_STATE = re.compile(rf"[ -~]{{1,{_LONGEST_STATE}}}")
_CHALLENGE = re.compile("[A-Za-z0-9_-]{43}")  # base64url of a SHA-256
_ATTEMPT = re.compile("[A-Za-z0-9_-]{1,64}")
# The citizen may mend these where they are.
_TO_MEND = (NotVietnameseMobile, TooManyCodes, TooManyTries, WrongCode, ChallengeOver)


@dataclass(frozen=True)
class _Refused:
    """What an app did wrong, in the words of RFC 6749 section 4.1.2.1."""

    error: str
    description: str


@pages.get("")
def ask() -> Response:
    """Take an app's question. Until the way back is certain nobody is sent anywhere; then errors go to the app."""
    speak(_language())
    sent = {name: value for name, value in read_query(request).items() if value}
    state = sent.get("state")
    if not {"client_id", "redirect_uri"} <= set(sent) or (state is not None and not _STATE.fullmatch(state)):
        raise AuthorizationMalformed
    with transaction() as session:
        app = operations.find_asking_app(session, sent["client_id"], sent["redirect_uri"])
        flaw = _find_flaw(sent, app)
        if flaw is not None:
            told = {"error": flaw.error, "error_description": flaw.description, "state": state}
            return _send_back(Answered(sent["redirect_uri"], told))
        asked, browser = operations.open_authorization(
            session,
            app,
            redirect_uri=sent["redirect_uri"],
            scopes=set(sent["scope"].split()),
            state=state,
            code_challenge=sent["code_challenge"],
            language=Language(language()),
        )
    page = _show(asked, browser)
    page.set_cookie(
        _COOKIE,
        browser,
        max_age=operations.LIFETIME,
        path=f"/authorize/{asked.request.id}",
        secure=tokens.issuer().startswith("https://"),
        httponly=True,
        samesite="Strict",
    )
    return page


@pages.get("/<uuid:request_id>")
def look(request_id: UUID) -> Response:
    """Show how far the question has come."""
    browser = request.cookies.get(_COOKIE, "")
    with transaction() as session:
        asked = operations.get_asked(session, request_id, browser)
    return _show(asked, browser)


@pages.post("/<uuid:request_id>/number")
def enter_number(request_id: UUID) -> Response:
    """Send a code to the number that was entered."""
    form, browser = _form(request_id)
    phone = phones.parse(form.get("phone", ""))
    attempt = form.get("attempt", "")
    if not _ATTEMPT.fullmatch(attempt):
        raise AuthorizationMalformed
    with transaction() as session:
        asked = operations.get_asked(session, request_id, browser)
        operations.send_code(
            session,
            asked.request,
            phone=phone,
            address=request.remote_addr or "0.0.0.0",  # noqa: S104 - no address: behind a socket, all share one
            attempt=attempt,
        )
    return _go_on(request_id)


@pages.post("/<uuid:request_id>/another-number")
def enter_another_number(request_id: UUID) -> Response:
    """Go back to entering a number: a wrong one, or one whose code never came."""
    _, browser = _form(request_id)
    with transaction() as session:
        asked = operations.get_asked(session, request_id, browser)
        operations.forget_code(session, asked.request)
    return _go_on(request_id)


@pages.post("/<uuid:request_id>/code")
def enter_code(request_id: UUID) -> Response:
    """Take the code that was sent."""
    form, browser = _form(request_id)
    # As it is read off a message: "492 039".
    code = "".join(form.get("code", "").split())
    with transaction() as session:
        asked = operations.get_asked(session, request_id, browser)
        refused = operations.answer_code(session, asked.request, code, address=request.remote_addr)
    unless_refused(refused)
    return _go_on(request_id)


@pages.post("/<uuid:request_id>/decision")
def decide(request_id: UUID) -> Response:
    """Send the citizen back to the app with a yes or a no."""
    form, browser = _form(request_id)
    if form.get("decision") not in {"allow", "refuse"}:
        raise AuthorizationMalformed
    with transaction() as session:
        asked = operations.get_asked(session, request_id, browser)
        answered = (operations.allow if form["decision"] == "allow" else operations.refuse)(session, asked)
    return _send_back(answered)


@pages.errorhandler(DomainError)
def refuse(refusal: DomainError) -> Response:
    """Tell a refusal on the page; where it can be mended, on the form itself."""
    if isinstance(refusal, MalformedRequest):
        refusal = AuthorizationMalformed()
    request_id = (request.view_args or {}).get("request_id")
    if request_id is not None and isinstance(refusal, _TO_MEND):
        browser = request.cookies.get(_COOKIE, "")
        with transaction() as session:
            asked = operations.find_asked(session, request_id, browser)
        if isinstance(asked, Asked):
            return _show(asked, browser, refusal)
        refusal = asked
    title, detail = refusal.text(language())
    return _render("problem.html", refusal, title=title, detail=detail)


@pages.after_request
def protect(response: Response) -> Response:
    """Nothing from elsewhere, no scripts, no frames; a form's answer may lead to us and to the app that asks."""
    styles = f"'nonce-{g.nonce}'" if "nonce" in g else "'none'"
    targets = " ".join(("'self'", *g.get("form_targets", ())))
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src {styles}; img-src 'self'; form-action {targets}; frame-ancestors 'none';"
        " base-uri 'none'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _find_flaw(sent: Mapping[str, str], app: App) -> _Refused | None:
    """The first thing that is wrong with an app's question."""
    scopes = set(sent.get("scope", "").split())
    checks = (
        ("response_type" in sent, "invalid_request", "response_type is missing"),
        (sent.get("response_type") == "code", "unsupported_response_type", "only response_type=code is known"),
        (sent.get("response_mode", "query") == "query", "invalid_request", "only response_mode=query is known"),
        (not {"request", "request_uri"} & set(sent), "invalid_request", "request objects are not known"),
        (sent.get("code_challenge_method") == "S256", "invalid_request", "code_challenge_method must be S256"),
        (_CHALLENGE.fullmatch(sent.get("code_challenge", "")), "invalid_request", "a code_challenge of S256 is needed"),
        (scopes, "invalid_scope", "scope is missing"),
        (scopes <= set(app.scopes), "invalid_scope", "the app has not been approved for this scope"),
    )
    return next((_Refused(error, told) for is_fine, error, told in checks if not is_fine), None)


def _language() -> str:
    """The first of `ui_locales` that the page speaks, else as Accept-Language has it."""
    for locale in request.args.get("ui_locales", "").split():
        if (asked := locale.partition("-")[0].lower()) in LANGUAGES:
            return asked
    return language()


def _form(request_id: UUID) -> tuple[dict[str, str], str]:
    """The form that was sent, and the browser's secret; raises AuthorizationElsewhere unless our own page sent it."""
    form, browser = read_form(request, _LONGEST_FORM), request.cookies.get(_COOKIE, "")
    ours = operations.form_secret(request_id, browser)
    is_from_elsewhere = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if is_from_elsewhere or not hmac.compare_digest(form.get("form", "").encode(), ours.encode()):
        raise AuthorizationElsewhere
    return form, browser


def _go_on(request_id: UUID) -> Response:
    return _redirect(f"/authorize/{request_id}")


def _send_back(answered: Answered) -> Response:
    """To the app, with our name in the answer (RFC 9207): an app that talks to several servers can tell them apart."""
    told = answered.parameters | {"iss": tokens.issuer()}
    return _redirect(redirects.answer(answered.redirect_uri, told))


def _redirect(address: str) -> Response:
    # Not 307 or 308: those would send the form on. And no body: it would repeat the code.
    return Response(status=303, headers={"Location": address})


def _show(asked: Asked, browser: str, refusal: DomainError | None = None) -> Response:
    waiting, app = asked.request, asked.app
    speak(waiting.language)
    told_in = language()
    # Chromium holds the way back, to which the form's answer leads, for a part of the form's way.
    g.form_targets = (redirects.form_target(waiting.redirect_uri),)
    step = "consent" if waiting.citizen_id else "code" if waiting.challenge_id else "number"
    refused = refusal.text(told_in) if refusal else None
    return _render(
        f"{step}.html",
        refusal,
        app_name=app.name_vi if told_in == "vi" else app.name_en,
        owner_name=app.owner_name,
        homepage=redirects.place(app.homepage),
        approved_on=f"{clock.local(app.approved_at):%d/%m/%Y}" if app.approved_at else "",
        way_back=redirects.place(waiting.redirect_uri),
        scopes=[(SCOPES[name].title(told_in), SCOPES[name].body(told_in)) for name in waiting.scopes],
        until=f"{clock.local(grants.end_of_consent(waiting)):%d/%m/%Y}",
        phone=asked.phone,
        path=f"/authorize/{waiting.id}",
        form=operations.form_secret(waiting.id, browser),
        attempt=secrets.token_urlsafe(16),
        refused=refused,
        tries_left=refusal.members.get("tries_left") if refusal else None,
    )


def _render(template: str, refusal: DomainError | None, **words: Any) -> Response:  # noqa: ANN401 - template variables
    g.nonce = secrets.token_urlsafe(16)
    if refusal is not None:
        g.problem_code = refusal.code
    told_in = language()
    text = flask.render_template(
        f"authorize/{template}",
        lang=told_in,
        t=lambda vi, en: vi if told_in == "vi" else en,
        nonce=g.nonce,
        host=redirects.place(tokens.issuer()),
        **words,
    )
    page = current_app.make_response(text)
    page.status_code = refusal.status if refusal else 200
    page.headers.extend(refusal.headers if refusal else {})
    return page
