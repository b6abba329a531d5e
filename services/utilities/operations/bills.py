"""Bills: who may see them, and their way from open to paid."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, select, union, update
from sqlalchemy.orm import Session, contains_eager

import payments.operations
from auth.assurance import Proof, allow_payment
from kit import clock, events
from kit.errors import NotFound
from kit.pages import Page, page
from payments.models import ENDED, POSTING_OPEN, Payment, PaymentItem
from payments.operations import Claim
from services.utilities.bill_file import whole_amount
from services.utilities.errors import (
    BillAlreadyPaid,
    BillBeingPaid,
    BillChanged,
    BillWithdrawn,
    OlderBillOpen,
    ProviderNotLive,
)
from services.utilities.events import BillsPaid, BillsReturned
from services.utilities.models import Account, Bill, BillState, Lookup, Provider, ProviderKind
from services.utilities.onboarding_models import PostingMode, ProviderStage
from services.utilities.operations.accounts import GRANT
from services.utilities.operations.endpoints import open_endpoint
from services.utilities.providers import Endpoint

BILL_PAID_ELSEWHERE, BILL_WITHDRAWN, BILL_CHANGED = "bill_paid_elsewhere", "bill_withdrawn", "bill_changed"
_OLDEST_FIRST = "oldest_first"
_SUBJECT = {ProviderKind.POWER: ("Tiền điện", "Electricity"), ProviderKind.WATER: ("Tiền nước", "Water")}
_PROVIDER_REFUSALS = {
    "already_paid": BillState.PAID_ELSEWHERE,
    "withdrawn": BillState.WITHDRAWN,
    "unknown_bill": BillState.WITHDRAWN,
}


@dataclass(frozen=True)
class Work:
    """One bill of a payment, with what its provider's system needs to hear."""

    item_id: UUID
    bill_id: UUID
    bill_no: str
    slug: str
    amount_vnd: int
    paid_at: datetime
    mode: PostingMode = PostingMode.PUSH
    endpoint: Endpoint | None = None  # None: the settings of the house say where


def list_bills(
    session: Session,
    citizen_id: UUID,
    *,
    account_id: UUID | None,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> Page:
    """The bills a citizen may see, newest period first, of one account and state where asked for."""
    query = _with_provider().where(_visible_to(citizen_id))
    if account_id is not None:
        account = select(Account.customer_id).where(
            Account.id == account_id, Account.citizen_id == citizen_id, Account.unlinked_at.is_(None)
        )
        query = query.where(Bill.customer_id == account.scalar_subquery())
    if state is not None:
        query = query.where(Bill.state == state)
    question = ("bills", citizen_id, account_id, state)
    return page(session, query, by=[Bill.period, Bill.id], limit=limit, cursor=cursor, question=question)


def get_bill(session: Session, bill_id: UUID, citizen_id: UUID) -> Bill:
    """One bill a citizen may see. Raises NotFound."""
    bill = session.execute(_with_provider().where(Bill.id == bill_id, _visible_to(citizen_id))).scalar_one_or_none()
    if bill is None:
        raise NotFound
    return bill


def start_payment(
    session: Session,
    citizen_id: UUID,
    bill_ids: Collection[UUID],
    amount_vnd: int,
    *,
    proof: Proof,
    card_id: UUID | None = None,
    payer_id: UUID | None = None,
) -> UUID:
    """Claim bills for a payment of exactly `amount_vnd`, the sum the citizen has seen; returns the payment's id.

    Of any number of concurrent callers one gets a bill; one citizen's payments are opened one after the other, so that
    together they stay within what `proof` allows for a day. `card_id` names a kept card of the one who pays, who may
    be another than the citizen (`payer_id`). Raises NotFound, CardNotReady, BillBeingPaid, BillAlreadyPaid,
    BillWithdrawn, BillChanged, OlderBillOpen, ProviderNotLive, InsufficientUserAuthentication and DayLimitReached.
    """
    bills = (
        session.execute(
            _with_provider()
            .where(payments.operations.take_turn(citizen_id), Bill.id.in_(bill_ids), _visible_to(citizen_id))
            .order_by(Bill.id)
            .with_for_update(of=Bill)
        )
        .scalars()
        .all()
    )
    if len(bills) != len(set(bill_ids)):
        raise NotFound
    _check_payable(session, bills)
    _check_older(session, bills)
    owed = sum(bill.amount_vnd for bill in bills)
    if owed != amount_vnd:
        raise BillChanged(amount_vnd=owed)
    paid = payments.operations.sum_of_day(session, citizen_id, clock.today())
    allow_payment(proof, paid_vnd=paid, amount_vnd=owed)
    if card_id is not None:
        payments.operations.check_card(session, card_id, payer_id or citizen_id)
    claims = [claim_for(bill) for bill in bills]
    payment_id = payments.operations.open_payment(session, citizen_id, claims, card_id=card_id)
    session.execute(update(Bill).where(Bill.id.in_(bill_ids)).values(state=BillState.PAYING, payment_id=payment_id))
    return payment_id


def release_bills(session: Session, payment_id: UUID) -> None:
    """Make the bills of a payment that took no money payable again."""
    held = (Bill.payment_id == payment_id, Bill.state == BillState.PAYING)
    # In the order in which those who pay lock them: else two sets of bills that overlap could wait for each other.
    session.execute(select(Bill.id).where(*held).order_by(Bill.id).with_for_update())
    session.execute(update(Bill).where(*held).values(state=BillState.OPEN, payment_id=None))


def has_bills(session: Session, payment_id: UUID) -> bool:
    """Whether a payment pays for bills, and not for what another room sells."""
    return session.execute(_BILLS_OF, {"of_payment": payment_id}).first() is not None


_BILLS_OF = (
    select(PaymentItem.id)
    .join(Bill, Bill.id == PaymentItem.subject_id)
    .where(PaymentItem.payment_id == bindparam("of_payment"))
    .limit(1)
)
_WORK = (
    select(
        PaymentItem.id,
        Bill.id,
        Bill.bill_no,
        Provider.slug,
        PaymentItem.amount_vnd,
        Payment.state_since,
        Provider.posting_mode,
        Provider.id,
        Provider.endpoint_url,
        Provider.endpoint_sealed,
    )
    .join(Payment, Payment.id == PaymentItem.payment_id)
    .join(Bill, Bill.id == PaymentItem.subject_id)
    .join(Provider, Provider.id == Bill.provider_id)
    .where(
        PaymentItem.payment_id == bindparam("of_payment"),
        PaymentItem.live,
        PaymentItem.taken == bindparam("is_taken"),
        PaymentItem.posting.in_(POSTING_OPEN),
    )
    .order_by(PaymentItem.id)
)
_PAID = update(Bill).where(Bill.id == bindparam("paid_bill")).values(state=BillState.PAID)


def list_work(session: Session, payment_id: UUID, *, taken: bool) -> Sequence[Work]:
    """The bills of a payment that its providers have to be asked about: before (or after) the money was taken."""
    rows = session.execute(_WORK, {"of_payment": payment_id, "is_taken": taken})
    return [
        Work(item_id, bill_id, bill_no, slug, amount_vnd, paid_at, mode, open_endpoint(provider_id, url, sealed))
        for item_id, bill_id, bill_no, slug, amount_vnd, paid_at, mode, provider_id, url, sealed in rows
    ]


def revive_bills(session: Session, payment_id: UUID, amount_vnd: int) -> None:
    """Money came after its payment had ended: it pays what of its bills is still owed as before, the rest goes back.

    Safe to repeat.
    """
    bills = (
        select(Bill, PaymentItem.amount_vnd)
        .join(PaymentItem, PaymentItem.subject_id == Bill.id)
        .where(PaymentItem.payment_id == payment_id, ~PaymentItem.taken)
        .order_by(Bill.id)
        .with_for_update(of=Bill)
    )
    found = session.execute(bills).all()
    applied = [item.amount_vnd for item in payments.operations.list_items(session, payment_id) if item.taken]
    left = amount_vnd - sum(applied)
    for bill, owed in found:
        is_free = bill.state is BillState.OPEN or (bill.state is BillState.PAYING and bill.payment_id == payment_id)
        if not is_free or bill.amount_vnd != owed or owed > left:
            continue
        if payments.operations.revive_item(session, payment_id, bill.id):
            bill.state, bill.payment_id = BillState.PAYING, payment_id
            left -= owed
    if left:
        payments.operations.refund_late(session, payment_id, left)


def drop_bills(session: Session, payment_id: UUID, reasons: dict[UUID, tuple[str, int]]) -> None:
    """Take bills out of a payment before it is captured: bill id -> (reason, the amount the provider names).

    Reasons are BILL_PAID_ELSEWHERE, BILL_WITHDRAWN and BILL_CHANGED.
    """
    states = {BILL_PAID_ELSEWHERE: BillState.PAID_ELSEWHERE, BILL_WITHDRAWN: BillState.WITHDRAWN}
    for bill_id, (reason, amount_vnd) in sorted(reasons.items()):
        if payments.operations.drop_items(session, payment_id, [bill_id], reason):
            changed = amount_vnd if reason == BILL_CHANGED else None
            _free(session, bill_id, payment_id, states.get(reason, BillState.OPEN), changed)


def record_posted(session: Session, work: Work, *, receipt_no: str, posted_at: datetime) -> None:
    """A provider has posted a bill: it is paid. Safe to repeat."""
    if payments.operations.record_posted(session, work.item_id, receipt_no=receipt_no, posted_at=posted_at):
        session.execute(_PAID, {"paid_bill": work.bill_id})


def record_rejected(session: Session, work: Work, reason: str) -> None:
    """A provider refuses a bill whose money was taken: the money stays the citizen's. Safe to repeat."""
    if payments.operations.record_rejected(session, work.item_id, reason):
        state = _PROVIDER_REFUSALS.get(reason, BillState.OPEN)
        session.execute(update(Bill).where(Bill.id == work.bill_id).values(state=state, payment_id=None))


def tell_when_settled(session: Session, payment_id: UUID) -> None:
    """Once every provider of a payment has answered, say so; told twice, it is announced once by those who listen."""
    settled = payments.operations.find_settled(session, payment_id)
    if settled is None:
        return
    if settled.posted_vnd:
        events.emit(session, BillsPaid(payment_id, settled.citizen_id, settled.posted_vnd))
    if settled.kept_vnd:
        reason = settled.refusal or "taken_in_excess"
        events.emit(session, BillsReturned(payment_id, settled.citizen_id, settled.kept_vnd, reason))


def list_provider_payments(
    session: Session,
    provider_id: UUID,
    *,
    since: datetime | None,
    day: date | None = None,
    posting: str | None,
    limit: int,
    cursor: str | None,
) -> Page:
    """What citizens have paid to a provider, the newest first: one row a bill.

    `day` is one of its business days, by the cut-off it had then: what was captured from its opening to its close.
    """
    query = (
        select(
            PaymentItem.id,
            PaymentItem.payment_id,
            PaymentItem.amount_vnd,
            PaymentItem.posting,
            PaymentItem.posting_reason,
            PaymentItem.receipt_no,
            PaymentItem.posted_at,
            Payment.state_since.label("captured_at"),
            Bill.bill_no,
            Bill.period,
        )
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .join(Bill, Bill.id == PaymentItem.subject_id)
        .where(PaymentItem.payee_id == provider_id, PaymentItem.taken)
    )
    if since is not None:
        query = query.where(Payment.state_since >= since)
    if day is not None:
        terms = payments.operations.read_terms(session, provider_id)
        opens, closes = (payments.operations.closes_at(terms, each) for each in (day - timedelta(days=1), day))
        query = query.where(Payment.state_since >= opens, Payment.state_since < closes)
    if posting is not None:
        query = query.where(PaymentItem.posting == posting)
    question = ("provider-payments", provider_id, since, day, posting)
    return page(session, query, by=[PaymentItem.id], limit=limit, cursor=cursor, question=question)


def _with_provider() -> Select[Bill]:
    return select(Bill).join(Bill.provider).options(contains_eager(Bill.provider))


def _visible_to(citizen_id: UUID) -> ColumnElement[bool]:
    linked = select(Account.customer_id).where(Account.citizen_id == citizen_id, Account.unlinked_at.is_(None))
    looked_up = select(Lookup.customer_id).where(
        Lookup.citizen_id == citizen_id,
        Lookup.customer_id.is_not(None),
        Lookup.created_at > clock.now() - GRANT,
    )
    # From the citizen's few customers to their bills: "linked or looked up" asked of each bill would read them all.
    return Bill.customer_id.in_(union(linked, looked_up))


def _check_payable(session: Session, bills: Sequence[Bill]) -> None:
    paying = {bill.payment_id for bill in bills if bill.state is BillState.PAYING}
    # The bill of a payment that has just ended is free at once, not only when the listener has tidied it up.
    ended = select(Payment.id).where(Payment.id.in_(paying), Payment.state.in_(ENDED))
    over = set(session.execute(ended).scalars()) if paying else set()
    for bill in bills:
        if bill.provider.stage is not ProviderStage.LIVE:
            raise ProviderNotLive
        if bill.state is BillState.PAYING and bill.payment_id not in over:
            raise BillBeingPaid(bill_id=bill.id, payment_id=bill.payment_id)
        if bill.state in {BillState.PAID, BillState.PAID_ELSEWHERE}:
            raise BillAlreadyPaid(bill_id=bill.id)
        if bill.state is BillState.WITHDRAWN:
            raise BillWithdrawn(bill_id=bill.id)


def _check_older(session: Session, bills: Iterable[Bill]) -> None:
    strict = [bill for bill in bills if bill.provider.selection == _OLDEST_FIRST]
    if not strict:
        return
    newest = dict(
        sorted(((bill.customer_id, bill.period) for bill in strict), key=lambda pair: pair[1])  # the last one wins
    )
    older = session.execute(
        select(Bill.id, Bill.customer_id, Bill.period).where(
            Bill.customer_id.in_(newest),
            Bill.state == BillState.OPEN,
            Bill.id.not_in([bill.id for bill in strict]),
        )
    )
    if skipped := [row.id for row in older if row.period < newest[row.customer_id]]:
        raise OlderBillOpen(bill_ids=[str(bill_id) for bill_id in skipped])


def claim_for(bill: Bill) -> Claim:
    """What a payment is asked for: the bill, whom it is owed, and what the citizen calls it."""
    vi, en = _SUBJECT[bill.provider.kind]
    year, month = bill.period.split("-")
    return Claim(
        subject_id=bill.id,
        payee_id=bill.provider_id,
        amount_vnd=bill.amount_vnd,
        label_vi=f"{vi} {month}/{year}, {bill.provider.name_vi}",
        label_en=f"{en} {month}/{year}, {bill.provider.name_en}",
    )


def _free(session: Session, bill_id: UUID, payment_id: UUID, state: BillState, amount_vnd: int | None) -> None:
    values: dict[str, Any] = {"state": state, "payment_id": None}
    if amount_vnd is not None:
        # The parts behind the new amount come with the provider's next file; until then it stands alone.
        values |= {
            "amount_vnd": amount_vnd,
            "before_tax_vnd": amount_vnd,
            "vat_vnd": 0,
            "fee_vnd": 0,
            "lines": whole_amount(amount_vnd),
            "version": func.md5(func.concat(Bill.version, str(amount_vnd))),
        }
    session.execute(
        update(Bill)
        .where(Bill.id == bill_id, Bill.payment_id == payment_id, Bill.state == BillState.PAYING)
        .values(**values)
    )
