"""Consents: given in the words of a version, withdrawn at any time, never presumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from kit.errors import NotFound
from persons.consent_texts import CURRENT, PURPOSES, ConsentText
from persons.errors import ConsentTextChanged
from persons.models import ConsentAction, ConsentEvent


@dataclass(frozen=True)
class Consent:
    """How a citizen stands to one purpose; without any decision it is not given."""

    text: ConsentText
    is_given: bool
    given_version: int | None
    decided_at: datetime | None


def list_consents(session: Session, citizen_id: UUID) -> Sequence[Consent]:
    """Every purpose there is, with the citizen's last decision about it."""
    last = {
        decided.purpose: decided
        for decided in session.scalars(
            select(ConsentEvent)
            .where(ConsentEvent.citizen_id == citizen_id)
            .ext(distinct_on(ConsentEvent.purpose))
            .order_by(ConsentEvent.purpose, ConsentEvent.id.desc())
        )
    }
    return [_stand(CURRENT[purpose], last.get(purpose)) for purpose in PURPOSES]


def give_consent(session: Session, citizen_id: UUID, purpose: str, version: int) -> Consent:
    """Consent to a purpose in the present words; doing it again changes nothing.

    Raises NotFound for an unknown purpose, ConsentTextChanged when the citizen has read other words.
    """
    current = _text(purpose)
    if version != current.version:
        raise ConsentTextChanged(version=current.version)
    standing = _find(session, citizen_id, purpose)
    if standing.is_given and standing.given_version == version:
        return standing
    return _decide(session, citizen_id, current, ConsentAction.GIVEN)


def withdraw_consent(session: Session, citizen_id: UUID, purpose: str) -> Consent:
    """Take a consent back, with effect at once; harmless when none was given. Raises NotFound."""
    current = _text(purpose)
    standing = _find(session, citizen_id, purpose)
    return _decide(session, citizen_id, current, ConsentAction.WITHDRAWN) if standing.is_given else standing


def has_consented(session: Session, citizen_id: UUID, purpose: str) -> bool:
    """Whether a citizen's consent to this purpose stands: what a room asks before it uses their data for it."""
    return _find(session, citizen_id, purpose).is_given


def _text(purpose: str) -> ConsentText:
    if purpose not in CURRENT:
        raise NotFound
    return CURRENT[purpose]


def _find(session: Session, citizen_id: UUID, purpose: str) -> Consent:
    last = session.scalars(
        select(ConsentEvent)
        .where(ConsentEvent.citizen_id == citizen_id, ConsentEvent.purpose == purpose)
        .order_by(ConsentEvent.id.desc())
        .limit(1)
    ).one_or_none()
    return _stand(_text(purpose), last)


def _decide(session: Session, citizen_id: UUID, current: ConsentText, action: ConsentAction) -> Consent:
    decided = ConsentEvent(citizen_id=citizen_id, purpose=current.purpose, text_version=current.version, action=action)
    session.add(decided)
    session.flush()
    return _stand(current, decided)


def _stand(current: ConsentText, last: ConsentEvent | None) -> Consent:
    is_given = last is not None and last.action is ConsentAction.GIVEN
    return Consent(
        text=current,
        is_given=is_given,
        given_version=last.text_version if last is not None and is_given else None,
        decided_at=last.created_at if last is not None else None,
    )
