"""What comes otherwise than it was booked: payouts that go back, lines that come late, files that correct others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kit import clock
from kit.database import new_id, transaction
from payments import ledger, operations
from payments.bank_file import read_by_layout, read_statement
from payments.bank_layout import BankLayout
from payments.bank_message import read_message
from payments.errors import StatementRefused
from payments.gateway import Movement
from payments.gateway_answers import Transfer
from payments.models import JournalKind, Origin, Refund, RefundState
from payments.operations.history import HOUSE
from tests.factories import POWER
from tests.payments.stories import rows
from tests.payments.test_bank_forms import FORMS
from tests.payments.test_bank_messages import detail, entry, notification, statement
from tests.utilities.bulk import FEE_VND, Paid, company, write

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
A = 300_000


def see(status: str, name: str = "po_1") -> None:
    """The gateway tells of a payout; once it is paid or has failed, of its movement too."""
    kind, way = ("payout", -1) if status == "paid" else ("payout_failure", 1)
    moved = Movement(f"txn_{name}_{status}", kind, kind, name, way * A, 0, way * A, "vnd", NOON, NOON)
    with transaction() as session:
        operations.take_in(session, [moved])
        operations.explain(session)
        operations.see_payout(session, Transfer(name, status, A, None, NOON))
        operations.match_late(session)


def hand_in(*lines: tuple[str, int, str], opening: int = 0, head: str = "") -> None:
    table = [f"{reference};2026-11-20;{amount};{said}" for reference, amount, said in lines]
    closing = opening + sum(amount for _reference, amount, _said in lines)
    raw = "\n".join(
        [f"opening_vnd;{opening}", f"closing_vnd;{closing}", "reference;booked_on;amount_vnd;purpose", *table]
    )
    with transaction() as session:
        operations.take_in_statement(session, read_statement((head + raw).encode()))


def balances(*accounts: str) -> list[int]:
    with transaction() as session:
        return [ledger.balance(session, account) for account in accounts]


def settle(account: str) -> None:
    """Two people explain all that is open by one account."""
    with transaction() as session:
        for found in rows("SELECT id FROM discrepancy WHERE state = 'open' ORDER BY id"):
            operations.propose(session, found.id, new_id(), account=account, explanation="Đã xem")
            operations.approve(session, found.id, new_id())


def still_open() -> list[tuple[object, ...]]:
    query = "SELECT kind, amount_vnd FROM discrepancy WHERE state = 'open' ORDER BY kind, amount_vnd"
    return [tuple(row) for row in rows(query)]


def test_a_payout_that_fails_after_its_credit_has_come_leaves_no_line_without_a_place() -> None:
    see("paid")
    hand_in(("FT1", A, "STRIPE po_1"))
    assert (balances("1130", "1210"), still_open()) == ([0, A], [])

    see("failed")
    after = balances("1130", "1210", "2910")
    hand_in(("FT1", A, "STRIPE po_1"), ("FT2", -A, "STRIPE po_1 tra lai"))

    assert after == [0, A, -A]
    assert still_open() == [("BANK_UNIDENTIFIED", -A), ("BANK_UNIDENTIFIED", A)]
    (run,) = rows("SELECT theirs, matched, theirs_open FROM match_run ORDER BY id DESC LIMIT 1")
    assert tuple(run) == (2, 0, 2)
    settle(ledger.SUSPENSE)
    assert balances("1120", "1130", "1210", "1910", "2910") == [0, 0, 0, 0, 0]


def test_a_short_payout_that_fails_takes_its_difference_with_it() -> None:
    see("paid")
    hand_in(("FT1", A - 5, "STRIPE po_1"))
    assert still_open() == [("BANK_SHORT", -5)]

    see("failed")

    assert still_open() == [("BANK_UNIDENTIFIED", A - 5)]
    assert balances("1120", "1130", "1210", "2910") == [0, 0, A - 5, 5 - A]
    settle(ledger.SUSPENSE)


@pytest.mark.parametrize("account", [ledger.SUSPENSE, ledger.FEE_INCOME])
def test_what_two_people_have_called_a_line_is_undone_by_two_when_it_turns_out_to_be_a_payout(account: str) -> None:
    hand_in(("FT1", A, "STRIPE po_1"))
    settle(account)

    see("paid")

    assert balances("1130", "1210") == [0, A]
    assert still_open() == [("BANK_UNIDENTIFIED", -A)]
    settle(account)
    assert balances("1120", account, "2910") == [-A, 0, 0]


def test_a_payout_that_was_given_up_and_comes_after_all_is_not_booked_twice() -> None:
    see("paid")
    with transaction() as session:
        operations.see_payout(session, Transfer("po_1", "paid", A, None, NOON - timedelta(days=30)))
        operations.find_missing_in_bank(session)
    settle(ledger.LOSS)
    assert balances("1130", "5130") == [0, A]

    hand_in(("FT1", A, "STRIPE po_1"))

    assert still_open() == [("PAYOUT_NOT_IN_BANK", A)]
    settle(ledger.LOSS)
    assert balances("1130", "1210", "5130") == [0, A, 0]


def test_a_correction_without_a_number_takes_back_what_it_does_not_tell() -> None:
    form = FORMS["vietcombank"] | {"statement": {"name": "Số sao kê"}}
    layout = BankLayout.from_json(json.loads(json.dumps(form)))

    def take_in(lines: Sequence[str], closing: int) -> None:
        head = ["Số sao kê:,VCB-1", "Số dư đầu kỳ:,0"]
        heading = "Ngày giao dịch,Số tham chiếu,Số tiền ghi nợ,Số tiền ghi có,Mô tả"
        raw = "\n".join([*head, heading, *lines, f"Số dư cuối kỳ:,{closing}"]).encode()
        with transaction() as session:
            operations.take_in_statement(session, read_by_layout(raw, "vcb", layout))

    first, second = "20/11/2026,FT1,,1000,x", "20/11/2026,FT2,,2000,x"
    take_in([first, second], 3_000)
    take_in([first], 1_000)

    assert rows("SELECT revision FROM bank_statement ORDER BY revision") == [(1,), (2,)]
    assert balances("1210", "2910") == [1_000, -1_000]
    settle(ledger.FEE_INCOME)


def test_a_revision_that_comes_after_its_correction_books_nothing() -> None:
    old, new = "statement;BANK-1;1\n", "statement;BANK-1;2\n"
    hand_in(("FT1", 1_000, "x"), head=new)

    with pytest.raises(StatementRefused) as refused:
        hand_in(("FT1", 1_000, "x"), ("FT2", 2_000, "never was"), head=old)
    hand_in(("FT1", 1_000, "x"), head=new)

    assert refused.value.members == {"reason": "revision_old"}
    assert (balances("1210"), rows("SELECT count(*) FROM bank_line")) == ([1_000], [(1,)])
    settle(ledger.FEE_INCOME)


PARTS = (detail(300_000, "a"), detail(200_000, "b"))


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        (notification(entry("FT1", "500000", *PARTS)), statement(entry("FT1", "600000"), closing=600_000), 100_000),
        (
            notification(entry("FT1", "500000")),
            statement(entry("FT1", "600000", *PARTS, detail(100_000)), closing=600_000),
            100_000,
        ),
        (
            statement(entry("1", "7"), closing=7),
            statement(entry("1", "7"), opening=7, closing=14).replace(b"2026-11-18", b"2026-11-19"),
            7,
        ),
    ],
    ids=["the whole is more than its parts", "the parts are more than the whole", "the bank counts anew"],
)
def test_a_number_that_is_known_does_not_hide_other_money(first: bytes, second: bytes, more: int) -> None:
    for raw in (first, second):
        with transaction() as session:
            operations.take_in_statement(session, read_message(raw))

    found = rows("SELECT kind, amount_vnd FROM discrepancy WHERE kind = 'ROW_REJECTED' AND state = 'open'")
    assert [tuple(row) for row in found] == [("ROW_REJECTED", more)]
    settle(ledger.FEE_INCOME)
    assert balances("1210") == [read_message(second).closing_vnd]


def test_one_detail_that_is_not_its_entry_is_refused_as_many_are() -> None:
    with pytest.raises(StatementRefused) as refused:
        read_message(statement(entry("FT1", "500", detail(300)), closing=500))
    silent = detail(500).replace("<Amt Ccy='VND'>500</Amt>", "")

    assert refused.value.members == {"reason": "details", "line": 1}
    assert [line.amount_vnd for line in read_message(statement(entry("FT1", "500", silent), closing=500)).lines] == [
        500
    ]


def _paid() -> Movement:
    provider, customer = company(POWER)
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    (row,) = rows("SELECT * FROM balance_transaction")
    sums = {"amount_vnd": row.amount_vnd, "fee_vnd": row.fee_vnd, "net_vnd": row.net_vnd}
    return Movement(
        row.id, row.type, row.category, row.source, **sums, currency="vnd", made_at=row.made_at, available_at=NOON
    )


def match() -> None:
    with transaction() as session:
        operations.match_gateway(session, NOON.date(), NOON.date())


@pytest.mark.tampered  # nobody has decided on the refund, and nobody has sealed what was booked in a moment
def test_a_refund_of_another_sum_is_one_difference_of_what_is_missing() -> None:
    _paid()
    (payment,) = rows("SELECT id FROM payment")
    with transaction() as session:
        refund_id = new_id()
        session.add(
            Refund(
                id=refund_id, created_at=NOON, payment_id=payment.id, amount_vnd=40_000, state=RefundState.SUCCEEDED,
                state_since=NOON, origin=Origin.RULE, cause="test", reason="test", gateway_id="re_1",
            )
        )  # fmt: skip
        legs = ledger.move(ledger.REFUND_IN_FLIGHT, ledger.GATEWAY_AVAILABLE, 40_000)
        clock.move(NOON - clock.now())
        ledger.book(session, JournalKind.REFUND_DONE, refund_id, legs, payment_id=payment.id)
        clock.move(timedelta())
        told = Movement("txn_re", "refund", "refund", "re_1", -50_000, 0, -50_000, "vnd", NOON, NOON)
        operations.take_in(session, [told])

    match()
    match()

    assert [tuple(row) for row in rows("SELECT kind, subject, amount_vnd FROM discrepancy")] == [
        ("AMOUNT_UNDER", "txn_re", -10_000)
    ]


def test_a_fee_that_changes_after_it_was_settled_is_a_difference_of_the_rest() -> None:
    told = _paid()

    def tell(more: int) -> list[tuple[object, ...]]:
        with transaction() as session:
            anew = replace(told, fee_vnd=FEE_VND + more, net_vnd=told.net_vnd - more)
            operations.take_in(session, [anew])
        match()
        return still_open()

    assert tell(100) == [("FEE_MISMATCH", -100)]
    settle(ledger.GATEWAY_FEE)
    assert tell(250) == [("FEE_MISMATCH", -150)]
    assert tell(100) == []
    assert tell(0) == [("FEE_MISMATCH", 100)]
    settle(ledger.GATEWAY_FEE)
    assert tell(0) == []
    assert balances("5110") == [FEE_VND]
    with transaction() as session:
        assert operations.balance_at_gateway(session) == told.net_vnd


def test_what_is_looked_into_has_the_sum_that_is_told_by_now() -> None:
    hand_in(("FT1", 1_000, "x"), ("", 7, "no number"), head="statement;BANK-1;1\n")
    (found,) = rows("SELECT id FROM discrepancy WHERE kind = 'ROW_REJECTED'")
    with transaction() as session:
        operations.investigate(session, found.id, HOUSE)

    hand_in(("FT1", 1_000, "x"), ("", 9, "no number"), head="statement;BANK-1;2\n")

    told = rows("SELECT amount_vnd, state FROM discrepancy WHERE id = :id", id=found.id)
    assert [tuple(row) for row in told] == [(9, "investigating")]
    hand_in(("FT1", 1_000, "x"), ("FT2", 9, "x"), head="statement;BANK-1;3\n")
    settle(ledger.FEE_INCOME)
