"""Draws, as everybody reads them, as citizens ask, as the desk announces them."""

from __future__ import annotations

import marshmallow as ma

from kit.fields import Choice, Instant
from services.health.models import DrawOutcome, DrawState

_HASH = {"description": "SHA-256, 64 hexadecimal digits."}


class DrawAnnouncementSchema(ma.Schema):
    """Which day of which service is drawn, and when requests are taken: for ten minutes from `opens_at`."""

    service_id = ma.fields.UUID(required=True)
    day = ma.fields.Date(required=True, metadata={"example": "2026-12-01"})
    opens_at = Instant(required=True, metadata={"example": "2026-11-28T07:00:00.000+07:00"})


class DrawSchema(ma.Schema):
    """A draw. `seed_hash` stands from the beginning; seed, list hash and tickets when it is drawn."""

    id = ma.fields.UUID(required=True)
    service_id = ma.fields.UUID(required=True)
    day = ma.fields.Date(required=True)
    opens_at = Instant(required=True)
    closes_at = Instant(required=True)
    state = Choice(DrawState, required=True)
    seed_hash = ma.fields.String(required=True, metadata=_HASH)
    seed = ma.fields.String(
        attribute="shown_seed", allow_none=True, metadata={"description": "32 bytes as hexadecimal digits."}
    )
    list_hash = ma.fields.String(allow_none=True, metadata=_HASH)
    drawn_at = Instant(allow_none=True)
    done_at = Instant(allow_none=True, metadata={"description": "When every place was given."})


class DrawsSchema(ma.Schema):
    """The draws of a service."""

    items = ma.fields.List(ma.fields.Nested(DrawSchema), required=True)


class DrawTicketSchema(ma.Schema):
    """A ticket in its drawn order; what became of it once all places are given."""

    rank = ma.fields.Integer(required=True)
    ticket = ma.fields.String(required=True)
    outcome = Choice(DrawOutcome, allow_none=True)


class DrawTicketsSchema(ma.Schema):
    """All tickets of a draw."""

    items = ma.fields.List(ma.fields.Nested(DrawTicketSchema), required=True)


class DrawEntrySchema(ma.Schema):
    """For whom a place is asked."""

    member_id = ma.fields.UUID(load_default=None, metadata={"description": "null for oneself."})


class DrawnTurnSchema(ma.Schema):
    """A turn in the waiting list that keeps the drawn order, for a day: send it to `addWait`."""

    service_id = ma.fields.UUID(required=True)
    from_on = ma.fields.Date(required=True)
    to_on = ma.fields.Date(required=True)
    token = ma.fields.String(required=True)


class DrawRequestSchema(ma.Schema):
    """A request in a draw."""

    id = ma.fields.UUID(required=True)
    draw_id = ma.fields.UUID(required=True)
    service_id = ma.fields.UUID(required=True)
    day = ma.fields.Date(required=True)
    member_id = ma.fields.UUID(allow_none=True)
    ticket = ma.fields.String(required=True, metadata={"description": "Look for it in the list of the draw."})
    rank = ma.fields.Integer(allow_none=True)
    state = Choice(DrawOutcome, required=True)
    booking_id = ma.fields.UUID(allow_none=True, metadata={"description": "Held for you: confirm it in time."})
    waitlist = ma.fields.Nested(DrawnTurnSchema, allow_none=True)


class DrawRequestsSchema(ma.Schema):
    """The citizen's requests."""

    items = ma.fields.List(ma.fields.Nested(DrawRequestSchema), required=True)
