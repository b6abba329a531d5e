"""A month of payments for three providers and the faults of their own ledgers, and what each must be called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text

import services.utilities.flows
from kit import clock
from kit.database import transaction
from payments.models import Way
from services.utilities.errors import StatementUnreadable
from services.utilities.models import Customer, Provider
from services.utilities.operations import settlement
from services.utilities.statement_file import STANDARD, read
from tests.utilities.bulk import Paid, write

FIRST = date(2026, 10, 1)
DAYS = 31
SLUGS = ("pc-thanh-hoa", "nuoc-thanh-hoa", "pc-ninh-binh")
CUT_OFF = time(17)
# How many faults of every class are planted in the month, and how many of them with each provider.
EACH = 60
OF_ONE = EACH // len(SLUGS)
# Of classes that the issue of a month does not name: a few of each.
FEW = 2
KINDS = 10  # how many kinds of faults pick bills of their own
Finding = tuple[str, str]


@dataclass
class Book:
    """What one provider posted, day by day, as its own ledger tells it: bill number -> amount, in the file's order."""

    provider: Provider
    customer: Customer
    paid: list[Paid] = field(default_factory=list)
    files: dict[date, list[tuple[str, str]]] = field(default_factory=dict)
    # Reference and sum: what it was remitted, and what its own bank has advised it of.
    remitted: list[tuple[str, int]] = field(default_factory=list)
    advised: list[tuple[str, int]] = field(default_factory=list)

    def subject(self, bill_no: str) -> str:
        return f"{self.provider.id} {bill_no}"

    def line_of(self, bill: Paid) -> tuple[date, int]:
        day = day_of(bill)
        return day, next(n for n, (bill_no, _amount) in enumerate(self.files[day]) if bill_no == bill.bill_no)

    def pick(self, kind: int, count: int = OF_ONE) -> list[Paid]:
        """Bills over the whole month for one kind of fault; no other kind gets them."""
        return [self.paid[place] for place in places(len(self.paid), kind, count)]


def places(size: int, kind: int, count: int = OF_ONE) -> list[int]:
    """Where among `size` payments the bills of one kind of fault stand."""
    # The last days are left alone: what is told a day late needs a day after.
    step = (size - size // 10) // (OF_ONE * KINDS)
    if not step:
        raise ValueError(f"{size} payments are too few")
    return [(n * KINDS + kind) * step for n in range(count)]


def day_of(bill: Paid) -> date:
    """The business day a bill was posted on."""
    local = clock.local(bill.at)
    return local.date() + timedelta(days=local.timetz().replace(tzinfo=None) >= CUT_OFF)


def make_book(provider: Provider, customer: Customer, size: int) -> Book:
    """`size` payments over the month, also at the cut-off and at midnight in UTC; the gateway lacks kind 0 of them."""
    book, absent = Book(provider, customer), set(places(size, 0))
    start = datetime.combine(FIRST, time(0, 5), clock.ZONE)
    step = timedelta(days=DAYS - 1) / size
    for n in range(size):
        at = start + step * n
        if n % 97 == 0:
            at = datetime.combine(at.date(), CUT_OFF, clock.ZONE) - timedelta(milliseconds=n % 2)
        if n % 101 == 0:
            at = datetime.combine(at.date(), time(0), UTC)
        book.paid.append(Paid(f"{provider.slug}-{n:06d}", 50_000 + 7 * n, at, at_gateway=n not in absent))
    write(provider, customer, book.paid)
    for bill in book.paid:
        book.files.setdefault(day_of(bill), []).append((bill.bill_no, str(bill.amount_vnd)))
    return book


def plant_in_statements(book: Book) -> Iterator[Finding]:
    """Faults of the provider's own ledger; what each must be called, and by which subject."""

    def change(bill: Paid, *lines: tuple[str, str]) -> None:
        day, place = book.line_of(bill)
        book.files[day][place : place + 1] = lines

    for bill in book.pick(0):  # missing
        change(bill)
        yield "MISSING_AT_PROVIDER", book.subject(bill.bill_no)
    for n, bill in enumerate(book.pick(1)):  # extra
        change(bill, (bill.bill_no, str(bill.amount_vnd)), (f"X-{n}", "77000"))
        yield "UNKNOWN_AT_PROVIDER", book.subject(f"X-{n}")
    altered: list[tuple[str, Callable[[int], int]]] = [
        ("AMOUNT_OVER", lambda vnd: vnd + 1),
        ("AMOUNT_UNDER", lambda vnd: vnd - 1),
        ("AMOUNT_UNDER", lambda vnd: vnd - 1_000),
        ("DIRECTION", lambda vnd: -vnd),
    ]
    for n, bill in enumerate(book.pick(2)):
        kind, alter = altered[n % len(altered)]
        change(bill, (bill.bill_no, str(alter(bill.amount_vnd))))
        yield kind, book.subject(bill.bill_no)
    for bill in book.pick(3):  # duplicated
        change(bill, *[(bill.bill_no, str(bill.amount_vnd))] * 2)
        yield "DUPLICATE_POSTING", book.subject(bill.bill_no)
    for bill in book.pick(4):  # on the wrong day
        change(bill)
        book.files.setdefault(day_of(bill) + timedelta(days=1), []).append((bill.bill_no, str(bill.amount_vnd)))
        yield "WRONG_DAY", book.subject(bill.bill_no)
    for bill, unreadable in zip(book.pick(5, FEW), ("1.23E+06", "=SUM(A1:A9)"), strict=True):
        # A line that cannot be read is named by its number, and is missing until it is corrected.
        change(bill, (bill.bill_no, unreadable))
        yield "MISSING_AT_PROVIDER", book.subject(bill.bill_no)


def send_rejected(book: Book) -> Iterator[Finding]:
    """The provider sends files that nobody can read, before it sends good ones of the same days."""
    for day in sorted(book.files)[:OF_ONE]:
        raw = b"bill_no;amount_vnd;receipt_no\xff\n"
        with suppress(StatementUnreadable):
            services.utilities.flows.read_statement(book.provider.id, Way.PROVIDER, day, "csv", raw, STANDARD)
        yield "FILE_REJECTED", settlement.file_of(book.provider.id, Way.PROVIDER, day)


def tell(book: Book, days: Iterable[date], *, reverse: bool = False) -> None:
    """The provider sends its files of some days."""
    with transaction() as session:
        for day in days:
            lines = book.files[day][::-1] if reverse else book.files[day]
            table = (f"{bill_no};{amount};R-{bill_no}" for bill_no, amount in lines)
            told = read("csv", "\n".join(["bill_no;amount_vnd;receipt_no", *table]).encode(), STANDARD)
            settlement.keep_statement(session, book.provider.id, Way.PROVIDER, day, told)


def compare(book: Book) -> None:
    """The whole month is compared with our books."""
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        settlement.match_posted(session, book.provider.id, FIRST, FIRST + timedelta(days=DAYS))


def correct(book: Book) -> None:
    """What a provider's corrected files say: what our books say."""
    by_day: dict[date, list[tuple[str, str]]] = {day: [] for day in book.files}
    for bill in book.paid:
        by_day[day_of(bill)].append((bill.bill_no, str(bill.amount_vnd)))
    book.files = by_day
