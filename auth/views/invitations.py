"""The doors of invitations: sent by an operator, answered by whoever has proved the number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth import operations
from auth.errors import AlreadyInvited, AlreadyMember, InvitationOver, NotVietnameseMobile, TooManyInvitations
from auth.guard import current_citizen, current_staff
from auth.organisation_models import Invitation, Organisation, StaffRole
from auth.organisation_schemas import (
    InvitationPageSchema,
    InvitationSchema,
    NewInvitationSchema,
    OwnInvitationsSchema,
    OwnOrganisationSchema,
)
from auth.views.door import blueprint, looked_after, told_etag
from auth.views.examples import INVITATION, OWN_INVITATION, OWN_ORGANISATION
from auth.views.organisations import tell_own
from kit.database import transaction
from kit.errors import NotFound
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, request_key, require_match


@blueprint.route("/v1/organisations/<uuid:organisation_id>/invitations")
class Invitations(MethodView):
    """Who was invited."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, InvitationPageSchema, example={"items": [INVITATION]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listInvitations")
    def get(self, asked: dict[str, Any], organisation_id: UUID) -> Page:
        """List the invitations of the last ninety days (lời mời), the newest first.

        A number is shown masked while its invitation is open, and forgotten afterwards.
        """
        with transaction() as session:
            found = operations.list_invitations(session, looked_after(organisation_id), **asked)
        return replace(found, items=[_told(invitation) for invitation in found.items])

    @blueprint.idempotent
    @blueprint.arguments(NewInvitationSchema(), example={"phone": "0987 654 321", "roles": ["front_desk"]})
    @blueprint.response(201, InvitationSchema, example=INVITATION)
    @blueprint.raises(NotFound, NotVietnameseMobile, AlreadyMember, AlreadyInvited, TooManyInvitations)
    @blueprint.doc(operationId="inviteMember")
    def post(self, asked: dict[str, Any], organisation_id: UUID) -> dict[str, Any]:
        """Invite somebody by their phone number (mời thành viên).

        They get a text message and answer in the app within a week; only who has proved this number can. Needs a proof
        of the last five minutes. Fifty invitations a day.
        """
        roles = [StaffRole(role) for role in asked["roles"]]
        invited_to = looked_after(organisation_id)
        actor_id = current_staff().citizen_id
        key = request_key(asked | {"organisation_id": invited_to})
        with transaction() as session:
            outcome = once(
                session,
                key,
                lambda: operations.invite_member(session, invited_to, asked["phone"], roles, actor_id=actor_id).id,
            )
            invitation = operations.get_invitation(session, invited_to, outcome.resource_id)
        note(outcome)
        return _told(invitation)


@blueprint.route("/v1/organisations/<uuid:organisation_id>/invitations/<uuid:invitation_id>")
class InvitationById(MethodView):
    """One invitation."""

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound, InvitationOver)
    @blueprint.doc(operationId="withdrawInvitation")
    def delete(self, organisation_id: UUID, invitation_id: UUID) -> None:
        """Take an invitation back (rút lời mời).

        Needs If-Match. One that was answered meanwhile is over: remove the member instead.
        """
        with transaction() as session:
            invitation = operations.get_invitation(session, looked_after(organisation_id), invitation_id)
            require_match(invitation.id, invitation.version)
            operations.withdraw_invitation(session, invitation, actor_id=current_staff().citizen_id)


@blueprint.route("/v1/me/invitations")
class OwnInvitations(MethodView):
    """Invitations to the citizen."""

    @blueprint.response(200, OwnInvitationsSchema, example={"items": [OWN_INVITATION]})
    @blueprint.doc(operationId="listMyInvitations")
    def get(self) -> dict[str, Any]:
        """List the invitations I can answer (lời mời làm việc), the newest first.

        Those to the phone number I have proved.
        """
        with transaction() as session:
            found = operations.list_own_invitations(session, current_citizen())
        return {"items": [_own(*one) for one in found]}


@blueprint.route("/v1/me/invitations/<uuid:invitation_id>/acceptance")
class InvitationAcceptance(MethodView):
    """An invitation taken on."""

    @blueprint.response(200, OwnOrganisationSchema, example=OWN_ORGANISATION)
    @blueprint.raises(NotFound, InvitationOver, AlreadyMember)
    @blueprint.doc(operationId="acceptInvitation")
    def post(self, invitation_id: UUID) -> dict[str, Any]:
        """Accept an invitation and work for the organisation (nhận lời mời).

        Repeating it changes nothing. To act for the organisation, sign in by passkey or national identity.
        """
        with transaction() as session:
            member = operations.accept_invitation(session, current_citizen(), invitation_id)
            organisation = operations.get_organisation(session, member.organisation_id)
        return tell_own(member, organisation)


@blueprint.route("/v1/me/invitations/<uuid:invitation_id>/refusal")
class InvitationRefusal(MethodView):
    """An invitation declined."""

    @blueprint.response(204)
    @blueprint.raises(NotFound, InvitationOver)
    @blueprint.doc(operationId="declineInvitation")
    def post(self, invitation_id: UUID) -> None:
        """Decline an invitation (từ chối lời mời).

        Repeating it changes nothing.
        """
        with transaction() as session:
            operations.decline_invitation(session, current_citizen(), invitation_id)


def _told(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "phone": operations.masked_phone_of(invitation),
        "roles": invitation.roles,
        "state": operations.state_of(invitation),
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
        "etag": told_etag(invitation.id, invitation.version),
    }


def _own(invitation: Invitation, organisation: Organisation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "organisation": organisation,
        "roles": invitation.roles,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }
