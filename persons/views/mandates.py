"""The doors of mandates."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import InvalidRequest, NotFound, NotSignedIn
from kit.web import note, request_key, require_match, tag
from persons import operations
from persons.errors import MandateCodeRefused, MandateOnlyNarrows, MandateOver
from persons.operations import SeenMandate
from persons.schemas import (
    CodeSchema,
    MandateChangeSchema,
    MandateSchema,
    MandatesSchema,
    NewMandateSchema,
    OfferedMandateSchema,
)
from persons.views.door import blueprint, told_etag

_CODE = "7KQM-2XWP-9RTH-C4VB"
_MANDATE = {
    "id": "019a0c1e-7777-7c00-8000-00000000001b",
    "side": "principal",
    "principal_id": "019a0c1e-0000-7c00-8000-00000000000a",
    "agent_id": "019a0c1e-0000-7c00-8000-00000000000b",
    "other_name": "T*** T** Bình",
    "scopes": ["bills:pay", "bills:read"],
    "state": "active",
    "starts_at": "2026-11-21T09:00:00.000+07:00",
    "ends_at": "2027-05-31T23:59:59.000+07:00",
    "accepted_at": "2026-11-21T09:05:00.000+07:00",
    "revoked_at": None,
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}
_OFFERED = _MANDATE | {"agent_id": None, "other_name": None, "state": "offered", "accepted_at": None, "code": _CODE}


@blueprint.route("/mandates")
class Mandates(MethodView):
    """Permissions to act for somebody."""

    @blueprint.response(200, MandatesSchema, example={"items": [_MANDATE]})
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="listMandates")
    def get(self) -> dict[str, Any]:
        """List the mandates I gave and hold (ủy quyền), the newest hundred.

        Both sides see the same; those that are over stay.
        """
        with transaction() as session:
            return {"items": [_told(one) for one in operations.list_seen(session, current_citizen())]}

    @blueprint.idempotent
    @blueprint.arguments(
        NewMandateSchema(), example={"scopes": ["bills:read", "bills:pay"], "ends_at": "2027-05-31T23:59:59+07:00"}
    )
    @blueprint.response(201, OfferedMandateSchema, example=_OFFERED)
    @blueprint.raises(NotSignedIn, InvalidRequest)
    @blueprint.doc(operationId="offerMandate")
    def post(self, asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Let somebody act for me.

        Tell the code to the person you mean, and to nobody else: who accepts with it becomes your agent. Without it
        nobody learns who is a citizen here.
        """
        with transaction() as session:
            outcome = operations.offer_mandate(session, request_key(asked), current_citizen(), **asked)
            seen = operations.get_seen(session, current_citizen(), outcome.resource_id)
        note(outcome)
        tag(seen.mandate.id, seen.mandate.version)
        told = _told(seen) | {"code": operations.code_of(seen.mandate.id)}
        return told, {"Location": url_for("persons.MandateById", mandate_id=seen.mandate.id)}


@blueprint.route("/mandate-acceptances")
class MandateAcceptances(MethodView):
    """Mandates taken on."""

    @blueprint.arguments(CodeSchema(), example={"code": _CODE})
    @blueprint.response(200, MandateSchema, example=_MANDATE | {"side": "agent", "other_name": "N***** V** An"})
    @blueprint.raises(NotSignedIn, MandateCodeRefused, InvalidRequest)
    @blueprint.doc(operationId="acceptMandate")
    def post(self, asked: dict[str, str]) -> dict[str, Any]:
        """Become somebody's agent, with the code they told me.

        From then on send `Act-For: <principal_id>` with an operation the mandate covers. Repeating it changes nothing.
        """
        with transaction() as session:
            mandate = operations.accept_mandate(session, current_citizen(), asked["code"])
            seen = operations.get_seen(session, current_citizen(), mandate.id)
        tag(seen.mandate.id, seen.mandate.version)
        return _told(seen)


@blueprint.route("/mandates/<uuid:mandate_id>")
class MandateById(MethodView):
    """One mandate."""

    @blueprint.response(200, MandateSchema, example=_MANDATE)
    @blueprint.raises(NotSignedIn, NotFound)
    @blueprint.doc(operationId="getMandate")
    def get(self, mandate_id: UUID) -> dict[str, Any]:
        """See a mandate I gave or hold.

        Both sides see the same; the ETag of the answer is needed to change it.
        """
        with transaction() as session:
            seen = operations.get_seen(session, current_citizen(), mandate_id)
        tag(seen.mandate.id, seen.mandate.version)
        return _told(seen)

    @blueprint.conditional
    @blueprint.arguments(MandateChangeSchema(), example={"scopes": ["bills:read"]})
    @blueprint.response(200, MandateSchema, example=_MANDATE | {"scopes": ["bills:read"]})
    @blueprint.raises(NotSignedIn, NotFound, MandateOver, MandateOnlyNarrows, InvalidRequest)
    @blueprint.doc(operationId="narrowMandate")
    def patch(self, asked: dict[str, Any], mandate_id: UUID) -> dict[str, Any]:
        """Narrow a mandate I gave.

        Scopes can be taken away and the end brought forward, with effect at once; nothing can be added.
        """
        with transaction() as session:
            seen = operations.get_seen(session, current_citizen(), mandate_id)
            require_match(seen.mandate.id, seen.mandate.version)
            operations.narrow_mandate(session, seen.mandate, current_citizen(), **asked)
            seen = operations.get_seen(session, current_citizen(), mandate_id)
        tag(seen.mandate.id, seen.mandate.version)
        return _told(seen)

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotSignedIn, NotFound)
    @blueprint.doc(operationId="revokeMandate")
    def delete(self, mandate_id: UUID) -> None:
        """End a mandate at once, from either side (thu hồi ủy quyền).

        Needs If-Match. Whatever is asked in its name after that is answered with 404.
        """
        with transaction() as session:
            seen = operations.get_seen(session, current_citizen(), mandate_id)
            require_match(seen.mandate.id, seen.mandate.version)
            operations.revoke_mandate(session, seen.mandate, current_citizen())


def _told(seen: SeenMandate) -> dict[str, Any]:
    mandate = seen.mandate
    return {
        "id": mandate.id,
        "side": seen.side,
        "principal_id": mandate.principal_id,
        "agent_id": mandate.agent_id,
        "other_name": seen.other_name,
        "scopes": mandate.scopes,
        "state": seen.state,
        "starts_at": mandate.starts_at,
        "ends_at": mandate.ends_at,
        "accepted_at": mandate.accepted_at,
        "revoked_at": mandate.revoked_at,
        "etag": told_etag(mandate.id, mandate.version),
    }
