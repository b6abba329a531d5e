"""Files of tables as offices send and want them: CSV and XLSX, read line by line and written safe to open."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import openpyxl

from kit.text import clean

CSV, XLSX = "csv", "xlsx"
LARGEST_BYTES = 8_000_000
_LARGEST_UNPACKED = 100_000_000
_LONGEST_CELL = 2_000
_MOST_COLUMNS = 200
_MOST_BLANK = 20_000
# What a spreadsheet would take for a formula; an apostrophe in front makes it text, and is taken off again on reading.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = b"\xef\xbb\xbf"


class TableRefused(ValueError):
    """The file as a whole can't be read; `reason` is a slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(content: bytes, kind: str, needed: Sequence[str], most: int) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines below the heading, each with its number in the file and its cells by heading; empty lines are skipped.

    Cells are NFC text without spaces around; dates of a spreadsheet come as YYYY-MM-DD, whole numbers without ".0".
    Raises TableRefused, also for more than `most` lines.
    """
    rows = _rows_of_csv(content) if kind == CSV else _rows_of_xlsx(content)
    _, first = next(rows, (0, []))
    heading = [_cell(name).lower() for name in first[:_MOST_COLUMNS]]
    while heading and not heading[-1]:
        heading.pop()
    if missing := [name for name in needed if name not in heading]:
        raise TableRefused(f"missing_column_{missing[0]}")
    if len(set(heading)) != len(heading):
        raise TableRefused("duplicate_column")
    count = blank = 0
    for number, cells in rows:
        texts = [_cell(cell) for cell in cells[: len(heading)]]
        if any(texts):
            count += 1
        else:
            blank += 1
        # A sheet of some kilobytes may claim a million empty lines.
        if count > most or blank > _MOST_BLANK:
            raise TableRefused("too_many_lines")
        if not any(texts):
            continue
        yield number, dict(zip(heading, texts + [""] * len(heading), strict=False))


def write_csv(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """UTF-8 with BOM, so that spreadsheets see the diacritics; quotes are safe, and nothing becomes a formula."""
    yield _BOM
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=",", quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    for row in (heading, *rows) if isinstance(rows, list | tuple) else _with_heading(heading, rows):
        writer.writerow([_safe(value) for value in row])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def write_xlsx(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """One sheet of text cells: codes keep their zeros, and nothing becomes a formula."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("schools")
    for row in _with_heading(heading, rows):
        sheet.append([_safe(value) for value in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _with_heading(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield heading
    yield from rows


def _rows_of_csv(content: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        text = content.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise TableRefused("not_utf_8") from exc
    if "\0" in text:
        raise TableRefused("not_text")
    first = text.split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True
    )
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as exc:
            raise TableRefused(f"broken_line_{reader.line_num}") from exc
        if cells is None:
            return
        yield line, cells
        # A quoted cell may span lines: the next record begins where this one ended.
        line = reader.line_num + 1


def _rows_of_xlsx(content: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    # A damaged workbook makes zipfile, zlib, the XML parser or openpyxl stumble, each over an error of its own kind.
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
    except Exception as exc:
        raise TableRefused("not_a_workbook") from exc
    if unpacked > _LARGEST_UNPACKED:
        raise TableRefused("too_large")
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        yield from enumerate(book.worksheets[0].iter_rows(values_only=True), start=1)
    except Exception as exc:
        raise TableRefused("not_a_workbook") from exc


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = clean(str(value).strip())[:_LONGEST_CELL]
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA else text


def _safe(value: Any) -> str:  # noqa: ANN401 - whatever a row holds
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
