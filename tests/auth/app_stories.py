"""Who takes part when an app of others asks a citizen: the app, and a browser without scripts."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auth import operations
from auth.app_models import AppGrant, AppState, Review
from auth.models import Language, PhoneChallenge
from auth.operations import apps
from kit import clock
from kit.database import transaction
from tests.auth.people import AN, read_code

BACK = "https://so-chi-tieu.example/back"
DEVELOPER = "+84909000111"
TOLD: dict[str, Any] = {
    "name_vi": "Sổ chi tiêu",
    "name_en": "Spending book",
    "owner_name": "Công ty TNHH Sổ Chi Tiêu",
    "homepage": "https://so-chi-tieu.example",
    "redirect_uris": [BACK],
    "scopes": ["bills:read", "profile:read"],
    "is_confidential": False,
}


@dataclass
class ThirdParty:
    """An approved app of others, and what its developer keeps."""

    http: FlaskClient
    id: UUID
    secret: str | None = None
    back: str = BACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def question(self, **changes: str | None) -> str:
        """The address the app sends a browser to; a parameter that is None is left out."""
        asked = {
            "response_type": "code",
            "client_id": str(self.id),
            "redirect_uri": self.back,
            "scope": "bills:read",
            "state": "s-123",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return "/authorize?" + urlencode({name: value for name, value in asked.items() if value is not None})

    def send(self, path: str, headers: dict[str, str] | None = None, **form: str | None) -> TestResponse:
        """A form, with what the app shows of itself."""
        sent = {"client_id": str(self.id), "client_secret": self.secret, **form}
        return self.http.post(
            path, data={name: value for name, value in sent.items() if value is not None}, headers=headers
        )

    def redeem(self, code: str, **changes: str | None) -> TestResponse:
        """The code for tokens."""
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": self.verifier, **changes}
        return self.send("/token", **form)

    def refresh(self, token: str, headers: dict[str, str] | None = None, **changes: str | None) -> TestResponse:
        """A refresh token for new ones."""
        return self.send("/token", headers, **{"grant_type": "refresh_token", "refresh_token": token, **changes})

    def revoke(self, token: str, **changes: str | None) -> TestResponse:
        """A token given back."""
        return self.send("/revoke", **{"token": token, **changes})

    def get(self, path: str, token: str) -> TestResponse:
        """A read of the API for the citizen."""
        return self.http.get(path, headers={"Authorization": f"Bearer {token}"})


class Browser:
    """A browser without scripts: it follows redirects of ours, keeps cookies and submits the forms it is shown."""

    def __init__(self, http: FlaskClient) -> None:
        self.http = http
        self.page: TestResponse | None = None
        self.forms: dict[str, dict[str, str]] = {}
        self.visited: list[str] = []

    def open(self, address: str, **headers: str) -> TestResponse:
        """Go to an address."""
        self.visited.append(address)
        return self._take(self.http.get(address, headers=headers))

    def submit(self, button: str, **typed: str) -> TestResponse:
        """Press a button of the form whose address ends so, with what was typed in."""
        action = self.form(button)
        self.visited.append(action)
        return self._take(self.http.post(action, data=self.forms[action] | typed))

    def form(self, button: str) -> str:
        """The address of the form with this button."""
        (action,) = [action for action in self.forms if action.endswith(f"/{button}")]
        return action

    def prove(self, number: str = AN) -> TestResponse:
        """Enter a number and the code that comes."""
        self.submit("number", phone=number)
        return self.submit("code", code=code_sent())

    def decide(self, decision: str = "allow") -> dict[str, str]:
        """Say yes or no; what the app is told by the address it is sent."""
        answer = self.submit("decision", decision=decision)
        assert answer.status_code == 303, answer.text
        return told_by(answer)

    def _take(self, answer: TestResponse) -> TestResponse:
        if answer.status_code == 303 and answer.location.startswith("/"):
            return self.open(answer.location)
        self.page, self.forms = answer, _Forms.of(answer.text)
        return answer


class _Forms(HTMLParser):
    """The forms of a page and their hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._open = ""

    @classmethod
    def of(cls, text: str) -> dict[str, dict[str, str]]:
        parser = cls()
        parser.feed(text)
        return parser.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag != "script", "the page has to do without"
        if tag == "form":
            self._open = given["action"] or ""
            self.found[self._open] = {}
        elif tag == "input" and given.get("type") == "hidden":
            self.found[self._open][given["name"] or ""] = given["value"] or ""


def challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def told_by(answer: TestResponse) -> dict[str, str]:
    """The parameters of the address a browser is sent to."""
    told = parse_qs(urlsplit(answer.location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in told.values())
    return {name: values[0] for name, values in told.items()}


def code_sent() -> str:
    """The code that was sent last, as the text message carries it."""
    with transaction() as session:
        challenge = session.scalars(select(PhoneChallenge.id).order_by(PhoneChallenge.id.desc()).limit(1)).one()
    return read_code(str(challenge))


def register(http: FlaskClient, *, state: AppState = AppState.APPROVED, **changes: Any) -> ThirdParty:
    """An app of others in some state."""
    with transaction() as session:
        owner = operations.welcome_citizen(session, DEVELOPER, Language.VI)
        app = apps.register_app(session, owner, TOLD | changes)
        if state is not AppState.SUBMITTED:
            decision = Review.REFUSE if state is AppState.REFUSED else Review.APPROVE
            app = apps.review_app(session, app, decision, reason="…", reviewer_id=None)
        secret = apps.issue_app_secret(session, app) if app.is_confidential else None
    return ThirdParty(http, app.id, secret, app.redirect_uris[0])


def decide(app: ThirdParty, decision: Review) -> None:
    """The province decides about an app."""
    with transaction() as session:
        apps.review_app(session, apps.get_app(session, app.id), decision, reason="Có khiếu nại", reviewer_id=None)


def sign_in(app: ThirdParty, client: Callable[[], FlaskClient], number: str = AN, **asked: str) -> dict[str, Any]:
    """A citizen allows the app what it asks for; the tokens it gets."""
    browser = Browser(client())
    browser.open(app.question(**asked))
    browser.prove(number)
    given = app.redeem(browser.decide()["code"])
    assert given.status_code == 200, given.json
    return given.json


def allow(client: Callable[[], FlaskClient], app: ThirdParty, **asked: str) -> str:
    """The code of a citizen who has said yes, not redeemed yet."""
    browser = Browser(client())
    browser.open(app.question(**asked))
    browser.prove()
    return browser.decide()["code"]


def allow_an_own_app(citizen_id: UUID) -> None:
    """An app a citizen has registered, and allowed something."""
    with transaction() as session:
        app = apps.register_app(session, citizen_id, TOLD)
        now = clock.now()
        session.add(
            AppGrant(
                app_id=app.id,
                citizen_id=citizen_id,
                scopes=["bills:read"],
                text_version=1,
                language=Language.VI,
                redirect_uri=BACK,
                code_hash=b"code",
                code_challenge="challenge",
                code_expires_at=now,
                code_spent_at=now,
                created_at=now,
                ends_at=now + timedelta(days=90),
            )
        )


def assert_refused(answer: TestResponse, error: str = "invalid_grant", status: int = 400) -> None:
    assert (answer.status_code, answer.json["error"]) == (status, error), answer.json
