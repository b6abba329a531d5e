"""The steps of a payment's life, as citizen, provider and developer see them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from payments.models import SETTLED_FROM, PaymentEvent, Settlement

# The payments whose charges are in a payout come as far as it has come, in one statement.
_SETTLE = text("""
WITH moved AS (
  UPDATE payment p SET settlement = :to FROM balance_transaction b
  WHERE b.payout_id = :payout AND p.charge_id = b.source AND p.settlement = ANY(:of) RETURNING p.id),
made AS (SELECT DISTINCT id, md5(CAST(gen_random_uuid() AS text)) AS digest FROM moved)
INSERT INTO payment_event (id, created_at, payment_id, step)
SELECT CAST(:stamp || substr(digest, 1, 3) || '-8' || substr(digest, 4, 3) || '-' || substr(digest, 7, 12) AS uuid),
  :now, id, :step FROM made
""")


def remember(
    session: Session, payment_id: UUID, step: str, *, item_id: UUID | None = None, reason: str | None = None
) -> None:
    """Append one step to a payment's timeline."""
    session.execute(
        insert(PaymentEvent).values(
            id=new_id(), created_at=clock.now(), payment_id=payment_id, step=str(step), item_id=item_id, reason=reason
        )
    )


def settle(session: Session, payout_id: str, to: Settlement, step: str) -> None:
    """Say how far the money of a payout's payments has come, and `step` in the timeline of each that it moves."""
    of = [state.value for state in SETTLED_FROM[to]]
    told = {"payout": payout_id, "to": to.value, "of": of, "step": str(step)}
    session.flush()
    session.execute(_SETTLE, {**told, "now": clock.now(), "stamp": str(new_id())[:15]})
