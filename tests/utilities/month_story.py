"""A month from its payments to its closed books: what must be found is found, named, closed, and nothing else is."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

import payments.operations
from kit import clock
from kit.database import new_id, transaction
from payments import ledger
from tests.utilities import month, month_of_money, month_of_transfers
from tests.utilities.bulk import company
from tests.utilities.month import EACH, OF_ONE, SLUGS, Book, Finding

NOW = datetime(2026, 11, 10, 3, tzinfo=UTC)  # when the month is closed
OPEN = "state IN ('open', 'investigating', 'proposed')"
# Not at one time with the rest: a month of payments was booked in a moment, and nobody has sealed it.
NOT_NOW = frozenset({"every journal is sealed soon"})
# Where a difference of a class stands, and the account two people book it to; none where no money of ours moves.
AT_GATEWAY, OWED = ledger.GATEWAY_AVAILABLE, ledger.PROVIDER_PAYABLE
BOOKED: dict[tuple[str, str], tuple[str, str]] = {
    ("gateway", "MISSING_AT_GATEWAY"): (ledger.GATEWAY_PENDING, ledger.LOSS),
    ("gateway", "DUPLICATE_CAPTURE"): (AT_GATEWAY, ledger.UNIDENTIFIED),
    ("gateway", "MISSING_IN_LEDGER"): (AT_GATEWAY, ledger.UNIDENTIFIED),
    ("gateway", "AMOUNT_OVER"): (AT_GATEWAY, ledger.UNIDENTIFIED),
    ("gateway", "AMOUNT_UNDER"): (AT_GATEWAY, ledger.LOSS),
    ("gateway", "UNKNOWN_TYPE"): (AT_GATEWAY, ledger.GATEWAY_FEE),
    ("gateway", "FEE_MISMATCH"): (AT_GATEWAY, ledger.GATEWAY_FEE),
    ("gateway", "DISPUTE_UNBOOKED"): (AT_GATEWAY, ledger.LOSS),
    ("gateway", "REFUND_UNMATCHED"): (AT_GATEWAY, ledger.LOSS),
    ("gateway", "STATUS_CONFLICT"): (AT_GATEWAY, ledger.UNIDENTIFIED),
    ("bank", "BANK_SHORT"): (ledger.IN_TRANSIT, ledger.LOSS),
    ("bank", "PAYOUT_NOT_IN_BANK"): (ledger.IN_TRANSIT, ledger.SUSPENSE),
    ("bank", "BANK_UNIDENTIFIED"): (ledger.UNIDENTIFIED, ledger.FEE_INCOME),
    ("provider", "MISSING_AT_PROVIDER"): (OWED, ledger.UNIDENTIFIED),
    ("provider", "AMOUNT_UNDER"): (OWED, ledger.UNIDENTIFIED),
    ("provider", "AMOUNT_OVER"): (OWED, ledger.SUSPENSE),
    ("provider", "DIRECTION"): (OWED, ledger.SUSPENSE),
}
# The classes that a month must show, each by its names in our books; files by what was done with them.
CLASSES = {
    "missing": {"MISSING_AT_PROVIDER"},
    "missing at the gateway": {"MISSING_AT_GATEWAY"},
    "extra": {"UNKNOWN_AT_PROVIDER"},
    "extra at the gateway": {"MISSING_IN_LEDGER"},
    "altered": {"AMOUNT_OVER", "AMOUNT_UNDER", "DIRECTION"},
    "duplicated": {"DUPLICATE_POSTING"},
    "duplicated at the gateway": {"DUPLICATE_CAPTURE"},
    "wrong day": {"WRONG_DAY"},
    "payout short by 1 đồng": {"BANK_SHORT"},
    "payout 1 đồng off its list": {"PAYOUT_SUM"},
    "unknown transaction type": {"UNKNOWN_TYPE"},
    "dispute": {"DISPUTE_UNBOOKED"},
    "late refund failure": {"STATUS_CONFLICT"},
    "file rejected": {"FILE_REJECTED"},
}


@contextmanager
def at_the_end_of_the_month() -> Iterator[None]:
    """It is the day on which the month is closed."""
    clock.move(timedelta())
    clock.move(NOW - clock.now())
    try:
        yield
    finally:
        clock.move(timedelta())


def make_books(size: int) -> list[Book]:
    """Three providers and their month of `size` payments together."""
    return [month.make_book(*company(slug), size // len(SLUGS)) for slug in SLUGS]


class Story:
    """The month: `tell` it, and read in `flaws` what has gone otherwise than it must; empty is good."""

    def __init__(self, books: list[Book], say: Callable[[str], None] = lambda _line: None) -> None:
        self.books, self.say, self.flaws = books, say, list[str]()
        self.in_files: list[set[Finding]] = []
        self.elsewhere: set[Finding] = set()
        self.files: Counter[str] = Counter()
        self._began = time.perf_counter()

    def tell(self) -> None:
        """Plant, find, repeat, correct, settle; then every đồng has its place."""
        self._plant()
        self._find()
        self._repeat()
        self._correct()
        self._settle()
        self._check_books()

    def _step(self, done: str) -> None:
        now = time.perf_counter()
        self.say(f"{done}: {now - self._began:.1f} s")
        self._began = now

    def _expect(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            differ = found ^ expected if isinstance(found, set) else (found, expected)
            self.flaws.append(f"{what}: {sorted(differ, key=str)[:20]}")

    def _plant(self) -> None:
        self.in_files = [set(month.plant_in_statements(book)) for book in self.books]
        for book in self.books:
            self.elsewhere |= set(month_of_money.plant_at_gateway(book))
        transfers = [transfer for book in self.books for transfer in month_of_transfers.remit(book)]
        for book, findings in zip(self.books, self.in_files, strict=True):
            findings |= set(month_of_transfers.plant_in_advices(book))
        self.elsewhere |= set(month_of_money.plant_in_payouts(transfers))
        rejected = {finding for book in self.books for finding in month.send_rejected(book)}
        # A good file of the day closes what the unreadable one had opened; so does the line the bank tells again.
        self.closed = rejected | {finding for finding in self.elsewhere if finding[0] == "ROW_REJECTED"}
        self.elsewhere |= rejected
        self._step("faults planted")

    def _find(self) -> None:
        for book in self.books:
            month.tell(book, sorted(book.files))
            self._compare(book)
        month_of_money.match_gateway()
        self._step("files read, four ways compared")
        self.planted = set().union(*self.in_files) | self.elsewhere
        self._expect("found", _findings(), self.planted)
        kinds = Counter(kind for kind, _subject in self.planted)
        few = {name for name, of in CLASSES.items() if sum(kinds[kind] for kind in of) < EACH}
        self._expect("classes with too few faults", few, set())

    @staticmethod
    def _compare(book: Book) -> None:
        """What a provider tells of its own ledger and of its bank's advices is compared with our books."""
        month.compare(book)
        month_of_transfers.tell(book)

    def _repeat(self) -> None:
        """The same files once more, reordered, and every comparison once more: nothing is new."""
        before = _rows("SELECT count(*), sum(revision) FROM statement")
        for book in self.books:
            days = sorted(book.files)[:OF_ONE]
            month.tell(book, days, reverse=True)
            self.files["twice"] += len(days)
            book.advised.reverse()
            self._compare(book)
        month_of_money.match_gateway()
        self._expect(
            "statements after files that came twice", _rows("SELECT count(*), sum(revision) FROM statement"), before
        )
        self._expect("found again", _findings(), self.planted)
        self._step("everything repeated")

    def _correct(self) -> None:
        """Two providers correct their files, and one of them takes it back: that opens what had closed."""
        first, second, _third = self.books
        wrong, wrongly_advised = dict(first.files), first.advised
        for book, planted in zip((first, second), self.in_files, strict=False):
            month.correct(book)
            month_of_transfers.correct(book)
            month.tell(book, sorted(book.files))
            self.files["corrected"] += len(book.files)
            self._compare(book)
            self._expect("still open after a correction", _findings(OPEN) & planted, set())
        first.files, first.advised = wrong, wrongly_advised
        month.tell(first, sorted(wrong))
        self._compare(first)
        expected = self.in_files[0] | self.in_files[2] | (self.elsewhere - self.closed)
        self._expect("open after corrections", _findings(OPEN), expected)
        few = {name for name in ("twice", "corrected") if self.files[name] < EACH}
        self._expect("files", few, set())
        self._step("files corrected")

    def _settle(self) -> None:
        """What stays is settled by two people, each by one journal where money moves; nothing opens again."""
        with transaction() as session:
            waiting = session.execute(text(f"SELECT id, way, kind FROM discrepancy WHERE {OPEN}")).all()
        for start in range(0, len(waiting), 20):
            with transaction() as session:
                for found in waiting[start : start + 20]:
                    _place, account = BOOKED.get((found.way, found.kind), (None, None))
                    explained = {"account": account, "explanation": f"Seen: {found.kind}"}
                    payments.operations.propose(session, found.id, new_id(), **explained)
                    payments.operations.approve(session, found.id, new_id())
        self._step(f"{len(waiting)} differences settled by two people")
        for book in self.books:
            self._compare(book)
        month_of_money.match_gateway()
        self._expect("open in the end", _findings(OPEN), set())
        self._expect("found in the end", _findings(), self.planted)
        self._step("everything compared once more")

    def _check_books(self) -> None:
        self._expect("journals of differences", _journals(), _journals_expected())
        with transaction() as session:
            told = session.scalar(text("SELECT sum(net_vnd) FROM balance_transaction"))
            self._expect("the gateway's balance", payments.operations.balance_at_gateway(session), told)
            last = session.scalar(text("SELECT closing_vnd FROM bank_statement ORDER BY id DESC LIMIT 1"))
            self._expect("the bank's balance", ledger.balance(session, ledger.BANK), last)
            self._expect("in transit", ledger.balance(session, ledger.IN_TRANSIT), 0)
            self._expect("the sum of all", ledger.sum_of_all(session), 0)
            session.execute(text("SET LOCAL statement_timeout = 0"))
            self._expect("promises", payments.operations.find_breaches(session, but=NOT_NOW), [])
            self._expect("states", {row[0] for row in session.execute(text("SELECT DISTINCT state FROM discrepancy"))},
                         {"resolved", "auto_closed"})  # fmt: skip
            ways = {row[0] for row in session.execute(text("SELECT DISTINCT way FROM match_run"))}
            self._expect("runs", ways, {"gateway", "bank", "provider", "advice"})
        # Of the one that has corrected nothing, one was not advised and one was short.
        made = len(self.books) * month_of_transfers.DAYS
        self._expect("remittances, paid and advised", month_of_transfers.count(), (made, made, made - 2))
        self._step("books checked")


def _rows(query: str) -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(query))]


def _findings(where: str = "true") -> set[Finding]:
    return {(kind, subject) for kind, subject in _rows(f"SELECT kind, subject FROM discrepancy WHERE {where}")}


def _journals() -> set[tuple[Any, ...]]:
    """Each leg of each journal by which two people have settled a difference."""
    return set(_rows(
        "SELECT d.kind, d.subject, e.account, e.amount_vnd FROM journal j JOIN journal_entry e ON e.journal_id = j.id "
        "JOIN discrepancy d ON d.id = j.discrepancy_id WHERE j.kind = 'adjustment'"
    ))  # fmt: skip


def _journals_expected() -> set[tuple[Any, ...]]:
    query = "SELECT way, kind, subject, amount_vnd FROM discrepancy WHERE state = 'resolved' AND amount_vnd <> 0"
    legs = set()
    for way, kind, subject, vnd in _rows(query):
        if (way, kind) in BOOKED:
            place, account = BOOKED[way, kind]
            by = -vnd if place == OWED else vnd
            legs |= {(kind, subject, place, by), (kind, subject, account, -by)}
    return legs


def say(line: str) -> None:
    """For whoever watches."""
    sys.stdout.write(f"  {line}\n")


def as_lines(flaws: Iterable[str]) -> str:
    """For whoever has to mend it."""
    return "\n".join(flaws)
