"""Measure: `python -m benchmarks.tourism --their-python VENV/bin/python`; see benchmarks/README.md."""

from __future__ import annotations

import argparse
import json
import os
import re
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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import auth.operations
import services.tourism.operations as tourism
from auth.organisation_models import OrganisationKind
from kit import embedded
from kit.database import sqlalchemy_url
from sample import many_guides
from server import migrations
from services.tourism.operations import Asked, finding

ROOT = Path(__file__).parents[2]
PROCESSES, THREADS, CONNECTIONS, COUNT = 2, 4, 8, 50_000
CATEGORIES = ("pagoda", "temple", "museum", "viewpoint")
QUESTIONS = [
    f"near={(south + north) / 2:.4f},{(west + east) / 2:.4f}&radius=30000&category={category}&limit=20"
    for _name, south, north, west, east in many_guides.PROVINCES.values()
    for category in CATEGORIES
]
UNKEPT, OURS, KNOWN = "ours, keeping no answers", "ours", "ours, 304"
BARE, FASTAPI, DJANGO = "a bare Flask view, the same bytes", "FastAPI + SQLAlchemy (async)", "Django REST framework"
# What a framework's own list would read: the same facts in plain columns, with the same index.
PLAIN = """
CREATE TABLE bench_guide AS
SELECT g.id, g.slug, g.short_code, g.kind, g.category_code AS category, g.tags, g.heritage_rank,
  c.card::jsonb->>'title' AS title, c.card::jsonb->>'summary' AS summary,
  c.card::jsonb->>'content_language' AS content_language, c.card::jsonb->'field_languages' AS field_languages,
  ARRAY(SELECT jsonb_array_elements_text(c.card::jsonb->'missing_languages')) AS missing_languages, g.lat, g.lon,
  g.commune_code, g.address->>'commune' AS commune, g.address->>'province' AS province, g.is_free, g.is_accessible,
  g.version
FROM guide g JOIN guide_card c ON c.guide_id = g.id AND c.lang = 'vi';
ALTER TABLE bench_guide ADD PRIMARY KEY (id);
CREATE INDEX ON bench_guide (category, lat, lon);
ANALYZE;
"""
# Only we tell what is true right now.
MOVING = ("open_now", "next_change_at", "temporarily_closed", "advisory")


@dataclass(frozen=True)
class Server:
    """Whom to ask: how it is started, by which path, and whether with the ETag of the answer in hand."""

    start: Callable[[], AbstractContextManager[tuple[int, subprocess.Popen[bytes]]]]
    path: str
    knows: bool = False


def main() -> int:
    """Run all in turn, several times, and print a table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.tourism", description=__doc__)
    options.add_argument("--their-python", type=Path, required=True, help="of the venv with requirements.txt")
    options.add_argument("--guides", type=int, default=COUNT)
    options.add_argument("--seconds", type=float, default=3.0, help="of each run")
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    folder = Path(tempfile.mkdtemp(prefix="tourism-bench-"))
    try:
        with embedded.start(folder / "postgres") as postgres:
            url = postgres.database("citizen")
            fill(url, asked.guides)
            measure(url, folder, asked)
    finally:
        embedded.remove(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def fill(url: str, count: int) -> None:
    """Guides over five provinces, and the plain table of the others."""
    migrations.upgrade(url)
    engine = create_engine(sqlalchemy_url(url))
    with Session(engine) as session:
        names = {"name_vi": "x", "name_en": "x", "parent_code": None}
        tourism.save_categories(session, [{"code": code, **names} for code in many_guides.CATEGORIES])
        office = auth.operations.create_organisation(
            session, kind=OrganisationKind.TOURISM_OFFICE, slug="bench", name_vi="Sở", name_en="Office"
        )
        began = time.perf_counter()
        tourism.publish_many(session, office.id, many_guides.draw(count))
        session.commit()
        say(f"{count} guides drawn and published in {time.perf_counter() - began:.1f} s")
        for statement in PLAIN.split(";")[:-1]:
            session.execute(text(statement))
        session.commit()
        if count >= COUNT:  # of few guides the whole table is read faster
            check_plans(session)
    engine.dispose()


def check_plans(session: Session) -> None:
    """Each kind of question is answered by its index; raises RuntimeError where it is not."""
    here = (20.25, 105.92)
    for index, asked in (
        ("ix_guide_near", Asked("vi", {"category": "pagoda"}, near=here, radius=10_000.0)),
        ("ix_guide_box", Asked("vi", {}, near=here, radius=3_000.0)),
        ("ix_guide_text_search", Asked("vi", {}, q="chua bich long 17")),
    ):
        plan = finding.plan_of(session, asked)
        if not any(index in line for line in plan):
            raise RuntimeError(f"{index} is not used:\n" + "\n".join(plan))
        say(f"{index}: {plan[-1]}")


def measure(url: str, folder: Path, asked: argparse.Namespace) -> None:
    """One after the other, so that the machine's moods fall on all alike; the medians count."""
    all_of_them = servers(url, folder, asked.their_python)
    rates: dict[str, list[float]] = {name: [] for name in all_of_them}
    costs: dict[str, list[float]] = {name: [] for name in all_of_them}
    items: dict[str, object] = {}
    for _ in range(asked.rounds):
        for name, whom in all_of_them.items():
            with whom.start() as (port, process):
                answers = [ask_once(port, f"{whom.path}?{question}") for question in QUESTIONS]
                bodies = [body for _tag, body in answers]
                if name == UNKEPT:
                    told = dict(zip(QUESTIONS, (body.decode() for body in bodies), strict=True))
                    (folder / "bodies.json").write_text(json.dumps(told))
                items[name] = [[without_moving(one) for one in json.loads(body)["items"]] for body in bodies]
                requests = [
                    request_of(f"{whom.path}?{question}", tag if whom.knows else None)
                    for question, (tag, _body) in zip(QUESTIONS, answers, strict=True)
                ]
                drive(port, requests, 0.5)
                before = cpu_seconds(process)
                count, seconds = drive(port, requests, asked.seconds)
                rates[name].append(count / seconds)
                costs[name].append((cpu_seconds(process) - before) / count * 1e6)
    if any(items[name] != items[OURS] or len(items[name][0]) != 20 for name in items):
        raise RuntimeError("they do not answer alike")
    say(f"{asked.guides} guides, {len(QUESTIONS)} lists of the 20 nearest of a category in turn, {PROCESSES} processes")
    say(f"each, {CONNECTIONS} connections; medians of {asked.rounds} interleaved runs of {asked.seconds:g} s;")
    say(f"load average {os.getloadavg()[0]:.1f} at the end\n")
    say("| | requests/s | CPU of the server a request, µs | ours / theirs, requests | ours / theirs, CPU |")
    say("| --- | ---: | ---: | ---: | ---: |")
    rate, cost = (statistics.median(one[OURS]) for one in (rates, costs))
    for name, measured in rates.items():
        own_rate, own_cost = statistics.median(measured), statistics.median(costs[name])
        say(f"| {name} | {own_rate:.0f} | {own_cost:.0f} | {rate / own_rate:.1f} | {own_cost / cost:.1f} |")


def servers(url: str, folder: Path, their_python: Path) -> dict[str, Server]:
    """How to start and ask each of them."""
    parts = urlsplit(url)
    where = parse_qs(parts.query)
    host, port = where["host"][0], where["port"][0]
    database = parts.path.lstrip("/")
    apart = os.environ | {
        "BENCH_URL_ASYNCPG": f"postgresql+asyncpg://{parts.username}@/{database}?host={host}&port={port}",
        "BENCH_DATABASE": database,
        "BENCH_HOST": host,
        "BENCH_PORT": port,
        "BENCH_USER": parts.username or "",
        "BENCH_BODIES": str(folder / "bodies.json"),
        "PYTHONPATH": str(ROOT / "benchmarks" / "tourism"),
    }
    mine = os.environ | settings(url, folder) | {"PYTHONPATH": str(ROOT)}
    here, ours = Path(sys.executable), "/v1/tourism/guides"

    def our_own(app: str = "server.app:create_app", *, knows: bool = False) -> Server:
        return Server(lambda: running(here, app, "wsgi", mine, factory=True), ours, knows=knows)

    return {
        UNKEPT: our_own("benchmarks.tourism.unkept:create_app"),
        OURS: our_own(),
        KNOWN: our_own(knows=True),
        BARE: Server(lambda: running(here, "bare_app:app", "wsgi", apart), "/guides"),
        FASTAPI: Server(lambda: running(their_python, "fastapi_app:app", "asgi", apart), "/guides"),
        DJANGO: Server(lambda: running(their_python, "django_app:application", "wsgi", apart), "/guides"),
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
    python: Path, app: str, interface: str, environment: dict[str, str], *, factory: bool = False
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
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
            yield port, process
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


def request_of(path: str, tag: str | None = None) -> bytes:
    """The bytes of one request on a connection that stays open."""
    known = f"If-None-Match: {tag}\r\n" if tag else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: application/json\r\n{known}\r\n".encode()


def read_answer(connection: socket.socket, buffer: bytearray) -> tuple[str, bytes]:
    """ETag and body of one whole answer; raises RuntimeError unless it is 200 or 304."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        buffer += connection.recv(65536)
    head = bytes(buffer[:end]).decode("latin-1")
    if not re.match(r"HTTP/1\.1 (200|304)", head):
        raise RuntimeError(head)
    length = re.search(r"\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    size = int(length[1]) if length and " 304" not in head[:13] else 0
    while len(buffer) < end + 4 + size:
        buffer += connection.recv(65536)
    body = bytes(buffer[end + 4 : end + 4 + size])
    del buffer[: end + 4 + size]
    tag = re.search(r"\netag: *(\S+)", head, re.IGNORECASE)
    return tag[1] if tag else "", body


def ask_once(port: int, path: str) -> tuple[str, bytes]:
    """ETag and body of one answer."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request_of(path))
        return read_answer(connection, bytearray())


def drive(port: int, requests: list[bytes], seconds: float) -> tuple[int, float]:
    """How many answers the connections get in a time, one after the other on each."""
    counts = [0] * CONNECTIONS
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


def without_moving(item: dict[str, object]) -> dict[str, object]:
    """A guide without what changes by itself."""
    return {name: value for name, value in item.items() if name not in MOVING}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
