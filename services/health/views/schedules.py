"""The doors of schedules, for the front desk."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from kit.database import transaction
from kit.errors import NotFound
from services.health import operations
from services.health.errors import ScheduleUnclear
from services.health.guard import current_desk
from services.health.models import ScheduleRule, Slot
from services.health.schemas.desk import (
    ClinicSlotSchema,
    ScheduleExceptionRequestSchema,
    ScheduleExceptionSchema,
    ScheduleRuleEndSchema,
    ScheduleRuleRequestSchema,
    ScheduleRuleSchema,
    ScheduleRulesSchema,
    SlotCapacitySchema,
)
from services.health.views.door import SERVICE_ID, SLOT_ID, blueprint

_RULE = {
    "service_id": SERVICE_ID,
    "practitioner_id": None,
    "weekday": 1,
    "opens": "07:00",
    "closes": "11:30",
    "slot_minutes": 15,
    "capacity": 5,
    "kept": 1,
    "release_days": 7,
    "release_time": "07:00",
    "valid_from": "2026-12-01",
    "valid_to": None,
}
_KEPT_RULE = _RULE | {"id": "019a0d00-0000-7000-8000-00000000bb01"}


@blueprint.route("/desk/rules")
class Rules(MethodView):
    """Weekly rules."""

    @blueprint.response(200, ScheduleRulesSchema, example={"items": [_KEPT_RULE]})
    @blueprint.doc(operationId="listScheduleRules")
    def get(self) -> dict[str, Any]:
        """List the weekly rules of our services (lịch làm việc hằng tuần).

        Those that hold today or will hold.
        """
        with transaction() as session:
            return {"items": operations.list_rules(session, current_desk(session).facility_id)}

    @blueprint.arguments(ScheduleRuleRequestSchema(), example=_RULE)
    @blueprint.response(201, ScheduleRuleSchema, example=_KEPT_RULE)
    @blueprint.raises(NotFound, ScheduleUnclear)
    @blueprint.doc(operationId="addScheduleRule")
    def post(self, asked: dict[str, Any]) -> ScheduleRule:
        """Add a weekly rule; its places are made at once.

        A place that somebody has is never touched.
        """
        with transaction() as session:
            return operations.add_rule(session, current_desk(session).facility_id, asked)


@blueprint.route("/desk/rules/<uuid:rule_id>/end")
class RuleEnd(MethodView):
    """The end of a rule."""

    @blueprint.arguments(ScheduleRuleEndSchema(), example={"last_on": "2026-12-31"})
    @blueprint.response(200, ScheduleRuleSchema, example=_KEPT_RULE | {"valid_to": "2026-12-31"})
    @blueprint.raises(NotFound, ScheduleUnclear)
    @blueprint.doc(operationId="endScheduleRule")
    def post(self, asked: dict[str, Any], rule_id: UUID) -> ScheduleRule:
        """Let a weekly rule end.

        Places after the last day are withdrawn; who had one is offered another before everybody else.
        """
        with transaction() as session:
            return operations.end_rule(session, current_desk(session).facility_id, rule_id, asked["last_on"])


@blueprint.route("/desk/exceptions")
class Exceptions(MethodView):
    """Days that are different."""

    @blueprint.arguments(
        ScheduleExceptionRequestSchema(),
        example={"kind": "closed", "from_on": "2027-02-04", "to_on": "2027-02-10", "reason": "Nghỉ Tết"},
    )
    @blueprint.response(
        201,
        ScheduleExceptionSchema,
        example={
            "id": "019a0d00-0000-7000-8000-00000000bb02",
            "made": 0,
            "changed": 0,
            "withdrawn": 90,
            "people": 40,
        },
    )
    @blueprint.raises(NotFound, ScheduleUnclear)
    @blueprint.doc(operationId="addScheduleException")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Close days, add hours, or change the number of places (ngoại lệ lịch).

        Tells how many people are to be moved; each of them gets an offer.
        """
        with transaction() as session:
            exception, done = operations.add_exception(session, current_desk(session).facility_id, asked)
        return {"id": exception.id, **vars(done)}


@blueprint.route("/desk/slots/<uuid:slot_id>/capacity")
class SlotCapacity(MethodView):
    """More people than planned."""

    @blueprint.arguments(SlotCapacitySchema(), example={"more": 2, "reason": "Thêm bác sĩ"})
    @blueprint.response(
        200,
        ClinicSlotSchema,
        example={"id": SLOT_ID, "starts_at": "2026-12-01T07:30:00.000+07:00", "capacity": 7, "taken": 5},
    )
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="addPlaces")
    def post(self, asked: dict[str, Any], slot_id: UUID) -> Slot:
        """Let more people into a slot than planned, with a reason (thêm chỗ).

        What the schedule says of this slot changes with it.
        """
        with transaction() as session:
            desk = current_desk(session)
            return operations.raise_capacity(
                session, desk.facility_id, slot_id, by=asked["more"], reason=asked["reason"], actor=desk.person_id
            )
