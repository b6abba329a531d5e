"""The rules of payments: legal moves, and what is booked and told with each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import insert, literal, or_, select, update
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from kit.errors import NotFound
from payments import ledger
from payments.errors import PaymentNotCancellable
from payments.events import HoldUnwanted, PaymentAuthorised, PaymentCaptured, PaymentDoubtful, PaymentEnded
from payments.gateway import Intent
from payments.models import ENDED, REACHED_FROM, MoneyState, Payment, PaymentEvent, PaymentItem, Posting
from payments.operations.timeline import remember

# How long a state may last before the sweeper asks the gateway; a citizen gets half an hour for 3-D Secure.
DOUBTFUL_AFTER = timedelta(seconds=20)
NEVER_SENT_AFTER = timedelta(seconds=60)
ABANDONED_AFTER = timedelta(minutes=30)
# Webhooks may be lost: the sweeper looks after those who wait for the citizen at these ages, for two sweeps each.
_LOOKED_AFTER_AT = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
_LOOKED_AFTER_FOR = timedelta(seconds=30)
# A hold waits for its provider through a job of its own, which outlives its worker. Only if even that is gone, the
# sweeper begins anew: earlier it would add a second job, and a third, to one that is merely waiting.
FORGOTTEN_AFTER = timedelta(minutes=15)
_LONGEST_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Claim:
    """What a room asks a payment for: its own id of the claim, who is owed, how much, and what the citizen calls it."""

    subject_id: UUID
    payee_id: UUID
    amount_vnd: int
    label_vi: str
    label_en: str


@dataclass(frozen=True)
class Decision:
    """How much of a hold to take; 0 means to let go of it for `reason`. `attempt` tells one try from the next."""

    intent_id: str
    amount_vnd: int
    attempt: int
    reason: str


def open_payment(session: Session, citizen_id: UUID, claims: Iterable[Claim]) -> UUID:
    """Write down the intention to pay `claims`; returns the payment's id.

    At most one live payment per claim can exist: a second one violates the unique index and fails as a whole.
    """
    claims = list(claims)
    now = clock.now()
    payment_id = new_id()
    amount = sum(claim.amount_vnd for claim in claims)
    session.execute(
        insert(Payment).values(
            id=payment_id,
            created_at=now,
            citizen_id=citizen_id,
            amount_vnd=amount,
            captured_vnd=0,
            state=MoneyState.CREATED,
            state_since=now,
            version=1,
        )
    )
    session.execute(
        insert(PaymentItem),
        [
            {
                "id": new_id(),
                "created_at": now,
                "payment_id": payment_id,
                **claim.__dict__,
                "live": True,
                "taken": False,
            }
            for claim in claims
        ],
    )
    remember(session, payment_id, MoneyState.CREATED)
    return payment_id


def apply_intent(session: Session, payment_id: UUID, intent: Intent) -> None:
    """Bring a payment to what the gateway says about its intent; safe in any order and any number of times.

    An intent that does not match the payment in amount, currency or reference changes nothing. One that holds money
    for a payment that has ended is let go of.
    """
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    expected = (payment.id, payment.amount_vnd, "vnd", payment.intent_id or intent.id)
    if (intent.payment_id, intent.amount_vnd, intent.currency, intent.id) != expected:
        logs.logger.error("gateway_intent_mismatch", payment_id=str(payment_id))
        return
    if payment.intent_id is None:
        payment.intent_id = intent.id
        session.flush()
    if intent.status == "succeeded":
        _captured(session, payment, intent.received_vnd)
    elif intent.status == "requires_capture" and payment.state in ENDED:
        events.emit(session, HoldUnwanted(payment_id, intent.id))
    elif intent.status == "requires_capture":
        _authorised(session, payment)
    elif intent.status == "canceled":
        state = MoneyState.EXPIRED if payment.reason == "expired" else MoneyState.CANCELLED
        _end(session, payment, state, payment.reason or "cancelled")
    elif intent.status == "requires_payment_method" and intent.decline:
        _end(session, payment, MoneyState.FAILED, intent.decline)
    elif intent.status == "processing":
        _move(session, payment, MoneyState.AUTHORISING)
    else:
        payment.redirect_url = intent.redirect_url
        payment.client_secret = intent.client_secret
        _move(session, payment, MoneyState.REQUIRES_ACTION)


def take_over(session: Session, payment_id: UUID, *, silent_for: timedelta) -> bool:
    """Let one caller send a payment whose first sender has not been heard of for that long; False for all others."""
    now = clock.now()
    taken = session.execute(
        update(Payment)
        .where(Payment.id == payment_id, Payment.state == MoneyState.CREATED, Payment.state_since <= now - silent_for)
        .values(state_since=now)
        .returning(Payment.id)
    )
    return taken.scalar_one_or_none() is not None


def doubt(session: Session, payment_id: UUID, *, during: MoneyState) -> None:
    """The gateway did not answer a call made in state `during`: the payment is being checked until its truth is read.

    Changes nothing when the payment has left that state: then a webhook has told the truth before.
    """
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    if payment.state is during and _move(session, payment, MoneyState.UNKNOWN):
        events.emit(session, PaymentDoubtful(payment_id))


def fail(session: Session, payment_id: UUID, reason: str) -> None:
    """End a payment that the gateway refused or never heard of."""
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    _end(session, payment, MoneyState.FAILED, reason)


def drop_items(session: Session, payment_id: UUID, subject_ids: Collection[UUID], reason: str) -> Sequence[UUID]:
    """Take claims that are not owed any more out of a payment whose money is held but not taken.

    Returns those that were taken out: none once the capture has been decided.
    """
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    if payment.state is not MoneyState.AUTHORISED:
        return []
    payment.capture_vnd = None
    dropped = session.execute(
        update(PaymentItem)
        .where(PaymentItem.payment_id == payment_id, PaymentItem.subject_id.in_(subject_ids), PaymentItem.live)
        .values(live=False, posting=Posting.NOT_TAKEN, posting_reason=reason)
        .returning(PaymentItem.subject_id)
    )
    return dropped.scalars().all()


def begin_capture(session: Session, payment_id: UUID) -> Decision | None:
    """Decide how much of a hold to take, the sum of what is still owed; None when there is nothing to decide.

    Called again after a crash it gives what was decided then, as the same attempt.
    """
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    if payment.intent_id is None or payment.state not in {MoneyState.AUTHORISED, MoneyState.CAPTURING}:
        return None
    if payment.capture_vnd is None:
        owed = session.execute(
            select(PaymentItem.amount_vnd).where(PaymentItem.payment_id == payment_id, PaymentItem.live)
        ).scalars()
        payment.capture_vnd = sum(owed)
    if payment.capture_vnd == 0:
        return Decision(payment.intent_id, 0, payment.version, _why_nothing_is_owed(session, payment_id))
    _move(session, payment, MoneyState.CAPTURING)
    return Decision(payment.intent_id, payment.capture_vnd, payment.version, "")


def list_doubtful(session: Session, *, limit: int = 200) -> Sequence[UUID]:
    """Payments that have been on their way for too long, the oldest first."""
    now = clock.now()
    moving = [MoneyState.CREATED, MoneyState.AUTHORISING, MoneyState.UNKNOWN, MoneyState.CAPTURING]
    looked_after = [Payment.state_since.between(now - age - _LOOKED_AFTER_FOR, now - age) for age in _LOOKED_AFTER_AT]
    abandoned = Payment.state_since < now - ABANDONED_AFTER
    return (
        session.execute(
            select(Payment.id)
            .where(
                Payment.state.not_in([MoneyState.CAPTURED, *ENDED]),
                or_(
                    Payment.state.in_(moving) & (Payment.state_since < now - DOUBTFUL_AFTER),
                    (Payment.state == MoneyState.AUTHORISED) & (Payment.state_since < now - FORGOTTEN_AFTER),
                    (Payment.state == MoneyState.REQUIRES_ACTION) & or_(*looked_after, abandoned),
                ),
            )
            .order_by(Payment.state_since)
            .limit(limit)
        )
        .scalars()
        .all()
    )


def check_cancellable(session: Session, payment_id: UUID, citizen_id: UUID) -> None:
    """Raises NotFound for a payment that is not the citizen's, PaymentNotCancellable unless it waits for them."""
    payment = session.execute(
        select(Payment).where(Payment.id == payment_id, Payment.citizen_id == citizen_id)
    ).scalar_one_or_none()
    if payment is None:
        raise NotFound
    if payment.state is not MoneyState.REQUIRES_ACTION:
        raise PaymentNotCancellable(state=payment.state)


def ask_to_cancel(session: Session, payment_id: UUID, reason: str) -> str | None:
    """Note why a payment is being let go of; returns the intent to cancel, None when there is none."""
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    payment.reason = reason
    return payment.intent_id


def end(session: Session, payment_id: UUID, state: MoneyState, reason: str) -> None:
    """End a payment whose money the gateway has let go of, or never held."""
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    _end(session, payment, state, reason)


def _authorised(session: Session, payment: Payment) -> None:
    lasted = clock.now() - payment.state_since
    if payment.state is MoneyState.UNKNOWN and payment.capture_vnd is not None and lasted < _patience(payment):
        # A capture of ours may still be on its way: what the gateway says now may be overtaken.
        return
    overdue = {MoneyState.CAPTURING: _patience(payment), MoneyState.AUTHORISED: FORGOTTEN_AFTER}
    if lasted > overdue.get(payment.state, timedelta.max):
        # What should have followed has not happened: check the bills and capture anew.
        _move(session, payment, MoneyState.UNKNOWN)
    if _move(session, payment, MoneyState.AUTHORISED):
        events.emit(session, PaymentAuthorised(payment.id))


def _patience(payment: Payment) -> timedelta:
    """How long a capture may go unanswered: a gateway that keeps failing is asked less and less often."""
    return min(max(DOUBTFUL_AFTER, (clock.now() - payment.created_at) / 4), _LONGEST_PATIENCE)


def _why_nothing_is_owed(session: Session, payment_id: UUID) -> str:
    said = select(PaymentItem.posting_reason).where(
        PaymentItem.payment_id == payment_id, PaymentItem.posting_reason.is_not(None)
    )
    return session.execute(said.order_by(PaymentItem.id).limit(1)).scalar_one_or_none() or "nothing_owed"


def _captured(session: Session, payment: Payment, received_vnd: int) -> None:
    # More than is owed can only be a capture decided before an item was dropped: the rest stays the citizen's.
    live = select(PaymentItem.amount_vnd).where(PaymentItem.payment_id == payment.id, PaymentItem.live)
    if not sum(session.execute(live).scalars()) <= received_vnd <= payment.amount_vnd:
        logs.logger.error("gateway_amount_mismatch", payment_id=str(payment.id))
        return
    if not _move(session, payment, MoneyState.CAPTURED, captured_vnd=received_vnd, reason=None):
        return
    session.execute(
        update(PaymentItem).where(PaymentItem.payment_id == payment.id, PaymentItem.live).values(taken=True)
    )
    ledger.book_capture(session, payment)
    events.emit(session, PaymentCaptured(payment.id, received_vnd))


def _end(session: Session, payment: Payment, state: MoneyState, reason: str) -> None:
    if not _move(session, payment, state, reason=reason):
        return
    session.execute(
        update(PaymentItem)
        .where(PaymentItem.payment_id == payment.id, PaymentItem.live)
        .values(live=False, posting=Posting.NOT_TAKEN, posting_reason=reason)
    )
    events.emit(session, PaymentEnded(payment.id, payment.citizen_id, state.value, reason))


def _move(session: Session, payment: Payment, to: MoneyState, **values: object) -> bool:
    """One guarded move and its step in the timeline; False when `to` cannot be reached from where the payment is."""
    now = clock.now()
    moved = (
        update(Payment)
        .where(Payment.id == payment.id, Payment.state.in_(REACHED_FROM[to]))
        .values(state=to, state_since=now, version=Payment.version + 1, **values)
        .returning(Payment.id)
        .cte("moved")
    )
    step = session.execute(
        insert(PaymentEvent)
        .from_select(
            ["id", "created_at", "payment_id", "step", "reason"],
            select(literal(new_id()), literal(now), moved.c.id, literal(to.value), literal(values.get("reason"))),
        )
        .returning(PaymentEvent.id)
    ).scalar_one_or_none()
    if step is None:
        return False
    session.refresh(payment)
    return True
