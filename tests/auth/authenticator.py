"""An authenticator in software: makes keys and signs as a phone's does, and lies where a test wants it to."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:8000"
RP_ID = "localhost"
USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One passkey in someone's hands; `count` counts its signatures, None for one that never counts."""

    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    count: int | None = 0
    user: str | None = None

    def make(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """What `navigator.credentials.create()` gives for `options`, as JSON."""
        self.user = options["user"]["id"]
        point = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor2.dumps(cose)
        authenticator_data = self._data(ATTESTED, lies) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": authenticator_data})
        return self._credential(
            clientDataJSON=encode(self._client_data("webauthn.create", options, lies)),
            attestationObject=encode(attestation),
            transports=["internal"],
        )

    def sign(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """What `navigator.credentials.get()` gives for `options`, as JSON."""
        if self.count is not None:
            self.count += 1
        client_data = self._client_data("webauthn.get", options, lies)
        authenticator_data = self._data(0, lies)
        signed = authenticator_data + hashlib.sha256(client_data).digest()
        return self._credential(
            clientDataJSON=encode(client_data),
            authenticatorData=encode(authenticator_data),
            signature=encode(lies.get("key", self.key).sign(signed, ec.ECDSA(SHA256()))),
            userHandle=lies.get("user", self.user),
        )

    def _data(self, flags: int, lies: dict[str, Any]) -> bytes:
        flags |= lies.get("flags", USER_PRESENT | USER_VERIFIED)
        domain = hashlib.sha256(lies.get("rp_id", RP_ID).encode()).digest()
        return domain + bytes([flags]) + struct.pack(">I", lies.get("count", self.count or 0))

    @staticmethod
    def _client_data(kind: str, options: dict[str, Any], lies: dict[str, Any]) -> bytes:
        said = {
            "type": lies.get("type", kind),
            "challenge": lies.get("challenge", options["challenge"]),
            "origin": lies.get("origin", ORIGIN),
            "crossOrigin": False,
        }
        return json.dumps(said).encode()

    def _credential(self, **response: Any) -> dict[str, Any]:
        name = encode(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            # Browsers send more than the server needs.
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }
