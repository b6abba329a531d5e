"""Tables that offices send: whatever a file holds, it is read or refused, and never breaks the reader."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections import Counter

import openpyxl
import pytest

from services.education import tables
from services.education.tables import CSV, XLSX, TableRefused

MOST = 10


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["id", "name"], [1, "Một"], [None, "Hai"]):
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def outcome(content: bytes) -> str:
    try:
        return f"{len(list(tables.read(content, XLSX, ['name'], MOST)))} lines"
    except TableRefused as refused:
        return refused.reason


def repacked(parts: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return written.getvalue()


@pytest.mark.filterwarnings("ignore::UserWarning")  # openpyxl's, of parts it leaves out
def test_a_damaged_workbook_is_refused_and_breaks_nothing():
    good, drawn, outcomes = workbook(), random.Random(7), Counter[str]()
    with zipfile.ZipFile(io.BytesIO(good)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}

    for _ in range(150):
        damaged = bytearray(good)
        for _ in range(drawn.randint(1, 6)):
            damaged[drawn.randrange(len(damaged))] = drawn.randrange(256)
        outcomes[outcome(bytes(damaged))] += 1
        name = drawn.choice(list(parts))
        inside = bytearray(parts[name])
        for _ in range(drawn.randint(1, 6)):
            inside[drawn.randrange(len(inside))] = drawn.choice(b'<>/"0a9 -')
        outcomes[outcome(repacked(parts | {name: bytes(inside)}))] += 1

    assert outcome(good) == "2 lines"
    assert outcomes["not_a_workbook"] > 100
    assert sum(outcomes.values()) == 300


def test_a_small_file_that_claims_a_great_sheet_is_refused():
    with zipfile.ZipFile(io.BytesIO(workbook())) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    far = re.sub(rb'(?<=[":B])3"', b'1048576"', parts[sheet])

    assert b'ref="A1:B1048576"' in far
    assert b'<row r="1048576"><c r="B1048576"' in far
    assert outcome(repacked(parts | {sheet: far})) == "too_many_lines"


def test_cells_right_of_the_heading_and_quotes_over_lines_are_read_as_spreadsheets_do():
    content = 'name;note\r\n"Một\r\nhai";\'=1;rest\r\n;;\r\nBa'.encode()

    lines = list(tables.read(content, CSV, ["name"], MOST))

    assert lines == [
        (2, {"name": "Một\r\nhai", "note": "=1"}),
        (5, {"name": "Ba", "note": ""}),
    ]
