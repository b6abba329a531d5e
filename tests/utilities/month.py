"""A month of payments for three providers with faults of every class planted in it, and what must be found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

import payments.operations
from kit import clock
from kit.database import new_id, transaction
from payments import ledger
from payments.bank_file import read_statement
from payments.gateway import Movement
from payments.models import (
    JournalKind,
    Origin,
    Payout,
    PayoutState,
    Refund,
    RefundState,
    Way,
)
from services.utilities.models import Customer, Provider
from services.utilities.operations import settlement
from services.utilities.statement_file import STANDARD, read
from tests.utilities.bulk import FEE_VND, Paid, item_id, payment_id, write

FIRST = date(2026, 10, 1)
DAYS = 31
SLUGS = ("pc-thanh-hoa", "nuoc-thanh-hoa", "pc-ninh-binh")
CUT_OFF = time(17)
Finding = tuple[str, str]


@dataclass
class Book:
    """What one provider posted, day by day, as its own ledger tells it: bill number -> amount, in the file's order."""

    provider: Provider
    customer: Customer
    paid: list[Paid] = field(default_factory=list)
    files: dict[date, list[tuple[str, str]]] = field(default_factory=dict)

    def subject(self, bill_no: str) -> str:
        return f"{self.provider.id} {bill_no}"

    def line_of(self, bill: Paid) -> tuple[date, int]:
        day = day_of(bill)
        return day, next(n for n, (bill_no, _amount) in enumerate(self.files[day]) if bill_no == bill.bill_no)


def day_of(bill: Paid) -> date:
    """The business day a bill was posted on."""
    local = clock.local(bill.at)
    return local.date() + timedelta(days=local.timetz().replace(tzinfo=None) >= CUT_OFF)


def make_book(provider: Provider, customer: Customer, size: int, *, absent: Iterable[int] = ()) -> Book:
    """`size` payments over the month, also at the cut-off and at midnight in UTC; the gateway lacks those `absent`."""
    book, missing = Book(provider, customer), set(absent)
    start = datetime.combine(FIRST, time(0, 5), clock.ZONE)
    step = timedelta(days=DAYS - 1) / size
    for n in range(size):
        at = start + step * n
        if n % 97 == 0:
            at = datetime.combine(at.date(), CUT_OFF, clock.ZONE) - timedelta(milliseconds=n % 2)
        if n % 101 == 0:
            at = datetime.combine(at.date(), time(0), UTC)
        book.paid.append(Paid(f"{provider.slug}-{n:06d}", 50_000 + 7 * n, at, at_gateway=n not in missing))
    write(provider, customer, book.paid)
    for bill in book.paid:
        book.files.setdefault(day_of(bill), []).append((bill.bill_no, str(bill.amount_vnd)))
    return book


def plant_in_statements(book: Book) -> Iterator[Finding]:
    """Faults of the provider's own ledger; what each must be called, and by which subject."""
    bills = iter(book.paid[10 :: max(1, len(book.paid) // 40)])

    def change(bill: Paid, *lines: tuple[str, str]) -> None:
        day, place = book.line_of(bill)
        book.files[day][place : place + 1] = lines

    for _ in range(4):
        bill = next(bills)
        change(bill)
        yield "MISSING_AT_PROVIDER", book.subject(bill.bill_no)
    for name in ("X-1", "X-2"):
        bill = next(bills)
        change(bill, (bill.bill_no, str(bill.amount_vnd)), (name, "77000"))
        yield "UNKNOWN_AT_PROVIDER", book.subject(name)
    for kind, by in (("AMOUNT_OVER", 1), ("AMOUNT_UNDER", -1), ("AMOUNT_UNDER", -1_000)):
        bill = next(bills)
        change(bill, (bill.bill_no, str(bill.amount_vnd + by)))
        yield kind, book.subject(bill.bill_no)
    bill = next(bills)
    change(bill, (bill.bill_no, str(-bill.amount_vnd)))
    yield "DIRECTION", book.subject(bill.bill_no)
    for _ in range(2):
        bill = next(bills)
        change(bill, *[(bill.bill_no, str(bill.amount_vnd))] * 2)
        yield "DUPLICATE_POSTING", book.subject(bill.bill_no)
    for _ in range(2):
        bill = next(bills)
        change(bill)
        book.files.setdefault(day_of(bill) + timedelta(days=1), []).append((bill.bill_no, str(bill.amount_vnd)))
        yield "WRONG_DAY", book.subject(bill.bill_no)
    for unreadable in ("1.23E+06", "=SUM(A1:A9)"):
        # A line that cannot be read is named by its number, and is missing until it is corrected.
        bill = next(bills)
        change(bill, (bill.bill_no, unreadable))
        yield "MISSING_AT_PROVIDER", book.subject(bill.bill_no)


def tell(book: Book, day: date, *, reverse: bool = False) -> UUID:
    """The provider sends its file of a day; returns the statement's id."""
    lines = book.files[day][::-1] if reverse else book.files[day]
    raw = "\n".join(
        ["bill_no;amount_vnd;receipt_no", *(f"{bill_no};{amount};R-{bill_no}" for bill_no, amount in lines)]
    )
    with transaction() as session:
        told = read("csv", raw.encode(), STANDARD)
        return settlement.keep_statement(session, book.provider.id, Way.PROVIDER, day, told)


def compare(book: Book) -> None:
    """The whole month is compared with our books."""
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        settlement.match_posted(session, book.provider.id, FIRST, FIRST + timedelta(days=DAYS))


def movement(name: str, kind: str, amount: int, *, source: str | None, fee: int = 0, category: str = "") -> Movement:
    at = datetime.combine(FIRST + timedelta(days=12), time(3), UTC)
    return Movement(f"txn_{name}", kind, category or kind, source, amount, fee, amount - fee, "vnd", at, at)


def plant_at_gateway(book: Book, absent: Iterable[int]) -> Iterator[Finding]:
    """Faults of the gateway's movements."""
    with transaction() as session:
        charges = {n: _charge(session, book, n) for n in (*absent, 3, 4)}
    for n in absent:
        yield "MISSING_AT_GATEWAY", f"charge {charges[n]}"
    twice = [movement(f"twice_{n}", "charge", book.paid[n].amount_vnd, source=charges[n], fee=FEE_VND) for n in (3, 4)]
    movements = [
        *twice,
        movement("stranger", "charge", 90_000, source="ch_of_nobody", fee=FEE_VND),
        movement("climate", "climate_order_purchase", -5_000, source=None),
        movement("dispute", "adjustment", -60_000, source="dp_of_nobody", fee=1_500, category="dispute"),
        movement("refund", "refund", -40_000, source="re_of_nobody"),
        *_refund_that_failed_late(book, book.paid[5]),
    ]
    with transaction() as session:
        payments.operations.take_in(session, movements)
    yield from (("DUPLICATE_CAPTURE", each.id) for each in twice)
    yield "MISSING_IN_LEDGER", "txn_stranger"
    yield "UNKNOWN_TYPE", "txn_climate"
    yield "DISPUTE_UNBOOKED", "txn_dispute"
    yield "REFUND_UNMATCHED", "txn_refund"
    yield "STATUS_CONFLICT", "txn_came_back"


def _charge(session: Session, book: Book, n: int) -> str:
    query = text("SELECT charge_id FROM payment WHERE id = :id")
    return str(session.scalar(query, {"id": payment_id(book.provider, book.paid[n].bill_no)}))


def _refund_that_failed_late(book: Book, bill: Paid) -> list[Movement]:
    """The gateway has given money back and got it back from the card; nobody has told our books of the second."""
    refund_id, of, item = new_id(), payment_id(book.provider, bill.bill_no), item_id(book.provider, bill.bill_no)
    amount, payee, citizen = bill.amount_vnd, {"payee_id": book.provider.id}, {}
    at = datetime.combine(FIRST + timedelta(days=12), time(3), UTC)
    clock.move(timedelta())
    clock.move(at - clock.now())
    with transaction() as session:
        holder = session.scalar(text("SELECT holder_id FROM payment WHERE id = :id"), {"id": of})
        citizen = {"citizen_id": holder}
        session.add(
            Refund(
                id=refund_id,
                payment_id=of,
                item_id=item,
                amount_vnd=amount,
                state=RefundState.SUCCEEDED,
                state_since=bill.at,
                origin=Origin.RULE,
                cause="story",
                reason="story",
                gateway_id="re_late",
            )
        )
        for table, key in (("payment", of), ("payment_item", item)):
            session.execute(text(f"UPDATE {table} SET refunded_vnd = :vnd WHERE id = :id"), {"vnd": amount, "id": key})
        session.flush()
        for kind, debit, credit in (
            (JournalKind.REVERSED, ledger.PROVIDER_PAYABLE, ledger.CITIZEN_UNAPPLIED),
            (JournalKind.REFUND_REQUESTED, ledger.CITIZEN_UNAPPLIED, ledger.REFUND_IN_FLIGHT),
            (JournalKind.REFUND_DONE, ledger.REFUND_IN_FLIGHT, ledger.GATEWAY_AVAILABLE),
        ):
            whose = {ledger.PROVIDER_PAYABLE: payee, ledger.CITIZEN_UNAPPLIED: citizen}
            legs = [
                ledger.Leg(account, sum_, **whose.get(account, {}))
                for account, sum_ in ((debit, amount), (credit, -amount))
            ]
            ledger.book(session, kind, refund_id, legs, payment_id=of)
    clock.move(timedelta())
    return [
        movement("gone", "refund", -amount, source="re_late"),
        movement("came_back", "refund_failure", amount, source="re_late"),
    ]


def plant_at_bank() -> Iterator[Finding]:
    """A payout whose list is 1 đồng off, one that the bank credits 1 đồng short, one that never comes; a stranger."""
    arrives = FIRST + timedelta(days=15)
    with transaction() as session:
        for name, amount in (("po_listed", 800_001), ("po_short", 700_000), ("po_lost", 600_000), ("po_good", 500_000)):
            session.add(
                Payout(
                    id=name, amount_vnd=amount, state=PayoutState.PAID, trace_id=None, arrives_on=arrives, listed=False
                )
            )
            session.flush()
            moved = movement(f"of_{name}", "payout", -amount, source=name)
            payments.operations.take_in(session, [moved])
        payments.operations.list_payout(session, "po_listed", [movement("part", "stripe_fee", 800_000, source=None)])
        session.execute(text("DELETE FROM balance_transaction WHERE id = 'txn_part'"))
        lines = [
            ("FT1", 800_001, "STRIPE po_listed"),
            ("FT2", 699_999, "STRIPE po_short"),
            ("FT3", 500_000, "STRIPE po_good"),
            ("FT4", 12_345, "Nobody knows"),
        ]
        table = [f"{reference};{arrives};{amount};{said}" for reference, amount, said in lines]
        head = [
            "opening_vnd;0",
            f"closing_vnd;{sum(line[1] for line in lines)}",
            "reference;booked_on;amount_vnd;purpose",
        ]
        raw = "\n".join([*head, *table]).encode()
        payments.operations.take_in_statement(session, read_statement(raw))
        payments.operations.take_in_statement(session, read_statement(raw))
        payments.operations.find_missing_in_bank(session)
    yield "PAYOUT_SUM", "po_listed"
    yield "BANK_SHORT", "po_short at the bank"
    yield "PAYOUT_NOT_IN_BANK", "po_lost at the bank"
    yield "BANK_UNIDENTIFIED", "FT4"


def correct(book: Book, day: date) -> None:
    """What a provider's corrected file of a day says: what our books say."""
    book.files[day] = [(bill.bill_no, str(bill.amount_vnd)) for bill in book.paid if day_of(bill) == day]


def as_json(findings: Iterable[Finding]) -> str:
    """For a failing test: what was found, sorted."""
    return json.dumps(sorted(findings), indent=1)
