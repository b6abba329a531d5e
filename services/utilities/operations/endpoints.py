"""Where a provider's system is, when it has said so itself, and what we show it there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from kit import sealed, signed_calls
from kit.vault import Unreadable
from services.utilities.models import Provider
from services.utilities.onboarding_models import PostingMode, ProviderStage
from services.utilities.providers import Endpoint

_DAY = 1440  # minutes: what everybody has
# Their money is on its way: what was begun goes on while a provider is suspended.
_CALLED = (ProviderStage.LIVE, ProviderStage.SUSPENDED)


@dataclass(frozen=True)
class Called:
    """A provider whose system we call, and where."""

    provider_id: UUID
    slug: str
    endpoint: Endpoint | None


def open_endpoint(provider_id: UUID, url: str | None, credentials: bytes | None) -> Endpoint | None:
    """A provider's own address with what we show it there; None where the settings of the house say it.

    Credentials that cannot be opened make this provider unreachable, and no other.
    """
    if url is None:
        return None
    if credentials is None:
        return Endpoint(url, None, None, is_named_by_them=True)
    try:
        shown = orjson.loads(sealed.unseal_in(Provider.endpoint_sealed, provider_id, credentials))
    except Unreadable:
        return Endpoint(url, None, None, is_named_by_them=True, is_locked=True)
    return Endpoint(url, shown["key"], shown["secret"], is_named_by_them=True)


def renew_credentials(session: Session, provider_id: UUID) -> Mapping[str, str]:
    """A new key and a new secret for our calls of a provider: told now and never again. The old ones end at once."""
    shown = {"key": secrets.token_urlsafe(32), "secret": signed_calls.new_secret()}
    credentials = sealed.seal_in(Provider.endpoint_sealed, provider_id, orjson.dumps(shown).decode())
    session.execute(update(Provider).where(Provider.id == provider_id).values(endpoint_sealed=credentials))
    return shown


def find_endpoint(session: Session, provider_id: UUID) -> Endpoint | None:
    """A provider's own address; None where the settings of the house say it."""
    query = select(Provider.id, Provider.endpoint_url, Provider.endpoint_sealed).where(Provider.id == provider_id)
    return open_endpoint(*session.execute(query).one())


def list_called(session: Session) -> Sequence[Called]:
    """Every provider whose books we read ourselves, in the order of their slugs."""
    query = (
        select(Provider.slug, Provider.id, Provider.endpoint_url, Provider.endpoint_sealed)
        .where(Provider.posting_mode == PostingMode.PUSH, Provider.stage.in_(_CALLED))
        .order_by(Provider.slug)
    )
    return [Called(row.id, row.slug, open_endpoint(*row[1:])) for row in session.execute(query)]


def list_pulling(session: Session) -> Sequence[UUID]:
    """Every provider that fetches its postings."""
    return session.scalars(select(Provider.id).where(Provider.posting_mode == PostingMode.PULL)).all()


def list_limits(session: Session) -> Mapping[UUID, timedelta]:
    """Providers that have promised to answer postings in less than a day, and within what."""
    query = select(Provider.id, Provider.answers_within_minutes).where(Provider.answers_within_minutes < _DAY)
    return {row.id: timedelta(minutes=row.answers_within_minutes) for row in session.execute(query)}
