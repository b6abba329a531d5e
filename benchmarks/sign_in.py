"""What it costs to check who is calling, and how long a citizen waits from their number to the first answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth import keyring, tokens
from benchmarks.house import House
from benchmarks.load import Client, read_messages
from kit import clock

MOST_MILLISECONDS = 0.2  # of CPU, that checking a token may take at the median
_WARM_UP = 50
_POLL_SECONDS = 0.01
_LONGEST_SECONDS = 60


@dataclass
class Verified:
    """CPU seconds of this thread that each check of a token took: seen for the first time, and again."""

    first: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)


@dataclass
class Waited:
    """Seconds of each step of each sign-in, and of all of them together."""

    asked: list[float] = field(default_factory=list)
    texted: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    first_answer: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def verify(count: int) -> Verified:
    """Check `count` different tokens of citizens as the web process does, each twice; no database, no HTTP."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    tokens.use_key(pem, issuer="http://127.0.0.1:8000", secret=bytes(range(32)))
    own = keyring.first()
    now = clock.now()
    made = [
        tokens.issue(
            kid=own.kid,
            role="citizen",
            subject=uuid4(),
            session_id=uuid4(),
            assurance="phone",
            authenticated_at=now,
            known_since=now,
        )
        for _ in range(count + _WARM_UP)
    ]
    keys = {own.kid: own.jwk}
    for token in made[:_WARM_UP]:
        tokens.verify(token, keys.get)
    measured = Verified()
    for token in made[_WARM_UP:]:
        measured.first.append(_cpu_seconds(token, keys.get))
        measured.again.append(_cpu_seconds(token, keys.get))
    return measured


def sign_in(house: House, count: int) -> Waited:
    """Let `count` new citizens sign in one after the other: number, text message, code, and who they are."""
    waited = Waited()
    for number in range(count):
        phone, client = f"+8498{number:07d}", Client(house)
        marks = [time.perf_counter()]
        challenge = client.must("POST", "/v1/auth/phone-challenges", {"phone": phone})
        marks.append(time.perf_counter())
        code = _await_code(house, phone)
        marks.append(time.perf_counter())
        path = f"/v1/auth/phone-challenges/{challenge['id']}/answer"
        client.token = client.must("POST", path, {"code": code, "device_name": "Benchmark"})["access_token"]
        marks.append(time.perf_counter())
        client.must("GET", "/v1/me")
        marks.append(time.perf_counter())
        steps = (waited.asked, waited.texted, waited.answered, waited.first_answer)
        for step, began, ended in zip(steps, marks, marks[1:], strict=False):
            step.append(ended - began)
        waited.whole.append(marks[-1] - marks[0])
    return waited


def _cpu_seconds(token: str, find_key: Callable[[str], keyring.Jwk | None]) -> float:
    began = time.thread_time()
    tokens.verify(token, find_key)
    return time.thread_time() - began


def _await_code(house: House, phone: str) -> str:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        if messages := read_messages(house, phone):
            return str(messages[-1]["text"].split()[0])
        time.sleep(_POLL_SECONDS)
    raise RuntimeError("no code arrived")
