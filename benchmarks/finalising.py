"""Finalising a payment: the one transaction that books taken money, by our code and by pgbench with the same SQL."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.house import House
from benchmarks.load import Measured
from benchmarks.statements import FIRST_NUMBER, Script, script_of
from kit import database
from kit.database import transaction
from payments import operations
from payments.gateway_answers import Intent

_AMOUNT_VND = 636_768
_WARM_UP = 20
_OURS = "01a00000-0000-7000-8000-"
_PREPARE = """
WITH numbers AS (SELECT {first} + client * 10000000 + nth AS n
                 FROM generate_series(0, {clients} - 1) client, generate_series(0, {each} - 1) nth),
made AS (
  INSERT INTO payment (id, created_at, citizen_id, holder_id, amount_vnd, capture_vnd, captured_vnd, state, state_since,
                       version)
  SELECT ({prefix} || n)::uuid, now(), {citizen}, {citizen}, {amount}, {amount}, 0, 'capturing', now(), 1
  FROM numbers RETURNING id)
INSERT INTO payment_item (id, created_at, payment_id, payee_id, subject_id, amount_vnd, label_vi, label_en, live, taken,
                          posting, posting_attempts)
SELECT gen_random_uuid(), now(), id, {payee}, gen_random_uuid(), {amount}, '', '', true, false, 'pending', 0 FROM made
"""


@dataclass(frozen=True)
class Finalised:
    """What our code took, and what pgbench took for the same statements."""

    ours: Measured
    alone: Measured
    script: Script


def finalise(house: House, *, clients: int, each: int) -> Finalised:
    """Book `each` captures in every one of that many threads; then let pgbench run the very statements.

    Nobody else may be connected to the house's database.
    """
    os.environ.update(house.environment, DATABASE_POOL_SIZE=str(clients))
    from server.app import create_app  # noqa: PLC0415 - it reads the environment

    create_app()
    logging.disable(logging.WARNING)
    with house.database() as admin:
        _prepare(admin, _OURS, clients=clients, each=each + _WARM_UP + 2)
    ours = [[_id(_OURS, client, nth) for nth in range(each + _WARM_UP + 2)] for client in range(clients)]
    script = _read(house, [ids.pop() for ids in ours for _ in range(2)])
    _drive([[ids.pop() for _ in range(_WARM_UP)] for ids in ours])
    measured = _drive([ids[:each] for ids in ours])
    database.disconnect()
    return Finalised(measured, _pgbench(house, script, clients=clients, each=each), script)


def _id(prefix: str, client: int, nth: int) -> UUID:
    return UUID(f"{prefix}{FIRST_NUMBER + client * 10_000_000 + nth}")


def _prepare(admin: psycopg.Connection, prefix: str, *, clients: int, each: int) -> None:
    numbers = {"first": FIRST_NUMBER, "clients": clients, "each": each, "amount": _AMOUNT_VND}
    names = {"prefix": prefix, "citizen": uuid4(), "payee": uuid4()}
    values = {name: sql.Literal(value) for name, value in (numbers | names).items()}
    admin.execute(sql.SQL(_PREPARE).format(**values))
    admin.commit()


def _book(payment_id: UUID) -> None:
    intent = Intent(
        id=f"pi_{payment_id}",
        status="succeeded",
        amount_vnd=_AMOUNT_VND,
        received_vnd=_AMOUNT_VND,
        currency="vnd",
        payment_id=payment_id,
        client_secret=None,
        redirect_url=None,
        decline=None,
        charge_id=f"ch_{payment_id}",
    )
    with transaction() as session:
        operations.apply_intent(session, payment_id, intent)


def _drive(orders: Sequence[Sequence[UUID]]) -> Measured:
    start, measured = Barrier(len(orders) + 1), Measured()

    def work(ids: Sequence[UUID]) -> list[float]:
        start.wait()
        taken = []
        for payment_id in ids:
            began = time.perf_counter()
            _book(payment_id)
            taken.append(time.perf_counter() - began)
        return taken

    with ThreadPoolExecutor(len(orders)) as pool:
        threads = [pool.submit(work, ids) for ids in orders]
        start.wait()
        began = time.perf_counter()
        for thread in threads:
            measured.latencies += thread.result()
        measured.seconds = time.perf_counter() - began
    return measured


def _read(house: House, payment_ids: list[UUID]) -> Script:
    *warm_up, first, second = payment_ids
    for payment_id in warm_up:
        _book(payment_id)
    return script_of(house, lambda: _book(first), lambda: _book(second), known=str(first))


def _pgbench(house: House, script: Script, *, clients: int, each: int) -> Measured:
    program = shutil.which("pgbench")
    if program is None:
        raise RuntimeError("pgbench is not installed")
    with psycopg.connect(house.database_url, dbname="postgres", autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS finalising")
        admin.execute("CREATE DATABASE finalising TEMPLATE citizen")
    url = make_conninfo(house.database_url, dbname="finalising")
    with psycopg.connect(url) as copy:
        _prepare(copy, script.bill_ids, clients=clients, each=each)
        (before,) = copy.execute("SELECT count(*) FROM journal").fetchone() or (0,)
    with psycopg.connect(url, autocommit=True) as copy:
        copy.execute("VACUUM ANALYZE")
    folder = house.folder / "finalising"
    folder.mkdir(exist_ok=True)
    file = folder / "finalise.sql"
    file.write_text(script.text, encoding="utf-8")
    command = [
        *(program, "--no-vacuum", "--protocol=prepared", "--file", str(file), "--define", "i=0", "--log"),
        *("--client", str(clients), "--jobs", "2", "--transactions", str(each), url),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"pgbench: {done.stderr[-2000:]}")
    with psycopg.connect(url) as copy:
        (after,) = copy.execute("SELECT count(*) FROM journal").fetchone() or (0,)
    if after - before != clients * each:
        raise RuntimeError("the script did not book every payment")
    # client, number, microseconds, script, end in seconds, and its microseconds
    lines = [line.split() for log in folder.glob("pgbench_log.*") for line in log.read_text().splitlines()]
    ends = [int(line[4]) + int(line[5]) / 1e6 for line in lines]
    began = min(end - int(line[2]) / 1e6 for end, line in zip(ends, lines, strict=True))
    return Measured(seconds=max(ends) - began, latencies=[int(line[2]) / 1e6 for line in lines])
