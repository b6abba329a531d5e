"""How somebody who came by two doors is proved to be one person."""

from __future__ import annotations

from flask.testing import FlaskClient

import auth.operations
from auth.events import CitizensJoined
from auth.identity import Person as VerifiedPerson
from auth.models import Language
from auth.operations import SignIn
from kit.database import transaction
from server import wiring
from tests.people import Caller, Person

CCCD = "000090000001"
AN = VerifiedPerson("https://id.example", "an", "2", {"name": "Nguyễn Văn An", "cccd": CCCD})


def sign_in(http: FlaskClient, person: VerifiedPerson = AN) -> Person:
    """Somebody whom national identity has verified, with the app in hand."""
    with transaction() as session:
        opened = auth.operations.sign_in_with_identity(session, person, device_name=None, language=Language.VI)
    return with_app(http, opened)


def step_up(person: Person, verified: VerifiedPerson = AN) -> Person:
    """The same citizen, or the one they turn out to be."""
    with transaction() as session:
        session_id = auth.operations.list_sessions(session, person.id)[0].id
        opened = auth.operations.step_up_with_identity(session, verified, citizen_id=person.id, session_id=session_id)
    return with_app(person.http, opened)


def with_app(http: FlaskClient, opened: SignIn) -> Person:
    person = Person.__new__(Person)
    Caller.__init__(person, http, opened.access_token)
    person.id = opened.citizen_id
    return person


def tell_again(kept: Person, joined: Person) -> None:
    """Every room hears of it once more."""
    for follow in wiring.LISTENERS[CitizensJoined]:
        with transaction() as session:
            follow(session, CitizensJoined(kept.id, joined.id))
