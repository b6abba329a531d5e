"""The doors of changes: a provider's staff propose other settings, somebody of the province decides."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_provider, current_staff
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page
from kit.web import note, request_key
from payments.errors import SecondPersonNeeded
from services.utilities.errors import (
    ChangeNotOpen,
    ChangeTooLate,
    ChangeWaiting,
    CodePatternUnusable,
    LayoutUnusable,
    PostingAddressRefused,
)
from services.utilities.onboarding_models import ProviderChange
from services.utilities.onboarding_schemas import (
    CHANGE_EXAMPLE,
    ChangeDecisionSchema,
    ChangeQuery,
    NewProviderChangeSchema,
    ProviderChangePageSchema,
    ProviderChangeSchema,
)
from services.utilities.operations import changing
from services.utilities.views.bills import blueprint

_UNUSABLE = (CodePatternUnusable, PostingAddressRefused, LayoutUnusable, ChangeTooLate)


@blueprint.route("/provider-changes")
class ProviderChanges(MethodView):
    """Changes a provider wants."""

    @blueprint.arguments(ChangeQuery(), location="query")
    @blueprint.response(200, ProviderChangePageSchema, example={"items": [CHANGE_EXAMPLE]})
    @blueprint.doc(operationId="listProviderChanges")
    def get(self, asked: dict[str, Any]) -> Page:
        """List our changes of settings (thay đổi cấu hình), the newest first.

        Whatever became of them. For a provider's staff.
        """
        with transaction() as session:
            return changing.list_changes(session, current_provider(), **asked)

    @blueprint.idempotent
    @blueprint.arguments(
        NewProviderChangeSchema(), example={"wanted": {"cut_off": "22:00"}, "valid_from": "2026-12-01"}
    )
    @blueprint.response(201, ProviderChangeSchema, example=CHANGE_EXAMPLE)
    @blueprint.raises(NotFound, ChangeWaiting, *_UNUSABLE, RequestInFlight)
    @blueprint.doc(operationId="proposeProviderChange")
    def post(self, asked: dict[str, Any]) -> tuple[ProviderChange, dict[str, str]]:
        """Ask for other settings from a day on (đề nghị thay đổi cấu hình; for a provider's staff).

        Customer codes and proofs, cut-off, who begins a posting, your address, the headings of your statements.
        The province decides; until then everything stays as it is. One undecided change at a time.
        """
        staff = current_staff()
        with transaction() as session:
            outcome = once(
                session,
                request_key(asked),
                lambda: changing.propose(
                    session, current_provider(), staff.citizen_id, asked["wanted"], asked["valid_from"]
                ),
            )
            made = changing.get_change(session, outcome.resource_id, current_provider())
        note(outcome)
        return made, {"Location": url_for("utilities.ProviderChangeById", change_id=made.id)}


@blueprint.route("/provider-changes/<uuid:change_id>")
class ProviderChangeById(MethodView):
    """One change."""

    @blueprint.response(200, ProviderChangeSchema, example=CHANGE_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getProviderChange")
    def get(self, change_id: UUID) -> ProviderChange:
        """See one change of our settings.

        `before` holds the values it took the place of, once it holds.
        """
        with transaction() as session:
            return changing.get_change(session, change_id, current_provider())


@blueprint.route("/provider-changes/<uuid:change_id>/withdrawal")
class ProviderChangeWithdrawal(MethodView):
    """The end of a change by those who want it."""

    @blueprint.response(200, ProviderChangeSchema, example=CHANGE_EXAMPLE | {"state": "withdrawn"})
    @blueprint.raises(NotFound, ChangeNotOpen)
    @blueprint.doc(operationId="withdrawProviderChange")
    def post(self, change_id: UUID) -> ProviderChange:
        """Take an undecided change back (rút đề nghị thay đổi).

        What was approved is changed by another change.
        """
        with transaction() as session:
            return changing.withdraw_change(session, change_id, current_provider())


@blueprint.route("/provider-change-reviews")
class ProviderChangeReviews(MethodView):
    """Changes of all providers."""

    @blueprint.arguments(ChangeQuery(), location="query")
    @blueprint.response(200, ProviderChangePageSchema, example={"items": [CHANGE_EXAMPLE]})
    @blueprint.doc(operationId="listProviderChangesToReview")
    def get(self, asked: dict[str, Any]) -> Page:
        """List changes that providers want (thay đổi chờ duyệt), the newest first.

        For the province's operators. `state=proposed` gives those that wait.
        """
        with transaction() as session:
            return changing.list_changes(session, None, **asked)


@blueprint.route("/provider-change-reviews/<uuid:change_id>")
class ProviderChangeReviewById(MethodView):
    """One change, to be decided about."""

    @blueprint.arguments(ChangeDecisionSchema(), example={"decision": "approve"})
    @blueprint.response(200, ProviderChangeSchema, example=CHANGE_EXAMPLE | {"state": "approved"})
    @blueprint.raises(NotFound, ChangeNotOpen, SecondPersonNeeded, *_UNUSABLE)
    @blueprint.doc(operationId="answerProviderChange")
    def post(self, asked: dict[str, Any], change_id: UUID) -> ProviderChange:
        """Agree to a change, or decline it with a reason (duyệt thay đổi).

        For the province's operators, and never by the person who proposed it. Needs a proof of the last five minutes.
        What is agreed holds from its day on; a cut-off never changes a day whose
        books are being closed.
        """
        with transaction() as session:
            return changing.decide(
                session,
                change_id,
                current_staff().citizen_id,
                accept=asked["decision"] == "approve",
                reason=asked["reason"],
            )
