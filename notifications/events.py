"""What happened to messages."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class MessagePosted(Event):
    """A message was put into a citizen's inbox, and their phones are to hint at it."""

    message_id: UUID
