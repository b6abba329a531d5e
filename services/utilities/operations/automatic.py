"""Bills that are paid by themselves: what is announced and when, what may be skipped, what is left to the citizen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, cast, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session, contains_eager

import payments.operations
from auth.assurance import Proof
from auth.models import Assurance
from kit import clock, events
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments.operations import Claim
from services.utilities.errors import AlreadyAutomatic, PlannedPaymentOver
from services.utilities.events import AutomaticPaymentAnnounced, AutomaticPaymentLeft
from services.utilities.models import Account, AutomaticPayment, Bill, BillState, PlannedPayment, PlannedState as S
from services.utilities.operations.bills import claim_for, start_payment

# How long a citizen can think about what was announced, before anything is taken.
NOTICE = timedelta(hours=48)
# The planner comes every quarter of an hour, and announces the next day's hour rather early than late.
_AHEAD = NOTICE + timedelta(hours=1)
# When the day's payments begin: nobody is woken by them, and the banks' own works of the night are over.
_HOUR = time(9, 0)
OVER_CEILING, TOO_LATE = "over_ceiling", "too_late"
# Nothing is left to pay, or what was announced is not true any more: nobody has to do anything.
_NOTHING_TO_DO = frozenset({"bill_already_paid", "bill_withdrawn", "bill_changed"})

# A bill and the wish that it be paid by itself, in the order in which they are announced.
Place = tuple[date, UUID, UUID]


@dataclass(frozen=True)
class Started:
    """A payment that was opened for a planned one, and is now to be sent to the gateway."""

    payment_id: UUID
    citizen_id: UUID
    card_id: UUID
    amount_vnd: int


@dataclass(frozen=True)
class Planned:
    """A planned payment with what its bill is called; it belongs to `citizen_id`."""

    found: PlannedPayment
    citizen_id: UUID
    claim: Claim


def start_automatic(
    session: Session, citizen_id: UUID, *, account_id: UUID, card_id: UUID, ceiling_vnd: int, days_before: int
) -> UUID:
    """Let the bills of an account be paid by themselves from now on; returns the id of the wish.

    Raises NotFound for an account or card that is not the citizen's, CardNotReady, and AlreadyAutomatic.
    """
    linked = select(Account.id).where(
        Account.id == account_id, Account.citizen_id == citizen_id, Account.unlinked_at.is_(None)
    )
    # Locked against being unlinked at this very moment.
    if session.scalar(linked.with_for_update(read=True)) is None:
        raise NotFound
    payments.operations.check_card(session, card_id, citizen_id)
    started = session.execute(
        insert_or_skip(AutomaticPayment)
        .values(
            id=new_id(),
            created_at=clock.now(),
            citizen_id=citizen_id,
            account_id=account_id,
            card_id=card_id,
            ceiling_vnd=ceiling_vnd,
            days_before=days_before,
            version=1,
        )
        .on_conflict_do_nothing()
        .returning(AutomaticPayment.id)
    ).scalar_one_or_none()
    if started is None:
        raise AlreadyAutomatic
    return started


def list_automatic(session: Session, citizen_id: UUID) -> Sequence[AutomaticPayment]:
    """The citizen's wishes that have not ended, the oldest first: one an account at most."""
    return session.scalars(_own(citizen_id).order_by(AutomaticPayment.id).limit(100)).all()


def get_automatic(session: Session, automatic_id: UUID, citizen_id: UUID) -> AutomaticPayment:
    """One wish of the citizen that has not ended. Raises NotFound."""
    found = session.scalar(_own(citizen_id).where(AutomaticPayment.id == automatic_id))
    if found is None:
        raise NotFound
    return found


def plan(session: Session, *, after: Place | None = None, limit: int = 500) -> Place | None:
    """Announce what is to be paid by itself, at least 48 hours before, the bills that are due first before others.

    At most `limit` at once: returns the place after which to go on, or None when all is announced. A bill above the
    ceiling, or one that came too late for the notice, is left to the citizen, who is told.
    """
    now, today = clock.now(), clock.today()
    same = (PlannedPayment.automatic_id == AutomaticPayment.id) & (PlannedPayment.amount_vnd == Bill.amount_vnd)
    known = select(PlannedPayment.id).where(
        PlannedPayment.bill_id == Bill.id, or_(PlannedPayment.state == S.ANNOUNCED, same)
    )
    # Days whose hour is within reach: a bill that is not to be announced yet takes nobody's place.
    reach = clock.local(now + _AHEAD)
    last_day = reach.date() if reach.time() >= _HOUR else reach.date() - timedelta(days=1)
    place = tuple_(Bill.due_on, Bill.id, AutomaticPayment.id)
    due = (
        select(AutomaticPayment, Bill)
        .join(Account, Account.id == AutomaticPayment.account_id)
        .join(Bill, Bill.customer_id == Account.customer_id)
        .where(
            AutomaticPayment.ended_at.is_(None),
            Account.unlinked_at.is_(None),
            Bill.state == BillState.OPEN,
            Bill.due_on >= today,
            Bill.due_on - cast(AutomaticPayment.days_before, Integer) <= last_day,
            ~known.exists(),
            *([] if after is None else [place > tuple_(*after)]),
        )
        .order_by(Bill.due_on, Bill.id, AutomaticPayment.id)
        .limit(limit)
    )
    found = session.execute(due).all()
    for wish, bill in found:
        pay_at = max(datetime.combine(bill.due_on - timedelta(days=wish.days_before), _HOUR, clock.ZONE), now + NOTICE)
        reason = None
        if bill.amount_vnd > wish.ceiling_vnd:
            reason = OVER_CEILING
        elif clock.local(pay_at).date() > bill.due_on:
            reason = TOO_LATE
        _announce(session, wish, bill, pay_at, reason)
    if len(found) < limit:
        return None
    wish, bill = found[-1]
    return bill.due_on, bill.id, wish.id


def list_due(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """What was announced and is now to be paid, the longest due first."""
    query = select(PlannedPayment.id).where(PlannedPayment.state == S.ANNOUNCED, PlannedPayment.pay_at <= clock.now())
    return session.scalars(query.order_by(PlannedPayment.pay_at).limit(limit)).all()


def start_planned(session: Session, planned_id: UUID) -> Started | None:
    """Open the payment of a planned one, once; None when it is no more to be paid, or another worker has it.

    Raises what `start_payment` raises: the bill has changed, the day's limit is reached, the card is gone.
    """
    row = session.execute(
        select(PlannedPayment, AutomaticPayment)
        .join(AutomaticPayment, AutomaticPayment.id == PlannedPayment.automatic_id)
        .where(
            PlannedPayment.id == planned_id, PlannedPayment.state == S.ANNOUNCED, PlannedPayment.pay_at <= clock.now()
        )
        .with_for_update(of=PlannedPayment, skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    planned, wish = row
    if wish.ended_at is not None:
        # It was announced in the very moment in which the citizen ended the wish.
        planned.state, planned.reason = S.SKIPPED, "ended"
        return None
    # The citizen proved who they are when they made the wish; since then two days and a notice have passed.
    proof = Proof(Assurance.PASSKEY, clock.now(), wish.created_at)
    payment_id = start_payment(
        session, wish.citizen_id, [planned.bill_id], planned.amount_vnd, proof=proof, card_id=wish.card_id
    )
    planned.state, planned.payment_id = S.STARTED, payment_id
    return Started(payment_id, wish.citizen_id, wish.card_id, planned.amount_vnd)


def leave_planned(session: Session, planned_id: UUID, reason: str) -> None:
    """A planned payment could not be opened: it is the citizen's to pay, or there is nothing to pay any more."""
    state = S.DROPPED if reason in _NOTHING_TO_DO else S.LEFT
    _leave(session, PlannedPayment.id == planned_id, S.ANNOUNCED, state, reason)


def leave_started(session: Session, payment_id: UUID, reason: str) -> None:
    """A payment that had begun by itself has ended without money: its bill is the citizen's to pay."""
    nothing = {"bill_paid_elsewhere", "nothing_owed"} | _NOTHING_TO_DO
    state = S.DROPPED if reason in nothing else S.LEFT
    _leave(session, PlannedPayment.payment_id == payment_id, S.STARTED, state, reason)


def skip(session: Session, planned_id: UUID, citizen_id: UUID) -> Planned:
    """The citizen does not want this one to be paid by itself. Skipping again changes nothing.

    Raises NotFound for another's, and PlannedPaymentOver once it has begun, or was left or dropped.
    """
    planned = get_planned(session, planned_id, citizen_id)
    skipped = session.execute(
        update(PlannedPayment)
        .where(PlannedPayment.id == planned_id, PlannedPayment.state.in_([S.ANNOUNCED, S.SKIPPED]))
        .values(state=S.SKIPPED, reason=func.coalesce(PlannedPayment.reason, "skipped"))
        .returning(PlannedPayment.id)
    ).scalar_one_or_none()
    if skipped is None:
        raise PlannedPaymentOver(state=planned.found.state)
    return get_planned(session, planned_id, citizen_id)


def get_planned(session: Session, planned_id: UUID, citizen_id: UUID) -> Planned:
    """One planned payment of the citizen. Raises NotFound."""
    row = session.execute(_planned(citizen_id).where(PlannedPayment.id == planned_id)).one_or_none()
    if row is None:
        raise NotFound
    return Planned(row[0], citizen_id, claim_for(row[1]))


def find_planned(session: Session, planned_id: UUID) -> Planned | None:
    """A planned payment, whoever's it is: for rooms, never for a citizen."""
    owner = (
        select(AutomaticPayment.citizen_id)
        .join(PlannedPayment, PlannedPayment.automatic_id == AutomaticPayment.id)
        .where(PlannedPayment.id == planned_id)
    )
    citizen_id = session.scalar(owner)
    return None if citizen_id is None else get_planned(session, planned_id, citizen_id)


def list_planned(session: Session, citizen_id: UUID, *, state: str | None, limit: int, cursor: str | None) -> Page:
    """What was announced to the citizen, the newest first, as Planned; of one state where asked for."""
    own = select(AutomaticPayment.id).where(AutomaticPayment.citizen_id == citizen_id)
    query = select(PlannedPayment).where(PlannedPayment.automatic_id.in_(own))
    if state is not None:
        query = query.where(PlannedPayment.state == state)
    question = ("planned", citizen_id, state)
    found = page(session, query, by=[PlannedPayment.id], limit=limit, cursor=cursor, question=question)
    ids = [planned.id for planned in found.items]
    named = {row[0].id: row for row in session.execute(_planned(citizen_id).where(PlannedPayment.id.in_(ids))).all()}
    return Page([Planned(named[key][0], citizen_id, claim_for(named[key][1])) for key in ids], found.next)


def _own(citizen_id: UUID) -> Select[AutomaticPayment]:
    return select(AutomaticPayment).where(
        AutomaticPayment.citizen_id == citizen_id, AutomaticPayment.ended_at.is_(None)
    )


def _planned(citizen_id: UUID) -> Select[PlannedPayment, Bill]:
    return (
        select(PlannedPayment, Bill)
        .join(AutomaticPayment, AutomaticPayment.id == PlannedPayment.automatic_id)
        .join(Bill, Bill.id == PlannedPayment.bill_id)
        .join(Bill.provider)
        .options(contains_eager(Bill.provider))
        .where(AutomaticPayment.citizen_id == citizen_id)
        .execution_options(populate_existing=True)
    )


def _announce(session: Session, wish: AutomaticPayment, bill: Bill, pay_at: datetime, reason: str | None) -> None:
    planned_id = session.execute(
        insert_or_skip(PlannedPayment)
        .values(
            id=new_id(),
            created_at=clock.now(),
            automatic_id=wish.id,
            bill_id=bill.id,
            amount_vnd=bill.amount_vnd,
            pay_at=pay_at,
            state=S.ANNOUNCED if reason is None else S.LEFT,
            reason=reason,
        )
        .on_conflict_do_nothing()
        .returning(PlannedPayment.id)
    ).scalar_one_or_none()
    if planned_id is None:
        return
    if reason is not None:
        events.emit(session, AutomaticPaymentLeft(planned_id, wish.citizen_id, reason))
        return
    events.emit(session, AutomaticPaymentAnnounced(planned_id, wish.citizen_id))


def _leave(session: Session, which: ColumnElement[bool], before: S, to: S, reason: str) -> None:
    left = session.execute(
        update(PlannedPayment)
        .where(which, PlannedPayment.state == before)
        .values(state=to, reason=reason)
        .returning(PlannedPayment.id, PlannedPayment.automatic_id)
    ).one_or_none()
    if left is None or to is not S.LEFT:
        return
    owner = select(AutomaticPayment.citizen_id).where(AutomaticPayment.id == left.automatic_id)
    events.emit(session, AutomaticPaymentLeft(left.id, session.execute(owner).scalar_one(), reason))
