"""What the operations about apps of others read and answer."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from auth import redirects
from auth.app_models import NEED_A_REASON, AppState, Review
from auth.app_scopes import SCOPES
from kit.fields import Choice, Flag, Instant, Line
from kit.pages import PageQuery, page_schema

_MOST_REDIRECTS = 10
_A_LINE = ma.validate.Regexp(r"^[^\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]*\Z")


def _redirect(value: str) -> None:
    if not redirects.is_allowed(value):
        raise ma.ValidationError("String does not match: https, loopback or a private-use scheme, and no fragment.")


def _homepage(value: str) -> None:
    if not redirects.is_homepage(value):
        raise ma.ValidationError("String does not match: an https address is expected.")


def _words(longest: int, **kwargs: Any) -> Line:  # noqa: ANN401 - marshmallow's options
    """What citizens read: one line, without characters that turn the direction of writing."""
    return Line(longest, shortest=2, also=(_A_LINE,), **kwargs)


class AppChangeSchema(ma.Schema):
    """What the owner of an app may change until it is approved."""

    name_vi = _words(60, metadata={"description": "What citizens know it by.", "example": "Sổ chi tiêu"})
    name_en = _words(60, metadata={"example": "Spending book"})
    owner_name = _words(
        120,
        metadata={
            "description": "The person or company that answers for it; citizens are told.",
            "example": "Công ty TNHH Sổ Chi Tiêu",
        },
    )
    homepage = Line(redirects.LONGEST, also=(_homepage,), metadata={"example": "https://so-chi-tieu.example"})
    redirect_uris = ma.fields.List(
        Line(redirects.LONGEST, also=(_redirect,)),
        validate=ma.validate.Length(min=1, max=_MOST_REDIRECTS),
        metadata={
            "description": (
                "Where citizens may be sent back to, letter by letter: https; http on 127.0.0.1 or [::1] with any port;"
                " or a private-use scheme with a dot (RFC 8252)."
            ),
            "example": ["https://so-chi-tieu.example/back"],
            "uniqueItems": True,
        },
    )
    scopes = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(sorted(SCOPES))),
        validate=ma.validate.Length(min=1, max=len(SCOPES)),
        metadata={"description": "All it may ever ask for.", "example": ["bills:read"], "uniqueItems": True},
    )

    @ma.validates_schema
    def _each_once(self, asked: dict[str, Any], **_options: object) -> None:
        for name in ("redirect_uris", "scopes"):
            given = asked.get(name, [])
            if len(set(given)) != len(given):
                raise ma.ValidationError("Must be one of: each once.", name)


class NewAppSchema(AppChangeSchema):
    """An app of others."""

    is_confidential = Flag(
        required=True,
        metadata={
            "description": (
                "Whether it runs on a server that can keep a secret. Apps on phones, desktops and in browsers can't."
            )
        },
    )

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        super().__init__(**kwargs)
        for field in self.fields.values():
            field.required = True


class AppSchema(ma.Schema):
    """An app as its owner and the province see it."""

    id = ma.fields.UUID(required=True, metadata={"description": "The `client_id`."})
    created_at = Instant(required=True)
    name_vi = ma.fields.String(required=True)
    name_en = ma.fields.String(required=True)
    owner_name = ma.fields.String(required=True)
    homepage = ma.fields.String(required=True)
    redirect_uris = ma.fields.List(ma.fields.String(), required=True)
    scopes = ma.fields.List(ma.fields.String(), required=True)
    is_confidential = ma.fields.Boolean(required=True)
    state = Choice(AppState, required=True, metadata={"description": "Only an approved app may ask citizens."})
    state_since = Instant(required=True)
    reason = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Why it was refused or suspended."}
    )
    etag = ma.fields.String(required=True, metadata={"description": "What If-Match needs to change it."})


class AppsSchema(ma.Schema):
    """All apps a citizen has registered."""

    items = ma.fields.List(ma.fields.Nested(AppSchema), required=True)


class AppSecretSchema(ma.Schema):
    """A secret, told once."""

    client_id = ma.fields.UUID(required=True)
    client_secret = ma.fields.String(required=True, metadata={"description": "Keep it on your server alone."})
    former_ends_at = Instant(
        required=True, allow_none=True, metadata={"description": "Until when the secret before is good; null: none."}
    )


class AppQuery(PageQuery):
    """Which apps."""

    state = Choice(AppState, load_default=None, metadata={"description": "Only those in one state."})


AppPageSchema = page_schema(AppSchema)


class ReviewSchema(ma.Schema):
    """A decision of the province."""

    decision = Choice(Review, required=True, metadata={"example": "approve"})
    reason = _words(
        500, load_default=None, metadata={"description": "For its owner; needed to refuse or suspend.", "example": None}
    )

    @ma.validates_schema
    def _reason_is_told(self, asked: dict[str, Any], **_options: object) -> None:
        if asked.get("decision") in NEED_A_REASON and not asked.get("reason"):
            raise ma.ValidationError("Missing data for required field.", "reason")


class AllowedScopeSchema(ma.Schema):
    """One thing an app may do."""

    scope = ma.fields.String(required=True)
    title = ma.fields.String(required=True, metadata={"description": "In the caller's language."})
    body = ma.fields.String(required=True)


class AllowedAppSchema(ma.Schema):
    """An app the citizen has allowed to see something."""

    id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True, metadata={"description": "In the caller's language."})
    owner_name = ma.fields.String(required=True, metadata={"description": "Who answers for it."})
    homepage = ma.fields.String(required=True)
    state = Choice(AppState, required=True, metadata={"description": "A suspended app gets nothing."})
    scopes = ma.fields.List(ma.fields.Nested(AllowedScopeSchema), required=True)
    given_at = Instant(required=True, metadata={"description": "When the citizen last allowed it."})
    used_at = Instant(required=True, metadata={"description": "When it last asked for a token."})
    ends_at = Instant(required=True, metadata={"description": "When it ends by itself."})
    sign_ins = ma.fields.Integer(required=True, metadata={"description": "How often it is signed in."})


class AllowedAppsSchema(ma.Schema):
    """All apps the citizen has allowed to see something."""

    items = ma.fields.List(ma.fields.Nested(AllowedAppSchema), required=True)


def _parameter(longest: int, description: str, **metadata: str) -> Line:
    """A parameter of OAuth: one without a value counts as not sent, so it may be empty."""
    return Line(longest, shortest=0, metadata={"description": description, **metadata})


class _ClientSchema(ma.Schema):
    """An app that calls; RFC 6749 has what it does not know ignored."""

    class Meta:
        """Libraries send parameters of extensions."""

        unknown = ma.EXCLUDE

    client_id = _parameter(100, "Here, or as the user name of HTTP Basic.")
    client_secret = _parameter(200, "Of a confidential app; or the password of HTTP Basic.", format="password")


class AppTokenRequestSchema(_ClientSchema):
    """An app's request for tokens (RFC 6749 sections 4.1.3 and 6, RFC 7636)."""

    grant_type = _parameter(100, "authorization_code or refresh_token.")
    code = _parameter(200, "As it came; good for a minute and once.")
    redirect_uri = _parameter(redirects.LONGEST, "If sent, as it was when the citizen was asked.")
    code_verifier = _parameter(200, "Whose S256 was sent as `code_challenge`.")
    refresh_token = _parameter(200, "The newest one. It is spent by this request.")
    scope = _parameter(500, "With refresh_token: less than was allowed, if wanted.")


class AppTokensSchema(ma.Schema):
    """An app's tokens."""

    access_token = ma.fields.String(required=True)
    token_type = ma.fields.Constant("Bearer", required=True, metadata={"type": "string", "enum": ["Bearer"]})
    expires_in = ma.fields.Integer(required=True, metadata={"description": "Seconds the access token is valid."})
    refresh_token = ma.fields.String(required=True, metadata={"description": "It works once; keep the newest."})
    scope = ma.fields.String(required=True, metadata={"description": "What the token may do, separated by spaces."})


class AppTokenRevocationSchema(_ClientSchema):
    """A token an app gives back (RFC 7009)."""

    token = _parameter(4096, "A refresh or an access token.")
    token_type_hint = _parameter(100, "Not needed: both kinds are looked for.")


class ServerMetadataSchema(ma.Schema):
    """What an OAuth library needs to know (RFC 8414)."""

    issuer = ma.fields.URL(required=True, metadata={"description": "`iss` of every answer (RFC 9207)."})
    authorization_endpoint = ma.fields.URL(required=True)
    token_endpoint = ma.fields.URL(required=True)
    revocation_endpoint = ma.fields.URL(required=True)
    jwks_uri = ma.fields.URL(required=True)
    service_documentation = ma.fields.URL(required=True)
    scopes_supported = ma.fields.List(ma.fields.String(), required=True)
    response_types_supported = ma.fields.List(ma.fields.String(), required=True)
    response_modes_supported = ma.fields.List(ma.fields.String(), required=True)
    grant_types_supported = ma.fields.List(ma.fields.String(), required=True)
    token_endpoint_auth_methods_supported = ma.fields.List(ma.fields.String(), required=True)
    revocation_endpoint_auth_methods_supported = ma.fields.List(ma.fields.String(), required=True)
    code_challenge_methods_supported = ma.fields.List(ma.fields.String(), required=True)
    authorization_response_iss_parameter_supported = ma.fields.Boolean(required=True)
    ui_locales_supported = ma.fields.List(ma.fields.String(), required=True)
