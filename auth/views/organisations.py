"""The doors of organisations: those I work for, and what the province makes and suspends."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth import operations
from auth.errors import LastOperator, OrganisationKnown, OwnOrganisation
from auth.guard import current_citizen
from auth.organisation_models import Membership, Organisation, OrganisationKind, OrganisationState
from auth.organisation_schemas import (
    NewOrganisationSchema,
    OrganisationPageSchema,
    OrganisationQuery,
    OrganisationSchema,
    OwnOrganisationsSchema,
)
from auth.views.door import blueprint, looked_after, told_etag
from auth.views.examples import NEW_ORGANISATION, ORGANISATION, OWN_ORGANISATION
from kit.database import transaction
from kit.errors import NotFound
from kit.pages import Page
from kit.web import require_match, tag


@blueprint.route("/v1/me/organisations")
class OwnOrganisations(MethodView):
    """For whom the citizen works."""

    @blueprint.response(200, OwnOrganisationsSchema, example={"items": [OWN_ORGANISATION]})
    @blueprint.doc(operationId="listMyOrganisations")
    def get(self) -> dict[str, Any]:
        """List the organisations I work for (tổ chức tôi làm việc), by name.

        Send the id of one in the header `For-Organisation` to act for it, with a passkey or national identity.
        """
        with transaction() as session:
            return {"items": [tell_own(*one) for one in operations.list_joined(session, current_citizen())]}


@blueprint.route("/v1/me/organisations/<uuid:organisation_id>")
class OrganisationLeft(MethodView):
    """One organisation the citizen works for."""

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound, LastOperator)
    @blueprint.doc(operationId="leaveOrganisation")
    def delete(self, organisation_id: UUID) -> None:
        """Leave an organisation (rời tổ chức).

        Needs If-Match. The last operator can't leave before another member is one.
        """
        with transaction() as session:
            member = operations.get_own_membership(session, current_citizen(), organisation_id)
            require_match(member.id, member.version)
            operations.end_membership(session, member, actor_id=current_citizen())


@blueprint.route("/v1/organisations")
class Organisations(MethodView):
    """Everybody whose staff and systems act here."""

    @blueprint.arguments(OrganisationQuery(), location="query")
    @blueprint.response(200, OrganisationPageSchema, example={"items": [ORGANISATION]})
    @blueprint.doc(operationId="listOrganisations")
    def get(self, asked: dict[str, Any]) -> Page:
        """List all organisations (for the province's operators), the newest first.

        Providers come with their tariffs; all others are made here.
        """
        with transaction() as session:
            return operations.list_organisations(session, **asked)

    @blueprint.arguments(NewOrganisationSchema(), example=NEW_ORGANISATION)
    @blueprint.response(201, OrganisationSchema, example=ORGANISATION)
    @blueprint.raises(OrganisationKnown)
    @blueprint.doc(operationId="createOrganisation")
    def post(self, asked: dict[str, Any]) -> tuple[Organisation, dict[str, str]]:
        """Take an organisation in (tạo tổ chức; for the province's operators).

        It has no members yet: invite its first operator with `inviteMember`.
        """
        kind = OrganisationKind(asked.pop("kind"))
        with transaction() as session:
            made = operations.create_organisation(session, kind=kind, **asked)
        return made, {"Location": url_for("auth.OrganisationById", organisation_id=made.id)}


@blueprint.route("/v1/organisations/<uuid:organisation_id>")
class OrganisationById(MethodView):
    """One organisation."""

    @blueprint.response(200, OrganisationSchema, example=ORGANISATION)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getOrganisation")
    def get(self, organisation_id: UUID) -> Organisation:
        """See the organisation I act for; the province sees any.

        Its names are what citizens read when its staff look at their data.
        """
        with transaction() as session:
            found = operations.get_organisation(session, looked_after(organisation_id))
        tag(found.id, found.version)
        return found


@blueprint.route("/v1/organisations/<uuid:organisation_id>/suspension")
class OrganisationSuspension(MethodView):
    """An organisation stopped."""

    @blueprint.response(200, OrganisationSchema, example=ORGANISATION | {"state": "suspended"})
    @blueprint.raises(NotFound, OwnOrganisation)
    @blueprint.doc(operationId="suspendOrganisation")
    def post(self, organisation_id: UUID) -> Organisation:
        """Suspend an organisation (tạm dừng tổ chức; for the province's operators).

        Its staff are refused at once, its systems within ten seconds. Members and systems stay as they are. Repeating
        it changes nothing.
        """
        return _set_state(organisation_id, OrganisationState.SUSPENDED)


@blueprint.route("/v1/organisations/<uuid:organisation_id>/resumption")
class OrganisationResumption(MethodView):
    """An organisation going on."""

    @blueprint.response(200, OrganisationSchema, example=ORGANISATION)
    @blueprint.raises(NotFound, OwnOrganisation)
    @blueprint.doc(operationId="resumeOrganisation")
    def post(self, organisation_id: UUID) -> Organisation:
        """Let a suspended organisation act again (for the province's operators).

        Its members and systems are those it had. Repeating it changes nothing.
        """
        return _set_state(organisation_id, OrganisationState.ACTIVE)


def _set_state(organisation_id: UUID, state: OrganisationState) -> Organisation:
    with transaction() as session:
        found = operations.get_organisation(session, looked_after(organisation_id))
        changed = operations.set_state(session, found, state)
    tag(changed.id, changed.version)
    return changed


def tell_own(member: Membership, organisation: Organisation) -> dict[str, Any]:
    """An organisation as one who works for it sees it."""
    return {
        "id": organisation.id,
        "kind": organisation.kind,
        "slug": organisation.slug,
        "name_vi": organisation.name_vi,
        "name_en": organisation.name_en,
        "state": organisation.state,
        "created_at": organisation.created_at,
        "roles": member.roles,
        "since": member.created_at,
        "etag": told_etag(member.id, member.version),
    }
