"""The rights of data law: all data in one file, everything forgotten, and the clocks of both."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

import auth.operations
from kit import clock, events, export, idempotency, sealed
from kit.database import new_id
from kit.errors import NotFound
from kit.idempotency import Outcome, RequestKey
from kit.pages import Page, page
from persons import duties, holdings
from persons.events import MandateRevoked
from persons.models import (
    ConsentEvent,
    DataAccess,
    DataRequest,
    HouseholdMember,
    IdentityField,
    Mandate,
    MandateEnd,
    RequestKind,
)
from persons.operations.household import list_members

# Those that name a citizen; the vault's two name their owner.
TABLES = frozenset(
    {"vault_key", "vault_entry", "household_member", "mandate", "consent_event", "data_request", "data_access"}
)


def request_export(session: Session, request: RequestKey, citizen_id: UUID) -> Outcome:
    """Write the request down, once per Idempotency-Key; it is answered and done by the answer to it."""
    return idempotency.once(session, request, lambda: _file(session, citizen_id, RequestKind.EXPORT))


def get_request(session: Session, citizen_id: UUID, request_id: UUID) -> DataRequest:
    """A citizen's own request; raises NotFound."""
    found = session.scalar(
        select(DataRequest).where(DataRequest.id == request_id, DataRequest.citizen_id == citizen_id)
    )
    if found is None:
        raise NotFound
    return found


def collect(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Everything every room holds about a citizen, by room, as JSON."""
    return {room: dict(holding.export(session, citizen_id)) for room, holding in holdings.declared().items()}


def list_requests(session: Session, citizen_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A citizen's requests, the newest first."""
    return page(
        session,
        select(DataRequest).where(DataRequest.citizen_id == citizen_id),
        by=[DataRequest.id],
        limit=limit,
        cursor=cursor,
        question=("data-requests", citizen_id),
    )


def erase(session: Session, citizen_id: UUID) -> UUID:
    """Forget a citizen: each room lets go of its share, then the key that could read the rest is destroyed.

    What the law makes us keep, the books and the proof of this request, keeps an id that leads to nobody. Raises
    PaymentUnderway while money is on its way. Returns the id of the request.
    """
    # Whoever was proved to be the same person is erased with them, even if a room has not moved its rows yet.
    person = auth.operations.take_with_joined(session, citizen_id)
    shares = [(holding, one) for holding in holdings.declared().values() for one in person]
    for holding, one in shares:
        refusal = holding.obstacle(session, one)
        if refusal is not None:
            raise refusal
    request_id = _file(session, citizen_id, RequestKind.ERASE)
    for holding, one in shares:
        holding.erase(session, one)
    for one in person:
        sealed.destroy(session, one)
    return request_id


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """What this room holds: the vault, household, mandates, consents, requests and the access log."""
    decided = select(
        ConsentEvent.purpose, ConsentEvent.text_version, ConsentEvent.action, ConsentEvent.created_at
    ).where(ConsentEvent.citizen_id == citizen_id)
    mandates = select(
        Mandate.id,
        Mandate.principal_id,
        Mandate.agent_id,
        Mandate.scopes,
        Mandate.starts_at,
        Mandate.ends_at,
        Mandate.accepted_at,
        Mandate.revoked_at,
    ).where((Mandate.principal_id == citizen_id) | (Mandate.agent_id == citizen_id))
    looks = select(
        DataAccess.created_at,
        DataAccess.role,
        DataAccess.organisation,
        DataAccess.purpose,
        DataAccess.operation,
        DataAccess.fields,
    ).where(DataAccess.citizen_id == citizen_id)
    requests = select(
        DataRequest.id,
        DataRequest.kind,
        DataRequest.created_at,
        DataRequest.answer_due_on,
        DataRequest.done_due_on,
        DataRequest.answered_at,
        DataRequest.done_at,
    ).where(DataRequest.citizen_id == citizen_id)
    return {
        "identity": sealed.read(session, citizen_id, list(IdentityField)),
        "household": [
            {name: export.plain(value) for name, value in member.__dict__.items()}
            for member in list_members(session, citizen_id)
        ],
        "mandates": export.rows(session, mandates.order_by(Mandate.id)),
        "consents": export.rows(session, decided.order_by(ConsentEvent.id)),
        "data_requests": export.rows(session, requests.order_by(DataRequest.id)),
        "accesses": export.rows(session, looks.order_by(DataAccess.id)),
    }


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Drop the household and end every mandate; consents, requests and the access log stay as proof, under the id."""
    session.execute(delete(HouseholdMember).where(HouseholdMember.citizen_id == citizen_id))
    now = clock.now()
    for side, author in ((Mandate.principal_id, MandateEnd.PRINCIPAL), (Mandate.agent_id, MandateEnd.AGENT)):
        ended = session.execute(
            update(Mandate)
            .where(side == citizen_id, Mandate.revoked_at.is_(None))
            .values(revoked_at=now, revoked_by=author, version=Mandate.version + 1)
            .returning(Mandate.id, Mandate.principal_id, Mandate.agent_id)
        ).all()
        for mandate_id, principal_id, agent_id in ended:
            if agent_id is not None:
                events.emit(session, MandateRevoked(mandate_id, principal_id, agent_id))


def _file(session: Session, citizen_id: UUID, kind: RequestKind) -> UUID:
    now = clock.now()
    answer_due_on, done_due_on = duties.due_dates(kind, clock.today())
    request_id = new_id()
    session.add(
        DataRequest(
            id=request_id,
            created_at=now,
            citizen_id=citizen_id,
            kind=kind,
            answer_due_on=answer_due_on,
            done_due_on=done_due_on,
            # No person has to decide: the program does both at once.
            answered_at=now,
            done_at=now,
        )
    )
    session.flush()
    return request_id
