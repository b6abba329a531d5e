"""Measure reconciliation: `python -m benchmarks.reconciliation [--rows N] [--payments N]`.

A ledger of N posted bills against a statement of N lines, and a month of payments with planted faults.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from kit import database, embedded
from kit.database import transaction
from payments.models import MatchRun
from server import migrations
from services.utilities.operations import settlement
from tests.utilities import month, month_story
from tests.utilities.bulk import company

_LINES = text("""
INSERT INTO statement (id, created_at, payee_id, way, business_day, revision, current, format, file_hash, content_hash,
  read, accepted, refused, amount_vnd, added, removed, errors)
SELECT CAST(md5(CAST(day AS text)) AS uuid), now(), :payee, 'provider', day, 1, true, 'csv', '', '', n, n, 0, 0, n, 0,
  '[]'
FROM (SELECT CAST((posted_at AT TIME ZONE 'Asia/Ho_Chi_Minh') + interval '7 hours' AS date) AS day, count(*) AS n
      FROM payment_item GROUP BY 1) d
""")
_ROWS = text("""
INSERT INTO statement_row (statement_id, line, key, amount_vnd)
SELECT CAST(md5(CAST(day AS text)) AS uuid), row_number() OVER (ORDER BY md5(bill_no)), bill_no, amount_vnd
FROM (SELECT b.bill_no, b.amount_vnd,
        CAST((i.posted_at AT TIME ZONE 'Asia/Ho_Chi_Minh') + interval '7 hours' AS date) AS day
      FROM payment_item i JOIN bill b ON b.id = i.subject_id) x
""")
_BILLS = (
    """
INSERT INTO bill (id, created_at, provider_id, customer_id, bill_no, period, amount_vnd, before_tax_vnd, vat_vnd,
  fee_vnd, usage, lines, issued_on, due_on, version, state)
SELECT CAST(md5('bill' || n) AS uuid), now(), :payee, :customer, 'B-' || n, '2026-10', 50000 + n % 900000, 0, 0, 0, 0,
  '[]', '2026-10-01', '2026-10-31', '1', 'paid' FROM generate_series(1, :rows) n
""",
    """
INSERT INTO payment (id, created_at, citizen_id, holder_id, amount_vnd, captured_vnd, refunded_vnd, disputed, state,
  state_since, settlement, version)
VALUES (CAST(md5('payment') AS uuid), now(), CAST(md5('c') AS uuid), CAST(md5('c') AS uuid), 1, 1, 0, false, 'captured',
  now(), 'unsettled', 1)
""",
    """
INSERT INTO payment_item (id, created_at, payment_id, payee_id, subject_id, amount_vnd, label_vi, label_en, live, taken,
  posting, posting_attempts, receipt_no, posted_at, refunded_vnd)
SELECT CAST(md5('item' || n) AS uuid), now(), CAST(md5('payment') AS uuid), :payee, CAST(md5('bill' || n) AS uuid),
  50000 + n % 900000, '', '', true, true, 'posted', 1, 'R',
  TIMESTAMPTZ '2026-10-05 12:00+07' + n % 5 * interval '1 day', 0
FROM generate_series(1, :rows) n
""",
)


def main() -> int:
    """Run both and print what was seen."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.reconciliation", description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000, help="of the ledger, and of the statement")
    options.add_argument("--payments", type=int, default=100_000, help="of the month; 0 leaves it out")
    asked = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="citizen-reconciliation-"))
    try:
        with embedded.start(folder / "postgres", durable=False) as server:
            for name, work, size in (("rows", _rows, asked.rows), ("month", _month, asked.payments)):
                if size:
                    url = server.database(name)
                    migrations.upgrade(url)
                    engine = database.connect(url, statement_timeout_ms=600_000)
                    work(size)
                    engine.dispose()
    finally:
        embedded.remove(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _rows(size: int) -> None:
    provider, customer = company(month.SLUGS[0])
    with transaction() as session:
        for statement in (*map(text, _BILLS), _LINES, _ROWS):
            values = {"payee": provider.id, "customer": customer.id, "rows": size}
            session.execute(statement, {name: values[name] for name in statement.compile().params})
        session.execute(text("ANALYZE"))
    first = month.FIRST + timedelta(days=4)
    began = time.perf_counter()
    with transaction() as session:
        run: MatchRun = settlement.match_posted(session, provider.id, first, first + timedelta(days=5))
        peak = _server_memory(session.scalar(text("SELECT pg_backend_pid()")) or 0)
    took = time.perf_counter() - began
    _say(
        f"{run.ours:,} ledger rows against {run.theirs:,} of a statement: {took:.1f} s, {run.ours / took:,.0f} rows/s, "
        f"{run.matched:,} matched; the server's process {peak:.0f} MB, ours {_own_memory():.0f} MB at most"
    )


def _month(size: int) -> None:
    """The month of `size` payments as in the tests: faults of every class found, named and closed."""
    with month_story.at_the_end_of_the_month():
        began = time.perf_counter()
        books = month_story.make_books(size)
        _say(f"a month of {size:,} payments: built in {time.perf_counter() - began:.1f} s")
        story = month_story.Story(books, lambda line: _say(f"  {line}"))
        began = time.perf_counter()
        story.tell()
        took = time.perf_counter() - began
    verdict = "every fault found, named and closed; no false alarm; no đồng unexplained"
    if story.flaws:
        _say("\n".join(story.flaws))
        raise SystemExit("the month does not close")
    _say(f"  {len(story.planted):,} faults in {took:.1f} s: {verdict}")


def _server_memory(pid: int) -> float:
    """The most that a process of the server has held, in MB; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _own_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(line: str) -> None:
    sys.stdout.write(f"{line}{os.linesep}")


if __name__ == "__main__":
    raise SystemExit(main())
