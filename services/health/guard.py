"""Who stands at the front desk: the one place that knows how a clinic's staff are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from auth.guard import Role, current_caller
from kit.errors import NotAllowed


@dataclass(frozen=True)
class Desk:
    """Someone at the front desk of a facility."""

    facility_id: UUID
    person_id: UUID


def current_desk() -> Desk:
    """Whose desk the current request comes from; raises NotAllowed for anybody else."""
    caller = current_caller()
    if caller.role is not Role.CLINIC or caller.provider_id is None or caller.subject is None:
        raise NotAllowed
    return Desk(caller.provider_id, caller.subject)
