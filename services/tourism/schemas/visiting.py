"""What visitors keep: favourites, plans, stamps; and the tickets they buy and gates check."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Choice, Flag, Instant, Line, Vnd
from kit.pages import page_schema
from services.tourism.models import OrderState, TicketState, VisitorClass
from services.tourism.operations import Bought

_MOST_TICKETS = 20
_CODE = ma.validate.Regexp(r"^T1\.[A-Za-z0-9_-]{20,400}\.[A-Za-z0-9_-]{80,100}$")


class VisitorTokenSchema(ma.Schema):
    """A phone's token: keep it on the phone, send it as `Visitor-Token`."""

    token = ma.fields.String(required=True)


class FavouriteSchema(ma.Schema):
    """A guide to find again."""

    guide_id = ma.fields.UUID(required=True)
    title = ma.fields.String(required=True)
    created_at = Instant(required=True)


class FavouritesSchema(ma.Schema):
    """All favourites."""

    items = ma.fields.List(ma.fields.Nested(FavouriteSchema), required=True)


class FavouriteOrderSchema(ma.Schema):
    """Which guide."""

    guide_id = ma.fields.UUID(required=True)


class PlanStopSchema(ma.Schema):
    """One stop of a plan."""

    guide_id = ma.fields.UUID(required=True)
    day = ma.fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(min=1, max=60),
        metadata={"description": "Of the journey, from 1."},
    )  # fmt: skip
    note = Line(500, load_default=None, allow_none=True)


class PlanContentSchema(ma.Schema):
    """A visitor's own itinerary."""

    title = Line(120, required=True)
    starts_on = ma.fields.Date(load_default=None, allow_none=True)
    stops = ma.fields.List(ma.fields.Nested(PlanStopSchema), required=True, validate=ma.validate.Length(max=60))


class PlanSchema(PlanContentSchema):
    """A plan as it is kept."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    version = ma.fields.Integer(required=True)


class VisitSchema(ma.Schema):
    """Proof that somebody is there: the code at the gate, or where they stand (compared, never kept)."""

    short_code = Line(12, load_default=None, allow_none=True)
    lat = ma.fields.Float(load_default=None, allow_none=True, validate=ma.validate.Range(min=-90, max=90))
    lon = ma.fields.Float(load_default=None, allow_none=True, validate=ma.validate.Range(min=-180, max=180))

    @ma.validates_schema
    def _proves_something(self, asked: dict[str, Any], **_options: object) -> None:
        has_point = asked["lat"] is not None and asked["lon"] is not None
        if asked["short_code"] is None and not has_point:
            raise ma.ValidationError("Missing data for required field.", "short_code")


class StampSchema(ma.Schema):
    """A place that was visited."""

    guide_id = ma.fields.UUID(required=True)
    title = ma.fields.String(required=True)
    first_on = ma.fields.Date(required=True)
    last_on = ma.fields.Date(required=True)
    visits = ma.fields.Integer(required=True)


class CompletedSchema(ma.Schema):
    """An itinerary of which every stop was visited."""

    itinerary_id = ma.fields.UUID(required=True)
    title = ma.fields.String(required=True)


class PassportSchema(ma.Schema):
    """A visitor's stamps."""

    stamps = ma.fields.List(ma.fields.Nested(StampSchema), required=True)
    completed = ma.fields.List(ma.fields.Nested(CompletedSchema), required=True)


class TicketTypeContentSchema(ma.Schema):
    """A ticket as an office sells it."""

    visitor_class = Choice(VisitorClass, required=True)
    name_vi = Line(120, required=True)
    name_en = Line(120, required=True)
    price_vnd = Vnd(minimum=0, required=True)
    refund_hours_before = ma.fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(min=0, max=720),
        metadata={"description": "Until so many hours before midnight of the day; null: never."},
    )  # fmt: skip
    is_sold = Flag(load_default=True)


class TicketTypeSchema(TicketTypeContentSchema):
    """A ticket that can be bought."""

    id = ma.fields.UUID(required=True)


class TicketDaySchema(ma.Schema):
    """A day and the places left on it."""

    visit_on = ma.fields.Date(required=True)
    places_left = ma.fields.Integer(required=True)


class TicketOfferSchema(ma.Schema):
    """What is sold for a place."""

    types = ma.fields.List(ma.fields.Nested(TicketTypeSchema), required=True)
    days = ma.fields.List(ma.fields.Nested(TicketDaySchema), required=True)


class CapacitySchema(ma.Schema):
    """How many visitors are let in on each of some days."""

    first_on = ma.fields.Date(required=True)
    last_on = ma.fields.Date(required=True)
    capacity = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=0, max=1_000_000))

    @ma.validates_schema
    def _is_a_span(self, asked: dict[str, Any], **_options: object) -> None:
        if not 0 <= (asked["last_on"] - asked["first_on"]).days < 400:  # noqa: PLR2004 - a year and a month
            raise ma.ValidationError("Must be greater than first_on, by less than 400 days.", "last_on")


class CapacityNotedSchema(ma.Schema):
    """For how many days it holds."""

    days = ma.fields.Integer(required=True)


class TicketLineSchema(ma.Schema):
    """So many of a type."""

    type_id = ma.fields.UUID(required=True)
    count = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=1, max=_MOST_TICKETS))


class TicketOrderContentSchema(ma.Schema):
    """Which tickets for which day, the sum the visitor saw, and the card."""

    guide_id = ma.fields.UUID(required=True)
    visit_on = ma.fields.Date(required=True)
    lines = ma.fields.List(ma.fields.Nested(TicketLineSchema), required=True, validate=ma.validate.Length(min=1, max=6))
    amount_vnd = Vnd(minimum=0, required=True)
    payment_method = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^pm_[A-Za-z0-9_]{1,200}$"),
        metadata={"description": "As in `payBills`; not needed for tickets that cost nothing."},
    )

    @ma.validates_schema
    def _each_once(self, asked: dict[str, Any], **_options: object) -> None:
        if len({line["type_id"] for line in asked["lines"]}) != len(asked["lines"]):
            raise ma.ValidationError("Must be one of: each type once.", "lines")


class TicketSchema(ma.Schema):
    """One visitor's ticket; `code` goes into the QR, and is null until it is paid."""

    id = ma.fields.UUID(required=True)
    state = Choice(TicketState, required=True)
    visitor_class = Choice(VisitorClass, required=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    code = ma.fields.String(required=True, allow_none=True)
    used_at = Instant(required=True, allow_none=True)


class TicketOrderSummarySchema(ma.Schema):
    """An order in a list."""

    id = ma.fields.UUID(required=True)
    created_at = Instant(required=True)
    guide_id = ma.fields.UUID(required=True)
    visit_on = ma.fields.Date(required=True)
    places = ma.fields.Integer(required=True)
    amount_vnd = Vnd(minimum=0, required=True)
    state = Choice(OrderState, required=True)
    payment_id = ma.fields.UUID(required=True, allow_none=True, metadata={"description": "Follow it by `getPayment`."})
    refundable_until_at = Instant(required=True, allow_none=True)


class TicketOrderSchema(TicketOrderSummarySchema):
    """An order with its tickets."""

    tickets = ma.fields.List(ma.fields.Nested(TicketSchema), required=True)

    @ma.pre_dump
    def _flat(self, bought: Bought, **_options: object) -> dict[str, Any]:
        order = {name: getattr(bought.order, name) for name in TicketOrderSummarySchema().fields}
        return order | {"tickets": bought.tickets}


_GATE_OF = {"description": "Whose gate it is: a ticket of another place of the office is then `other_place`."}


class GateCheckSchema(ma.Schema):
    """A code before a gate."""

    code = ma.fields.String(required=True, validate=_CODE)
    gate = Line(40, required=True, metadata={"example": "cong-chinh"})
    guide_id = ma.fields.UUID(load_default=None, metadata=_GATE_OF)


class GateScanSchema(ma.Schema):
    """A code that was scanned while the gate was offline."""

    code = Line(600, required=True)
    scanned_at = Instant(required=True)


class GateScansSchema(ma.Schema):
    """What a gate has scanned."""

    gate = Line(40, required=True)
    guide_id = ma.fields.UUID(load_default=None, metadata=_GATE_OF)
    scans = ma.fields.List(ma.fields.Nested(GateScanSchema), required=True, validate=ma.validate.Length(max=500))


class GateOutcomeSchema(ma.Schema):
    """What a code is worth: admitted, already_used, other_place, other_day, cancelled, not_paid, invalid."""

    outcome = ma.fields.String(required=True)
    ticket_id = ma.fields.UUID(required=True, allow_none=True)
    guide_id = ma.fields.UUID(metadata={"description": "The place the ticket is for."})
    visitor_class = ma.fields.String()
    used_at = Instant(required=True, allow_none=True)
    code = ma.fields.String()


class GateOutcomesSchema(ma.Schema):
    """One outcome a scan, in the order of time."""

    items = ma.fields.List(ma.fields.Nested(GateOutcomeSchema), required=True)


class GateDayQuery(ma.Schema):
    """Which day."""

    on = ma.fields.Date(required=True, metadata={"description": "A day in Vietnam.", "example": "2026-11-25"})


class GateDaySchema(ma.Schema):
    """The day's tickets: a gate that is offline checks the signature, and that the id stands here and is not used."""

    guide_id = ma.fields.UUID(required=True)
    visit_on = ma.fields.Date(required=True)
    valid = ma.fields.List(ma.fields.UUID(), required=True)
    used = ma.fields.List(ma.fields.UUID(), required=True)


class TicketRefundSchema(ma.Schema):
    """Money for tickets that is on its way back."""

    id = ma.fields.UUID(required=True)
    payment_id = ma.fields.UUID(required=True)
    amount_vnd = Vnd(required=True)
    visit_on = ma.fields.Date(required=True)
    refund_tries = ma.fields.Integer(required=True, metadata={"description": "How often the gateway was asked."})
    failure = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why the last try failed; null while one is under way."},
    )


PlanPageSchema = page_schema(PlanSchema)
TicketOrderPageSchema = page_schema(TicketOrderSummarySchema)
TicketRefundPageSchema = page_schema(TicketRefundSchema)
