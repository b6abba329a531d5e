"""What happened to personal data that others react to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class MandateAccepted(Event):
    """Somebody has become the agent of a principal: from now on they may act for them."""

    mandate_id: UUID
    principal_id: UUID
    agent_id: UUID


@dataclass(frozen=True)
class MandateRevoked(Event):
    """A mandate that an agent held was ended before its time, by either side."""

    mandate_id: UUID
    principal_id: UUID
    agent_id: UUID
