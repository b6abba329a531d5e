"""What the doors of organisations read and answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import marshmallow as ma

from auth.organisation_models import (
    CredentialKind,
    MemberAction,
    Mode,
    OrganisationKind,
    OrganisationState,
    StaffRole,
)
from auth.schemas import VietnameseMobile
from kit import clock
from kit.fields import Choice, Instant, Line
from kit.pages import PageQuery, page_schema

# Those the province makes; providers come with their tariffs, the province itself from the command line.
CREATED_KINDS = (OrganisationKind.CLINIC, OrganisationKind.SCHOOL_OFFICE, OrganisationKind.TOURISM_OFFICE)
LONGEST_LIFE = timedelta(days=730)
_MOST_SCOPES = 20
_ETAG = {"description": "Send it in If-Match to change or end this.", "example": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"'}
_SLUG = ma.validate.Regexp("^[a-z0-9]+(-[a-z0-9]+)*$", error="Lower-case letters, digits and single hyphens.")
_SCOPE = ma.validate.Regexp("^[a-z-]+:[a-z-]+$", error="A scope, like bills:write.")
_BASE64URL = ma.validate.Regexp("^[A-Za-z0-9_-]+$", error="base64url without padding.")


def _roles(**more: Any) -> ma.fields.Field[Any]:  # noqa: ANN401 - marshmallow's options
    described = {"description": "What the member may do.", "example": ["clerk"]}
    bounds = ma.validate.Length(min=1, max=len(StaffRole))
    return ma.fields.List(Choice(StaffRole), validate=bounds, metadata=described, **more)


def _name(**more: Any) -> Line:  # noqa: ANN401
    return Line(120, shortest=2, **more)


class NewOrganisationSchema(ma.Schema):
    """An organisation that the province takes in."""

    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(CREATED_KINDS))
    slug = Line(60, shortest=3, also=(_SLUG,), required=True, metadata={"description": "Unique, for people and links."})
    name_vi = _name(required=True, metadata={"description": "As citizens know it.", "example": "Trạm Y tế Hạc Thành"})
    name_en = _name(required=True, metadata={"example": "Hac Thanh Health Station"})


class OrganisationQuery(PageQuery):
    """Which organisations."""

    kind = Choice(OrganisationKind, load_default=None, metadata={"description": "Only those of this kind."})


class OrganisationSchema(ma.Schema):
    """A body whose staff and systems act here."""

    id = ma.fields.UUID(required=True, metadata={"description": "Goes into the header For-Organisation."})
    kind = Choice(OrganisationKind, required=True)
    slug = ma.fields.String(required=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    state = Choice(OrganisationState, required=True, metadata={"description": "suspended: nobody may act for it."})
    created_at = Instant(required=True)


class OwnOrganisationSchema(OrganisationSchema):
    """An organisation the citizen works for."""

    roles = _roles(required=True)
    since = Instant(required=True, metadata={"description": "When they became a member."})
    etag = ma.fields.String(required=True, metadata={**_ETAG, "description": "Send it in If-Match to leave."})


class OwnOrganisationsSchema(ma.Schema):
    """All organisations the citizen works for."""

    items = ma.fields.List(ma.fields.Nested(OwnOrganisationSchema), required=True)


class StaffMemberSchema(ma.Schema):
    """Somebody who works for the organisation."""

    id = ma.fields.UUID(required=True)
    citizen_id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True, allow_none=True, metadata={"example": "T*** T** Bình"})
    phone = ma.fields.String(required=True, allow_none=True, metadata={"example": "0987 *** 321"})
    roles = _roles(required=True)
    created_at = Instant(required=True, metadata={"description": "When they became a member."})
    etag = ma.fields.String(required=True, metadata=_ETAG)


class RolesSchema(ma.Schema):
    """The roles a member is to have instead of those they have."""

    roles = _roles(required=True)


class MemberEventSchema(ma.Schema):
    """Something that happened among the members."""

    id = ma.fields.UUID(required=True)
    at = Instant(required=True)
    action = Choice(MemberAction, required=True)
    citizen_id = ma.fields.UUID(required=True, allow_none=True, metadata={"description": "To whom; null: a number."})
    citizen_name = ma.fields.String(required=True, allow_none=True, metadata={"example": "T*** T** Bình"})
    actor_id = ma.fields.UUID(
        required=True, allow_none=True, metadata={"description": "By whom; null: at a terminal of the province."}
    )
    actor_name = ma.fields.String(required=True, allow_none=True, metadata={"example": "N***** V** An"})
    roles = ma.fields.List(Choice(StaffRole), required=True, metadata={"description": "The roles after it."})


class NewInvitationSchema(ma.Schema):
    """Somebody who is to work for the organisation."""

    phone = VietnameseMobile(
        40, required=True, metadata={"description": "Their Vietnamese mobile number.", "example": "0987 654 321"}
    )
    roles = _roles(required=True)


class InvitationSchema(ma.Schema):
    """An invitation, as the organisation sees it."""

    id = ma.fields.UUID(required=True)
    phone = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The number, masked; null once it is over.", "example": "0987 *** 321"},
    )
    roles = _roles(required=True)
    state = ma.fields.String(
        required=True,
        metadata={"description": "open, accepted, declined, withdrawn or expired.", "example": "open"},
    )
    created_at = Instant(required=True)
    expires_at = Instant(required=True)
    etag = ma.fields.String(required=True, metadata={**_ETAG, "description": "Send it in If-Match to withdraw it."})


class OwnInvitationSchema(ma.Schema):
    """An invitation to the citizen."""

    id = ma.fields.UUID(required=True)
    organisation = ma.fields.Nested(OrganisationSchema, required=True)
    roles = _roles(required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True)


class OwnInvitationsSchema(ma.Schema):
    """All invitations the citizen can answer."""

    items = ma.fields.List(ma.fields.Nested(OwnInvitationSchema), required=True)


class PublicKeySchema(ma.Schema):
    """The public half of a key pair (RFC 7517): P-256, or RSA of 2048 to 8192 bits."""

    kty = ma.fields.String(required=True, validate=ma.validate.OneOf(["EC", "RSA"]))
    crv = ma.fields.String(validate=ma.validate.OneOf(["P-256"]))
    x = Line(43, also=(_BASE64URL,), metadata={"example": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})
    y = Line(43, also=(_BASE64URL,), metadata={"example": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
    n = Line(1366, also=(_BASE64URL,), metadata={"description": "RSA: the modulus."})
    e = Line(12, also=(_BASE64URL,), metadata={"description": "RSA: the exponent."})
    kid = Line(200, metadata={"description": "Ignored: we call it by its RFC 7638 thumbprint."})
    use = Line(20, metadata={"description": "Ignored."})
    alg = Line(20, metadata={"description": "Ignored: the key decides, ES256, or RS256 and PS256."})


def _is_a_lifetime(end: datetime) -> None:
    if not clock.now() < end <= clock.now() + LONGEST_LIFE:
        raise ma.ValidationError("In the future, within two years.")


class NewClientCredentialSchema(ma.Schema):
    """A way for a system to show that it is itself."""

    public_key = ma.fields.Nested(
        PublicKeySchema,
        metadata={"description": "For private_key_jwt. Without it we make a secret and tell it once."},
    )
    expires_at = Instant(
        validate=_is_a_lifetime,
        metadata={"description": "A year from now when absent, at most two.", "example": "2027-11-01T00:00:00+07:00"},
    )


class NewClientSchema(NewClientCredentialSchema):
    """A system that is to call us, with its first credential."""

    name = _name(required=True, metadata={"description": "What it is, for people.", "example": "Billing system"})
    scopes = ma.fields.List(
        Line(60, also=(_SCOPE,)),
        required=True,
        validate=ma.validate.Length(min=1, max=_MOST_SCOPES),
        metadata={"description": "What it may do.", "example": ["bills:write", "payments:read"]},
    )


class ClientCredentialSchema(ma.Schema):
    """A credential of a system; a secret is never told again."""

    id = ma.fields.UUID(required=True)
    kind = Choice(CredentialKind, required=True)
    key_id = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Of a key: its RFC 7638 thumbprint."}
    )
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True, metadata={"description": "null: it lasts until withdrawn."})
    last_used_at = Instant(
        required=True, allow_none=True, metadata={"description": "When a token was last given for it."}
    )
    etag = ma.fields.String(required=True, metadata={**_ETAG, "description": "Send it in If-Match to withdraw it."})


class AddedCredentialSchema(ClientCredentialSchema):
    """A credential that was just added."""

    client_secret = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Told now and never again; null for a key."}
    )


class ClientSchema(ma.Schema):
    """A system of the organisation."""

    id = ma.fields.UUID(required=True, metadata={"description": "Its `client_id`."})
    name = ma.fields.String(required=True)
    scopes = ma.fields.List(ma.fields.String(), required=True)
    mode = Choice(
        Mode,
        required=True,
        metadata={"description": "test until its company is live, then it ends.", "example": "live"},
    )
    created_at = Instant(required=True)
    credentials = ma.fields.List(
        ma.fields.Nested(ClientCredentialSchema), required=True, metadata={"description": "At most two."}
    )
    etag = ma.fields.String(required=True, metadata={**_ETAG, "description": "Send it in If-Match to revoke it."})


class AddedClientSchema(ClientSchema):
    """A system that was just registered."""

    client_secret = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Told now and never again; null for a key."}
    )


OrganisationPageSchema = page_schema(OrganisationSchema)
StaffMemberPageSchema = page_schema(StaffMemberSchema)
MemberEventPageSchema = page_schema(MemberEventSchema)
InvitationPageSchema = page_schema(InvitationSchema)
ClientPageSchema = page_schema(ClientSchema)
