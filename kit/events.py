"""Events: what happened, told to listeners by jobs that are enqueued in the transaction that caused it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any, get_type_hints
from uuid import UUID

import procrastinate
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.tasks import Task
from sqlalchemy.orm import Session

from kit import logs
from kit.database import transaction
from kit.errors import ServiceUnavailable

# A listener reacts inside a transaction of its own; a flow talks to outsiders and opens its own short ones.
Listener = Callable[[Session, Any], None]
Flow = Callable[[Any], None]

STALLED_AFTER_SECONDS = 30
HEARTBEAT_SECONDS = 5
_ATTEMPTS = 20  # with the waits below about nine hours; after that the job is parked, in sight of /metrics
_LONGEST_WAIT_SECONDS = 3600
# Someone outside who does not answer is asked every few minutes for half a day.
_ATTEMPTS_WAITING = 150
_LONGEST_PATIENCE_SECONDS = 300

# The worker opens `app`. Events are enqueued through an app that is never opened: so nobody can enqueue outside of a
# transaction by mistake, and a listener inside the worker enqueues just as a view does.
app = procrastinate.App(connector=procrastinate.PsycopgConnector())
_enqueuer = procrastinate.App(connector=procrastinate.PsycopgConnector())
_heard_by: dict[type[Event], dict[str, Task[Any, Any, Any]]] = {}


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened. Fields are ids, amounts and short codes only: they are stored and logged."""


class TryLater(Exception):
    """Raised by a listener or flow that cannot go on yet: run it again in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class _BackOff(BaseRetryStrategy):
    """Doubling waits with jitter, and the wait the handler asked for where it did."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        is_waiting = isinstance(exception, TryLater)
        cause = exception.__cause__ if is_waiting else exception
        if job.attempts >= (_ATTEMPTS_WAITING if is_waiting else _ATTEMPTS):
            logs.logger.error("job_parked", task=job.task_name, attempts=job.attempts, exc_info=cause or exception)
            return None
        wait = min(2**job.attempts, _LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311 - only jitter
        if isinstance(exception, TryLater):
            wait = max(exception.seconds, min(wait, _LONGEST_PATIENCE_SECONDS))
        logs.logger.warning("job_again", task=job.task_name, attempts=job.attempts, exc_info=cause or exception)
        return RetryDecision(retry_in={"seconds": int(max(1, wait))})


def room_of(function: Callable[..., None]) -> str:
    """The room a handler lives in, which names its queue: "payments", "utilities"."""
    parts = function.__module__.split(".")
    return parts[1] if parts[0] == "services" else parts[0]


def listen(event: type[Event], listener: Listener) -> None:
    """Run `listener(session, event)` in a transaction of its own for every such event."""

    def in_transaction(heard: Event) -> None:
        with transaction() as session:
            listener(session, heard)

    _register(event, listener, in_transaction)


def follow(event: type[Event], flow: Flow) -> None:
    """Run `flow(event)`, which talks to outsiders, for every such event."""
    _register(event, flow, flow)


def periodic(cron: str, work: Callable[[], None]) -> None:
    """Run `work()` whenever `cron` says so, once over all workers."""
    name = f"{work.__module__}.{work.__name__}"
    if name in app.tasks:
        return

    def tick(timestamp: int) -> None:  # noqa: ARG001 - the queue hands it over
        work()

    # A tick that fails is not repeated: the next one follows anyway.
    app.periodic(cron=cron)(app.task(name=name, queue=room_of(work))(tick))


def emit(session: Session, event: Event) -> None:
    """Enqueue one job per listener on the caller's own connection: they run if and only if the caller commits."""
    tasks = _heard_by.get(type(event), {})
    if not tasks:
        return
    session.flush()
    connection = session.connection().connection.driver_connection
    payload = encode(event)
    for task in tasks.values():
        try:
            _enqueuer.configure_task(task.name, queue=task.queue, connection=connection).defer(**payload)
        except procrastinate.exceptions.ConnectorException as exc:
            # The queue talks to the driver by itself, so what it says of a lost connection is not SQLAlchemy's error.
            raise ServiceUnavailable(retry_after=1) from exc


def encode(event: Event) -> dict[str, Any]:
    """The event's fields as JSON."""
    return {
        field.name: str(value) if isinstance(value := getattr(event, field.name), UUID) else value
        for field in dataclasses.fields(event)
    }


def decode(kind: type[Event], payload: dict[str, Any]) -> Event:
    """The inverse of `encode`."""
    hints = get_type_hints(kind)
    return kind(**{name: UUID(value) if hints[name] is UUID else value for name, value in payload.items()})


def _register(event: type[Event], handler: Callable[..., None], run: Callable[[Event], None]) -> None:
    name = f"{handler.__module__}.{handler.__name__}"
    tasks = _heard_by.setdefault(event, {})
    if name in tasks:
        return

    def job(**payload: Any) -> None:  # noqa: ANN401 - JSON
        run(decode(event, payload))

    tasks[name] = app.task(name=f"{name}:{event.__name__}", queue=room_of(handler), retry=_BackOff())(job)


async def retry_stalled_jobs() -> int:
    """Give jobs whose worker died back to the queue; returns how many."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS))
    for job in stalled:
        await app.job_manager.retry_job(job)
    return len(stalled)


def run_worker(url: str, *, concurrency: int = 8) -> None:
    """Work through the queues until told to stop (SIGINT, SIGTERM); a job in hand is finished first."""

    @app.periodic(cron="* * * * * */10")
    @app.task(name="kit.events.retry_stalled_jobs", queue="kit")
    async def rescue(timestamp: int) -> None:  # noqa: ARG001 - the queue hands it over
        await retry_stalled_jobs()

    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=4)
    with app.replace_connector(connector) as working:
        working.run_worker(
            concurrency=concurrency,
            fetch_job_polling_interval=1,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_AFTER_SECONDS,
            shutdown_graceful_timeout=20,
            delete_jobs="successful",
        )
