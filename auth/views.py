"""The doors of sign-in."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import unquote_plus
from uuid import UUID

from flask import request
from flask.views import MethodView

from auth import operations, phones
from auth.errors import (
    ChallengeOver,
    InvalidClient,
    InvalidScope,
    NotVietnameseMobile,
    SessionOver,
    TooManyCodes,
    UnsupportedGrantType,
    WrongCode,
)
from auth.guard import current_caller, current_citizen
from auth.models import Language, PhoneChallenge
from auth.operations import ClientToken, SignIn
from auth.schemas import (
    AnswerSchema,
    ChallengeSchema,
    ClientTokenRequestSchema,
    ClientTokenSchema,
    MeSchema,
    PhoneSchema,
    RefreshSchema,
    SigningKeysSchema,
    SignInSchema,
)
from kit.database import transaction
from kit.errors import DomainError, MalformedRequest, NotFound, NotSignedIn
from kit.parsing import Flaw
from kit.web import Blueprint, language, note, public, request_key

blueprint = Blueprint(
    "auth",
    __name__,
    url_prefix="",
    description="Sign-in by phone, sessions, machine clients and signing keys.",
)

_CHALLENGE = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "expires_at": "2026-11-21T09:10:00.000+07:00",
    "tries_left": 5,
}
_SIGN_IN = {
    "access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": 300,
    "refresh_token": "wVZ6Qk0m1b0m8e0T2s0C9oYw4y7n3l1xk5u8r2q6p0A",
    "refresh_expires_at": "2026-12-21T09:00:00.000+07:00",
    "citizen_id": "019a0c1e-0000-7c00-8000-00000000000a",
}
_ME = {
    "id": "019a0c1e-0000-7c00-8000-00000000000a",
    "phone": "0912 *** 678",
    "language": "vi",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "assurance": "phone",
}
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
_Answer = TypeVar("_Answer")


@blueprint.route("/v1/auth/phone-challenges")
class PhoneChallenges(MethodView):
    """One-time codes asked for."""

    @blueprint.idempotent
    @blueprint.arguments(PhoneSchema(), example={"phone": "0912 345 678", "language": "vi"})
    @blueprint.response(201, ChallengeSchema, example=_CHALLENGE)
    @blueprint.raises(NotVietnameseMobile, TooManyCodes)
    @blueprint.doc(operationId="startPhoneSignIn")
    def post(self, asked: dict[str, Any]) -> PhoneChallenge:
        """Ask for a one-time code by SMS.

        Send the code with answerPhoneChallenge within ten minutes. The answer is the same whether or not the number
        has been here before. A number gets ten codes a day, a network address a limited number an hour.
        """
        with transaction() as session:
            challenge, outcome = operations.start_challenge(
                session,
                request_key(asked),
                phone=asked["phone"],
                language=Language(asked.get("language") or language()),
                address=request.remote_addr or "0.0.0.0",  # noqa: S104 - no address: behind a socket, all share one
            )
        note(outcome)
        return challenge


@blueprint.route("/v1/auth/phone-challenges/<uuid:challenge_id>/answer")
class PhoneChallengeAnswer(MethodView):
    """The answer to a one-time code."""

    @blueprint.arguments(AnswerSchema(), example={"code": "492039", "device_name": "Điện thoại của An"})
    @blueprint.response(200, SignInSchema, example=_SIGN_IN)
    @blueprint.raises(NotFound, WrongCode, ChallengeOver)
    @blueprint.doc(operationId="answerPhoneChallenge")
    def post(self, asked: dict[str, str], challenge_id: UUID) -> SignIn:
        """Sign in with a one-time code.

        Five tries within ten minutes; a code works once, and only for the challenge it was sent for. The first
        sign-in of a number makes the citizen.
        """
        with transaction() as session:
            answered = operations.answer_challenge(
                session, challenge_id, asked["code"], device_name=asked.get("device_name")
            )
        return _unless_refused(answered)


@blueprint.route("/v1/auth/sessions/refresh")
class SessionRefresh(MethodView):
    """A session carried on."""

    @blueprint.arguments(RefreshSchema(), example={"refresh_token": _SIGN_IN["refresh_token"]})
    @blueprint.response(200, SignInSchema, example=_SIGN_IN)
    @blueprint.raises(SessionOver)
    @blueprint.doc(operationId="refreshSession")
    def post(self, asked: dict[str, str]) -> SignIn:
        """Trade a refresh token for a new pair of tokens.

        Keep the new refresh token, the old one is spent. When the answer gets lost, send the same token again within
        60 seconds: you get the same successor. A spent token used in any other way ends the session. A session lasts
        30 days without use and 180 days in all.
        """
        with transaction() as session:
            refreshed = operations.refresh_session(session, asked["refresh_token"])
        return _unless_refused(refreshed)


@blueprint.route("/v1/auth/sessions/end")
class SessionEnd(MethodView):
    """A session closed."""

    @blueprint.response(204)
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="signOut")
    def post(self) -> None:
        """Sign out on this device.

        Ends the session of the access token. Its refresh token is refused from now on.
        """
        caller, citizen_id = current_caller(), current_citizen()
        if caller.session_id is None:
            raise NotSignedIn("no session")
        with transaction() as session:
            operations.end_session(session, caller.session_id, citizen_id)


@blueprint.route("/v1/me")
class Me(MethodView):
    """The citizen who asks."""

    @blueprint.response(200, MeSchema, example=_ME)
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="getMe")
    def get(self) -> dict[str, Any]:
        """Read who is signed in.

        The phone number is masked; `assurance` says how surely we know the citizen.
        """
        with transaction() as session:
            citizen = operations.get_citizen(session, current_citizen())
            phone = operations.find_phone(session, citizen.id)
        return {
            "id": citizen.id,
            "phone": phones.mask(phone) if phone else None,
            "language": citizen.language,
            "created_at": citizen.created_at,
            "assurance": current_caller().assurance,
        }


@blueprint.route("/v1/auth/token")
class ClientTokens(MethodView):
    """Tokens for machine clients."""

    @blueprint.arguments(ClientTokenRequestSchema(), location="form", example=_CLIENT)
    @blueprint.response(
        200,
        ClientTokenSchema,
        example={
            "access_token": _SIGN_IN["access_token"],
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "bills:write",
        },
    )
    @blueprint.raises(MalformedRequest, InvalidClient, UnsupportedGrantType, InvalidScope)
    @blueprint.doc(operationId="issueClientToken")
    def post(self, asked: dict[str, str]) -> ClientToken:
        """Get an access token for a machine client.

        The client credentials grant of OAuth 2.0 (RFC 6749 section 4.4): id and secret stand in the form or in HTTP
        Basic, not in both. There is no refresh token; ask again when the token expires.
        """
        if asked["grant_type"] != "client_credentials":
            raise UnsupportedGrantType
        client_id, secret = _client_credentials(asked)
        with transaction() as session:
            return operations.issue_client_token(session, client_id, secret, asked.get("scope"))


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


def _unless_refused(answer: _Answer | DomainError) -> _Answer:
    # Raised here, after the commit: what the refusal cost or ended must last.
    if isinstance(answer, DomainError):
        raise answer
    return answer


def _client_credentials(asked: dict[str, str]) -> tuple[str, str]:
    shown = request.authorization
    if shown is None or shown.type != "basic":
        return asked.get("client_id", ""), asked.get("client_secret", "")
    if "client_id" in asked or "client_secret" in asked:
        flaw = Flaw(
            "/client_id", "twice", "Chỉ gửi thông tin hệ thống ở một nơi.", "Send the credentials in one place."
        )
        raise MalformedRequest(errors=[flaw])
    # RFC 6749 section 2.3.1: both are form-encoded before they become user name and password.
    return unquote_plus(shown.username or ""), unquote_plus(shown.password or "")
