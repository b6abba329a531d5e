"""The applications registered with the identity provider, and how they prove who they are."""

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import jwt
from flask import request
from jwt.types import Options

from sandbox.clock import Clock
from sandbox.identity_protocol import IdentityError, fingerprint
from sandbox.providers import Refused
from sandbox.store import Document, Store

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = ("client_secret_basic", "private_key_jwt")
_FIELDS = frozenset({"client_id", "client_name", "client_secret", "redirect_uris", "post_logout_redirect_uris",
                     "token_endpoint_auth_method", "jwks"})  # fmt: skip
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA"]
_LONGEST_ASSERTION_SECONDS = 600
_CLOCK_SKEW_SECONDS = 60
_PRIVATE_MEMBERS = frozenset({"d", "k", "p", "q"})
# Clients check their own times against the sandbox's clock, not against this machine's.
_ASSERTION_OPTIONS: Options = {
    "require": ["iss", "sub", "aud", "exp", "jti"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}


class Clients:
    """Every registered client."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Keep clients in the store; of a secret only its fingerprint."""
        self._store = store
        self._clock = clock

    def register(self, wanted: object) -> tuple[Document, bool]:
        """Register a client, or replace one; returns it and whether it is new.

        The answer to a client with a secret is the only place where the secret can be read. Raises Refused 400.
        """
        fields = _checked(wanted)
        client_id = fields.setdefault("client_id", f"client-{secrets.token_hex(6)}")
        secret = fields.pop("client_secret", None)
        if fields["token_endpoint_auth_method"] == "client_secret_basic":
            secret = secret or secrets.token_urlsafe(32)
        kept = fields | {"secret_fingerprint": None if secret is None else fingerprint(secret)}
        with self._store.unit():
            new = self._store.get("identity_client", client_id) is None
            self._store.put("identity_client", client_id, kept)
        return fields if secret is None else fields | {"client_secret": secret}, new

    def list_clients(self) -> list[Document]:
        """Return every client without its secret."""
        return [{name: value for name, value in client.items() if name != "secret_fingerprint"}
                for client in self._store.scan("identity_client")]  # fmt: skip

    def find(self, client_id: str | None) -> Document | None:
        """Return one client."""
        return None if client_id is None else self._store.get("identity_client", client_id)

    def delete(self, client_id: str) -> bool:
        """Forget a client; False when there was none."""
        return self._store.delete("identity_client", client_id)

    def authenticate(self, fields: Mapping[str, str], audiences: frozenset[str]) -> Document:
        """Return the client that sends the current request; raises invalid_client 401.

        A client may use the one method it registered and no other; `audiences` are the names of this endpoint that an
        assertion may be addressed to.
        """
        basic = _basic_credentials()
        if "client_secret" in fields or (basic is not None and "client_assertion" in fields):
            raise IdentityError("invalid_client", "Send the secret by HTTP Basic, or one assertion.", 401)
        if basic is not None:
            client = self._by_secret(*basic)
        elif "client_assertion" in fields:
            client = self._by_assertion(fields, audiences)
        else:
            raise IdentityError("invalid_client", "The client has not proved who it is.", 401)
        if fields.get("client_id", client["client_id"]) != client["client_id"]:
            raise IdentityError("invalid_client", "client_id names another client.", 401)
        return client

    def _by_secret(self, client_id: str, secret: str) -> Document:
        client = self.find(client_id)
        if client is None or client["token_endpoint_auth_method"] != "client_secret_basic":
            raise IdentityError("invalid_client", "Unknown client or another method is registered.", 401)
        if not hmac.compare_digest(fingerprint(secret), client["secret_fingerprint"]):
            raise IdentityError("invalid_client", "The secret is wrong.", 401)
        return client

    def _by_assertion(self, fields: Mapping[str, str], audiences: frozenset[str]) -> Document:
        assertion = fields["client_assertion"]
        if fields.get("client_assertion_type") != _ASSERTION_TYPE:
            raise IdentityError("invalid_client", "client_assertion_type is not the one for JWTs.", 401)
        try:
            named = jwt.decode(assertion, options={"verify_signature": False}).get("sub")
            client = self.find(str(named))
            if client is None or client["token_endpoint_auth_method"] != "private_key_jwt":
                raise IdentityError("invalid_client", "Unknown client or another method is registered.", 401)
            key = _key_named(client, jwt.get_unverified_header(assertion).get("kid"))
            claims = jwt.decode(assertion, key, _ASSERTION_ALGORITHMS, options=_ASSERTION_OPTIONS)
        except jwt.PyJWTError as wrong:
            raise IdentityError("invalid_client", "The assertion cannot be verified.", 401) from wrong
        self._check_assertion(client["client_id"], claims, audiences)
        return client

    def _check_assertion(self, client_id: str, claims: Mapping[str, Any], audiences: frozenset[str]) -> None:
        now = self._clock.timestamp()
        addressed = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims["iss"] != client_id or not audiences.intersection(map(str, addressed)):
            raise IdentityError("invalid_client", "The assertion is from, or to, somebody else.", 401)
        expires = claims["exp"]
        if not isinstance(expires, int | float) or not now - _CLOCK_SKEW_SECONDS < expires < (
            now + _LONGEST_ASSERTION_SECONDS
        ):
            raise IdentityError("invalid_client", "The assertion is too old or lives too long.", 401)
        with self._store.unit():
            used = f"{client_id}\n{claims['jti']}"
            if self._store.get("identity_assertion", used) is not None:
                raise IdentityError("invalid_client", "The assertion was used before.", 401)
            self._store.put("identity_assertion", used, {"expires_at": expires})


def _checked(wanted: object) -> Document:
    if not isinstance(wanted, dict) or not set(wanted) <= _FIELDS:
        raise Refused(400, "invalid_client_metadata", f"A client is a JSON object of {', '.join(sorted(_FIELDS))}.")
    for name in ("client_id", "client_name", "client_secret"):
        if name in wanted and not (isinstance(wanted[name], str) and wanted[name].strip()):
            raise Refused(400, "invalid_client_metadata", f"{name} is text.")
    if not _ID.fullmatch(wanted.get("client_id", "client")):
        raise Refused(400, "invalid_client_metadata", "client_id is letters, digits, dots, - and _, at most 64.")
    method = wanted.get("token_endpoint_auth_method", "client_secret_basic")
    if method not in _METHODS:
        raise Refused(400, "invalid_client_metadata", f"token_endpoint_auth_method is one of {', '.join(_METHODS)}.")
    if method == "private_key_jwt":
        _check_jwks(wanted.get("jwks"))
        if "client_secret" in wanted:
            raise Refused(400, "invalid_client_metadata", "A client with keys has no secret.")
    elif "jwks" in wanted:
        raise Refused(400, "invalid_client_metadata", "A client with a secret has no jwks.")
    fields: Document = {"post_logout_redirect_uris": []} | wanted | {"token_endpoint_auth_method": method}
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        addresses = fields.get(name)
        if not isinstance(addresses, list) or not all(_is_address(address) for address in addresses):
            raise Refused(400, "invalid_redirect_uri", f"{name} lists absolute addresses without a fragment.")
    if not fields["redirect_uris"]:
        raise Refused(400, "invalid_redirect_uri", "At least one redirect address is needed.")
    return fields


def _check_jwks(jwks: object) -> None:
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise Refused(400, "invalid_client_metadata", "jwks is a set of public keys.")
    if any(_PRIVATE_MEMBERS & key.keys() for key in keys):
        raise Refused(400, "invalid_client_metadata", "jwks holds a private key: register the public half only.")
    try:
        for key in keys:
            jwt.PyJWK.from_dict(key)
    except jwt.PyJWTError as wrong:
        raise Refused(400, "invalid_client_metadata", "jwks holds a key that cannot be read.") from wrong


def _is_address(address: object) -> bool:
    """An http(s) address, or one of an app's own scheme: a dot in it keeps javascript: and data: out (RFC 8252)."""
    if not isinstance(address, str) or not address.isascii() or re.search(r"[\s*\\#\x00-\x1f]", address):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme in {"http", "https"}:
        return bool(parts.hostname) and parts.username is None
    return "." in parts.scheme


def _key_named(client: Document, kid: str | None) -> jwt.PyJWK:
    keys = [key for key in client["jwks"]["keys"] if kid is None or key.get("kid") == kid]
    if len(keys) != 1:
        raise IdentityError("invalid_client", "The assertion names no key of this client.", 401)
    return jwt.PyJWK.from_dict(keys[0])


def _basic_credentials() -> tuple[str, str] | None:
    sent = request.authorization
    if sent is None or sent.type != "basic" or sent.username is None or sent.password is None:
        return None
    # RFC 6749, section 2.3.1: both halves are form-encoded before they are joined.
    return unquote_plus(sent.username), unquote_plus(sent.password)
