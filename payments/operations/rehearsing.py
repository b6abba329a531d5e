"""What a payee has told while it was only trying: it counts for nothing once the payee is live."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from kit import clock
from payments.models import Discrepancy, DiscrepancyState, Statement
from payments.operations.discrepancies import OPEN_STATES


def forget_rehearsal(session: Session, payee_id: UUID) -> None:
    """Let no comparison read what a payee has told so far, and close what it has raised. Only before it is live."""
    session.execute(update(Statement).where(Statement.payee_id == payee_id, Statement.current).values(current=False))
    session.execute(
        update(Discrepancy)
        .where(Discrepancy.payee_id == payee_id, Discrepancy.state.in_(OPEN_STATES))
        .values(state=DiscrepancyState.AUTO_CLOSED, closed_at=clock.now())
    )
