"""Calls of the addresses that companies named: nothing is open while they think."""

from __future__ import annotations

import time

from kit import clock, egress, logs
from kit.database import transaction
from kit.egress import AddressRefused, NotDelivered
from kit.events import TryLater
from webhooks import operations, signing
from webhooks.events import DeliveryDue
from webhooks.operations import DueCall

_AGENT = "citizen-webhooks/1"


def deliver(event: DeliveryDue) -> None:
    """Tell an address of an event, and write down what came of it; raises TryLater until it is heard or given up.

    A crash between the call and the writing repeats the call, with the same `webhook-id`.
    """
    with transaction() as session:
        due = operations.find_due_call(session, event)
        if due is None:
            operations.give_up_when_disabled(session, event)
    if due is None:
        return
    began = time.monotonic()
    status, error = _call(due)
    took_ms = round((time.monotonic() - began) * 1000)
    with transaction() as session:
        wait = operations.record_attempt(session, event, due.url, status=status, error=error, took_ms=took_ms)
    if wait is not None:
        logs.logger.info("webhook_unheard", code=error or str(status))
        raise TryLater(wait)


def _call(due: DueCall) -> tuple[int | None, str | None]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        **signing.headers_of(due.event_id, clock.now(), due.body, due.secrets),
    }
    try:
        return egress.post(due.url, due.body, headers), None
    except (AddressRefused, NotDelivered) as exc:
        return None, exc.reason
