"""What a company in testing does with test data: postings that nobody has paid, statements compared with those.

No payment, no ledger, no difference comes of it, and all of it is wiped when the company goes live.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session

import payments.operations
from kit import clock, events
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments.models import Statement, StatementRow
from services.utilities.errors import NotInTest, PostingByPush
from services.utilities.events import TrialPostingDue
from services.utilities.models import Bill, BillImport, BillImportPart, BillState, Customer, ImportState, Provider
from services.utilities.onboarding_models import PostingMode, ProviderStage, TrialComparison, TrialPosting, TrialState
from services.utilities.operations import pulling
from services.utilities.operations.bills import Work
from services.utilities.operations.directory import get_own_provider
from services.utilities.operations.endpoints import find_endpoint
from services.utilities.operations.pulling import Answer, Answered, Outcome
from services.utilities.providers import PostingRefused, Receipt

_OUTCOME = {TrialState.POSTED: Outcome.POSTED, TrialState.REJECTED: Outcome.REJECTED}


def is_in_test(session: Session, provider_id: UUID) -> bool:
    """Whether a company is in testing now."""
    query = select(exists().where(Provider.id == provider_id, Provider.stage == ProviderStage.TESTING))
    return bool(session.scalar(query))


def hold(session: Session, provider_id: UUID, *, is_test: bool) -> None:
    """Keep a company in its stage until the commit; raises NotInTest for a test key of one that is not in testing.

    So what is written with a test key is either wiped when the company goes live, or was never written.
    """
    stage = session.scalar(select(Provider.stage).where(Provider.id == provider_id).with_for_update(read=True))
    if is_test and stage is not ProviderStage.TESTING:
        raise NotInTest(stage=stage or "unknown")


def add_trial(session: Session, provider_id: UUID, bill_no: str) -> UUID:
    """Have a test bill posted as if a citizen had paid it; returns the trial's id.

    A company that is called is called by a job; one that fetches finds it among its postings. Raises NotInTest, and
    NotFound for a bill that is not open.
    """
    provider = get_own_provider(session, provider_id)
    if provider.stage is not ProviderStage.TESTING:
        raise NotInTest(stage=provider.stage)
    query = (
        select(Bill.period, Bill.amount_vnd, Customer.code)
        .join(Customer, Customer.id == Bill.customer_id)
        .where(Bill.provider_id == provider_id, Bill.bill_no == bill_no, Bill.state == BillState.OPEN)
    )
    bill = session.execute(query).one_or_none()
    if bill is None:
        raise NotFound
    trial_id = new_id()
    session.execute(
        insert(TrialPosting).values(
            id=trial_id,
            created_at=clock.now(),
            provider_id=provider_id,
            bill_no=bill_no,
            period=bill.period,
            customer_code=bill.code,
            amount_vnd=bill.amount_vnd,
            state=TrialState.PENDING,
            attempts=0,
        )
    )
    if provider.posting_mode is PostingMode.PUSH:
        events.emit(session, TrialPostingDue(trial_id))
    return trial_id


def get_trial(session: Session, trial_id: UUID, provider_id: UUID) -> TrialPosting:
    """One trial of a company. Raises NotFound."""
    query = select(TrialPosting).where(TrialPosting.id == trial_id, TrialPosting.provider_id == provider_id)
    found = session.scalar(query)
    if found is None:
        raise NotFound
    return found


def list_trials(session: Session, provider_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A page of a company's trials, the newest first."""
    query = select(TrialPosting).where(TrialPosting.provider_id == provider_id)
    return page(session, query, by=[TrialPosting.id], limit=limit, cursor=cursor, question=("trials", provider_id))


def list_postings(session: Session, provider_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """What a company is to post and has not answered: trials while it is testing, what citizens have paid after that.

    Raises NotFound, and PostingByPush for one that is called.
    """
    provider = get_own_provider(session, provider_id)
    if provider.stage is not ProviderStage.TESTING:
        return pulling.list_postings(session, provider, limit=limit, cursor=cursor)
    if provider.posting_mode is not PostingMode.PULL:
        raise PostingByPush
    query = select(TrialPosting).where(
        TrialPosting.provider_id == provider_id, TrialPosting.state == TrialState.PENDING
    )
    question = ("trial postings", provider_id)
    found = page(session, query, by=[TrialPosting.id], limit=limit, cursor=cursor, question=question, descending=False)
    within = timedelta(minutes=provider.answers_within_minutes)
    names = ("id", "amount_vnd", "bill_no", "period", "customer_code")
    items = [
        {name: getattr(trial, name) for name in names}
        | {
            "payment_id": trial.id,
            "key": f"{trial.id}/{trial.bill_no}",
            "captured_at": trial.created_at,
            "due_at": trial.created_at + within,
        }
        for trial in found.items
    ]
    return Page(items, found.next)


def answer_posting(session: Session, provider_id: UUID, answer: Answer, *, is_test: bool) -> Answered:
    """Take a company's answer: to a trial while it is testing, and to what a citizen has paid after that.

    Raises NotInTest for a test key whose company is live meanwhile.
    """
    if is_test:
        hold(session, provider_id, is_test=True)
    if not is_in_test(session, provider_id):
        return pulling.answer_posting(session, provider_id, answer)
    trial = session.scalar(
        select(TrialPosting)
        .where(TrialPosting.id == answer.posting_id, TrialPosting.provider_id == provider_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if trial is None:
        return Answered(answer.posting_id, Outcome.UNKNOWN)
    if trial.state is TrialState.PENDING:
        _write_down(trial, answer)
        session.flush()
    agrees = (trial.receipt_no == answer.receipt_no) if trial.receipt_no else bool(answer.refusal)
    outcome = _OUTCOME[trial.state] if agrees else Outcome.CONFLICT
    return Answered(trial.id, outcome, trial.receipt_no, trial.reason)


def begin_call(session: Session, trial_id: UUID) -> tuple[Work, int] | None:
    """What a company in testing is to be asked, and how often it was before; None once it has answered."""
    begun = session.execute(
        update(TrialPosting)
        .where(
            TrialPosting.id == trial_id,
            TrialPosting.state == TrialState.PENDING,
            Provider.id == TrialPosting.provider_id,
            Provider.stage == ProviderStage.TESTING,
        )
        .values(attempts=TrialPosting.attempts + 1)
        .returning(TrialPosting, Provider.slug)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if begun is None:
        return None
    trial, slug = begun
    at = find_endpoint(session, trial.provider_id)
    work = Work(trial.id, trial.id, trial.bill_no, slug, trial.amount_vnd, trial.created_at, endpoint=at)
    return work, trial.attempts - 1


def record_answer(session: Session, trial_id: UUID, answer: Receipt | PostingRefused) -> None:
    """Write down what a company that was called has said of a trial; of two answers the first counts."""
    trial = session.scalar(
        select(TrialPosting)
        .where(TrialPosting.id == trial_id, TrialPosting.state == TrialState.PENDING)
        .with_for_update()
    )
    if trial is None:
        return
    if isinstance(answer, Receipt):
        _write_down(trial, Answer(trial_id, answer.receipt_no, answer.posted_at, None))
    else:
        _write_down(trial, Answer(trial_id, None, None, answer.reason))


def compare_statement(session: Session, statement: Statement) -> None:
    """Hold a test statement against the trials its company has posted on that day, line by line."""
    terms = payments.operations.read_terms(session, statement.payee_id)
    day = statement.business_day
    trials = select(TrialPosting.bill_no, TrialPosting.amount_vnd).where(
        TrialPosting.provider_id == statement.payee_id,
        TrialPosting.state == TrialState.POSTED,
        TrialPosting.posted_at >= payments.operations.closes_at(terms, day - timedelta(days=1)),
        TrialPosting.posted_at < payments.operations.closes_at(terms, day),
    )
    told = select(StatementRow.key, StatementRow.amount_vnd).where(StatementRow.statement_id == statement.id)
    ours = Counter(tuple(row) for row in session.execute(trials))
    theirs = Counter(tuple(row) for row in session.execute(told))
    session.add(
        TrialComparison(
            provider_id=statement.payee_id,
            statement_id=statement.id,
            business_day=day,
            matched=(ours & theirs).total(),
            ours_open=(ours - theirs).total(),
            theirs_open=(theirs - ours).total(),
        )
    )


def wipe(session: Session, provider_id: UUID) -> None:
    """Take the test data of a company away: its bills and households, and what it told of days that were tests.

    The trials themselves stay as the record of what was tested.
    """
    # First, so that a file that is just being read ends here and not behind us.
    session.execute(
        update(BillImport)
        .where(BillImport.provider_id == provider_id, BillImport.state.in_([ImportState.RECEIVED, ImportState.RUNNING]))
        .values(state=ImportState.FAILED, reason="tests_are_over", finished_at=clock.now())
    )
    files = select(BillImport.id).where(BillImport.provider_id == provider_id)
    session.execute(delete(BillImportPart).where(BillImportPart.import_id.in_(files)))
    session.execute(delete(Bill).where(Bill.provider_id == provider_id))
    session.execute(delete(Customer).where(Customer.provider_id == provider_id))
    payments.operations.forget_rehearsal(session, provider_id)


def _write_down(trial: TrialPosting, answer: Answer) -> None:
    if answer.receipt_no is not None:
        trial.state, trial.receipt_no = TrialState.POSTED, answer.receipt_no
        trial.posted_at = answer.posted_at or clock.now()
    else:
        trial.state, trial.reason = TrialState.REJECTED, answer.refusal
