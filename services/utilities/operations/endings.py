"""How the wish that bills be paid by themselves ends: by the citizen, with its account, or with its card."""

from __future__ import annotations

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from kit import clock
from services.utilities.models import AutomaticPayment, PlannedPayment, PlannedState as S


def end_automatic(session: Session, *which: ColumnElement[bool]) -> None:
    """End wishes and what was announced for them; a payment that has begun goes on. Again changes nothing."""
    ended = (
        update(AutomaticPayment)
        .where(AutomaticPayment.ended_at.is_(None), *which)
        .values(ended_at=clock.now(), version=AutomaticPayment.version + 1)
        .returning(AutomaticPayment.id)
    )
    session.execute(
        update(PlannedPayment)
        .where(PlannedPayment.automatic_id.in_(session.scalars(ended).all()), PlannedPayment.state == S.ANNOUNCED)
        .values(state=S.SKIPPED, reason="ended")
    )
