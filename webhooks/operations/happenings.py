"""The log of what happened to companies' bills, and who is to be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, cast, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.events import emit
from kit.pages import Page, page, read_cursor
from webhooks.errors import EndpointDisabled, LogBegunAnew
from webhooks.events import DeliveryDue
from webhooks.models import (
    DeliveryState,
    EndpointState,
    EventKind,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

_KEPT = timedelta(days=90)


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

    So a reader who keeps the last cursor sees every event once, in one order, whatever commits when. Raises
    LogBegunAnew for a cursor ahead of this database: it was restored elsewhere, and counts its transactions anew.
    """
    question = ("events", provider_id)
    settled = cast(text("pg_snapshot_xmin(pg_current_snapshot())::text"), BigInteger)
    if cursor is not None:
        reached, _event_id = read_cursor(cursor, question, [int, UUID])
        if reached >= (session.scalar(select(settled)) or 0):
            raise LogBegunAnew
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
        question=question,
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
