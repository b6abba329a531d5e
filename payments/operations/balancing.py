"""Whether the gateway's balance is what our books say: a difference is believed when it is seen again."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from kit import clock, logs
from kit.database import new_id
from payments.models import Alarm

# Every other difference has a quarter of an hour to explain itself, too.
_BELIEVED_AFTER = timedelta(minutes=15)
# Money of which one side may know already and the other not yet.
_ON_ITS_WAY = text("""
SELECT EXISTS (SELECT FROM payment WHERE state IN ('capturing', 'unknown') AND state_since > :recent)
    OR EXISTS (SELECT FROM refund WHERE state IN ('submitted', 'unknown') AND state_since > :recent)
    OR EXISTS (SELECT FROM journal j JOIN payment p ON p.id = j.payment_id
               WHERE j.number > (SELECT coalesce(max(number), 0) - 20000 FROM journal) AND j.kind = 'captured'
               AND p.state_since > :recent
               AND NOT EXISTS (SELECT FROM balance_transaction b WHERE b.source = p.charge_id))
""")


def remember_difference(session: Session, difference_vnd: int) -> None:
    """Write down that the gateway had so much more of ours than our books say; 0 takes back what was written before.

    Nothing is concluded from a difference while money is on its way. One that is seen again after a quarter of an hour,
    and was the same whenever somebody looked in between, breaks a promise of `PROMISES`.
    """
    told = f"{difference_vnd:+} VND"
    looks = select(Alarm).where(~Alarm.open, Alarm.cleared_at.is_(None)).with_for_update()
    if difference_vnd and session.scalar(_ON_ITS_WAY, {"recent": clock.now() - _BELIEVED_AFTER}):
        return
    seen = [look for look in session.scalars(looks.order_by(Alarm.created_at)) if look.promises == told]
    others = update(Alarm).where(~Alarm.open, Alarm.cleared_at.is_(None), Alarm.promises != told)
    session.execute(others.values(cleared_at=clock.now()))
    if not difference_vnd:
        return
    logs.logger.warning("gateway_balance_differs")
    # The first look and the one that confirmed it say it all.
    if not seen or seen[-1].created_at - seen[0].created_at < _BELIEVED_AFTER:
        session.execute(insert(Alarm).values(id=new_id(), created_at=clock.now(), promises=told, open=False))
