"""The rules of payments: legal moves, and what is booked and told with each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments import ledger
from payments.errors import CardDeclined, PaymentMethodInvalid, PaymentNotCancellable
from payments.events import (
    GatewayEventReceived,
    HoldUnwanted,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDoubtful,
    PaymentEnded,
)
from payments.gateway import Intent, Notice, publishable_key
from payments.models import (
    ENDED,
    REACHED_FROM,
    GatewayEvent,
    MoneyState,
    Payment,
    PaymentEvent,
    PaymentItem,
    Posting,
)
from payments.operations.timeline import remember

# How long a state may last before the sweeper asks the gateway; a citizen gets half an hour for 3-D Secure.
DOUBTFUL_AFTER = timedelta(seconds=20)
NEVER_SENT_AFTER = timedelta(seconds=60)
ABANDONED_AFTER = timedelta(minutes=30)
_CARD_REASONS = frozenset({
    "card_declined", "insufficient_funds", "card_expired", "wrong_cvc",
    "authentication_needed", "authentication_failed",
})  # fmt: skip
# The events that change where money is; the others are kept and nothing more.
_TELLING = frozenset(
    f"payment_intent.{what}"
    for what in (
        "amount_capturable_updated",
        "succeeded",
        "canceled",
        "payment_failed",
        "requires_action",
        "processing",
    )
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
class Told:
    """A payment with its items and its steps: what `getPayment` answers."""

    payment: Payment
    items: Sequence[PaymentItem]
    steps: Sequence[PaymentEvent]
    publishable_key: str


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


def get_payment(session: Session, payment_id: UUID, citizen_id: UUID) -> Told:
    """A citizen's own payment; raises NotFound for anybody else's."""
    payment = session.execute(
        select(Payment).where(Payment.id == payment_id, Payment.citizen_id == citizen_id)
    ).scalar_one_or_none()
    if payment is None:
        raise NotFound
    items = session.execute(select(PaymentItem).where(PaymentItem.payment_id == payment_id).order_by(PaymentItem.id))
    steps = session.execute(select(PaymentEvent).where(PaymentEvent.payment_id == payment_id).order_by(PaymentEvent.id))
    return Told(payment, items.scalars().all(), steps.scalars().all(), publishable_key())


def get_submitted(session: Session, payment_id: UUID, citizen_id: UUID) -> Told:
    """The payment as the answer to the request that made it; raises CardDeclined when the card was refused.

    A replay of the request gets the same answer, because it is read from the payment.
    """
    told = get_payment(session, payment_id, citizen_id)
    payment = told.payment
    if payment.state is MoneyState.FAILED and payment.reason in _CARD_REASONS:
        raise CardDeclined(reason=payment.reason, payment_id=payment_id)
    if payment.state is MoneyState.FAILED and payment.reason == "payment_method_invalid":
        raise PaymentMethodInvalid(payment_id=payment_id)
    return told


def list_payments(session: Session, citizen_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A citizen's payments, newest first."""
    return page(
        session,
        select(Payment).where(Payment.citizen_id == citizen_id),
        by=[Payment.id],
        limit=limit,
        cursor=cursor,
        question=("payments", citizen_id),
    )


def find_state(session: Session, payment_id: UUID) -> Payment | None:
    """The payment as it is, whoever asks: for flows, never for callers."""
    return session.execute(select(Payment).where(Payment.id == payment_id)).scalar_one_or_none()


def find_by_intent(session: Session, intent_id: str) -> UUID | None:
    """The payment that an intent of the gateway belongs to, as far as we have noted it."""
    return session.execute(select(Payment.id).where(Payment.intent_id == intent_id)).scalar_one_or_none()


def list_doubtful(session: Session, *, limit: int = 200) -> Sequence[UUID]:
    """Payments that have been on their way for too long, the oldest first."""
    now = clock.now()
    waiting = Payment.state.in_(
        [MoneyState.CREATED, MoneyState.AUTHORISING, MoneyState.UNKNOWN, MoneyState.AUTHORISED, MoneyState.CAPTURING]
    )
    abandoned = Payment.state == MoneyState.REQUIRES_ACTION
    return (
        session.execute(
            select(Payment.id)
            .where(
                Payment.state.not_in([MoneyState.CAPTURED, *ENDED]),
                or_(
                    waiting & (Payment.state_since < now - DOUBTFUL_AFTER),
                    abandoned & (Payment.state_since < now - ABANDONED_AFTER),
                ),
            )
            .order_by(Payment.state_since)
            .limit(limit)
        )
        .scalars()
        .all()
    )


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


def doubt(session: Session, payment_id: UUID) -> None:
    """The gateway did not answer: the payment is being checked until its truth is read."""
    payment = session.execute(select(Payment).where(Payment.id == payment_id).with_for_update()).scalar_one()
    if _move(session, payment, MoneyState.UNKNOWN):
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


def begin_capture(session: Session, payment_id: UUID) -> tuple[str, int] | None:
    """Decide, once, how much to take: the intent and the sum of what is still owed; None when there is nothing to do.

    Called again after a crash it gives the amount decided then.
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
        return payment.intent_id, 0
    _move(session, payment, MoneyState.CAPTURING)
    return payment.intent_id, payment.capture_vnd


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


def store_webhook(session: Session, notice: Notice) -> None:
    """Store a verified webhook once, and have it handled later."""
    is_new = session.execute(
        insert_or_skip(GatewayEvent)
        .values(id=notice.id, type=notice.type, intent_id=notice.intent_id, received_at=clock.now())
        .on_conflict_do_nothing()
        .returning(GatewayEvent.id)
    ).scalar_one_or_none()
    if is_new and notice.type in _TELLING:
        events.emit(session, GatewayEventReceived(notice.id))


def find_intent_of_webhook(session: Session, event_id: str) -> str | None:
    """The intent a stored webhook speaks of."""
    return session.execute(select(GatewayEvent.intent_id).where(GatewayEvent.id == event_id)).scalar_one_or_none()


def mark_handled(session: Session, event_id: str) -> None:
    """Note that a stored webhook has had its effect."""
    session.execute(update(GatewayEvent).where(GatewayEvent.id == event_id).values(handled_at=clock.now()))


def _authorised(session: Session, payment: Payment) -> None:
    is_overdue = payment.state_since < clock.now() - DOUBTFUL_AFTER
    if payment.state is MoneyState.CAPTURING and is_overdue:
        # A capture of ours that the gateway does not know of has not happened: check the bills and capture anew.
        _move(session, payment, MoneyState.UNKNOWN)
    is_forgotten = payment.state is MoneyState.AUTHORISED and is_overdue
    if _move(session, payment, MoneyState.AUTHORISED) or is_forgotten:
        events.emit(session, PaymentAuthorised(payment.id))


def _captured(session: Session, payment: Payment, received_vnd: int) -> None:
    # More than is owed can only be a capture decided before an item was dropped: the rest stays the citizen's.
    live = select(PaymentItem.amount_vnd).where(PaymentItem.payment_id == payment.id, PaymentItem.live)
    if not sum(session.execute(live).scalars()) <= received_vnd <= payment.amount_vnd:
        logs.logger.error("gateway_amount_mismatch", payment_id=str(payment.id))
        return
    if not _move(session, payment, MoneyState.CAPTURED, captured_vnd=received_vnd):
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
        update(PaymentItem).where(PaymentItem.payment_id == payment.id, PaymentItem.live).values(live=False)
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
