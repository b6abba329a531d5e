"""camt.053 and camt.054: every movement once and exactly, or the whole message refused with the entry that is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit import clock
from kit.database import transaction
from payments import ledger, operations
from payments.bank_message import is_message, read_message
from payments.errors import StatementRefused
from payments.models import JournalKind, Payout, PayoutState
from tests.payments.stories import rows

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def detail(amount: int, said: str = "") -> str:
    return (
        f"<TxDtls><Refs><EndToEndId>{said}</EndToEndId></Refs><Amt Ccy='VND'>{amount}</Amt>"
        f"<RmtInf><Ustrd>tien ve</Ustrd><Ustrd>{said}</Ustrd></RmtInf></TxDtls>"
    )


def entry(reference: str, amount: str, *details: str, way: str = "CRDT", status: str = "BOOK", currency: str = "VND"):
    told = f"<NtryDtls>{''.join(details)}</NtryDtls>" if details else ""
    return (
        f"<Ntry><Amt Ccy='{currency}'>{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts>"
        f"<BookgDt><Dt>2026-11-18</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>{told}</Ntry>"
    )


def balance(code: str, amount: int) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='VND'>{amount}</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd></Bal>"
    )


def statement(*entries: str, opening: int = 0, closing: int = 0, summary: str = "", head: str = "") -> bytes:
    body = f"{balance('OPBD', opening)}{balance('CLBD', closing)}{summary}{''.join(entries)}"
    told = f"<BkToCstmrStmt><Stmt>{body}</Stmt></BkToCstmrStmt>"
    return f"<?xml version='1.0'?>{head}<Document xmlns='{NAMESPACE}'>{told}</Document>".encode()


def notification(*entries: str) -> bytes:
    told = f"<BkToCstmrDbtCdtNtfctn><Ntfctn>{''.join(entries)}</Ntfctn></BkToCstmrDbtCdtNtfctn>"
    return f"<Document xmlns='{NAMESPACE}'>{told}</Document>".encode()


def test_booked_movements_are_read_to_the_dong_and_announced_ones_are_not_money() -> None:
    raw = statement(
        entry("FT1", "500000.00", detail(500_000, "po_1")),
        entry("FT2", "120000", way="DBIT"),
        entry("FT3", "99", status="PDNG"),
        opening=1_000,
        closing=381_000,
    )

    read = read_message(raw)

    assert is_message(raw)
    assert not is_message(b"opening_vnd;0")
    assert [(line.reference, line.amount_vnd) for line in read.lines] == [("FT1", 500_000), ("FT2", -120_000)]
    assert "po_1" in read.lines[0].purpose
    assert (read.opening_vnd, read.closing_vnd) == (1_000, 381_000)


def test_an_entry_of_300_details_is_300_lines_and_its_sum_must_be_true() -> None:
    details = [detail(1_000 + n, f"po_{n}") for n in range(300)]
    total = sum(1_000 + n for n in range(300))

    read = read_message(statement(entry("FT1", str(total), *details), closing=total))
    with pytest.raises(StatementRefused) as refused:
        read_message(statement(entry("FT1", str(total + 1), *details), closing=total + 1))

    assert (len(read.lines), sum(line.amount_vnd for line in read.lines)) == (300, total)
    assert len({line.reference for line in read.lines}) == 300
    assert refused.value.members == {"reason": "details", "line": 1}


def test_a_message_that_is_not_true_in_itself_is_refused_whole() -> None:
    bomb = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
    file = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
    one = entry("FT1", "5")
    count = "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries></TxsSummry>"
    total = "<TxsSummry><TtlNtries><Sum>6</Sum></TtlNtries></TxsSummry>"
    cases = [
        (statement(one, closing=6), "control_total"),
        (statement(one, one, closing=10), "reference_twice"),
        (statement(one, closing=5, summary=count), "declared_count"),
        (statement(one, closing=5, summary=total), "declared_sum"),
        (statement(one, closing=5, head=bomb), "document_type"),
        (statement(one, closing=5, head=file), "document_type"),
        (statement(one, closing=5)[:-20], "not_xml"),
        (statement(entry("FT1", "5.50"), closing=5), "amount"),
        (statement(entry("FT1", "1.23E+06"), closing=5), "amount"),
        (statement(entry("FT1", "9223372036854775808"), closing=5), "amount"),
        (statement(entry("FT1", "5", currency="USD"), closing=5), "amount"),
        (statement(entry("FT1", "5", way="BOTH"), closing=5), "direction"),
        (statement(entry("", "5"), closing=5), "reference"),
        (b"<Document><Other/></Document>", "incomplete"),
        (b"<html>", "not_xml"),
    ]

    for number, (raw, reason) in enumerate(cases):
        with pytest.raises(StatementRefused) as refused:
            read_message(raw)
        assert refused.value.members["reason"] == reason, number


def test_a_payout_told_in_the_middle_of_the_day_and_at_its_end_is_booked_once() -> None:
    with transaction() as session:
        for name, amount in (("po_1", 300_000), ("po_2", 200_000)):
            session.add(
                Payout(
                    id=name,
                    amount_vnd=amount,
                    state=PayoutState.PAID,
                    trace_id=None,
                    arrives_on=clock.today(),
                    listed=True,
                )
            )
        ledger.book(
            session, JournalKind.PAYOUT, "payouts", ledger.move(ledger.IN_TRANSIT, ledger.GATEWAY_AVAILABLE, 500_000)
        )
    both = (detail(300_000, "po_1"), detail(200_000, "po_2"))
    parts, whole = entry("FT1", "500000", *both), entry("FT1", "500000")

    for raw in (notification(parts), statement(whole, closing=500_000), statement(parts, closing=500_000)):
        with transaction() as session:
            operations.take_in_statement(session, read_message(raw))

    with transaction() as session:
        assert ledger.balance(session, ledger.BANK) == 500_000
        assert ledger.balance(session, ledger.IN_TRANSIT) == 0
    assert rows("SELECT count(*) FROM payout WHERE bank_line_id IS NOT NULL") == [(2,)]
    assert rows("SELECT kind FROM discrepancy") == []


def test_a_payout_that_the_bank_never_shows_is_a_difference_until_it_comes() -> None:
    with transaction() as session:
        late = clock.today() - timedelta(days=9)
        session.add(
            Payout(id="po_1", amount_vnd=7_000, state=PayoutState.PAID, trace_id=None, arrives_on=late, listed=True)
        )
        ledger.book(
            session, JournalKind.PAYOUT, "po_1", ledger.move(ledger.IN_TRANSIT, ledger.GATEWAY_AVAILABLE, 7_000)
        )
        operations.find_missing_in_bank(session)
    missing = rows("SELECT kind, state, amount_vnd FROM discrepancy")

    with transaction() as session:
        arrived = statement(entry("FT1", "7000", detail(7_000, "po_1")), closing=7_000)
        operations.take_in_statement(session, read_message(arrived))
        operations.find_missing_in_bank(session)

    assert missing == [("PAYOUT_NOT_IN_BANK", "open", -7_000)]
    assert rows("SELECT state FROM discrepancy") == [("auto_closed",)]
