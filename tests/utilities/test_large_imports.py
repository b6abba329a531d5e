"""A month of a whole province in one file: read quickly, and in the memory of a small one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from kit.database import transaction
from services.utilities.models import Provider
from tests.payments.stories import rows

_LINES = 100_000
# A process of its own, so that the peak of memory is that of reading and of nothing before it.
_READER = """
import json, resource, sys, time
from kit import database
from kit.database import transaction
from services.utilities import flows, operations
from services.utilities.bill_file import CSV

url, provider_id, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
database.connect(url, statement_timeout_ms=30_000)

def pieces(count):
    yield b"bill_no,customer_code,customer_name,period,usage,tariff_code,amount_vnd,issued_on,due_on\\n"
    for start in range(0, count, 5_000):
        yield "".join(
            f"B-{n},PA07TH{n:07d},Nguy\\u1ec5n V\\u0103n An,2026-10,250,power-household-2025-05-10,636768,"
            "2026-11-05,2026-11-25\\n"
            for n in range(start, start + 5_000)
        ).encode()

def read(count):
    with transaction() as session:
        import_id = operations.start_local(session, provider_id, CSV, 0)
    flows.read_file(import_id, provider_id, CSV, pieces(count))
    with transaction() as session:
        return operations.get_import(session, import_id, provider_id).found

read(5_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.process_time()
done = read(count)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = {"state": done.state, "created": done.created, "unchanged": done.unchanged, "lines": done.lines_read}
print(json.dumps(told | {"cpu_seconds": time.process_time() - begun, "grown_kb": after - before}))
"""


@pytest.fixture
def swept_up(clean: None) -> Iterator[None]:
    """Empty tables afterwards, by TRUNCATE: whoever tidies up row by row would run into the statement timeout."""
    yield
    with transaction() as session:
        session.execute(text("TRUNCATE bill, customer CASCADE"))


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_hundred_thousand_bills_are_read_in_constant_memory(
    database_url: str, power: Provider, swept_up: None
) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", _READER, database_url, str(power.id), str(_LINES)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr[-2000:]
    told = json.loads(finished.stdout)
    assert (told["state"], told["created"], told["unchanged"], told["lines"]) == ("done", 95_000, 5_000, _LINES + 1)
    # Five thousand lines have shown how much it takes; ninety-five thousand more take no more than a few megabytes.
    assert told["grown_kb"] < 16_000
    # Eight seconds where it was measured; by the processor's time, because others may be at work on the machine.
    assert told["cpu_seconds"] < 30
    assert rows("SELECT count(*) FROM bill") == [(_LINES,)]
