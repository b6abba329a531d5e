"""Which days are drawn by lot: what schedules and holds have to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from services.health.models import Draw, DrawState

_PENDING = (DrawState.ANNOUNCED, DrawState.DRAWN)


def find_pending(session: Session, service_id: UUID, day: date) -> Row[*tuple[Any, ...]] | None:
    """The draw that is still to give the places of a day: its id, `opens_at` and `closes_at`."""
    return session.execute(
        select(Draw.id, Draw.opens_at, Draw.closes_at).where(
            Draw.service_id == service_id, Draw.day == day, Draw.state.in_(_PENDING)
        )
    ).one_or_none()


def list_days(session: Session, service_id: UUID, days: Sequence[date]) -> dict[date, Row[*tuple[Any, ...]]]:
    """The drawn ones of these days, with `done_at`, None while places are still to be given."""
    rows = session.execute(
        select(Draw.day, Draw.done_at).where(
            Draw.service_id == service_id, Draw.day.between(days[0], days[-1]), Draw.state != DrawState.CANCELLED
        )
    ).all()
    return {row.day: row for row in rows}
