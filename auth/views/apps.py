"""The doors of who registers an app: told, changed until it is approved, given a secret, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth.app_errors import AppPublic, AppSettled, AppsFull
from auth.app_models import App
from auth.app_schemas import AppChangeSchema, AppSchema, AppSecretSchema, AppsSchema, NewAppSchema
from auth.guard import current_citizen
from auth.operations import apps as operations
from auth.views.door import apps as blueprint
from kit.database import transaction
from kit.errors import NotFound
from kit.web import etag_of, language, require_match, tag

TOLD: dict[str, Any] = {
    "name_vi": "Sổ chi tiêu",
    "name_en": "Spending book",
    "owner_name": "Công ty TNHH Sổ Chi Tiêu",
    "homepage": "https://so-chi-tieu.example",
    "redirect_uris": ["https://so-chi-tieu.example/back"],
    "scopes": ["bills:read", "profile:read"],
    "is_confidential": True,
}
APP: dict[str, Any] = {
    "id": "019a0c1e-9999-7c00-8000-000000000019",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    **TOLD,
    "state": "submitted",
    "state_since": "2026-11-21T09:00:00.000+07:00",
    "reason": None,
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}


def tell_app(app: App) -> dict[str, Any]:
    """An app as its owner and the province see it: never its secret."""
    told = {name: getattr(app, name) for name in APP if name != "etag"}
    return told | {"etag": f'"{etag_of(app.id, app.version, told_in=language())}"'}


@blueprint.route("/v1/apps")
class Apps(MethodView):
    """The apps a citizen has registered."""

    @blueprint.arguments(NewAppSchema(), example=TOLD)
    @blueprint.response(201, AppSchema, example=APP)
    @blueprint.raises(AppsFull)
    @blueprint.doc(operationId="registerApp")
    def post(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Register an app of others (đăng ký ứng dụng), for the province to review.

        `id` is its client_id. It may ask citizens for something once its state is `approved`, and only for the scopes
        named here. One person may register twenty.
        """
        with transaction() as session:
            app = operations.register_app(session, current_citizen(), asked)
        tag(app.id, app.version)
        return tell_app(app)

    @blueprint.response(200, AppsSchema, example={"items": [APP]})
    @blueprint.doc(operationId="listOwnApps")
    def get(self) -> dict[str, Any]:
        """List the apps I have registered (ứng dụng tôi đăng ký), the newest first.

        With their state, and the reason where one was refused or suspended.
        """
        with transaction() as session:
            return {"items": [tell_app(app) for app in operations.list_own_apps(session, current_citizen())]}


@blueprint.route("/v1/apps/<uuid:app_id>")
class AppById(MethodView):
    """One app a citizen has registered."""

    @blueprint.response(200, AppSchema, example=APP)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getOwnApp")
    def get(self, app_id: UUID) -> dict[str, Any]:
        """See one app I have registered.

        The ETag of the answer is needed to change it or take it back.
        """
        with transaction() as session:
            app = operations.get_own_app(session, app_id, current_citizen())
        tag(app.id, app.version)
        return tell_app(app)

    @blueprint.conditional
    @blueprint.arguments(AppChangeSchema(), example={"redirect_uris": ["https://so-chi-tieu.example/back"]})
    @blueprint.response(200, AppSchema, example=APP)
    @blueprint.raises(NotFound, AppSettled)
    @blueprint.doc(operationId="changeOwnApp")
    def patch(self, asked: Mapping[str, Any], app_id: UUID) -> dict[str, Any]:
        """Change an app that is not approved yet, and submit it again.

        Needs If-Match. What was approved can't be changed: register another app for what is new.
        """
        with transaction() as session:
            app = operations.get_own_app(session, app_id, current_citizen())
            require_match(app.id, app.version)
            changed = operations.change_app(session, app, asked)
        tag(changed.id, changed.version)
        return tell_app(changed)

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="removeOwnApp")
    def delete(self, app_id: UUID) -> None:
        """Take an app back for good (rút ứng dụng).

        Needs If-Match. Its tokens are refused from now on, and citizens see it no more.
        """
        with transaction() as session:
            app = operations.get_own_app(session, app_id, current_citizen())
            require_match(app.id, app.version)
            operations.withdraw_registration(session, app)


@blueprint.route("/v1/apps/<uuid:app_id>/secrets")
class AppSecrets(MethodView):
    """Secrets of a confidential app."""

    @blueprint.response(
        201,
        AppSecretSchema,
        example={
            "client_id": APP["id"],
            "client_secret": "nQ3y0V8h2s6K4m1P7w9x5Z0t2r8e4d6c1b3a7f9g5h0",
            "former_ends_at": None,
        },
    )
    @blueprint.raises(NotFound, AppPublic)
    @blueprint.doc(operationId="issueAppSecret")
    def post(self, app_id: UUID) -> dict[str, Any]:
        """Get a new secret for a confidential app; it is shown once.

        The one before is good for a day more, so that a server can be given the new one. When the answer gets lost, ask
        again. Needs a passkey or national identity of the last five minutes.
        """
        with transaction() as session:
            app = operations.get_own_app(session, app_id, current_citizen())
            secret = operations.issue_app_secret(session, app)
        return {"client_id": app.id, "client_secret": secret, "former_ends_at": app.former_secret_ends_at}
