"""Steering: order faults, move the clock, say where webhooks go, start over."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Response, request

from sandbox.clock import Clock
from sandbox.faults import BadFault, Faults
from sandbox.gateway.webhooks import Webhooks
from sandbox.store import Document

# What starting over leaves alone: where webhooks go and how often payouts are made.
KEPT = frozenset({"setting", "webhook_endpoint"})
_TEN_YEARS_SECONDS = 10 * 366 * 24 * 3600


def blueprint(
    clock: Clock, faults: Faults, webhooks: Webhooks, moved: Callable[[], object], start_over: Callable[[], None]
) -> Blueprint:
    """Return the JSON routes /healthz, /control/faults, /control/clock, /control/webhook and /control/reset.

    `moved` is called when the clock was moved, before that is answered.
    """
    routes = Blueprint("steering", __name__)

    @routes.get("/healthz")
    def health() -> Response:
        """Say that the sandbox answers."""
        return _json(200, {"status": "ok"})

    @routes.post("/control/faults")
    def order_fault() -> Response:
        """Order a fault."""
        try:
            return _json(201, faults.order(request.get_json()))
        except BadFault as bad:
            return _json(400, {"error": "invalid_fault", "detail": str(bad)})

    @routes.get("/control/faults")
    def list_faults() -> Response:
        """List the ordered faults with how often each was seen and used."""
        return _json(200, {"items": faults.list_rules()})

    @routes.delete("/control/faults")
    def clear_faults() -> Response:
        """Clear all faults."""
        return _json(200, {"cleared": faults.clear()})

    @routes.delete("/control/faults/<rule_id>")
    def clear_fault(rule_id: str) -> Response:
        """Clear one fault."""
        cleared = faults.clear(rule_id)
        return _json(200 if cleared else 404, {"cleared": cleared})

    @routes.get("/control/clock")
    def read_clock() -> Response:
        """Tell the sandbox's time."""
        return _clock_shown(clock)

    @routes.post("/control/clock")
    def move_clock() -> Response:
        """Move the clock to an instant, or away from real time by an offset."""
        answer = _move_clock(clock)
        moved()
        return answer

    @routes.get("/control/webhook")
    def read_webhook() -> Response:
        """Tell where events go; the secret is not shown."""
        return _json(200, {"url": webhooks.target()[0]})

    @routes.post("/control/webhook")
    def set_webhook() -> Response:
        """Deliver events to another address from now on."""
        return _set_webhook(webhooks)

    @routes.get("/control/webhook/deliveries")
    def list_deliveries() -> Response:
        """List the newest webhook deliveries with their attempts, newest first."""
        return _json(200, {"items": webhooks.list_deliveries()})

    @routes.post("/control/reset")
    def reset() -> Response:
        """Start over with the sample."""
        start_over()
        return _json(200, {"status": "reset"})

    return routes


def _move_clock(clock: Clock) -> Response:
    body = request.get_json()
    asked: Document = body if isinstance(body, dict) else {}
    offset, moment = asked.get("offset_seconds"), asked.get("now")
    if isinstance(offset, int | float) and not isinstance(offset, bool) and moment is None:
        if abs(offset) > _TEN_YEARS_SECONDS:
            return _json(400, {"error": "invalid_clock", "detail": "The offset is at most ten years."})
        clock.move_by(offset)
        return _clock_shown(clock)
    try:
        to = datetime.fromisoformat(moment) if isinstance(moment, str) and offset is None else None
    except ValueError:
        to = None
    if to is None or to.tzinfo is None or abs((to - clock.now()).total_seconds()) > _TEN_YEARS_SECONDS:
        return _json(
            400,
            {
                "error": "invalid_clock",
                "detail": 'Send {"now": "2026-11-21T08:00:00+07:00"} or {"offset_seconds": 3600}.',
            },
        )
    clock.move_to(to)
    return _clock_shown(clock)


def _clock_shown(clock: Clock) -> Response:
    return _json(200, {"now": clock.now().isoformat(), "offset_seconds": clock.offset_seconds})


def _set_webhook(webhooks: Webhooks) -> Response:
    body = request.get_json()
    url = body.get("url") if isinstance(body, dict) else ""
    secret = body.get("secret", webhooks.target()[1]) if isinstance(body, dict) else ""
    if not isinstance(secret, str) or not secret or not (url is None or _is_web_address(url)):
        return _json(400, {"error": "invalid_webhook", "detail": "url is a web address or null, secret is text."})
    webhooks.set_target(url, secret)
    return _json(200, {"url": url})


def _is_web_address(url: object) -> bool:
    return isinstance(url, str) and urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).netloc)


def _json(status: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
