"""Who looked at a citizen's data: written down in the transaction of the look, shown to the citizen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit import clock
from kit.pages import Page, page
from persons.models import AccessPurpose, AccessRole, DataAccess

_ONE_LOOK = timedelta(hours=1)


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


def record_app_look(
    session: Session, citizen_id: UUID, *, app_id: UUID, app_name: str, scope: str, operation: str
) -> None:
    """Write down that an app of others looks at what its citizen has allowed; once an hour for one and the same look.

    An app that asks every minute would otherwise bury everybody else who looked.
    """
    known = session.scalar(
        select(DataAccess.id)
        .where(
            DataAccess.citizen_id == citizen_id,
            DataAccess.actor_id == app_id,
            DataAccess.operation == operation,
            DataAccess.created_at > clock.now() - _ONE_LOOK,
        )
        .limit(1)
    )
    if known is None:
        record_access(
            session,
            citizen_id,
            role=AccessRole.APP,
            purpose=AccessPurpose.APP,
            operation=operation,
            fields=[scope.partition(":")[0]],
            actor_id=app_id,
            organisation=app_name,
        )


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
