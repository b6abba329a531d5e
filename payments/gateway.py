"""The card gateway (Stripe): the only file that imports its SDK, and the words we translate its answers into."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import stripe

from kit import clock, logs
from payments.errors import WebhookRefused

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


class OutcomeUnknown(Exception):
    """No answer, or none to rely on: whether the call had its effect has to be read from the gateway."""


class Refused(Exception):
    """The gateway understood and refused for good; the call had no effect. `reason` is a slug of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Intent:
    """A PaymentIntent, as far as we care. Amounts in đồng."""

    id: str
    status: str
    amount_vnd: int
    received_vnd: int
    currency: str
    payment_id: UUID | None
    client_secret: str | None
    redirect_url: str | None
    decline: str | None


@dataclass(frozen=True)
class Returned:
    """A refund at the gateway; `refund_id` is ours."""

    id: str
    status: str
    amount_vnd: int
    refund_id: UUID | None
    failure: str | None


@dataclass(frozen=True)
class Notice:
    """A verified webhook event; `intent_id` where it speaks of an intent."""

    id: str
    type: str
    intent_id: str | None
    live: bool


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


def create_intent(
    payment_id: UUID, *, amount_vnd: int, payment_method: str | None, return_url: str, description: str
) -> Intent:
    """Ask the gateway to hold `amount_vnd`; nothing is taken before `capture`.

    With a payment method the intent is confirmed at once, without one the app confirms it with the client secret.
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
    if payment_method is not None:
        wanted |= {"payment_method": payment_method, "confirm": True, "return_url": return_url}
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
    with _translated():
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
    wanted: Any = {"payment_intent": intent_id, "amount": amount_vnd, "metadata": {"refund_id": str(refund_id)}}
    options: Any = {"idempotency_key": f"refund:{refund_id}"}
    with _translated():
        return _read_refund(_connection.client.v1.refunds.create(wanted, options))


def find_refund(intent_id: str, refund_id: UUID) -> Returned | None:
    """The refund that carries our id, None when the gateway has none. Raises OutcomeUnknown."""
    with _translated():
        for found in _connection.client.v1.refunds.list({"payment_intent": intent_id, "limit": 100}).auto_paging_iter():
            if (read := _read_refund(found)).refund_id == refund_id:
                return read
    return None


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
        notice = Notice(str(body["id"]), str(body["type"]), intent_id, bool(body.get("livemode")))
    except (stripe.SignatureVerificationError, ValueError, TypeError, AttributeError, KeyError) as exc:
        raise WebhookRefused from exc
    if abs(clock.now().timestamp() - sent) > _WEBHOOK_TOLERANCE.total_seconds():
        raise WebhookRefused
    if notice.live is not _connection.live:
        raise WebhookRefused
    return notice


def _intent(call: Callable[[], stripe.PaymentIntent]) -> Intent:
    with _translated():
        try:
            return _read(call())
        except stripe.CardError as exc:
            intent = getattr(exc.error, "payment_intent", None)
            if intent is None:
                raise
            return _read(intent, decline=_reason(exc))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the SDK raises into Refused or OutcomeUnknown."""
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
        payment_id=_uuid((body.get("metadata") or {}).get("payment_id")),
        client_secret=body.get("client_secret"),
        redirect_url=action.get("url"),
        decline=decline or (_slug(failure.get("decline_code") or failure.get("code")) if failure else None),
    )


def _read_refund(found: stripe.Refund) -> Returned:
    body = found.to_dict()
    return Returned(
        id=body["id"],
        status=body["status"],
        amount_vnd=body["amount"],
        refund_id=_uuid((body.get("metadata") or {}).get("refund_id")),
        failure=body.get("failure_reason"),
    )


def _code(exc: stripe.StripeError) -> str | None:
    return getattr(exc.error, "code", None) if exc.error else None


def _reason(exc: stripe.CardError) -> str:
    return _slug(getattr(exc.error, "decline_code", None) or _code(exc))


def _slug(code: str | None) -> str:
    return _REASONS.get(code or "", "card_declined")


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
