"""Conversations with the national identity provider: no transaction is open while we wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth import identity, operations
from auth.errors import RedirectNotAllowed
from auth.identity import Returned
from auth.models import Language
from auth.operations import SignIn
from kit.database import transaction


@dataclass(frozen=True)
class WayToIdentity:
    """Where the citizen goes to prove who they are, and until when they may come back."""

    id: UUID
    authorization_url: str
    expires_at: datetime


def start_identity(*, session_id: UUID | None, redirect_uri: str | None, address: str | None = None) -> WayToIdentity:
    """Open a way to the identity provider, asked for from a network address that has to share its sign-ins.

    Raises TooManyTries, RedirectNotAllowed, IdentityNotOffered, and IdentityUnavailable when the provider does not
    answer.
    """
    allowed = identity.offered().redirect_uris
    redirect_uri = redirect_uri or allowed[0]
    if redirect_uri not in allowed:
        raise RedirectNotAllowed
    with transaction() as session:
        attempt = operations.start_identity_attempt(
            session, session_id=session_id, redirect_uri=redirect_uri, address=address
        )
    return WayToIdentity(attempt.id, identity.address_of(attempt.id, redirect_uri), attempt.expires_at)


def finish_identity_sign_in(
    attempt_id: UUID, returned: Returned, *, device_name: str | None, language: Language
) -> SignIn:
    """Sign in whom the provider has verified; an attempt works once, whatever comes of it."""
    with transaction() as session:
        attempt = operations.spend_identity_attempt(session, attempt_id, session_id=None)
    person = identity.read_answer(attempt.id, attempt.redirect_uri, returned)
    with transaction() as session:
        return operations.sign_in_with_identity(session, person, device_name=device_name, language=language)


def finish_identity_step_up(attempt_id: UUID, returned: Returned, *, citizen_id: UUID, session_id: UUID) -> SignIn:
    """Raise a running session to whom the provider has verified; an attempt works once, whatever comes of it."""
    with transaction() as session:
        attempt = operations.spend_identity_attempt(session, attempt_id, session_id=session_id)
    person = identity.read_answer(attempt.id, attempt.redirect_uri, returned)
    with transaction() as session:
        return operations.step_up_with_identity(session, person, citizen_id=citizen_id, session_id=session_id)
