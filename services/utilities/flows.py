"""Conversations with providers: is this bill still owed, post this payment; and reading the files they sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from uuid import UUID

import payments.flows
import payments.operations
from kit import clock, logs
from kit.database import transaction
from kit.events import TryLater
from payments.events import PaymentAuthorised, PaymentCaptured
from payments.models import MoneyState
from services.utilities import bill_file, operations, providers
from services.utilities.events import ImportRequested
from services.utilities.models import ImportState
from services.utilities.operations import BILL_CHANGED, BILL_PAID_ELSEWHERE, BILL_WITHDRAWN, Batch, Work

# How long a citizen's money is held while a provider cannot be asked whether the bill is still owed.
_HOLD_AT_MOST = timedelta(minutes=10)
_ASK_AGAIN_SECONDS = 5
_POST_AGAIN_AFTER = timedelta(minutes=5)


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
    if refused:
        with transaction() as session:
            operations.drop_bills(session, event.payment_id, refused)
    payments.flows.capture(event.payment_id)


def post_to_providers(event: PaymentCaptured) -> None:
    """Have every provider of a captured payment write it to its customer's account, until each has answered."""
    with transaction() as session:
        if not operations.has_bills(session, event.payment_id):
            return
        work = operations.list_work(session, event.payment_id, taken=True)
    unanswered = 0
    for item in work:
        try:
            _post(event.payment_id, item)
        except providers.ProviderUnreachable as exc:
            unanswered += 1
            logs.logger.warning("provider_unreachable", provider=item.slug, error=str(exc))
    with transaction() as session:
        operations.tell_when_settled(session, event.payment_id)
    if unanswered:
        raise TryLater(_ASK_AGAIN_SECONDS)


def sweep_postings() -> None:
    """Post again what no provider has confirmed for five minutes, whatever became of the jobs."""
    with transaction() as session:
        waiting = payments.operations.list_unposted(session, older_than=_POST_AGAIN_AFTER)
    for payment_id in waiting:
        try:
            post_to_providers(PaymentCaptured(payment_id, 0))
        except TryLater:
            logs.logger.warning("posting_still_unknown", payment_id=str(payment_id))


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
        for batch in _batches(bill_file.read_lines(pieces, kind, rules), after_line):
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


def _why_not(work: Work) -> tuple[str, int] | None:
    check = providers.check_bill(work.slug, work.bill_no)
    if check.status == "paid":
        return BILL_PAID_ELSEWHERE, 0
    if check.status != "open":
        return BILL_WITHDRAWN, 0
    return None if check.amount_vnd == work.amount_vnd else (BILL_CHANGED, check.amount_vnd)


def _wait_or_let_go(payment_id: UUID, cause: providers.ProviderUnreachable) -> None:
    with transaction() as session:
        payment = payments.operations.find_state(session, payment_id)
    if payment is None or payment.state is not MoneyState.AUTHORISED:
        return
    # Counted from the hold, not from the payment: confirming at the bank may have taken half an hour before that.
    is_long_held = clock.now() - payment.state_since >= _HOLD_AT_MOST
    if not (is_long_held and payments.flows.cancel(payment_id, MoneyState.CANCELLED, "provider_unreachable")):
        raise TryLater(_ASK_AGAIN_SECONDS) from cause


def _post(payment_id: UUID, work: Work) -> None:
    with transaction() as session:
        calls_before = payments.operations.begin_posting(session, work.item_id)
        payment = payments.operations.find_state(session, payment_id)
    if calls_before is None or payment is None:
        return
    try:
        # A call whose answer was lost may have been posted: ask before posting again.
        receipt = providers.find_posting(work.slug, payment_id, work.bill_no, work.amount_vnd) if calls_before else None
        if receipt is None:
            receipt = providers.post(work.slug, payment_id, work.bill_no, work.amount_vnd, payment.state_since)
    except providers.PostingRefused as refusal:
        with transaction() as session:
            operations.record_rejected(session, work, refusal.reason)
        return
    with transaction() as session:
        operations.record_posted(session, work, receipt_no=receipt.receipt_no, posted_at=receipt.posted_at)


def _batches(
    lines: Iterator[tuple[int, bill_file.BillRow | bill_file.LineRefused]], after_line: int
) -> Iterator[Batch]:
    batch = Batch()
    for line, read in lines:
        if line <= after_line:
            continue
        batch.add(line, read)
        if len(batch) >= operations.BATCH:
            yield batch
            batch = Batch()
    if len(batch):
        yield batch


def _pieces(import_id: UUID) -> Iterator[bytes]:
    place = 0
    while True:
        with transaction() as session:
            piece = operations.find_part(session, import_id, place)
        if piece is None:
            return
        yield piece
        place += 1
