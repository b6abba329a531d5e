"""How the identity provider speaks: its errors, its metadata and the form of its answers."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from flask import Response, request
from werkzeug.datastructures import MultiDict

# What each scope lets a client read; the names are those of OpenID Connect where it has one.
CLAIMS_OF_SCOPES: Mapping[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "birthdate", "gender"),
    "phone": ("phone_number", "phone_number_verified"),
    "national_id": ("national_id_number",),
}
# Decree 69/2024 knows two levels of an electronic identification account.
LEVELS = ("1", "2")
PREFIX = "/identity"


class IdentityError(Exception):
    """A refusal in the words of OAuth 2.0 and OpenID Connect: status, error code, description."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        """`error` is the registered code; the description is ASCII, as RFC 6749 asks."""
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status

    def response(self) -> Response:
        """Return the JSON answer of an endpoint that clients call themselves."""
        answer = json_response(self.status, {"error": self.error, "error_description": self.description})
        if self.status == 401:
            scheme = "Bearer" if self.error == "invalid_token" else "Basic"
            answer.headers["WWW-Authenticate"] = f'{scheme} realm="identity", error="{self.error}"'
        return answer


def issuer() -> str:
    """Return the provider's name: the address under which the caller reaches it."""
    return f"{request.host_url.rstrip('/')}{PREFIX}"


def metadata() -> dict[str, Any]:
    """Return the discovery document (OpenID Connect Discovery 1.0, section 3)."""
    base = issuer()
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "jwks_uri": f"{base}/jwks",
        "end_session_endpoint": f"{base}/end-session",
        "scopes_supported": list(CLAIMS_OF_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "acr_values_supported": list(LEVELS),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "PS256", "EdDSA"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": [
            *("iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "sid", "at_hash"),
            *(claim for claims in CLAIMS_OF_SCOPES.values() for claim in claims),
        ],
        "ui_locales_supported": ["vi", "en"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def single_values(fields: MultiDict[str, str]) -> dict[str, str]:
    """Return parameters that came once each; raises invalid_request for a repeated one (RFC 6749, section 3.1)."""
    repeated = sorted(name for name, values in fields.lists() if len(values) > 1)
    if repeated:
        raise IdentityError("invalid_request", f"Repeated parameter: {repeated[0]!a}.")
    # A parameter without a value counts as one that was not sent.
    return {name: value for name, value in fields.items() if value}


def with_query(address: str, added: Mapping[str, str]) -> str:
    """Return the address with more parameters behind those it has."""
    parts = urlsplit(address)
    query = urlencode(added)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def fingerprint(secret: str) -> str:
    """Return what is kept of a code, token or secret: nobody who reads the state can use it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def base64url(data: bytes) -> str:
    """Return base64url without padding, as JOSE and PKCE write it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def json_response(status: int, body: Any) -> Response:
    """Return JSON that no cache keeps."""
    answer = Response(orjson.dumps(body), status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
