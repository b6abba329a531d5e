"""The log of differences: every step of each, told to the payee it concerns, and reminders of what is overdue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import Table, distinct, func, insert, select, text
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from payments.events import DifferencesMoved, DifferencesOverdue
from payments.models import Discrepancy, DiscrepancyAction, DiscrepancyEvent, DiscrepancyState, Side

OPEN_STATES = (DiscrepancyState.OPEN, DiscrepancyState.INVESTIGATING, DiscrepancyState.PROPOSED)
# Made once: thousands of steps are written at a time.
_WRITE = insert(cast("Table", DiscrepancyEvent.__table__))
_SHOWN = 500  # steps of one difference: it is looked into for days, not for years
# Of two who look at once, one writes.
_REMIND = text("""
WITH written AS (
  INSERT INTO discrepancy_event
    (id, created_at, discrepancy_id, payee_id, action, state, amount_vnd, side, reminded_on)
  SELECT CAST(:stamp || substr(digest, 1, 3) || '-8' || substr(digest, 4, 3) || '-' || substr(digest, 7, 12) AS uuid),
    :now, id, payee_id, 'reminded', state, amount_vnd, 'house', :today
  FROM (SELECT d.*, md5(CAST(gen_random_uuid() AS text)) AS digest FROM discrepancy d
        WHERE d.state IN ('open', 'investigating', 'proposed') AND d.due_on < :today) overdue
  ON CONFLICT (discrepancy_id, reminded_on) WHERE action = 'reminded' DO NOTHING
  RETURNING id, discrepancy_id)
SELECT count(*) AS many, min(CAST(w.id AS text)) AS first, min(d.due_on) AS oldest
FROM written w JOIN discrepancy d ON d.id = w.discrepancy_id
""")


@dataclass(frozen=True)
class Actor:
    """Who acts for which side; a comparison has no person, a provider's system no person either."""

    side: Side
    person_id: UUID | None = None
    organisation: str | None = None


HOUSE = Actor(Side.HOUSE)


@dataclass(frozen=True)
class Step:
    """One step of a difference as somebody may see it."""

    id: UUID
    created_at: datetime
    action: DiscrepancyAction
    state: DiscrepancyState
    amount_vnd: int
    side: Side
    person_id: UUID | None
    organisation: str | None
    account: str | None
    reason: str | None


@dataclass(frozen=True)
class News:
    """Steps of one kind that a transaction has written: the first, of how many differences, and some of these."""

    first_step_id: UUID
    count: int
    discrepancy_ids: Sequence[UUID]


def write_step(
    session: Session,
    found: Discrepancy,
    action: DiscrepancyAction,
    actor: Actor,
    *,
    account: str | None = None,
    reason: str | None = None,
) -> None:
    """Write down what has just been done to a difference, and let the payee it concerns be told."""
    session.flush()
    step = {
        "id": new_id(),
        "created_at": clock.now(),
        "discrepancy_id": found.id,
        "payee_id": found.payee_id,
        "action": action,
        "state": found.state,
        "amount_vnd": found.amount_vnd,
        "side": actor.side,
        "person_id": actor.person_id,
        "organisation": actor.organisation,
        "account": account,
        "reason": reason,
    }
    session.execute(_WRITE, step)
    announce(session, found.payee_id)


def announce(session: Session, payee_id: UUID | None) -> None:
    """Have a payee told of the steps that this transaction writes; nothing where a difference is nobody's."""
    # A session is one transaction: of a thousand steps in it a payee is told once.
    told: set[UUID] = session.info.setdefault(announce, set())
    if payee_id is None or payee_id in told:
        return
    written_by = session.scalar(text("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)"))
    events.emit(session, DifferencesMoved(payee_id, int(written_by or 0)))
    # What a savepoint takes back was never said.
    if not session.in_nested_transaction():
        told.add(payee_id)


def find_news(  # noqa: PLR0917 - steps of whom, of which transaction and kind, and how many are named
    session: Session,
    payee_id: UUID,
    written_by: int,
    actions: Collection[DiscrepancyAction],
    but_by: Side | None,
    most: int,
) -> News | None:
    """What one transaction wrote of a payee's differences by these actions, but not what `but_by` did, or None.

    However many they are: a file of another day makes a difference of each of its lines.
    """
    of = [
        DiscrepancyEvent.written_by == written_by,
        DiscrepancyEvent.payee_id == payee_id,
        DiscrepancyEvent.action.in_(actions),
    ]
    if but_by is not None:
        of.append(DiscrepancyEvent.side != but_by)
    first = select(DiscrepancyEvent.id, DiscrepancyEvent.discrepancy_id).where(*of).order_by(DiscrepancyEvent.id)
    steps = session.execute(first.limit(most)).all()
    if not steps:
        return None
    count = session.scalar(select(func.count(distinct(DiscrepancyEvent.discrepancy_id))).where(*of))
    return News(steps[0].id, count or 0, list(dict.fromkeys(step.discrepancy_id for step in steps)))


def list_steps(session: Session, discrepancy_id: UUID, *, for_payee: bool) -> list[Step]:
    """The steps of a difference, the oldest first; a payee does not learn who of the province has acted."""
    query = select(DiscrepancyEvent).where(DiscrepancyEvent.discrepancy_id == discrepancy_id)
    rows = session.scalars(query.order_by(DiscrepancyEvent.created_at, DiscrepancyEvent.id).limit(_SHOWN))
    return [
        Step(
            row.id,
            row.created_at,
            row.action,
            row.state,
            row.amount_vnd,
            row.side,
            None if for_payee and row.side is not Side.PROVIDER else row.person_id,
            row.organisation,
            row.account,
            row.reason,
        )
        for row in rows
    ]


def remind_overdue(session: Session) -> int:
    """Write a reminder of every open difference whose day has passed, one a day, and tell the operator once.

    Returns how many were new; the same day again gives 0 and tells nobody.
    """
    today = clock.today()
    stamp = str(new_id())[:15]
    row = session.execute(_REMIND, {"stamp": stamp, "now": clock.now(), "today": today}).one()
    if row.many:
        logs.logger.warning("discrepancies_overdue", count=row.many)
        events.emit(session, DifferencesOverdue(UUID(row.first), row.many, (today - row.oldest).days))
    return int(row.many)
