"""The gate: a code opens once, also when the gate was offline and tells of it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from services.tourism import signing
from services.tourism.errors import TicketCodeInvalid
from services.tourism.models import GateScan, Guide, OrderState, PackKey, Ticket, TicketOrder, TicketState
from services.tourism.operations.revisions import Desk, get_own_guide
from services.tourism.operations.tickets import SEAL, lock_tickets

ADMITTED, USED, OTHER_DAY, CANCELLED, UNPAID = "admitted", "already_used", "other_day", "cancelled", "not_paid"
OTHER_PLACE = "other_place"


def check_ticket(session: Session, desk: Desk, code: str, gate: str, guide_id: UUID | None) -> dict[str, Any]:
    """Let the holder of a code in, once; where the gate says whose it is, with a ticket of that guide alone.

    Raises TicketCodeInvalid for what is no ticket of this office.
    """
    return _scan(session, desk, code, gate=gate, at=clock.now(), guide_id=guide_id)


def take_scans(
    session: Session, desk: Desk, gate: str, scans: Sequence[Mapping[str, Any]], guide_id: UUID | None
) -> list[dict[str, Any]]:
    """Book what a gate has scanned while it was offline, in the order of time; sent again it changes nothing.

    A code that was let in at two gates stands there as `already_used` the second time: the visitor is in, and the
    office knows of it. A code that is no ticket is told as `invalid`.
    """
    opened = [(scan, _open(session, scan["code"])) for scan in sorted(scans, key=lambda one: one["scanned_at"])]
    # Two gates may tell of the same tickets in different orders: they lock them in one.
    lock_tickets(session, Ticket.id.in_([UUID(claims["t"]) for _scan, claims in opened if claims is not None]))
    told = []
    for scan, claims in opened:
        if claims is None or not _is_ours(session, desk, UUID(claims["g"])):
            told.append({"code": scan["code"], "outcome": "invalid", "ticket_id": None, "used_at": None})
            continue
        found = _scan(session, desk, scan["code"], gate=gate, at=scan["scanned_at"], guide_id=guide_id)
        told.append({"code": scan["code"], **found})
    return told


def list_gate_tickets(session: Session, desk: Desk, guide_id: UUID, on: date) -> dict[str, Any]:
    """What a gate loads before it goes offline: the ids of the day's tickets and which of them cannot be used."""
    get_own_guide(session, desk, guide_id)
    rows = session.execute(
        select(Ticket.id, Ticket.state)
        .join(TicketOrder, TicketOrder.id == Ticket.order_id)
        .where(Ticket.guide_id == guide_id, Ticket.visit_on == on, TicketOrder.state == OrderState.PAID)
        .order_by(Ticket.id)
    ).all()
    return {
        "guide_id": guide_id,
        "visit_on": on,
        "valid": [row.id for row in rows if row.state is TicketState.VALID],
        "used": [row.id for row in rows if row.state is TicketState.USED],
    }


def _scan(session: Session, desk: Desk, code: str, *, gate: str, at: datetime, guide_id: UUID | None) -> dict[str, Any]:
    claims = _open(session, code)
    if claims is None or not _is_ours(session, desk, UUID(claims["g"])):
        raise TicketCodeInvalid
    ticket_id = UUID(claims["t"])
    earlier = session.execute(
        select(GateScan.outcome).where(
            GateScan.ticket_id == ticket_id, GateScan.scanned_at == at, GateScan.gate == gate
        )
    ).scalar_one_or_none()
    outcome = earlier or _admit(session, ticket_id, at, guide_id)
    session.execute(
        insert(GateScan)
        .values(id=new_id(), created_at=clock.now(), ticket_id=ticket_id, gate=gate, scanned_at=at, outcome=outcome)
        .on_conflict_do_nothing()
    )
    used_at = session.execute(select(Ticket.used_at).where(Ticket.id == ticket_id)).scalar_one()
    return {
        "outcome": outcome,
        "ticket_id": ticket_id,
        "guide_id": UUID(claims["g"]),
        "visitor_class": claims["c"],
        "used_at": used_at,
    }


def _admit(session: Session, ticket_id: UUID, at: datetime, guide_id: UUID | None) -> str:
    day = clock.local(at).date()
    paid = select(TicketOrder.id).where(TicketOrder.id == Ticket.order_id, TicketOrder.state == OrderState.PAID)
    here = true() if guide_id is None else Ticket.guide_id == guide_id
    # Of two gates that scan the same code at once, one update finds it valid.
    admitted = session.execute(
        update(Ticket)
        .where(Ticket.id == ticket_id, Ticket.state == TicketState.VALID, Ticket.visit_on == day, here, paid.exists())
        .values(state=TicketState.USED, used_at=at)
        .returning(Ticket.id)
    ).scalar_one_or_none()
    if admitted is not None:
        return ADMITTED
    ticket = session.execute(
        select(Ticket.state, Ticket.visit_on, Ticket.guide_id).where(Ticket.id == ticket_id)
    ).one_or_none()
    if ticket is None:
        raise TicketCodeInvalid
    if guide_id not in {None, ticket.guide_id}:
        return OTHER_PLACE
    if ticket.state is TicketState.USED:
        return USED
    if ticket.state is TicketState.CANCELLED:
        return CANCELLED
    return OTHER_DAY if ticket.visit_on != day else UNPAID


def _open(session: Session, code: str) -> dict[str, Any] | None:
    present = signing.public_jwk()
    claims = signing.open_sealed(present, code, SEAL)
    if claims is not None:
        return claims
    older = session.execute(select(PackKey.public_jwk).where(PackKey.kid != present["kid"])).scalars()
    return next((found for jwk in older if (found := signing.open_sealed(jwk, code, SEAL)) is not None), None)


def _is_ours(session: Session, desk: Desk, guide_id: UUID) -> bool:
    owner = select(Guide.id).where(Guide.id == guide_id, Guide.organisation_id == desk.organisation_id)
    return session.execute(owner).first() is not None
