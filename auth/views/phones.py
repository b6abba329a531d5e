"""The door of the phone: a one-time code asked for and answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth import operations
from auth.errors import ChallengeOver, NotVietnameseMobile, TooManyCodes, TooManyTries, WrongCode
from auth.models import Language, PhoneChallenge
from auth.operations import SignIn
from auth.schemas import AnswerSchema, ChallengeSchema, PhoneSchema, SignInSchema
from auth.views.door import SIGN_IN_EXAMPLE, blueprint, remote_address, unless_refused
from kit.database import transaction
from kit.errors import NotFound
from kit.web import language, note, request_key

_CHALLENGE = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "expires_at": "2026-11-21T09:10:00.000+07:00",
    "tries_left": 5,
}


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
        has been here before. A number gets ten codes a day, a network address a limited number an hour; numbers whose
        codes are never entered use up what their block of numbers and their country may have.
        """
        with transaction() as session:
            challenge, outcome = operations.start_challenge(
                session,
                request_key(asked),
                phone=asked["phone"],
                language=Language(asked.get("language") or language()),
                address=remote_address(),
            )
        note(outcome)
        return challenge


@blueprint.route("/v1/auth/phone-challenges/<uuid:challenge_id>/answer")
class PhoneChallengeAnswer(MethodView):
    """The answer to a one-time code."""

    @blueprint.arguments(AnswerSchema(), example={"code": "492039", "device_name": "Điện thoại của An"})
    @blueprint.response(200, SignInSchema, example=SIGN_IN_EXAMPLE)
    @blueprint.raises(NotFound, WrongCode, ChallengeOver, TooManyTries)
    @blueprint.doc(operationId="answerPhoneChallenge")
    def post(self, asked: dict[str, str], challenge_id: UUID) -> SignIn:
        """Sign in with a one-time code.

        Five tries within ten minutes; a code works once, and only for the challenge it was sent for. After twenty
        wrong codes in a day a number has to wait, whatever challenges they were for. The first sign-in of a number
        makes the citizen.
        """
        with transaction() as session:
            answered = operations.answer_challenge(
                session, challenge_id, asked["code"], device_name=asked.get("device_name"), address=remote_address()
            )
        return unless_refused(answered)
