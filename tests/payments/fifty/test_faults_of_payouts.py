"""Faults 35 to 41: payouts and fees that do not add up, and the bank's files in every wrong form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

import payments.flows
from kit.database import new_id, transaction
from payments import ledger, operations
from payments.bank_file import read_amount, read_statement
from payments.bank_message import read_message
from payments.cli import commands
from payments.errors import StatementRefused
from tests.factories import AMOUNT_VND, owe
from tests.payments.stories import pay, rows
from tests.people import Outside, Person, Work

Later = Callable[[timedelta], None]
FEE = (AMOUNT_VND * 29 + 500) // 1000
NET = AMOUNT_VND - FEE


@pytest.fixture
def captured(an: Person, outside: Outside, work: Work) -> str:
    payment_id: str = pay(an, owe(an, outside)).json["id"]
    work()
    return payment_id


def balances(*accounts: str) -> list[int]:
    with transaction() as session:
        return [ledger.balance(session, account) for account in accounts]


def statement(*lines: tuple[str, int, str], opening: int = 0, off_by: int = 0) -> bytes:
    closing = opening + sum(amount for _reference, amount, _purpose in lines) + off_by
    rows_ = [f"{reference};2026-11-25;{amount};{purpose}" for reference, amount, purpose in lines]
    head = [f"opening_vnd;{opening}", f"closing_vnd;{closing}", "reference;booked_on;amount_vnd;purpose"]
    return "\n".join([*head, *rows_]).encode()


def take_in(raw: bytes) -> object:
    with transaction() as session:
        return operations.take_in_statement(session, read_statement(raw))


def _pay_out(outside: Outside, later: Later) -> str:
    """The money is paid out and reaches the bank; the payout's id."""
    later(timedelta(days=5))
    payments.flows.read_movements()
    return str(rows("SELECT id FROM payout")[0].id)


def test_a_payout_is_its_transactions_is_the_banks_credit_to_the_dong(
    captured: str, outside: Outside, later: Later
) -> None:
    payments.flows.read_movements()
    assert balances("1110", "1120", "5110") == [NET, 0, FEE]

    payout_id = _pay_out(outside, later)
    (payout,) = rows("SELECT amount_vnd, state, trace_id FROM payout")
    assert (payout.amount_vnd, payout.state, balances("1110", "1120", "1130")) == (NET, "paid", [0, 0, NET])
    take_in(statement(("FT1", NET, f"STRIPE {payout.trace_id or payout_id}")))

    assert balances("1130", "1210") == [0, NET]
    assert rows("SELECT settlement FROM payment") == [("bank_matched",)]
    assert rows("SELECT kind FROM discrepancy") == []


def test_35_a_payout_that_is_one_dong_off_is_named(captured: str, outside: Outside, later: Later) -> None:
    outside.spoil("payout", "wrong_sum", amount=1)

    payout_id = _pay_out(outside, later)

    assert [tuple(row) for row in rows("SELECT kind, subject, abs(amount_vnd) FROM discrepancy")] == [
        ("PAYOUT_SUM", payout_id, 1)
    ]
    with transaction() as session:
        (found,) = operations.list_discrepancies(session, limit=10, cursor=None).items
    _explain(found.id, "1910")


def _explain(discrepancy_id: object, account: str) -> None:
    """Two people of the province book a difference away."""
    _explain_all([discrepancy_id], account)


def _explain_all(discrepancy_ids: Iterable[object], account: str) -> None:
    """Two people of the province book differences away, one after the other."""
    with transaction() as session:
        for each in discrepancy_ids:
            operations.propose(session, each, new_id(), account=account, explanation="Seen at the gateway")
            operations.approve(session, each, new_id())


def test_36_a_movement_of_an_unknown_type_is_a_difference_and_not_a_line_in_a_log(
    captured: str, outside: Outside, later: Later
) -> None:
    outside.at_gateway("balance-transactions", amount=-5_000, type="climate_order_purchase")
    later(timedelta(minutes=16))

    payments.flows.read_movements()

    (found,) = rows("SELECT id, kind, amount_vnd FROM discrepancy")
    assert (found.kind, found.amount_vnd) == ("UNKNOWN_TYPE", -5_000)
    with transaction() as session:
        assert "every movement at the gateway is one we know" in {b.promise for b in operations.find_breaches(session)}
    _explain(found.id, ledger.LOSS)
    assert balances("5130") == [5_000]


def test_37_a_payout_that_fails_after_it_was_paid_goes_back(captured: str, outside: Outside, later: Later) -> None:
    payout_id = _pay_out(outside, later)
    assert (balances("1130"), rows("SELECT settlement FROM payment")) == ([NET], [("in_payout",)])

    outside.at_gateway(f"payouts/{payout_id}/fail")
    payments.flows.read_movements()

    assert balances("1120", "1130") == [NET, 0]
    assert rows("SELECT settlement FROM payment") == [("unsettled",)]
    assert "payout_failed" in [row.step for row in rows("SELECT step FROM payment_event")]


def test_37_a_payout_that_fails_after_weeks_of_others_goes_back_too(
    an: Person, captured: str, outside: Outside, work: Work, later: Later
) -> None:
    payout_id = _pay_out(outside, later)
    later(timedelta(days=10))
    pay(an, owe(an, outside))
    work()
    payments.flows.read_movements()

    outside.at_gateway(f"payouts/{payout_id}/fail")
    payments.flows.read_movements()

    assert rows("SELECT settlement FROM payment WHERE id = :id", id=captured) == [("unsettled",)]
    assert rows("SELECT state FROM payout WHERE id = :id", id=payout_id) == [("failed",)]


def test_38_fees_of_a_month_in_one_line_are_a_cost_under_the_gateways_own_id(captured: str, outside: Outside) -> None:
    outside.at_gateway("balance-transactions", amount=-12_000, type="stripe_fee")

    payments.flows.read_movements()

    assert balances("5110") == [FEE + 12_000]
    assert rows("SELECT count(*) FROM journal WHERE kind = 'fee'") == [(2,)]


def test_39_the_same_file_twice_renamed_or_in_another_order_has_no_effect(captured: str) -> None:
    lines = [("FT1", 1_000, "An unknown sender"), ("FT2", 2_000, "Another one")]
    first = take_in(statement(*lines))

    again = take_in(statement(*lines))
    reordered = take_in(statement(*lines[::-1]))

    assert (first is not None, again, reordered is not None) == (True, None, True)
    assert rows("SELECT count(*) FROM bank_line") == [(2,)]
    assert balances("1210", "2910") == [3_000, -3_000]
    for found in rows("SELECT id FROM discrepancy"):
        _explain(found.id, ledger.FEE_INCOME)
    assert balances("2910", "4110") == [0, -3_000]


def test_40_a_corrected_statement_with_one_row_less_explains_the_difference(captured: str) -> None:
    lines = [("FT1", 1_000, "An unknown sender"), ("FT2", 2_000, "Never was")]
    take_in(b"statement;BANK-2026-11-25;1\n" + statement(*lines))
    assert balances("1210", "2910") == [3_000, -3_000]

    for _time in range(2):
        take_in(b"statement;BANK-2026-11-25;2\n" + statement(lines[0]))

    # The books are the corrected statement, and the row that is gone is told by name.
    assert balances("1210", "2910") == [1_000, -1_000]
    assert [tuple(row) for row in rows("SELECT subject, state FROM discrepancy ORDER BY subject")] == [
        ("FT1", "open"),
        ("FT2", "auto_closed"),
    ]
    assert rows("SELECT reference FROM bank_line WHERE withdrawn") == [("FT2",)]
    assert rows("SELECT count(*) FROM journal WHERE subject = 'FT2 withdrawn'") == [(1,)]
    with pytest.raises(StatementRefused):
        take_in(b"statement;BANK-2026-11-25;2\n" + statement(lines[1]))
    for found in rows("SELECT id FROM discrepancy WHERE state = 'open'"):
        _explain(found.id, ledger.FEE_INCOME)


def test_40_a_row_that_was_a_payout_is_for_two_people(captured: str, outside: Outside, later: Later) -> None:
    payout_id = _pay_out(outside, later)
    take_in(b"statement;BANK-1;1\n" + statement(("FT1", NET, f"STRIPE {payout_id}")))

    take_in(b"statement;BANK-1;2\nopening_vnd;0\nclosing_vnd;0\nreference;booked_on;amount_vnd;purpose")

    (found,) = rows("SELECT id, kind, amount_vnd FROM discrepancy")
    assert (found.kind, found.amount_vnd) == ("ROW_WITHDRAWN", -NET)
    _explain(found.id, ledger.IN_TRANSIT)
    assert balances("1130", "1210") == [NET, 0]


def camt(*details: int, total: int | None = None, closing: int | None = None, extra: str = "") -> bytes:
    """A camt.053 message with one entry of these details."""
    total = sum(details) if total is None else total
    parts = "".join(
        f"<TxDtls><Refs><EndToEndId>E2E-{place}</EndToEndId></Refs><Amt Ccy='VND'>{amount}</Amt>"
        f"<RmtInf><Ustrd>Thu ho {place}</Ustrd></RmtInf></TxDtls>"
        for place, amount in enumerate(details)
    )
    way = "<CdtDbtInd>CRDT</CdtDbtInd>"
    bals = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='VND'>{amount}</Amt>{way}</Bal>"
        for code, amount in (("OPBD", 0), ("CLBD", total if closing is None else closing))
    )
    entry = (
        f"<Ntry><Amt Ccy='VND'>{total}</Amt>{way}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-25</Dt></BookgDt>"
        f"<AcctSvcrRef>BATCH-1</AcctSvcrRef><NtryDtls>{parts}</NtryDtls></Ntry>"
    )
    space = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
    body = f"<BkToCstmrStmt><Stmt><Id>S1</Id>{bals}{entry}{extra}</Stmt></BkToCstmrStmt>"
    return f"<?xml version='1.0' encoding='UTF-8'?><Document xmlns='{space}'>{body}</Document>".encode()


def test_42_three_hundred_details_whose_sum_is_not_their_entry_are_refused_as_a_whole(
    captured: str, tmp_path: Path
) -> None:
    amounts = list(range(1_000, 1_300))
    bad, good = tmp_path / "bad.xml", tmp_path / "good.xml"
    bad.write_bytes(camt(*amounts, total=sum(amounts) + 1))
    good.write_bytes(camt(*amounts))

    refused = CliRunner().invoke(commands, ["import-bank", str(bad)])

    assert (refused.exit_code, "details, line 1" in refused.output) == (1, True)
    assert (rows("SELECT count(*) FROM bank_line"), balances("1210")) == ([(0,)], [0])
    (found,) = rows("SELECT id, kind FROM discrepancy")
    assert found.kind == "FILE_REJECTED"
    _explain(found.id, ledger.SUSPENSE)
    taken = CliRunner().invoke(commands, ["import-bank", str(good)])
    assert (taken.exit_code, balances("1210", "2910")) == (0, [sum(amounts), -sum(amounts)])
    _explain_all((line.id for line in rows("SELECT id FROM discrepancy WHERE state = 'open'")), ledger.FEE_INCOME)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (camt(5, closing=6), "control_total"),
        (camt(5).replace(b"VND", b"USD"), "amount"),
        (camt(5).replace(b">5<", b">5.5<"), "amount"),
        (camt(5).replace(b">5<", b">1E+30<"), "amount"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + camt(5), "document_type"),
        (camt(5)[:-20], "not_xml"),
        (b"<Document/>", "incomplete"),
        (b"\xff" + camt(5), "not_utf8"),
    ],
    ids=["control_total", "currency", "half a dong", "huge", "document type", "cut", "empty", "not utf8"],
)
def test_42_a_message_that_does_not_add_up_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(StatementRefused) as refused:
        read_message(raw)

    assert refused.value.members["reason"] == reason


@pytest.mark.parametrize(
    ("cell", "amount"), [("1.234.567", 1_234_567), ("1,234,567", 1_234_567), (" 1234567 ", 1_234_567), ("-5", -5)]
)
def test_41_an_amount_is_read_exactly(cell: str, amount: int) -> None:
    assert read_amount(cell) == amount


@pytest.mark.parametrize("cell", ["1.23E+06", "=HYPERLINK(1)", "9223372036854775808", "1234,5", "١٢٣", "", "1.2345"])
def test_41_or_refused_with_its_line(cell: str) -> None:
    heading = "reference;booked_on;amount_vnd;purpose"
    raw = "\n".join(["opening_vnd;0", "closing_vnd;0", heading, f"FT1;2026-11-25;{cell};x"])

    with pytest.raises(StatementRefused) as refused:
        read_statement(raw.encode())

    assert refused.value.members == {"reason": "line", "line": 4}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (statement(("FT1", 5, "x"), off_by=1), "control_total"),
        (b"\xff\xfe", "not_utf8"),
        (statement(("FT1", 5, "x\0")), "not_text"),
        (statement(("FT1", 5, "x" * 200_000)), "not_csv"),
        (b"opening_vnd;0", "incomplete"),
        (b"opening_vnd;0\nclosing_vnd;0\nref;day;sum;what", "heading"),
    ],
    ids=["control_total", "not_utf8", "nul", "endless", "incomplete", "heading"],
)
def test_half_a_statement_is_none(raw: bytes, reason: str) -> None:
    with pytest.raises(StatementRefused) as refused:
        read_statement(raw)

    assert refused.value.members["reason"] == reason
