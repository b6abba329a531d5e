"""Files of bills: received in pieces, written in batches, repeatable at any point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from kit import clock, events
from kit.database import new_id
from kit.errors import NotFound
from services.utilities.bill_file import BillRow, LineRefused
from services.utilities.errors import FileEmpty, FileTooLarge
from services.utilities.events import ImportRequested
from services.utilities.models import BillImport, BillImportError, BillImportPart, ImportState

LARGEST_FILE_BYTES = 64_000_000
BATCH = 1_000
_SHOWN_ERRORS = 1_000

# One statement for the customers of a batch and one for its bills: rows travel as one JSON text.
SAVE_CUSTOMERS = text("""
INSERT INTO customer (id, created_at, provider_id, code, name, address, commune_code)
SELECT r.customer_id, :now, :provider_id, r.customer_code, r.customer_name, r.address, r.commune_code
FROM jsonb_to_recordset(CAST(:rows AS jsonb))
  AS r(customer_id uuid, customer_code text, customer_name text, address text, commune_code text)
ORDER BY r.customer_code
ON CONFLICT (provider_id, code) DO UPDATE
  SET name = excluded.name, address = excluded.address, commune_code = excluded.commune_code
  WHERE (customer.name, customer.address, customer.commune_code)
    IS DISTINCT FROM (excluded.name, excluded.address, excluded.commune_code)
""")  # fmt: skip
SAVE_BILLS = text("""
INSERT INTO bill (id, created_at, provider_id, customer_id, bill_no, period, amount_vnd, before_tax_vnd, vat_vnd,
  fee_vnd, usage, reading, lines, tariff_code, issued_on, due_on, version, state)
SELECT r.id, :now, :provider_id, c.id, r.bill_no, r.period, r.amount_vnd, r.before_tax_vnd, r.vat_vnd, r.fee_vnd,
  r.usage, nullif(r.reading, 'null'), r.lines, r.tariff_code, r.issued_on, r.due_on, r.version, 'open'
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id uuid, customer_code text, bill_no text, period text,
  amount_vnd bigint, before_tax_vnd bigint, vat_vnd bigint, fee_vnd bigint, usage bigint, reading jsonb, lines jsonb,
  tariff_code text, issued_on date, due_on date, version text)
JOIN customer c ON c.provider_id = :provider_id AND c.code = r.customer_code
ORDER BY r.bill_no
ON CONFLICT (provider_id, bill_no) DO UPDATE
  SET customer_id = excluded.customer_id, period = excluded.period, amount_vnd = excluded.amount_vnd,
    before_tax_vnd = excluded.before_tax_vnd, vat_vnd = excluded.vat_vnd, fee_vnd = excluded.fee_vnd,
    usage = excluded.usage, reading = excluded.reading, lines = excluded.lines, tariff_code = excluded.tariff_code,
    issued_on = excluded.issued_on, due_on = excluded.due_on, version = excluded.version
  WHERE bill.state = 'open' AND bill.version <> excluded.version
RETURNING bill_no, xmax = 0 AS is_new
""")  # fmt: skip
_SAME_VERSION = text("""
SELECT bill_no, version FROM bill WHERE provider_id = :provider_id AND bill_no = ANY(:bill_nos)
""")


@dataclass(frozen=True)
class Progress:
    """An import with its first thousand refused lines."""

    found: BillImport
    errors: Sequence[BillImportError]


@dataclass
class Batch:
    """Up to a thousand lines of a file on their way into the database."""

    last_line: int = 0
    bills: dict[str, tuple[int, BillRow]] = field(default_factory=dict)
    refused: dict[int, LineRefused] = field(default_factory=dict)

    def add(self, line: int, read: BillRow | LineRefused) -> None:
        """Take one line; of two lines with the same bill number in a batch the second is refused."""
        self.last_line = line
        if isinstance(read, BillRow) and read.bill_no in self.bills:
            read = LineRefused("duplicate_bill_no", "bill_no")
        if isinstance(read, LineRefused):
            self.refused[line] = read
        else:
            self.bills[read.bill_no] = (line, read)

    def __len__(self) -> int:
        return len(self.bills) + len(self.refused)


def batches(lines: Iterable[tuple[int, BillRow | LineRefused]], after_line: int) -> Iterator[Batch]:
    """The lines of a file that come after one, a batch at a time."""
    batch = Batch()
    for line, read in lines:
        if line <= after_line:
            continue
        batch.add(line, read)
        if len(batch) >= BATCH:
            yield batch
            batch = Batch()
    if len(batch):
        yield batch


def receive(session: Session, provider_id: UUID, kind: str, pieces: Iterable[bytes]) -> UUID:
    """Store an uploaded file piece by piece and have it read later; returns the import's id.

    Raises FileTooLarge beyond 64 MB, FileEmpty for nothing.
    """
    import_id = new_id()
    session.execute(
        insert(BillImport).values(
            id=import_id,
            created_at=clock.now(),
            provider_id=provider_id,
            format=kind,
            state=ImportState.RECEIVED,
            bytes_total=0,
        )
    )
    total = 0
    for place, piece in enumerate(pieces):
        total += len(piece)
        if total > LARGEST_FILE_BYTES:
            raise FileTooLarge
        session.execute(insert(BillImportPart).values(import_id=import_id, place=place, content=piece))
    if total == 0:
        raise FileEmpty
    session.execute(update(BillImport).where(BillImport.id == import_id).values(bytes_total=total))
    events.emit(session, ImportRequested(import_id))
    return import_id


def start_local(session: Session, provider_id: UUID, kind: str, bytes_total: int) -> UUID:
    """Begin an import whose file lies on this machine and is read at once."""
    import_id = new_id()
    session.execute(
        insert(BillImport).values(
            id=import_id,
            created_at=clock.now(),
            provider_id=provider_id,
            format=kind,
            state=ImportState.RUNNING,
            bytes_total=bytes_total,
        )
    )
    return import_id


def get_import(session: Session, import_id: UUID, provider_id: UUID) -> Progress:
    """How far an import of that provider has come. Raises NotFound."""
    found = session.execute(
        select(BillImport).where(BillImport.id == import_id, BillImport.provider_id == provider_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    errors = session.execute(
        select(BillImportError)
        .where(BillImportError.import_id == import_id)
        .order_by(BillImportError.line)
        .limit(_SHOWN_ERRORS)
    )
    return Progress(found, errors.scalars().all())


def begin(session: Session, import_id: UUID) -> BillImport | None:
    """Start, or go on with, reading an import; None when it is over."""
    return session.execute(
        update(BillImport)
        .where(BillImport.id == import_id, BillImport.state.in_([ImportState.RECEIVED, ImportState.RUNNING]))
        .values(state=ImportState.RUNNING)
        .returning(BillImport)
    ).scalar_one_or_none()


def find_part(session: Session, import_id: UUID, place: int) -> bytes | None:
    """One piece of an uploaded file."""
    return session.execute(
        select(BillImportPart.content).where(BillImportPart.import_id == import_id, BillImportPart.place == place)
    ).scalar_one_or_none()


def save_batch(session: Session, import_id: UUID, provider_id: UUID, *, after_line: int, batch: Batch) -> bool:
    """Write a batch and note how far the file has come, in one transaction; False when another reader was faster.

    Or when the import was ended meanwhile.
    """
    values = {"provider_id": provider_id, "now": clock.now()}
    advanced = session.execute(
        update(BillImport)
        .where(BillImport.id == import_id, BillImport.lines_read == after_line, BillImport.state == ImportState.RUNNING)
        .values(lines_read=batch.last_line)
        .returning(BillImport.id)
    ).scalar_one_or_none()
    if advanced is None:
        return False
    bills = [bill for _line, bill in batch.bills.values()]
    customers = {bill.customer_code: customer_values(bill) for bill in bills}
    session.execute(SAVE_CUSTOMERS, {**values, "rows": orjson.dumps(list(customers.values())).decode()})
    saved = session.execute(
        SAVE_BILLS, {**values, "rows": orjson.dumps([bill_values(bill) for bill in bills]).decode()}
    )
    written = {row.bill_no: row.is_new for row in saved}
    left = [bill_no for bill_no in batch.bills if bill_no not in written]
    known = session.execute(_SAME_VERSION, {"provider_id": provider_id, "bill_nos": left}) if left else ()
    stored = {row.bill_no: row.version for row in known}
    changed_too_late = [
        batch.bills[bill_no] for bill_no in left if stored.get(bill_no) != batch.bills[bill_no][1].version
    ]
    for line, _bill in changed_too_late:
        batch.refused[line] = LineRefused("bill_not_open", "bill_no")
    if batch.refused:
        session.execute(
            insert(BillImportError),
            [
                {"import_id": import_id, "line": line, "code": refusal.code, "field": refusal.field}
                for line, refusal in sorted(batch.refused.items())
            ],
        )
    session.execute(
        update(BillImport)
        .where(BillImport.id == import_id)
        .values(
            created=BillImport.created + sum(written.values()),
            changed=BillImport.changed + len(written) - sum(written.values()),
            unchanged=BillImport.unchanged + len(batch.bills) - len(written) - len(changed_too_late),
            refused=BillImport.refused + len(batch.refused),
        )
    )
    return True


def finish(session: Session, import_id: UUID, state: ImportState, reason: str | None = None) -> None:
    """End an import and drop the uploaded pieces, which are bills with names and need not be kept twice."""
    session.execute(
        update(BillImport)
        .where(BillImport.id == import_id, BillImport.state == ImportState.RUNNING)
        .values(state=state, reason=reason, finished_at=clock.now())
    )
    session.execute(delete(BillImportPart).where(BillImportPart.import_id == import_id))


def bill_values(bill: BillRow) -> dict[str, Any]:
    """A bill as SAVE_BILLS takes it."""
    return {**vars(bill), "version": bill.version, "id": str(new_id())}


def customer_values(bill: BillRow) -> dict[str, Any]:
    """The customer of a bill as SAVE_CUSTOMERS takes it."""
    names = ("customer_code", "customer_name", "address", "commune_code")
    return {"customer_id": str(new_id())} | {name: getattr(bill, name) for name in names}
