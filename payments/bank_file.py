"""The bank's statement as a file: CSV with a heading, one movement a line, and sums that must be true."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from datetime import date

from payments.errors import StatementRefused

_COLUMNS = ("reference", "booked_on", "amount_vnd", "purpose")
_TOTALS = ("opening_vnd", "closing_vnd")
_AMOUNT = re.compile(r"-?[0-9]{1,15}|-?[0-9]{1,3}(\.[0-9]{3}){1,4}|-?[0-9]{1,3}(,[0-9]{3}){1,4}")
_NAME = re.compile(r"[A-Za-z0-9._/-]{1,100}")
_REVISION = re.compile(r"[1-9][0-9]?")
LARGEST_BYTES = 10_000_000
LONGEST = 500
# Between the reference of an entry and the number of its part, where a message tells the parts.
PART = "#"


@dataclass(frozen=True)
class Line:
    """One movement of the account: credits positive, in đồng. `number` is the line of the file."""

    number: int
    reference: str
    booked_on: date
    amount_vnd: int
    purpose: str


@dataclass(frozen=True)
class Statement:
    """A whole file, its sums checked."""

    file_hash: str
    opening_vnd: int
    closing_vnd: int
    lines: tuple[Line, ...]
    name: str | None = None
    revision: int = 1


def read_statement(raw: bytes) -> Statement:
    """The statement in a file: a line `opening_vnd;…`, a line `closing_vnd;…`, a heading, and the movements.

    A bank that corrects its statements begins with a line `statement;<its number>;<revision>`.
    Raises StatementRefused with the line that is wrong, or when opening and movements are not the closing: half a file
    is worse than none.
    """
    if len(raw) > LARGEST_BYTES:
        raise StatementRefused(reason="too_large")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise StatementRefused(reason="not_utf8") from exc
    if "\0" in text:
        raise StatementRefused(reason="not_csv")
    separator = ";" if text.partition("\n")[0].count(";") else ","
    try:
        rows = [(n, row) for n, row in enumerate(csv.reader(io.StringIO(text), delimiter=separator), 1) if row]
    except csv.Error as exc:
        raise StatementRefused(reason="not_csv") from exc
    name, revision = _identity(rows)
    if len(rows) < len(_TOTALS) + 1:
        raise StatementRefused(reason="incomplete")
    totals = [_total(number, row, name) for (number, row), name in zip(rows, _TOTALS, strict=False)]
    number, heading = rows[len(_TOTALS)]
    if tuple(cell.strip() for cell in heading) != _COLUMNS:
        raise StatementRefused(reason="heading", line=number)
    lines = tuple(_line(number, row) for number, row in rows[len(_TOTALS) + 1 :])
    if len({line.reference for line in lines}) != len(lines):
        raise StatementRefused(reason="reference_twice")
    if totals[0] + sum(line.amount_vnd for line in lines) != totals[1]:
        raise StatementRefused(reason="control_total")
    return Statement(hashlib.sha256(raw).hexdigest(), totals[0], totals[1], lines, name, revision)


def read_amount(cell: str) -> int:
    """Whole đồng as banks write them: 1234567, 1.234.567 or 1,234,567. Raises ValueError for anything else."""
    cleaned = cell.strip()
    if not _AMOUNT.fullmatch(cleaned):
        raise ValueError("not an amount")
    return int(cleaned.replace(".", "").replace(",", ""))


def _identity(rows: list[tuple[int, list[str]]]) -> tuple[str | None, int]:
    """The bank's own name of a statement and its revision; taken off the rows."""
    if not rows or rows[0][1][0].strip() != "statement":
        return None, 1
    number, row = rows.pop(0)
    cells = [cell.strip() for cell in row]
    if len(cells) != len(("statement", "name", "revision")) or not all(map(_NAME.fullmatch, cells)):
        raise StatementRefused(reason="statement", line=number)
    if not _REVISION.fullmatch(cells[2]):
        raise StatementRefused(reason="statement", line=number)
    return cells[1], int(cells[2])


def _total(number: int, row: list[str], name: str) -> int:
    cells = [cell.strip() for cell in row]
    try:
        if len(cells) > 1 and cells[0] == name:
            return read_amount(cells[1])
    except ValueError as exc:
        raise StatementRefused(reason=name, line=number) from exc
    raise StatementRefused(reason=name, line=number)


def _line(number: int, row: list[str]) -> Line:
    try:
        reference, booked_on, amount, purpose = (cell.strip() for cell in row)
        line = Line(number, reference, date.fromisoformat(booked_on), read_amount(amount), purpose)
    except ValueError as exc:
        raise StatementRefused(reason="line", line=number) from exc
    if not line.amount_vnd or not 1 <= len(reference) <= LONGEST or len(purpose) > LONGEST:
        raise StatementRefused(reason="line", line=number)
    return line
