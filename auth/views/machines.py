"""The doors of machines: tokens for clients, and the keys that tokens are checked with."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.views import MethodView

from auth import operations
from auth.errors import InvalidClient, InvalidScope, UnsupportedGrantType
from auth.operations import ClientToken
from auth.schemas import ClientTokenRequestSchema, ClientTokenSchema, SigningKeysSchema
from auth.views.credentials import client_credentials, twice
from auth.views.door import SIGN_IN_EXAMPLE, blueprint
from kit.database import transaction
from kit.errors import MalformedRequest
from kit.web import public

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLIENT = {
    "grant_type": "client_credentials",
    "client_id": "019a0c1e-1111-7c00-8000-00000000000b",
    "client_secret": "nQ3y0V8h2s6K4m1P7w9x5Z0t2r8e4d6c1b3a7f9g5h0",
    "scope": "bills:write",
}
_KEYS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "kid": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
            "use": "sig",
            "alg": "ES256",
        }
    ]
}


@blueprint.route("/v1/auth/token")
class ClientTokens(MethodView):
    """Tokens for machine clients."""

    @blueprint.arguments(ClientTokenRequestSchema(), location="form", example=_CLIENT)
    @blueprint.response(
        200,
        ClientTokenSchema,
        example={
            "access_token": SIGN_IN_EXAMPLE["access_token"],
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "bills:write",
        },
    )
    @blueprint.raises(MalformedRequest, InvalidClient, UnsupportedGrantType, InvalidScope)
    @blueprint.doc(operationId="issueClientToken")
    def post(self, asked: dict[str, str]) -> ClientToken:
        """Get an access token for a machine client.

        The client credentials grant of OAuth 2.0 (RFC 6749 section 4.4). A client shows one thing only: its secret,
        with its id, in the form or in HTTP Basic; or an assertion it has signed with its key (private_key_jwt, RFC
        7523): `iss` and `sub` its id, `aud` our issuer or this address, `exp` within five minutes, a fresh `jti`. There
        is no refresh token; ask again when the token expires.
        """
        if asked["grant_type"] != "client_credentials":
            raise UnsupportedGrantType
        client_id, secret = client_credentials(asked)
        assertion, scope = _assertion(asked), asked.get("scope")
        with transaction() as session:
            if assertion is not None:
                return operations.issue_token_for_assertion(session, assertion, asked.get("client_id"), scope)
            return operations.issue_client_token(session, client_id, secret, scope)


@blueprint.route("/.well-known/jwks.json")
class SigningKeys(MethodView):
    """Our public keys."""

    @blueprint.response(200, SigningKeysSchema, example=_KEYS)
    @blueprint.doc(operationId="listSigningKeys")
    def get(self) -> dict[str, Any]:
        """List the public keys that sign access tokens.

        A JWK set (RFC 7517). Read it again when a token names a key you do not know.
        """
        with transaction() as session:
            keys = operations.list_signing_keys(session)
        public(300)
        return {"keys": keys}


def _assertion(asked: dict[str, str]) -> str | None:
    if "client_assertion" not in asked and "client_assertion_type" not in asked:
        return None
    if "client_secret" in asked or request.authorization is not None:
        raise twice()
    if asked.get("client_assertion_type") != _ASSERTION:
        raise InvalidClient
    return asked.get("client_assertion", "")
