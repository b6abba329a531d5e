"""Who stands at the front desk: the one place that knows how a clinic's staff are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from auth.guard import current_staff
from services.health import operations


@dataclass(frozen=True)
class Desk:
    """Someone at the front desk of a facility."""

    facility_id: UUID
    person_id: UUID


def current_desk(session: Session) -> Desk:
    """Whose desk the current request comes from; raises NotFound for an organisation that runs no facility here."""
    staff = current_staff()
    return Desk(operations.get_own_facility(session, staff.organisation_id), staff.citizen_id)
