"""Two citizens who are one person: what this room keeps of the one goes on as the other's."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import and_, or_, update
from sqlalchemy.orm import Session

from kit import clock, sealed
from persons.models import ConsentEvent, DataAccess, DataRequest, Mandate, MandateEnd
from persons.operations.household import move_household


def join_citizens(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Move the vault's values, household, mandates, consents, requests and access log; again changes nothing.

    A mandate between the two ends: nobody acts for themselves. Decisions about a purpose are one history from now on,
    whose last word counts. Who acted stands in the access log as it was written.
    """
    sealed.hand_over(session, joined_id, kept_id)
    move_household(session, kept_id=kept_id, joined_id=joined_id)
    _move_mandates(session, kept_id, joined_id)
    for kind in (ConsentEvent, DataRequest, DataAccess):
        session.execute(update(kind).where(kind.citizen_id == joined_id).values(citizen_id=kept_id))


def _move_mandates(session: Session, kept_id: UUID, joined_id: UUID) -> None:
    with_oneself = or_(
        and_(Mandate.principal_id == joined_id, Mandate.agent_id == kept_id),
        and_(Mandate.principal_id == kept_id, Mandate.agent_id == joined_id),
    )
    # Such a mandate stays as it was written, between two ids; ended, it lets nobody do anything.
    session.execute(
        update(Mandate)
        .where(with_oneself, Mandate.revoked_at.is_(None))
        .values(revoked_at=clock.now(), revoked_by=MandateEnd.PRINCIPAL, version=Mandate.version + 1)
    )
    session.execute(
        update(Mandate)
        .where(Mandate.principal_id == joined_id, Mandate.agent_id.is_distinct_from(kept_id))
        .values(principal_id=kept_id, version=Mandate.version + 1)
    )
    session.execute(
        update(Mandate)
        .where(Mandate.agent_id == joined_id, Mandate.principal_id != kept_id)
        .values(agent_id=kept_id, version=Mandate.version + 1)
    )
