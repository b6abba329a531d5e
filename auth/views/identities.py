"""The doors of national identity: there, and back as a verified person."""

from __future__ import annotations

from uuid import UUID

from flask.views import MethodView

from auth import flows
from auth.errors import (
    IdentityAttemptOver,
    IdentityNotOffered,
    IdentityOfAnother,
    IdentityRefused,
    IdentityUnavailable,
    RedirectNotAllowed,
    TooManyTries,
)
from auth.flows import WayToIdentity
from auth.guard import current_citizen, current_session
from auth.identity import Returned
from auth.models import Language
from auth.operations import SignIn
from auth.schemas import (
    IdentityAnswerSchema,
    IdentitySignInSchema,
    IdentityStartSchema,
    SignInSchema,
    WayToIdentitySchema,
)
from auth.views.door import SIGN_IN_EXAMPLE, blueprint, remote_address
from kit.errors import NotFound
from kit.web import language

_WAY = {
    "id": "019a0c1e-6666-7c00-8000-000000000010",
    "authorization_url": "https://identity.example/authorize?response_type=code&client_id=citizen&state=…",
    "expires_at": "2026-11-21T09:10:00.000+07:00",
}
_BACK = {"state": "kq3…", "code": "SplxlOBeZQQYbYS6WxSbIA", "iss": "https://identity.example"}
_STARTING = (IdentityNotOffered, IdentityUnavailable, RedirectNotAllowed)
_FINISHING = (IdentityAttemptOver, IdentityRefused, IdentityUnavailable, IdentityNotOffered, IdentityOfAnother)


@blueprint.route("/v1/auth/identity-attempts")
class IdentityAttempts(MethodView):
    """Ways to national identity."""

    @blueprint.arguments(IdentityStartSchema(), example={"redirect_uri": "vn.citizen.app:/identity"})
    @blueprint.response(201, WayToIdentitySchema, example=_WAY)
    @blueprint.raises(*_STARTING, TooManyTries)
    @blueprint.doc(operationId="startIdentitySignIn")
    def post(self, asked: dict[str, str]) -> WayToIdentity:
        """Begin to sign in with national identity (định danh điện tử).

        Open `authorization_url` in the system's browser. When the provider sends the citizen back, hand its parameters
        to finishIdentitySignIn within ten minutes.
        """
        redirect_uri = asked.get("redirect_uri")
        return flows.start_identity(session_id=None, redirect_uri=redirect_uri, address=remote_address())


@blueprint.route("/v1/auth/identity-attempts/<uuid:attempt_id>/answer")
class IdentityAttemptAnswer(MethodView):
    """The way back."""

    @blueprint.arguments(IdentitySignInSchema(), example={**_BACK, "device_name": "Điện thoại của An"})
    @blueprint.response(200, SignInSchema, example=SIGN_IN_EXAMPLE)
    @blueprint.raises(NotFound, *_FINISHING)
    @blueprint.doc(operationId="finishIdentitySignIn")
    def post(self, asked: dict[str, str], attempt_id: UUID) -> SignIn:
        """Sign in as the person whom national identity has verified.

        The same person is the same citizen, by whichever door they come. An attempt works once. The session has the
        assurance `identity`.
        """
        return flows.finish_identity_sign_in(
            attempt_id, _read(asked), device_name=asked.get("device_name"), language=Language(language())
        )


@blueprint.route("/v1/me/step-ups/identity")
class IdentityStepUps(MethodView):
    """Ways to national identity of who is signed in."""

    @blueprint.arguments(IdentityStartSchema(), example={"redirect_uri": "vn.citizen.app:/identity"})
    @blueprint.response(201, WayToIdentitySchema, example=_WAY)
    @blueprint.raises(*_STARTING)
    @blueprint.doc(operationId="startIdentityStepUp")
    def post(self, asked: dict[str, str]) -> WayToIdentity:
        """Begin to prove with national identity who I am (xác thực bằng định danh).

        The first time links it to me; from then on it is a way in.
        """
        return flows.start_identity(session_id=current_session(), redirect_uri=asked.get("redirect_uri"))


@blueprint.route("/v1/me/step-ups/identity/<uuid:attempt_id>/answer")
class IdentityStepUpAnswer(MethodView):
    """The way back of who is signed in."""

    @blueprint.arguments(IdentityAnswerSchema(), example=_BACK)
    @blueprint.response(200, SignInSchema, example=SIGN_IN_EXAMPLE)
    @blueprint.raises(NotFound, *_FINISHING)
    @blueprint.doc(operationId="finishIdentityStepUp")
    def post(self, asked: dict[str, str], attempt_id: UUID) -> SignIn:
        """Go on as the person whom national identity has verified.

        Gives new tokens of both kinds; those of the session so far are over. When the person has signed in by national
        identity before, as another citizen, the two become one: `citizen_id` says which.
        """
        return flows.finish_identity_step_up(
            attempt_id, _read(asked), citizen_id=current_citizen(), session_id=current_session()
        )


def _read(asked: dict[str, str]) -> Returned:
    return Returned(state=asked.get("state"), code=asked.get("code"), issuer=asked.get("iss"), error=asked.get("error"))
