"""Measure: `python -m benchmarks.schools --their-python VENV/bin/python`; see benchmarks/README.md."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import divisions.operations
from kit import embedded
from kit.database import sqlalchemy_url
from sample.schools import Commune, draw
from server import migrations
from services.education.operations import writing
from services.education.operations.writing import Author

ROOT = Path(__file__).parents[2]
PROCESSES, THREADS, CONNECTIONS = 2, 4, 8
PROVINCES, LEVELS = ("38", "37", "33", "25", "24"), ("primary", "lower_secondary", "kindergarten", "upper_secondary")
QUESTIONS = [f"?province={province}&level={level}&limit=20" for province in PROVINCES for level in LEVELS]
OURS, UNKEPT = "ours", "ours, keeping no answers"
FASTAPI, DJANGO = "FastAPI + SQLAlchemy (async)", "Django REST framework"
# What a framework's own list would read: the same facts in plain columns, with the same index.
PLAIN = """
CREATE TABLE bench_school AS
SELECT id, name, state, ARRAY(SELECT jsonb_array_elements(facts->'levels')->>'level') AS levels,
  facts->>'ownership' AS ownership, ARRAY(SELECT jsonb_array_elements_text(facts->'programmes')) AS programmes,
  commune_code, commune_name, province_code, province_name, facts->'campuses'->0->>'address' AS address, lat, lon,
  (facts->'national_standard'->>'level')::int AS standard_level, standard_until,
  (facts->>'is_example')::boolean AS is_example, sort_key
FROM school WHERE is_listed;
ALTER TABLE bench_school ADD PRIMARY KEY (id);
CREATE INDEX ON bench_school (province_code, sort_key, id);
ANALYZE;
"""


def main() -> int:
    """Run the three in turn, several times, and print a table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.schools", description=__doc__)
    options.add_argument("--their-python", type=Path, required=True, help="of the venv with requirements.txt")
    options.add_argument("--schools", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=3.0, help="of each run")
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    folder = Path(tempfile.mkdtemp(prefix="schools-bench-"))
    try:
        with embedded.start(folder / "postgres") as postgres:
            url = postgres.database("citizen")
            fill(url, asked.schools)
            measure(url, folder, asked)
    finally:
        embedded.remove(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def fill(url: str, count: int) -> None:
    """Schools over the communes of the sample, and the plain table of the others."""
    migrations.upgrade(url)
    engine = create_engine(sqlalchemy_url(url))
    with Session(engine) as session:
        divisions.operations.seed(session, ROOT / "sample")
        rows = session.execute(text("SELECT code, name, parent_code FROM unit WHERE level = 'commune'")).all()
        communes = [Commune(row.code, row.name, row.parent_code, 20.0, 105.8) for row in rows]
        schools = list(draw(communes, count))
        writing.create_schools(
            session, [facts for _, facts in schools], Author("benchmark"), [key for key, _ in schools]
        )
        session.commit()
        for statement in PLAIN.split(";")[:-1]:
            session.execute(text(statement))
        session.commit()
    engine.dispose()


def measure(url: str, folder: Path, asked: argparse.Namespace) -> None:
    """The three after each other, so that the machine's moods fall on all alike; the medians count."""
    rates: dict[str, list[float]] = {OURS: [], UNKEPT: [], FASTAPI: [], DJANGO: []}
    costs: dict[str, list[float]] = {name: [] for name in rates}
    items: dict[str, object] = {}
    for _ in range(asked.rounds):
        for name, serve in servers(url, folder, asked.their_python).items():
            with serve() as (port, path, process):
                answers = [json.loads(ask_once(port, path + question))["items"] for question in QUESTIONS]
                items[name] = [[without_extras(one) for one in answer] for answer in answers]
                drive(port, path, 0.5)
                before = cpu_seconds(process)
                count, seconds = drive(port, path, asked.seconds)
                rates[name].append(count / seconds)
                costs[name].append((cpu_seconds(process) - before) / count * 1e6)
    if any(items[name] != items[OURS] for name in items):
        raise RuntimeError("they do not answer alike")
    say(
        f"{asked.schools} schools, {len(QUESTIONS)} lists of 20 in turn, {PROCESSES} processes each, "
        f"{CONNECTIONS} connections, load average"
    )
    say(f"{os.getloadavg()[0]:.1f} at the end; medians of {asked.rounds} interleaved runs of {asked.seconds:g} s\n")
    say("| | requests/s | CPU of the server a request, µs | ours / theirs, requests | ours / theirs, CPU |")
    say("| --- | ---: | ---: | ---: | ---: |")
    rate, cost = (statistics.median(one[OURS]) for one in (rates, costs))
    for name, measured in rates.items():
        own_rate, own_cost = statistics.median(measured), statistics.median(costs[name])
        say(f"| {name} | {own_rate:.0f} | {own_cost:.0f} | {rate / own_rate:.1f} | {own_cost / cost:.1f} |")


def servers(url: str, folder: Path, their_python: Path) -> dict[str, Callable[[], object]]:
    """How to start each of the three."""
    parts = urlsplit(url)
    where = parse_qs(parts.query)
    host, port = where["host"][0], where["port"][0]
    database = parts.path.lstrip("/")
    theirs = os.environ | {
        "BENCH_URL_ASYNCPG": f"postgresql+asyncpg://{parts.username}@/{database}?host={host}&port={port}",
        "BENCH_DATABASE": database,
        "BENCH_HOST": host,
        "BENCH_PORT": port,
        "BENCH_USER": parts.username or "",
        "PYTHONPATH": str(ROOT / "benchmarks" / "schools"),
    }
    mine = os.environ | settings(url, folder) | {"PYTHONPATH": str(ROOT)}
    return {
        UNKEPT: lambda: running(
            Path(sys.executable),
            "benchmarks.schools.unkept:create_app",
            "wsgi",
            "/v1/education/schools",
            mine,
            factory=True,
        ),
        OURS: lambda: running(
            Path(sys.executable), "server.app:create_app", "wsgi", "/v1/education/schools", mine, factory=True
        ),
        FASTAPI: lambda: running(their_python, "fastapi_app:app", "asgi", "/schools", theirs),
        DJANGO: lambda: running(their_python, "django_app:application", "wsgi", "/schools", theirs),
    }


def settings(url: str, folder: Path) -> dict[str, str]:
    """What our own web server needs to know; nothing outside is ever asked."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = folder / "signing.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    return {
        "DATABASE_URL": url,
        "BASE_URL": "http://127.0.0.1:8000",
        "SANDBOX_URL": "http://127.0.0.1:1",
        "SIGNING_KEY_FILE": str(file),
        "REQUESTS_PER_MINUTE": "100000000",
        **{
            name: b64encode(secrets.token_bytes(32)).decode() for name in ("SECRET_KEY", "VAULT_KEY", "VAULT_INDEX_KEY")
        },
    }


@contextmanager
def running(
    python: Path, app: str, interface: str, path: str, environment: dict[str, str], *, factory: bool = False
) -> Iterator[tuple[int, str, subprocess.Popen[bytes]]]:
    """A Granian with the application, ready to answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "granian", app, "--interface", interface, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(PROCESSES), "--no-access-log", "--log-level", "error"]
    command += ["--blocking-threads", str(THREADS)] if interface == "wsgi" else []
    command += ["--factory"] if factory else []
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=said)
        try:
            wait_for(port, process)
            yield port, path, process
        except RuntimeError as exc:
            said.seek(0)
            raise RuntimeError(f"{exc}\n{said.read().decode()[-3000:]}") from exc
        finally:
            process.terminate()
            process.wait(20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens; raises RuntimeError when nobody does."""
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            time.sleep(1)  # the other process of it
            return
    raise RuntimeError("the server does not listen")


def request_of(path: str) -> bytes:
    """The bytes of one request on a connection that stays open."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: application/json\r\n\r\n".encode()


def read_answer(connection: socket.socket, buffer: bytearray) -> bytes:
    """One whole answer; raises RuntimeError unless it is 200."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        buffer += connection.recv(65536)
    head = bytes(buffer[:end]).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(head.decode())
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    while len(buffer) < end + 4 + length:
        buffer += connection.recv(65536)
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    return body


def ask_once(port: int, path: str) -> bytes:
    """The body of one answer."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request_of(path))
        return read_answer(connection, bytearray())


def drive(port: int, path: str, seconds: float) -> tuple[int, float]:
    """How many answers the connections get in a time, one after the other on each."""
    counts = [0] * CONNECTIONS
    requests = [request_of(path + question) for question in QUESTIONS]
    began = time.perf_counter()

    def ask(number: int) -> None:
        buffer = bytearray()
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            while time.perf_counter() - began < seconds:
                connection.sendall(requests[(number + counts[number]) % len(requests)])
                read_answer(connection, buffer)
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts), time.perf_counter() - began


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """CPU time of a server and its worker processes, without the database."""
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(folder.name) == process.pid or int(fields[1]) == process.pid:
                total += (int(fields[11]) + int(fields[12])) / tick
    return total


def without_extras(item: dict[str, object]) -> dict[str, object]:
    """Only we tell whether a standard has expired."""
    return {name: value for name, value in item.items() if name != "standard_is_expired"}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
