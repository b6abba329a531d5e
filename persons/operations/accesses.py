"""Who looked at a citizen's data: written down in the transaction of the look, shown to the citizen."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.pages import Page, page
from persons.models import AccessPurpose, AccessRole, DataAccess


def record_access(
    session: Session,
    citizen_id: UUID,
    *,
    role: AccessRole,
    purpose: AccessPurpose,
    operation: str,
    fields: Iterable[str],
    actor_id: UUID | None = None,
    organisation: str | None = None,
) -> None:
    """Write down that somebody sees these fields of a citizen, before they are shown: when this fails, nothing is.

    `operation` is the operationId or command, `organisation` the public name of whom the actor works for. The values
    themselves never come here.
    """
    session.add(
        DataAccess(
            citizen_id=citizen_id,
            role=role,
            actor_id=actor_id,
            organisation=organisation,
            purpose=purpose,
            operation=operation,
            fields=sorted(set(fields)),
        )
    )
    session.flush()


def list_accesses(session: Session, citizen_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """Who looked at this citizen's data, the newest first."""
    return page(
        session,
        select(DataAccess).where(DataAccess.citizen_id == citizen_id),
        by=[DataAccess.id],
        limit=limit,
        cursor=cursor,
        question=("accesses", citizen_id),
    )
