"""What a citizen pays in a day, for rooms that keep a limit."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from kit import clock
from payments.models import ENDED, MoneyState, Payment


def take_turn(citizen_id: UUID) -> ColumnElement[bool]:
    """A condition that always holds, and makes whoever asks for the same citizen wait until this transaction ends.

    Stand it in a statement before `sum_of_day`: then two payments at once can't both fit under one limit.
    """
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"payments of {citizen_id}", 0))
    return select(lock).scalar_subquery().is_not(None)


def sum_of_day(session: Session, citizen_id: UUID, day: date) -> int:
    """What a citizen has paid, or is about to pay, by payments begun on a calendar day in Vietnam, in đồng.

    Payments that ended without money count nothing, captured ones what was taken.
    """
    begins = datetime.combine(day, time.min, clock.ZONE)
    counted = case((Payment.state == MoneyState.CAPTURED, Payment.captured_vnd), else_=Payment.amount_vnd)
    total = session.execute(
        select(func.coalesce(func.sum(counted), 0)).where(
            Payment.citizen_id == citizen_id,
            Payment.created_at >= begins,
            Payment.created_at < datetime.combine(day + timedelta(days=1), time.min, clock.ZONE),
            Payment.state.not_in(ENDED),
        )
    ).scalar_one()
    return int(total)
