"""What PostgreSQL itself can do: pgbench running the SQL of payBills on the same server and schema, without us."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.house import House
from benchmarks.statements import FIRST_NUMBER, Script


@dataclass(frozen=True)
class Baseline:
    """Payments a second that the SQL alone allows, and which tool ran it."""

    tool: str
    rate: float


def run(house: House, script: Script, *, clients: int, each: int) -> Baseline:
    """Run the script on a copy of the house's database; nobody else may be connected to that."""
    name = "baseline"
    with psycopg.connect(house.database_url, dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE citizen").format(sql.Identifier(name)))
    url = make_conninfo(house.database_url, dbname=name)
    with psycopg.connect(url, autocommit=True) as database:
        _make_bills(database, script, clients=clients, each=each)
        database.execute("VACUUM ANALYZE")
        before = _payments(database)
        file = house.folder / "pay_bills.sql"
        file.write_text(script.text, encoding="utf-8")
        program = shutil.which("pgbench")
        if program is not None:
            baseline = Baseline("pgbench", _pgbench(program, url, file, clients, each))
        else:
            baseline = Baseline("psycopg (pgbench is not installed)", _psycopg(url, script, clients, each))
        if _payments(database) - before != clients * each:
            raise RuntimeError("the script did not make every payment")
    return baseline


def _payments(database: psycopg.Connection) -> int:
    row = database.execute("SELECT count(*) FROM payment").fetchone()
    return int(row[0]) if row else 0


def _make_bills(database: psycopg.Connection, script: Script, *, clients: int, each: int) -> None:
    columns = [
        column
        for (column,) in database.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'bill' ORDER BY ordinal_position"
        )
        if column not in {"id", "bill_no", "state", "payment_id"}
    ]
    copied = sql.SQL(", ").join(map(sql.Identifier, columns))
    database.execute(
        sql.SQL(
            "INSERT INTO bill (id, bill_no, state, {copied})"
            " SELECT ({prefix} || n)::uuid, 'PGBENCH-' || n, 'open', {copied} FROM bill,"
            " LATERAL (SELECT {first} + client * 10000000 + nth AS n FROM generate_series(0, {clients} - 1) client,"
            " generate_series(0, {each} - 1) nth) numbers WHERE bill.id = {like}"
        ).format(
            copied=copied, prefix=sql.Literal(script.bill_ids), first=sql.Literal(FIRST_NUMBER),
            clients=sql.Literal(clients), each=sql.Literal(each), like=sql.Literal(script.like),
        )
    )  # fmt: skip


def _pgbench(program: str, url: str, file: Path, clients: int, each: int) -> float:
    command = [
        *(program, "--no-vacuum", "--protocol=prepared", "--file", str(file), "--define", "i=0"),
        *("--client", str(clients), "--jobs", "2", "--transactions", str(each), url),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode or rate is None:
        raise RuntimeError(f"pgbench: {done.stderr[-2000:]}")
    return float(rate[1])


def _psycopg(url: str, script: Script, clients: int, each: int) -> float:
    def work(client: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for nth in range(each):
                number = str(FIRST_NUMBER + client * 10_000_000 + nth)
                for statement in script.statements:
                    connection.execute(statement.replace("%", "%%").replace(":n)", f"'{number}')").encode())

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))
    return clients * each / (time.perf_counter() - began)
