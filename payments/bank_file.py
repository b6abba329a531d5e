"""The bank's statement as a file: our own CSV or a bank's by its layout, with sums that must be true."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from kit.text import clean, fold
from payments.bank_layout import BankLayout, Place
from payments.errors import StatementRefused

_COLUMNS = ("reference", "booked_on", "amount_vnd", "purpose")
_TOTALS = ("opening_vnd", "closing_vnd")
_AMOUNT = re.compile(r"-?[0-9]{1,15}|-?[0-9]{1,3}(\.[0-9]{3}){1,4}|-?[0-9]{1,3}(,[0-9]{3}){1,4}")
_NAME = re.compile(r"[A-Za-z0-9._/-]{1,100}")
_REVISION = re.compile(r"[1-9][0-9]?")
LARGEST_BYTES = 10_000_000
LONGEST = 500
MOST_LINES = 20_000
LARGEST_VND = 10**14  # so that the sum of every line of a file is a number the database has
_LOOKED_AT = 60  # rows among which a heading is looked for
_FORMULA = ("=", "+", "@", "\t")
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
class LineError:
    """A line that was refused: its number in the file, a stable code, and the column."""

    line: int
    code: str
    field: str


@dataclass(frozen=True)
class Statement:
    """A whole file. Its sums are true, unless lines were refused: then `missing_vnd` is what these come to.

    `revision` is None where the bank names a statement and does not number its corrections. What tells movements alone
    is not `balanced`: it opens with 0, whatever the account held.
    """

    file_hash: str
    opening_vnd: int
    closing_vnd: int
    lines: tuple[Line, ...]
    name: str | None = None
    revision: int | None = 1
    errors: tuple[LineError, ...] = ()
    layout: str | None = None
    balanced: bool = True

    @property
    def missing_vnd(self) -> int:
        """What the file says has moved, less the lines that could be read."""
        return self.closing_vnd - self.opening_vnd - sum(line.amount_vnd for line in self.lines)


class _Refused(Exception):
    def __init__(self, code: str, column: str) -> None:
        super().__init__(code)
        self.code, self.column = code, column


def read_statement(raw: bytes) -> Statement:
    """The statement in a file: a line `opening_vnd;…`, a line `closing_vnd;…`, a heading, and the movements.

    A bank that corrects its statements begins with a line `statement;<its number>;<revision>`. A line that cannot be
    read is refused with its number and stops nothing. Raises StatementRefused when no line can be read, or when
    opening and movements are not the closing although every line could.
    """
    text = _decoded(raw, "utf-8")
    separator = ";" if text.partition("\n")[0].count(";") else ","
    rows = list(_rows(text, separator))
    name, revision = _identity(rows)
    if len(rows) < len(_TOTALS) + 1:
        raise StatementRefused(reason="incomplete")
    totals = [_total(number, row, name) for (number, row), name in zip(rows, _TOTALS, strict=False)]
    number, heading = rows[len(_TOTALS)]
    if tuple(cell.strip() for cell in heading) != _COLUMNS:
        raise StatementRefused(reason="heading", line=number)
    lines, errors = _lines(_line(number, row) for number, row in rows[len(_TOTALS) + 1 :])
    return _checked(Statement(hashlib.sha256(raw).hexdigest(), totals[0], totals[1], lines, name, revision, errors))


def read_by_layout(raw: bytes, code: str, layout: BankLayout) -> Statement:
    """The statement in a bank's own file; `code` is what its layout is called. Raises as `read_statement` does."""
    rows = list(_rows(_decoded(raw, layout.encoding), layout.delimiter))
    begin, places = _heading(rows, layout)
    end = next((n for n, (_line, row) in enumerate(rows) if n >= begin and _is_end(row, layout)), len(rows))
    around = [row for _line, row in [*rows[:begin], *rows[end:]]]
    lines, errors = _lines(_laid_out(number, row, places, layout) for number, row in rows[begin:end])
    if "opening" in layout.totals:
        opening, closing = (_labelled_sum(around, name, layout) for name in ("opening", "closing"))
    else:
        # Without balances the sums of both sides say what has moved.
        debit, credit = (abs(_labelled_sum(around, name, layout)) for name in ("debit", "credit"))
        opening, closing = 0, credit - debit
    name, revision = _named(around, layout)
    digest = hashlib.sha256(raw).hexdigest()
    balanced = "opening" in layout.totals
    return _checked(Statement(digest, opening, closing, lines, name, revision, errors, code, balanced))


def _decoded(raw: bytes, encoding: str) -> str:
    if len(raw) > LARGEST_BYTES:
        raise StatementRefused(reason="too_large")
    # A mark at the start says UTF-8, whatever the bank's files were before.
    is_marked = encoding == "utf-8" or raw.startswith(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8-sig" if is_marked else encoding)
    except UnicodeError as exc:
        raise StatementRefused(reason="not_utf8" if is_marked else "encoding") from exc
    if "\0" in text:
        raise StatementRefused(reason="not_text")
    return text


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
            if reader.line_num > MOST_LINES:
                raise StatementRefused(reason="too_many_lines")
    except csv.Error as exc:
        raise StatementRefused(reason="not_csv", line=reader.line_num) from exc


def _lines(found: Iterable[Line | LineError]) -> tuple[tuple[Line, ...], tuple[LineError, ...]]:
    read = list(found)
    seen: set[str] = set()
    lines: list[Line] = []
    errors: list[LineError] = []
    for each in read:
        if isinstance(each, Line) and each.reference in seen:
            errors.append(LineError(each.number, "reference_twice", "reference"))
        elif isinstance(each, Line):
            lines.append(each)
            seen.add(each.reference)
        else:
            errors.append(each)
    return tuple(lines), tuple(errors)


def _checked(statement: Statement) -> Statement:
    if statement.errors and not statement.lines:
        raise StatementRefused(reason="line", line=statement.errors[0].line)
    if statement.missing_vnd and not statement.errors:
        raise StatementRefused(reason="control_total")
    return statement


def _heading(rows: Sequence[tuple[int, list[str]]], layout: BankLayout) -> tuple[int, Mapping[Place, int]]:
    """Where the table begins, and the number of each column."""
    if not layout.headed:
        return min(layout.skip, len(rows)), {place: int(place) for place in layout.places}
    for begin, (_line, row) in enumerate(rows[layout.skip : layout.skip + _LOOKED_AT], layout.skip + 1):
        found = [fold(cell) for cell in row]
        if all(found.count(str(place)) == 1 for place in layout.places):
            return begin, {place: found.index(str(place)) for place in layout.places}
    raise StatementRefused(reason="heading")


def _is_end(row: Sequence[str], layout: BankLayout) -> bool:
    first = fold(next(cell for cell in row if cell.strip()))
    return first.startswith((*layout.ends, *layout.totals.values(), *layout.statement.values()))


def _laid_out(number: int, row: Sequence[str], places: Mapping[Place, int], layout: BankLayout) -> Line | LineError:
    def cell(name: str) -> str:
        place = places[layout.columns[name]]
        if place >= len(row):
            raise _Refused("missing", name)
        return row[place].strip()

    try:
        said = [row[places[each]] for each in layout.purpose if places[each] < len(row)]
        purpose = " ".join(clean(" ".join(said)).split())[:LONGEST]
        booked_on = _day(cell("booked_on"), layout)
        return Line(number, _reference(cell, purpose, layout), booked_on, _signed(cell, layout), purpose)
    except _Refused as refused:
        return LineError(number, refused.code, refused.column)


def _day(told: str, layout: BankLayout) -> date:
    for form in layout.dates if told.isascii() else ():
        try:
            return datetime.strptime(told, form).date()  # noqa: DTZ007 - a day on the bank's wall
        except ValueError:
            continue
    raise _Refused("date", "booked_on")


def _reference(cell: Callable[[str], str], purpose: str, layout: BankLayout) -> str:
    if layout.reference_starts is None:
        reference = cell("reference")
    else:
        words = re.split(r"[^0-9A-Za-z]+", purpose)
        begin = layout.reference_starts.upper()
        reference = next((word for word in words if word.upper().startswith(begin) and len(word) > len(begin)), "")
    if not 1 <= len(reference) <= LONGEST or reference.startswith(_FORMULA) or not reference.isprintable():
        raise _Refused("reference", "reference")
    return reference


def _signed(cell: Callable[[str], str], layout: BankLayout) -> int:
    if "amount" not in layout.columns:
        debit, credit = (_money(cell(name), name, layout) for name in ("debit", "credit"))
        if bool(debit) == bool(credit) or credit < 0:
            raise _Refused("both_sides", "debit")
        return credit or -abs(debit)
    amount = _money(cell("amount"), "amount", layout)
    if not amount:
        raise _Refused("amount", "amount")
    if "direction" not in layout.columns:
        return amount
    word = fold(cell("direction"))
    if word not in layout.debit_words | layout.credit_words or amount < 0:
        raise _Refused("direction", "direction")
    return -amount if word in layout.debit_words else amount


def _money(told: str, name: str, layout: BankLayout) -> int:
    """Whole đồng by the bank's separators; nothing is 0. Anything else is refused: 1.23E+06, a fraction, a formula."""
    cleaned = re.sub(r"\s*(VND|VNĐ|đ)$", "", clean(told), flags=re.IGNORECASE).strip()
    if cleaned in {"", "-"}:
        return 0
    if layout.decimal:
        cleaned = re.sub(rf"{re.escape(layout.decimal)}0{{1,2}}$", "", cleaned)
    grouped = rf"[+-]?[0-9]{{1,3}}(?:{re.escape(layout.thousands)}[0-9]{{3}}){{1,4}}" if layout.thousands else "(?!)"
    if not re.fullmatch(rf"[+-]?[0-9]{{1,15}}|{grouped}", cleaned):
        raise _Refused("amount", name)
    amount = int(cleaned.replace(layout.thousands, "") if layout.thousands else cleaned)
    if abs(amount) > LARGEST_VND:
        raise _Refused("amount", name)
    return amount


def _labelled(rows: Iterable[Sequence[str]], label: str) -> str | None:
    """What stands behind a label outside of the table: in its own cell after a colon, or in the next one."""
    for row in rows:
        for place, cell in enumerate(row):
            if fold(cell).startswith(label):
                inside = cell.partition(":")[2].strip()
                return inside or next((other.strip() for other in row[place + 1 :] if other.strip()), "")
    return None


def _labelled_sum(rows: Sequence[Sequence[str]], name: str, layout: BankLayout) -> int:
    told = _labelled(rows, layout.totals[name])
    try:
        if told is not None:
            return _money(told, name, layout)
    except _Refused as exc:
        raise StatementRefused(reason=name) from exc
    raise StatementRefused(reason=name)


def _named(rows: Sequence[Sequence[str]], layout: BankLayout) -> tuple[str | None, int | None]:
    if not layout.statement:
        return None, 1
    name = _labelled(rows, layout.statement["name"])
    if name is None or not _NAME.fullmatch(name):
        raise StatementRefused(reason="statement")
    if "revision" not in layout.statement:
        return name, None
    revision = _labelled(rows, layout.statement["revision"])
    if revision is None or not _REVISION.fullmatch(revision):
        raise StatementRefused(reason="statement")
    return name, int(revision)


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


def _line(number: int, row: list[str]) -> Line | LineError:
    cells = [cell.strip() for cell in row]
    if len(cells) != len(_COLUMNS):
        return LineError(number, "columns", "")
    reference, booked_on, amount, purpose = cells
    try:
        day = date.fromisoformat(booked_on)
    except ValueError:
        return LineError(number, "date", "booked_on")
    try:
        moved = read_amount(amount)
    except ValueError:
        moved = 0
    if not 1 <= abs(moved) <= LARGEST_VND:
        return LineError(number, "amount", "amount_vnd")
    if not 1 <= len(reference) <= LONGEST:
        return LineError(number, "reference", "reference")
    if len(purpose) > LONGEST:
        return LineError(number, "too_long", "purpose")
    return Line(number, reference, day, moved, purpose)
