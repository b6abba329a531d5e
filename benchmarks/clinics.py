"""Seven o'clock at a clinic: thousands ask for one morning's places over HTTP, and read what is free meanwhile."""

from __future__ import annotations

import http.client
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from benchmarks.house import HOST, House
from benchmarks.load import Client, Measured, drive

PLACES, CLIENTS, ATTEMPTS = 200, 200, 5_000
_HOLDS = "/v1/health/holds"


@dataclass(frozen=True)
class Rush:
    """What the attempts took, what they got, and what the table says afterwards."""

    attempts: Measured
    refusals: Counter[str]
    held: int
    people: int
    taken: int


def rush(house: House) -> Rush:
    """5,000 people, each with a token of their own, ask over 200 connections for any of 200 places of a morning."""
    service, day, tokens = _prepare(house)
    body = {"window": {"service_id": str(service), "day": day}}
    refusals: Counter[str] = Counter()
    clients = [_Crowd(house, tokens[number::CLIENTS], refusals) for number in range(CLIENTS)]
    attempts = drive(clients, lambda _number: [("POST", _HOLDS, body)] * (ATTEMPTS // CLIENTS))
    with house.database() as database:
        held, people = database.execute(
            "SELECT count(*), count(DISTINCT patient_id) FROM booking WHERE service_id = %s", [service]
        ).fetchone() or (0, 0)
        (taken,) = database.execute("SELECT sum(taken)::int FROM slot WHERE service_id = %s", [service]).fetchone() or (
            0,
        )
    return Rush(attempts, refusals, held, people, taken)


def poll(house: House) -> Iterator[tuple[str, Measured]]:
    """The list of what is free, by those who have an old copy and those who have none."""
    service, day, _tokens = _prepare(house, people=0)
    path = f"/v1/health/services/{service}/availability?day={day}"
    connection = http.client.HTTPConnection(HOST, house.port, timeout=30)
    connection.request("GET", path)
    etag = connection.getresponse().headers["ETag"]
    connection.close()
    for name, known in (("getAvailability, whole", None), ("getAvailability, 304", etag)):
        yield name, drive([_Reader(house, known) for _n in range(8)], lambda _number: [("GET", path, None)] * 250)


class _Crowd(Client):
    """One connection that many people use one after the other."""

    def __init__(self, house: House, tokens: list[str], refusals: Counter[str]) -> None:
        super().__init__(house)
        self._tokens, self._refusals = iter(tokens), refusals

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """The next one's turn."""
        self.token = next(self._tokens)
        status, told = super().ask(method, path, body)
        if status >= http.HTTPStatus.BAD_REQUEST:
            self._refusals[told["code"]] += 1
            if told["code"] == "place_taken" and not ("alternatives" in told and told["waitlist"]["token"]):
                raise RuntimeError("a refusal without the nearest places or a turn in the waiting list")
        return status, told


class _Reader(Client):
    """Somebody who looks at what is free."""

    def __init__(self, house: House, etag: str | None) -> None:
        super().__init__(house)
        self._etag = etag

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, object]:  # noqa: ARG002 - the same door
        """One look; the body is read and thrown away."""
        self._connection.request(method, path, headers={"If-None-Match": self._etag} if self._etag else {})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, None


def _prepare(house: House, *, people: int = ATTEMPTS) -> tuple[UUID, str, list[str]]:
    """A service with 200 slots of one place on one morning, and people who are signed in."""
    os.environ.update(house.environment)
    import auth.operations  # noqa: PLC0415 - it reads the environment
    from auth.guard import Role  # noqa: PLC0415
    from kit import clock  # noqa: PLC0415
    from kit.database import transaction  # noqa: PLC0415
    from server import settings  # noqa: PLC0415
    from server.composition import compose  # noqa: PLC0415

    compose(settings.load())
    day = clock.today() + timedelta(days=1)
    with house.database() as database:
        service = uuid4()
        database.execute(
            "INSERT INTO service (id, created_at, facility_id, code, name_vi, name_en, speciality, duration_minutes,"
            " lead_minutes, horizon_days, cancel_minutes, needs_referral, is_open)"
            " SELECT %s, now(), id, %s, 'Rush', 'Rush', 'general', 1, 60, 14, 240, false, true FROM facility LIMIT 1",
            [service, f"rush-{service}"],
        )
        database.execute(
            "INSERT INTO slot (id, created_at, facility_id, service_id, day, starts_at, ends_at, release_at, closes_at,"
            " capacity, kept, taken, state) SELECT gen_random_uuid(), now(), s.facility_id, s.id, %s,"
            " t, t + interval '1 minute', now(), t, 1, 0, 0, 'open' FROM service s,"
            " generate_series(0, %s) n, LATERAL (SELECT %s::date + interval '23 hour 30 minute'"
            " + n * interval '1 minute') AS at (t) WHERE s.id = %s",
            [day, PLACES - 1, clock.today(), service],
        )
    tokens: list[str] = []
    if people:
        with transaction() as session:
            tokens = [auth.operations.issue_token(session, role=Role.CITIZEN, subject=uuid4()) for _n in range(people)]
    return service, day.isoformat(), tokens
