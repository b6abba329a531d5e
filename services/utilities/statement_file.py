"""Statements as providers and their banks send them: CSV, XLSX or JSON, read by a layout, each cell exactly or not."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openpyxl

from kit.fields import MAX_VND
from kit.text import clean
from payments.operations import Row, ToldRows
from services.utilities.errors import StatementUnreadable

CSV, XLSX, JSON = "csv", "xlsx", "json"
_LARGEST_UNPACKED = 512_000_000
# Whatever is no sheet (its table of texts, its styles) is held in memory whole, at many times its size.
_LARGEST_BESIDE = 48_000_000
_SHEETS = "xl/worksheets/"
_MOST_LINES = 1_000_000
_MOST_ROWS = 1_048_576  # as many as a spreadsheet has; those without a value are no lines
_MOST_COLUMNS = 100
_LONGEST = {"key": 60, "receipt_no": 60, "customer_code": 20}
_PLAIN = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"(-?[0-9]{1,20})(?:\.0{1,20})?")
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
        columns = {str(ours): clean(str(theirs)).strip() for ours, theirs in body.items()}
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
    rows: list[Row] = []
    errors: list[dict[str, Any]] = []
    for number, cells in _READERS[kind](raw, layout):
        if len(rows) + len(errors) == _MOST_LINES:
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
    # A number that a spreadsheet has made of a code has lost its zeros: better refused than matched with another.
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        raise _Refused("number_for_text", heading)
    # A date that it has made of one, a list, a formula of several cells: nobody has written these words.
    if not isinstance(cell, str | None):
        raise _Refused("not_text", heading)
    text = clean(cell or "").strip()
    if len(text) > _LONGEST[name]:
        raise _Refused("too_long", heading)
    if text.startswith(_FORMULA):
        raise _Refused("formula", heading)
    # Among what cannot be printed are line breaks, NUL and lone surrogates.
    if not text.isprintable():
        raise _Refused("not_text", heading)
    return text or None


def _place(heading: Iterable[object], layout: Layout) -> dict[str, int]:
    found = [clean(str(cell)).strip() if cell is not None else "" for cell in heading]
    missing = [theirs for theirs in layout.columns.values() if found.count(theirs) != 1]
    if missing:
        raise StatementUnreadable(reason="heading", columns=missing)
    return {ours: found.index(theirs) for ours, theirs in layout.columns.items()}


def _named(rows: Iterator[tuple[int, Sequence[Any]]], layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    _, heading = next(rows, (0, []))
    places = _place(heading, layout)
    for number, cells in rows:
        # Sheets have been seen with a million rows that hold a colour and nothing else.
        if cells.count(None) < len(cells) and any(str(cell).strip() for cell in cells if cell is not None):
            # A line that is wider than its heading has a separator too many: nobody knows which cell is which.
            too_wide = len(cells) > len(heading) and any(cells[len(heading) :])
            yield number, {} if too_wide else {n: cells[p] if p < len(cells) else None for n, p in places.items()}


def _read_csv(raw: bytes, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    if b"\0" in raw:
        raise StatementUnreadable(reason="not_text" if _is_utf8(raw) else "not_utf8")
    first = raw.partition(b"\n")[0]
    separator = ";" if first.count(b";") >= first.count(b",") and b";" in first else ","
    # Strict, or one quote that is never closed would swallow the lines below it in silence.
    lines = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8-sig", newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True)

    def rows() -> Iterator[tuple[int, Sequence[Any]]]:
        try:
            for cells in reader:
                yield reader.line_num, cells
        except UnicodeDecodeError as exc:
            raise StatementUnreadable(reason="not_utf8") from exc
        except csv.Error as exc:
            raise StatementUnreadable(reason="csv", line=reader.line_num) from exc

    return _named(rows(), layout)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _read_xlsx(raw: bytes, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile as exc:
        raise StatementUnreadable(reason="xlsx") from exc
    # As the archive says itself: a part that is larger than it says is cut off there, and is no workbook then.
    beside = sum(part.file_size for part in parts if not part.filename.startswith(_SHEETS))
    if beside > _LARGEST_BESIDE or sum(part.file_size for part in parts) > _LARGEST_UNPACKED:
        raise StatementUnreadable(reason="too_large")
    return _named(_sheet_rows(raw), layout)


def _sheet_rows(raw: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    for number, cells in enumerate(_sheet_cells(raw), 1):
        if number > _MOST_ROWS:
            raise StatementUnreadable(reason="too_many_lines")
        yield number, cells


def _sheet_cells(raw: bytes) -> Iterator[tuple[Any, ...]]:
    """The rows of the first sheet one by one; those that the file leaves out are empty."""
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What a sheet says of its own size is not believed: rows beyond it would be left out in silence.
        sheet.reset_dimensions()
        # Formulas come as their text and are refused; what a program once computed from them is nobody's word.
        yield from sheet.iter_rows(values_only=True, max_col=_MOST_COLUMNS)
    # Whatever is wrong inside (no archive, no workbook, entities in its XML): the library raises of every kind.
    except Exception as exc:
        raise StatementUnreadable(reason="xlsx") from exc


def _read_json(raw: bytes, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        body = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=_members, parse_int=_number, parse_float=_number,
            parse_constant=_number,
        )  # fmt: skip
    except UnicodeDecodeError as exc:
        raise StatementUnreadable(reason="not_utf8") from exc
    except (ValueError, RecursionError) as exc:
        raise StatementUnreadable(reason="json") from exc
    items = body.get("items") if isinstance(body, dict) else body
    if not isinstance(items, list):
        raise StatementUnreadable(reason="json")
    for number, item in enumerate(items, 1):
        known = item if isinstance(item, dict) else {}
        yield number, {ours: known.get(theirs) for ours, theirs in layout.columns.items()}


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | None:
    """An object of JSON; None for one that says something twice: it is no line then, and the others are."""
    made = {clean(name).strip(): value for name, value in pairs}
    return made if len(made) == len(pairs) else None


def _number(digits: str) -> int | float:
    """A whole number of JSON, exactly; anything else (a fraction, an exponent, forty digits) is not a number."""
    known = _NUMBER.fullmatch(digits)
    return int(known[1]) if known else math.nan


_READERS = {CSV: _read_csv, XLSX: _read_xlsx, JSON: _read_json}
