"""Differences between our books and somebody else's, and the two people it takes to book one away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock, logs
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments import ledger
from payments.errors import DiscrepancyNotOpen, SecondPersonNeeded
from payments.models import (
    Discrepancy,
    DiscrepancyAction,
    DiscrepancyNote,
    DiscrepancyState,
    JournalKind,
    PayeeTerms,
    Side,
    Way,
)
from payments.operations.history import HOUSE, OPEN_STATES, Actor, Step, list_steps, write_step

# Until when somebody is to have explained a difference.
ANSWERED_WITHIN = timedelta(days=3)
# What a list is asked for: a state, those that nobody has explained yet, or all.
UNRESOLVED, ALL = "unresolved", "all"
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
    """A difference, what both sides have said of it and what was done, each the oldest first."""

    found: Discrepancy
    notes: Sequence[DiscrepancyNote]
    events: Sequence[Step]


@dataclass(frozen=True)
class Wanted:
    """Which differences a list is of; None wants any."""

    state: str = UNRESOLVED
    kind: str | None = None
    way: Way | None = None
    payee_id: UUID | None = None
    minimum_age_days: int | None = None
    overdue: bool | None = None


def open_discrepancy(
    session: Session,
    kind: str,
    amount_vnd: int,
    *,
    subject: str,
    way: Way | None = None,
    day: date | None = None,
    payee_id: UUID | None = None,
    actor: Actor = HOUSE,
    details: Mapping[str, Any] | None = None,
) -> UUID:
    """Write a difference down, once; returns its id. One that had closed by itself is open again.

    One that is open still and of another sum by now has the new sum.
    """
    told = details if details is None else dict(details)
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
            amount_vnd=amount_vnd,
            details=told,
        )
        .on_conflict_do_nothing()
        .returning(Discrepancy)
    ).scalar_one_or_none()
    if new is not None:
        logs.logger.error("discrepancy", kind=kind)
        write_step(session, new, DiscrepancyAction.OPENED, actor)
        return new.id
    query = select(Discrepancy).where(Discrepancy.kind == kind, Discrepancy.subject == subject).with_for_update()
    known = session.scalars(query.execution_options(populate_existing=True)).one()
    # What a comparison of two sides has found is told by that comparison.
    is_told_anew = known.amount_vnd != amount_vnd and "key" not in (known.details or {})
    if known.state is DiscrepancyState.AUTO_CLOSED:
        known.state, known.closed_at, action = DiscrepancyState.OPEN, None, DiscrepancyAction.REOPENED
        known.due_on = clock.today() + ANSWERED_WITHIN
    elif known.state in {DiscrepancyState.OPEN, DiscrepancyState.INVESTIGATING} and is_told_anew:
        action = DiscrepancyAction.CHANGED
    else:
        return known.id
    known.amount_vnd, known.details = amount_vnd, told
    logs.logger.error("discrepancy", kind=kind)
    write_step(session, known, action, actor)
    return known.id


def close_discrepancies(session: Session, subject: str) -> None:
    """What was missing has come: nobody has to look at this subject any more."""
    close_found(session, Discrepancy.subject == subject)


def close_found(session: Session, *which: ColumnElement[bool]) -> int:
    """Close every difference that fits and that nobody has explained; returns how many."""
    # Asked with nearly every line of a bank, and true of few: looking costs a fraction of an UPDATE that returns rows.
    is_there = select(Discrepancy.id).where(*which, Discrepancy.state.in_(OPEN_STATES)).limit(1)
    if session.scalar(is_there) is None:
        return 0
    closed = session.scalars(
        update(Discrepancy)
        .where(*which, Discrepancy.state.in_(OPEN_STATES))
        .values(state=DiscrepancyState.AUTO_CLOSED, closed_at=clock.now())
        .returning(Discrepancy)
        .execution_options(populate_existing=True)
    ).all()
    for each in closed:
        write_step(session, each, DiscrepancyAction.AUTO_CLOSED, HOUSE)
    return len(closed)


def investigate(session: Session, discrepancy_id: UUID, actor: Actor) -> Discrepancy:
    """Somebody looks into a difference. Raises NotFound and DiscrepancyNotOpen."""
    moved = _move(session, discrepancy_id, (DiscrepancyState.OPEN,), state=DiscrepancyState.INVESTIGATING)
    write_step(session, moved, DiscrepancyAction.INVESTIGATED, actor)
    return moved


def propose(
    session: Session,
    discrepancy_id: UUID,
    person_id: UUID,
    *,
    account: str | None,
    explanation: str,
    evidence_hash: str | None = None,
    organisation: str | None = None,
) -> Discrepancy:
    """One person says what a difference is, and which account of the chart it belongs to.

    Without an account no money moves; only a difference that stands on no account of ours may be explained so. Raises
    NotFound, DiscrepancyNotOpen, and ValueError for an account that an adjustment may not name.
    """
    if account is not None and account not in ledger.ADJUSTABLE:
        raise ValueError(f"nothing is adjusted to an account {account}")
    found = session.get(Discrepancy, discrepancy_id) if account is None else None
    if found is not None and _place(found) is not None and found.payee_id is None:
        raise DiscrepancyNotOpen
    values = {"proposed_by": person_id, "account": account, "explanation": explanation, "evidence_hash": evidence_hash}
    moved = _move(session, discrepancy_id, OPEN_STATES, state=DiscrepancyState.PROPOSED, **values)
    actor = Actor(Side.PROVINCE, person_id, organisation)
    write_step(session, moved, DiscrepancyAction.PROPOSED, actor, account=account, reason=explanation)
    return moved


def lock_discrepancy(session: Session, discrepancy_id: UUID) -> Discrepancy:
    """One difference, as it stays until the end of the transaction. Raises NotFound."""
    query = select(Discrepancy).where(Discrepancy.id == discrepancy_id).with_for_update()
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def version_of(found: Discrepancy) -> tuple[object, ...]:
    """What somebody who approves has to have seen: another proposal is another version."""
    proposal = (found.proposed_by, found.account, found.explanation, found.evidence_hash)
    return found.id, found.state, found.amount_vnd, *proposal


def decline(
    session: Session, discrepancy_id: UUID, person_id: UUID, *, reason: str, organisation: str | None = None
) -> Discrepancy:
    """Another person does not agree to what was proposed: it is looked into again. The log keeps what it was.

    Raises NotFound, DiscrepancyNotOpen, and SecondPersonNeeded for the one who proposed it.
    """
    found = _proposed(session, discrepancy_id, person_id)
    account = found.account
    found.state = DiscrepancyState.INVESTIGATING
    found.proposed_by = found.account = found.explanation = found.evidence_hash = None
    actor = Actor(Side.PROVINCE, person_id, organisation)
    write_step(session, found, DiscrepancyAction.DECLINED, actor, account=account, reason=reason)
    return found


def approve(session: Session, discrepancy_id: UUID, person_id: UUID, *, organisation: str | None = None) -> Discrepancy:
    """Another person agrees, and the difference is booked away by one journal (J12), where money moves.

    Raises NotFound, DiscrepancyNotOpen, and SecondPersonNeeded for the one who proposed it.
    """
    found = _proposed(session, discrepancy_id, person_id)
    found.state, found.approved_by, found.closed_at = DiscrepancyState.RESOLVED, person_id, clock.now()
    actor = Actor(Side.PROVINCE, person_id, organisation)
    write_step(session, found, DiscrepancyAction.APPROVED, actor, account=found.account)
    place = _place(found)
    if place is None or found.account is None:
        return found
    # What they say less what we say: more of an asset is a debit, more owed to a payee is a credit.
    amount = -found.amount_vnd if place == ledger.PROVIDER_PAYABLE else found.amount_vnd
    legs = [_leg(found, place, amount), _leg(found, found.account, -amount)]
    if amount:
        ledger.book(session, JournalKind.ADJUSTMENT, discrepancy_id, legs, discrepancy_id=discrepancy_id)
    return found


def list_discrepancies(session: Session, *, limit: int, cursor: str | None, wanted: Wanted | None = None) -> Page:
    """Differences, the newest first: those that nobody has explained yet, unless others are wanted."""
    wanted = wanted or Wanted()
    query = select(Discrepancy).where(*_conditions(wanted))
    # The clock moves while somebody turns the pages: the question is what was asked, not the instants it means.
    question = ("discrepancies", *(str(value) for value in vars(wanted).values()))
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
    """One difference, what both sides have said of it and what was done, the oldest first. Raises NotFound.

    With `payee_id` as that payee may see it: without the people of the province.
    """
    found = get_discrepancy(session, discrepancy_id, payee_id)
    query = select(DiscrepancyNote).where(DiscrepancyNote.discrepancy_id == discrepancy_id)
    notes = session.scalars(query.order_by(DiscrepancyNote.id).limit(200)).all()
    return Discussed(found, notes, list_steps(session, discrepancy_id, for_payee=payee_id is not None))


def answer(
    session: Session,
    discrepancy_id: UUID,
    *,
    payee_id: UUID | None,
    person_id: UUID | None,
    body: str,
    evidence_hash: str | None,
    organisation: str | None = None,
) -> UUID:
    """One side says something of a difference; `payee_id` is None for the house. An open one is looked into then.

    Raises NotFound for a difference of somebody else.
    """
    found = get_discrepancy(session, discrepancy_id, payee_id)
    note_id = _say(session, found.id, payee_id=payee_id, person_id=person_id, body=body, evidence_hash=evidence_hash)
    actor = Actor(Side.PROVINCE if payee_id is None else Side.PROVIDER, person_id, organisation)
    moved = session.scalar(
        update(Discrepancy)
        .where(Discrepancy.id == found.id, Discrepancy.state == DiscrepancyState.OPEN)
        .values(state=DiscrepancyState.INVESTIGATING)
        .returning(Discrepancy)
        .execution_options(populate_existing=True)
    )
    write_step(session, moved or found, DiscrepancyAction.NOTED, actor)
    return note_id


def raise_by_hand(
    session: Session,
    payee_id: UUID,
    actor: Actor,
    *,
    subject: str,
    amount_vnd: int,
    day: date,
    body: str,
) -> UUID:
    """The payee or the province says that something differs; the same subject again adds to what was said.

    Returns the difference. Raises NotFound for a payee that we do not know.
    """
    is_payee = actor.side is Side.PROVIDER
    if session.scalar(select(PayeeTerms.id).where(PayeeTerms.payee_id == payee_id).limit(1)) is None:
        raise NotFound
    kind = "RAISED_BY_PROVIDER" if is_payee else "RAISED_BY_PROVINCE"
    discrepancy_id = open_discrepancy(
        session,
        kind,
        amount_vnd,
        subject=f"{payee_id} {subject}",
        way=Way.PROVIDER,
        day=day,
        payee_id=payee_id,
        actor=actor,
    )
    said_by = payee_id if is_payee else None
    _say(session, discrepancy_id, payee_id=said_by, person_id=actor.person_id, body=body, evidence_hash=None)
    write_step(session, get_discrepancy(session, discrepancy_id), DiscrepancyAction.NOTED, actor)
    return discrepancy_id


def _say(session: Session, discrepancy_id: UUID, **said: Any) -> UUID:  # noqa: ANN401 - columns
    note_id = new_id()
    values = {"id": note_id, "created_at": clock.now(), "discrepancy_id": discrepancy_id, **said}
    session.execute(insert(DiscrepancyNote).values(**values))
    return note_id


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state == UNRESOLVED:
        conditions.append(Discrepancy.state.in_(OPEN_STATES))
    elif wanted.state != ALL:
        conditions.append(Discrepancy.state == DiscrepancyState(wanted.state))
    asked = ((Discrepancy.kind, wanted.kind), (Discrepancy.way, wanted.way), (Discrepancy.payee_id, wanted.payee_id))
    conditions += [column == value for column, value in asked if value is not None]
    if wanted.minimum_age_days is not None:
        conditions.append(Discrepancy.created_at <= clock.now() - timedelta(days=wanted.minimum_age_days))
    if wanted.overdue is not None:
        overdue = and_(Discrepancy.state.in_(OPEN_STATES), func.coalesce(Discrepancy.due_on < clock.today(), false()))
        conditions.append(overdue if wanted.overdue else ~overdue)
    return conditions


def _proposed(session: Session, discrepancy_id: UUID, person_id: UUID) -> Discrepancy:
    """What waits for a second person, locked; raises NotFound, DiscrepancyNotOpen and SecondPersonNeeded."""
    found = lock_discrepancy(session, discrepancy_id)
    if found.state is not DiscrepancyState.PROPOSED:
        raise DiscrepancyNotOpen
    if found.proposed_by == person_id:
        raise SecondPersonNeeded
    return found


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
        get_discrepancy(session, discrepancy_id)  # or there is none
        raise DiscrepancyNotOpen
    return moved
