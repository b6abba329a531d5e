"""Calls of addresses: what is due, and what came of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from kit import clock
from webhooks.events import DeliveryDue
from webhooks.models import (
    DeliveryState,
    EndpointState,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from webhooks.operations.endpoints import disable, list_secrets

# Seconds before each attempt: ten over about 75 hours, as Standard Webhooks has them.
LADDER = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
_JITTER = 0.1
_GONE = 410


@dataclass(frozen=True)
class DueCall:
    """One call that is to be made."""

    delivery_id: UUID
    url: str
    event_id: UUID
    body: bytes
    secrets: Sequence[str]


def find_due_call(session: Session, event: DeliveryDue) -> DueCall | None:
    """What is to be sent for a delivery that is due; None once it is over, replayed, or its address is disabled."""
    row = session.execute(
        select(WebhookDelivery, WebhookEndpoint, WebhookEvent)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
        .where(
            WebhookDelivery.id == event.delivery_id,
            WebhookDelivery.round == event.round,
            WebhookDelivery.state == DeliveryState.DUE,
            WebhookEndpoint.state == EndpointState.ACTIVE,
        )
    ).one_or_none()
    if row is None:
        return None
    delivery, endpoint, happened = row
    body = {
        "type": happened.kind.value,
        "timestamp": clock.local(happened.happened_at).isoformat(timespec="milliseconds"),
        "data": happened.data,
    }
    return DueCall(delivery.id, endpoint.url, happened.id, orjson.dumps(body), list_secrets(session, endpoint.id))


def give_up_when_disabled(session: Session, event: DeliveryDue) -> None:
    """A delivery that is due to an address nobody calls any more has failed, in sight of who may replay it."""
    disabled = select(WebhookEndpoint.id).where(WebhookEndpoint.state == EndpointState.DISABLED)
    session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.id == event.delivery_id,
            WebhookDelivery.round == event.round,
            WebhookDelivery.state == DeliveryState.DUE,
            WebhookDelivery.endpoint_id.in_(disabled),
        )
        .values(state=DeliveryState.FAILED, next_at=None)
    )


def record_attempt(
    session: Session, event: DeliveryDue, url: str, *, status: int | None, error: str | None, took_ms: int
) -> int | None:
    """Write down what came of a call to `url`; gives the seconds until the next one, None when there is none.

    Any 2xx is heard. 410 disables the address at once, and so does an address that may not be called any more; one that
    the company has put in its place meanwhile is called next.
    """
    now = clock.now()
    session.add(WebhookAttempt(delivery_id=event.delivery_id, status=status, error=error, took_ms=took_ms))
    delivery = session.scalars(
        select(WebhookDelivery).where(WebhookDelivery.id == event.delivery_id).with_for_update()
    ).one_or_none()
    if delivery is None or delivery.round != event.round:
        return None  # removed, or asked for anew, while we called
    delivery.attempts += 1
    if status is not None and 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls success
        delivery.state, delivery.delivered_at, delivery.next_at = DeliveryState.DELIVERED, now, None
        return None
    if delivery.state is not DeliveryState.DUE:
        return None  # heard, or given up, by another call of the same round
    is_over = status == _GONE or error in {"not_public", "not_a_name"}
    if is_over and disable(session, delivery.endpoint_id, url, "gone" if status == _GONE else "address_refused"):
        delivery.state, delivery.next_at = DeliveryState.FAILED, None
        return None
    if delivery.attempts >= len(LADDER):
        delivery.state, delivery.next_at = DeliveryState.FAILED, None
        return None
    wait = LADDER[delivery.attempts] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - only jitter
    delivery.next_at = now + timedelta(seconds=wait)
    return max(1, int(wait))
