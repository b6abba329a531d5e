"""Differences between our books and somebody else's, and the two people it takes to book one away."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock, logs
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments import ledger
from payments.errors import DiscrepancyNotOpen, SecondPersonNeeded
from payments.models import Discrepancy, DiscrepancyState, JournalKind

# No money of ours has moved: every movement in a payout is booked by itself, a provider's books are its own, and of a
# file that was refused nothing was taken in. Two people have seen why it differs.
_WITHOUT_MONEY = frozenset({
    "PAYOUT_SUM", "FILE_REJECTED", "UNKNOWN_AT_PROVIDER", "MISSING_AT_PROVIDER", "DUPLICATE_POSTING",
})  # fmt: skip
_OPEN = (DiscrepancyState.OPEN, DiscrepancyState.PROPOSED)


def open_discrepancy(session: Session, kind: str, amount_vnd: int, *, subject: str) -> UUID:
    """Write a difference down, once; returns its id."""
    new = session.execute(
        insert_or_skip(Discrepancy)
        .values(
            id=new_id(),
            created_at=clock.now(),
            kind=kind,
            subject=subject,
            amount_vnd=amount_vnd,
            state=DiscrepancyState.OPEN,
        )
        .on_conflict_do_nothing()
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
        .where(Discrepancy.subject == subject, Discrepancy.state.in_(_OPEN))
        .values(state=DiscrepancyState.AUTO_CLOSED)
    )


def propose(session: Session, discrepancy_id: UUID, person_id: UUID, *, account: str, explanation: str) -> Discrepancy:
    """One person says what a difference is, and which account of the chart it belongs to.

    Raises NotFound, DiscrepancyNotOpen, and ValueError for an account that an adjustment may not name.
    """
    if account not in ledger.ADJUSTABLE:
        raise ValueError(f"nothing is adjusted to an account {account}")
    proposed = session.execute(
        update(Discrepancy)
        .where(Discrepancy.id == discrepancy_id, Discrepancy.state.in_(_OPEN))
        .values(state=DiscrepancyState.PROPOSED, proposed_by=person_id, account=account, explanation=explanation)
        .returning(Discrepancy)
    ).scalar_one_or_none()
    if proposed is None:
        raise _why_not(session, discrepancy_id)
    return proposed


def lock_discrepancy(session: Session, discrepancy_id: UUID) -> Discrepancy:
    """One difference, as it stays until the end of the transaction. Raises NotFound."""
    query = select(Discrepancy).where(Discrepancy.id == discrepancy_id).with_for_update()
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def version_of(found: Discrepancy) -> tuple[object, ...]:
    """What somebody who approves has to have seen: another proposal is another version."""
    return found.id, found.state, found.amount_vnd, found.proposed_by, found.account, found.explanation


def approve(session: Session, discrepancy_id: UUID, person_id: UUID) -> Discrepancy:
    """Another person agrees, and the difference is booked (J12): at the gateway, or at the bank for a line of it.

    Raises NotFound, DiscrepancyNotOpen, and SecondPersonNeeded for the one who proposed it.
    """
    found = session.execute(
        select(Discrepancy).where(Discrepancy.id == discrepancy_id).with_for_update()
    ).scalar_one_or_none()
    if found is None or found.state is not DiscrepancyState.PROPOSED or found.account is None:
        raise _why_not(session, discrepancy_id)
    if found.proposed_by == person_id:
        raise SecondPersonNeeded
    found.state, found.approved_by = DiscrepancyState.RESOLVED, person_id
    session.flush()
    if found.kind in _WITHOUT_MONEY:
        return found
    # A line of the bank stands on 2910 since it came in; what the gateway moved is in no account of ours yet.
    place = {"BANK_UNIDENTIFIED": ledger.UNIDENTIFIED, "ROW_WITHDRAWN": ledger.BANK}.get(
        found.kind, ledger.GATEWAY_AVAILABLE
    )
    legs = ledger.move(place, found.account, found.amount_vnd)
    ledger.book(session, JournalKind.ADJUSTMENT, discrepancy_id, legs, discrepancy_id=discrepancy_id)
    return found


def list_discrepancies(session: Session, *, limit: int, cursor: str | None) -> Page:
    """Differences that nobody has explained yet, the newest first."""
    query = select(Discrepancy).where(Discrepancy.state.in_(_OPEN))
    return page(session, query, by=[Discrepancy.id], limit=limit, cursor=cursor, question="discrepancies")


def _why_not(session: Session, discrepancy_id: UUID) -> Exception:
    known = session.scalar(select(Discrepancy.id).where(Discrepancy.id == discrepancy_id))
    return NotFound() if known is None else DiscrepancyNotOpen()
