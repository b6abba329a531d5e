"""Passkeys: registered, signed in with, stepped up with, removed; each question to an authenticator works once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import assurance, derivation, passkeys, phones
from auth.assurance import Proof
from auth.errors import LastWayIn, PasskeyChallengeOver, PasskeyKnown, PasskeyRefused
from auth.events import PasskeyAdded
from auth.models import Assurance, Citizen, LinkedIdentity, Passkey, PasskeyChallenge, PasskeyUse
from auth.operations.budgets import begin_sign_in
from auth.operations.citizens import find_phone
from auth.operations.sessions import SignIn, SteppedUp, forget_passkey, start_session, step_up
from kit import clock, events, logs
from kit.database import new_id
from kit.errors import NotFound

LIFETIME = timedelta(seconds=passkeys.ANSWER_SECONDS)
_UNNAMED = "Khóa truy cập"
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Question:
    """What the app hands to the authenticator: the options of WebAuthn as JSON."""

    id: UUID
    expires_at: datetime
    public_key: dict[str, Any]


def start_passkey_registration(session: Session, citizen_id: UUID, session_id: UUID, proof: Proof) -> Question:
    """Ask the citizen's authenticator for a new passkey.

    Who has a better way in than a code to the phone must have come by it: or else who holds the number could make a
    passkey of their own. Raises InsufficientUserAuthentication.
    """
    known = _list_credentials(session, citizen_id)
    if known or _has_identity(session, citizen_id):
        assurance.require(proof, Assurance.PASSKEY, assurance.FRESH)
    asked = _ask(session, PasskeyUse.REGISTER, session_id)
    phone = find_phone(session, citizen_id)
    label = phones.mask(phone) if phone else passkeys.RelyingParty.name
    options = passkeys.ask_to_register(derivation.challenge_of(asked.id), citizen_id, label, known)
    return Question(asked.id, asked.expires_at, options)


def register_passkey(
    session: Session,
    challenge_id: UUID,
    credential: dict[str, Any],
    *,
    citizen_id: UUID,
    session_id: UUID,
    proof: Proof,
    name: str | None,
) -> Passkey | PasskeyRefused | PasskeyChallengeOver | PasskeyKnown:
    """Keep a new passkey. A refusal is returned, not raised: the question is spent and must stay so.

    The passkey counts as known since the device has been on which it was registered.
    """
    if not _spend(session, challenge_id, PasskeyUse.REGISTER, session_id):
        return PasskeyChallengeOver()
    challenge = derivation.challenge_of(challenge_id)
    made = _unless_refused(lambda: passkeys.read_registration(credential, challenge))
    if isinstance(made, PasskeyRefused):
        return made
    kept = session.execute(
        insert(Passkey)
        .values(
            id=new_id(),
            created_at=clock.now(),
            citizen_id=citizen_id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            user_handle=citizen_id.bytes,
            sign_count=made.sign_count,
            transports=credential["response"].get("transports", []),
            is_synced=made.is_synced,
            name=name or _UNNAMED,
            known_since=proof.known_since,
        )
        .on_conflict_do_nothing()
        .returning(Passkey)
    ).scalar_one_or_none()
    if kept is None:
        return PasskeyKnown()
    events.emit(session, PasskeyAdded(citizen_id, kept.id))
    return kept


def start_passkey_sign_in(session: Session, *, address: str | None = None) -> Question:
    """Ask whoever is there for a passkey of ours; the authenticator knows whose it is.

    Raises TooManyTries when the network `address` has begun its share of sign-ins.
    """
    begin_sign_in(session, address)
    asked = _ask(session, PasskeyUse.SIGN_IN, None)
    return Question(asked.id, asked.expires_at, passkeys.ask_to_sign(derivation.challenge_of(asked.id)))


def sign_in_with_passkey(
    session: Session, challenge_id: UUID, credential: dict[str, Any], *, device_name: str | None
) -> SignIn | PasskeyRefused | PasskeyChallengeOver:
    """Sign in who holds a passkey. A refusal is returned, not raised: the question is spent and must stay so."""
    if not _spend(session, challenge_id, PasskeyUse.SIGN_IN, None):
        return PasskeyChallengeOver()
    used = _use(session, challenge_id, credential)
    if isinstance(used, PasskeyRefused):
        return used
    proof = _proof(used)
    return start_session(session, used.citizen_id, device_name, proof)


def start_passkey_step_up(session: Session, citizen_id: UUID, session_id: UUID) -> Question:
    """Ask the citizen who is signed in for one of their passkeys."""
    asked = _ask(session, PasskeyUse.STEP_UP, session_id)
    known = _list_credentials(session, citizen_id)
    return Question(asked.id, asked.expires_at, passkeys.ask_to_sign(derivation.challenge_of(asked.id), known))


def step_up_with_passkey(
    session: Session, challenge_id: UUID, credential: dict[str, Any], *, citizen_id: UUID, session_id: UUID
) -> SteppedUp | PasskeyRefused | PasskeyChallengeOver:
    """Raise a running session by a passkey of its own citizen; a refusal is returned as above."""
    if not _spend(session, challenge_id, PasskeyUse.STEP_UP, session_id):
        return PasskeyChallengeOver()
    used = _use(session, challenge_id, credential, of=citizen_id)
    if isinstance(used, PasskeyRefused):
        return used
    proof = _proof(used)
    return step_up(session, session_id, citizen_id, proof)


def list_passkeys(session: Session, citizen_id: UUID) -> list[Passkey]:
    """A citizen's passkeys, the oldest first."""
    return list(session.execute(select(Passkey).where(Passkey.citizen_id == citizen_id).order_by(Passkey.id)).scalars())


def get_passkey(session: Session, passkey_id: UUID, citizen_id: UUID) -> Passkey:
    """One passkey of a citizen; raises NotFound."""
    found = session.execute(
        select(Passkey).where(Passkey.id == passkey_id, Passkey.citizen_id == citizen_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def remove_passkey(session: Session, passkey_id: UUID, citizen_id: UUID) -> None:
    """Forget a passkey, and end the sessions it has opened.

    Raises LastWayIn when the citizen could not sign in any more, also of two removed at once.
    """
    # The citizen's row is what two removals queue up for.
    session.execute(select(Citizen.id).where(Citizen.id == citizen_id).with_for_update())
    others = [one for one in list_passkeys(session, citizen_id) if one.id != passkey_id]
    if not others and not _has_identity(session, citizen_id) and find_phone(session, citizen_id) is None:
        raise LastWayIn
    session.execute(delete(Passkey).where(Passkey.id == passkey_id, Passkey.citizen_id == citizen_id))
    forget_passkey(session, passkey_id, citizen_id)


def forget_old_questions(session: Session) -> None:
    """Remove questions to authenticators that nobody can answer any more."""
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.created_at < clock.now() - timedelta(days=1)))


def _ask(session: Session, use: PasskeyUse, session_id: UUID | None) -> PasskeyChallenge:
    now = clock.now()
    asked = PasskeyChallenge(created_at=now, use=use, session_id=session_id, expires_at=now + LIFETIME)
    session.add(asked)
    session.flush()
    return asked


def _spend(session: Session, challenge_id: UUID, use: PasskeyUse, session_id: UUID | None) -> bool:
    now = clock.now()
    spent = session.execute(
        update(PasskeyChallenge)
        .where(
            PasskeyChallenge.id == challenge_id,
            PasskeyChallenge.use == use,
            PasskeyChallenge.session_id.is_not_distinct_from(session_id),
            PasskeyChallenge.spent_at.is_(None),
            PasskeyChallenge.expires_at > now,
        )
        .values(spent_at=now)
        .returning(PasskeyChallenge.id)
    ).one_or_none()
    return spent is not None


def _use(
    session: Session, challenge_id: UUID, credential: dict[str, Any], *, of: UUID | None = None
) -> Passkey | PasskeyRefused:
    """The passkey that has signed the question, its count moved on; `of`: only one of this citizen's."""
    credential_id = _unless_refused(lambda: passkeys.read_id(credential))
    if isinstance(credential_id, PasskeyRefused):
        return credential_id
    known = session.execute(select(Passkey).where(Passkey.credential_id == credential_id)).scalar_one_or_none()
    if known is None or of not in {None, known.citizen_id}:
        return PasskeyRefused()
    challenge = derivation.challenge_of(challenge_id)
    count = _unless_refused(lambda: passkeys.read_signature(credential, challenge, known.public_key))
    if isinstance(count, PasskeyRefused):
        return count
    user = _unless_refused(lambda: passkeys.read_user(credential))
    if user not in {None, known.user_handle}:
        return PasskeyRefused()
    used = session.execute(
        update(Passkey)
        .where(Passkey.id == known.id, _has_grown(count))
        .values(sign_count=count, last_used_at=clock.now())
        .returning(Passkey),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if used is None:
        # Somebody else signs with a copy of the key, or somebody replays.
        logs.logger.warning("passkey_count_went_back", actor=logs.pseudonym(f"citizen:{known.citizen_id}"))
        return PasskeyRefused()
    return used


def _has_grown(count: int) -> ColumnElement[bool]:
    # Synced passkeys do not count: they always say zero.
    return or_(Passkey.sign_count < count, and_(Passkey.sign_count == 0, literal(count) == 0))


def _proof(used: Passkey) -> Proof:
    return Proof(Assurance.PASSKEY, authenticated_at=clock.now(), known_since=used.known_since, passkey_id=used.id)


def _list_credentials(session: Session, citizen_id: UUID) -> list[bytes]:
    return list(
        session.execute(
            select(Passkey.credential_id).where(Passkey.citizen_id == citizen_id).order_by(Passkey.id)
        ).scalars()
    )


def _has_identity(session: Session, citizen_id: UUID) -> bool:
    linked = select(LinkedIdentity.id).where(LinkedIdentity.citizen_id == citizen_id).limit(1)
    return session.execute(linked).one_or_none() is not None


def _unless_refused(read: Callable[[], _Answer]) -> _Answer | PasskeyRefused:
    try:
        return read()
    except PasskeyRefused as refused:
        return refused
