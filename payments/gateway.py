"""The card gateway (Stripe): the only file that imports its SDK, and the words we translate its answers into."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import stripe

from kit import clock, logs
from payments.errors import WebhookRefused
from payments.gateway_answers import (
    Contested,
    Intent,
    Kept,
    Movement,
    Notice,
    OutcomeUnknown,
    Refused,
    Returned,
    Transfer,
)

__all__ = [
    "Contested",
    "Intent",
    "Kept",
    "Movement",
    "Notice",
    "OutcomeUnknown",
    "Refused",
    "Returned",
    "Transfer",
    "cancel",
    "capture",
    "client",
    "connect",
    "create_intent",
    "find_intent",
    "find_refund",
    "list_movements",
    "list_transfers",
    "our_id",
    "publishable_key",
    "read_balance",
    "read_webhook",
    "reason_of",
    "refund",
    "retrieve_dispute",
    "retrieve_intent",
    "retrieve_refund",
    "translated",
]

_API_VERSION = "2026-10-28.endive"
_TIMEOUT_SECONDS = (3, 12)
_WEBHOOK_TOLERANCE = timedelta(seconds=300)
_INTENT_ID = re.compile(r"pi_\w{1,250}")
# An intent is looked for around the moment its payment was made; clocks may differ by this much.
_SEARCH_MARGIN = timedelta(minutes=10)
# Slugs of ours for what a card issuer says; everything else is a plain decline.
_REASONS = {
    "insufficient_funds": "insufficient_funds",
    "lost_card": "card_declined",
    "stolen_card": "card_declined",
    "expired_card": "card_expired",
    "incorrect_cvc": "wrong_cvc",
    "authentication_required": "authentication_needed",
    "payment_intent_authentication_failure": "authentication_failed",
}


class _Connection:
    client: stripe.StripeClient
    publishable_key: str
    webhook_secret: str
    live: bool


_connection = _Connection()


def connect(
    *,
    secret_key: str,
    publishable_key: str,
    webhook_secret: str,
    url: str | None,
    timeout_seconds: tuple[float, float] = _TIMEOUT_SECONDS,
) -> None:
    """Use this account from now on; `url` replaces Stripe by another server that speaks like it.

    `timeout_seconds` bounds connecting, and then the wait for each answer.
    """
    stripe.enable_telemetry = False
    bases: Any = dict.fromkeys(("api", "connect", "files", "meter_events"), url) if url else {}
    _connection.client = stripe.StripeClient(
        secret_key,
        stripe_version=_API_VERSION,
        http_client=stripe.RequestsClient(timeout=timeout_seconds),
        max_network_retries=1,
        base_addresses=bases,
    )
    _connection.publishable_key = publishable_key
    _connection.webhook_secret = webhook_secret
    _connection.live = secret_key.startswith(("sk_live", "rk_live"))


def publishable_key() -> str:
    """The key an app needs to confirm an intent by itself."""
    return _connection.publishable_key


def client() -> stripe.StripeClient:
    """The SDK, for the files beside this one that speak of other things than payments."""
    return _connection.client


def create_intent(
    payment_id: UUID,
    *,
    amount_vnd: int,
    payment_method: str | None,
    return_url: str,
    description: str,
    kept: Kept | None = None,
    off_session: bool = False,
) -> Intent:
    """Ask the gateway to hold `amount_vnd`; nothing is taken before `capture`.

    With a payment method the intent is confirmed at once, without one the app confirms it with the client secret. One
    that is `kept` takes its place; `off_session` says that the citizen is not there to confirm anything.
    The same payment id always leads to the same intent. A declined card comes back as an intent with `decline` set.
    Raises Refused and OutcomeUnknown.
    """
    wanted: Any = {
        "amount": amount_vnd,
        "currency": "vnd",
        "capture_method": "manual",
        "description": description,
        "metadata": {"payment_id": str(payment_id)},
        "automatic_payment_methods": {"enabled": True},
    }
    if kept is not None:
        wanted |= {"customer": kept.customer_id}
        payment_method = kept.method_id
    if payment_method is not None:
        wanted |= {"payment_method": payment_method, "confirm": True}
        wanted |= {"off_session": True} if off_session else {"return_url": return_url}
    key = f"pay:{payment_id}"
    return _intent(lambda: _connection.client.v1.payment_intents.create(wanted, {"idempotency_key": key}))


def retrieve_intent(intent_id: str) -> Intent:
    """The intent as it is now. Raises Refused for an id that is none, OutcomeUnknown when nobody answers."""
    if not _INTENT_ID.fullmatch(intent_id):
        raise Refused("unknown_intent")
    return _intent(lambda: _connection.client.v1.payment_intents.retrieve(intent_id))


def find_intent(payment_id: UUID, made_at: datetime) -> Intent | None:
    """The intent that carries our payment's id, None when the gateway has none. Raises OutcomeUnknown.

    Listed by time of creation, not searched: the gateway's search lags behind by minutes.
    """
    window: Any = {
        "created": {
            "gte": int((made_at - _SEARCH_MARGIN).timestamp()),
            "lte": int((made_at + _SEARCH_MARGIN).timestamp()),
        },
        "limit": 100,
    }
    with translated():
        for found in _connection.client.v1.payment_intents.list(window).auto_paging_iter():
            if _read(found).payment_id == payment_id:
                return _read(found)
    return None


def capture(intent_id: str, payment_id: UUID, amount_vnd: int, *, attempt: int) -> Intent:
    """Take `amount_vnd` of what is held and let the rest go. Raises Refused and OutcomeUnknown.

    `attempt` is another one only after the gateway was seen to hold the money still: it keeps its errors under the key,
    and would answer the next try with the failure of the last. Nothing can be taken twice from one intent.
    """
    wanted: Any = {"amount_to_capture": amount_vnd}
    options: Any = {"idempotency_key": f"capture:{payment_id}:{attempt}"}
    return _intent(lambda: _connection.client.v1.payment_intents.capture(intent_id, wanted, options))


def cancel(intent_id: str) -> Intent:
    """Let go of what is held. Raises Refused when it was already taken or cancelled, OutcomeUnknown.

    Without a key of ours, because a second cancel does no harm and a stored error would answer it for a day.
    """
    return _intent(lambda: _connection.client.v1.payment_intents.cancel(intent_id))


def refund(intent_id: str, refund_id: UUID, amount_vnd: int) -> Returned:
    """Give back `amount_vnd` of what was taken. The same refund id always leads to the same refund at the gateway.

    Raises Refused when nothing was and will be given back, OutcomeUnknown.
    """
    wanted: Any = {
        "payment_intent": intent_id,
        "amount": amount_vnd,
        "metadata": {"refund_id": str(refund_id)},
    }
    options: Any = {"idempotency_key": f"refund:{refund_id}"}
    with translated():
        return _read_refund(_connection.client.v1.refunds.create(wanted, options))


def find_refund(intent_id: str, refund_id: UUID) -> Returned | None:
    """The refund that carries our id, None when the gateway has none. Raises OutcomeUnknown."""
    with translated():
        for found in _connection.client.v1.refunds.list({"payment_intent": intent_id, "limit": 100}).auto_paging_iter():
            if (read := _read_refund(found)).refund_id == refund_id:
                return read
    return None


def retrieve_refund(gateway_id: str) -> Returned:
    """A refund as it is now. Raises Refused for an id that is none, OutcomeUnknown."""
    with translated():
        return _read_refund(_connection.client.v1.refunds.retrieve(gateway_id))


def retrieve_dispute(gateway_id: str) -> Contested:
    """A dispute as it is now. Raises Refused for an id that is none, OutcomeUnknown."""
    with translated():
        body = _connection.client.v1.disputes.retrieve(gateway_id).to_dict()
        due = (body.get("evidence_details") or {}).get("due_by")
        return Contested(
            body["id"], body["status"], body["amount"], body.get("payment_intent"), body["reason"], _instant(due)
        )


def list_movements(*, since: datetime | None = None, payout_id: str | None = None) -> Iterator[Movement]:
    """Balance transactions, newest first: made since an instant, or swept into one payout. Raises OutcomeUnknown."""
    wanted: Any = {"limit": 100}
    if since is not None:
        wanted["created"] = {"gte": int(since.timestamp())}
    if payout_id is not None:
        wanted["payout"] = payout_id
    with translated():
        for found in _connection.client.v1.balance_transactions.list(wanted).auto_paging_iter():
            body = found.to_dict()
            yield Movement(
                id=body["id"],
                type=body["type"],
                category=body["reporting_category"],
                source=body.get("source"),
                amount_vnd=body["amount"],
                fee_vnd=body["fee"],
                net_vnd=body["net"],
                currency=body["currency"],
                made_at=_moment(body["created"]),
                available_at=_moment(body["available_on"]),
            )


def list_transfers(*, since: datetime) -> Iterator[Transfer]:
    """Payouts made since an instant, newest first. Raises OutcomeUnknown."""
    wanted: Any = {"limit": 100, "created": {"gte": int(since.timestamp())}}
    with translated():
        for found in _connection.client.v1.payouts.list(wanted).auto_paging_iter():
            body = found.to_dict()
            trace = body.get("trace_id") or {}
            yield Transfer(
                body["id"], body["status"], body["amount"], trace.get("value"), _moment(body["arrival_date"])
            )


def read_balance() -> int:
    """What the gateway says it has of ours, pending and available together, in đồng. Raises OutcomeUnknown."""
    with translated():
        body = _connection.client.v1.balance.retrieve().to_dict()
        return sum(
            line["amount"] for part in ("pending", "available") for line in body[part] if line["currency"] == "vnd"
        )


def read_webhook(raw: bytes, signature: str | None) -> Notice:
    """The event in a webhook. Raises WebhookRefused unless signed with our secret within five minutes of now."""
    try:
        (signature or "").encode("ascii")
        # Exactly one time: of two, the SDK would check the signature of one, and we the age of the other.
        (sent,) = [int(part[2:]) for part in (signature or "").split(",") if part.startswith("t=")]
        # Age is checked here against our own clock, in both directions: the SDK accepts any future time.
        event = _connection.client.construct_event(raw, signature or "", _connection.webhook_secret, tolerance=0)
        body = event.to_dict()
        thing = body["data"]["object"]
        intent_id = thing["id"] if thing.get("object") == "payment_intent" else thing.get("payment_intent")
        is_foreign = bool(body.get("livemode")) is not _connection.live or body.get("account") is not None
        notice = Notice(str(body["id"]), str(body["type"]), intent_id, thing.get("id"), is_foreign)
    except (stripe.SignatureVerificationError, ValueError, TypeError, AttributeError, KeyError) as exc:
        raise WebhookRefused from exc
    if abs(clock.now().timestamp() - sent) > _WEBHOOK_TOLERANCE.total_seconds():
        raise WebhookRefused
    return notice


def _intent(call: Callable[[], stripe.PaymentIntent]) -> Intent:
    with translated():
        try:
            return _read(call())
        except stripe.CardError as exc:
            intent = getattr(exc.error, "payment_intent", None)
            if intent is None:
                raise
            return _read(intent, decline=_reason(exc))


@contextmanager
def translated() -> Iterator[None]:
    """Every call of the SDK stands in here: turn what the SDK raises into Refused or OutcomeUnknown."""
    try:
        yield
    except stripe.CardError as exc:
        raise Refused(_reason(exc)) from exc
    except stripe.InvalidRequestError as exc:
        raise Refused(_code(exc) or "invalid_request") from exc
    except (stripe.AuthenticationError, stripe.PermissionError) as exc:
        logs.logger.error("gateway_key_refused", error=type(exc).__name__)
        raise OutcomeUnknown from exc
    except stripe.StripeError as exc:
        raise OutcomeUnknown(_code(exc) or type(exc).__name__) from exc
    except (AttributeError, TypeError, ValueError, KeyError) as exc:
        # The SDK stumbles like this over answers that are cut short or not in the gateway's form.
        raise OutcomeUnknown(type(exc).__name__) from exc


def _read(intent: stripe.PaymentIntent, *, decline: str | None = None) -> Intent:
    body = intent.to_dict()
    failure = body.get("last_payment_error") or {}
    action = (body.get("next_action") or {}).get("redirect_to_url") or {}
    return Intent(
        id=body["id"],
        status=body["status"],
        amount_vnd=body["amount"],
        received_vnd=body.get("amount_received") or 0,
        currency=body["currency"],
        payment_id=our_id((body.get("metadata") or {}).get("payment_id")),
        client_secret=body.get("client_secret"),
        redirect_url=action.get("url"),
        charge_id=_id(body.get("latest_charge")),
        decline=decline or (reason_of(failure.get("decline_code") or failure.get("code")) if failure else None),
    )


def _read_refund(found: stripe.Refund) -> Returned:
    body = found.to_dict()
    return Returned(
        id=body["id"],
        status=body["status"],
        amount_vnd=body["amount"],
        refund_id=our_id((body.get("metadata") or {}).get("refund_id")),
        intent_id=_id(body.get("payment_intent")),
        failure=body.get("failure_reason"),
    )


def _id(reference: Any) -> str | None:  # noqa: ANN401 - an id, or the object that it stands for
    found = reference["id"] if isinstance(reference, dict) else reference
    return None if found is None else str(found)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)


def _code(exc: stripe.StripeError) -> str | None:
    return getattr(exc.error, "code", None) if exc.error else None


def _reason(exc: stripe.CardError) -> str:
    return reason_of(getattr(exc.error, "decline_code", None) or _code(exc))


def reason_of(code: str | None) -> str:
    """Our slug for what a card issuer says."""
    return _REASONS.get(code or "", "card_declined")


def our_id(text: str | None) -> UUID | None:
    """An id of ours as the gateway gives it back; None for what is none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
