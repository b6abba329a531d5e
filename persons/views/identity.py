"""The door of what a citizen is called and numbered by."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from auth.guard import current_citizen
from kit.database import transaction
from kit.errors import InvalidRequest, NotSignedIn
from kit.export import plain
from kit.web import require_match, tag
from persons import operations
from persons.errors import ValueProved
from persons.masks import mask
from persons.models import IdentityField
from persons.operations import Identity
from persons.schemas import IdentityChangeSchema, IdentitySchema
from persons.views.door import blueprint

_IDENTITY = {
    "name": "Nguyễn Văn An",
    "cccd": "*********234",
    "phone": "0912 *** 678",
    "birth_date": "1985-03-21",
    "health_insurance_no": None,
    "proofs": {"name": None, "cccd": None, "phone": "phone_code", "birth_date": None},
}


@blueprint.route("/identity")
class MyIdentity(MethodView):
    """The identity vault of the citizen who asks."""

    @blueprint.response(200, IdentitySchema, example=_IDENTITY)
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="getMyIdentity")
    def get(self) -> dict[str, Any]:
        """Read what we keep of me (thông tin cá nhân).

        Numbers are masked; exportMyData gives them whole. `proofs` says how we know each value.
        """
        with transaction() as session:
            identity = operations.get_identity(session, current_citizen())
        return _told(identity)

    @blueprint.conditional
    @blueprint.arguments(IdentityChangeSchema(), example={"name": "Nguyễn Văn An", "birth_date": "1985-03-21"})
    @blueprint.response(200, IdentitySchema, example=_IDENTITY)
    @blueprint.raises(NotSignedIn, ValueProved, InvalidRequest)
    @blueprint.doc(operationId="changeMyIdentity")
    def patch(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Type in my name, numbers or birth date, or take them out with null.

        What was proved by national identity stays. The phone number changes by signing in with the new one.
        """
        with transaction() as session:
            identity = operations.get_identity(session, current_citizen())
            require_match(*identity.version)
            values = {field: plain(value) for field, value in asked.items()}
            identity = operations.change_identity(session, identity, values)
        return _told(identity)


def _told(identity: Identity) -> dict[str, Any]:
    tag(*identity.version)
    values = identity.values
    shown = {field.value: mask(field, values[field]) if field in values else None for field in IdentityField}
    return {**shown, "proofs": identity.proofs}
