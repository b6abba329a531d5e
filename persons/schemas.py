"""What the doors of personal data read and answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import marshmallow as ma

from auth.app_schemas import AllowedAppSchema
from kit import clock
from kit.fields import Choice, Instant, Line
from kit.pages import page_schema
from kit.text import clean
from persons.consent_texts import PURPOSES
from persons.models import AccessPurpose, AccessRole, MandateScope, Relation, RequestKind, Verification
from persons.operations import LONGEST

_BORN_AFTER = date(1900, 1, 1)
# No check digit exists, and the first three digits stay the old province's for life: only the length can be wrong.
_CCCD = ma.validate.Regexp("^[0-9]{12}$", error="Twelve digits.")
# Since 2025 the insurance number is being unified with the CCCD: 15 characters, 10 or 12 digits all occur.
_HEALTH_INSURANCE = ma.validate.Regexp(
    "^([A-Z]{2}[0-9]{13}|[0-9]{10}|[0-9]{12})$", error="Fifteen characters, or ten or twelve digits."
)
_ETAG = {"description": "Send it in If-Match to change this.", "example": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"'}


class Name(Line):
    """A person's name, family name first, without surrounding spaces."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        super().__init__(120, also=(ma.validate.Regexp(r"^[^\W\d_][^\d_<>]*$", error="A name."),), **kwargs)

    def _deserialize(
        self,
        value: Any,  # noqa: ANN401 - JSON
        attr: str | None,
        data: Mapping[str, Any] | None,
        **kwargs: Any,  # noqa: ANN401 - marshmallow's options
    ) -> str:
        return " ".join(clean(super()._deserialize(value, attr, data, **kwargs) or "").split())


class BirthDate(ma.fields.Date):
    """A day between 1900 and today."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        super().__init__(format="iso", validate=self._is_possible, **kwargs)

    @staticmethod
    def _is_possible(day: date) -> None:
        if not _BORN_AFTER <= day <= clock.today():
            raise ma.ValidationError("Between 1900 and today.")


def _name(**more: Any) -> Name:  # noqa: ANN401 - marshmallow's options
    return Name(metadata={"description": "Family name first.", "example": "Nguyễn Thị Hoa"}, **more)


def _cccd(**more: Any) -> Line:  # noqa: ANN401
    described = {"description": "Twelve digits (số định danh cá nhân).", "example": "034085001234"}
    return Line(12, also=(_CCCD,), metadata=described, **more)


def _health_insurance(**more: Any) -> Line:  # noqa: ANN401
    described = {"description": "Number of the health-insurance card (BHYT).", "example": "DN4340123456789"}
    return Line(15, also=(_HEALTH_INSURANCE,), metadata=described, **more)


def _birth_date(**more: Any) -> BirthDate:  # noqa: ANN401
    return BirthDate(metadata={"example": "1985-03-21"}, **more)


class IdentityChangeSchema(ma.Schema):
    """Values typed in; null takes one out."""

    name = _name(allow_none=True)
    cccd = _cccd(allow_none=True)
    birth_date = _birth_date(allow_none=True)
    health_insurance_no = _health_insurance(allow_none=True)


class IdentitySchema(ma.Schema):
    """What we keep of the citizen, numbers masked."""

    name = ma.fields.String(required=True, allow_none=True)
    cccd = ma.fields.String(required=True, allow_none=True, metadata={"example": "*********234"})
    phone = ma.fields.String(required=True, allow_none=True, metadata={"example": "0912 *** 678"})
    birth_date = ma.fields.String(required=True, allow_none=True, metadata={"format": "date"})
    health_insurance_no = ma.fields.String(required=True, allow_none=True, metadata={"example": "************789"})
    proofs = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.String(allow_none=True),
        required=True,
        metadata={
            "description": "How each value was proved: phone_code, national_identity, or null when only typed in.",
            "example": {"phone": "phone_code", "name": None},
        },
    )


class MemberChangeSchema(ma.Schema):
    """What to change of a member of the household."""

    name = _name()
    relation = Choice(Relation)
    birth_date = _birth_date()
    cccd = _cccd(allow_none=True)
    health_insurance_no = _health_insurance(allow_none=True)


class NewMemberSchema(ma.Schema):
    """A person to keep in the household."""

    name = _name(required=True)
    relation = Choice(Relation, required=True, metadata={"description": "Who this is to you.", "example": "parent"})
    birth_date = _birth_date(required=True)
    cccd = _cccd(load_default=None, allow_none=True)
    health_insurance_no = _health_insurance(load_default=None, allow_none=True)


class MemberSchema(ma.Schema):
    """A person of the household, numbers masked."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    relation = Choice(Relation, required=True)
    birth_date = ma.fields.Date(required=True)
    cccd = ma.fields.String(required=True, allow_none=True)
    health_insurance_no = ma.fields.String(required=True, allow_none=True)
    verified_by = Choice(Verification, required=True, metadata={"description": "How we know; a change undoes it."})
    created_at = Instant(required=True)
    etag = ma.fields.String(required=True, metadata=_ETAG)


class MembersSchema(ma.Schema):
    """The household, at most six people."""

    items = ma.fields.List(ma.fields.Nested(MemberSchema), required=True)


def _scopes(**more: Any) -> ma.fields.Field[Any]:  # noqa: ANN401
    described = {"description": "What the agent may do.", "example": ["bills:read", "bills:pay"]}
    enough = ma.validate.Length(min=1, max=len(MandateScope))
    return ma.fields.List(Choice(MandateScope), validate=enough, metadata=described, **more)


class NewMandateSchema(ma.Schema):
    """Permission for somebody to act for the citizen."""

    scopes = _scopes(required=True)
    starts_at = Instant(load_default=None, metadata={"description": "Now when absent."})
    ends_at = Instant(
        required=True,
        metadata={"description": "At most a year from its start.", "example": "2027-05-31T23:59:59+07:00"},
    )

    @ma.validates_schema
    def check_time(self, data: dict[str, Any], **_kwargs: Any) -> None:  # noqa: ANN401
        """From now on, forwards, and not for ever."""
        now = clock.now()
        starts_at = data["starts_at"] or now
        if data["ends_at"] <= max(now, starts_at):
            raise ma.ValidationError("Later than its start.", "ends_at")
        if data["ends_at"] - max(now, starts_at) > LONGEST or starts_at - now > timedelta(days=366):
            raise ma.ValidationError("At most a year.", "ends_at")


class MandateChangeSchema(ma.Schema):
    """What to take away of a mandate."""

    scopes = _scopes()
    ends_at = Instant(metadata={"description": "Sooner than before."})


class CodeSchema(ma.Schema):
    """The code of an offered mandate."""

    code = Line(
        40,
        required=True,
        metadata={"description": "As the other side read it out.", "example": "7KQM-2XWP-9RTH-C4VB"},
    )


class MandateSchema(ma.Schema):
    """A mandate as both sides see it."""

    id = ma.fields.UUID(required=True)
    side = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["principal", "agent"]),
        metadata={"description": "principal: the caller gave it; agent: the caller may act."},
    )
    principal_id = ma.fields.UUID(required=True, metadata={"description": "Goes into Act-For."})
    agent_id = ma.fields.UUID(required=True, allow_none=True)
    other_name = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Masked name or number of the other side."}
    )
    scopes = ma.fields.List(Choice(MandateScope), required=True)
    state = ma.fields.String(
        required=True, metadata={"description": "offered, waiting, active, expired or revoked.", "example": "active"}
    )
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    accepted_at = Instant(required=True, allow_none=True)
    revoked_at = Instant(required=True, allow_none=True)
    etag = ma.fields.String(required=True, metadata=_ETAG)


class OfferedMandateSchema(MandateSchema):
    """A mandate just offered, with the code that accepts it."""

    code = ma.fields.String(
        required=True, metadata={"description": "For the agent alone; shown here only, good for seven days."}
    )


class MandatesSchema(ma.Schema):
    """Mandates given and held, the newest first."""

    items = ma.fields.List(ma.fields.Nested(MandateSchema), required=True)


class ConsentChoiceSchema(ma.Schema):
    """A consent in the words that were read."""

    purpose = Line(40, required=True, metadata={"example": PURPOSES[0]})
    version = ma.fields.Integer(
        required=True,
        strict=True,
        validate=ma.validate.Range(min=1, max=10_000),
        metadata={"description": "Of the text.", "example": 1},
    )


class ConsentPurposeSchema(ma.Schema):
    """Which consent to take back."""

    purpose = Line(40, required=True, metadata={"example": PURPOSES[0]})


class ConsentSchema(ma.Schema):
    """A purpose, its present words, and how the citizen stands to it; nothing is given by default."""

    purpose = ma.fields.String(required=True)
    version = ma.fields.Integer(required=True, metadata={"description": "Send it back to consent."})
    title = ma.fields.String(required=True)
    body = ma.fields.String(required=True)
    given = ma.fields.Boolean(required=True)
    given_version = ma.fields.Integer(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)


class ConsentsSchema(ma.Schema):
    """Every purpose there is, and the apps of others the citizen has allowed something."""

    items = ma.fields.List(ma.fields.Nested(ConsentSchema), required=True)
    apps = ma.fields.List(
        ma.fields.Nested(AllowedAppSchema), required=True, metadata={"description": "As listMyApps gives them."}
    )


class DataRequestSchema(ma.Schema):
    """A request under data law and its clocks."""

    id = ma.fields.UUID(required=True)
    kind = Choice(RequestKind, required=True)
    created_at = Instant(required=True)
    answer_due_on = ma.fields.Date(required=True, metadata={"description": "Two working days."})
    done_due_on = ma.fields.Date(required=True, metadata={"description": "Fifteen days; twenty for erasing."})
    answered_at = Instant(required=True, allow_none=True)
    done_at = Instant(required=True, allow_none=True)


class ExportSchema(ma.Schema):
    """Everything we hold about the citizen, by room."""

    request = ma.fields.Nested(DataRequestSchema, required=True)
    rooms = ma.fields.Dict(keys=ma.fields.String(), required=True, metadata={"description": "One object a room."})


class ErasureSchema(ma.Schema):
    """A decision that can't be taken back."""

    confirm = ma.fields.String(
        required=True,
        validate=ma.validate.Equal("erase everything"),
        metadata={"description": "The words `erase everything`.", "example": "erase everything"},
    )


class AccessSchema(ma.Schema):
    """Somebody looked at the citizen's data, or acted for them."""

    id = ma.fields.UUID(required=True)
    at = Instant(required=True)
    role = Choice(AccessRole, required=True)
    organisation = ma.fields.String(required=True, allow_none=True)
    actor_id = ma.fields.UUID(required=True, allow_none=True, metadata={"description": "Quote it when you complain."})
    purpose = Choice(AccessPurpose, required=True)
    purpose_text = ma.fields.String(required=True, metadata={"description": "In the language of the caller."})
    operation = ma.fields.String(required=True)
    fields_seen = ma.fields.List(ma.fields.String(), required=True)


DataRequestPageSchema = page_schema(DataRequestSchema)
AccessPageSchema = page_schema(AccessSchema)
