"""What happened to guides and tickets."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class GuidePublished(Event):
    """A revision has become what the public reads."""

    guide_id: UUID
    revision_id: UUID


@dataclass(frozen=True)
class TicketsIssued(Event):
    """An order's tickets are valid from now on."""

    order_id: UUID
    citizen_id: UUID
    places: int


@dataclass(frozen=True)
class TicketRefundDue(Event):
    """An order's places are free again after its money was taken: `amount_vnd` is on its way back to the citizen.

    `reason` is a stable slug: returned_in_time, places_released.
    """

    order_id: UUID
    citizen_id: UUID
    amount_vnd: int
    reason: str
