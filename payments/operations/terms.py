"""When a payee's business days end and what we charge it: dated terms, which never change the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from payments.models import PayeeTerms, Remittance

FIRST_DAY = date(2020, 1, 1)


def set_terms(
    session: Session,
    payee_id: UUID,
    valid_from: date,
    *,
    cut_off: str,
    commission_vnd: int = 0,
    commission_bp: int = 0,
    source: str,
) -> bool:
    """A payee's cut-off ("17:00", or "24:00" for the calendar day) and commission from a day on; False when known.

    Raises ValueError for a day whose books are being closed or are closed: terms never change the past.
    """
    take_turn(session, payee_id)
    hours, minutes = (int(part) for part in cut_off.split(":"))
    begun = session.scalar(select(func.max(Remittance.business_day)).where(Remittance.payee_id == payee_id))
    if begun is not None and valid_from <= begun + timedelta(days=1):
        raise ValueError(f"the books of {begun} are closed")
    made = session.execute(
        insert_or_skip(PayeeTerms)
        .values(
            id=new_id(),
            created_at=clock.now(),
            payee_id=payee_id,
            valid_from=valid_from,
            cut_off_minutes=hours * 60 + minutes,
            commission_vnd=commission_vnd,
            commission_bp=commission_bp,
            source=source,
        )
        .on_conflict_do_nothing()
        .returning(PayeeTerms.id)
    ).scalar_one_or_none()
    return made is not None


def begin_terms(session: Session, payee_id: UUID, *, cut_off: str, source: str) -> None:
    """The first terms of a payee, unless it has some."""
    known = select(PayeeTerms.id).where(PayeeTerms.payee_id == payee_id).limit(1)
    if session.scalar(known) is None:
        set_terms(session, payee_id, FIRST_DAY, cut_off=cut_off, source=source)


def read_terms(session: Session, payee_id: UUID) -> Sequence[PayeeTerms]:
    """A payee's terms, the oldest first. Raises NotFound for a payee without."""
    query = select(PayeeTerms).where(PayeeTerms.payee_id == payee_id).order_by(PayeeTerms.valid_from)
    found = session.scalars(query).all()
    if not found:
        raise NotFound
    return found


def closes_at(terms: Sequence[PayeeTerms], day: date) -> datetime:
    """The instant a payee's business day ends: what is booked then or later is the next day's."""
    held = [row for row in terms if row.valid_from <= day] or terms[:1]
    # On the wall clock of Vietnam, so that a minute of it is what a clerk reads off theirs.
    local = datetime.combine(day, time.min, clock.ZONE) + timedelta(minutes=held[-1].cut_off_minutes)
    return local.astimezone(UTC)


def business_day(terms: Sequence[PayeeTerms], instant: datetime) -> date:
    """The one business day of a payee that an instant belongs to."""
    day = clock.local(instant).date()
    return day if instant < closes_at(terms, day) else day + timedelta(days=1)


def list_payees(session: Session) -> Sequence[UUID]:
    """Everybody with terms."""
    return session.scalars(select(PayeeTerms.payee_id).distinct().order_by(PayeeTerms.payee_id)).all()


def take_turn(session: Session, payee_id: UUID) -> None:
    """Nobody else changes what a payee's days are, or what is paid for them, until this transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"remit {payee_id}"})
