"""What the front desk of a clinic reads and writes."""

from __future__ import annotations

from datetime import time
from typing import Any

import marshmallow as ma

from kit.fields import Choice, Instant, Line, Vnd
from kit.pages import PageQuery, page_schema
from payments.models import RefundState
from services.health.models import (
    BookingState,
    ExceptionKind,
    LaneKind,
    MoveCause,
    MoveState,
    PriorityGroup,
    TicketState,
)
from services.health.operations import DeskBooking, NumberTold

_TIME = {"description": "A Vietnamese clock time.", "example": "07:00", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}


class DeskQuery(PageQuery):
    """Whose day."""

    service_id = ma.fields.UUID(required=True, metadata={"description": "A service of one's own facility."})
    day = ma.fields.Date(required=True, metadata={"description": "A day in Vietnam.", "example": "2026-12-01"})


class DeskBookingSchema(ma.Schema):
    """A booking as the front desk reads it."""

    id = ma.fields.UUID(required=True)
    state = Choice(BookingState, required=True)
    starts_at = Instant(required=True)
    patient_name = ma.fields.String(allow_none=True)
    birth_year = ma.fields.Integer(allow_none=True)
    priority_group = Choice(PriorityGroup, allow_none=True)

    @ma.pre_dump
    def _flat(self, told: DeskBooking, **_options: object) -> dict[str, Any]:
        one, born = told.booking, told.patient.birth_date
        return {
            "id": one.id,
            "state": one.state,
            "starts_at": one.starts_at,
            "patient_name": told.patient.name,
            "birth_year": born.year if born else None,
            "priority_group": one.priority_group,
        }


class DepositReturnSchema(ma.Schema):
    """A deposit that goes back to its citizen."""

    id = ma.fields.UUID(required=True)
    booking_id = ma.fields.UUID(required=True)
    payment_id = ma.fields.UUID(required=True)
    amount_vnd = Vnd(required=True)
    reason = ma.fields.String(required=True)
    returned_at = Instant(required=True, metadata={"description": "When it was decided."})
    refund_state = Choice(
        RefundState,
        allow_none=True,
        metadata={"description": "What the gateway says; `failed` or null: a person has to see to it."},
    )


DepositReturnPageSchema = page_schema(DepositReturnSchema)


class ClinicDayRequestSchema(ma.Schema):
    """Which service."""

    service_id = ma.fields.UUID(required=True)


class ClinicDaySchema(ma.Schema):
    """A service's day as the desk runs it."""

    service_id = ma.fields.UUID(required=True)
    day = ma.fields.Date(required=True)
    opened_at = Instant(allow_none=True)
    closed_at = Instant(allow_none=True)


class CheckInSchema(ma.Schema):
    """One of: the text of a QR code; a booking with the code its citizen says; a booking vouched for, with a reason."""

    qr = Line(400, load_default=None)
    booking_id = ma.fields.UUID(load_default=None)
    code = ma.fields.String(load_default=None, validate=ma.validate.Regexp(r"^[0-9]{6}$"))
    override_reason = Line(300, load_default=None)
    priority_group = Choice(PriorityGroup, load_default=None, metadata={"description": "Shown by papers at the desk."})

    @ma.validates_schema
    def _one_way(self, asked: dict[str, Any], **_options: object) -> None:
        ways = [asked.get("qr"), asked.get("code"), asked.get("override_reason")]
        if sum(way is not None for way in ways) != 1:
            raise ma.ValidationError("Must be one of: qr, code, override_reason.", "code")
        if asked.get("qr") is None and asked.get("booking_id") is None:
            raise ma.ValidationError("Missing data for required field.", "booking_id")


class WalkInSchema(ma.Schema):
    """Someone without an appointment."""

    service_id = ma.fields.UUID(required=True)
    priority_group = Choice(PriorityGroup, load_default=None)


class QueueTicketSchema(ma.Schema):
    """A number."""

    id = ma.fields.UUID(required=True)
    service_id = ma.fields.UUID(required=True)
    booking_id = ma.fields.UUID(allow_none=True)
    lane = Choice(LaneKind, required=True)
    number = ma.fields.Integer(required=True)
    state = Choice(TicketState, required=True)
    skips = ma.fields.Integer(required=True)
    priority_group = Choice(PriorityGroup, allow_none=True)
    called_at = Instant(allow_none=True)

    @ma.pre_dump
    def _flat(self, told: NumberTold, **_options: object) -> dict[str, Any]:
        return {name: getattr(told.ticket, name) for name in self.fields if name != "lane"} | {"lane": told.lane}


class TicketChangeSchema(ma.Schema):
    """What has become of a number."""

    state = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["in_service", "done", "left", "skipped"]),
        metadata={"description": "skipped: called and not there; waits behind three others, twice."},
    )


class ClinicCancelSchema(ma.Schema):
    """Why an appointment cannot be kept; its citizen does not read this."""

    reason = Line(300, required=True)


class ScheduleRuleRequestSchema(ma.Schema):
    """A weekly rule. Weekday 1 is Monday; `kept` of `capacity` are for walk-ins."""

    service_id = ma.fields.UUID(required=True)
    practitioner_id = ma.fields.UUID(load_default=None)
    weekday = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=1, max=7))
    opens = ma.fields.Time(required=True, format="%H:%M", metadata=_TIME)
    closes = ma.fields.Time(required=True, format="%H:%M", metadata=_TIME)
    slot_minutes = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=5, max=480))
    capacity = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=1, max=500))
    kept = ma.fields.Integer(load_default=0, strict=True, validate=ma.validate.Range(min=0, max=499))
    release_days = ma.fields.Integer(load_default=120, strict=True, validate=ma.validate.Range(min=0, max=120))
    release_time = ma.fields.Time(load_default=time(0), format="%H:%M", metadata=_TIME)
    valid_from = ma.fields.Date(required=True)
    valid_to = ma.fields.Date(load_default=None)


class ScheduleRuleSchema(ma.Schema):
    """A weekly rule."""

    id = ma.fields.UUID(required=True)
    service_id = ma.fields.UUID(required=True)
    practitioner_id = ma.fields.UUID(allow_none=True)
    weekday = ma.fields.Integer(required=True)
    opens = ma.fields.Time(required=True, format="%H:%M", metadata=_TIME)
    closes = ma.fields.Time(required=True, format="%H:%M", metadata=_TIME)
    slot_minutes = ma.fields.Integer(required=True)
    capacity = ma.fields.Integer(required=True)
    kept = ma.fields.Integer(required=True)
    release_days = ma.fields.Integer(required=True)
    release_time = ma.fields.Time(required=True, format="%H:%M", metadata=_TIME)
    valid_from = ma.fields.Date(required=True)
    valid_to = ma.fields.Date(allow_none=True)


class ScheduleRulesSchema(ma.Schema):
    """The weekly rules that hold or will hold."""

    items = ma.fields.List(ma.fields.Nested(ScheduleRuleSchema), required=True)


class ScheduleRuleEndSchema(ma.Schema):
    """The last day on which a rule holds."""

    last_on = ma.fields.Date(required=True)


class ScheduleExceptionRequestSchema(ma.Schema):
    """Days that do not follow the weekly rules. Without a service: the whole facility is closed."""

    kind = Choice(ExceptionKind, required=True)
    service_id = ma.fields.UUID(load_default=None)
    practitioner_id = ma.fields.UUID(load_default=None)
    from_on = ma.fields.Date(required=True)
    to_on = ma.fields.Date(required=True)
    opens = ma.fields.Time(load_default=None, format="%H:%M", metadata=_TIME)
    closes = ma.fields.Time(load_default=None, format="%H:%M", metadata=_TIME)
    slot_minutes = ma.fields.Integer(load_default=None, strict=True, validate=ma.validate.Range(min=5, max=480))
    capacity = ma.fields.Integer(load_default=None, strict=True, validate=ma.validate.Range(min=1, max=500))
    reason = Line(300, required=True)


class ScheduleExceptionSchema(ma.Schema):
    """An exception and what it did: places made, changed and withdrawn, and how many people are to be moved."""

    id = ma.fields.UUID(required=True)
    made = ma.fields.Integer(required=True)
    changed = ma.fields.Integer(required=True)
    withdrawn = ma.fields.Integer(required=True)
    people = ma.fields.Integer(required=True)


class MoveTaskSchema(ma.Schema):
    """Someone whose place is gone."""

    id = ma.fields.UUID(required=True)
    booking_id = ma.fields.UUID(required=True)
    service_id = ma.fields.UUID(required=True)
    starts_at = Instant(required=True, metadata={"description": "When the visit was to be."})
    cause = Choice(MoveCause, required=True)
    reason = ma.fields.String(required=True)
    state = Choice(MoveState, required=True)
    offered_id = ma.fields.UUID(allow_none=True, metadata={"description": "The booking that is offered instead."})


class MoveTasksSchema(ma.Schema):
    """The open tasks, at most five hundred."""

    items = ma.fields.List(ma.fields.Nested(MoveTaskSchema), required=True)


class SlotCapacitySchema(ma.Schema):
    """How many more, and why."""

    more = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(min=1, max=50))
    reason = Line(300, required=True)


class ClinicSlotSchema(ma.Schema):
    """A slot as the desk reads it."""

    id = ma.fields.UUID(required=True)
    starts_at = Instant(required=True)
    capacity = ma.fields.Integer(required=True)
    taken = ma.fields.Integer(required=True)


DeskBookingPageSchema = page_schema(DeskBookingSchema)
