"""Holds, bookings and waits, as their citizen reads and writes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import marshmallow as ma

from kit import clock
from kit.fields import Choice, Instant, Line, Vnd
from kit.pages import PageQuery, page_schema
from services.health.models import (
    BookingState,
    DayPart,
    DepositState,
    LaneKind,
    Offer,
    PriorityGroup,
    TicketState,
    WaitState,
)
from services.health.operations import BookingTold

_SEVEN, _NOON = "2026-12-01T07:00:00+07:00", "2026-12-01T11:30:00+07:00"
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


class PlaceWindowSchema(ma.Schema):
    """Any free place of a service on a day, or between two instants of one day in Vietnam."""

    service_id = ma.fields.UUID(required=True)
    day = ma.fields.Date(load_default=None, metadata={"description": "A day in Vietnam.", "example": "2026-12-01"})
    not_before = ma.fields.Time(load_default=None, format="%H:%M", metadata={"example": "07:00", "pattern": _CLOCK})
    not_after = ma.fields.Time(load_default=None, format="%H:%M", metadata={"example": "11:30", "pattern": _CLOCK})
    from_at = Instant(
        load_default=None,
        metadata={"description": "Instead of `day` and clock times, with any offset.", "example": _SEVEN},
    )
    until_at = Instant(load_default=None, metadata={"example": _NOON})

    @ma.validates_schema
    def _one_way(self, asked: dict[str, Any], **_options: object) -> None:
        day, start, end = (asked.get(name) for name in ("day", "from_at", "until_at"))
        if day is None and (start is None or end is None):
            raise ma.ValidationError("Missing data for required field.", "day")
        if day is not None and (start or end):
            raise ma.ValidationError("Must be one of: day, from_at.", "from_at")
        if (asked.get("not_before") or asked.get("not_after")) and start:
            raise ma.ValidationError("Must be one of: not_before, from_at.", "not_before")
        if start and end and not (start <= end and clock.local(start).date() == clock.local(end).date()):
            raise ma.ValidationError("Must be greater than or equal to from_at, on the same day.", "until_at")

    @ma.post_load
    def _on_vietnamese_clocks(self, asked: dict[str, Any], **_options: object) -> dict[str, Any]:
        start, end = asked.pop("from_at"), asked.pop("until_at")
        if start is not None:
            first, last = clock.local(start), clock.local(end)
            asked |= {"day": first.date(), "not_before": first.time(), "not_after": last.time()}
        return asked


class _SomewhereSchema(ma.Schema):
    slot_id = ma.fields.UUID(load_default=None, metadata={"description": "A place of one's choice."})
    window = ma.fields.Nested(
        PlaceWindowSchema, load_default=None, metadata={"description": "Or any free place: much likelier in a rush."}
    )

    @ma.validates_schema
    def _one_of_both(self, asked: dict[str, Any], **_options: object) -> None:
        if (asked.get("slot_id") is None) == (asked.get("window") is None):
            raise ma.ValidationError("Missing data for required field.", "window")


class HoldRequestSchema(_SomewhereSchema):
    """For whom and where: a slot, or any place in a window."""

    members = ma.fields.List(
        ma.fields.UUID(allow_none=True),
        load_default=lambda: [None],
        validate=ma.validate.Length(min=1, max=7),
        metadata={
            "description": "Profiles of the household, null for oneself; several get places one after the other."
        },
    )

    @ma.validates("members")
    def _each_once(self, value: list[Any], data_key: str) -> None:  # noqa: ARG002 - the library's signature
        if len(set(value)) != len(value):
            raise ma.ValidationError("Must be one of: each person once.")


class BookingMoveSchema(_SomewhereSchema):
    """Where to move a booking: another slot of its service, or any place in a window."""


class BookingSchema(ma.Schema):
    """A booking, from hold to visit."""

    id = ma.fields.UUID(required=True)
    hold_id = ma.fields.UUID(required=True, metadata={"description": "What was held together."})
    state = Choice(BookingState, required=True)
    offer = Choice(Offer, allow_none=True, metadata={"description": "Held for you though you did not pick it."})
    member_id = ma.fields.UUID(allow_none=True, metadata={"description": "null for oneself."})
    patient_name = ma.fields.String(allow_none=True)
    facility_id = ma.fields.UUID(required=True)
    facility = ma.fields.String(required=True)
    address = ma.fields.String(allow_none=True)
    phones = ma.fields.List(ma.fields.String(), required=True)
    service_id = ma.fields.UUID(required=True)
    service_vi = ma.fields.String(required=True)
    service_en = ma.fields.String(required=True)
    practitioner = ma.fields.String(allow_none=True)
    slot_id = ma.fields.UUID(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    hold_expires_at = Instant(allow_none=True)
    cancel_until_at = Instant(required=True)
    moves_left = ma.fields.Integer(required=True)
    must_move = ma.fields.Boolean(required=True, metadata={"description": "The clinic is looking for another place."})
    reconfirm_by_at = Instant(allow_none=True, metadata={"description": "Say by then that you will come."})
    priority_group = Choice(PriorityGroup, allow_none=True)
    bring_vi = ma.fields.String(allow_none=True)
    bring_en = ma.fields.String(allow_none=True)
    owed_vnd = Vnd(allow_none=True, metadata={"description": "To be paid before it is booked; null: nothing."})
    deposit_state = Choice(
        DepositState,
        allow_none=True,
        metadata={"description": "Where the deposit is; `returned` means that it is on its way back, or there."},
    )
    payment_id = ma.fields.UUID(allow_none=True, metadata={"description": "Of the deposit: see `getPayment`."})

    @ma.pre_dump
    def _flat(self, told: BookingTold, **_options: object) -> dict[str, Any]:
        one, facility, service = told.booking, told.facility, told.service
        held = {
            name: getattr(one, name)
            for name in (
                "id", "hold_id", "state", "offer", "member_id", "facility_id", "service_id", "slot_id", "starts_at",
                "ends_at", "priority_group",
            )
        }  # fmt: skip
        return held | {
            "patient_name": told.patient.name,
            "facility": facility.name,
            "address": facility.address or facility.commune,
            "phones": facility.phones,
            "service_vi": service.name_vi,
            "service_en": service.name_en,
            "practitioner": told.practitioner.name if told.practitioner else None,
            "hold_expires_at": one.hold_expires_at if one.state is BookingState.HELD else None,
            "cancel_until_at": one.starts_at - timedelta(minutes=service.cancel_minutes),
            "moves_left": 2 - one.moves,
            "must_move": told.is_displaced,
            "reconfirm_by_at": one.reconfirm_by,
            "bring_vi": service.bring_vi,
            "bring_en": service.bring_en,
            "owed_vnd": told.owed_vnd,
            "deposit_state": told.deposit.state if told.deposit else None,
            "payment_id": told.deposit.payment_id if told.deposit else None,
        }


class HoldSchema(ma.Schema):
    """Places held together."""

    id = ma.fields.UUID(required=True)
    expires_at = Instant(allow_none=True, metadata={"description": "null once it is no hold any more."})
    items = ma.fields.List(ma.fields.Nested(BookingSchema), required=True)


class DepositPaymentSchema(ma.Schema):
    """Paying the deposit of a hold."""

    amount_vnd = Vnd(required=True, metadata={"description": "The sum of `owed_vnd` that the citizen has seen."})
    payment_method = ma.fields.String(
        load_default=None,
        validate=ma.validate.Regexp(r"^pm_[A-Za-z0-9_]{1,200}$"),
        metadata={
            "description": "The gateway's id of a card. Without it the answer holds a `client_secret` with which the "
            "app confirms the payment itself."
        },
    )


class BookingQuery(PageQuery):
    """Which bookings."""

    live = ma.fields.Boolean(
        load_default=None, metadata={"description": "true: those that are to come; false: those that are over."}
    )


class BookingStepSchema(ma.Schema):
    """One step of a booking."""

    at = Instant(required=True, attribute="created_at")
    step = ma.fields.String(required=True)


class BookingDetailSchema(BookingSchema):
    """A booking with its steps."""

    steps = ma.fields.List(ma.fields.Nested(BookingStepSchema), required=True)

    @ma.pre_dump
    def _flat(self, told: dict[str, Any], **_options: object) -> dict[str, Any]:
        flat = BookingSchema._flat(self, told["told"])  # noqa: SLF001 - the same, and more
        return {**flat, "steps": told["steps"]}


class BookingProofSchema(ma.Schema):
    """What to show at the door: six digits to say, and a text to draw as a QR code, also without a network."""

    booking_id = ma.fields.UUID(required=True)
    code = ma.fields.String(required=True)
    qr = ma.fields.String(required=True)
    valid_on = ma.fields.Date(required=True)


class TurnSchema(ma.Schema):
    """Where a number stands; minutes are a range, null once it is called."""

    lane = Choice(LaneKind, required=True)
    number = ma.fields.Integer(required=True)
    state = Choice(TicketState, required=True)
    now_serving = ma.fields.Integer(allow_none=True)
    ahead = ma.fields.Integer(allow_none=True, metadata={"description": "People before you, as things stand."})
    minutes_from = ma.fields.Integer(allow_none=True)
    minutes_to = ma.fields.Integer(allow_none=True)


class NoShowAppealSchema(ma.Schema):
    """Why a visit was not missed, or why one could not come."""

    text = Line(1000, required=True)


class WaitRequestSchema(ma.Schema):
    """For whom, for what and when to wait."""

    service_id = ma.fields.UUID(required=True)
    member_id = ma.fields.UUID(load_default=None, metadata={"description": "null for oneself."})
    from_on = ma.fields.Date(required=True)
    to_on = ma.fields.Date(required=True)
    part = Choice(DayPart, load_default="any", metadata={"description": "Which half of the day."})
    token = Line(100, load_default=None, metadata={"description": "`waitlist.token` of a refusal: keeps your turn."})

    @ma.validates_schema
    def _in_order(self, asked: dict[str, Any], **_options: object) -> None:
        if asked.get("from_on") and asked.get("to_on"):
            if asked["from_on"] > asked["to_on"]:
                raise ma.ValidationError("Must be greater than or equal to from_on.", "to_on")
            if asked["to_on"] < clock.today():
                raise ma.ValidationError("Must be greater than or equal to today.", "to_on")


class WaitSchema(ma.Schema):
    """A wait for a place."""

    id = ma.fields.UUID(required=True)
    service_id = ma.fields.UUID(required=True)
    member_id = ma.fields.UUID(allow_none=True)
    from_on = ma.fields.Date(required=True)
    to_on = ma.fields.Date(required=True)
    part = Choice(DayPart, required=True)
    state = Choice(WaitState, required=True)
    offers = ma.fields.Integer(required=True)
    missed = ma.fields.Integer(required=True)
    position = ma.fields.Integer(allow_none=True)


class WaitsSchema(ma.Schema):
    """The citizen's waits."""

    items = ma.fields.List(ma.fields.Nested(WaitSchema), required=True)


BookingPageSchema = page_schema(BookingSchema)
