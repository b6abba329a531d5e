"""One-time codes: asked for within budgets, answered within five tries and ten minutes, used once."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from auth import derivation
from auth.errors import ChallengeOver, TooManyCodes, TooManyTries, WrongCode
from auth.events import PhoneChallengeStarted
from auth.models import Language, PhoneChallenge
from auth.operations import budgets
from auth.operations.citizens import welcome_citizen
from auth.operations.sessions import SignIn, start_session
from kit import clock, events, idempotency, sealed
from kit.database import new_id
from kit.errors import NotFound
from kit.idempotency import Outcome, RequestKey

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True)
class CodeToSend:
    """A one-time code on its way to a phone (E.164); worthless after `expires_at`."""

    phone: str
    code: str
    language: Language
    expires_at: datetime


def start_challenge(
    session: Session, request: RequestKey, *, phone: str, language: Language, address: str
) -> tuple[PhoneChallenge, Outcome]:
    """Ask whoever holds `phone` (E.164) to prove it; once per Idempotency-Key.

    Whether the number belongs to a citizen is not even looked up. Raises TooManyCodes when the number, the network
    `address`, the block of numbers or the country has had its share.
    """

    def start() -> UUID:
        now = clock.now()
        refused = budgets.spend(session, budgets.shares_of_code(phone, address, now))
        if refused is not None:
            raise TooManyCodes(limited_by=refused.limited_by, retry_after=refused.retry_after)
        challenge_id = new_id()
        challenge = PhoneChallenge(
            id=challenge_id,
            phone_sealed=sealed.seal_in(PhoneChallenge.phone_sealed, challenge_id, phone),
            language=language,
            created_at=now,
            expires_at=now + LIFETIME,
        )
        session.add(challenge)
        session.flush()
        events.emit(session, PhoneChallengeStarted(challenge.id))
        return challenge.id

    outcome = idempotency.once(session, request, start)
    return get_challenge(session, outcome.resource_id), outcome


def get_challenge(session: Session, challenge_id: UUID) -> PhoneChallenge:
    """The challenge of that id; raises NotFound."""
    challenge = session.get(PhoneChallenge, challenge_id)
    if challenge is None:
        raise NotFound
    return challenge


def get_code_to_send(session: Session, challenge_id: UUID) -> CodeToSend:
    """What to send, to whom, in which language; raises NotFound. The same at every call."""
    challenge = get_challenge(session, challenge_id)
    return CodeToSend(
        phone=sealed.unseal_in(PhoneChallenge.phone_sealed, challenge.id, challenge.phone_sealed),
        code=derivation.code_of(challenge.id),
        language=challenge.language,
        expires_at=challenge.expires_at,
    )


def answer_challenge(
    session: Session, challenge_id: UUID, code: str, *, device_name: str | None = None, address: str | None = None
) -> SignIn | WrongCode | ChallengeOver | TooManyTries:
    """Sign in whoever knows the code, by the rules of `prove_phone`."""
    proved = prove_phone(session, challenge_id, code, address=address)
    return start_session(session, proved, device_name) if isinstance(proved, UUID) else proved


def prove_phone(
    session: Session, challenge_id: UUID, code: str, *, address: str | None = None
) -> UUID | WrongCode | ChallengeOver | TooManyTries:
    """The id of the citizen who knows the code; the first time makes them one.

    Each answer costs one of five tries before it is compared, and concurrent answers wait for each other, so that at
    most five are ever compared. It also costs the number, and the network `address`, one of the wrong codes they may
    send, which a right one gets back. A refusal is returned, not raised, because what it cost must be committed.
    Raises NotFound for an unknown challenge.
    """
    now = clock.now()
    tried = session.execute(
        update(PhoneChallenge)
        .where(
            PhoneChallenge.id == challenge_id,
            PhoneChallenge.spent_at.is_(None),
            PhoneChallenge.expires_at > now,
            PhoneChallenge.tries_left > 0,
        )
        .values(tries_left=PhoneChallenge.tries_left - 1)
        .returning(
            PhoneChallenge.phone_sealed,
            PhoneChallenge.language,
            PhoneChallenge.tries_left,
            PhoneChallenge.created_at,
        )
    ).one_or_none()
    if tried is None:
        get_challenge(session, challenge_id)
        return ChallengeOver()
    phone = sealed.unseal_in(PhoneChallenge.phone_sealed, challenge_id, tried.phone_sealed)
    guess = budgets.shares_of_guess(phone, address)
    refused = budgets.spend(session, guess)
    if refused is not None:
        return TooManyTries(limited_by=refused.limited_by, retry_after=refused.retry_after)
    if not hmac.compare_digest(derivation.code_of(challenge_id).encode(), code.encode()):
        return WrongCode(tries_left=tried.tries_left)
    session.execute(update(PhoneChallenge).where(PhoneChallenge.id == challenge_id).values(spent_at=now))
    citizen_id = welcome_citizen(session, phone, tried.language)
    # Last, because the whole country waits for this row.
    budgets.give_back(session, [*guess, *budgets.shares_of_answer(phone, tried.created_at)])
    return citizen_id


def forget_old_challenges(session: Session) -> None:
    """Remove challenges once no Idempotency-Key leads to them any more, and budgets of windows gone by."""
    session.execute(delete(PhoneChallenge).where(PhoneChallenge.created_at < clock.now() - idempotency.KEPT))
    budgets.forget_old_budgets(session)
