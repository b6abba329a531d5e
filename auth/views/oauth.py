"""The doors OAuth libraries know: metadata, tokens, and tokens given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
from flask import Response, request
from flask.views import MethodView

from auth import tokens
from auth.app_errors import InvalidGrant, TokenRequestIncomplete
from auth.app_schemas import AppTokenRequestSchema, AppTokenRevocationSchema, AppTokensSchema, ServerMetadataSchema
from auth.app_scopes import SCOPES
from auth.errors import InvalidClient, InvalidScope, UnsupportedGrantType
from auth.operations import apps, grants
from auth.operations.grants import AppTokens
from auth.views.credentials import client_credentials
from auth.views.door import SIGN_IN_EXAMPLE, apps as blueprint, unless_refused
from kit.database import transaction
from kit.errors import MalformedRequest
from kit.problems import PROBLEM
from kit.web import LANGUAGES, public

TOKEN, REVOKE = "/token", "/revoke"
_CLIENT_AUTHENTICATION = ["client_secret_basic", "client_secret_post", "none"]
_NEEDED = {
    "authorization_code": ("code", "code_verifier"),
    "refresh_token": ("refresh_token",),
}
_TOKENS = {
    "access_token": SIGN_IN_EXAMPLE["access_token"],
    "token_type": "Bearer",
    "expires_in": 300,
    "refresh_token": SIGN_IN_EXAMPLE["refresh_token"],
    "scope": "bills:read",
}
_CODE = {
    "grant_type": "authorization_code",
    "client_id": "019a0c1e-9999-7c00-8000-000000000019",
    "code": "SplxlOBeZQQYbYS6WxSbIA",
    "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
}


def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}{TOKEN}",
        "revocation_endpoint": f"{issuer}{REVOKE}",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "service_documentation": f"{issuer}/docs",
        "scopes_supported": sorted(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": sorted(_NEEDED),
        "token_endpoint_auth_methods_supported": _CLIENT_AUTHENTICATION,
        "revocation_endpoint_auth_methods_supported": _CLIENT_AUTHENTICATION,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": list(LANGUAGES),
    }


@blueprint.route("/.well-known/oauth-authorization-server")
class ServerMetadata(MethodView):
    """What we are to OAuth libraries."""

    @blueprint.response(200, ServerMetadataSchema, example=_metadata("https://api.citizen.example"))
    @blueprint.doc(operationId="getServerMetadata")
    def get(self) -> dict[str, Any]:
        """Read where and how apps of others sign citizens in.

        The metadata of an OAuth 2.0 authorization server (RFC 8414). Send the citizen's browser to
        `authorization_endpoint`, with PKCE (S256); the page there speaks Vietnamese and English.
        """
        public(300)
        return _metadata(tokens.issuer())


@blueprint.route(TOKEN)
class AppTokensDoor(MethodView):
    """Tokens of apps of others."""

    @blueprint.arguments(AppTokenRequestSchema(), location="form", example=_CODE, unknown="exclude")
    @blueprint.response(200, AppTokensSchema, example=_TOKENS)
    @blueprint.raises(
        MalformedRequest, TokenRequestIncomplete, InvalidClient, InvalidGrant, InvalidScope, UnsupportedGrantType
    )
    @blueprint.doc(operationId="issueAppTokens")
    def post(self, asked: Mapping[str, str]) -> AppTokens:
        """Trade a code or a refresh token for tokens of an app.

        `grant_type=authorization_code` with `code` and `code_verifier`, within a minute; `grant_type=refresh_token`
        with `refresh_token`. A confidential app shows its secret, a public one its `client_id`. A code or refresh token
        that comes twice, or from another app, ends all tokens that came of it: the citizen has to be asked again.
        Refusals carry `error` as in RFC 6749 section 5.2, as application/json where Accept asks for that.
        """
        sent = {name: value for name, value in asked.items() if value}
        kind = sent.get("grant_type", "")
        _require(sent, "grant_type")
        if kind not in _NEEDED:
            raise UnsupportedGrantType
        with transaction() as session:
            app = apps.authenticate_app(session, *client_credentials(sent))
            _require(sent, *_NEEDED[kind])
            given = (
                grants.redeem_code(
                    session,
                    app,
                    sent["code"],
                    redirect_uri=sent.get("redirect_uri"),
                    code_verifier=sent["code_verifier"],
                )
                if kind == "authorization_code"
                else grants.refresh_grant(session, app, sent["refresh_token"], sent.get("scope"))
            )
        return unless_refused(given)


@blueprint.route(REVOKE)
class AppTokenRevocation(MethodView):
    """Tokens given back."""

    @blueprint.arguments(
        AppTokenRevocationSchema(),
        location="form",
        example={"client_id": _CODE["client_id"], "token": _TOKENS["refresh_token"]},
        unknown="exclude",
    )
    @blueprint.response(200, description="It is over, or never was.")
    @blueprint.raises(MalformedRequest, TokenRequestIncomplete, InvalidClient, InvalidGrant)
    @blueprint.doc(operationId="revokeAppToken")
    def post(self, asked: Mapping[str, str]) -> Response:
        """Give a token back (RFC 7009), for instance when the citizen signs out of the app.

        Either kind of token ends all that came of the same consent. A token nobody knows is answered alike.
        """
        sent = {name: value for name, value in asked.items() if value}
        with transaction() as session:
            app = apps.authenticate_app(session, *client_credentials(sent))
            _require(sent, "token")
            refused = grants.revoke_token(session, app, sent["token"])
        unless_refused(refused)
        return Response(status=200)


def _require(sent: Mapping[str, str], *names: str) -> None:
    missing = [name for name in names if name not in sent]
    if missing:
        raise TokenRequestIncomplete(missing=missing)


@blueprint.after_request
def speak_oauth(response: Response) -> Response:
    """Let every refusal at these addresses carry `error`, and be the JSON that strict libraries expect of it."""
    if request.path not in {TOKEN, REVOKE} or response.mimetype != PROBLEM:
        return response
    body = response.get_json(force=True)
    if "error" not in body:
        is_ours = response.status_code >= 500 or response.status_code == 429  # noqa: PLR2004 - not for the app to mend
        body["error"] = "temporarily_unavailable" if is_ours else "invalid_request"
        response.set_data(flask.json.dumps(body))
    taken = request.accept_mimetypes
    if taken.quality("application/json") > taken.quality(PROBLEM):
        response.content_type = "application/json"
    return response
