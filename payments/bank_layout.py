"""How one bank writes its statements as CSV: kept as data, so that another bank is a row and no program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kit.text import clean, fold

ENCODINGS = ("utf-8", "windows-1258", "windows-1252", "utf-16")
DELIMITERS = (",", ";", "\t", "|")
_SEPARATORS = frozenset({"", ".", ",", " "})
_NEEDED = frozenset({"booked_on", "purpose"})
_COLUMNS = _NEEDED | {"reference", "amount", "debit", "credit", "direction"}
_TOTALS = (frozenset({"opening", "closing"}), frozenset({"debit", "credit"}))
_KNOWN = frozenset({
    "bank", "encoding", "delimiter", "skip", "columns", "amount", "direction", "dates", "reference", "totals",
    "statement", "ends",
})  # fmt: skip
_LONGEST, _MOST, _MOST_SKIPPED = 200, 20, 100
_SAMPLE = datetime(2026, 11, 28, 13, 5, 9)  # noqa: DTZ001 - a date as a bank would write it

Place = str | int


@dataclass(frozen=True)
class BankLayout:
    """Where a bank's file has what. A column is its heading, or its number from 0 where the table has no heading.

    Sums are one signed column, one with a column that tells the direction, or two: debit and credit. `totals` are the
    labels of the control totals outside of the table: the opening and the closing balance, or both sums.
    """

    bank: str
    encoding: str
    delimiter: str
    columns: Mapping[str, Place]
    purpose: Sequence[Place]
    totals: Mapping[str, str]
    dates: Sequence[str]
    thousands: str = ""
    decimal: str = ""
    skip: int = 0
    debit_words: frozenset[str] = frozenset()
    credit_words: frozenset[str] = frozenset()
    reference_starts: str | None = None
    statement: Mapping[str, str] = field(default_factory=dict)
    ends: Sequence[str] = ()

    @property
    def headed(self) -> bool:
        """Whether the table has a heading by which its columns are found."""
        return isinstance(self.purpose[0], str)

    @property
    def places(self) -> Sequence[Place]:
        """Every column that is wanted."""
        return [*dict.fromkeys([*self.columns.values(), *self.purpose])]

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> BankLayout:
        """A layout as it is stored; see `sample/banks.json`. Raises ValueError with what is wrong in it."""
        if unknown := body.keys() - _KNOWN:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        columns, purpose = _columns(_mapping(body, "columns"))
        amount, direction = _mapping(body, "amount"), _mapping(body, "direction")
        if ("direction" in columns) != bool(direction):
            raise ValueError("direction: a column and its words come together")
        reference = _mapping(body, "reference")
        if ("reference" in columns) == bool(reference):
            raise ValueError("reference: a column of its own, or where in the purpose it starts")
        return cls(
            bank=_text(body.get("bank"), "bank"),
            encoding=_one_of(body.get("encoding", "utf-8"), ENCODINGS, "encoding"),
            delimiter=_one_of(body.get("delimiter", ","), DELIMITERS, "delimiter"),
            columns=columns,
            purpose=purpose,
            totals=_totals(_mapping(body, "totals")),
            dates=_dates(body.get("dates")),
            **_separators(amount),
            skip=_skip(body.get("skip", 0)),
            debit_words=_words(direction.get("debit"), "direction.debit") if direction else frozenset(),
            credit_words=_words(direction.get("credit"), "direction.credit") if direction else frozenset(),
            reference_starts=_text(reference.get("starts_with"), "reference.starts_with") if reference else None,
            statement=_statement(_mapping(body, "statement")),
            ends=tuple(sorted(_words(body["ends"], "ends"))) if body.get("ends") else (),
        )


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{name}: not an object")  # noqa: TRY004 - wrong data, not a wrong call
    return found


def _text(told: object, name: str) -> str:
    if not isinstance(told, str) or not 1 <= len(told.strip()) <= _LONGEST:
        raise ValueError(f"{name}: text of 1 to {_LONGEST} letters")
    return clean(told).strip()


def _one_of(told: object, known: Sequence[str], name: str) -> str:
    if told not in known:
        raise ValueError(f"{name}: one of {', '.join(map(repr, known))}")
    return str(told)


def _skip(told: object) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= _MOST_SKIPPED:
        raise ValueError(f"skip: 0 to {_MOST_SKIPPED} rows")
    return told


def _place(told: object, name: str) -> Place:
    if isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= _MOST_SKIPPED:
        return told
    return fold(_text(told, f"columns.{name}"))


def _columns(told: Mapping[str, Any]) -> tuple[dict[str, Place], list[Place]]:
    if not _NEEDED <= told.keys() <= _COLUMNS:
        raise ValueError("columns: booked_on, purpose, and of reference, amount, debit, credit, direction")
    said = told["purpose"] if isinstance(told["purpose"], list) else [told["purpose"]]
    if not 1 <= len(said) <= _MOST:
        raise ValueError("columns.purpose: one or several")
    purpose = [_place(each, "purpose") for each in said]
    columns = {name: _place(each, name) for name, each in told.items() if name != "purpose"}
    sums = columns.keys() & {"amount", "debit", "credit"}
    if sums not in ({"amount"}, {"debit", "credit"}) or ("direction" in columns and sums != {"amount"}):
        raise ValueError("columns: amount, with or without direction, or debit and credit")
    if len(set(columns.values())) != len(columns):
        raise ValueError("columns: each stands for one thing")
    if len({type(each) for each in [*columns.values(), *purpose]}) != 1:
        raise ValueError("columns: all by heading, or all by number")
    return columns, purpose


def _separators(told: Mapping[str, Any]) -> dict[str, str]:
    thousands, decimal = told.get("thousands", ""), told.get("decimal", "")
    if not {thousands, decimal} <= _SEPARATORS or (thousands and thousands == decimal) or told.keys() - {
        "thousands", "decimal",
    }:  # fmt: skip
        raise ValueError("amount: thousands and decimal, two different ones of . and ,")
    return {"thousands": thousands, "decimal": decimal}


def _words(told: object, name: str) -> frozenset[str]:
    if not isinstance(told, list) or not 1 <= len(told) <= _MOST:
        raise ValueError(f"{name}: 1 to {_MOST} words")
    return frozenset(fold(_text(word, name)) for word in told)


def _totals(told: Mapping[str, Any]) -> dict[str, str]:
    if told.keys() not in _TOTALS:
        raise ValueError("totals: the labels of opening and closing, or of debit and credit")
    return {name: fold(_text(label, f"totals.{name}")) for name, label in told.items()}


def _statement(told: Mapping[str, Any]) -> dict[str, str]:
    if not told.keys() <= {"name", "revision"} or (told and "name" not in told):
        raise ValueError("statement: the labels of name, and of revision where there is one")
    return {name: fold(_text(label, f"statement.{name}")) for name, label in told.items()}


def _dates(told: object) -> tuple[str, ...]:
    if not isinstance(told, list) or not 1 <= len(told) <= _MOST:
        raise ValueError("dates: one format or several, such as %d/%m/%Y")
    formats = tuple(_text(each, "dates") for each in told)
    for each in formats:
        try:
            same = datetime.strptime(_SAMPLE.strftime(each), each).date() == _SAMPLE.date()  # noqa: DTZ007
        except (ValueError, re.error):  # the same directive twice is an error of the pattern made of it
            same = False
        if not same:
            raise ValueError(f"dates: {each} does not tell a day")
    return formats
