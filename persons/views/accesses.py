"""The door of who looked at a citizen's data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import MalformedRequest, NotSignedIn
from kit.pages import Page, PageQuery
from kit.web import language
from persons import operations
from persons.access_texts import PURPOSE_TEXTS
from persons.models import DataAccess
from persons.schemas import AccessPageSchema
from persons.views.door import blueprint

_ACCESS = {
    "id": "019a0c1e-5555-7c00-8000-00000000000f",
    "at": "2026-11-21T09:00:00.000+07:00",
    "role": "delegate",
    "organisation": None,
    "actor_id": "019a0c1e-0000-7c00-8000-00000000000b",
    "purpose": "mandate",
    "purpose_text": "Người được bạn ủy quyền thay bạn thực hiện",
    "operation": "listBills",
    "fields_seen": ["bills"],
}


@blueprint.route("/accesses")
class Accesses(MethodView):
    """Looks at the citizen's data."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, AccessPageSchema, example={"items": [_ACCESS]})
    @blueprint.raises(NotSignedIn, MalformedRequest)
    @blueprint.doc(operationId="listAccessToMyData")
    def get(self, asked: dict[str, Any]) -> Page:
        """See who looked at my data (ai đã xem dữ liệu của tôi).

        When, for which organisation, why, and which fields; the newest first. Somebody who acted for me by mandate
        stands here too.
        """
        with transaction() as session:
            found = operations.list_accesses(session, current_citizen(), **asked)
        return replace(found, items=[_told(access) for access in found.items])


def _told(access: DataAccess) -> dict[str, Any]:
    return {
        "id": access.id,
        "at": access.created_at,
        "role": access.role,
        "organisation": access.organisation,
        "actor_id": access.actor_id,
        "purpose": access.purpose,
        "purpose_text": PURPOSE_TEXTS[access.purpose][language()],
        "operation": access.operation,
        "fields_seen": access.fields,
    }
