"""What visits to clinics put into the inbox; each is safe to hear twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

import services.health.operations
from kit.events import emit
from notifications import operations
from notifications.events import MessagePosted
from notifications.models import MessageKind
from services.health.events import BookingCancelledByClinic, DrawLost, OfferMissed, PlaceOffered, ReminderDue


def tell_reminder(session: Session, event: ReminderDue) -> None:
    """A visit is near, or the turn is."""
    kind = MessageKind.TURN_NEAR if event.kind == "soon" else MessageKind.VISIT_REMINDER
    _tell_visit(session, event.booking_id, kind, event.reminder_id)


def tell_place_offered(session: Session, event: PlaceOffered) -> None:
    """A place is held for somebody who waited, or who has lost theirs."""
    _tell_visit(session, event.booking_id, MessageKind.PLACE_OFFERED, event.booking_id)


def tell_draw_lost(session: Session, event: DrawLost) -> None:
    """Lots were drawn, and there was no place for somebody."""
    lost = services.health.operations.find_lost(session, event.request_id)
    if lost is None:
        return  # they have left since
    _tell(session, lost.citizen_id, MessageKind.DRAW_LOST, event.request_id, {"place": lost.place})


def tell_offer_missed(session: Session, event: OfferMissed) -> None:
    """An offered place went to somebody else."""
    _tell_visit(session, event.booking_id, MessageKind.PLACE_MISSED, event.booking_id)


def tell_visit_cancelled(session: Session, event: BookingCancelledByClinic) -> None:
    """The clinic cannot keep an appointment."""
    _tell_visit(session, event.booking_id, MessageKind.VISIT_CANCELLED, event.booking_id)


def _tell_visit(session: Session, booking_id: UUID, kind: MessageKind, subject_id: UUID) -> None:
    visit = services.health.operations.get_visit(session, booking_id)
    params = {"place": visit.place, "starts_at": visit.starts_at.isoformat()}
    if kind is MessageKind.PLACE_OFFERED and visit.hold_expires_at is not None:
        params["until_at"] = visit.hold_expires_at.isoformat()
    _tell(session, visit.citizen_id, kind, subject_id, params)


def _tell(session: Session, citizen_id: UUID, kind: MessageKind, subject_id: UUID, params: Mapping[str, Any]) -> None:
    message_id = operations.post_message(session, citizen_id, kind, subject_id, params)
    if message_id is not None:
        emit(session, MessagePosted(message_id))
