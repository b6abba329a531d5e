"""The doors of data law: everything in one answer, everything forgotten, and the clocks of both."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import InvalidRequest, MalformedRequest, NotSignedIn
from kit.pages import Page, PageQuery
from kit.web import note, request_key
from persons import operations
from persons.errors import PaymentUnderway
from persons.schemas import DataRequestPageSchema, ErasureSchema, ExportSchema
from persons.views.door import blueprint

_REQUEST = {
    "id": "019a0c1e-4444-7c00-8000-00000000000e",
    "kind": "export",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "answer_due_on": "2026-11-24",
    "done_due_on": "2026-12-06",
    "answered_at": "2026-11-21T09:00:00.000+07:00",
    "done_at": "2026-11-21T09:00:00.000+07:00",
}


@blueprint.route("/exports")
class Exports(MethodView):
    """All data of the citizen."""

    @blueprint.idempotent
    @blueprint.response(
        201, ExportSchema, example={"request": _REQUEST, "rooms": {"persons": {"identity": {"name": "Nguyễn Văn An"}}}}
    )
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="exportMyData")
    def post(self) -> dict[str, Any]:
        """Take all my data with me (tải dữ liệu của tôi).

        Every room contributes its part, numbers whole: keep the answer safe. The request and its legal clocks stand in
        listMyDataRequests.
        """
        citizen_id = current_citizen()
        with transaction() as session:
            outcome = operations.request_export(session, request_key({}), citizen_id)
            filed = operations.get_request(session, citizen_id, outcome.resource_id)
            collected = operations.collect(session, citizen_id)
        note(outcome)
        return {"request": filed, "rooms": collected}


@blueprint.route("/erasure")
class Erasure(MethodView):
    """The end of an account."""

    @blueprint.arguments(ErasureSchema(), example={"confirm": "erase everything"})
    @blueprint.response(204)
    @blueprint.raises(NotSignedIn, PaymentUnderway, InvalidRequest)
    @blueprint.doc(operationId="eraseMe")
    def post(self, _asked: dict[str, str]) -> None:
        """Erase me (xóa tài khoản và dữ liệu).

        Needs a sign-in of the last five minutes. Ends all sessions, forgets devices, messages, household and links, and
        destroys the key without which nothing personal can be read again. The books keep amounts under an id that leads
        to nobody. Signing in again with the same number makes a new citizen. There is no way back.
        """
        with transaction() as session:
            operations.erase(session, current_citizen())


@blueprint.route("/data-requests")
class DataRequests(MethodView):
    """Requests under data law."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, DataRequestPageSchema, example={"items": [_REQUEST]})
    @blueprint.raises(NotSignedIn, MalformedRequest)
    @blueprint.doc(operationId="listMyDataRequests")
    def get(self, asked: dict[str, Any]) -> Page:
        """List my requests under data law, with the days they are due.

        Two working days to answer, fifteen days until an export is done, twenty until all is erased.
        """
        with transaction() as session:
            return operations.list_requests(session, current_citizen(), **asked)
