"""Passkeys: what browsers and phones are asked, and what they answer (WebAuthn); the only file that reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import webauthn
from webauthn.helpers import base64url_to_bytes, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth.errors import PasskeyRefused
from kit import logs

ANSWER_SECONDS = 300


@dataclass(frozen=True)
class RelyingParty:
    """Who asks: `id` is a domain, and `origins` are the pages and apps of it that may ask for us."""

    id: str = "localhost"
    name: str = "Công dân số"
    origins: tuple[str, ...] = ("http://localhost:8000",)


@dataclass(frozen=True)
class Registered:
    """A new credential, its public key in COSE."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool


_asking: dict[str, RelyingParty] = {"now": RelyingParty()}


def use_relying_party(relying_party: RelyingParty) -> None:
    """Ask as `relying_party` from now on. Passkeys of another id are lost."""
    _asking["now"] = relying_party


def ask_to_register(challenge: bytes, citizen_id: UUID, label: str, known: Iterable[bytes]) -> dict[str, Any]:
    """The options of `navigator.credentials.create()`: a discoverable key that is not among `known`.

    `label` is what the citizen's own authenticator shows beside the key.
    """
    relying_party = _asking["now"]
    options = webauthn.generate_registration_options(
        rp_id=relying_party.id,
        rp_name=relying_party.name,
        user_id=citizen_id.bytes,
        user_name=label,
        user_display_name=label,
        challenge=challenge,
        timeout=ANSWER_SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in known],
    )
    return options_to_json_dict(options)


def ask_to_sign(challenge: bytes, allowed: Iterable[bytes] = ()) -> dict[str, Any]:
    """The options of `navigator.credentials.get()`: any passkey of ours, or one of those `allowed`."""
    options = webauthn.generate_authentication_options(
        rp_id=_asking["now"].id,
        challenge=challenge,
        timeout=ANSWER_SECONDS * 1000,
        allow_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in allowed],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def read_registration(credential: dict[str, Any], challenge: bytes) -> Registered:
    """The new credential, once it is for our domain, our page and `challenge`, and its owner was verified.

    Raises PasskeyRefused.
    """
    relying_party = _asking["now"]
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=relying_party.id,
            expected_origin=list(relying_party.origins),
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as exc:
        raise _refused(exc) from exc
    return Registered(
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        is_synced=made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
    )


def read_signature(credential: dict[str, Any], challenge: bytes, public_key: bytes) -> int:
    """The authenticator's new count of signatures, once this one holds. Raises PasskeyRefused.

    Whether the count has grown is for the caller to say, who knows the last one.
    """
    relying_party = _asking["now"]
    try:
        signed = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=relying_party.id,
            expected_origin=list(relying_party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as exc:
        raise _refused(exc) from exc
    return signed.new_sign_count


def read_id(credential: dict[str, Any]) -> bytes:
    """Which credential answers. Raises PasskeyRefused for what is not base64url."""
    return _bytes(str(credential["id"]))


def read_user(credential: dict[str, Any]) -> bytes | None:
    """Whom the authenticator says the credential belongs to, if it says so. Raises PasskeyRefused."""
    handle = credential["response"].get("userHandle")
    return _bytes(handle) if handle else None


def _bytes(text: str) -> bytes:
    try:
        return base64url_to_bytes(text)
    except ValueError as exc:
        raise _refused(exc) from exc


def _refused(exc: Exception) -> PasskeyRefused:
    logs.logger.warning("passkey_refused", error=type(exc).__name__)
    return PasskeyRefused()
