"""The bank's statement as a camt.053 message: entries and their details, each sum checked against the one above it."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree as ET

from payments.bank_file import LARGEST_BYTES, LONGEST, Line, Statement
from payments.errors import StatementRefused

_MOST_DETAILS = 100_000
# Where banks put the number of a movement, the surest first.
_REFERENCES = ("Refs/AcctSvcrRef", "Refs/EndToEndId", "Refs/InstrId", "Refs/TxId")


def read_camt(raw: bytes) -> Statement:
    """The booked movements of the one statement in a message; each detail of an entry is a movement of its own.

    Raises StatementRefused: opening and entries must be the closing, and the details of an entry its sum, or nothing
    of the file is taken in.
    """
    statement = _parse(raw)
    opening, closing = (_balance(statement, code) for code in ("OPBD", "CLBD"))
    lines: list[Line] = []
    for number, entry in enumerate(statement.findall("Ntry"), 1):
        if (_text(entry, "Sts/Cd") or _text(entry, "Sts")) == "BOOK":
            lines += _lines(entry, number)
    if len(lines) > _MOST_DETAILS:
        raise StatementRefused(reason="too_large")
    if len({line.reference for line in lines}) != len(lines):
        raise StatementRefused(reason="reference_twice")
    if opening + sum(line.amount_vnd for line in lines) != closing:
        raise StatementRefused(reason="control_total")
    return Statement(hashlib.sha256(raw).hexdigest(), opening, closing, tuple(lines))


def _parse(raw: bytes) -> ET.Element:
    if len(raw) > LARGEST_BYTES:
        raise StatementRefused(reason="too_large")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise StatementRefused(reason="not_utf8") from exc
    # Entities can only be defined in a document type, and a message has none: no bomb, no file of ours, no address.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise StatementRefused(reason="document_type")
    try:
        root = ET.fromstring(text)  # noqa: S314 - nothing is left in it that could expand
    except ET.ParseError as exc:
        raise StatementRefused(reason="not_xml") from exc
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    statements = root.findall("BkToCstmrStmt/Stmt")
    if len(statements) != 1:
        raise StatementRefused(reason="incomplete")
    return statements[0]


def _balance(statement: ET.Element, code: str) -> int:
    for balance in statement.findall("Bal"):
        if _text(balance, "Tp/CdOrPrtry/Cd") == code:
            return _amount(balance, 0)
    raise StatementRefused(reason="incomplete")


def _lines(entry: ET.Element, number: int) -> list[Line]:
    total = _amount(entry, number)
    details = entry.findall("NtryDtls/TxDtls")
    try:
        booked_on = date.fromisoformat((_text(entry, "BookgDt/Dt") or _text(entry, "BookgDt/DtTm"))[:10])
    except ValueError as exc:
        raise StatementRefused(reason="line", line=number) from exc
    own = _text(entry, "AcctSvcrRef")
    if len(details) <= 1:
        reference = own or (_reference(details[0]) if details else "")
        return [_line(number, reference, booked_on, total, _purpose(details[0] if details else entry))]
    sign = 1 if total > 0 else -1
    lines = []
    for place, detail in enumerate(details, 1):
        reference = _reference(detail) or f"{own}/{place}"
        amount = sign * abs(_amount(detail, number, is_signed=False))
        lines.append(_line(number, reference, booked_on, amount, _purpose(detail)))
    if sum(line.amount_vnd for line in lines) != total:
        raise StatementRefused(reason="details", line=number)
    return lines


def _line(number: int, reference: str, booked_on: date, amount_vnd: int, purpose: str) -> Line:
    if not reference or len(reference) > LONGEST or not amount_vnd:
        raise StatementRefused(reason="line", line=number)
    return Line(number, reference, booked_on, amount_vnd, purpose[:LONGEST])


def _amount(element: ET.Element, number: int, *, is_signed: bool = True) -> int:
    found = element.find("Amt")
    try:
        amount = Decimal((found.text or "").strip() if found is not None else "")
        if found is None or found.get("Ccy") != "VND" or not amount.is_finite() or amount != amount.to_integral_value():
            raise StatementRefused(reason="amount", line=number)
    except InvalidOperation as exc:
        raise StatementRefused(reason="amount", line=number) from exc
    if not 0 <= amount < Decimal(10) ** 15:
        raise StatementRefused(reason="amount", line=number)
    way = _text(element, "CdtDbtInd")
    if is_signed and way not in {"CRDT", "DBIT"}:
        raise StatementRefused(reason="amount", line=number)
    return -int(amount) if way == "DBIT" else int(amount)


def _reference(detail: ET.Element) -> str:
    found = (_text(detail, path) for path in _REFERENCES)
    return next((text for text in found if text and text != "NOTPROVIDED"), "")


def _purpose(element: ET.Element) -> str:
    return " ".join(part.text.strip() for part in element.findall("RmtInf/Ustrd") if part.text)


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
