"""A remittance as a file: JSON, CSV or XLSX, the same bytes whenever and wherever it is written."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any
from xml.sax.saxutils import escape

JSON, CSV, XLSX = "json", "csv", "xlsx"
MEDIA = {
    JSON: "application/json",
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
COLUMNS = (
    "revision", "line", "kind", "bill_no", "payment_id", "receipt_no", "booked_at", "amount_vnd", "commission_vnd",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BOM = "\ufeff"
_PIECE = 65_536
# The clock of the machine must not stand in a file that is to be the same tomorrow.
NO_TIME = (1980, 1, 1, 0, 0, 0)
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    + "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for number in (1, 2)
    )
    + "</Types>",
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    + "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in (1, 2)
    )
    + "</Relationships>",
    "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="lines" sheetId="1" r:id="r1"/><sheet name="totals" sheetId="2" r:id="r2"/></sheets></workbook>',
}

Line = Mapping[str, Any]


def write(kind: str, head: Mapping[str, Any], lines: Iterable[Line]) -> Iterator[bytes]:
    """A file of a remittance in pieces: `head` says whose it is and what its sums are, `lines` have COLUMNS.

    The same head and lines give the same bytes.
    """
    return _WRITERS[kind](head, lines)


def digest(pieces: Iterable[bytes]) -> bytes:
    """The SHA-256 of a file."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
    return hashed.digest()


def _write_json(head: Mapping[str, Any], lines: Iterable[Line]) -> Iterator[bytes]:
    yield as_json(head)[:-1] + b',"lines":['
    for number, line in enumerate(lines):
        yield (b",\n" if number else b"\n") + as_json({name: line[name] for name in COLUMNS})
    yield b"\n]}\n"


def _write_csv(head: Mapping[str, Any], lines: Iterable[Line]) -> Iterator[bytes]:
    yield BOM.encode() + csv_row(COLUMNS)
    for line in lines:
        yield csv_row([line[name] for name in COLUMNS])
    # Below the lines, so that whoever reads the columns only reads them from the top.
    yield b"\r\n"
    for name, value in flat(head):
        yield csv_row([name, value])


def _write_xlsx(head: Mapping[str, Any], lines: Iterable[Line]) -> Iterator[bytes]:
    # The index of an archive stands at its end and its sums at its beginning: it is finished on disk, then sent.
    with tempfile.TemporaryFile() as content:
        _archive(content, head, lines)
        content.seek(0)
        while piece := content.read(_PIECE):
            yield piece


def _archive(content: IO[bytes], head: Mapping[str, Any], lines: Iterable[Line]) -> None:
    # Stored, not compressed: what a compressor makes of the same bytes differs from version to version.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, part in PARTS.items():
            _add(archive, name, [part])
        rows = (list(COLUMNS), *([line[name] for name in COLUMNS] for line in lines))
        _add(archive, "xl/worksheets/sheet1.xml", sheet(rows))
        _add(archive, "xl/worksheets/sheet2.xml", sheet([list(pair) for pair in flat(head)]))


_WRITERS: Mapping[str, Callable[[Mapping[str, Any], Iterable[Line]], Iterator[bytes]]] = {
    JSON: _write_json,
    CSV: _write_csv,
    XLSX: _write_xlsx,
}


def as_json(value: object) -> bytes:
    """JSON with its members in one order, and nothing between them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def flat(head: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The members of a mapping, those of mappings inside by dotted names, in one order."""
    for name, value in sorted(head.items()):
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def csv_row(cells: Iterable[object]) -> bytes:
    """One line of a CSV file; what a spreadsheet would take for a formula is text."""
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow([_harmless(cell) for cell in cells])
    return out.getvalue().encode()


def _harmless(cell: object) -> object:
    """Text that a spreadsheet would take for a formula says that it is text; a number is a number."""
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterable[str]) -> None:
    info = zipfile.ZipInfo(name, NO_TIME)
    info.create_system = 3
    with archive.open(info, "w") as part:
        part.write(b'<?xml version="1.0" encoding="UTF-8"?>')
        for piece in pieces:
            part.write(piece.encode())


def sheet(rows: Iterable[list[Any]]) -> Iterator[str]:
    """A sheet of a spreadsheet in pieces; texts in it are never formulas."""
    yield f'<worksheet xmlns="{_SHEET}"><sheetData>'
    for row in rows:
        yield "<row>" + "".join(_cell(value) for value in row) + "</row>"
    yield "</sheetData></worksheet>"


def _cell(value: object) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, int):
        return f"<c><v>{value}</v></c>"
    # An inline string is never a formula; one character that XML cannot hold would make the file unreadable.
    text = escape(_NOT_XML.sub("\ufffd", str(value)))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
