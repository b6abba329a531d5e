"""The rules of payments: legal moves, and what is booked and told with each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from kit.errors import NotFound
from payments.errors import PaymentNotCancellable
from payments.events import HoldUnwanted, PaymentAuthorised, PaymentCaptured, PaymentDoubtful, PaymentEnded
from payments.gateway import Intent
from payments.models import ENDED, MoneyState, Payment, PaymentItem, Posting
from payments.operations import statements
from payments.operations.refunds import refund_by_rule

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

_LOCKED = (
    select(Payment.intent_id, Payment.state, Payment.capture_vnd, Payment.version)
    .where(Payment.id == bindparam("locked_id"))
    .with_for_update()
)
_OWED = select(func.coalesce(func.sum(PaymentItem.amount_vnd), 0)).where(
    PaymentItem.payment_id == bindparam("owed_by"), PaymentItem.live
)


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


def open_payment(session: Session, citizen_id: UUID, claims: Iterable[Claim], *, card_id: UUID | None = None) -> UUID:
    """Write down the intention to pay `claims`, with a kept card where one is named; returns the payment's id.

    At most one live payment per claim can exist: a second one violates the unique index and fails as a whole.
    """
    claims = list(claims)
    payment_id = new_id()
    session.execute(
        statements.OPEN,
        {
            "id": payment_id,
            "now": clock.now(),
            "citizen_id": citizen_id,
            "card_id": card_id,
            "amount": sum(claim.amount_vnd for claim in claims),
            "item_ids": [new_id() for _claim in claims],
            "payees": [claim.payee_id for claim in claims],
            "subjects": [claim.subject_id for claim in claims],
            "amounts": [claim.amount_vnd for claim in claims],
            "labels_vi": [claim.label_vi for claim in claims],
            "labels_en": [claim.label_en for claim in claims],
            "step_id": new_id(),
        },
    )
    return payment_id


def apply_intent(session: Session, payment_id: UUID, intent: Intent) -> None:
    """Bring a payment to what the gateway says about its intent; safe in any order and any number of times.

    An intent that does not match the payment in amount, currency or reference changes nothing. One that holds money
    for a payment that has ended is let go of.
    """
    if (intent.payment_id, intent.currency) != (payment_id, "vnd"):
        logs.logger.error("gateway_intent_mismatch", payment_id=str(payment_id))
        return
    # What nearly always happens is one statement. Only when it finds the payment elsewhere, it is looked at closely:
    # locked, because another transaction may have been the reason.
    if not _follow(session, payment_id, intent):
        payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
        if (payment.amount_vnd, payment.intent_id or intent.id) != (intent.amount_vnd, intent.id):
            logs.logger.error("gateway_intent_mismatch", payment_id=str(payment_id))
        elif intent.status == "requires_capture":
            _held_elsewhere(session, payment, intent)
        elif not _follow(session, payment_id, intent, payment) and intent.status == "succeeded":
            _check_taken(payment, intent)


def _follow(session: Session, payment_id: UUID, intent: Intent, payment: Payment | None = None) -> bool:
    """Make the move that an intent's status asks for; False when the payment is elsewhere.

    `payment` is given once it is locked: then its own reason for ending counts.
    """
    match intent.status:
        case "succeeded":
            return _captured(session, payment_id, intent)
        case "requires_capture":
            return _authorised(session, payment_id, intent, statements.HOLD)
        case "canceled":
            if payment is None:
                return False
            state = MoneyState.EXPIRED if payment.reason == "expired" else MoneyState.CANCELLED
            return end(session, payment_id, state, payment.reason or "cancelled", intent_id=intent.id)
        case "requires_payment_method" if intent.decline:
            return payment is not None and end(
                session, payment_id, MoneyState.FAILED, intent.decline, intent_id=intent.id
            )
    return _wait(session, payment_id, intent)


def _wait(session: Session, payment_id: UUID, intent: Intent) -> bool:
    if intent.status == "processing":
        return _move(session, statements.AWAIT, payment_id, **_proof(intent)) is not None
    asked = {"redirect_url": intent.redirect_url, "client_secret": intent.client_secret}
    return _move(session, statements.ASK, payment_id, **_proof(intent), **asked) is not None


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
    if _move(session, statements.DOUBT, payment_id, during=during.value) is not None:
        events.emit(session, PaymentDoubtful(payment_id))


def fail(session: Session, payment_id: UUID, reason: str) -> None:
    """End a payment that the gateway refused or never heard of."""
    end(session, payment_id, MoneyState.FAILED, reason)


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
    # Locked before the items are summed up: else one that is being dropped at this moment would be counted.
    row = session.execute(_LOCKED, {"locked_id": payment_id}).one()
    if row.intent_id is None or row.state not in {MoneyState.AUTHORISED, MoneyState.CAPTURING}:
        return None
    if row.state is MoneyState.CAPTURING:
        return Decision(row.intent_id, row.capture_vnd, row.version, "")
    owed = session.execute(_OWED, {"owed_by": payment_id}).scalar_one() if row.capture_vnd is None else row.capture_vnd
    if owed == 0:
        return Decision(row.intent_id, 0, row.version, _why_nothing_is_owed(session, payment_id))
    moved = _move(session, statements.BEGIN_CAPTURE, payment_id, owed=int(owed))
    return None if moved is None else Decision(moved.intent_id, moved.capture_vnd, moved.version, "")


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


def end(session: Session, payment_id: UUID, state: MoneyState, reason: str, *, intent_id: str | None = None) -> bool:
    """End a payment whose money the gateway has let go of, or never held; False when it cannot end so any more."""
    ended = _move(session, statements.END[state], payment_id, reason=reason, intent=intent_id)
    if ended is None:
        return False
    events.emit(session, PaymentEnded(payment_id, ended.citizen_id, state.value, reason))
    return True


def _authorised(session: Session, payment_id: UUID, intent: Intent, how: TextClause) -> bool:
    if _move(session, how, payment_id, **_proof(intent)) is None:
        return False
    events.emit(session, PaymentAuthorised(payment_id))
    return True


def _held_elsewhere(session: Session, payment: Payment, intent: Intent) -> None:
    """The gateway holds money, and the payment is not where a hold is news."""
    if payment.state in ENDED:
        events.emit(session, HoldUnwanted(payment.id, intent.id))
        return
    lasted = clock.now() - payment.state_since
    if payment.state is MoneyState.UNKNOWN and payment.capture_vnd is not None and lasted < _patience(payment):
        # A capture of ours may still be on its way: what the gateway says now may be overtaken.
        return
    overdue = {MoneyState.CAPTURING: _patience(payment), MoneyState.AUTHORISED: FORGOTTEN_AFTER}
    if lasted > overdue.get(payment.state, timedelta.max):
        # What should have followed has not happened: check the bills and capture anew.
        _move(session, statements.DOUBT, payment.id, during=payment.state.value)
    _authorised(session, payment.id, intent, statements.HOLD_AGAIN)


def _patience(payment: Payment) -> timedelta:
    """How long a capture may go unanswered: a gateway that keeps failing is asked less and less often."""
    return min(max(DOUBTFUL_AFTER, (clock.now() - payment.created_at) / 4), _LONGEST_PATIENCE)


def _why_nothing_is_owed(session: Session, payment_id: UUID) -> str:
    said = select(PaymentItem.posting_reason).where(
        PaymentItem.payment_id == payment_id, PaymentItem.posting_reason.is_not(None)
    )
    return session.execute(said.order_by(PaymentItem.id).limit(1)).scalar_one_or_none() or "nothing_owed"


def _captured(session: Session, payment_id: UUID, intent: Intent) -> bool:
    ids = {name: new_id() for name in ("journal_id", "debit_id", "credit_id")}
    took = {"received": intent.received_vnd, "charge": intent.charge_id}
    moved = _move(session, statements.CAPTURE, payment_id, **_proof(intent), **took, **ids)
    if moved is None:
        return False
    is_late = moved.applied == 0
    if not is_late and intent.received_vnd > moved.owed_vnd:
        refund_by_rule(
            session, payment_id, intent.received_vnd - moved.owed_vnd, cause="excess", reason="taken_in_excess"
        )
    events.emit(session, PaymentCaptured(payment_id, intent.received_vnd, is_late))
    return True


def _check_taken(payment: Payment, intent: Intent) -> None:
    if payment.state is not MoneyState.CAPTURED or payment.captured_vnd != intent.received_vnd:
        logs.logger.error("gateway_amount_mismatch", payment_id=str(payment.id))


def _proof(intent: Intent) -> dict[str, Any]:
    return {"intent": intent.id, "amount": intent.amount_vnd}


def _move(session: Session, statement: TextClause, payment_id: UUID, **values: object) -> Row[Any] | None:
    """One guarded move and its step in the timeline; None when it cannot be made from where the payment is."""
    values |= {"id": payment_id, "now": clock.now(), "step_id": new_id()}
    return session.execute(statement, values).one_or_none()
