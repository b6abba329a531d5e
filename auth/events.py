"""What happens in sign-in that others react to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class PhoneChallengeStarted(Event):
    """Someone asked for a one-time code; whoever hears this sends it."""

    challenge_id: UUID


@dataclass(frozen=True)
class DeviceSignedIn(Event):
    """A citizen who is signed in elsewhere has signed in on one more device; the others should hear of it."""

    citizen_id: UUID
    session_id: UUID


@dataclass(frozen=True)
class SessionEndedByReuse(Event):
    """A spent refresh token turned up again: it is in two hands, so the session was ended and its citizen is told."""

    citizen_id: UUID
    session_id: UUID


@dataclass(frozen=True)
class PasskeyAdded(Event):
    """A passkey was registered; its citizen hears of it on every device, in case it was not them."""

    citizen_id: UUID
    passkey_id: UUID


@dataclass(frozen=True)
class MemberInvited(Event):
    """A number was invited to work for an organisation; whoever hears this tells it."""

    invitation_id: UUID


@dataclass(frozen=True)
class AppAllowed(Event):
    """A citizen has allowed an app of others something, and it holds tokens now; they hear of it in their own app."""

    citizen_id: UUID
    app_id: UUID
    grant_id: UUID


@dataclass(frozen=True)
class CitizensJoined(Event):
    """Two citizens are proved to be one person: what was `joined_id`'s is `kept_id`'s from now on.

    Every room with rows of citizens moves its own; what may never change (journals) keeps the old id.
    """

    kept_id: UUID
    joined_id: UUID
