"""The doors of passkeys: registered, signed in with, stepped up with, removed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth import operations
from auth.errors import (
    InsufficientUserAuthentication,
    LastWayIn,
    PasskeyChallengeOver,
    PasskeyKnown,
    PasskeyRefused,
    TooManyTries,
)
from auth.guard import current_citizen, current_proof, current_session
from auth.models import Passkey
from auth.operations import Question, SignIn, SteppedUp
from auth.schemas import (
    PasskeyAnswerSchema,
    PasskeyRegistrationSchema,
    PasskeySchema,
    PasskeySignInSchema,
    PasskeysSchema,
    QuestionSchema,
    SignInSchema,
    SteppedUpSchema,
)
from auth.views.door import SIGN_IN_EXAMPLE, STEPPED_UP_EXAMPLE, blueprint, remote_address, unless_refused
from kit.database import transaction
from kit.errors import NotFound
from kit.web import require_match, tag

_PASSKEY = {
    "id": "019a0c1e-4444-7c00-8000-00000000000e",
    "name": "Điện thoại của An",
    "is_synced": True,
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "last_used_at": None,
}
_TO_REGISTER = {
    "id": "019a0c1e-5555-7c00-8000-00000000000f",
    "expires_at": "2026-11-21T09:05:00.000+07:00",
    "public_key": {
        "rp": {"name": "Công dân số", "id": "citizen.example"},
        "user": {"id": "AZoMHgAAfACAAAAAAAAACg", "name": "0912 *** 678", "displayName": "0912 *** 678"},
        "challenge": "Y2hhbGxlbmdl",
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "timeout": 300000,
        "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
        "attestation": "none",
    },
}
_TO_SIGN = {
    "id": "019a0c1e-5555-7c00-8000-00000000000f",
    "expires_at": "2026-11-21T09:05:00.000+07:00",
    "public_key": {
        "challenge": "Y2hhbGxlbmdl",
        "timeout": 300000,
        "rpId": "citizen.example",
        "allowCredentials": [],
        "userVerification": "required",
    },
}
_CLIENT_DATA = "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0"
_NEW = {
    "id": "Y3JlZGVudGlhbA",
    "rawId": "Y3JlZGVudGlhbA",
    "type": "public-key",
    "response": {"clientDataJSON": _CLIENT_DATA, "attestationObject": "o2NmbXRkbm9uZQ", "transports": ["internal"]},
}
_SIGNED = {
    "id": "Y3JlZGVudGlhbA",
    "rawId": "Y3JlZGVudGlhbA",
    "type": "public-key",
    "response": {
        "clientDataJSON": _CLIENT_DATA,
        "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2M",
        "signature": "MEUCIQDz",
        "userHandle": "AZoMHgAAfACAAAAAAAAACg",
    },
}


@blueprint.route("/v1/me/passkeys/options")
class PasskeyOptions(MethodView):
    """A new passkey asked for."""

    @blueprint.response(201, QuestionSchema, example=_TO_REGISTER)
    @blueprint.raises(InsufficientUserAuthentication)
    @blueprint.doc(operationId="startPasskeyRegistration")
    def post(self) -> Question:
        """Begin to register a passkey (khóa truy cập).

        Hand `public_key` to the device, and what it answers to registerPasskey within five minutes. Who has a passkey
        or a linked national identity already must have used it in the last five minutes.
        """
        with transaction() as session:
            return operations.start_passkey_registration(session, current_citizen(), current_session(), current_proof())


@blueprint.route("/v1/me/passkeys")
class Passkeys(MethodView):
    """The citizen's passkeys."""

    @blueprint.response(200, PasskeysSchema, example={"items": [_PASSKEY]})
    @blueprint.doc(operationId="listPasskeys")
    def get(self) -> dict[str, Any]:
        """List my passkeys (khóa truy cập), the oldest first.

        Each with the name it was given and when it was last used.
        """
        with transaction() as session:
            return {"items": operations.list_passkeys(session, current_citizen())}

    @blueprint.arguments(
        PasskeyRegistrationSchema(),
        example={"challenge_id": _TO_REGISTER["id"], "credential": _NEW, "name": "Điện thoại của An"},
    )
    @blueprint.response(201, PasskeySchema, example=_PASSKEY)
    @blueprint.raises(PasskeyRefused, PasskeyChallengeOver, PasskeyKnown)
    @blueprint.doc(operationId="registerPasskey")
    def post(self, asked: dict[str, Any]) -> Passkey:
        """Register a passkey (đăng ký khóa truy cập).

        With what the device answered to startPasskeyRegistration, in the same session. All devices of the citizen are
        told. A passkey is as trusted as the device it was registered on: on a new one it waits a day for larger
        payments.
        """
        with transaction() as session:
            kept = operations.register_passkey(
                session,
                asked["challenge_id"],
                asked["credential"],
                citizen_id=current_citizen(),
                session_id=current_session(),
                proof=current_proof(),
                name=asked.get("name"),
            )
        return unless_refused(kept)


@blueprint.route("/v1/me/passkeys/<uuid:passkey_id>")
class PasskeyById(MethodView):
    """One passkey."""

    @blueprint.response(200, PasskeySchema, example=_PASSKEY)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getPasskey")
    def get(self, passkey_id: UUID) -> Passkey:
        """See one of my passkeys.

        The ETag of the answer is needed to remove it.
        """
        with transaction() as session:
            found = operations.get_passkey(session, passkey_id, current_citizen())
        tag(found.id, found.name)
        return found

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound, LastWayIn, InsufficientUserAuthentication)
    @blueprint.doc(operationId="removePasskey")
    def delete(self, passkey_id: UUID) -> None:
        """Remove a passkey (xóa khóa truy cập).

        Needs a passkey or national identity used in the last five minutes. The last way in stays. Sessions that were
        opened with this passkey end, this one too if it was; what it has raised is as sure as it was before.
        """
        with transaction() as session:
            found = operations.get_passkey(session, passkey_id, current_citizen())
            require_match(found.id, found.name)
            operations.remove_passkey(session, found.id, current_citizen())


@blueprint.route("/v1/auth/passkey-challenges")
class PasskeyChallenges(MethodView):
    """Sign-ins by passkey begun."""

    @blueprint.response(201, QuestionSchema, example=_TO_SIGN)
    @blueprint.raises(TooManyTries)
    @blueprint.doc(operationId="startPasskeySignIn")
    def post(self) -> Question:
        """Begin to sign in with a passkey (đăng nhập bằng khóa truy cập).

        No number is asked for: the device knows whose passkey it holds. Answer with signInWithPasskey within five
        minutes.
        """
        with transaction() as session:
            return operations.start_passkey_sign_in(session, address=remote_address())


@blueprint.route("/v1/auth/passkey-challenges/<uuid:challenge_id>/answer")
class PasskeyChallengeAnswer(MethodView):
    """The answer of a passkey that signs in."""

    @blueprint.arguments(PasskeySignInSchema(), example={"credential": _SIGNED, "device_name": "Điện thoại của An"})
    @blueprint.response(200, SignInSchema, example=SIGN_IN_EXAMPLE)
    @blueprint.raises(NotFound, PasskeyRefused, PasskeyChallengeOver)
    @blueprint.doc(operationId="signInWithPasskey")
    def post(self, asked: dict[str, Any], challenge_id: UUID) -> SignIn:
        """Sign in with a passkey.

        The session has the assurance `passkey`. A question can be answered once, well or not.
        """
        with transaction() as session:
            answered = operations.sign_in_with_passkey(
                session, challenge_id, asked["credential"], device_name=asked.get("device_name")
            )
        return unless_refused(answered)


@blueprint.route("/v1/me/step-ups/passkey")
class PasskeyStepUps(MethodView):
    """A better proof asked for."""

    @blueprint.response(201, QuestionSchema, example=_TO_SIGN)
    @blueprint.doc(operationId="startPasskeyStepUp")
    def post(self) -> Question:
        """Begin to prove with a passkey that it is still me (xác thực lại).

        For operations that answer `insufficient_user_authentication`. Answer with stepUpWithPasskey.
        """
        with transaction() as session:
            return operations.start_passkey_step_up(session, current_citizen(), current_session())


@blueprint.route("/v1/me/step-ups/passkey/<uuid:challenge_id>/answer")
class PasskeyStepUpAnswer(MethodView):
    """The answer of a passkey that proves who is there."""

    @blueprint.arguments(PasskeyAnswerSchema(), example={"credential": _SIGNED})
    @blueprint.response(200, SteppedUpSchema, example=STEPPED_UP_EXAMPLE)
    @blueprint.raises(NotFound, PasskeyRefused, PasskeyChallengeOver)
    @blueprint.doc(operationId="stepUpWithPasskey")
    def post(self, asked: dict[str, Any], challenge_id: UUID) -> SteppedUp:
        """Prove with a passkey that it is still me.

        Gives a new access token with `acr` passkey and a fresh `auth_time`; the refresh token stays what it is.
        """
        with transaction() as session:
            answered = operations.step_up_with_passkey(
                session,
                challenge_id,
                asked["credential"],
                citizen_id=current_citizen(),
                session_id=current_session(),
            )
        return unless_refused(answered)
