"""Conversations with providers: is this bill still owed, post this payment; and reading the files they sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

import payments.flows
import payments.operations
from kit import clock, logs
from kit.database import transaction
from kit.each import do_each
from kit.errors import DomainError
from kit.events import TryLater
from kit.failpoints import reach
from payments.events import PaymentAuthorised, PaymentCaptured
from payments.models import MoneyState, Way
from payments.operations import ToldRows
from services.utilities import bill_file, operations, providers, statement_file
from services.utilities.errors import BillBeingPaid, StatementUnreadable
from services.utilities.events import ImportRequested, StatementReceived, TrialPostingDue
from services.utilities.models import ImportState
from services.utilities.onboarding_models import PostingMode
from services.utilities.operations import Work, changing, settlement, trials
from services.utilities.operations.pulling import Answer, Answered
from services.utilities.statement_file import Layout

# How long a citizen's money is held while a provider cannot be asked whether the bill is still owed.
_HOLD_AT_MOST = timedelta(minutes=10)
_ASK_AGAIN_SECONDS = 5
_TRIAL_CALLS = 10
_POST_AGAIN_AFTER = timedelta(minutes=5)
# The sweep comes every five minutes: one that meets a silent provider must make way for the next.
_LONGEST_SWEEP_SECONDS = 240.0
DESCRIPTION = "Hóa đơn điện, nước"  # what the citizen's bank shows


def recheck_and_capture(event: PaymentAuthorised) -> None:
    """Before any money is taken, ask each provider whether its bill is still owed; take only what is.

    A provider that does not answer is asked again for ten minutes; then the hold is released. Nothing is taken
    on trust.
    """
    with transaction() as session:
        if not operations.has_bills(session, event.payment_id):
            return  # another room's: what it sells is not for us to capture
        work = operations.list_work(session, event.payment_id, taken=False)
    try:
        refused = {item.bill_id: told for item in work if (told := _why_not(item)) is not None}
    except providers.ProviderUnreachable as exc:
        _wait_or_let_go(event.payment_id, exc)
        return
    payments.flows.capture(event.payment_id, lambda session: operations.drop_bills(session, event.payment_id, refused))


def post_to_providers(event: PaymentCaptured) -> None:
    """Have every provider of a captured payment write it to its customer's account, until each has answered."""
    with transaction() as session:
        if not operations.has_bills(session, event.payment_id):
            return
        if event.late:
            operations.revive_bills(session, event.payment_id, event.amount_vnd)
        work = operations.list_work(session, event.payment_id, taken=True)
        pulled = [item.item_id for item in work if item.mode is PostingMode.PULL]
        calls_before = payments.operations.begin_posting(session, event.payment_id, but=pulled)
    reach("posting: call committed, provider not asked")
    answers: list[tuple[Work, providers.Receipt | providers.PostingRefused]] = []
    silent: set[str] = set()
    strange: list[Work] = []
    for item in work:
        # A provider that is silent about one bill would only keep the others waiting.
        if item.item_id not in calls_before or item.slug in silent:
            continue
        try:
            answers.append((item, _post(event.payment_id, item, calls_before[item.item_id])))
        except providers.ProviderUnreachable as exc:
            silent.add(item.slug)
            if isinstance(exc, providers.AnswerForAnother):
                strange.append(item)
            logs.logger.warning("provider_unreachable", provider=item.slug, error=str(exc))
    reach("posting: provider has posted, not committed")
    with transaction() as session:
        for item, answer in answers:
            _write_down(session, item, answer, is_repeated=calls_before[item.item_id] > 0)
        for item in strange:
            # It may have posted our money to somebody else's bill: it is asked again, and a person sees it meanwhile.
            payee_id = operations.get_provider(session, item.slug).id
            payments.operations.open_discrepancy(
                session,
                "UNKNOWN_AT_PROVIDER",
                item.amount_vnd,
                subject=settlement.subject_of(payee_id, item.bill_no),
                way=Way.PROVIDER,
                payee_id=payee_id,
            )
        operations.tell_when_settled(session, event.payment_id)
    reach("posting: committed, job not finished")
    if silent:
        raise TryLater(_ASK_AGAIN_SECONDS)


def sweep_postings(*, longest_seconds: float = _LONGEST_SWEEP_SECONDS) -> None:
    """Post again what no provider has confirmed for five minutes, whatever became of the jobs.

    The oldest first, and as many as there is time for before the next sweep.
    """
    deadline = time.monotonic() + longest_seconds
    with transaction() as session:
        payments.operations.park_postings(session, operations.list_limits(session))
        pulling = operations.list_pulling(session)
        waiting = payments.operations.list_unposted(session, older_than=_POST_AGAIN_AFTER, but=pulling)
    for payment_id in waiting:
        if time.monotonic() > deadline:
            logs.logger.warning("sweep_cut_short", count=len(waiting))
            return
        try:
            post_to_providers(PaymentCaptured(payment_id, 0))
        except TryLater:
            logs.logger.warning("posting_still_unknown", payment_id=str(payment_id))


def compare_with_providers(day: date | None = None) -> None:
    """Read each provider's own ledger of a business day, of yesterday's where none is named, and have it compared.

    A provider that does not answer is asked again the next time, also of the days before that it has not told of; one
    that has sent its statement itself is not asked. What cannot be read is a difference of its day until it can.
    """
    day = day or clock.today() - timedelta(days=1)
    with transaction() as session:
        wanted = [(day, pull) for pull in settlement.list_pulls(session, day)]
        wanted += settlement.list_missed(session, day)
    silent: set[UUID] = set()
    for of, pull in wanted:
        if pull.provider_id in silent:
            continue
        try:
            lines = [line for each in pull.days for line in providers.read_statement(pull.slug, each, pull.endpoint)]
        except providers.StatementBroken as exc:
            logs.logger.warning("provider_statement_broken", provider=pull.slug, reason=exc.reason)
            with transaction() as session:
                settlement.note_rejected(session, pull.provider_id, Way.PROVIDER, of, exc.reason)
            continue
        except providers.ProviderUnreachable as exc:
            logs.logger.warning("provider_unreachable", provider=pull.slug, error=str(exc))
            silent.add(pull.provider_id)
            continue
        with transaction() as session:
            settlement.keep_pulled(session, pull, of, lines)


def answer_postings(provider_id: UUID, answers: Iterable[Answer], *, is_test: bool) -> list[Answered]:
    """Take a provider's answers, each in a transaction of its own: what is told was committed, and a repeat goes on.

    Raises NotInTest for a test key whose provider is live meanwhile.
    """
    told = []
    for answer in answers:
        with transaction() as session:
            told.append(trials.answer_posting(session, provider_id, answer, is_test=is_test))
        reach("answers: one committed, the next not begun")
    return told


def post_trial(event: TrialPostingDue) -> None:
    """Have a provider in testing post a test bill over its own address, as a real payment would be.

    One that does not answer is called ten times within an hour; then the trial stays as it is.
    """
    with transaction() as session:
        begun = trials.begin_call(session, event.trial_id)
    if begun is None:
        return
    work, calls_before = begun
    try:
        answer = _post(event.trial_id, work, calls_before)
    except providers.ProviderUnreachable as exc:
        logs.logger.warning("provider_unreachable", provider=work.slug, error=str(exc))
        if calls_before + 1 >= _TRIAL_CALLS:
            return  # nobody has paid it: whoever tries may try again
        raise TryLater(_ASK_AGAIN_SECONDS * 2**calls_before) from exc
    with transaction() as session:
        trials.record_answer(session, event.trial_id, answer)


def apply_changes() -> None:
    """Let approved changes of providers hold whose day has come, each in a transaction of its own."""

    def apply(change_id: UUID) -> None:
        with transaction() as session:
            changing.apply_due(session, change_id)

    with transaction() as session:
        due = changing.list_due(session)
    do_each(due, apply, failed="left_undone", task="apply")


def plan_payments(*, at_once: int = 500) -> None:
    """Announce all bills that will be paid by themselves, `at_once` in a transaction."""
    after = None
    while True:
        with transaction() as session:
            after = operations.plan(session, after=after, limit=at_once)
        if after is None:
            return


def pay_planned() -> None:
    """Pay what was announced and is due; what cannot be paid is left to the citizen, who is told."""
    with transaction() as session:
        due = operations.list_due(session)
    for planned_id in due:
        try:
            with transaction() as session:
                started = operations.start_planned(session, planned_id)
        except BillBeingPaid:
            # Somebody is paying it at this moment: whether that succeeds will be known the next time.
            continue
        except DomainError as refusal:
            with transaction() as session:
                operations.leave_planned(session, planned_id, refusal.code)
            continue
        if started is None:
            continue
        reach("automatic: payment committed, gateway not asked")
        payments.flows.send(
            started.payment_id,
            started.citizen_id,
            amount_vnd=started.amount_vnd,
            payment_method=None,
            return_url="",
            description=DESCRIPTION,
            card_id=started.card_id,
            off_session=True,
        )


def run_import(event: ImportRequested) -> None:
    """Read an uploaded file of bills; after a crash it goes on where it was."""
    with transaction() as session:
        started = operations.begin(session, event.import_id)
    if started is not None:
        read_file(event.import_id, started.provider_id, started.format, _pieces(event.import_id), started.lines_read)


def read_file(  # noqa: PLR0917 - a file, where it comes from and how far it has come
    import_id: UUID,
    provider_id: UUID,
    kind: str,
    pieces: Iterable[bytes],
    after_line: int = 0,
    progress: Callable[[int], None] = lambda _lines: None,
) -> None:
    """Write the bills of a file in batches, skipping the first `after_line` lines; `progress` hears of every batch."""
    with transaction() as session:
        rules = operations.find_rules(session, provider_id)
    try:
        for batch in operations.batches(bill_file.read_lines(pieces, kind, rules), after_line):
            with transaction() as session:
                if not operations.save_batch(session, import_id, provider_id, after_line=after_line, batch=batch):
                    return
            after_line = batch.last_line
            progress(len(batch))
    except bill_file.FileRefused as refusal:
        with transaction() as session:
            operations.finish(session, import_id, ImportState.FAILED, refusal.reason)
        return
    with transaction() as session:
        operations.finish(session, import_id, ImportState.DONE)


def close_books() -> None:
    """Draft, publish and finalise what is due to providers, each in a transaction of its own; safe to repeat."""
    with transaction() as session:
        payees = payments.operations.list_payees(session)
    do_each(payees, _close_books_of, failed="left_undone", task="_close_books_of")


def _close_books_of(payee_id: UUID) -> None:
    with transaction() as session:
        days = payments.operations.list_unremitted_days(session, payee_id)
    for day in days:
        with transaction() as session:
            payments.operations.draft(session, payee_id, day)
    with transaction() as session:
        drafts = payments.operations.list_drafts(session, payee_id)
    for remittance_id in drafts:
        with transaction() as session:
            if not settlement.publish(session, remittance_id):
                logs.logger.warning("remittance_waits", remittance_id=str(remittance_id))
    with transaction() as session:
        payments.operations.finalise_due(session, payee_id)


def read_statement(  # noqa: PLR0917 - a file, whose it is, what it tells of, and how it is written
    provider_id: UUID, way: Way, day: date, kind: str, raw: bytes, layout: Layout
) -> ToldRows:
    """Read a provider's file with no transaction open: a large one takes a minute.

    One that is refused as a whole (StatementUnreadable) is written down as a difference, so that both sides see it; a
    provider in testing reads the refusal in its answer alone.
    """
    try:
        return statement_file.read(kind, raw, layout)
    except StatementUnreadable as refusal:
        with transaction() as session:
            if not trials.is_in_test(session, provider_id):
                settlement.note_rejected(session, provider_id, way, day, refusal.members["reason"])
        raise


def compare_statement(event: StatementReceived) -> None:
    """Compare what a provider has told of a day with our books; the same once more changes nothing.

    Of a provider in testing it is compared with its trial postings, and touches nothing else.
    """
    with transaction() as session:
        statement = payments.operations.get_statement(session, event.statement_id, event.provider_id)
        if trials.is_in_test(session, event.provider_id):
            trials.compare_statement(session, statement)
        elif statement.current:  # else the one that took its place is compared
            settlement.compare_statement(session, statement)


def _why_not(work: Work) -> tuple[str, int] | None:
    if work.mode is PostingMode.PULL:
        return None  # it is never called: what it has sent of its bills is what counts, and it may still refuse
    check = providers.check_bill(work.slug, work.bill_no, work.endpoint)
    if check.status == "paid":
        return operations.BILL_PAID_ELSEWHERE, 0
    if check.status != "open":
        return operations.BILL_WITHDRAWN, 0
    return None if check.amount_vnd == work.amount_vnd else (operations.BILL_CHANGED, check.amount_vnd)


def _wait_or_let_go(payment_id: UUID, cause: providers.ProviderUnreachable) -> None:
    with transaction() as session:
        payment = payments.operations.find_state(session, payment_id)
    if payment is None or payment.state is not MoneyState.AUTHORISED:
        return
    # Counted from the hold, not from the payment: confirming at the bank may have taken half an hour before that.
    is_long_held = clock.now() - payment.state_since >= _HOLD_AT_MOST
    if not (is_long_held and payments.flows.cancel(payment_id, MoneyState.CANCELLED, "provider_unreachable")):
        raise TryLater(_ASK_AGAIN_SECONDS) from cause


def _post(payment_id: UUID, work: Work, calls_before: int) -> providers.Receipt | providers.PostingRefused:
    """The provider's answer, whichever it is. Raises ProviderUnreachable."""
    try:
        # A call whose answer was lost may have been posted: ask before posting again.
        of = (work.slug, payment_id, work.bill_no, work.amount_vnd)
        receipt = providers.find_posting(*of, work.endpoint) if calls_before else None
        return receipt or providers.post(*of, work.paid_at, work.endpoint)
    except providers.PostingRefused as refusal:
        return refusal


def _write_down(
    session: Session,
    item: Work,
    answer: providers.Receipt | providers.PostingRefused,
    *,
    is_repeated: bool,
) -> None:
    if isinstance(answer, providers.Receipt):
        operations.record_posted(session, item, receipt_no=answer.receipt_no, posted_at=answer.posted_at)
    else:
        operations.record_rejected(session, item, answer.reason)
    if is_repeated:
        subject = settlement.subject_of(operations.get_provider(session, item.slug).id, item.bill_no)
        payments.operations.close_discrepancies(session, subject)


def _pieces(import_id: UUID) -> Iterator[bytes]:
    place = 0
    while True:
        with transaction() as session:
            piece = operations.find_part(session, import_id, place)
        if piece is None:
            return
        yield piece
        place += 1
