"""Differences between our books and somebody else's, and the two people it takes to book one away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock, logs
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments import ledger
from payments.errors import DiscrepancyNotOpen, SecondPersonNeeded
from payments.models import Discrepancy, DiscrepancyNote, DiscrepancyState, JournalKind, Way

# Until when somebody is to have explained a difference.
ANSWERED_WITHIN = timedelta(days=3)
OPEN_STATES = (DiscrepancyState.OPEN, DiscrepancyState.INVESTIGATING, DiscrepancyState.PROPOSED)
# On which account a difference stands until two people have explained it. What is not named here is at the gateway.
_PLACES: Mapping[str, str | None] = {
    "BANK_UNIDENTIFIED": ledger.UNIDENTIFIED,
    "PAYOUT_NOT_IN_BANK": ledger.IN_TRANSIT,
    "BANK_SHORT": ledger.IN_TRANSIT,
    "BANK_OVER": ledger.IN_TRANSIT,
    "MISSING_AT_GATEWAY": ledger.GATEWAY_PENDING,
    # What a file says has moved, and no line of it tells.
    "ROW_REJECTED": ledger.BANK,
    # The bank has taken a line back that was somebody's.
    "ROW_WITHDRAWN": ledger.BANK,
    # No money of ours has moved: every movement in a payout is booked by itself, of a file that was refused nothing was
    # taken in, and what a provider wrote down twice or without us is for it to take back. Two people have seen why.
    "PAYOUT_SUM": None,
    # What came in another currency is no đồng: our balance of đồng has not moved.
    "CURRENCY": None,
    "FILE_REJECTED": None,
    "UNKNOWN_AT_PROVIDER": None,
    "DUPLICATE_POSTING": None,
}


@dataclass(frozen=True)
class Discussed:
    """A difference, and what both sides have said of it, the oldest first."""

    found: Discrepancy
    notes: Sequence[DiscrepancyNote]


def open_discrepancy(
    session: Session,
    kind: str,
    amount_vnd: int,
    *,
    subject: str,
    way: Way | None = None,
    day: date | None = None,
    payee_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> UUID:
    """Write a difference down, once; returns its id. One that had closed by itself is open again.

    One that is open still and of another sum by now has the new sum.
    """
    same = {"amount_vnd": amount_vnd, "details": details if details is None else dict(details)}
    new = session.execute(
        insert_or_skip(Discrepancy)
        .values(
            id=new_id(),
            created_at=clock.now(),
            kind=kind,
            subject=subject,
            state=DiscrepancyState.OPEN,
            way=way,
            payee_id=payee_id,
            business_day=day,
            due_on=clock.today() + ANSWERED_WITHIN,
            **same,
        )
        .on_conflict_do_update(
            index_elements=[Discrepancy.kind, Discrepancy.subject],
            set_={"state": DiscrepancyState.OPEN, "closed_at": None, **same},
            where=or_(
                Discrepancy.state == DiscrepancyState.AUTO_CLOSED,
                and_(
                    Discrepancy.state == DiscrepancyState.OPEN,
                    Discrepancy.amount_vnd != amount_vnd,
                    # What a comparison of two sides has found is told by that comparison.
                    or_(Discrepancy.details.is_(None), ~Discrepancy.details.has_key("key")),
                ),
            ),
        )
        .returning(Discrepancy.id)
    ).scalar_one_or_none()
    if new is not None:
        logs.logger.error("discrepancy", kind=kind)
        return new
    query = select(Discrepancy.id).where(Discrepancy.kind == kind, Discrepancy.subject == subject)
    return session.execute(query).scalar_one()


def close_discrepancies(session: Session, subject: str) -> None:
    """What was missing has come: nobody has to look at this subject any more."""
    session.execute(
        update(Discrepancy)
        .where(Discrepancy.subject == subject, Discrepancy.state.in_(OPEN_STATES))
        .values(state=DiscrepancyState.AUTO_CLOSED, closed_at=clock.now())
    )


def investigate(session: Session, discrepancy_id: UUID) -> Discrepancy:
    """Somebody looks into a difference. Raises NotFound and DiscrepancyNotOpen."""
    return _move(session, discrepancy_id, (DiscrepancyState.OPEN,), state=DiscrepancyState.INVESTIGATING)


def propose(
    session: Session,
    discrepancy_id: UUID,
    person_id: UUID,
    *,
    account: str | None,
    explanation: str,
    evidence_hash: str | None = None,
) -> Discrepancy:
    """One person says what a difference is, and which account of the chart it belongs to.

    Without an account no money moves; only a difference that stands on no account of ours may be explained so. Raises
    NotFound, DiscrepancyNotOpen, and ValueError for an account that the chart does not have.
    """
    if account is not None and account not in ledger.ACCOUNTS:
        raise ValueError(f"there is no account {account}")
    found = session.get(Discrepancy, discrepancy_id) if account is None else None
    if found is not None and _place(found) is not None and found.payee_id is None:
        raise DiscrepancyNotOpen
    values = {"proposed_by": person_id, "account": account, "explanation": explanation, "evidence_hash": evidence_hash}
    return _move(session, discrepancy_id, OPEN_STATES, state=DiscrepancyState.PROPOSED, **values)


def approve(session: Session, discrepancy_id: UUID, person_id: UUID) -> Discrepancy:
    """Another person agrees, and the difference is booked away by one journal (J12), where money moves.

    Raises NotFound, DiscrepancyNotOpen, and SecondPersonNeeded for the one who proposed it.
    """
    found = session.execute(
        select(Discrepancy).where(Discrepancy.id == discrepancy_id).with_for_update()
    ).scalar_one_or_none()
    if found is None or found.state is not DiscrepancyState.PROPOSED:
        raise _why_not(session, discrepancy_id)
    if found.proposed_by == person_id:
        raise SecondPersonNeeded
    found.state, found.approved_by, found.closed_at = DiscrepancyState.RESOLVED, person_id, clock.now()
    session.flush()
    place = _place(found)
    if place is None or found.account is None:
        return found
    # What they say less what we say: more of an asset is a debit, more owed to a payee is a credit.
    amount = -found.amount_vnd if place == ledger.PROVIDER_PAYABLE else found.amount_vnd
    legs = [_leg(found, place, amount), _leg(found, found.account, -amount)]
    if amount:
        ledger.book(session, JournalKind.ADJUSTMENT, discrepancy_id, legs, discrepancy_id=discrepancy_id)
    return found


def list_discrepancies(session: Session, *, limit: int, cursor: str | None, payee_id: UUID | None = None) -> Page:
    """Differences that nobody has explained yet, of one payee where given, the newest first."""
    query = select(Discrepancy).where(Discrepancy.state.in_(OPEN_STATES))
    if payee_id is not None:
        query = query.where(Discrepancy.payee_id == payee_id)
    question = ("discrepancies", payee_id)
    return page(session, query, by=[Discrepancy.id], limit=limit, cursor=cursor, question=question)


def get_discrepancy(session: Session, discrepancy_id: UUID, payee_id: UUID | None = None) -> Discrepancy:
    """One difference; with `payee_id` only that payee's. Raises NotFound."""
    query = select(Discrepancy).where(Discrepancy.id == discrepancy_id)
    if payee_id is not None:
        query = query.where(Discrepancy.payee_id == payee_id)
    found = session.scalar(query)
    if found is None:
        raise NotFound
    return found


def get_discussed(session: Session, discrepancy_id: UUID, payee_id: UUID | None = None) -> Discussed:
    """One difference, and what both sides have said of it, the oldest first. Raises NotFound."""
    found = get_discrepancy(session, discrepancy_id, payee_id)
    query = select(DiscrepancyNote).where(DiscrepancyNote.discrepancy_id == discrepancy_id)
    return Discussed(found, session.scalars(query.order_by(DiscrepancyNote.id).limit(200)).all())


def answer(
    session: Session,
    discrepancy_id: UUID,
    *,
    payee_id: UUID | None,
    person_id: UUID | None,
    body: str,
    evidence_hash: str | None,
) -> UUID:
    """One side says something of a difference; `payee_id` is None for the house. An open one is looked into then.

    Raises NotFound for a difference of somebody else.
    """
    found = get_discrepancy(session, discrepancy_id, payee_id)
    said = {"payee_id": payee_id, "person_id": person_id, "body": body, "evidence_hash": evidence_hash}
    note_id = new_id()
    session.execute(insert(DiscrepancyNote).values(id=note_id, created_at=clock.now(), discrepancy_id=found.id, **said))
    session.execute(
        update(Discrepancy)
        .where(Discrepancy.id == found.id, Discrepancy.state == DiscrepancyState.OPEN)
        .values(state=DiscrepancyState.INVESTIGATING)
    )
    return note_id


def _place(found: Discrepancy) -> str | None:
    """Where a difference stands in our books; None when no money of ours moves by explaining it."""
    if found.kind not in _PLACES and found.way in {Way.PROVIDER, Way.ADVICE}:
        return ledger.PROVIDER_PAYABLE if found.account else None
    return _PLACES.get(found.kind, ledger.GATEWAY_AVAILABLE)


def _leg(found: Discrepancy, account: str, amount_vnd: int) -> ledger.Leg:
    return ledger.Leg(account, amount_vnd, payee_id=found.payee_id if account == ledger.PROVIDER_PAYABLE else None)


def _move(
    session: Session,
    discrepancy_id: UUID,
    of: Sequence[DiscrepancyState],
    **values: Any,  # noqa: ANN401 - columns
) -> Discrepancy:
    moved = session.execute(
        update(Discrepancy)
        .where(Discrepancy.id == discrepancy_id, Discrepancy.state.in_(of))
        .values(**values)
        .returning(Discrepancy)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if moved is None:
        raise _why_not(session, discrepancy_id)
    return moved


def _why_not(session: Session, discrepancy_id: UUID) -> Exception:
    known = session.scalar(select(Discrepancy.id).where(Discrepancy.id == discrepancy_id))
    return NotFound() if known is None else DiscrepancyNotOpen()
