"""The doors of a citizen who has allowed apps something: which, what, until when, and no more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth.app_schemas import AllowedAppsSchema
from auth.app_scopes import SCOPES
from auth.guard import current_citizen
from auth.operations import grants as operations
from auth.operations.grants import AllowedApp
from auth.views.door import apps as blueprint
from kit.database import transaction
from kit.errors import NotFound
from kit.web import language

ALLOWED: dict[str, Any] = {
    "id": "019a0c1e-9999-7c00-8000-000000000019",
    "name": "Sổ chi tiêu",
    "owner_name": "Công ty TNHH Sổ Chi Tiêu",
    "homepage": "https://so-chi-tieu.example",
    "state": "approved",
    "scopes": [
        {
            "scope": "bills:read",
            "title": "Xem hóa đơn của bạn",
            "body": "Mã khách hàng bạn đã lưu, tên chủ hộ đã che bớt, số tiền, hạn trả và chỉ số công tơ.",
        }
    ],
    "given_at": "2026-11-21T09:00:00.000+07:00",
    "used_at": "2026-11-21T09:05:00.000+07:00",
    "ends_at": "2027-02-19T09:00:00.000+07:00",
    "sign_ins": 1,
}


def tell_allowed(allowed: AllowedApp) -> dict[str, Any]:
    """An app as the citizen who has allowed it sees it, in the caller's language."""
    app, told_in = allowed.app, language()
    return {
        "id": app.id,
        "name": app.name_vi if told_in == "vi" else app.name_en,
        "owner_name": app.owner_name,
        "homepage": app.homepage,
        "state": app.state,
        "scopes": [
            {"scope": name, "title": SCOPES[name].title(told_in), "body": SCOPES[name].body(told_in)}
            for name in allowed.scopes
        ],
        "given_at": allowed.given_at,
        "used_at": allowed.used_at,
        "ends_at": allowed.ends_at,
        "sign_ins": allowed.sign_ins,
    }


@blueprint.route("/v1/me/apps")
class AllowedApps(MethodView):
    """Apps that may see something of the citizen."""

    @blueprint.response(200, AllowedAppsSchema, example={"items": [ALLOWED]})
    @blueprint.doc(operationId="listMyApps")
    def get(self) -> dict[str, Any]:
        """List the apps I have allowed to see my data (ứng dụng đã cho phép).

        What each may see, who answers for it, and until when. listAccessToMyData shows what they have looked at.
        """
        with transaction() as session:
            found = operations.list_allowed_apps(session, current_citizen())
        return {"items": [tell_allowed(one) for one in found]}


@blueprint.route("/v1/me/apps/<uuid:app_id>/withdrawal")
class AppWithdrawal(MethodView):
    """A consent taken back."""

    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="withdrawApp")
    def post(self, app_id: UUID) -> None:
        """Take back what I allowed to an app (rút lại quyền của ứng dụng), with effect at once.

        All its tokens for me are refused from now on; repeating it changes nothing.
        """
        with transaction() as session:
            operations.withdraw_app(session, current_citizen(), app_id)
