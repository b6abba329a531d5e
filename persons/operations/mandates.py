"""Mandates: one citizen lets another act for them, in some things, for some time; both see it, either ends it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from auth import phones
from kit import clock, events, idempotency, sealed, vault
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.idempotency import Outcome, RequestKey
from kit.text import mask_name
from persons.errors import MandateCodeRefused, MandateOnlyNarrows, MandateOver
from persons.events import MandateAccepted, MandateRevoked
from persons.models import AccessPurpose, AccessRole, IdentityField, Mandate, MandateEnd, MandateScope
from persons.operations.accesses import record_access

LONGEST = timedelta(days=366)
OFFER = timedelta(days=7)
_MOST_SHOWN = 100
# 80 random bits in letters that nobody confuses: read out over the phone, guessed by nobody.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH = 16


@dataclass(frozen=True)
class SeenMandate:
    """A mandate as one of its two sides sees it: which side, who the other one is (masked), and how it stands."""

    mandate: Mandate
    side: str
    other_name: str | None
    state: str


def offer_mandate(
    session: Session,
    request: RequestKey,
    principal_id: UUID,
    *,
    scopes: Collection[MandateScope],
    ends_at: datetime,
    starts_at: datetime | None = None,
) -> Outcome:
    """Offer to let somebody act for the principal; who accepts with the code of `code_of` becomes the agent."""

    def offer() -> UUID:
        now = clock.now()
        mandate_id = new_id()
        session.add(
            Mandate(
                id=mandate_id,
                created_at=now,
                principal_id=principal_id,
                scopes=sorted(scopes),
                starts_at=starts_at or now,
                ends_at=ends_at,
                code_hash=_hash(code_of(mandate_id)),
                offer_ends_at=min(now + OFFER, ends_at),
            )
        )
        session.flush()
        return mandate_id

    return idempotency.once(session, request, offer)


def code_of(mandate_id: UUID) -> str:
    """The code that accepts an offer: it follows from the id under a key of ours, so that a replay tells the same."""
    number = int.from_bytes(vault.blind_index("mandate code", str(mandate_id)))
    letters = []
    for _place in range(_CODE_LENGTH):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "-".join("".join(letters[start : start + 4]) for start in range(0, _CODE_LENGTH, 4))


def accept_mandate(session: Session, agent_id: UUID, code: str) -> Mandate:
    """Become the agent of an offered mandate; accepting again gives the same. Raises MandateCodeRefused."""
    now = clock.now()
    code_hash = _hash(code)
    accepted = session.scalar(
        update(Mandate)
        .where(
            Mandate.code_hash == code_hash,
            Mandate.agent_id.is_(None),
            Mandate.principal_id != agent_id,
            Mandate.revoked_at.is_(None),
            Mandate.offer_ends_at > now,
        )
        .values(agent_id=agent_id, accepted_at=now, version=Mandate.version + 1)
        .returning(Mandate)
    )
    if accepted is not None:
        events.emit(session, MandateAccepted(accepted.id, accepted.principal_id, agent_id))
    else:
        accepted = session.scalar(
            select(Mandate).where(
                Mandate.code_hash == code_hash,
                Mandate.agent_id == agent_id,
                Mandate.revoked_at.is_(None),
                Mandate.ends_at > now,
            )
        )
    if accepted is None:
        raise MandateCodeRefused
    return accepted


def list_seen(session: Session, citizen_id: UUID) -> Sequence[SeenMandate]:
    """The newest hundred mandates a citizen gave or holds, over or not."""
    found = session.scalars(
        select(Mandate)
        .where(or_(Mandate.principal_id == citizen_id, Mandate.agent_id == citizen_id))
        .order_by(Mandate.id.desc())
        .limit(_MOST_SHOWN)
    ).all()
    return [_see(session, mandate, citizen_id) for mandate in found]


def get_seen(session: Session, citizen_id: UUID, mandate_id: UUID) -> SeenMandate:
    """A mandate the citizen gave or holds, as they see it; raises NotFound for anybody else's."""
    return _see(session, get_mandate(session, citizen_id, mandate_id), citizen_id)


def get_mandate(session: Session, citizen_id: UUID, mandate_id: UUID) -> Mandate:
    """A mandate the citizen gave or holds; raises NotFound for anybody else's."""
    found = session.scalar(
        select(Mandate).where(
            Mandate.id == mandate_id, or_(Mandate.principal_id == citizen_id, Mandate.agent_id == citizen_id)
        )
    )
    if found is None:
        raise NotFound
    return found


def narrow_mandate(
    session: Session,
    mandate: Mandate,
    principal_id: UUID,
    *,
    scopes: Collection[MandateScope] | None = None,
    ends_at: datetime | None = None,
) -> Mandate:
    """Take scopes away or bring the end nearer, with effect at once.

    Raises NotFound for the agent, MandateOver, MandateOnlyNarrows for more than there was, and PreconditionFailed when
    the mandate was changed meanwhile.
    """
    if mandate.principal_id != principal_id:
        raise NotFound
    if is_over(mandate):
        raise MandateOver
    left = sorted(scopes) if scopes is not None else mandate.scopes
    until = ends_at or mandate.ends_at
    if not set(left) <= set(mandate.scopes) or not mandate.starts_at < until <= mandate.ends_at:
        raise MandateOnlyNarrows(scopes=mandate.scopes)
    return _change(session, mandate, scopes=left, ends_at=until)


def revoke_mandate(session: Session, mandate: Mandate, citizen_id: UUID) -> Mandate:
    """End a mandate at once, from either side; harmless when it was revoked before."""
    if mandate.revoked_at is not None:
        return mandate
    author = MandateEnd.PRINCIPAL if citizen_id == mandate.principal_id else MandateEnd.AGENT
    revoked = _change(session, mandate, revoked_at=clock.now(), revoked_by=author)
    if revoked.agent_id is not None:
        events.emit(session, MandateRevoked(revoked.id, revoked.principal_id, revoked.agent_id))
    return revoked


def is_over(mandate: Mandate) -> bool:
    """Whether a mandate has been revoked or has run out."""
    return mandate.revoked_at is not None or mandate.ends_at <= clock.now()


def act(session: Session, agent_id: UUID, principal_id: UUID, scope: str, operation: str) -> bool:
    """Whether the agent may do this for the principal now; when so, it is written where the principal sees it."""
    now = clock.now()
    mandate_id = session.scalar(
        select(Mandate.id)
        .where(
            Mandate.agent_id == agent_id,
            Mandate.principal_id == principal_id,
            Mandate.revoked_at.is_(None),
            Mandate.starts_at <= now,
            Mandate.ends_at > now,
            Mandate.scopes.contains([scope]),
        )
        .limit(1)
    )
    if mandate_id is None:
        return False
    record_access(
        session,
        principal_id,
        role=AccessRole.DELEGATE,
        purpose=AccessPurpose.MANDATE,
        operation=operation,
        fields=[scope.partition(":")[0]],
        actor_id=agent_id,
    )
    return True


def _see(session: Session, mandate: Mandate, citizen_id: UUID) -> SeenMandate:
    is_principal = citizen_id == mandate.principal_id
    other = mandate.agent_id if is_principal else mandate.principal_id
    return SeenMandate(
        mandate=mandate,
        side="principal" if is_principal else "agent",
        other_name=_masked_name(session, other) if other else None,
        state=_state(mandate),
    )


def _masked_name(session: Session, citizen_id: UUID) -> str | None:
    known = sealed.read(session, citizen_id, [IdentityField.NAME, IdentityField.PHONE])
    if IdentityField.NAME in known:
        return mask_name(known[IdentityField.NAME])
    return phones.mask(known[IdentityField.PHONE]) if IdentityField.PHONE in known else None


def _state(mandate: Mandate) -> str:
    now = clock.now()
    if mandate.revoked_at is not None:
        return "revoked"
    if mandate.ends_at <= now or (mandate.agent_id is None and mandate.offer_ends_at <= now):
        return "expired"
    if mandate.agent_id is None:
        return "offered"
    return "active" if mandate.starts_at <= now else "waiting"


def _change(session: Session, mandate: Mandate, **values: object) -> Mandate:
    changed = session.scalar(
        update(Mandate)
        .where(Mandate.id == mandate.id, Mandate.version == mandate.version)
        .values(version=Mandate.version + 1, **values)
        .returning(Mandate)
        .execution_options(populate_existing=True)
    )
    if changed is None:
        raise PreconditionFailed
    return changed


def _hash(code: str) -> bytes:
    meant = "".join(char for char in code.upper() if char in _ALPHABET)
    return hashlib.sha256(meant.encode()).digest()
