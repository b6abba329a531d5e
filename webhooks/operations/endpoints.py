"""Addresses of companies, and the secrets that sign what they are told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from kit import clock, egress, sealed
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.pages import Page, page
from webhooks import signing
from webhooks.errors import TooManyEndpoints, WebhookAddressRefused
from webhooks.models import (
    EndpointState,
    EventKind,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)

MOST_ENDPOINTS = 5
# Both secrets sign meanwhile, so a company can change over without a gap.
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True)
class NewEndpoint:
    """An address with its secret, which is told this once."""

    endpoint: WebhookEndpoint
    secret: str


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


def list_secrets(session: Session, endpoint_id: UUID) -> list[str]:
    """The secrets that sign for an address now, the newest first."""
    rows = session.scalars(
        select(WebhookSecret)
        .where(
            WebhookSecret.endpoint_id == endpoint_id,
            or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > clock.now()),
        )
        .order_by(WebhookSecret.id.desc())
    )
    return [sealed.unseal_in(WebhookSecret.sealed, row.id, row.sealed) for row in rows]


def list_heard(session: Session, provider_ids: Collection[UUID]) -> set[UUID]:
    """Of these companies those of which an address has ever answered that it got what it was told."""
    delivered = exists().where(
        WebhookDelivery.endpoint_id == WebhookEndpoint.id, WebhookDelivery.delivered_at.is_not(None)
    )
    heard = select(WebhookEndpoint.provider_id).where(WebhookEndpoint.provider_id.in_(provider_ids), delivered)
    return set(session.scalars(heard))


def disable(session: Session, endpoint_id: UUID, url: str, reason: str) -> bool:
    """Call an address no more, for that reason; False, and nothing is changed, when it is not `url` any more."""
    disabled = session.execute(
        update(WebhookEndpoint)
        .where(
            WebhookEndpoint.id == endpoint_id,
            WebhookEndpoint.url == url,
            WebhookEndpoint.state == EndpointState.ACTIVE,
        )
        .values(state=EndpointState.DISABLED, reason=reason, version=WebhookEndpoint.version + 1)
        .returning(WebhookEndpoint.id)
    )
    return disabled.one_or_none() is not None


def _add_secret(session: Session, endpoint_id: UUID) -> str:
    secret, secret_id = signing.new_secret(), new_id()
    session.add(
        WebhookSecret(
            id=secret_id,
            endpoint_id=endpoint_id,
            sealed=sealed.seal_in(WebhookSecret.sealed, secret_id, secret),
            created_at=clock.now(),
        )
    )
    session.flush()
    return secret


def _check(url: str) -> None:
    try:
        egress.check(url)
    except egress.AddressRefused as refused:
        raise WebhookAddressRefused(reason=refused.reason) from refused
