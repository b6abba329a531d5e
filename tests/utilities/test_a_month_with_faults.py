"""A month of 5,000 payments with faults of every class: each is found, named, and closed; nothing else is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

import payments.operations
from kit.database import new_id, transaction
from payments import ledger
from payments.models import Discrepancy, DiscrepancyState
from tests.payments.stories import check_books, rows
from tests.utilities import month
from tests.utilities.bulk import company

SIZE = 5_000
ABSENT = (1, 2)
# Not at one time with the rest: a month of payments was booked in a moment, and nobody has sealed it.
NOT_NOW = frozenset({"every journal is sealed soon"})


def found() -> set[month.Finding]:
    return {(row.kind, row.subject) for row in rows("SELECT kind, subject FROM discrepancy")}


def still_open() -> set[month.Finding]:
    query = "SELECT kind, subject FROM discrepancy WHERE state IN ('open', 'investigating', 'proposed')"
    return {(row.kind, row.subject) for row in rows(query)}


@pytest.fixture
def books(clean: None) -> list[month.Book]:
    """Three providers and their month."""
    made = []
    for place, slug in enumerate(month.SLUGS):
        provider, customer = company(slug)
        absent = ABSENT if place == 0 else ()
        made.append(month.make_book(provider, customer, SIZE // len(month.SLUGS), absent=absent))
    return made


def match_gateway() -> None:
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        # The gateway's days are those of UTC: the first hours of the month are its day before.
        first = month.FIRST - timedelta(days=1)
        payments.operations.match_gateway(session, first, first + timedelta(days=month.DAYS + 1))


def settle(kind: str) -> str | None:
    """Which account a difference of a class belongs to; none where no money of ours moves."""
    return {
        "MISSING_AT_GATEWAY": ledger.LOSS,
        "DUPLICATE_CAPTURE": ledger.UNIDENTIFIED,
        "MISSING_IN_LEDGER": ledger.UNIDENTIFIED,
        "UNKNOWN_TYPE": ledger.GATEWAY_FEE,
        "DISPUTE_UNBOOKED": ledger.LOSS,
        "REFUND_UNMATCHED": ledger.LOSS,
        "STATUS_CONFLICT": ledger.UNIDENTIFIED,
        "BANK_SHORT": ledger.LOSS,
        "PAYOUT_NOT_IN_BANK": ledger.SUSPENSE,
        "BANK_UNIDENTIFIED": ledger.FEE_INCOME,
        "PAYOUT_SUM": ledger.SUSPENSE,
        "MISSING_AT_PROVIDER": ledger.UNIDENTIFIED,
        "AMOUNT_UNDER": ledger.UNIDENTIFIED,
        "AMOUNT_OVER": ledger.SUSPENSE,
    }.get(kind)


def test_every_planted_fault_is_found_named_and_closed_and_nothing_else_is(books: list[month.Book]) -> None:
    planted = [set(month.plant_in_statements(book)) for book in books]
    gateway = set(month.plant_at_gateway(books[0], ABSENT)) | set(month.plant_at_bank())
    for book in books:
        for day in sorted(book.files):
            month.tell(book, day)
        month.compare(book)
    match_gateway()
    expected = set().union(*planted) | gateway
    assert len(expected) >= 60, len(expected)
    assert found() == expected, month.as_json(found() ^ expected)

    # The same files once more, reordered, and every comparison once more: nothing is new.
    before = rows("SELECT count(*), sum(revision) FROM statement")
    for book in books:
        for day in sorted(book.files)[:5]:
            month.tell(book, day, reverse=True)
        month.compare(book)
    match_gateway()
    assert (rows("SELECT count(*), sum(revision) FROM statement"), found()) == (before, expected)

    # Two providers correct their files: what was wrong in them closes by itself. A file that is wrong again opens it.
    for book in books[:2]:
        wrong = list(book.files.items())
        for day in sorted(book.files):
            month.correct(book, day)
            month.tell(book, day)
        month.compare(book)
        assert not still_open() & planted[books.index(book)]
        if book is books[0]:
            book.files = dict(wrong)
            for day in sorted(book.files):
                month.tell(book, day)
            month.compare(book)
            assert planted[0] <= still_open()
    assert still_open() == planted[0] | planted[2] | gateway

    # What stays is settled by two people, each by one journal where money moves.
    _settle_all()
    for book in books:
        month.compare(book)
    match_gateway()

    assert still_open() == set()
    _nothing_is_unexplained()


def _settle_all() -> None:
    with transaction() as session:
        ids = session.scalars(text("SELECT id FROM discrepancy WHERE state = 'open'")).all()
        for discrepancy_id in ids:
            kind = session.get(Discrepancy, discrepancy_id).kind
            explained = {"account": settle(kind), "explanation": f"Seen: {kind}"}
            payments.operations.propose(session, discrepancy_id, new_id(), **explained)
            payments.operations.approve(session, discrepancy_id, new_id())


def _nothing_is_unexplained() -> None:
    settled = "state = 'resolved' AND account IS NOT NULL AND kind <> 'PAYOUT_SUM'"
    resolved = f"SELECT kind, count(*) FROM discrepancy WHERE {settled}"
    tied = "journal j JOIN discrepancy d ON d.id = j.discrepancy_id"
    booked = f"SELECT d.kind, count(*) FROM {tied} WHERE j.kind = 'adjustment'"
    assert {tuple(row) for row in rows(f"{resolved} GROUP BY 1")} == {
        tuple(row) for row in rows(f"{booked} GROUP BY 1")
    }
    with transaction() as session:
        at_gateway = session.scalar(text("SELECT sum(net_vnd) FROM balance_transaction"))
        assert payments.operations.balance_at_gateway(session) == at_gateway
        # What the bank has is what its statement says; what was in transit has arrived or been explained.
        assert ledger.balance(session, ledger.BANK) == session.scalar(text("SELECT sum(moved_vnd) FROM bank_statement"))
        assert ledger.balance(session, ledger.IN_TRANSIT) == 0
        assert ledger.sum_of_all(session) == 0
    check_books(but=NOT_NOW)
    # No line of either side was lost: each run says what became of every one.
    runs = rows("SELECT ours, theirs, matched, ours_open, theirs_open FROM match_run WHERE way = 'provider'")
    assert all(run.ours == run.matched + run.ours_open and run.theirs == run.matched + run.theirs_open for run in runs)
    states = {row[0] for row in rows("SELECT DISTINCT state FROM discrepancy")}
    assert states == {DiscrepancyState.RESOLVED, DiscrepancyState.AUTO_CLOSED}
