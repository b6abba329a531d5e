"""One-time codes: asked for within budgets, answered within five tries and ten minutes, used once."""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import derivation
from auth.errors import ChallengeOver, TooManyCodes, WrongCode
from auth.events import PhoneChallengeStarted
from auth.models import ChallengeBudget, Language, PhoneChallenge
from auth.operations.citizens import welcome_citizen
from auth.operations.sessions import SignIn, start_session
from kit import clock, events, idempotency, vault
from kit.database import new_id
from kit.errors import NotFound
from kit.idempotency import Outcome, RequestKey

LIFETIME = timedelta(minutes=10)
CODES_PER_PHONE_AND_DAY = 10
CODES_PER_ADDRESS_AND_HOUR = 30
_PURPOSE = "phone challenge"  # what a number waiting for its proof is sealed for
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_limits = {"address": CODES_PER_ADDRESS_AND_HOUR}


@dataclass(frozen=True)
class CodeToSend:
    """A one-time code on its way to a phone (E.164); worthless after `expires_at`."""

    phone: str
    code: str
    language: Language
    expires_at: datetime


def limit_codes(*, per_address_and_hour: int) -> None:
    """How many codes one network address may ask for in an hour; mobile networks put many phones behind one."""
    _limits["address"] = per_address_and_hour


def start_challenge(
    session: Session, request: RequestKey, *, phone: str, language: Language, address: str
) -> tuple[PhoneChallenge, Outcome]:
    """Ask whoever holds `phone` (E.164) to prove it; once per Idempotency-Key.

    Whether the number belongs to a citizen is not even looked up. Raises TooManyCodes when the number has had ten
    codes since midnight, or the network `address` its share of this hour.
    """

    def start() -> UUID:
        today = datetime.combine(clock.today(), time.min, clock.ZONE)
        _spend(session, "phone", phone, CODES_PER_PHONE_AND_DAY, (today, _DAY))
        # Always the number first, then the address: two transactions never wait for each other in a circle.
        this_hour = clock.now().replace(minute=0, second=0, microsecond=0)
        _spend(session, "address", _network(address), _limits["address"], (this_hour, _HOUR))
        now = clock.now()
        challenge_id = new_id()
        challenge = PhoneChallenge(
            id=challenge_id,
            phone_sealed=vault.seal_briefly(_PURPOSE, challenge_id, phone),
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
        phone=vault.unseal_briefly(_PURPOSE, challenge.id, challenge.phone_sealed),
        code=derivation.code_of(challenge.id),
        language=challenge.language,
        expires_at=challenge.expires_at,
    )


def answer_challenge(
    session: Session, challenge_id: UUID, code: str, *, device_name: str | None = None
) -> SignIn | WrongCode | ChallengeOver:
    """Sign in whoever knows the code, by the rules of `prove_phone`."""
    proved = prove_phone(session, challenge_id, code)
    return start_session(session, proved, device_name) if isinstance(proved, UUID) else proved


def prove_phone(session: Session, challenge_id: UUID, code: str) -> UUID | WrongCode | ChallengeOver:
    """The id of the citizen who knows the code; the first time makes them one.

    Each answer costs one of five tries before it is compared, and concurrent answers wait for each other, so that at
    most five are ever compared. A refusal is returned, not raised, because the try it cost must be committed. Raises
    NotFound for an unknown challenge.
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
        .returning(PhoneChallenge.phone_sealed, PhoneChallenge.language, PhoneChallenge.tries_left)
    ).one_or_none()
    if tried is None:
        get_challenge(session, challenge_id)
        return ChallengeOver()
    if not hmac.compare_digest(derivation.code_of(challenge_id).encode(), code.encode()):
        return WrongCode(tries_left=tried.tries_left)
    session.execute(update(PhoneChallenge).where(PhoneChallenge.id == challenge_id).values(spent_at=now))
    phone = vault.unseal_briefly(_PURPOSE, challenge_id, tried.phone_sealed)
    return welcome_citizen(session, phone, tried.language)


def forget_old_challenges(session: Session) -> None:
    """Remove challenges once no Idempotency-Key leads to them any more, and budgets of windows gone by."""
    now = clock.now()
    session.execute(delete(PhoneChallenge).where(PhoneChallenge.created_at < now - idempotency.KEPT))
    session.execute(delete(ChallengeBudget).where(ChallengeBudget.window_starts_at < now - 2 * _DAY))


def _spend(session: Session, kind: str, value: str, limit: int, window: tuple[datetime, timedelta]) -> None:
    begins, length = window
    spent = session.execute(
        insert(ChallengeBudget)
        .values(subject=derivation.fingerprint(kind, value), window_starts_at=begins, spent=1)
        .on_conflict_do_update(
            index_elements=[ChallengeBudget.subject, ChallengeBudget.window_starts_at],
            set_={"spent": ChallengeBudget.spent + 1},
            where=ChallengeBudget.spent < limit,
        )
        .returning(ChallengeBudget.spent)
    ).one_or_none()
    if spent is None:
        seconds = math.ceil((begins + length - clock.now()).total_seconds())
        raise TooManyCodes(limited_by=kind, retry_after=max(1, seconds))


def _network(address: str) -> str:
    """What one subscriber holds: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)
