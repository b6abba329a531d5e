"""The doors of the household."""

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
from persons.errors import HouseholdFull
from persons.masks import mask_number
from persons.models import Relation
from persons.operations import Member, Profile
from persons.schemas import MemberChangeSchema, MemberSchema, MembersSchema, NewMemberSchema
from persons.views.door import blueprint, told_etag

_NEW = {"name": "Nguyễn Thị Hoa", "relation": "parent", "birth_date": "1955-09-02", "cccd": "034155001234"}
_MEMBER = {
    "id": "019a0c1e-6666-7c00-8000-00000000001a",
    "name": "Nguyễn Thị Hoa",
    "relation": "parent",
    "birth_date": "1955-09-02",
    "cccd": "*********234",
    "health_insurance_no": None,
    "verified_by": "declared",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}


@blueprint.route("/household")
class Household(MethodView):
    """The people a citizen keeps."""

    @blueprint.response(200, MembersSchema, example={"items": [_MEMBER]})
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="listHousehold")
    def get(self) -> dict[str, Any]:
        """List the people of my household (người thân).

        At most six. Each says how its data was proved; what is merely told says so.
        """
        with transaction() as session:
            return {"items": [_told(one) for one in operations.list_members(session, current_citizen())]}

    @blueprint.idempotent
    @blueprint.arguments(NewMemberSchema(), example=_NEW)
    @blueprint.response(201, MemberSchema, example=_MEMBER)
    @blueprint.raises(NotSignedIn, HouseholdFull, InvalidRequest)
    @blueprint.doc(operationId="addHouseholdMember")
    def post(self, asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Keep a person of my household, for bookings and bills.

        Up to six. What is told here is declared, not verified; `verified_by` says so.
        """
        profile = Profile(**asked | {"relation": Relation(asked["relation"])})
        with transaction() as session:
            outcome = operations.add_member(session, request_key(asked), current_citizen(), profile)
            member = operations.get_member(session, current_citizen(), outcome.resource_id)
        note(outcome)
        tag(member.id, member.version)
        return _told(member), {"Location": url_for("persons.HouseholdMemberById", member_id=member.id)}


@blueprint.route("/household/<uuid:member_id>")
class HouseholdMemberById(MethodView):
    """One person of the household."""

    @blueprint.response(200, MemberSchema, example=_MEMBER)
    @blueprint.raises(NotSignedIn, NotFound)
    @blueprint.doc(operationId="getHouseholdMember")
    def get(self, member_id: UUID) -> dict[str, Any]:
        """See one person of my household.

        The ETag of the answer is needed to change or remove them.
        """
        with transaction() as session:
            member = operations.get_member(session, current_citizen(), member_id)
        tag(member.id, member.version)
        return _told(member)

    @blueprint.conditional
    @blueprint.arguments(MemberChangeSchema(), example={"health_insurance_no": "DN4340123456789"})
    @blueprint.response(200, MemberSchema, example=_MEMBER | {"health_insurance_no": "************789"})
    @blueprint.raises(NotSignedIn, NotFound, InvalidRequest)
    @blueprint.doc(operationId="changeHouseholdMember")
    def patch(self, asked: dict[str, Any], member_id: UUID) -> dict[str, Any]:
        """Change what is told of a person of my household.

        Needs If-Match. What had been verified is merely declared again after a change.
        """
        changes = asked | ({"relation": Relation(asked["relation"])} if "relation" in asked else {})
        with transaction() as session:
            member = operations.get_member(session, current_citizen(), member_id)
            require_match(member.id, member.version)
            member = operations.change_member(session, current_citizen(), member, changes)
        tag(member.id, member.version)
        return _told(member)

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotSignedIn, NotFound)
    @blueprint.doc(operationId="removeHouseholdMember")
    def delete(self, member_id: UUID) -> None:
        """Forget a person of my household.

        Needs If-Match. What was told of them is destroyed, not hidden.
        """
        with transaction() as session:
            member = operations.get_member(session, current_citizen(), member_id)
            require_match(member.id, member.version)
            operations.remove_member(session, current_citizen(), member)


def _told(member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "name": member.name,
        "relation": member.relation,
        "birth_date": member.birth_date,
        "cccd": mask_number(member.cccd) if member.cccd else None,
        "health_insurance_no": mask_number(member.health_insurance_no) if member.health_insurance_no else None,
        "verified_by": member.verified_by,
        "created_at": member.created_at,
        "etag": told_etag(member.id, member.version),
    }
