"""What machines ask: is the process alive, may traffic come, how are we doing."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import flask
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from kit import clock, logs
from kit.database import transaction
from payments.models import MoneyState, Posting
from server.migrations import expected_revision

blueprint = flask.Blueprint("probes", __name__)

_GAUGES = {
    "citizen_jobs": (
        "Jobs by queue and status; failed ones are parked and want a person.",
        ("queue", "status"),
        "SELECT queue_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2",
    ),
    "citizen_oldest_due_job_seconds": (
        "How long the oldest due job has waited.",
        (),
        """
        SELECT coalesce(extract(epoch FROM now() - min(coalesce(j.scheduled_at, e.at))), 0) FROM procrastinate_jobs j
        JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
        WHERE j.status = 'todo' AND coalesce(j.scheduled_at, now()) <= now()
        """,
    ),
    "citizen_payments": (
        "Payments by state.",
        ("state",),
        "SELECT state, count(*) FROM payment GROUP BY 1",
    ),
    "citizen_oldest_unknown_payment_seconds": (
        "Age of the oldest payment whose outcome is not known.",
        (),
        "SELECT coalesce(extract(epoch FROM :now - min(state_since)), 0) FROM payment WHERE state = 'unknown'",
    ),
    "citizen_ledger_imbalance_vnd": (
        "Sum of all journal entries; anything but 0 is an alarm.",
        (),
        "SELECT coalesce(sum(amount_vnd), 0) FROM journal_entry",
    ),
    "citizen_postings": (
        "Items of captured payments by the state of their posting at the provider.",
        ("state",),
        "SELECT posting, count(*) FROM payment_item GROUP BY 1",
    ),
}
_STATES: dict[str, Iterable[StrEnum]] = {"citizen_payments": MoneyState, "citizen_postings": Posting}


@blueprint.get("/livez")
def livez() -> Response:
    """The process answers."""
    return flask.jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """The database answers and is migrated: traffic may come."""
    try:
        with transaction() as session:
            revision = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except ProgrammingError:
        return _not_ready("migrations")  # there is no such table yet
    except SQLAlchemyError as exc:
        logs.logger.warning("not_ready", error=type(exc).__name__)
        return _not_ready("database")
    return flask.jsonify(status="ok") if revision == expected_revision() else _not_ready("migrations")


def _not_ready(why: str) -> Response:
    answer = flask.jsonify(status=why)
    answer.status_code = 503
    answer.headers["Retry-After"] = "1"
    return answer


@blueprint.get("/metrics")
def metrics() -> Response:
    """Gauges read from the database at the moment of asking, in Prometheus' text form; no personal label."""
    registry = CollectorRegistry()
    registry.register(_FromDatabase())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _FromDatabase:
    """A collector that asks the database, so that every process gives the same figures."""

    def collect(self) -> list[GaugeMetricFamily]:
        families = []
        with transaction() as session:
            for name, (words, labels, query) in _GAUGES.items():
                family = GaugeMetricFamily(name, words, labels=labels)
                # A state that nothing is in is told as 0: an alarm needs a figure, not a gap.
                counted: dict[tuple[str, ...], float] = {(state.value,): 0.0 for state in _STATES.get(name, ())}
                for *values, number in session.execute(text(query), {"now": clock.now()}):
                    counted[tuple(map(str, values))] = float(number)
                for found, figure in counted.items():
                    family.add_metric(found, figure)
                families.append(family)
        return families
