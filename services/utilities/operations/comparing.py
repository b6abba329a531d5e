"""Our postings beside a provider's own books, day by day: what differs is written down as a discrepancy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

import payments.operations
from kit import clock
from payments.models import PaymentItem, Posting, Way
from services.utilities.models import Bill, Provider
from services.utilities.providers import Posted


def subject_of(payment_id: UUID | str, bill_no: str) -> str:
    """What a difference about one bill of one payment is called."""
    return f"{payment_id} {bill_no}"


def compare_postings(session: Session, slug: str, day: date, theirs: Sequence[Posted]) -> int:
    """Hold what a provider has posted on a day in Vietnam against what it told us; returns how many differ.

    DUPLICATE_POSTING, UNKNOWN_AT_PROVIDER, MISSING_AT_PROVIDER, AMOUNT_OVER or AMOUNT_UNDER. Repeating it changes
    nothing, and what has come right since is closed.
    """
    provider_id = session.execute(select(Provider.id).where(Provider.slug == slug)).scalar_one()
    begin = datetime.combine(day, time(), clock.ZONE)
    posted = (PaymentItem.posted_at >= begin) & (PaymentItem.posted_at < begin + timedelta(days=1))
    told = [UUID(line.payment_ref) for line in theirs if _is_id(line.payment_ref)]
    ours = {
        (str(row.payment_id), row.bill_no): row
        for row in session.execute(
            select(PaymentItem.payment_id, Bill.bill_no, PaymentItem.amount_vnd, posted.label("of_day"))
            .join(Bill, Bill.id == PaymentItem.subject_id)
            .where(
                PaymentItem.payee_id == provider_id,
                PaymentItem.posting == Posting.POSTED,
                or_(posted, PaymentItem.payment_id.in_(told)),
            )
        )
    }
    lines: dict[tuple[str, str], list[Posted]] = defaultdict(list)
    for line in theirs:
        lines[line.payment_ref, line.bill_no].append(line)
    found = 0
    for key in sorted(ours.keys() | lines.keys()):
        difference = _difference(ours[key].amount_vnd if key in ours else None, lines.get(key, []))
        if difference is not None and (lines.get(key) or ours[key].of_day):
            payments.operations.open_discrepancy(
                session, *difference, subject=subject_of(*key), way=Way.PROVIDER, day=day, payee_id=provider_id
            )
            found += 1
        elif difference is None:
            payments.operations.close_discrepancies(session, subject_of(*key))
    return found


def _difference(owed_vnd: int | None, lines: Sequence[Posted]) -> tuple[str, int] | None:
    """Class and sum of what differs about one bill of one payment: theirs less ours."""
    total = sum(line.amount_vnd for line in lines)
    if owed_vnd is None:
        return "UNKNOWN_AT_PROVIDER", total
    if not lines:
        return "MISSING_AT_PROVIDER", -owed_vnd
    if len(lines) > 1:
        return "DUPLICATE_POSTING", total - owed_vnd
    if total == owed_vnd:
        return None
    return "AMOUNT_OVER" if total > owed_vnd else "AMOUNT_UNDER", total - owed_vnd


def _is_id(told: str) -> bool:
    try:
        UUID(told)
    except ValueError:
        return False
    return True
