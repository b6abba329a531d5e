"""Events: announced if and only if the cause was committed, heard until it worked, or parked in sight."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import procrastinate
import psycopg
import pytest
from sqlalchemy import Engine, Row, text
from sqlalchemy.orm import Session

from kit import events
from kit.database import transaction
from kit.errors import ServiceUnavailable

PERSON = UUID("019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f")
ROOM = __name__.partition(".")[0]  # the package, or this module where the tests are none
heard: list[tuple[str, object]] = []
trouble: list[BaseException] = []  # what handlers raise, the next one first; none when empty


@dataclass(frozen=True)
class BillSeen(events.Event):
    """Something two rooms hear of."""

    bill_id: UUID
    amount_vnd: int
    reason: str | None = None


@dataclass(frozen=True)
class NobodyCares(events.Event):
    """Something nobody hears of."""

    bill_id: UUID


def write_it_down(session: Session, event: BillSeen) -> None:
    session.execute(text("UPDATE idempotency_key SET fingerprint = :new"), {"new": f"seen {event.amount_vnd}"})
    heard.append(("listener", event))
    if trouble:
        raise trouble.pop(0)


def tell_outsiders(event: BillSeen) -> None:
    heard.append(("flow", event))


def count_the_hours() -> None:
    heard.append(("tick", None))


@pytest.fixture(autouse=True)
def listening(clean: None) -> Iterator[None]:
    for _twice in range(2):
        events.listen(BillSeen, write_it_down)
        events.follow(BillSeen, tell_outsiders)
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO idempotency_key (caller, operation, key, fingerprint, created_at)"
                " VALUES ('an', 'o', 'k', 'unseen', now())"
            )
        )
    yield
    heard.clear()
    trouble.clear()


def announce(amount_vnd: int = 5) -> BillSeen:
    event = BillSeen(uuid4(), amount_vnd)
    with transaction() as session:
        events.emit(session, event)
    return event


def jobs() -> list[Row[Any]]:
    with transaction() as session:
        return list(
            session.execute(
                text(
                    "SELECT id, task_name, queue_name, args, status::text, attempts, scheduled_at"
                    " FROM procrastinate_jobs WHERE strpos(task_name, 'BillSeen') > 0 ORDER BY id"
                )
            )
        )


def written() -> str:
    with transaction() as session:
        return str(session.execute(text("SELECT fingerprint FROM idempotency_key")).scalar_one())


@pytest.fixture
def work(database_url: str) -> Any:
    """Runs a real worker until nothing is due."""

    def run() -> None:
        connector = procrastinate.PsycopgConnector(conninfo=database_url, min_size=1, max_size=2)
        with events.app.replace_connector(connector) as app:
            app.run_worker(wait=False, install_signal_handlers=False, listen_notify=False, delete_jobs="successful")

    return run


def test_what_was_rolled_back_is_announced_to_nobody() -> None:
    def change_my_mind() -> None:
        with transaction() as session:
            events.emit(session, BillSeen(PERSON, 5))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        change_my_mind()

    assert jobs() == []


def test_what_was_committed_is_one_job_for_each_who_listens_in_the_queue_of_their_room() -> None:
    event = announce()

    assert [(job.task_name.rpartition(".")[2], job.queue_name, job.status) for job in jobs()] == [
        ("write_it_down:BillSeen", ROOM, "todo"),
        ("tell_outsiders:BillSeen", ROOM, "todo"),
    ]
    assert jobs()[0].args == {"bill_id": str(event.bill_id), "amount_vnd": 5, "reason": None}


def test_an_event_that_nobody_hears_of_is_no_job() -> None:
    with transaction() as session:
        events.emit(session, NobodyCares(PERSON))

    assert jobs() == []


def test_jobs_of_one_transaction_come_with_its_rows_or_not_at_all() -> None:
    def do_half_of_it() -> None:
        with transaction() as session:
            events.emit(session, BillSeen(PERSON, 1))
            session.execute(text("UPDATE idempotency_key SET fingerprint = 'half done'"))
            events.emit(session, BillSeen(PERSON, 1 // 0))

    with pytest.raises(ZeroDivisionError):
        do_half_of_it()

    assert (jobs(), written()) == ([], "unseen")


def test_those_who_listen_get_the_event_as_it_was_and_the_jobs_are_gone(work: Any) -> None:
    event = announce()

    work()

    assert sorted(heard, key=lambda entry: entry[0]) == [("flow", event), ("listener", event)]
    assert (jobs(), written()) == ([], "seen 5")


def test_every_kind_of_field_survives_the_way_through_the_queue() -> None:
    event = BillSeen(PERSON, 99_999_999_999, "quá hạn")

    again = events.decode(BillSeen, json.loads(json.dumps(events.encode(event))))

    assert again == event


def test_a_listener_that_fails_leaves_nothing_behind_and_is_run_again(work: Any) -> None:
    announce()
    trouble.extend([RuntimeError("no luck")] * 9)  # a slow machine tries again while it is still at work
    before = datetime.now(UTC)

    work()

    (job,) = jobs()
    assert (job.task_name.rpartition(".")[2], job.status) == ("write_it_down:BillSeen", "todo")
    assert job.attempts == 9 - len(trouble) >= 1
    assert written() == "unseen"
    # Two seconds the first time, give or take half of it, cut to whole ones.
    assert (job.scheduled_at - before).total_seconds() >= 1


def test_a_listener_that_waits_says_for_how_long(work: Any) -> None:
    announce()
    trouble.append(events.TryLater(120))
    before = datetime.now(UTC)

    work()

    (job,) = jobs()
    assert (job.status, job.attempts) == ("todo", 1)
    assert 120 <= (job.scheduled_at - before).total_seconds() < 180


def test_what_failed_once_works_the_next_time(work: Any) -> None:
    event = announce()
    trouble.append(RuntimeError("no luck"))
    work()
    with transaction() as session:
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))

    work()

    assert heard.count(("listener", event)) == 2
    assert (jobs(), written()) == ([], "seen 5")


@pytest.mark.parametrize(
    ("attempts", "exception", "least", "most"),
    [
        (0, RuntimeError(), 1, 1),
        (3, RuntimeError(), 4, 12),
        (10, RuntimeError(), 512, 1536),
        (19, RuntimeError(), 1800, 5400),
        (0, events.TryLater(15), 15, 15),
        (3, events.TryLater(5), 5, 12),
        (100, events.TryLater(5), 300, 300),
        (100, events.TryLater(900), 900, 900),
    ],
)
def test_waits_double_with_jitter_up_to_a_bound(attempts: int, exception: Exception, least: int, most: int) -> None:
    job = procrastinate.jobs.Job(id=1, queue="tests", lock=None, queueing_lock=None, task_name="t", attempts=attempts)
    decisions = [events._BackOff().get_retry_decision(exception=exception, job=job) for _ in range(200)]

    waits = {round((decision.retry_at - datetime.now(UTC)).total_seconds()) for decision in decisions if decision}

    assert len(decisions) == 200
    assert least - 1 <= min(waits) <= max(waits) <= most + 1
    assert len(waits) > 1 or most - least < 2


@pytest.mark.parametrize(("attempts", "exception"), [(20, RuntimeError("no luck")), (150, events.TryLater(5))])
def test_what_never_works_is_parked_in_sight(
    work: Any, attempts: int, exception: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    announce()
    trouble.append(exception)
    with transaction() as session:
        session.execute(text("UPDATE procrastinate_jobs SET attempts = :n"), {"n": attempts})

    with caplog.at_level(logging.ERROR):
        work()

    (job,) = jobs()
    assert (job.task_name.rpartition(".")[2], job.status) == ("write_it_down:BillSeen", "failed")
    said = [json.loads(record.message) for record in caplog.records if record.name == "citizen"]
    parked = [line["task"].rpartition(".")[2] for line in said if line["event"] == "job_parked"]
    assert parked == ["write_it_down:BillSeen"]


def test_a_job_whose_worker_died_goes_back_to_the_queue(database_url: str) -> None:
    announce()
    with transaction() as session:
        dead, alive = (
            session.execute(
                text(
                    "INSERT INTO procrastinate_workers (last_heartbeat)"
                    " VALUES (now() - :age * interval '1 second') RETURNING id"
                ),
                {"age": age},
            ).scalar_one()
            for age in (60, 0)
        )
        for worker, name in ((dead, "write_it_down"), (alive, "tell_outsiders")):
            session.execute(
                text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :w WHERE task_name LIKE :name"),
                {"w": worker, "name": f"%{name}%"},
            )

    async def rescue() -> int:
        connector = procrastinate.PsycopgConnector(conninfo=database_url, min_size=1, max_size=1)
        with events.app.replace_connector(connector) as app:
            async with app.open_async():
                return await events.retry_stalled_jobs()

    given_back = asyncio.run(rescue())

    assert given_back == 1
    assert {job.task_name.rpartition(".")[2]: job.status for job in jobs()} == {
        "write_it_down:BillSeen": "todo",
        "tell_outsiders:BillSeen": "doing",
    }


def test_a_queue_that_cannot_be_written_to_in_time_is_a_busy_service(
    database_url: str, reconnect: Callable[..., Engine]
) -> None:
    reconnect(database_url, statement_timeout_ms=200)
    with psycopg.connect(database_url) as rogue:
        rogue.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(ServiceUnavailable) as refused:
            announce()

    reconnect(database_url)
    assert refused.value.headers == {"Retry-After": "1"}
    assert jobs() == []


def test_periodic_work_is_known_once_and_does_its_work() -> None:
    for _twice in range(2):
        events.periodic("0 0 1 1 *", count_the_hours)

    task = events.app.tasks[f"{__name__}.count_the_hours"]
    task(timestamp=0)

    assert heard == [("tick", None)]
    assert task.queue == ROOM
