"""What happened to webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class DeliveryDue(Event):
    """An address is to be told of an event; `round` counts the times that this was asked for."""

    delivery_id: UUID
    round: int
