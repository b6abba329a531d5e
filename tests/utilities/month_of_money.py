"""The gateway's and the bank's side of a month, the faults planted there, and what each must be called."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import insert, text

import payments.flows
import payments.operations
from kit.database import new_id, transaction
from payments import ledger
from payments.errors import StatementRefused
from payments.gateway import Movement
from payments.gateway_answers import Transfer
from payments.models import Journal, JournalEntry, JournalKind, Origin, Refund, RefundState
from tests.utilities.bulk import FEE_VND, Paid, charge_of, item_id, made, payment_id
from tests.utilities.month import DAYS, EACH, FEW, FIRST, OF_ONE, Book, Finding

FORM = "vietcombank"
STRANGERS = 10
_FORMS = Path(__file__).parents[2] / "sample" / "banks.json"
_MIDDLE = datetime.combine(FIRST + timedelta(days=12), time(3), UTC)


def movement(
    name: str, kind: str, amount: int, *, source: str | None, fee: int = 0, category: str = "", at: datetime = _MIDDLE
) -> Movement:
    return Movement(f"txn_{name}", kind, category or kind, source, amount, fee, amount - fee, "vnd", at, at)


def plant_at_gateway(book: Book) -> Iterator[Finding]:
    """Faults of the gateway's movements, those of one provider's payments."""
    slug, charge = book.provider.slug, partial(charge_of, book.provider)
    movements: list[Movement] = []

    def add(kind: str, each: Movement) -> Finding:
        movements.append(each)
        return kind, each.id

    for bill in book.pick(0):
        yield "MISSING_AT_GATEWAY", f"charge {charge(bill.bill_no)}"
    for n, bill in enumerate(book.pick(1)):
        again = partial(movement, source=charge(bill.bill_no), fee=FEE_VND, at=bill.at + timedelta(days=1))
        yield add("DUPLICATE_CAPTURE", again(f"{slug}_2_{n}", "charge", bill.amount_vnd))
    for n in range(OF_ONE):
        named = partial(movement, source=f"{slug}_{n}_of_nobody")
        yield add("MISSING_IN_LEDGER", named(f"{slug}_stranger_{n}", "charge", 90_000 + n, fee=FEE_VND))
        yield add("UNKNOWN_TYPE", movement(f"{slug}_climate_{n}", "climate_order_purchase", -5_000 - n, source=None))
        disputed = named(f"{slug}_dispute_{n}", "adjustment", -60_000 - n, fee=1_500, category="dispute")
        yield add("DISPUTE_UNBOOKED", disputed)
    for n in range(FEW):
        yield add("REFUND_UNMATCHED", movement(f"{slug}_refund_{n}", "refund", -40_000, source=f"re_{slug}_{n}"))
        usd = Movement(f"txn_{slug}_usd_{n}", "charge", "charge", None, 1_250, 50, 1_200, "usd", _MIDDLE, _MIDDLE)
        yield add("CURRENCY", usd)
    for n, bill in enumerate(book.pick(2, FEW)):
        by, kind = (1, "AMOUNT_OVER") if n % 2 else (-1, "AMOUNT_UNDER")
        yield add(kind, _told_anew(charge(bill.bill_no), bill, by=by))
    for bill in book.pick(3, FEW):
        yield add("FEE_MISMATCH", _told_anew(charge(bill.bill_no), bill, fee=250))
    late = book.pick(4)
    movements += _give_back(book, late)
    for bill in late:
        yield "STATUS_CONFLICT", f"txn_back_{charge(bill.bill_no)}"
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        payments.operations.take_in(session, movements)


def _told_anew(charge: str, bill: Paid, *, by: int = 0, fee: int = 0) -> Movement:
    """What the gateway says of a charge the second time."""
    name = charge.removeprefix("ch_")
    return movement(name, "charge", bill.amount_vnd + by, source=charge, fee=FEE_VND + fee, at=bill.at)


def _give_back(book: Book, bills: Sequence[Paid]) -> list[Movement]:
    """The gateway has given money back and got it back from the card; nobody has told our books of the second."""
    moves = (
        (JournalKind.REVERSED, ledger.PROVIDER_PAYABLE, ledger.CITIZEN_UNAPPLIED),
        (JournalKind.REFUND_REQUESTED, ledger.CITIZEN_UNAPPLIED, ledger.REFUND_IN_FLIGHT),
        (JournalKind.REFUND_DONE, ledger.REFUND_IN_FLIGHT, ledger.GATEWAY_AVAILABLE),
    )
    refunds: list[dict[str, Any]] = []
    journals: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    movements: list[Movement] = []
    for bill in bills:
        of, at = payment_id(book.provider, bill.bill_no), bill.at + timedelta(hours=2)
        charge = charge_of(book.provider, bill.bill_no)
        refunds.append({
            "id": new_id(), "created_at": at, "payment_id": of, "item_id": item_id(book.provider, bill.bill_no),
            "amount_vnd": bill.amount_vnd, "state": RefundState.SUCCEEDED, "state_since": at, "origin": Origin.RULE,
            "cause": f"story {bill.bill_no}", "reason": "story", "gateway_id": f"re_{charge}",
        })  # fmt: skip
        again = partial(movement, source=f"re_{charge}")
        movements.append(again(f"gone_{charge}", "refund", -bill.amount_vnd, at=at))
        movements.append(again(f"back_{charge}", "refund_failure", bill.amount_vnd, at=at + timedelta(days=2)))
        for kind, *accounts in moves:
            journal_id = new_id()
            journals.append({
                "id": journal_id, "created_at": at, "kind": kind, "subject": str(refunds[-1]["id"]), "payment_id": of,
                "payee_id": book.provider.id if kind is JournalKind.REVERSED else None,
            })  # fmt: skip
            for account, sign in zip(accounts, (1, -1), strict=True):
                entries.append({"id": new_id(), "created_at": at, "journal_id": journal_id, "account": account,
                                "amount_vnd": sign * bill.amount_vnd, **_whose(book, bill, account)})  # fmt: skip
    with transaction() as session:
        for table, rows in ((Refund, refunds), (Journal, journals), (JournalEntry, entries)):
            session.execute(insert(table), rows)
        for table_name, key in (("payment", "payment_id"), ("payment_item", "item_id")):
            session.execute(
                text(f"UPDATE {table_name} t SET refunded_vnd = r.amount_vnd FROM refund r WHERE r.{key} = t.id")
            )
    return movements


def _whose(book: Book, bill: Paid, account: str) -> dict[str, UUID | None]:
    citizen = made("citizen", book.provider, bill.bill_no)
    return {
        "payee_id": book.provider.id if account == ledger.PROVIDER_PAYABLE else None,
        "citizen_id": citizen if account == ledger.CITIZEN_UNAPPLIED else None,
    }


def plant_in_payouts(transfers: Iterable[tuple[date, int, str]]) -> Iterator[Finding]:
    """Every charge is paid out; payouts that are 1 đồng off their list, come 1 đồng short, or never come; strangers.

    The bank's files tell of `transfers` too: the day, the sum and what is said of each.
    """
    faults = ["PAYOUT_SUM"] * EACH + ["BANK_SHORT"] * EACH + ["PAYOUT_NOT_IN_BANK"] * FEW + [""] * 8
    random.Random(8).shuffle(faults)
    with transaction() as session:
        query = text("SELECT * FROM balance_transaction WHERE explained AND type = 'charge' ORDER BY made_at, id")
        charges = [
            movement(row.id[4:], row.type, row.amount_vnd, source=row.source, fee=row.fee_vnd, at=row.made_at)
            for row in session.execute(query)
        ]
    bank: list[tuple[date, int, str]] = list(transfers)
    size = len(charges) / len(faults)
    for n, fault in enumerate(faults):
        parts = charges[int(n * size) : int((n + 1) * size)]
        name, at = f"po_{n:05d}", parts[-1].made_at + timedelta(hours=6)
        amount = sum(part.net_vnd for part in parts) + (fault == "PAYOUT_SUM") * (-1 if n % 2 else 1)
        with transaction() as session:
            payments.operations.take_in(session, [movement(f"of_{name}", "payout", -amount, source=name, at=at)])
            if payments.operations.see_payout(session, Transfer(name, "paid", amount, None, at + timedelta(days=2))):
                payments.operations.list_payout(session, name, parts)
        if fault != "PAYOUT_NOT_IN_BANK":
            bank.append(((at + timedelta(days=2)).date(), amount - (fault == "BANK_SHORT"), f"STRIPE {name}"))
        if fault:
            yield fault, name if fault == "PAYOUT_SUM" else f"{name} at the bank"
    bank += [(FIRST + timedelta(days=n + 2), 12_345 + n, f"Nobody knows {n}") for n in range(STRANGERS)]
    yield from _bank_tells(sorted(bank))
    with transaction() as session:
        payments.operations.find_missing_in_bank(session)


def _bank_tells(lines: Sequence[tuple[date, int, str]]) -> Iterator[Finding]:
    """The bank's files of the month by its own form: each twice, some with a line nobody can read, some untrue."""
    with transaction() as session:
        payments.operations.put_form(session, FORM, orjson.loads(_FORMS.read_bytes())[FORM], person_id=None)
    opening, unreadable, number = 0, 0, 0
    for day, of_day in groupby(lines, key=lambda line: line[0]):
        told = [(f"FT{(number := number + 1):06d}", vnd, said) for _day, vnd, said in of_day]
        strange = [reference for reference, _vnd, said in told if said.startswith("Nobody")]
        yield from (("BANK_UNIDENTIFIED", reference) for reference in strange)
        good = _file(day, opening, told)
        if unreadable < FEW and len(told) > 1:
            unreadable += 1
            # One that never is a payout, so that it is known by the file that corrects it only.
            yield "ROW_REJECTED", f"{FORM} {opening}..{opening + sum(vnd for _ref, vnd, _said in told)}"
            _hand_in(good.replace(f'"{told[0][1]:,}"'.encode(), b"1.23E+06"))
            untrue = good.replace("Số dư đầu kỳ:,".encode(), "Số dư đầu kỳ:,1".encode())
            with suppress(StatementRefused):
                payments.flows.read_bank_file(untrue, FORM)
            yield "FILE_REJECTED", sha256(untrue).hexdigest()
        for _time in range(2):
            _hand_in(good)
        opening += sum(vnd for _ref, vnd, _said in told)


def _hand_in(raw: bytes) -> None:
    statement = payments.flows.read_bank_file(raw, FORM)
    with transaction() as session:
        payments.operations.take_in_statement(session, statement)


def _file(day: date, opening: int, told: Sequence[tuple[str, int, str]]) -> bytes:
    table = [
        f"{day:%d/%m/%Y},{reference}," + (f'"{-vnd:,}",' if vnd < 0 else f',"{vnd:,}"') + f",{said}"
        for reference, vnd, said in told
    ]
    closing = opening + sum(vnd for _ref, vnd, _said in told)
    heading = "Ngày giao dịch,Số tham chiếu,Số tiền ghi nợ,Số tiền ghi có,Mô tả"
    return "\n".join([f"Số dư đầu kỳ:,{opening}", heading, *table, f"Số dư cuối kỳ:,{closing}"]).encode()


def match_gateway() -> None:
    """The whole month of the gateway's is compared with our ledger."""
    with transaction() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        # The gateway's days are those of UTC: the first hours of the month are its day before.
        first = FIRST - timedelta(days=1)
        payments.operations.match_gateway(session, first, first + timedelta(days=DAYS + 1))
