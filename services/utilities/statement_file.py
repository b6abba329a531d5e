"""Statements as providers and their banks send them: CSV, XLSX or JSON, read by a layout, each cell exactly or not."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import openpyxl

from kit.errors import MalformedRequest
from kit.fields import MAX_VND
from kit.parsing import read_json
from kit.text import clean
from payments.operations import Row, ToldRows
from services.utilities.errors import StatementUnreadable

CSV, XLSX, JSON = "csv", "xlsx", "json"
LARGEST_BYTES = 64_000_000
_LARGEST_UNPACKED = 512_000_000
_MOST_LINES = 1_000_000
_LONGEST = {"key": 60, "receipt_no": 60, "customer_code": 20}
_PLAIN = re.compile(r"-?[0-9]{1,15}")
# Dots or commas between thousands, one kind only; spaces around a number are no part of it.
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3}){1,4}|-?[0-9]{1,3}(?:,[0-9]{3}){1,4}")
_FORMULA = ("=", "+", "@", "\t")


@dataclass(frozen=True)
class Layout:
    """Where a company's file has what: our names -> its headings. Kept as data, one for each company and way."""

    columns: Mapping[str, str]

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Layout:
        """A layout as it is stored. Raises ValueError for one without a key or an amount, or with unknown names."""
        columns = {str(ours): str(theirs).strip() for ours, theirs in body.items()}
        if not {"key", "amount"} <= columns.keys() <= {"amount", *_LONGEST}:
            raise ValueError("a layout names key and amount, and may name receipt_no and customer_code")
        if len(set(columns.values())) != len(columns) or not all(columns.values()):
            raise ValueError("each heading stands for one thing")
        return cls(columns)


STANDARD = Layout({"key": "bill_no", "amount": "amount_vnd", "receipt_no": "receipt_no"})
ADVICE = Layout({"key": "reference", "amount": "amount_vnd"})


class _Refused(Exception):
    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code, self.field = code, field


def read(kind: str, raw: bytes, layout: Layout) -> ToldRows:
    """Every line of a file: the good ones, and those refused with their number, code and column.

    Raises StatementUnreadable for a file that cannot be read as a whole: then nothing of it is kept.
    """
    rows, errors = [], []
    for number, cells in _READERS[kind](raw, layout):
        if number > _MOST_LINES + 1:
            raise StatementUnreadable(reason="too_many_lines")
        try:
            rows.append(_row(number, cells, layout))
        except _Refused as refused:
            errors.append({"line": number, "code": refused.code, "field": refused.field})
    return ToldRows(kind, hashlib.sha256(raw).hexdigest(), rows, errors)


def read_amount(cell: object) -> int:
    """Whole đồng, exactly: a number that is whole, or 1234567, 1.234.567 or 1,234,567 as text.

    Raises ValueError for anything else: 1.23E+06 as text, a fraction, a formula, more than MAX_VND.
    """
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, int) and not isinstance(cell, bool):
        amount = cell
    elif isinstance(cell, str) and _PLAIN.fullmatch(stripped := cell.strip()):
        amount = int(stripped)
    elif isinstance(cell, str) and _GROUPED.fullmatch(stripped := cell.strip()):
        amount = int(stripped.replace(".", "").replace(",", ""))
    else:
        raise ValueError("not an amount")
    if not 1 <= abs(amount) <= MAX_VND:
        raise ValueError("out of range")
    return amount


def _row(number: int, cells: Mapping[str, Any], layout: Layout) -> Row:
    try:
        amount = read_amount(cells.get("amount"))
    except ValueError as exc:
        raise _Refused("not_an_amount", layout.columns["amount"]) from exc
    texts = {name: _text(name, cells.get(name), layout) for name in _LONGEST if name in layout.columns}
    key = texts.pop("key", None)
    if key is None:
        raise _Refused("missing", layout.columns["key"])
    return Row(number, key, amount, **texts)


def _text(name: str, cell: object, layout: Layout) -> str | None:
    heading = layout.columns[name]
    if isinstance(cell, bool) or (isinstance(cell, float) and not cell.is_integer()):
        raise _Refused("not_text", heading)
    # A number that a spreadsheet has made of a code has lost its zeros: better refused than matched with another.
    if isinstance(cell, int | float):
        raise _Refused("number_for_text", heading)
    try:
        text = clean(str(cell)).strip() if cell is not None else ""
    except ValueError as exc:
        raise _Refused("not_text", heading) from exc
    if len(text) > _LONGEST[name]:
        raise _Refused("too_long", heading)
    if text.startswith(_FORMULA):
        raise _Refused("formula", heading)
    return text or None


def _place(heading: Iterable[object], layout: Layout) -> dict[str, int]:
    found = [str(cell).strip() if cell is not None else "" for cell in heading]
    missing = [theirs for theirs in layout.columns.values() if found.count(theirs) != 1]
    if missing:
        raise StatementUnreadable(reason="heading", columns=missing)
    return {ours: found.index(theirs) for ours, theirs in layout.columns.items()}


def _named(rows: Iterator[tuple[int, list[Any]]], layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    _, heading = next(rows, (0, []))
    places = _place(heading, layout)
    for number, cells in rows:
        if any(cell not in {None, ""} for cell in cells):
            # A line that is wider than its heading has a separator too many: nobody knows which cell is which.
            too_wide = len(cells) > len(heading) and any(cells[len(heading) :])
            yield number, {} if too_wide else {n: cells[p] if p < len(cells) else None for n, p in places.items()}


def _read_csv(raw: bytes, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise StatementUnreadable(reason="not_utf8") from exc
    if "\0" in content:
        raise StatementUnreadable(reason="not_text")
    first = content.partition("\n")[0]
    separator = ";" if first.count(";") >= first.count(",") and ";" in first else ","
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator)

    def rows() -> Iterator[tuple[int, list[Any]]]:
        try:
            for cells in reader:
                yield reader.line_num, list(cells)
        except csv.Error as exc:
            raise StatementUnreadable(reason="csv", line=reader.line_num) from exc

    return _named(rows(), layout)


def _read_xlsx(raw: bytes, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile as exc:
        raise StatementUnreadable(reason="xlsx") from exc
    if unpacked > _LARGEST_UNPACKED:
        raise StatementUnreadable(reason="too_large")
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # Formulas come as their text and are refused; what a program once computed from them is nobody's word.
        rows = [(number, list(cells)) for number, cells in enumerate(sheet.iter_rows(values_only=True), 1)]
    # Whatever is wrong inside (no archive, no workbook, entities in its XML): the library raises of every kind.
    except Exception as exc:
        raise StatementUnreadable(reason="xlsx") from exc
    return _named(iter(rows), layout)


def _read_json(raw: bytes, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        body = read_json(raw)
    except MalformedRequest as exc:
        raise StatementUnreadable(reason="json") from exc
    items = body.get("items") if isinstance(body, dict) else body
    if not isinstance(items, list):
        raise StatementUnreadable(reason="json")
    for number, item in enumerate(items, 1):
        known = item if isinstance(item, dict) else {}
        yield number, {ours: known.get(theirs) for ours, theirs in layout.columns.items()}


_READERS = {CSV: _read_csv, XLSX: _read_xlsx, JSON: _read_json}
