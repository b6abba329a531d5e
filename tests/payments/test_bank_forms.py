"""Banks' own CSV by forms that are data: read exactly or refused by line, and no line of it is lost."""

from __future__ import annotations

import json
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from kit.database import new_id, transaction
from payments import ledger, operations
from payments.bank_file import Statement, read_by_layout, read_statement
from payments.bank_layout import BankLayout
from payments.cli import commands
from payments.errors import BankFormUnusable, StatementRefused
from tests.payments.stories import rows

FORMS = json.loads((Path(__file__).parents[2] / "sample" / "banks.json").read_text("utf-8"))
VCB = """NGÂN HÀNG TMCP NGOẠI THƯƠNG VIỆT NAM,,,,,
Số dư đầu kỳ:,"1,000,000",,,,
,,,,,
STT,Ngày giao dịch,Số tham chiếu,Số tiền ghi nợ,Số tiền ghi có,Mô tả
1,20/11/2026,5092.1,,"500,000",Thu hộ tiền điện
2,20/11/2026,5092.2,"120,000.00",,Chuyển tiền RM1
3,2026-11-21,5092.3,0,7 VND,"Lãi, tháng 11"
Tổng số,,,"120,000","500,007",
Số dư cuối kỳ:,"1,380,007",,,,
"""
BIDV = """SAO KÊ TÀI KHOẢN;
Số sao kê;BIDV-20261120;Lần lập: 2
Chủ tài khoản;Ủy ban nhân dân tỉnh
Số dư đầu;0
STT;Ngày;Số CT;Nợ/Có;Số tiền;Diễn giải;Đối tác
1;20-11-2026 08:15:00;000123;Có;1.234.567;Đồng bộ phí;Nguyễn
2;20-11-2026;000124;D;34.567;Phí dịch vụ;
Số dư cuối;1.200.000
"""
VIETIN = """Tổng ghi nợ\t5\tTổng ghi có\t1,000
Ngày hạch toán\tPhát sinh\tNội dung\tĐối tác
20/11/2026 01:02:03\t+1,000\tCK den FT26324001.po_1\tSTRIPE
20/11/2026 01:02:04\t-5\tPhi ft26324002\t
"""


def cp1258(text: str) -> bytes:
    """As the code page wants it: hats stay on their letters, tones stand behind them."""
    out = []
    for char in text:
        base, *marks = list(unicodedata.normalize("NFD", char))
        tones = [mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323"]
        hats = [mark for mark in marks if mark not in tones]
        out.append(unicodedata.normalize("NFC", "".join([base, *hats])) + "".join(tones))
    return "".join(out).encode("windows-1258")


def read(code: str, raw: bytes) -> Statement:
    return read_by_layout(raw, code, BankLayout.from_json(FORMS[code]))


def told(statement: Statement) -> list[tuple[str, int]]:
    return [(line.reference, line.amount_vnd) for line in statement.lines]


def test_each_sample_form_reads_its_banks_file_to_the_dong() -> None:
    vcb = read("vietcombank", b"\xef\xbb\xbf" + VCB.encode())
    bidv = read("bidv", cp1258(BIDV))
    vietin = read("vietinbank", VIETIN.encode("utf-16"))

    assert told(vcb) == [("5092.1", 500_000), ("5092.2", -120_000), ("5092.3", 7)]
    assert (vcb.opening_vnd, vcb.closing_vnd, vcb.lines[2].booked_on) == (1_000_000, 1_380_007, date(2026, 11, 21))
    assert told(bidv) == [("000123", 1_234_567), ("000124", -34_567)]
    assert (bidv.name, bidv.revision, bidv.lines[0].purpose) == ("BIDV-20261120", 2, "Đồng bộ phí Nguyễn")
    assert told(vietin) == [("FT26324001", 1_000), ("ft26324002", -5)]
    assert (vietin.opening_vnd, vietin.closing_vnd, vietin.missing_vnd) == (0, 995, 0)


def test_a_cell_is_read_exactly_or_its_line_is_refused_and_the_others_are_kept() -> None:
    cells = {
        '"1.23E+06"': "amount", "=SUM(A1)": "amount", "9223372036854775808": "amount", "1.000": "amount",
        "999999999999999": "amount",
        '"1,2345"': "amount", "١٢٣": "amount", '"1,000.50"': "amount", "": "both_sides", "0": "both_sides",
        "-7": "both_sides", "5,extra": None,
    }  # fmt: skip
    lines = [f"{n},20/11/2026,R{n},,{cell},x" for n, cell in enumerate(cells)]
    lines += [
        "98,31/02/2026,R98,,5,x",
        "95,46346,R95,,5,x",
        "99,20/11/2026,,,5,x",
        "97,20/11/2026,=R,,5,x",
        "96,20/11/2026,5092.1,,5,x",
    ]
    raw = VCB.replace("Tổng số", "\n".join([*lines, "Tổng số"]))

    statement = read("vietcombank", raw.encode())

    codes = [error.code for error in statement.errors]
    assert codes == [code for code in cells.values() if code] + [
        "date",
        "date",
        "reference",
        "reference",
        "reference_twice",
    ]
    assert [error.line for error in statement.errors] == [*range(8, 19), *range(20, 25)]
    assert told(statement)[:3] == [("5092.1", 500_000), ("5092.2", -120_000), ("5092.3", 7)]
    assert statement.missing_vnd == -5


def test_a_file_that_is_not_of_the_form_is_refused_whole() -> None:
    swapped = VCB.replace("Số tham chiếu,Số tiền ghi nợ", "Số tiền ghi nợ,Số tham chiếu")
    cases = [
        ("vietcombank", VCB.replace("Mô tả", "Nội dung").encode(), "heading"),
        ("vietcombank", VCB.replace("1,380,007", "1,380,008").encode(), "control_total"),
        ("vietcombank", VCB.replace("Số dư cuối kỳ", "Cuối").encode(), "closing"),
        ("vietcombank", cp1258(VCB), "not_utf8"),
        ("vietcombank", swapped.encode(), "line"),
        ("bidv", BIDV.encode("utf-16"), "not_text"),
        ("bidv", cp1258(BIDV.replace("BIDV-20261120", "?")), "statement"),
        ("vietinbank", VIETIN.encode(), "heading"),
        ("bidv", cp1258(BIDV) + b"\x8a", "encoding"),
        ("vietcombank", b"x" * 10_000_001, "too_large"),
        ("vietcombank", (VCB + "\n".join("," for _ in range(20_001))).encode(), "too_many_lines"),
        ("vietcombank", VCB.encode() + b'\n"' + b"x" * 200_000, "not_csv"),
    ]

    for number, (code, raw, reason) in enumerate(cases):
        with pytest.raises(StatementRefused) as refused:
            read(code, raw)
        assert refused.value.members["reason"] == reason, number


def test_a_form_that_no_file_could_be_read_by_is_refused_with_its_part(clean: None) -> None:
    good = FORMS["vietcombank"]
    parts = {
        "colour": good | {"colour": "blue"},
        "columns": good | {"columns": {"booked_on": "A", "purpose": "B", "reference": "C"}},
        "columns: each": good | {"columns": good["columns"] | {"debit": "Mô tả 2", "credit": "mo ta 2"}},
        "columns: all by": good | {"columns": good["columns"] | {"debit": 3}},
        "dates": good | {"dates": ["%d/%m"]},
        "dates: twice": good | {"dates": ["%d/%m/%Y %d"]},
        "encoding": good | {"encoding": "rot13"},
        "amount": good | {"amount": {"thousands": ",", "decimal": ","}},
        "totals": good | {"totals": {"opening": "A"}},
        "reference": good | {"reference": {"starts_with": "FT"}},
        "direction": good | {"direction": {"debit": ["D"], "credit": ["C"]}},
        "skip": good | {"skip": True},
        "bank": good | {"bank": ""},
    }

    for part, body in parts.items():
        with pytest.raises(BankFormUnusable) as refused, transaction() as session:
            operations.put_form(session, "x", body, person_id=None)
        assert part.partition(":")[0] in refused.value.members["reason"], part


def take_in(raw: bytes, code: str = "vietcombank") -> object:
    with transaction() as session:
        return operations.take_in_statement(session, read(code, raw))


def balances(*accounts: str) -> list[int]:
    with transaction() as session:
        return [ledger.balance(session, account) for account in accounts]


def settle_all() -> None:
    with transaction() as session:
        for found in rows("SELECT id FROM discrepancy WHERE state = 'open'"):
            operations.propose(session, found.id, new_id(), account=ledger.FEE_INCOME, explanation="Đã xem")
            operations.approve(session, found.id, new_id())


def test_a_line_that_cannot_be_read_is_a_difference_until_a_file_tells_it(clean: None) -> None:
    spoiled = VCB.replace("7 VND", "7.5E0")

    take_in(spoiled.encode())
    first = rows("SELECT read, accepted, known, refused, errors FROM bank_statement")
    open_ones = rows("SELECT kind, amount_vnd, details FROM discrepancy WHERE kind = 'ROW_REJECTED'")
    take_in(VCB.encode())

    assert [tuple(row) for row in first] == [(3, 2, 0, 1, [{"line": 7, "code": "amount", "field": "credit"}])]
    assert [(row.amount_vnd, row.details["lines"]) for row in open_ones] == [(7, [7])]
    assert rows("SELECT state FROM discrepancy WHERE kind = 'ROW_REJECTED'") == [("auto_closed",)]
    assert rows("SELECT known, refused FROM bank_statement ORDER BY id DESC LIMIT 1") == [(2, 0)]
    assert balances("1210") == [380_007]
    settle_all()


def test_what_two_people_booked_for_a_line_is_asked_about_again_when_the_line_comes(clean: None) -> None:
    take_in(VCB.replace("7 VND", "7.5E0").encode())
    settle_all()
    assert balances("1210") == [380_007]

    take_in(VCB.encode())

    assert [tuple(row) for row in rows("SELECT kind, amount_vnd FROM discrepancy WHERE state = 'open' ORDER BY 1")] == [
        ("BANK_UNIDENTIFIED", 7),
        ("ROW_REJECTED", -7),
    ]
    settle_all()
    assert balances("1210") == [380_007]


def test_a_known_line_of_another_sum_is_refused_by_its_number(clean: None) -> None:
    take_in(VCB.encode())

    take_in(VCB.replace('"500,000"', '"600,000"').replace("1,380,007", "1,480,007").encode())

    (last,) = rows("SELECT known, refused, errors FROM bank_statement ORDER BY id DESC LIMIT 1")
    assert (last.known, last.refused, last.errors[0]["code"]) == (2, 1, "known_otherwise")
    assert rows("SELECT amount_vnd FROM discrepancy WHERE kind = 'ROW_REJECTED'") == [(100_000,)]
    assert balances("1210") == [380_007]
    settle_all()


def test_every_file_of_the_bank_is_a_run_that_counts_its_lines(clean: None) -> None:
    take_in(VCB.encode())

    (run,) = rows("SELECT * FROM match_run")

    assert (run.way, run.first_day, run.last_day) == ("bank", date(2026, 11, 20), date(2026, 11, 21))
    assert (run.theirs, run.matched, run.theirs_open, run.opened, run.ours) == (3, 0, 3, 3, 0)
    assert rows("SELECT run_id FROM bank_statement") == [(run.id,)]
    settle_all()


def test_our_own_csv_names_its_bad_lines_too() -> None:
    lines = ["FT1;2026-11-25;5;x", "FT2;25/11/2026;5;x", "FT3;2026-11-25;5", "FT1;2026-11-25;5;x", ";2026-11-25;5;x"]
    raw = "\n".join(["opening_vnd;0", "closing_vnd;20", "reference;booked_on;amount_vnd;purpose", *lines])

    statement = read_statement(raw.encode())

    assert told(statement) == [("FT1", 5)]
    assert [(error.line, error.code) for error in statement.errors] == [
        (5, "date"), (6, "columns"), (7, "reference_twice"), (8, "reference"),
    ]  # fmt: skip
    assert statement.missing_vnd == 15


def test_the_terminal_takes_forms_and_files_and_names_what_it_refuses(clean: None, tmp_path: Path) -> None:
    forms, good = tmp_path / "banks.json", tmp_path / "vcb.csv"
    forms.write_text(json.dumps(FORMS), "utf-8")
    good.write_text(VCB.replace("7 VND", "7.5E0"), "utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(commands, list(arguments))
        return result.exit_code, result.output

    assert run("define-banks", str(forms)) == (0, "3 forms\n")
    code, output = run("import-bank", str(good), "--form", "vietcombank")
    assert (code, "line 7: amount (credit)" in output, "3 lines, 1 refused" in output) == (0, True, True)
    assert run("import-bank", str(good), "--form", "vietcombank") == (0, "vcb.csv: known\n")
    assert run("import-bank", str(good), "--form", "nobody")[0] == 2
    assert run("import-bank", str(good))[0] == 1
    assert [tuple(row) for row in rows("SELECT kind FROM discrepancy WHERE kind = 'FILE_REJECTED'")] == [
        ("FILE_REJECTED",)
    ]
    settle_all()
