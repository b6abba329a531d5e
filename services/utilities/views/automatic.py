"""The doors of automatic payments: wish for them, see what is coming, skip one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page
from kit.web import note, request_key, require_match, tag
from payments.errors import CardNotReady
from services.utilities import operations
from services.utilities.automatic_schemas import (
    AUTOMATIC_EXAMPLE,
    PLANNED_EXAMPLE,
    AutomaticSchema,
    AutomaticsSchema,
    PlannedPageSchema,
    PlannedQuery,
    PlannedSchema,
)
from services.utilities.errors import AlreadyAutomatic, PlannedPaymentOver
from services.utilities.models import AutomaticPayment
from services.utilities.operations import Planned
from services.utilities.views.bills import blueprint

_ASKED = {name: AUTOMATIC_EXAMPLE[name] for name in ("account_id", "card_id", "ceiling_vnd", "days_before")}


@blueprint.route("/automatic-payments")
class AutomaticPayments(MethodView):
    """Bills that are paid by themselves."""

    @blueprint.response(200, AutomaticsSchema, example={"items": [AUTOMATIC_EXAMPLE]})
    @blueprint.doc(operationId="listAutomaticPayments")
    def get(self) -> dict[str, Any]:
        """List my automatic payments (thanh toán tự động).

        Those in force, one an account at most.
        """
        with transaction() as session:
            return {"items": operations.list_automatic(session, current_citizen())}

    @blueprint.idempotent
    @blueprint.arguments(AutomaticSchema(), example=_ASKED)
    @blueprint.response(201, AutomaticSchema, example=AUTOMATIC_EXAMPLE)
    @blueprint.raises(NotFound, CardNotReady, AlreadyAutomatic, RequestInFlight)
    @blueprint.doc(operationId="createAutomaticPayment")
    def post(self, asked: dict[str, Any]) -> tuple[AutomaticPayment, dict[str, str]]:
        """Let the bills of an account be paid by themselves (bật thanh toán tự động).

        Each bill is announced at least 48 hours before, by a message and a push, and can be skipped until it is paid.
        Only the sum that was announced is taken, never above the ceiling. A bill that cannot be paid like this is left
        to the citizen, who is told.
        """
        with transaction() as session:
            outcome = once(
                session,
                request_key({name: str(value) for name, value in asked.items()}),
                lambda: operations.start_automatic(session, current_citizen(), **asked),
            )
            wish = operations.get_automatic(session, outcome.resource_id, current_citizen())
        note(outcome)
        tag(wish.id, wish.version)
        return wish, {"Location": url_for("utilities.AutomaticPaymentById", automatic_id=wish.id)}


@blueprint.route("/automatic-payments/<uuid:automatic_id>")
class AutomaticPaymentById(MethodView):
    """The wish for one account."""

    @blueprint.response(200, AutomaticSchema, example=AUTOMATIC_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getAutomaticPayment")
    def get(self, automatic_id: UUID) -> AutomaticPayment:
        """See one automatic payment.

        The ETag of the answer is needed to end it.
        """
        with transaction() as session:
            wish = operations.get_automatic(session, automatic_id, current_citizen())
        tag(wish.id, wish.version)
        return wish

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="endAutomaticPayment")
    def delete(self, automatic_id: UUID) -> None:
        """End an automatic payment (tắt thanh toán tự động).

        What was announced is not paid; a payment that has begun goes on.
        """
        with transaction() as session:
            wish = operations.get_automatic(session, automatic_id, current_citizen())
            require_match(wish.id, wish.version)
            operations.end_automatic(session, AutomaticPayment.id == wish.id)


@blueprint.route("/planned-payments")
class PlannedPayments(MethodView):
    """What will be paid by itself."""

    @blueprint.arguments(PlannedQuery(), location="query")
    @blueprint.response(200, PlannedPageSchema, example={"items": [PLANNED_EXAMPLE]})
    @blueprint.doc(operationId="listPlannedPayments")
    def get(self, asked: dict[str, Any]) -> Page:
        """List what will be paid by itself, and what became of it (khoản sắp tự động thanh toán).

        The newest first; `announced` ones can still be skipped.
        """
        with transaction() as session:
            return operations.list_planned(session, current_citizen(), **asked)


@blueprint.route("/planned-payments/<uuid:planned_id>")
class PlannedPaymentById(MethodView):
    """One bill that will be paid by itself."""

    @blueprint.response(200, PlannedSchema, example=PLANNED_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getPlannedPayment")
    def get(self, planned_id: UUID) -> Planned:
        """See one bill that will be paid by itself.

        The message that announces it names it as `subject_id`.
        """
        with transaction() as session:
            return operations.get_planned(session, planned_id, current_citizen())


@blueprint.route("/planned-payments/<uuid:planned_id>/skip")
class Skip(MethodView):
    """The button under the notice."""

    @blueprint.response(200, PlannedSchema, example=PLANNED_EXAMPLE | {"state": "skipped", "reason": "skipped"})
    @blueprint.raises(NotFound, PlannedPaymentOver)
    @blueprint.doc(operationId="skipPlannedPayment")
    def post(self, planned_id: UUID) -> Planned:
        """Skip this one (bỏ qua lần này).

        The bill stays to be paid, the next one is announced as before. Skipping again changes nothing.
        """
        with transaction() as session:
            return operations.skip(session, planned_id, current_citizen())
