"""What happened to messages."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class MessagePosted(Event):
    """A message was put into a citizen's inbox, and their phones are to hint at it.

    With `registered_before`, an instant in ISO 8601, only phones that showed pushes before it: a device that has just
    signed in need not be told that it has.
    """

    message_id: UUID
    registered_before: str | None = None
