"""The door of the citizen who asks."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from auth import operations, phones
from auth.guard import current_caller, current_citizen
from auth.schemas import MeSchema
from auth.views.door import blueprint
from kit.database import transaction
from kit.errors import NotSignedIn

_ME = {
    "id": "019a0c1e-0000-7c00-8000-00000000000a",
    "phone": "0912 *** 678",
    "language": "vi",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "assurance": "phone",
}


@blueprint.route("/v1/me")
class Me(MethodView):
    """The citizen who asks."""

    @blueprint.response(200, MeSchema, example=_ME)
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="getMe")
    def get(self) -> dict[str, Any]:
        """Read who is signed in.

        The phone number is masked; `assurance` says how surely we know the citizen. To an app of others `id` is what
        the citizen is called towards that app alone, and `assurance` is null.
        """
        with transaction() as session:
            citizen = operations.get_citizen(session, current_citizen())
            phone = operations.find_phone(session, citizen.id)
        return {
            # Two apps can't tell by it that they know the same person.
            "id": current_caller().alias or citizen.id,
            "phone": phones.mask(phone) if phone else None,
            "language": citizen.language,
            "created_at": citizen.created_at,
            "assurance": current_caller().assurance,
        }
