"""The bank's statement as a message: camt.053 at the end of a day, camt.054 in the middle of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from payments.bank_file import LARGEST_VND, PART, Line, Statement
from payments.errors import StatementRefused

_LARGEST_BYTES = 64_000_000
_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.0{1,5})?")
_KINDS = {"BkToCstmrStmt": "Stmt", "BkToCstmrDbtCdtNtfctn": "Ntfctn"}
_LONGEST = 500
# Where banks put what the payer or the gateway has written, one or several of them.
_SAID = (
    "Refs/EndToEndId", "Refs/InstrId", "Refs/AcctSvcrRef", "Refs/TxId", "RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref",
    "AddtlTxInf",
)  # fmt: skip


def is_message(raw: bytes) -> bool:
    """Whether a file is XML rather than a table."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def read_message(raw: bytes) -> Statement:
    """The booked movements of a message. Several details of one entry are lines of their own.

    A statement's opening and movements are its closing; the details of an entry are the entry; what is declared of the
    number and sum of entries is true. Raises StatementRefused otherwise, with the number of the entry: half of a
    message is worse than none. What is only announced (PDNG, INFO) is not money and is left out.
    """
    if len(raw) > _LARGEST_BYTES:
        raise StatementRefused(reason="too_large")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise StatementRefused(reason="not_utf8") from exc
    try:
        # No entities and no document types: neither bombs nor files of ours can stand in a message.
        root = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as exc:
        raise StatementRefused(reason="document_type") from exc
    except (ParseError, ValueError, LookupError) as exc:
        raise StatementRefused(reason="not_xml") from exc
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    body = next((found for name in _KINDS if (found := root.find(name)) is not None), None)
    reports = [] if body is None else body.findall(_KINDS[body.tag])
    if len(reports) != 1:
        raise StatementRefused(reason="incomplete")
    (report,) = reports
    entries = list(enumerate(report.findall("Ntry"), 1))
    _check_summary(report, [entry for _number, entry in entries])
    lines = [line for number, entry in entries if _status(entry) == "BOOK" for line in _lines(number, entry)]
    if len({line.reference for line in lines}) != len(lines):
        raise StatementRefused(reason="reference_twice")
    moved = sum(line.amount_vnd for line in lines)
    if report.tag == "Ntfctn":
        # A notification knows no balances: the statement at the end of the day has the same references.
        return Statement(hashlib.sha256(raw).hexdigest(), 0, moved, tuple(lines), balanced=False)
    opening, closing = _balance(report, "OPBD"), _balance(report, "CLBD")
    if opening + moved != closing:
        raise StatementRefused(reason="control_total")
    return Statement(hashlib.sha256(raw).hexdigest(), opening, closing, tuple(lines))


def _check_summary(report: Element, entries: list[Element]) -> None:
    number, total = _text(report, "TxsSummry/TtlNtries/NbOfNtries"), _text(report, "TxsSummry/TtlNtries/Sum")
    if number and number != str(len(entries)):
        raise StatementRefused(reason="declared_count")
    if total:
        amounts = [_amount(entry.find("Amt"), place) for place, entry in enumerate(entries, 1)]
        if not (said := _AMOUNT.fullmatch(total)) or int(said[1]) != sum(amounts):
            raise StatementRefused(reason="declared_sum")


def _lines(number: int, entry: Element) -> Iterator[Line]:
    amount = _signed(entry, _amount(entry.find("Amt"), number), number)
    on = _date(entry, number)
    reference = _text(entry, "AcctSvcrRef") or _text(entry, "NtryRef")
    if not reference or len(reference) > _LONGEST:
        raise StatementRefused(reason="reference", line=number)
    details = entry.findall("NtryDtls/TxDtls")
    is_one = len(details) < 2  # noqa: PLR2004 - one detail is the entry itself
    # A single detail may leave its sum to the entry.
    parts = [_part(number, detail, amount) for detail in details if not is_one or _told(detail) is not None]
    if parts and sum(parts) != amount:
        raise StatementRefused(reason="details", line=number)
    if is_one:
        yield Line(number, reference, on, amount, _said(entry, details))
        return
    for place, (detail, part) in enumerate(zip(details, parts, strict=True), 1):
        yield Line(number, f"{reference}{PART}{place}", on, part, _said(entry, [detail]))


def _part(number: int, detail: Element, entry_amount: int) -> int:
    amount = _amount(_told(detail), number)
    if detail.find("CdtDbtInd") is not None:
        return _signed(detail, amount, number)
    return amount if entry_amount > 0 else -amount


def _told(detail: Element) -> Element | None:
    found = detail.find("Amt")
    return detail.find("AmtDtls/TxAmt/Amt") if found is None else found


def _signed(element: Element, amount: int, number: int) -> int:
    direction = _text(element, "CdtDbtInd")
    if direction not in {"CRDT", "DBIT"}:
        raise StatementRefused(reason="direction", line=number)
    # The indicator says which way the money went; RvslInd only says why.
    return amount if direction == "CRDT" else -amount


def _amount(element: Element | None, number: int) -> int:
    told = None if element is None else _AMOUNT.fullmatch((element.text or "").strip())
    if element is None or told is None or element.get("Ccy", "VND") != "VND":
        raise StatementRefused(reason="amount", line=number)
    if not 1 <= int(told[1]) <= LARGEST_VND:
        raise StatementRefused(reason="amount", line=number)
    return int(told[1])


def _balance(report: Element, code: str) -> int:
    for balance in report.findall("Bal"):
        if _text(balance, "Tp/CdOrPrtry/Cd") == code:
            told = balance.find("Amt")
            zero = told is not None and re.fullmatch(r"0+(\.0+)?", (told.text or "").strip())
            return 0 if zero else _signed(balance, _amount(told, 0), 0)
    raise StatementRefused(reason=code.lower())


def _status(entry: Element) -> str:
    return _text(entry, "Sts/Cd") or _text(entry, "Sts")


def _date(entry: Element, number: int) -> date:
    try:
        return date.fromisoformat((_text(entry, "BookgDt/Dt") or _text(entry, "BookgDt/DtTm"))[:10])
    except ValueError as exc:
        raise StatementRefused(reason="date", line=number) from exc


def _said(entry: Element, details: list[Element]) -> str:
    words = [text for detail in details for path in _SAID for found in detail.findall(path) if (text := found.text)]
    words += [_text(entry, "AddtlNtryInf")]
    return " ".join(" ".join(words).split())[:_LONGEST]


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
