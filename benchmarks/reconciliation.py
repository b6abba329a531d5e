"""Reconciliation: a ledger of posted bills against a statement of as many lines, and a month with planted faults."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from benchmarks.house import family
from benchmarks.memory import Watch
from kit import database, embedded, logs
from kit.database import transaction
from payments.models import MatchRun
from server import migrations
from services.utilities.operations import settlement
from tests.utilities import month, month_story
from tests.utilities.bulk import company

ROWS, PAYMENTS = 1_000_000, 100_000
# What is promised of a million rows on two cores.
MOST_SECONDS, MOST_MIB = 60, 500
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


@dataclass
class Matched:
    """What one comparison took: `database` and `ours` are the most that either has held, in MiB."""

    run: MatchRun
    seconds: float
    database: float
    ours: float
    together: float

    @property
    def rate(self) -> float:
        """Rows of the ledger in a second."""
        return self.run.ours / self.seconds


@dataclass
class Month:
    """What a month took step by step, in seconds; `flaws` is empty when everything was found, named and closed."""

    faults: int = 0
    steps: list[tuple[str, str]] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)


@contextmanager
def books() -> Iterator[embedded.EmbeddedServer]:
    """A server of its own, with its usual safety; what the house would log as errors are the planted faults."""
    logs.configure(key=secrets.token_bytes(32), level="CRITICAL")
    folder = Path(tempfile.mkdtemp(prefix="citizen-reconciliation-"))
    try:
        with embedded.start(folder / "postgres") as server:
            yield server
    finally:
        embedded.remove(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)


def match(server: embedded.EmbeddedServer, size: int) -> Matched:
    """Compare `size` rows of the ledger with as many lines of a statement."""
    with _connected(server, "rows"):
        provider, customer = company(month.SLUGS[0])
        with transaction() as session:
            for statement in (*map(text, _BILLS), _LINES, _ROWS):
                values = {"payee": provider.id, "customer": customer.id, "rows": size}
                session.execute(statement, {name: values[name] for name in statement.compile().params})
            session.execute(text("ANALYZE"))
        first = month.FIRST + timedelta(days=4)
        postmaster = server.pid
        if postmaster is None:
            raise RuntimeError("the server is down")
        # Ours without what has come from it: the server itself may be among that.
        with Watch({"database": lambda: family(postmaster), "ours": lambda: {os.getpid()}}) as watch:
            began = time.perf_counter()
            with transaction() as session:
                run = settlement.match_posted(session, provider.id, first, first + timedelta(days=5))
            took = time.perf_counter() - began
    return Matched(run, took, watch.peaks["database"], watch.peaks["ours"], watch.together)


def close_month(server: embedded.EmbeddedServer, size: int) -> Month:
    """The month of `size` payments as in the tests: faults of every class found, named and closed."""
    told = Month()
    with _connected(server, "month"), month_story.at_the_end_of_the_month():
        began = time.perf_counter()
        made = month_story.make_books(size)
        told.steps.append((f"{size:,} payments booked", f"{time.perf_counter() - began:.1f}"))

        def step(line: str) -> None:
            done, _, seconds = line.rpartition(": ")
            told.steps.append((done, seconds.removesuffix(" s")))

        story = month_story.Story(made, step)
        story.tell()
        told.faults, told.flaws = len(story.planted), story.flaws
    return told


@contextmanager
def _connected(server: embedded.EmbeddedServer, name: str) -> Iterator[None]:
    url = server.database(name)
    migrations.upgrade(url)
    database.connect(url, statement_timeout_ms=600_000)
    try:
        yield
    finally:
        database.disconnect()
