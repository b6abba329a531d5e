"""The doors of who reviews apps for the province."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth.app_errors import ReviewOutOfTurn
from auth.app_models import Review
from auth.app_schemas import AppPageSchema, AppQuery, AppSchema, ReviewSchema
from auth.guard import current_caller
from auth.operations import apps as operations
from auth.views.apps import APP, tell_app
from auth.views.door import apps as blueprint
from kit.database import transaction
from kit.errors import NotFound
from kit.pages import Page
from kit.web import require_match, tag


@blueprint.route("/v1/app-reviews")
class AppReviews(MethodView):
    """Apps that were registered."""

    @blueprint.arguments(AppQuery(), location="query")
    @blueprint.response(200, AppPageSchema, example={"items": [APP]})
    @blueprint.doc(operationId="listAppsToReview")
    def get(self, asked: dict[str, Any]) -> Page:
        """List the apps that were registered (ứng dụng chờ duyệt), the newest first.

        `state=submitted` gives those that wait for a decision.
        """
        with transaction() as session:
            found = operations.list_apps(session, **asked)
        return replace(found, items=[tell_app(app) for app in found.items])


@blueprint.route("/v1/app-reviews/<uuid:app_id>")
class AppReviewById(MethodView):
    """One app, to be decided about."""

    @blueprint.response(200, AppSchema, example=APP)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getAppToReview")
    def get(self, app_id: UUID) -> dict[str, Any]:
        """See one app that was registered.

        The ETag of the answer is needed to decide: what is approved is what was read.
        """
        with transaction() as session:
            app = operations.get_app(session, app_id)
        tag(app.id, app.version)
        return tell_app(app)

    @blueprint.conditional
    @blueprint.arguments(ReviewSchema(), example={"decision": "approve"})
    @blueprint.response(200, AppSchema, example=APP | {"state": "approved"})
    @blueprint.raises(NotFound, ReviewOutOfTurn)
    @blueprint.doc(operationId="reviewApp")
    def post(self, asked: Mapping[str, Any], app_id: UUID) -> dict[str, Any]:
        """Decide about an app (duyệt ứng dụng): approve, refuse, suspend, reinstate.

        Needs If-Match. Refusing and suspending need a reason, which its owner reads. A suspended app gets no tokens,
        and those it holds are refused from now on, until it is reinstated.
        """
        with transaction() as session:
            app = operations.get_app(session, app_id)
            require_match(app.id, app.version)
            decided = operations.review_app(
                session, app, Review(asked["decision"]), reason=asked["reason"], reviewer_id=current_caller().subject
            )
        tag(decided.id, decided.version)
        return tell_app(decided)
