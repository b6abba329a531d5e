"""A report as a file, written row by row: JSON, CSV or XLSX, with the sums of its columns in the end."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Any

from services.utilities.remittance import BOM, CSV, JSON, MEDIA, NO_TIME, PARTS, XLSX, as_json, csv_row, flat, sheet

__all__ = ["CSV", "JSON", "MEDIA", "XLSX", "write"]
_XML = b'<?xml version="1.0" encoding="UTF-8"?>'

Row = Mapping[str, Any]


class _Sums:
    """Rows on their way through, and the sums of some of their columns."""

    def __init__(self, rows: Iterable[Row], summed: Sequence[str]) -> None:
        self._rows = rows
        self.totals: dict[str, int] = {"rows": 0, **dict.fromkeys(summed, 0)}

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            for name in self.totals:
                self.totals[name] += 1 if name == "rows" else row[name]
            yield row


def write(  # noqa: PLR0917 - what it says and where it goes
    kind: str,
    head: Mapping[str, Any],
    columns: Sequence[str],
    summed: Sequence[str],
    rows: Iterable[Row],
    out: IO[bytes],
) -> None:
    """Write a report to `out`: its head, a row at a time with `columns`, and the totals of the columns `summed`.

    Takes the memory of one row, however many there are.
    """
    _WRITERS[kind](head, columns, _Sums(rows, summed), out)


def _write_json(head: Mapping[str, Any], columns: Sequence[str], rows: _Sums, out: IO[bytes]) -> None:
    out.write(as_json(head)[:-1] + b',"rows":[')
    for number, row in enumerate(rows):
        out.write((b",\n" if number else b"\n") + as_json({name: row[name] for name in columns}))
    out.write(b'\n],"totals":' + as_json(rows.totals) + b"}\n")


def _write_csv(head: Mapping[str, Any], columns: Sequence[str], rows: _Sums, out: IO[bytes]) -> None:
    out.write(BOM.encode() + csv_row(columns))
    for row in rows:
        out.write(csv_row([row[name] for name in columns]))
    out.write(b"\r\n")
    for name, value in flat({**head, "totals": rows.totals}):
        out.write(csv_row([name, value]))


def _write_xlsx(head: Mapping[str, Any], columns: Sequence[str], rows: _Sums, out: IO[bytes]) -> None:
    table = chain([list(columns)], ([row[name] for name in columns] for row in rows))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in PARTS.items():
            _add(archive, name, [part])
        _add(archive, "xl/worksheets/sheet1.xml", sheet(table))
        pairs = flat({**head, "totals": rows.totals})
        _add(archive, "xl/worksheets/sheet2.xml", sheet(list(pair) for pair in pairs))


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterable[str]) -> None:
    info = zipfile.ZipInfo(name, NO_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as part:
        part.write(_XML)
        for piece in pieces:
            part.write(piece.encode())


_WRITERS: Mapping[str, Callable[[Mapping[str, Any], Sequence[str], _Sums, IO[bytes]], None]] = {
    JSON: _write_json,
    CSV: _write_csv,
    XLSX: _write_xlsx,
}
