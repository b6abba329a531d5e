"""The guard before other people's data: staff and systems say why they look."""

from __future__ import annotations

from uuid import UUID

from flask import g, request
from sqlalchemy.orm import Session

from auth.guard import current_staff
from auth.organisation_models import OrganisationKind
from persons import operations
from persons.errors import PurposeMissing
from persons.models import AccessPurpose, AccessRole

HEADER = "Access-Purpose"
_ROLES = {
    OrganisationKind.PROVIDER: AccessRole.PROVIDER,
    OrganisationKind.CLINIC: AccessRole.CLINIC,
    OrganisationKind.SCHOOL_OFFICE: AccessRole.SCHOOL,
    OrganisationKind.TOURISM_OFFICE: AccessRole.TOURISM,
    OrganisationKind.PROVINCE: AccessRole.OPERATOR,
}
# An agent's purpose is the mandate and an app's the consent: nobody may claim one.
STATED = frozenset(AccessPurpose) - {AccessPurpose.MANDATE, AccessPurpose.APP}
PARAMETER = {
    "in": "header",
    "name": HEADER,
    "required": True,
    "schema": {"type": "string", "enum": sorted(STATED)},
    "description": "Why citizens' data is looked at. They see it, with your organisation and the time.",
    "example": "citizen_request",
}


def stated_purpose() -> AccessPurpose:
    """Why the caller looks at a citizen's data, for `record_access`; raises PurposeMissing."""
    stated = request.headers.get(HEADER, "")
    if stated not in STATED:
        raise PurposeMissing(purposes=sorted(STATED))
    return AccessPurpose(stated)


def note_look(session: Session, citizen_id: UUID, *fields: str) -> None:
    """Write down that the member of staff who asks sees these fields of a citizen, for whom and why.

    Call it in the transaction that reads them, before they are told: when it fails, nothing is shown. Raises
    PurposeMissing, and NotAllowed for anybody who is not staff.
    """
    staff = current_staff()
    operations.record_access(
        session,
        citizen_id,
        role=_ROLES[staff.kind],
        purpose=stated_purpose(),
        operation=g.operation_id,
        fields=fields,
        actor_id=staff.citizen_id,
        organisation=staff.organisation_name,
    )
