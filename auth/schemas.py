"""What sign-in reads and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from auth import phones
from auth.models import Assurance, Language
from kit.fields import Choice, Instant, Line

_BASE64URL = ma.validate.Regexp("^[A-Za-z0-9_-]*={0,2}$")
_SIX_DIGITS = ma.validate.Regexp("^[0-9]{6}$")


class VietnameseMobile(Line):
    """A Vietnamese mobile number as people type it; becomes E.164. Raises NotVietnameseMobile for anything else."""

    def _deserialize(
        self,
        value: Any,  # noqa: ANN401 - marshmallow's signature
        attr: str | None,
        data: Mapping[str, Any] | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> str:
        return phones.parse(super()._deserialize(value, attr, data, **kwargs) or "")


class PhoneSchema(ma.Schema):
    """A phone that wants to sign in."""

    phone = VietnameseMobile(
        40,
        required=True,
        metadata={
            "description": "A Vietnamese mobile number: 0912 345 678, 84912345678 or +84912345678.",
            "example": "0912 345 678",
        },
    )
    language = Choice(
        Language, metadata={"description": "Language of the message; Accept-Language when absent.", "example": "vi"}
    )


class ChallengeSchema(ma.Schema):
    """A one-time code on its way."""

    id = ma.fields.UUID(required=True, metadata={"description": "Goes into the path of the answer."})
    expires_at = Instant(required=True, metadata={"description": "After this instant a new code is needed."})
    tries_left = ma.fields.Integer(required=True, metadata={"description": "How many wrong answers remain."})


class AnswerSchema(ma.Schema):
    """The code a citizen has read."""

    code = Line(
        6,
        shortest=6,
        also=(_SIX_DIGITS,),
        required=True,
        metadata={"description": "The six digits of the message.", "example": "492039"},
    )
    device_name = Line(
        80, metadata={"description": "How the citizen knows this device.", "example": "Điện thoại của An"}
    )


class RefreshSchema(ma.Schema):
    """The refresh token in hand."""

    refresh_token = Line(200, required=True, metadata={"description": "The newest one. It is spent by this request."})


class SignInSchema(ma.Schema):
    """A signed-in session: the tokens of one device."""

    access_token = ma.fields.String(required=True, metadata={"description": "Goes into Authorization: Bearer …"})
    token_type = ma.fields.Constant("Bearer", required=True, metadata={"type": "string", "enum": ["Bearer"]})
    expires_in = ma.fields.Integer(required=True, metadata={"description": "Seconds the access token is valid."})
    refresh_token = ma.fields.String(
        required=True, metadata={"description": "Keep it in the device's key store; it works once."}
    )
    refresh_expires_at = Instant(required=True, metadata={"description": "Refresh before this instant."})
    citizen_id = ma.fields.UUID(required=True)


class MeSchema(ma.Schema):
    """The citizen who is signed in."""

    id = ma.fields.UUID(required=True)
    phone = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The number, its middle hidden; null for a citizen who never came by phone.",
            "example": "0912 *** 678",
        },
    )
    language = Choice(Language, required=True)
    created_at = Instant(required=True, metadata={"description": "The first sign-in."})
    assurance = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "How surely we know the citizen: phone, passkey or identity.", "example": "phone"},
    )


class SessionSchema(ma.Schema):
    """One device a citizen is signed in on."""

    id = ma.fields.UUID(required=True)
    device_name = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "What the citizen calls it; null: not named."}
    )
    created_at = Instant(required=True, metadata={"description": "The sign-in."})
    refreshed_at = Instant(required=True, metadata={"description": "When the device last asked for a token."})
    expires_at = Instant(required=True, metadata={"description": "After this instant the device must sign in again."})
    assurance = Choice(Assurance, required=True, metadata={"description": "The last proof given in this session."})
    authenticated_at = Instant(required=True, metadata={"description": "When that proof was given."})
    is_current = ma.fields.Boolean(required=True, metadata={"description": "Whether this request comes from it."})
    etag = ma.fields.String(required=True, metadata={"description": "What If-Match needs to change or end it."})


class SessionsSchema(ma.Schema):
    """All devices a citizen is signed in on."""

    items = ma.fields.List(ma.fields.Nested(SessionSchema), required=True)


class SessionNameSchema(ma.Schema):
    """A new name for a device."""

    device_name = Line(80, required=True, metadata={"example": "Điện thoại của An"})


class EndedSchema(ma.Schema):
    """Sessions that were ended."""

    ended = ma.fields.Integer(required=True, metadata={"description": "How many."})


class SteppedUpSchema(ma.Schema):
    """A session's new access token, with a better proof in it. The refresh token stays what it is."""

    access_token = ma.fields.String(required=True)
    token_type = ma.fields.Constant("Bearer", required=True, metadata={"type": "string", "enum": ["Bearer"]})
    expires_in = ma.fields.Integer(required=True, metadata={"description": "Seconds the access token is valid."})
    acr = Choice(Assurance, required=True, metadata={"description": "The level reached."})
    auth_time = Instant(required=True, metadata={"description": "When it was reached."})


def _binary(longest: int, **kwargs: Any) -> Line:  # noqa: ANN401 - marshmallow's options
    return Line(longest, also=(_BASE64URL,), **kwargs)


class AuthenticatorAnswerSchema(ma.Schema):
    """What the authenticator says: `attestationObject` of a new key, `authenticatorData` and `signature` of another."""

    class Meta:
        """Browsers add members of their own."""

        unknown = ma.EXCLUDE

    clientDataJSON = _binary(8_000, required=True)  # noqa: N815 - WebAuthn's names
    attestationObject = _binary(64_000)  # noqa: N815
    authenticatorData = _binary(8_000)  # noqa: N815
    signature = _binary(8_000)
    userHandle = _binary(200, allow_none=True)  # noqa: N815
    transports = ma.fields.List(Line(40), validate=ma.validate.Length(max=10))


class CredentialSchema(ma.Schema):
    """A PublicKeyCredential as its `toJSON()` gives it (WebAuthn Level 3): names as the standard writes them."""

    class Meta:
        """Browsers add members of their own."""

        unknown = ma.EXCLUDE

    id = _binary(1_400, required=True)
    rawId = _binary(1_400, required=True)  # noqa: N815 - WebAuthn's names
    type = ma.fields.String(required=True, validate=ma.validate.Equal("public-key"))
    response = ma.fields.Nested(AuthenticatorAnswerSchema, required=True)


class QuestionSchema(ma.Schema):
    """A question to the citizen's authenticator."""

    id = ma.fields.UUID(required=True, metadata={"description": "Comes back with the answer."})
    expires_at = Instant(required=True)
    public_key = ma.fields.Dict(
        keys=ma.fields.String(),
        required=True,
        metadata={
            "description": (
                "The options as JSON, for `PublicKeyCredential.parseCreationOptionsFromJSON()` or"
                " `parseRequestOptionsFromJSON()`, and for the credential managers of Android and iOS."
            )
        },
    )


class PasskeyRegistrationSchema(ma.Schema):
    """A passkey that the authenticator has made."""

    challenge_id = ma.fields.UUID(required=True, metadata={"description": "`id` of startPasskeyRegistration."})
    credential = ma.fields.Nested(CredentialSchema, required=True)
    name = Line(80, metadata={"description": "How the citizen knows it.", "example": "Điện thoại của An"})


class PasskeyAnswerSchema(ma.Schema):
    """What a passkey has signed."""

    credential = ma.fields.Nested(CredentialSchema, required=True)


class PasskeySignInSchema(PasskeyAnswerSchema):
    """What a passkey has signed, on a device that signs in."""

    device_name = Line(
        80, metadata={"description": "How the citizen knows this device.", "example": "Điện thoại của An"}
    )


class PasskeySchema(ma.Schema):
    """A way in without a code."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    is_synced = ma.fields.Boolean(
        required=True, metadata={"description": "Whether it may live on several of the citizen's devices."}
    )
    created_at = Instant(required=True)
    last_used_at = Instant(required=True, allow_none=True)


class PasskeysSchema(ma.Schema):
    """All passkeys of a citizen."""

    items = ma.fields.List(ma.fields.Nested(PasskeySchema), required=True)


class IdentityStartSchema(ma.Schema):
    """An app that sends a citizen to national identity."""

    redirect_uri = Line(
        400,
        metadata={
            "description": "Where the provider sends the citizen back to; one registered for the app.",
            "example": "vn.citizen.app:/identity",
        },
    )


class WayToIdentitySchema(ma.Schema):
    """The way to the identity provider."""

    id = ma.fields.UUID(required=True, metadata={"description": "Goes into the path of the answer."})
    authorization_url = ma.fields.String(
        required=True, metadata={"description": "Open it in the system's browser, never in a web view."}
    )
    expires_at = Instant(required=True)


class IdentityAnswerSchema(ma.Schema):
    """What the provider sent back: the parameters of the redirect, as they came."""

    state = Line(200, metadata={"description": "As it came."})
    code = Line(2_000, metadata={"description": "As it came; absent when `error` came."})
    iss = Line(400, metadata={"description": "As it came (RFC 9207)."})
    error = Line(100, metadata={"description": "As it came.", "example": "access_denied"})


class IdentitySignInSchema(IdentityAnswerSchema):
    """What the provider sent back, on a device that signs in."""

    device_name = Line(
        80, metadata={"description": "How the citizen knows this device.", "example": "Điện thoại của An"}
    )


class ClientTokenRequestSchema(ma.Schema):
    """A machine client's request for a token (RFC 6749 section 4.4)."""

    grant_type = Line(100, required=True, metadata={"enum": ["client_credentials"], "example": "client_credentials"})
    client_id = Line(100, metadata={"description": "Here, or as the user name of HTTP Basic."})
    client_secret = Line(200, metadata={"description": "Here, or as the password of HTTP Basic.", "format": "password"})
    client_assertion_type = Line(
        100,
        metadata={
            "description": "Of private_key_jwt.",
            "example": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    )
    client_assertion = Line(8_000, metadata={"description": "A JWT signed with the client's own key (RFC 7523)."})
    scope = Line(
        500,
        shortest=0,
        metadata={"description": "Separated by spaces; all granted ones when absent.", "example": "bills:write"},
    )


class ClientTokenSchema(ma.Schema):
    """A machine client's access token."""

    access_token = ma.fields.String(required=True)
    token_type = ma.fields.Constant("Bearer", required=True, metadata={"type": "string", "enum": ["Bearer"]})
    expires_in = ma.fields.Integer(required=True, metadata={"description": "Seconds the token is valid."})
    scope = ma.fields.String(required=True, metadata={"description": "What the token may do, separated by spaces."})


class SigningKeySchema(ma.Schema):
    """The public half of a P-256 signing key (RFC 7517)."""

    kty = ma.fields.String(required=True)
    crv = ma.fields.String(required=True)
    x = ma.fields.String(required=True)
    y = ma.fields.String(required=True)
    kid = ma.fields.String(required=True, metadata={"description": "RFC 7638 thumbprint."})
    use = ma.fields.String(required=True)
    alg = ma.fields.String(required=True)


class SigningKeysSchema(ma.Schema):
    """A JWK set."""

    keys = ma.fields.List(ma.fields.Nested(SigningKeySchema), required=True)
