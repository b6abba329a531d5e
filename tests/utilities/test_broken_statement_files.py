"""Statements that are broken, by mistake or on purpose: read exactly, refused by line, or refused whole; never half."""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from datetime import date, datetime

import openpyxl
import orjson
import pytest
from openpyxl.worksheet.formula import ArrayFormula

from kit import clock
from services.utilities import statement_file
from services.utilities.errors import StatementUnreadable
from services.utilities.statement_file import STANDARD, Layout
from tests.factories import POWER
from tests.payments.stories import rows
from tests.people import Machine, Work
from tests.utilities.bulk import Paid, company, write

HEADING = ["bill_no", "amount_vnd", "receipt_no"]
MEDIA = {
    "csv": "text/csv",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def sheet(*lines: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for line in (HEADING, *lines):
        book.active.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def packed(parts: dict[str, str], good: bytes | None = None) -> bytes:
    """A good workbook with some of its parts taken away for others, and a table of texts if it is given one."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good or sheet(["B-1", 5, None]))) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name not in parts}
    texts = "".join(
        f'<Override PartName="/{name}" ContentType="{_KIND}.sharedStrings+xml"/>' for name in parts if name == TEXTS
    )
    kept["[Content_Types].xml"] = kept["[Content_Types].xml"].replace(b"</Types>", f"{texts}</Types>".encode())
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**kept, **parts}.items():
            archive.writestr(name, part)
    return out.getvalue()


def sheet_of(*lines: str, dimension: str = "") -> bytes:
    """A workbook whose sheet is written as it is given: row by row, in XML."""
    heading = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in HEADING)
    data = f'<sheetData><row r="1">{heading}</row>{"".join(lines)}</sheetData>'
    return packed({SHEET: f"{_XML}<worksheet {_MAIN}>{dimension}{data}</worksheet>"})


def row(number: int, key: str, amount: str = "5") -> str:
    return f'<row r="{number}"><c t="inlineStr"><is><t>{key}</t></is></c><c><v>{amount}</v></c></row>'


def as_cell(written: str) -> str:
    doubled = written.replace('"', '""')
    return f'"{doubled}"'


def swollen(name: str, unpacked: int) -> bytes:
    """A workbook that says of one of its parts that it is so large."""
    raw = bytearray(sheet(["B-1", 5, None]))
    place = raw.index(b"PK\x01\x02")
    while raw[place + 46 : place + 46 + len(name)] != name.encode():
        place = raw.index(b"PK\x01\x02", place + 1)
    raw[place + 24 : place + 28] = struct.pack("<I", unpacked)
    return bytes(raw)


def told(kind: str, raw: bytes, layout: Layout = STANDARD) -> tuple[list[tuple[str, int]], list[tuple[int, str]]]:
    """What is taken of a file, and what is refused with its line."""
    read = statement_file.read(kind, raw, layout)
    return [(each.key, each.amount_vnd) for each in read.rows], [(each["line"], each["code"]) for each in read.errors]


def reason(kind: str, raw: bytes) -> str:
    with pytest.raises(StatementUnreadable) as refused:
        statement_file.read(kind, raw, STANDARD)
    return str(refused.value.members["reason"])


def test_what_a_spreadsheet_has_made_of_numbers_is_refused_by_line_in_every_format() -> None:
    written = ["1.234.567", " 1,234,567 ", "1.23E+06", "=1+1", '=HYPERLINK("http://127.0.0.1/")', str(2**63), "1.234,5"]
    table = [(f"B-{number}", amount) for number, amount in enumerate(written)]
    files = {
        "csv": "bill_no;amount_vnd;receipt_no\n" + "".join(f"{key};{as_cell(vnd)};\n" for key, vnd in table),
        "json": orjson.dumps([{"bill_no": key, "amount_vnd": amount} for key, amount in table]).decode(),
    }
    sent = {kind: raw.encode() for kind, raw in files.items()} | {"xlsx": sheet(*(list(line) for line in table))}

    read = {kind: told(kind, raw) for kind, raw in sent.items()}

    for kind, (taken, refused) in read.items():
        first = 1 if kind == "json" else 2
        assert taken == [("B-0", 1_234_567), ("B-1", 1_234_567)], kind
        assert refused == [(number + first, "not_an_amount") for number in range(2, 7)], kind


def test_a_number_of_json_that_is_no_whole_sum_is_refused_and_its_neighbours_are_taken() -> None:
    numbers = ["5", "7.00", "-3", str(2**63), "1.23E+06", "0.5", "NaN", "9" * 5_000, "true", "null", "[5]", '{"a": 5}']
    lines = ", ".join(f'{{"bill_no": "B-{place}", "amount_vnd": {number}}}' for place, number in enumerate(numbers))
    twice = '{"bill_no": "B-1", "bill_no": "B-2", "amount_vnd": 5}'

    taken, refused = told("json", f'{{"items": [{lines}, {twice}, 5]}}'.encode())

    assert taken == [("B-0", 5), ("B-1", 7), ("B-2", -3)]
    assert refused == [(line, "not_an_amount") for line in range(4, len(numbers) + 3)]


def test_what_is_no_text_is_never_taken_for_the_number_of_a_bill() -> None:
    json = orjson.dumps(
        [{"bill_no": key, "amount_vnd": 5} for key in (["B-1"], {"a": 1}, True, 7, "B\0", "B\n1", "x" * 61)]
    )
    array = ArrayFormula("A1:A2", "=B1:B2")
    excel = sheet([date(2026, 11, 18), 5, None], [array, 5, None], [1.5, 5, None], ["=A1", 5, None])

    read = [told("json", json), told("xlsx", excel)]

    wrong = ["not_text", "not_text", "not_text", "number_for_text", "not_text", "not_text", "too_long"]
    assert read == [
        ([], list(enumerate(wrong, 1))),
        ([], list(enumerate(["not_text", "not_text", "number_for_text", "formula"], 2))),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1258", "latin-1"])
def test_a_file_in_another_encoding_is_refused_whole(encoding: str) -> None:
    text = "bill_no;amount_vnd;receipt_no\nB-1;5;Giá á\n"

    assert reason("csv", text.encode(encoding)) in {"not_utf8", "not_text"}


def test_headings_are_known_however_their_marks_were_written() -> None:
    apart = unicodedata.normalize("NFD", "Số hóa đơn;Số tiền\nB-1;5\n").encode()
    layout = Layout.from_json({"key": "Số hóa đơn", "amount": "Số tiền"})
    json = '[{"Số hóa đơn": "B-1", "Số tiền": 5}]'.encode()

    assert told("csv", apart, layout) == told("json", json, layout) == ([("B-1", 5)], [])


def test_a_quote_that_is_never_closed_swallows_no_line() -> None:
    open_quote = b'bill_no;amount_vnd;receipt_no;note\nB-1;5;R-1;"abc\nB-2;6;R-2;x\n'

    assert reason("csv", open_quote) == "csv"


def test_swapped_columns_are_refused_by_line_in_every_format() -> None:
    swapped = [("5000", "B-1"), ("6000", "B-2")]
    csv = "bill_no;amount_vnd;receipt_no\n" + "".join(f"{key};{amount};\n" for key, amount in swapped)
    json = orjson.dumps([{"bill_no": key, "amount_vnd": amount} for key, amount in swapped])

    read = [told("csv", csv.encode()), told("xlsx", sheet(*map(list, swapped))), told("json", json)]

    assert [(taken, {code for _line, code in refused}) for taken, refused in read] == [([], {"not_an_amount"})] * 3


@pytest.mark.parametrize("part", [SHEET, TEXTS, "xl/styles.xml", "xl/workbook.xml"])
def test_entities_in_the_xml_of_a_workbook_are_never_expanded(part: str, tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("B-SECRET")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 9}">' for n in range(1, 12))
    kinds = {"l11": f'<!ENTITY l0 "ha">{laughs}', "out": f'<!ENTITY out SYSTEM "file://{secret}">'}

    for name, entities in kinds.items():
        with zipfile.ZipFile(io.BytesIO(sheet_of(row(2, f"&{name};")))) as archive:
            body = archive.read(SHEET).decode().removeprefix(_XML) if part == SHEET else f"<x>&{name};</x>"
        assert reason("xlsx", packed({part: f"{_XML}<!DOCTYPE x [{entities}]>{body}"})) == "xlsx"


def test_a_bomb_in_an_archive_is_refused_before_it_is_unpacked() -> None:
    # What an archive says of a part is where its reading ends: one that says too little is no workbook.
    liar = swollen(SHEET, 10)

    assert reason("xlsx", swollen(SHEET, 2_000_000_000)) == "too_large"
    assert reason("xlsx", swollen("xl/styles.xml", 100_000_000)) == "too_large"
    assert reason("xlsx", liar) == "xlsx"
    assert reason("xlsx", b"PK\x03\x04 no archive") == "xlsx"


def test_a_workbook_that_points_at_others_opens_none_of_them() -> None:
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    links = {
        "xl/externalLinks/externalLink1.xml": f'{_XML}<externalLink {_MAIN} xmlns:r="{relation}">'
        '<externalBook r:id="rId1"/></externalLink>',
        "xl/externalLinks/_rels/externalLink1.xml.rels": f'{_XML}<Relationships xmlns="{package}"><Relationship '
        f'Id="rId1" Type="{relation}/externalLinkPath" Target="http://127.0.0.1:1/book.xlsx" TargetMode="External"/>'
        "</Relationships>",
    }
    good = sheet(
        ["B-1", "='[1]Sheet1'!$A$1", None], ["='http://127.0.0.1:1/[book.xlsx]S'!A1", 5, None], ["B-3", 7, None]
    )

    assert told("xlsx", packed(links, good)) == ([("B-3", 7)], [(2, "not_an_amount"), (3, "formula")])


def test_a_million_empty_rows_are_no_lines_and_the_line_below_them_is_read() -> None:
    assert told("xlsx", sheet_of(row(2, "B-1"), row(1_000_000, "B-2"))) == ([("B-1", 5), ("B-2", 5)], [])
    assert told("csv", b"bill_no;amount_vnd;receipt_no\n" + b";;\n" * 100_000 + b"B-1;5;\n ; ;\n") == ([("B-1", 5)], [])


def test_rows_that_no_spreadsheet_has_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_file, "_MOST_ROWS", 10_000)

    assert reason("xlsx", sheet_of(row(2, "B-1"), row(2_000_000_000, "B-2"))) == "too_many_lines"


def test_a_cell_far_to_the_right_costs_nothing() -> None:
    far = '<row r="3"><c r="XFD3"><v>5</v></c></row>'

    assert told("xlsx", sheet_of(row(2, "B-1"), far)) == ([("B-1", 5)], [])


def test_a_sheet_that_says_it_is_smaller_than_it_is_loses_no_line() -> None:
    small = sheet_of(row(2, "B-1"), row(3, "B-2"), dimension='<dimension ref="A1:B2"/>')

    assert told("xlsx", small) == ([("B-1", 5), ("B-2", 5)], [])


def test_more_lines_than_are_taken_are_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_file, "_MOST_LINES", 3)
    lines = [f"B-{number};{'5' if number else 'x'};\n" for number in range(4)]

    assert reason("csv", ("bill_no;amount_vnd;receipt_no\n" + "".join(lines)).encode()) == "too_many_lines"
    assert len(statement_file.read("csv", ("bill_no;amount_vnd;receipt_no\n" + "".join(lines[:3])).encode(), STANDARD)
               .rows) == 2  # fmt: skip


def test_a_broken_file_posts_nothing_and_one_with_bad_lines_posts_the_others(
    clean: None, machine: Callable[..., Machine], work: Work
) -> None:
    provider, customer = company(POWER)
    noon = datetime(2026, 11, 18, 12, tzinfo=clock.ZONE)
    write(provider, customer, [Paid("B-1", 500_000, noon), Paid("B-2", 600_000, noon)])
    desk = machine(provider.id, "settlement:write", "payments:read")
    good = "bill_no;amount_vnd;receipt_no\nB-1;500.000;R-1\n"
    broken = {
        "csv": [good.encode("utf-16"), (good + 'B-2;"600.000;R-2').encode()],
        "json": [b'{"items": [{"bill_no": "B-1", "amount_vnd": 500000}', b'{"rows": []}'],
        "xlsx": [swollen(SHEET, 2_000_000_000), sheet_of(row(2, "B-1", "500000"), "<row>")],
    }

    def send(kind: str, raw: bytes):
        path = "/v1/utilities/provider-statements?business_day=2026-11-18"
        return desk.post(path, data=raw, headers={"Content-Type": MEDIA[kind]})

    refused = [send(kind, raw).status_code for kind, files in broken.items() for raw in files]
    left = rows("SELECT (SELECT count(*) FROM statement) AS files, (SELECT count(*) FROM statement_row) AS lines")
    assert work() == []
    taken = send("csv", (good + "B-2;6.0E+05;R-2\n").encode())
    assert work() == []

    assert (refused, [tuple(each) for each in left]) == ([422] * 6, [(0, 0)])
    assert (taken.json["accepted"], taken.json["errors"]) == (
        1,
        [{"line": 3, "code": "not_an_amount", "field": "amount_vnd"}],
    )
    assert [tuple(each) for each in rows("SELECT kind, state FROM discrepancy ORDER BY kind")] == [
        ("FILE_REJECTED", "auto_closed"),
        ("MISSING_AT_PROVIDER", "open"),
    ]
    assert rows("SELECT matched FROM match_run") == [(1,)]
