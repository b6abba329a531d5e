"""What a payee has told while it was only trying: it counts for nothing once the payee is live."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from payments.models import Discrepancy, Statement
from payments.operations.discrepancies import close_found


def forget_rehearsal(session: Session, payee_id: UUID) -> None:
    """Let no comparison read what a payee has told so far, and close what it has raised. Only before it is live."""
    session.execute(update(Statement).where(Statement.payee_id == payee_id, Statement.current).values(current=False))
    close_found(session, Discrepancy.payee_id == payee_id)
