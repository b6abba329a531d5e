"""Events: what happened, told to listeners by jobs that are enqueued in the transaction that caused it."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, get_type_hints
from uuid import UUID

import procrastinate
from procrastinate.exceptions import ConnectorException
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

STALLED_AFTER_SECONDS = 30  # a worker that has been silent for so long is taken for dead
_BEATS = 6  # signs of life a worker gives in that time
_RESCUES = 3  # how often in that time somebody looks for the jobs of the dead
_DRAIN_SECONDS = 20
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
        except ConnectorException as exc:
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


async def retry_stalled_jobs(silent_seconds: float = STALLED_AFTER_SECONDS) -> int:
    """Give jobs back to the queue whose worker has been silent for that long, or is gone; returns how many."""
    given_back = 0
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_seconds):
        # Another worker's rescue, or the job's own end, may have been faster.
        with suppress(ConnectorException):
            await app.job_manager.retry_job(job)
            given_back += 1
    if given_back:
        logs.logger.warning("jobs_rescued", count=given_back)
    return given_back


def run_worker(url: str, *, concurrency: int = 8, stalled_after_seconds: int = STALLED_AFTER_SECONDS) -> None:
    """Work through the queues until told to stop (SIGINT, SIGTERM); a job in hand is finished first.

    A job whose worker died is given back to the queue after `stalled_after_seconds`, or a little later. Raises
    SystemExit with status 1 when the database is lost: whoever runs this process starts it again.
    """

    @app.periodic(cron=f"* * * * * */{max(1, stalled_after_seconds // _RESCUES)}")
    @app.task(name="kit.events.retry_stalled_jobs", queue="kit")
    async def rescue(timestamp: int) -> None:  # noqa: ARG001 - the queue hands it over
        await retry_stalled_jobs(stalled_after_seconds)

    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=4)
    with app.replace_connector(connector):
        asyncio.run(_work(concurrency, stalled_after_seconds))


async def _work(concurrency: int, stalled_after_seconds: int) -> None:
    loop = asyncio.get_running_loop()
    asked, failed = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)

    def give_up(_loop: asyncio.AbstractEventLoop, trouble: dict[str, Any]) -> None:
        # The end of a job could not be written down, so the queue believes that this worker still has it. Once the
        # worker is gone, the job is given to another.
        logs.logger.error("worker_in_trouble", exc_info=trouble.get("exception"))
        failed.set()

    loop.set_exception_handler(give_up)
    worker = asyncio.create_task(_open_and_work(concurrency, stalled_after_seconds))
    waiting = [asyncio.create_task(event.wait()) for event in (asked, failed)]
    await asyncio.wait({worker, *waiting}, return_when=asyncio.FIRST_COMPLETED)
    worker.cancel()  # it finishes the jobs in hand
    try:
        with suppress(asyncio.CancelledError):
            await worker
    except Exception as exc:  # noqa: BLE001 - whatever ends a worker is named in the log
        logs.logger.error("worker_in_trouble", exc_info=exc)
        failed.set()
    if failed.is_set() or not asked.is_set():
        raise SystemExit(1)


async def _open_and_work(concurrency: int, stalled_after_seconds: int) -> None:
    async with app.open_async():
        await app.run_worker_async(
            concurrency=concurrency,
            install_signal_handlers=False,
            fetch_job_polling_interval=1,
            update_heartbeat_interval=stalled_after_seconds / _BEATS,
            stalled_worker_timeout=stalled_after_seconds,
            shutdown_graceful_timeout=_DRAIN_SECONDS,
            delete_jobs="successful",
        )
