"""What is free on a day, as bytes for thousands at once: built at most once a second, whoever asks."""

from __future__ import annotations

import threading
import time
from datetime import date
from uuid import UUID

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kit import clock
from services.health.models import Slot, SlotState
from services.health.operations.directory import get_service
from services.health.operations.drawn_days import find_pending

POLL_SECONDS = 3
_KEPT_SECONDS = 1.0
_MOST_KEPT = 5_000
_FEW = 0.2
_kept: dict[tuple[UUID, date], tuple[float, bytes]] = {}
_lock = threading.Lock()


def find_kept(service_id: UUID, day: date) -> bytes | None:
    """What was built less than a second ago in this process; asks no database."""
    kept = _kept.get((service_id, day))
    return kept[1] if kept is not None and kept[0] > time.monotonic() else None


def build(session: Session, service_id: UUID, day: date) -> bytes:
    """The places of a service's day as JSON, each in a band: free, few, full, soon (not given out yet), closed.

    Of those who ask at the same time one reads the database. Raises NotFound.
    """
    with _lock:
        kept = find_kept(service_id, day)
        if kept is not None:
            return kept
        body = _read(session, service_id, day)
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[service_id, day] = (time.monotonic() + _KEPT_SECONDS, body)
        return body


def forget_kept() -> None:
    """Build anew from now on."""
    with _lock:
        _kept.clear()


def _read(session: Session, service_id: UUID, day: date) -> bytes:
    get_service(session, service_id)
    now = clock.now()
    rows = session.execute(
        select(
            Slot.id,
            Slot.practitioner_id,
            Slot.starts_at,
            Slot.ends_at,
            Slot.release_at,
            Slot.closes_at,
            Slot.capacity,
            Slot.taken,
        )
        .where(Slot.service_id == service_id, Slot.day == day, Slot.state == SlotState.OPEN)
        .order_by(Slot.starts_at, Slot.id)
    ).all()
    release_at = session.scalar(
        select(func.min(Slot.release_at)).where(
            Slot.service_id == service_id, Slot.day == day, Slot.state == SlotState.OPEN, Slot.release_at > now
        )
    )
    draw = find_pending(session, service_id, day)
    if draw is not None:
        release_at = draw.closes_at  # the places wait for the lots
    items = []
    for row in rows:
        free = row.capacity - row.taken
        if row.closes_at <= now:
            band = "closed"
        elif row.release_at > now:
            band = "soon"
        elif free == 0:
            band = "full"
        else:
            band = "few" if free <= max(1, row.capacity * _FEW) and row.capacity > 1 else "free"
        items.append(
            {
                "slot_id": str(row.id),
                "practitioner_id": str(row.practitioner_id) if row.practitioner_id else None,
                "starts_at": clock.local(row.starts_at).isoformat(timespec="milliseconds"),
                "ends_at": clock.local(row.ends_at).isoformat(timespec="milliseconds"),
                "band": band,
            }
        )
    body = {
        "service_id": str(service_id),
        "day": day.isoformat(),
        "is_full": bool(items) and all(item["band"] in {"full", "closed"} for item in items),
        "release_at": clock.local(release_at).isoformat(timespec="milliseconds") if release_at else None,
        "draw_id": str(draw.id) if draw is not None else None,
        "next_poll_s": POLL_SECONDS,
        "items": items,
    }
    return orjson.dumps(body)
