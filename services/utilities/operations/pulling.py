"""Postings that a provider fetches and answers itself: handed out until they are answered, booked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

import payments.operations
from kit import clock
from kit.pages import Page, page
from payments.models import POSTING_OPEN, Payment, PaymentItem, Posting, Way
from services.utilities.errors import PostingByPush
from services.utilities.models import Bill, Customer, Provider
from services.utilities.onboarding_models import PostingMode
from services.utilities.operations.bills import Work, record_posted, record_rejected, tell_when_settled
from services.utilities.operations.settlement import subject_of


class Outcome(StrEnum):
    """What became of one answer. CONFLICT: another answer stands, and a person looks at the two."""

    POSTED = "posted"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """What a provider says of one posting: its receipt number, or why it will not post it."""

    posting_id: UUID
    receipt_no: str | None
    posted_at: datetime | None
    refusal: str | None


@dataclass(frozen=True)
class Answered:
    """How a posting stands after an answer; the same answer again is told the same."""

    posting_id: UUID
    outcome: Outcome
    receipt_no: str | None = None
    reason: str | None = None
    discrepancy_id: UUID | None = None


def list_postings(session: Session, provider: Provider, *, limit: int, cursor: str | None) -> Page:
    """What a provider is to post and has not answered, the oldest first; those told are handed out from then on.

    Begin without a cursor each time: an answered posting is no longer in it, a late one may stand before the cursor.
    Raises PostingByPush for a provider that is called.
    """
    if provider.posting_mode is not PostingMode.PULL:
        raise PostingByPush
    query = (
        select(
            PaymentItem.id,
            PaymentItem.payment_id,
            PaymentItem.amount_vnd,
            Payment.state_since.label("captured_at"),
            Bill.bill_no,
            Bill.period,
            Customer.code.label("customer_code"),
        )
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .join(Bill, Bill.id == PaymentItem.subject_id)
        .join(Customer, Customer.id == Bill.customer_id)
        .where(PaymentItem.payee_id == provider.id, PaymentItem.taken, PaymentItem.posting.in_(POSTING_OPEN))
    )
    question = ("postings", provider.id)
    found = page(session, query, by=[PaymentItem.id], limit=limit, cursor=cursor, question=question, descending=False)
    payments.operations.hand_out(session, [row.id for row in found.items])
    within = timedelta(minutes=provider.answers_within_minutes)
    return Page([_told(row._mapping, within) for row in found.items], found.next)  # noqa: SLF001 - the row as a mapping


def answer_posting(session: Session, provider_id: UUID, answer: Answer) -> Answered:
    """Take a provider's answer to one posting; repeating it changes nothing.

    A refusal gives the money back to the citizen, as a refused call does. What contradicts the answer that stands
    opens a difference and changes nothing.
    """
    mine = (PaymentItem.id == answer.posting_id, PaymentItem.payee_id == provider_id, PaymentItem.taken)
    # The payment first: two answers to items of one would else both hold it a little, and wait for each other.
    session.execute(
        select(Payment.id).join(PaymentItem, PaymentItem.payment_id == Payment.id).where(*mine)
        .with_for_update(of=Payment)
    )  # fmt: skip
    row = session.execute(
        select(PaymentItem, Bill.bill_no)
        .join(Bill, Bill.id == PaymentItem.subject_id)
        .where(*mine)
        .with_for_update(of=PaymentItem)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return Answered(answer.posting_id, Outcome.UNKNOWN)
    item, bill_no = row
    if item.posting in POSTING_OPEN:
        return _take(session, item, bill_no, answer)
    if item.posting is Posting.POSTED and answer.receipt_no == item.receipt_no:
        return Answered(item.id, Outcome.POSTED, receipt_no=item.receipt_no)
    if item.posting is Posting.REJECTED and answer.refusal:
        return Answered(item.id, Outcome.REJECTED, reason=item.posting_reason)
    return _contradicted(session, provider_id, item, bill_no, answer)


def _take(session: Session, item: PaymentItem, bill_no: str, answer: Answer) -> Answered:
    work = Work(item.id, item.subject_id, bill_no, "", item.amount_vnd, clock.now())
    if answer.receipt_no is not None:
        at = answer.posted_at or clock.now()
        record_posted(session, work, receipt_no=answer.receipt_no, posted_at=at)
        told = Answered(item.id, Outcome.POSTED, receipt_no=answer.receipt_no)
    else:
        record_rejected(session, work, answer.refusal or "")
        told = Answered(item.id, Outcome.REJECTED, reason=answer.refusal)
    tell_when_settled(session, item.payment_id)
    return told


def _contradicted(session: Session, provider_id: UUID, item: PaymentItem, bill_no: str, answer: Answer) -> Answered:
    is_second_receipt = item.posting is Posting.POSTED and answer.receipt_no is not None
    terms = payments.operations.read_terms(session, provider_id)
    discrepancy_id = payments.operations.open_discrepancy(
        session,
        # A second number says that it stands in their books twice; else the two sides disagree whether it stands there.
        "DUPLICATE_POSTING" if is_second_receipt else "STATUS_CONFLICT",
        item.amount_vnd if answer.receipt_no else -item.amount_vnd,
        subject=subject_of(provider_id, bill_no),
        way=Way.PROVIDER,
        day=payments.operations.business_day(terms, clock.now()),
        payee_id=provider_id,
    )
    return Answered(item.id, Outcome.CONFLICT, item.receipt_no, item.posting_reason, discrepancy_id)


def _told(row: Mapping[str, Any], within: timedelta) -> dict[str, Any]:
    key = f"{row['payment_id']}/{row['bill_no']}"
    return {**row, "key": key, "due_at": row["captured_at"] + within}
