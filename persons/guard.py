"""The guard before other people's data: staff and systems say why they look."""

from __future__ import annotations

from flask import request

from persons.errors import PurposeMissing
from persons.models import AccessPurpose

HEADER = "Access-Purpose"
# An agent's purpose is the mandate and an app's the consent: nobody may claim one.
STATED = frozenset(AccessPurpose) - {AccessPurpose.MANDATE, AccessPurpose.APP}
PARAMETER = {
    "in": "header",
    "name": HEADER,
    "required": True,
    "schema": {"type": "string", "enum": sorted(STATED)},
    "description": "Why the citizen's data is looked at. The citizen sees it, with your organisation and the time.",
    "example": "citizen_request",
}


def stated_purpose() -> AccessPurpose:
    """Why the caller looks at a citizen's data, for `record_access`; raises PurposeMissing."""
    stated = request.headers.get(HEADER, "")
    if stated not in STATED:
        raise PurposeMissing(purposes=sorted(STATED))
    return AccessPurpose(stated)
