"""The identity provider's signing keys: one signs, its predecessors stay published for a while."""

import hashlib
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from sandbox.clock import Clock
from sandbox.identity_protocol import base64url
from sandbox.store import Document, Store

ALGORITHM = "ES256"
JWKS_MAX_AGE_SECONDS = 300
OLD_KEY_PUBLISHED_SECONDS = 24 * 3600


class SigningKey:
    """One ES256 key pair; its id is the thumbprint of RFC 7638."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        """Derive the public half and the id."""
        self.private = private
        self.jwk: dict[str, Any] = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        members = {name: self.jwk[name] for name in ("crv", "kty", "x", "y")}
        self.kid = base64url(hashlib.sha256(orjson.dumps(members)).digest())

    @classmethod
    def new(cls) -> "SigningKey":
        """Make a key that nobody has seen."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def of(cls, stored: Document) -> "SigningKey":
        """Read a key from the store."""
        private = load_pem_private_key(stored["private_pem"].encode(), None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            message = f"The stored key {stored['kid']} is not an elliptic-curve key."
            raise TypeError(message)
        return cls(private)

    def private_pem(self) -> str:
        """Return the private key as the store keeps it."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def public_pem(self) -> bytes:
        """Return the public key as people copy it from one file to another."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: Document, **headers: Any) -> str:
        """Return the claims as a compact JWS; `headers` are added to, or replace, the usual ones."""
        return jwt.encode(claims, self.private, ALGORITHM, headers={"kid": self.kid} | headers)


class Keys:
    """The keys of the provider, durable."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take up the keys of the last run, or make the first."""
        self._store = store
        self._clock = clock
        with store.unit():
            if not store.ids("identity_key"):
                self._add()

    def current(self) -> SigningKey:
        """Return the key that signs."""
        return SigningKey.of(next(self._store.scan("identity_key", newest_first=True)))

    def list_keys(self) -> list[Document]:
        """Return id, age and end of every published key, the one that signs first; times are UTC seconds."""
        stored = list(self._store.scan("identity_key", newest_first=True))
        return [
            {name: key[name] for name in ("kid", "created_at", "published_until")} | {"signs": number == 0}
            for number, key in enumerate(stored)
            if key["published_until"] is None or key["published_until"] > self._clock.timestamp()
        ]

    def jwks(self) -> Document:
        """Return the published key set (RFC 7517)."""
        published = [each["kid"] for each in self.list_keys()]
        keys = [SigningKey.of(stored) for kid in published if (stored := self._store.get("identity_key", kid))]
        return {"keys": [key.jwk | {"kid": key.kid, "use": "sig", "alg": ALGORITHM} for key in keys]}

    def rotate(self, *, withdraw: bool) -> str:
        """Sign with a new key from now on and return its id.

        The old keys stay published for a day, or vanish at once when they are withdrawn, as after a theft.
        """
        with self._store.unit():
            for stored in self._store.scan("identity_key"):
                if withdraw:
                    self._store.delete("identity_key", stored["kid"])
                elif stored["published_until"] is None:
                    stored["published_until"] = self._clock.timestamp() + OLD_KEY_PUBLISHED_SECONDS
                    self._store.put("identity_key", stored["kid"], stored)
            return self._add()

    def read(self, token: str) -> Document | None:
        """Return the claims of an id_token of ours, however old, or None when no published key signed it."""
        published = {key.key_id: key for key in jwt.PyJWKSet.from_dict(self.jwks()).keys}
        try:
            key = published[jwt.get_unverified_header(token).get("kid")]
            return jwt.decode(
                token, key, [ALGORITHM], options={"verify_aud": False, "verify_exp": False, "verify_iat": False}
            )
        except (jwt.PyJWTError, KeyError):
            return None

    def _add(self) -> str:
        key = SigningKey.new()
        self._store.put("identity_key", key.kid, {
            "kid": key.kid, "private_pem": key.private_pem(), "created_at": self._clock.timestamp(),
            "published_until": None})  # fmt: skip
        return key.kid
