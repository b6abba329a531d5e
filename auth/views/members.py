"""The doors of members: who works for an organisation as what, and what happened among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth import operations
from auth.errors import LastOperator
from auth.guard import current_staff
from auth.operations import Face
from auth.organisation_models import MemberEvent, Membership, StaffRole
from auth.organisation_schemas import (
    MemberEventPageSchema,
    RolesSchema,
    StaffMemberPageSchema,
    StaffMemberSchema,
)
from auth.views.door import blueprint, looked_after, told_etag
from auth.views.examples import MEMBER, MEMBER_EVENT
from kit.database import transaction
from kit.errors import NotFound
from kit.pages import Page, PageQuery
from kit.web import require_match, tag

_NOBODY = Face(None, None)


@blueprint.route("/v1/organisations/<uuid:organisation_id>/members")
class Members(MethodView):
    """Who works for an organisation."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, StaffMemberPageSchema, example={"items": [MEMBER]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listMembers")
    def get(self, asked: dict[str, Any], organisation_id: UUID) -> Page:
        """List the members of the organisation (thành viên), the newest first.

        For its operators; the province's see those of any. Names and numbers are masked.
        """
        with transaction() as session:
            found = operations.list_members(session, looked_after(organisation_id), **asked)
            faces = operations.list_faces(session, [member.citizen_id for member in found.items])
        return replace(found, items=[_told(member, faces) for member in found.items])


@blueprint.route("/v1/organisations/<uuid:organisation_id>/members/<uuid:member_id>")
class MemberById(MethodView):
    """One member."""

    @blueprint.conditional
    @blueprint.arguments(RolesSchema(), example={"roles": ["clerk", "operator"]})
    @blueprint.response(200, StaffMemberSchema, example=MEMBER | {"roles": ["clerk", "operator"]})
    @blueprint.raises(NotFound, LastOperator)
    @blueprint.doc(operationId="changeMember")
    def patch(self, asked: dict[str, Any], organisation_id: UUID, member_id: UUID) -> dict[str, Any]:
        """Change the roles of a member (đổi vai trò), with effect at once.

        Needs If-Match and a proof of the last five minutes. The last operator stays one.
        """
        roles = [StaffRole(role) for role in asked["roles"]]
        with transaction() as session:
            member = operations.get_member(session, looked_after(organisation_id), member_id)
            require_match(member.id, member.version)
            changed = operations.change_roles(session, member, roles, actor_id=current_staff().citizen_id)
            faces = operations.list_faces(session, [changed.citizen_id])
        tag(changed.id, changed.version)
        return _told(changed, faces)

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound, LastOperator)
    @blueprint.doc(operationId="removeMember")
    def delete(self, organisation_id: UUID, member_id: UUID) -> None:
        """Remove a member (gỡ thành viên), with effect at once.

        Needs If-Match. The last operator can't be removed.
        """
        with transaction() as session:
            member = operations.get_member(session, looked_after(organisation_id), member_id)
            require_match(member.id, member.version)
            operations.end_membership(session, member, actor_id=current_staff().citizen_id)


@blueprint.route("/v1/organisations/<uuid:organisation_id>/member-events")
class MemberEvents(MethodView):
    """What happened among the members."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, MemberEventPageSchema, example={"items": [MEMBER_EVENT]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listMemberEvents")
    def get(self, asked: dict[str, Any], organisation_id: UUID) -> Page:
        """See who changed what among the members, and when (lịch sử thành viên), the newest first.

        Nothing in it is ever altered.
        """
        with transaction() as session:
            found = operations.list_member_events(session, looked_after(organisation_id), **asked)
            named = {one for event in found.items for one in (event.citizen_id, event.actor_id) if one is not None}
            faces = operations.list_faces(session, named)
        return replace(found, items=[_told_event(event, faces) for event in found.items])


def _told(member: Membership, faces: Mapping[UUID, Face]) -> dict[str, Any]:
    face = faces.get(member.citizen_id, _NOBODY)
    return {
        "id": member.id,
        "citizen_id": member.citizen_id,
        "name": face.name,
        "phone": face.phone,
        "roles": member.roles,
        "created_at": member.created_at,
        "etag": told_etag(member.id, member.version),
    }


def _told_event(event: MemberEvent, faces: Mapping[UUID, Face]) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": event.created_at,
        "action": event.action,
        "citizen_id": event.citizen_id,
        "citizen_name": faces[event.citizen_id].name if event.citizen_id else None,
        "actor_id": event.actor_id,
        "actor_name": faces[event.actor_id].name if event.actor_id else None,
        "roles": event.roles,
    }
