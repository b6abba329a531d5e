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
    """An order was cancelled in time after its money was taken: `amount_vnd` is to be given back."""

    order_id: UUID
    citizen_id: UUID
    amount_vnd: int
