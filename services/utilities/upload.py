"""Files that come and go: spooled to disk, handed on in pieces."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from werkzeug.exceptions import UnsupportedMediaType

from services.utilities.bill_file import CSV, NDJSON
from services.utilities.errors import FileTooLarge
from services.utilities.operations import LARGEST_FILE_BYTES

_PIECE = 1_000_000
_SENT_AT_ONCE = 65_536
_IN_MEMORY = 2_000_000
_FORMATS = {"text/csv": CSV, "application/x-ndjson": NDJSON, "application/jsonl": NDJSON}
STATEMENTS = {
    "text/csv": "csv",
    "application/json": "json",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_CSV_EXAMPLE = (
    "bill_no,customer_code,customer_name,period,usage,amount_vnd,issued_on,due_on\r\n"
    "PC07-2026-11-000001,PA07TH0000001,Nguyễn Văn An,2026-11,250,636768,2026-12-05,2026-12-25\r\n"
)
_NDJSON_EXAMPLE = (
    '{"bill_no": "PC07-2026-11-000001", "customer_code": "PA07TH0000001", "customer_name": "Nguyễn Văn An", '
    '"period": "2026-11", "usage": 250, "amount_vnd": 636768, "issued_on": "2026-12-05", "due_on": "2026-12-25"}\n'
)
STATEMENT_DOCUMENTED = {
    "required": True,
    "description": "One line for each bill posted that day: bill_no, amount_vnd, receipt_no (or reference and "
    "amount_vnd for what the bank has advised). Other headings: see `putStatementLayout`. CSV with `,` or `;`; XLSX, "
    "first sheet; JSON, a list of objects or `items`. Amounts are whole đồng; 1.234.567 and 1,234,567 are "
    "read, nothing is guessed.",
    "content": {
        "text/csv": {
            "schema": {"type": "string", "minLength": 1},
            "example": "bill_no;amount_vnd;receipt_no\r\nPC07-2026-10-000001;636.768;PC07-R-000123\r\n",
        },
        "application/json": {
            "schema": {"type": "object"},
            "example": {
                "items": [
                    {"bill_no": "PC07-2026-10-000001", "amount_vnd": 636768, "receipt_no": "PC07-R-000123"},
                ]
            },
        },
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
            "schema": {"type": "string", "format": "binary"},
        },
    },
}
_COLUMNS = (
    "Needed: bill_no, customer_code, customer_name, period (YYYY-MM), amount_vnd, issued_on, due_on (YYYY-MM-DD). "
    "Also read: address, commune_code, usage, households, tariff_code, before_tax_vnd, vat_vnd, fee_vnd, reading_from, "
    "reading_to, reading_from_on, reading_to_on. Amounts are whole đồng without separators. One bill a line."
)
DOCUMENTED = {
    "required": True,
    "description": _COLUMNS,
    "content": {
        "text/csv": {"schema": {"type": "string", "minLength": 1}, "example": _CSV_EXAMPLE},
        "application/x-ndjson": {"schema": {"type": "string", "minLength": 1}, "example": _NDJSON_EXAMPLE},
    },
}


@dataclass(frozen=True)
class Upload:
    """A file that has arrived whole: its format, and the hash that tells it from another."""

    kind: str
    digest: str
    content: IO[bytes]

    def pieces(self) -> Iterator[bytes]:
        """The file in pieces of a megabyte, from the start."""
        self.content.seek(0)
        while piece := self.content.read(_PIECE):
            yield piece


class Written:
    """A file that is about to be sent: on disk, unless it is small."""

    def __init__(self) -> None:
        self._content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with the answer
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add a piece at the end."""
        self.size += self._content.write(piece)

    @property
    def pieces(self) -> Iterator[bytes]:
        """The file from its start, once: after its end it is forgotten."""
        with self._content:
            self._content.seek(0)
            while piece := self._content.read(_SENT_AT_ONCE):
                yield piece

    def close(self) -> None:
        """Forget it."""
        self._content.close()


def keep(pieces: Iterable[bytes]) -> Written:
    """Write a file piece by piece, to be sent when all of it is there; one that breaks off is forgotten."""
    written = Written()
    try:
        for piece in pieces:
            written.write(piece)
    except BaseException:
        written.close()
        raise
    return written


@contextmanager
def spool(
    media_type: str, length: int | None, stream: IO[bytes], formats: Mapping[str, str] = _FORMATS
) -> Iterator[Upload]:
    """Read an upload to its end in constant memory; it is forgotten at the end of the block.

    Raises FileTooLarge, and 415 for what is in none of the formats: CSV and NDJSON, unless others are named.
    """
    if media_type not in formats:
        raise UnsupportedMediaType
    if (length or 0) > LARGEST_FILE_BYTES:
        raise FileTooLarge
    digest, total = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
        while piece := stream.read(_PIECE):
            total += len(piece)
            if total > LARGEST_FILE_BYTES:
                raise FileTooLarge
            digest.update(piece)
            content.write(piece)
        yield Upload(formats[media_type], digest.hexdigest(), content)
