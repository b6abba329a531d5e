"""Files of bills as providers send them: CSV or NDJSON, read line by line in constant memory."""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from typing import Any

import orjson

from kit.errors import MalformedRequest
from kit.fields import MAX_VND
from kit.parsing import read_json
from kit.text import clean
from services.utilities import tariffs

CSV, NDJSON = "csv", "ndjson"
_LONGEST_LINE = 100_000
_LONGEST_TEXT = {"bill_no": 60, "customer_code": 20, "customer_name": 200, "address": 400, "tariff_code": 80}
_NEEDED = ("bill_no", "customer_code", "customer_name", "period", "amount_vnd", "issued_on", "due_on")
_PERIOD = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")
_WHOLE = re.compile(r"[0-9]{1,11}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# dataclasses.asdict copies deeply: for a hundred thousand bills it took longer than everything else together.
_LINE = tuple(field.name for field in fields(tariffs.Line))


class LineRefused(Exception):
    """One line that cannot become a bill: a stable code, and the column."""

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.code, self.field = code, field


class FileRefused(Exception):
    """The file as a whole cannot be read; `reason` is a stable slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class BillRow:
    """One bill of a file, checked. Amounts in đồng, usage in kWh or m³."""

    bill_no: str
    customer_code: str
    customer_name: str
    address: str
    commune_code: str | None
    period: str
    amount_vnd: int
    before_tax_vnd: int
    vat_vnd: int
    fee_vnd: int
    usage: int
    reading: dict[str, Any] | None
    lines: list[dict[str, Any]]
    tariff_code: str | None
    issued_on: str
    due_on: str

    @property
    def version(self) -> str:
        """Changes with anything a payer would want to know."""
        return hashlib.sha256(orjson.dumps(vars(self), option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


@dataclass(frozen=True)
class Rules:
    """What a provider's bills must obey: the form of its customer codes, and the tariffs that explain amounts."""

    code_pattern: re.Pattern[str]
    tariffs: Mapping[str, tariffs.Tariff]


def read_lines(chunks: Iterable[bytes], kind: str, rules: Rules) -> Iterator[tuple[int, BillRow | LineRefused]]:
    """Line number (from 1, as an editor counts) and bill, or why that line is none. Raises FileRefused."""
    texts = _text_lines(chunks)
    records = _csv_records(texts) if kind == CSV else _json_records(texts)
    for line, record in records:
        if isinstance(record, LineRefused):
            yield line, record
            continue
        try:
            yield line, _bill(record, rules)
        except LineRefused as refusal:
            yield line, refusal


def read_record(record: Mapping[str, Any], rules: Rules) -> BillRow:
    """One bill that came by itself, under the rules of a line of a file. Raises LineRefused."""
    return _bill(record, rules)


def whole_amount(amount_vnd: int) -> list[dict[str, Any]]:
    """The one line of a bill whose parts are not known."""
    nothing = {"quantity": None, "unit": None, "price_vnd": None}
    return [{"kind": "billed", "name_vi": "Theo hóa đơn", "name_en": "As billed", **nothing, "amount_vnd": amount_vnd}]


def _text_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    try:
        for chunk in chunks:
            *whole, rest = (rest + decoder.decode(chunk)).split("\n")
            yield from whole
            if len(rest) > _LONGEST_LINE:
                raise FileRefused("line_too_long")
        rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError as exc:
        raise FileRefused("not_utf8") from exc
    if rest:
        yield rest


def _csv_records(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any] | LineRefused]]:
    first = next(lines, "").rstrip("\r")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        heading = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error as exc:
        raise FileRefused("broken_heading") from exc
    if missing := [name for name in _NEEDED if name not in heading]:
        raise FileRefused(f"missing_column_{missing[0]}")
    if len(set(heading)) != len(heading):
        raise FileRefused("duplicate_column")
    # A quoted cell may not span lines: then line numbers stay true, and one stray quote cannot swallow the file.
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        try:
            (cells,) = csv.reader([line.rstrip("\r")], delimiter=delimiter, strict=True)
        except (csv.Error, ValueError):
            yield number, LineRefused("broken_line")
            continue
        if len(cells) != len(heading):
            yield number, LineRefused("wrong_number_of_cells")
        else:
            yield number, dict(zip(heading, cells, strict=True))


def _json_records(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any] | LineRefused]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = read_json(line.encode("utf-8", "surrogatepass"))
        except MalformedRequest:
            yield number, LineRefused("broken_line")
            continue
        yield number, record if isinstance(record, dict) else LineRefused("broken_line")


def _bill(record: Mapping[str, Any], rules: Rules) -> BillRow:
    for name in _NEEDED:
        value = record.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise LineRefused("missing", name)
    texts = {name: _text(record.get(name), name) for name in _LONGEST_TEXT}
    if not rules.code_pattern.fullmatch(texts["customer_code"]):
        raise LineRefused("customer_code_malformed", "customer_code")
    if not _PERIOD.fullmatch(str(record["period"])):
        raise LineRefused("not_a_period", "period")
    amount = _whole(record["amount_vnd"], "amount_vnd")
    if not 1 <= amount <= MAX_VND:
        raise LineRefused("out_of_range", "amount_vnd")
    parts = {name: _whole(record.get(name) or 0, name) for name in ("before_tax_vnd", "vat_vnd", "fee_vnd")}
    if any(parts.values()) and sum(parts.values()) != amount:
        raise LineRefused("sum_differs", "amount_vnd")
    issued, due = _day(record["issued_on"], "issued_on"), _day(record["due_on"], "due_on")
    if due < issued:
        raise LineRefused("due_before_issued", "due_on")
    usage = _whole(record.get("usage") or 0, "usage")
    tariff = rules.tariffs.get(texts["tariff_code"])
    return BillRow(
        bill_no=texts["bill_no"],
        customer_code=texts["customer_code"],
        customer_name=texts["customer_name"],
        address=texts["address"],
        commune_code=_text(record.get("commune_code"), "commune_code") or None,
        period=str(record["period"]),
        amount_vnd=amount,
        before_tax_vnd=parts["before_tax_vnd"] if any(parts.values()) else amount,
        vat_vnd=parts["vat_vnd"],
        fee_vnd=parts["fee_vnd"],
        usage=usage,
        reading=_reading(record),
        lines=_explain(tariff, usage, _whole(record.get("households") or 1, "households"), amount),
        tariff_code=texts["tariff_code"] or None,
        issued_on=issued.isoformat(),
        due_on=due.isoformat(),
    )


def _explain(tariff: tariffs.Tariff | None, usage: int, households: int, amount_vnd: int) -> list[dict[str, Any]]:
    """The lines behind an amount, where our tariff leads to it; else the amount alone, never an invented split."""
    if tariff is not None:
        total_vnd, lines = _charge(tariff, usage, max(1, households))
        if total_vnd == amount_vnd:
            return lines
    return whole_amount(amount_vnd)


@lru_cache(maxsize=4096)
def _charge(tariff: tariffs.Tariff, usage: int, households: int) -> tuple[int, list[dict[str, Any]]]:
    # Most households use a few hundred units: the same sums come up thousands of times in a file.
    charge = tariffs.compute(tariff, usage, households=households)
    return charge.total_vnd, [{name: getattr(line, name) for name in _LINE} for line in charge.lines]


def _reading(record: Mapping[str, Any]) -> dict[str, Any] | None:
    if record.get("reading_from") in (None, "") or record.get("reading_to") in (None, ""):
        return None
    start, stop = _whole(record["reading_from"], "reading_from"), _whole(record["reading_to"], "reading_to")
    days = {
        name: _day(record[key], key).isoformat()
        for name, key in (("from_on", "reading_from_on"), ("to_on", "reading_to_on"))
        if record.get(key) not in (None, "")
    }
    return {"from": start, "to": stop, **days}


def _text(value: Any, field: str) -> str:  # noqa: ANN401 - a cell
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LineRefused("not_a_string", field)
    text = clean(value.strip())
    if "\0" in text or len(text) > _LONGEST_TEXT.get(field, 20):
        raise LineRefused("bad_text", field)
    return text


def _whole(value: Any, field: str) -> int:  # noqa: ANN401 - a cell
    """A whole number exactly as written: 1.234.567, 1,234,567 and 1.23E+06 are refused, not guessed at."""
    if isinstance(value, bool) or not (
        isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value.strip()))
    ):
        raise LineRefused("not_a_whole_number", field)
    number = int(value)
    if not 0 <= number <= MAX_VND:
        raise LineRefused("out_of_range", field)
    return number


def _day(value: Any, field: str) -> date:  # noqa: ANN401 - a cell
    if not (isinstance(value, str) and _DAY.fullmatch(value.strip())):
        return _refuse(field)
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        return _refuse(field)


def _refuse(field: str) -> date:
    raise LineRefused("not_a_date", field)
