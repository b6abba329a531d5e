"""One question, several servers, one run: what we answer beside what others would, from the same rows."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.beside.serving import CONNECTIONS, PROCESSES, ROOT, ask_once, cpu_seconds, drive, request_of, running
from kit import embedded

UNKEPT, OURS, KNOWN = "ours, keeping no answers", "ours", "ours, 304"
BARE, FASTAPI, DJANGO = "a bare Flask view, the same bytes", "FastAPI + SQLAlchemy (async)", "Django REST framework"


@dataclass(frozen=True)
class Server:
    """Whom to ask: how it is started, by which path, and whether with the ETag of the answer in hand."""

    start: Callable[[], AbstractContextManager[tuple[int, subprocess.Popen[bytes]]]]
    path: str
    knows: bool = False


def options(room: str, what: str, count: int) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{room}")
    parser.add_argument("--their-python", type=Path, required=True, help="of the venv with requirements.txt")
    parser.add_argument(f"--{what}", dest="count", type=int, default=count)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


@contextmanager
def database() -> Iterator[tuple[str, Path]]:
    """The URL of a fresh database, and a folder for what else is needed."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    folder = Path(tempfile.mkdtemp(prefix="beside-bench-"))
    try:
        with embedded.start(folder / "postgres") as postgres:
            yield postgres.database("citizen"), folder
    finally:
        embedded.remove(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)


def servers(url: str, folder: Path, their_python: Path, room: str, *, ours: str, theirs: str) -> dict[str, Server]:
    """Ours, with and without the answers it keeps, a bare view, and the two that people would pick instead.

    `ours` and `theirs` are the paths of the list. UNKEPT comes first: the bare view returns what it has answered.
    """
    apart = os.environ | _theirs(url) | {
        "BENCH_BODIES": str(folder / "bodies.json"),
        "PYTHONPATH": os.pathsep.join(str(ROOT / "benchmarks" / name) for name in (room, "beside")),
    }  # fmt: skip
    mine = os.environ | _ours(url, folder) | {"PYTHONPATH": str(ROOT)}
    here = Path(sys.executable)

    def our_own(app: str = "server.app:create_app", *, knows: bool = False) -> Server:
        return Server(lambda: running(here, app, "wsgi", mine, factory=True), ours, knows=knows)

    return {
        UNKEPT: our_own("benchmarks.beside.unkept:create_app"),
        OURS: our_own(),
        KNOWN: our_own(knows=True),
        BARE: Server(lambda: running(here, "bare_app:app", "wsgi", apart), theirs),
        FASTAPI: Server(lambda: running(their_python, "fastapi_app:app", "asgi", apart), theirs),
        DJANGO: Server(lambda: running(their_python, "django_app:application", "wsgi", apart), theirs),
    }


def measure(
    whom: dict[str, Server], questions: Sequence[str], folder: Path, asked: argparse.Namespace, only_ours: Sequence[str]
) -> None:
    """One after the other, so that the machine's moods fall on all alike; the medians count, as a table.

    Raises RuntimeError unless all give the same items, but for the members that `only_ours` names.
    """
    rates: dict[str, list[float]] = {name: [] for name in whom}
    costs: dict[str, list[float]] = {name: [] for name in whom}
    items: dict[str, list[Any]] = {}
    for _ in range(asked.rounds):
        for name, server in whom.items():
            with server.start() as (port, process):
                answers = [ask_once(port, f"{server.path}?{question}") for question in questions]
                bodies = [body for _tag, body in answers]
                if name == UNKEPT:
                    told = dict(zip(questions, (body.decode() for body in bodies), strict=True))
                    (folder / "bodies.json").write_text(json.dumps(told))
                items[name] = [[_without(one, only_ours) for one in json.loads(body)["items"]] for body in bodies]
                requests = [
                    request_of(f"{server.path}?{question}", tag if server.knows else None)
                    for question, (tag, _body) in zip(questions, answers, strict=True)
                ]
                drive(port, requests, 0.5)
                before = cpu_seconds(process)
                count, seconds = drive(port, requests, asked.seconds)
                rates[name].append(count / seconds)
                costs[name].append((cpu_seconds(process) - before) / count * 1e6)
    if any(one != items[OURS] or len(one[0]) != 20 for one in items.values()):
        raise RuntimeError("they do not answer alike")
    say(f"{asked.count} rows, {len(questions)} lists of 20 in turn, {PROCESSES} processes each,")
    say(f"{CONNECTIONS} connections; medians of {asked.rounds} interleaved runs of {asked.seconds:g} s;")
    say(f"load average {os.getloadavg()[0]:.1f} at the end\n")
    say("| | requests/s | CPU of the server a request, µs | ours / theirs, requests | ours / theirs, CPU |")
    say("| --- | ---: | ---: | ---: | ---: |")
    rate, cost = (statistics.median(one[OURS]) for one in (rates, costs))
    for name, measured in rates.items():
        own_rate, own_cost = statistics.median(measured), statistics.median(costs[name])
        say(f"| {name} | {own_rate:.0f} | {own_cost:.0f} | {rate / own_rate:.1f} | {own_cost / cost:.1f} |")


def say(line: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _without(item: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


def _theirs(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    where = parse_qs(parts.query)
    host, port = where["host"][0], where["port"][0]
    name = parts.path.lstrip("/")
    return {
        "BENCH_URL_ASYNCPG": f"postgresql+asyncpg://{parts.username}@/{name}?host={host}&port={port}",
        "BENCH_DATABASE": name,
        "BENCH_HOST": host,
        "BENCH_PORT": port,
        "BENCH_USER": parts.username or "",
    }


def _ours(url: str, folder: Path) -> dict[str, str]:
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
