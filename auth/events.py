"""What happens in sign-in that others react to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class PhoneChallengeStarted(Event):
    """Someone asked for a one-time code; whoever hears this sends it."""

    challenge_id: UUID
