"""Conversations with the gateway: a short transaction before and after each call, none open while waiting."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from kit import clock, logs
from kit.database import transaction
from kit.errors import RequestInFlight, ServiceUnavailable
from kit.events import TryLater
from kit.failpoints import reach
from kit.idempotency import Outcome
from payments import gateway, operations
from payments.errors import PaymentNotCancellable
from payments.events import GatewayEventReceived, HoldUnwanted, PaymentDoubtful, RefundRequested
from payments.flows.cards import fetch_setup
from payments.flows.disputing import fetch_dispute
from payments.models import ENDED, MoneyState, Payment
from payments.operations import Told

_WAIT_STEP_SECONDS = 0.05
# A request that is sent again waits for the first one's answer, but not for long: it keeps a thread from others.
_LONGEST_WAIT_SECONDS = 2.0
_DEAD_AFTER = timedelta(seconds=10)
_ASK_AGAIN_SECONDS = 15
# A sweep that meets a silent gateway must make way for the next one, or they fill every place of the worker.
_LONGEST_SWEEP_SECONDS = 15.0
_pause = threading.Event()


def submit(
    outcome: Outcome,
    citizen_id: UUID,
    *,
    amount_vnd: int,
    payment_method: str | None,
    return_url: str,
    description: str,
    card_id: UUID | None = None,
) -> Told:
    """Send a fresh payment to the gateway and tell what became of it; a replayed request waits until the first has.

    Whatever happens in between, the payment is left in a state that tells the truth. A first request that is silent for
    ten seconds has most likely died with its process: one of the later ones does its work, to the same intent. Raises
    RequestInFlight when the first one is neither finished nor silent for so long, and CardDeclined,
    PaymentMethodInvalid and AmountTooSmall when the gateway said so at once.
    """
    payment_id = outcome.resource_id
    if outcome.replayed and not _must_take_over(payment_id):
        with transaction() as session:
            told = operations.get_payment(session, payment_id, citizen_id)
        return operations.as_submitted(told)
    told = send(
        payment_id,
        citizen_id,
        amount_vnd=amount_vnd,
        payment_method=payment_method,
        return_url=return_url,
        description=description,
        card_id=card_id,
    )
    reach("submit: answer committed, citizen not told")
    return operations.as_submitted(told)


def send(
    payment_id: UUID,
    citizen_id: UUID,
    *,
    amount_vnd: int,
    payment_method: str | None,
    return_url: str,
    description: str,
    card_id: UUID | None = None,
    off_session: bool = False,
) -> Told:
    """Send a payment to the gateway for the first time, or again under the same key, and write down what it says.

    With `card_id` a kept card pays; `off_session` says that the citizen is not there to confirm anything.
    """
    kept = None
    if card_id is not None:
        with transaction() as session:
            kept = operations.find_kept(session, payment_id)
    reach("submit: payment committed, gateway not asked")
    intent = doubt = None
    reason = ""
    try:
        if card_id is not None and kept is None:
            raise gateway.Refused("card_removed")  # noqa: TRY301 - the gateway would say the same
        intent = gateway.create_intent(
            payment_id,
            amount_vnd=amount_vnd,
            payment_method=payment_method,
            return_url=return_url,
            description=description,
            kept=kept,
            off_session=off_session,
        )
    except gateway.OutcomeUnknown as exc:
        doubt = exc
    except gateway.Refused as refusal:
        reason = "amount_too_small" if refusal.reason == "amount_too_small" else "payment_method_invalid"
    reach("submit: gateway has answered, answer not committed")
    # The answer to the citizen is read in the commit that makes it true.
    with transaction() as session:
        if intent is not None:
            operations.apply_intent(session, payment_id, intent)
        elif doubt is not None:
            operations.doubt(session, payment_id, during=MoneyState.CREATED)
        else:
            operations.fail(session, payment_id, reason)
        told = operations.get_payment(session, payment_id, citizen_id)
        reach("submit: inside the commit of the answer")
    return told


def capture(payment_id: UUID, prepare: Callable[[Session], None] = lambda _session: None) -> None:
    """Take what is still owed of a held payment, or let go of it when nothing is.

    `prepare` may drop items in the commit of the decision. Safe to repeat after a crash: what was decided before is
    done again under the same key. Raises TryLater when a hold cannot be let go of yet.
    """
    with transaction() as session:
        prepare(session)
        decided = operations.begin_capture(session, payment_id)
    if decided is None:
        return
    reach("capture: decision committed, gateway not asked")
    if decided.amount_vnd == 0:
        if not cancel(payment_id, MoneyState.CANCELLED, decided.reason):
            raise TryLater(_ASK_AGAIN_SECONDS)
        return
    try:
        intent = gateway.capture(decided.intent_id, payment_id, decided.amount_vnd, attempt=decided.attempt)
    except gateway.OutcomeUnknown:
        with transaction() as session:
            operations.doubt(session, payment_id, during=MoneyState.CAPTURING)
    except gateway.Refused:
        # Captured or cancelled before, by a call whose answer was lost: the intent itself tells which.
        settle(PaymentDoubtful(payment_id))
    else:
        reach("capture: money taken, not committed")
        _apply(payment_id, intent)
        reach("capture: committed, job not finished")


def cancel(payment_id: UUID, state: MoneyState, reason: str) -> bool:
    """Let go of the money and end the payment in `state`; False, and nothing changed, when the gateway is silent."""
    with transaction() as session:
        intent_id = operations.ask_to_cancel(session, payment_id, reason)
        if intent_id is None:
            operations.end(session, payment_id, state, reason)
            return True
    reach("cancel: wish committed, gateway not asked")
    try:
        intent = gateway.cancel(intent_id)
    except gateway.OutcomeUnknown:
        logs.logger.warning("cancel_unanswered", payment_id=str(payment_id))
        return False
    except gateway.Refused:
        # Taken or let go of before: the intent itself tells which.
        try:
            settle(PaymentDoubtful(payment_id))
        except TryLater:
            return False
        return True
    reach("cancel: hold let go of, not committed")
    _apply(payment_id, intent)
    return True


def cancel_by_citizen(payment_id: UUID, citizen_id: UUID) -> None:
    """Let a citizen drop a payment that waits for them.

    Raises NotFound, PaymentNotCancellable also when the money was taken in this very moment, and ServiceUnavailable
    when the gateway does not answer: then the payment still waits.
    """
    with transaction() as session:
        operations.check_cancellable(session, payment_id, citizen_id)
    if not cancel(payment_id, MoneyState.CANCELLED, "cancelled_by_citizen"):
        raise ServiceUnavailable(retry_after=_ASK_AGAIN_SECONDS)
    with transaction() as session:
        payment = operations.find_state(session, payment_id)
    if payment is not None and payment.state not in ENDED:
        raise PaymentNotCancellable(state=payment.state)


def settle(event: PaymentDoubtful) -> None:
    """Read the gateway's truth about a payment and bring ours to it; raises TryLater while it cannot be known."""
    with transaction() as session:
        payment = operations.find_state(session, event.payment_id)
    if payment is None:
        return
    try:
        intent = _look_up(payment)
    except gateway.OutcomeUnknown as exc:
        raise TryLater(_ASK_AGAIN_SECONDS) from exc
    if intent is not None:
        _apply(payment.id, intent)
        return
    # A call may still be on its way: only when none can be, the gateway's ignorance means that nothing happened.
    if clock.now() - payment.created_at < operations.NEVER_SENT_AFTER:
        raise TryLater(_ASK_AGAIN_SECONDS)
    with transaction() as session:
        operations.fail(session, payment.id, "never_sent")


def handle_gateway_event(event: GatewayEventReceived) -> None:
    """A stored webhook: fetch anew what it speaks of, because its body may be old, out of order or untrue."""
    with transaction() as session:
        told = operations.find_webhook(session, event.event_id)
    if told is None:
        return
    try:
        if told.type.startswith("charge.dispute."):
            fetch_dispute(told.object_id or "")
        elif "refund" in told.type and (told.object_id or "").startswith("re_"):
            fetch_refund(told.object_id)
        elif told.type.startswith("setup_intent."):
            fetch_setup(told.object_id or "")
        elif told.intent_id is not None:
            _fetch_intent(told.intent_id)
    except gateway.Refused:
        # It speaks of something the gateway does not know: nothing is true of it.
        logs.logger.warning("gateway_event_of_nothing", event_type=told.type)
    except gateway.OutcomeUnknown as exc:
        raise TryLater(5) from exc
    reach("webhook: effect committed, event not marked")
    with transaction() as session:
        operations.mark_handled(session, event.event_id)


def _fetch_intent(intent_id: str) -> None:
    intent = gateway.retrieve_intent(intent_id)
    # The webhook may arrive before our own commit, so go by our id in its metadata.
    if intent.payment_id is None:
        return
    with transaction() as session:
        if operations.find_state(session, intent.payment_id) is not None:
            operations.apply_intent(session, intent.payment_id, intent)


def fetch_refund(gateway_id: str | None) -> None:
    """Bring a refund to what the gateway says of it now. Raises Refused, OutcomeUnknown."""
    refund = gateway.retrieve_refund(gateway_id or "")
    if refund.refund_id is None:
        return
    with transaction() as session:
        operations.apply_refund(session, refund.refund_id, refund)


def give_back(event: RefundRequested) -> None:
    """Carry a refund out under the one key of its decision; raises TryLater while the gateway's answer is not known."""
    with transaction() as session:
        order = operations.begin_refund(session, event.refund_id)
    if order is None:
        return
    reach("refund: decision committed, gateway not asked")
    try:
        # The gateway forgets keys after a day: whoever asks again looks first whether it was done.
        told = gateway.find_refund(order.intent_id, event.refund_id) if order.is_repeated else None
        told = told or gateway.refund(order.intent_id, event.refund_id, order.amount_vnd)
    except gateway.OutcomeUnknown as exc:
        with transaction() as session:
            operations.doubt_refund(session, event.refund_id)
        raise TryLater(_ASK_AGAIN_SECONDS) from exc
    except gateway.Refused as refusal:
        with transaction() as session:
            operations.refuse_refund(session, event.refund_id, refusal.reason)
        return
    reach("refund: given back, not committed")
    with transaction() as session:
        operations.apply_refund(session, event.refund_id, told)


def sweep_refunds() -> None:
    """Ask about refunds that have had no answer for too long, as many as there is time for before the next sweep."""
    with transaction() as session:
        doubtful = operations.list_doubtful_refunds(session)
    for refund_id in _while_there_is_time(doubtful):
        try:
            give_back(RefundRequested(refund_id))
        except TryLater:
            logs.logger.info("refund_still_unknown", refund_id=str(refund_id))


def sweep() -> None:
    """Settle payments that have been on their way for too long, and end those the citizen has left.

    As many as there is time for before the next sweep, in any order: so that no single one can keep others waiting.
    """
    with transaction() as session:
        doubtful = list(operations.list_doubtful(session))
    random.shuffle(doubtful)
    for payment_id in _while_there_is_time(doubtful):
        try:
            settle(PaymentDoubtful(payment_id))
        except TryLater:
            logs.logger.info("payment_still_unknown", payment_id=str(payment_id))
        else:
            _expire_when_left(payment_id)


def _while_there_is_time(doubtful: Sequence[UUID]) -> Iterator[UUID]:
    deadline = time.monotonic() + _LONGEST_SWEEP_SECONDS
    for one in doubtful:
        if time.monotonic() > deadline:
            logs.logger.warning("sweep_cut_short", count=len(doubtful))
            return
        yield one


def _expire_when_left(payment_id: UUID) -> None:
    with transaction() as session:
        payment = operations.find_state(session, payment_id)
    if payment is None or payment.state is not MoneyState.REQUIRES_ACTION:
        return
    if clock.now() - payment.state_since >= operations.ABANDONED_AFTER:
        cancel(payment_id, MoneyState.EXPIRED, "expired")


def _look_up(payment: Payment) -> gateway.Intent | None:
    if payment.intent_id is None:
        return gateway.find_intent(payment.id, payment.created_at)
    try:
        return gateway.retrieve_intent(payment.intent_id)
    except gateway.Refused as exc:
        # An intent we hold the id of cannot vanish: do not conclude anything from its absence.
        raise gateway.OutcomeUnknown from exc


def release_hold(event: HoldUnwanted) -> None:
    """Let go of money that is held for a payment that has ended."""
    try:
        gateway.cancel(event.intent_id)
    except gateway.OutcomeUnknown as exc:
        raise TryLater(_ASK_AGAIN_SECONDS) from exc
    except gateway.Refused:
        settle(PaymentDoubtful(event.payment_id))


def _apply(payment_id: UUID, intent: gateway.Intent) -> None:
    with transaction() as session:
        operations.apply_intent(session, payment_id, intent)


def _must_take_over(payment_id: UUID) -> bool:
    """Wait for the first request to hear from the gateway; True when it never will, and this one is to go on."""
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        with transaction() as session:
            payment = operations.find_state(session, payment_id)
            if payment is None or payment.state is not MoneyState.CREATED:
                return False
            if operations.take_over(session, payment_id, silent_for=_DEAD_AFTER):
                return True
        if time.monotonic() > deadline:
            raise RequestInFlight(retry_after=1, payment_id=payment_id)
        _pause.wait(_WAIT_STEP_SECONDS)
