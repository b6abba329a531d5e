"""All SQL and rules of webhooks out: addresses and their secrets, the log of events, deliveries and attempts."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, cast, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock, egress, vault
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.events import emit
from kit.pages import Page, page
from webhooks import signing
from webhooks.errors import EndpointDisabled, TooManyEndpoints, WebhookAddressRefused
from webhooks.events import DeliveryDue
from webhooks.models import (
    DeliveryState,
    EndpointState,
    EventKind,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookSecret,
)

MOST_ENDPOINTS = 5
# Both secrets sign meanwhile, so a company can change over without a gap.
OVERLAP = timedelta(hours=24)
# Seconds before each attempt: ten over about 75 hours, as Standard Webhooks has them.
LADDER = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
_JITTER = 0.1
_KEPT = timedelta(days=90)
_GONE = 410
_SEALED_AS = "webhook secret"


@dataclass(frozen=True)
class NewEndpoint:
    """An address with its secret, which is told this once."""

    endpoint: WebhookEndpoint
    secret: str


@dataclass(frozen=True)
class DueCall:
    """One call that is to be made."""

    delivery_id: UUID
    url: str
    event_id: UUID
    body: bytes
    secrets: Sequence[str]


def create_endpoint(session: Session, provider_id: UUID, *, url: str, kinds: Collection[EventKind]) -> NewEndpoint:
    """Call `url` from now on. Raises WebhookAddressRefused, and TooManyEndpoints beyond five."""
    _check(url)
    # Of two requests at once the second waits here, and counts what the first has made.
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"webhooks {provider_id}"}
    )
    count = session.scalar(
        select(func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.provider_id == provider_id)
    )
    if (count or 0) >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    endpoint = WebhookEndpoint(
        id=new_id(), provider_id=provider_id, url=url, kinds=sorted(kinds), created_at=clock.now()
    )
    session.add(endpoint)
    session.flush()
    return NewEndpoint(endpoint, _add_secret(session, endpoint.id))


def list_endpoints(session: Session, provider_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A page of a company's addresses, the newest first."""
    wanted = select(WebhookEndpoint).where(WebhookEndpoint.provider_id == provider_id)
    return page(session, wanted, by=[WebhookEndpoint.id], limit=limit, cursor=cursor, question=(provider_id,))


def get_endpoint(session: Session, provider_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """A company's address; raises NotFound, also for another company's."""
    found = session.scalar(
        select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.provider_id == provider_id)
    )
    if found is None:
        raise NotFound
    return found


def change_endpoint(session: Session, endpoint: WebhookEndpoint, changes: Mapping[str, Any]) -> WebhookEndpoint:
    """Change url, kinds or state of the version that was looked at; enabling forgets why it was disabled.

    Raises WebhookAddressRefused, and PreconditionFailed when it was changed meanwhile.
    """
    values = dict(changes)
    if "url" in values:
        _check(values["url"])
    if "kinds" in values:
        values["kinds"] = sorted(values["kinds"])
    if "state" in values:
        values["reason"] = None if values["state"] == EndpointState.ACTIVE else "disabled_by_company"
    changed = session.scalar(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint.id, WebhookEndpoint.version == endpoint.version)
        .values(**values, version=WebhookEndpoint.version + 1)
        .returning(WebhookEndpoint)
        .execution_options(populate_existing=True)
    )
    if changed is None:
        raise PreconditionFailed
    return changed


def remove_endpoint(session: Session, endpoint: WebhookEndpoint) -> None:
    """Forget an address in the version that was looked at, and all its deliveries; raises PreconditionFailed."""
    gone = session.execute(
        delete(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint.id, WebhookEndpoint.version == endpoint.version)
        .returning(WebhookEndpoint.id)
    ).one_or_none()
    if gone is None:
        raise PreconditionFailed


def rotate_secret(session: Session, endpoint: WebhookEndpoint) -> str:
    """A new secret for an address; the one before signs too for 24 hours more, and any older one not at all."""
    now = clock.now()
    newest = (
        select(WebhookSecret.id)
        .where(WebhookSecret.endpoint_id == endpoint.id)
        .order_by(WebhookSecret.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    session.execute(delete(WebhookSecret).where(WebhookSecret.endpoint_id == endpoint.id, WebhookSecret.id != newest))
    session.execute(
        update(WebhookSecret).where(WebhookSecret.endpoint_id == endpoint.id).values(expires_at=now + OVERLAP)
    )
    return _add_secret(session, endpoint.id)


def record_event(
    session: Session, provider_id: UUID, kind: EventKind, subject_id: UUID, data: Mapping[str, Any]
) -> UUID | None:
    """Write an event into the company's log and tell its addresses of it; None when it was written before."""
    event_id = session.execute(
        insert(WebhookEvent)
        .values(
            id=new_id(),
            provider_id=provider_id,
            kind=kind,
            subject_id=subject_id,
            data=dict(data),
            happened_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(WebhookEvent.id)
    ).scalar_one_or_none()
    if event_id is not None:
        hearing = session.scalars(
            select(WebhookEndpoint.id).where(
                WebhookEndpoint.provider_id == provider_id,
                WebhookEndpoint.state == EndpointState.ACTIVE,
                WebhookEndpoint.kinds.contains([kind.value]),
            )
        )
        for endpoint_id in hearing.all():
            _deliver(session, endpoint_id, event_id)
    return event_id


def send_test(session: Session, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send an address an event that says nothing but that it works; raises EndpointDisabled."""
    if endpoint.state is not EndpointState.ACTIVE:
        raise EndpointDisabled
    event = WebhookEvent(
        id=new_id(),
        provider_id=endpoint.provider_id,
        kind=EventKind.ENDPOINT_TESTED,
        subject_id=new_id(),
        data={"endpoint_id": str(endpoint.id)},
        happened_at=clock.now(),
    )
    session.add(event)
    session.flush()
    return session.get_one(WebhookDelivery, _deliver(session, endpoint.id, event.id))


def list_events(session: Session, provider_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A page of a company's log, the oldest first; what a later transaction may still precede is not shown yet.

    So a reader who keeps the last cursor sees every event once, in one order, whatever commits when.
    """
    settled = cast(text("pg_snapshot_xmin(pg_current_snapshot())::text"), BigInteger)
    wanted = select(
        WebhookEvent.id,
        WebhookEvent.kind,
        WebhookEvent.subject_id,
        WebhookEvent.data,
        WebhookEvent.happened_at,
        WebhookEvent.written_by,
    ).where(WebhookEvent.provider_id == provider_id, WebhookEvent.written_by < settled)
    order = [WebhookEvent.written_by, WebhookEvent.id]
    return page(
        session,
        wanted,
        by=order,
        limit=limit,
        cursor=cursor,
        question=("events", provider_id),
        descending=False,
        endless=True,
    )


def list_deliveries(
    session: Session, endpoint: WebhookEndpoint, *, state: DeliveryState | None, limit: int, cursor: str | None
) -> Page:
    """A page of what an address was, or is to be, told, the newest first."""
    wanted = (
        select(
            WebhookDelivery.id,
            WebhookDelivery.event_id,
            WebhookEvent.kind,
            WebhookDelivery.state,
            WebhookDelivery.attempts,
            WebhookDelivery.next_at,
            WebhookDelivery.delivered_at,
            WebhookDelivery.created_at,
        )
        .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.endpoint_id == endpoint.id)
    )
    if state is not None:
        wanted = wanted.where(WebhookDelivery.state == state)
    question = ("deliveries", endpoint.id, state)
    return page(session, wanted, by=[WebhookDelivery.id], limit=limit, cursor=cursor, question=question)


def get_delivery(session: Session, provider_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    """One delivery with every attempt; raises NotFound, also for another company's."""
    row = session.execute(
        select(WebhookDelivery, WebhookEvent.kind)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.id == delivery_id, WebhookEndpoint.provider_id == provider_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound
    tries = session.scalars(
        select(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery_id).order_by(WebhookAttempt.id)
    )
    shown = ("id", "event_id", "state", "attempts", "next_at", "delivered_at", "created_at")
    return {name: getattr(row[0], name) for name in shown} | {"kind": row[1], "log": tries.all()}


def replay(session: Session, provider_id: UUID, delivery_id: UUID) -> None:
    """Tell an event once more, with all attempts anew, whatever came of it before.

    Raises NotFound, and EndpointDisabled while its address is.
    """
    row = session.execute(
        select(WebhookEndpoint.state)
        .join(WebhookDelivery, WebhookDelivery.endpoint_id == WebhookEndpoint.id)
        .where(WebhookDelivery.id == delivery_id, WebhookEndpoint.provider_id == provider_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.state is not EndpointState.ACTIVE:
        raise EndpointDisabled
    again = session.scalar(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(state=DeliveryState.DUE, attempts=0, round=WebhookDelivery.round + 1, next_at=clock.now())
        .returning(WebhookDelivery.round)
    )
    if again is not None:
        emit(session, DeliveryDue(delivery_id, again))


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
    return DueCall(delivery.id, endpoint.url, happened.id, orjson.dumps(body), _secrets(session, endpoint.id))


def record_attempt(
    session: Session, event: DeliveryDue, *, status: int | None, error: str | None, took_ms: int
) -> int | None:
    """Write down what came of a call; gives the seconds until the next one, None when there is none.

    Any 2xx is heard. 410 disables the address at once, and so does an address that may not be called any more.
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
    if status == _GONE or error in {"not_public", "not_a_name"}:
        _disable(session, delivery.endpoint_id, "gone" if status == _GONE else "address_refused")
        delivery.state, delivery.next_at = DeliveryState.FAILED, None
        return None
    if delivery.attempts >= len(LADDER):
        delivery.state, delivery.next_at = DeliveryState.FAILED, None
        return None
    wait = LADDER[delivery.attempts] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - only jitter
    delivery.next_at = now + timedelta(seconds=wait)
    return max(1, int(wait))


def forget_old_events(session: Session) -> None:
    """Remove events and what was told of them after ninety days."""
    before = clock.now() - _KEPT
    old = select(WebhookEvent.id).where(WebhookEvent.happened_at < before)
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.event_id.in_(old)))
    session.execute(delete(WebhookEvent).where(WebhookEvent.happened_at < before))


def _deliver(session: Session, endpoint_id: UUID, event_id: UUID) -> UUID:
    delivery_id = new_id()
    session.execute(
        insert(WebhookDelivery).values(
            id=delivery_id, endpoint_id=endpoint_id, event_id=event_id, next_at=clock.now(), created_at=clock.now()
        )
    )
    emit(session, DeliveryDue(delivery_id, 1))
    return delivery_id


def _disable(session: Session, endpoint_id: UUID, reason: str) -> None:
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.state == EndpointState.ACTIVE)
        .values(state=EndpointState.DISABLED, reason=reason, version=WebhookEndpoint.version + 1)
    )


def _add_secret(session: Session, endpoint_id: UUID) -> str:
    secret, secret_id = signing.new_secret(), new_id()
    session.add(
        WebhookSecret(
            id=secret_id,
            endpoint_id=endpoint_id,
            sealed=vault.seal_briefly(_SEALED_AS, secret_id, secret),
            created_at=clock.now(),
        )
    )
    session.flush()
    return secret


def _secrets(session: Session, endpoint_id: UUID) -> list[str]:
    rows = session.scalars(
        select(WebhookSecret)
        .where(
            WebhookSecret.endpoint_id == endpoint_id,
            or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > clock.now()),
        )
        .order_by(WebhookSecret.id.desc())
    )
    return [vault.unseal_briefly(_SEALED_AS, row.id, row.sealed) for row in rows]


def _check(url: str) -> None:
    try:
        egress.check(url)
    except egress.AddressRefused as refused:
        raise WebhookAddressRefused(reason=refused.reason) from refused
