"""The control API: order faults, move the clock, change bills, read what happened, start over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import Blueprint, Response, request

from sandbox.clock import Clock
from sandbox.faults import BadFault, Faults
from sandbox.gateway import Gateway
from sandbox.identity import Identity
from sandbox.inbox import KINDS, Inbox, phone_or_address
from sandbox.providers import Companies, Refused, receipt_shown, refused
from sandbox.store import Document, Store
from sandbox.webhooks import Webhooks

_MOST_BILLS_AT_ONCE = 10_000
_TEN_YEARS_SECONDS = 10 * 366 * 24 * 3600


@dataclass(frozen=True)
class World:
    """Everything the sandbox consists of."""

    store: Store
    clock: Clock
    faults: Faults
    inbox: Inbox
    webhooks: Webhooks
    gateway: Gateway
    companies: Companies
    identity: Identity
    sample: Path | None

    def reset(self) -> None:
        """Forget everything but who is connected, and load the sample again.

        Kept are the address of webhooks, the identity provider's clients and keys: all that the other side has set up
        once, and would not set up again.
        """
        self.clock.move_by(0)
        self.store.clear(keep=frozenset({"setting", "identity_client", "identity_key"}))
        self.webhooks.reload()
        self.load_sample()

    def load_sample(self) -> None:
        """Take over the bills of companies, the citizens and the identity clients that are not known yet."""
        self.identity.people.load_samples()
        if self.sample is not None:
            self.companies.load_sample(self.sample)
            self.identity.clients.load_sample(self.sample)

    def start(self) -> None:
        """Begin the background work: deliver webhooks, let refunds fail."""
        self.webhooks.start()
        self.gateway.start()

    def close(self) -> None:
        """Stop the background work and close the file."""
        self.faults.close()
        self.gateway.close()
        self.webhooks.close()
        self.store.close()


def blueprint(world: World) -> Blueprint:
    """Return the JSON routes: /inbox.json, /healthz and everything under /control but its page."""
    routes = Blueprint("control", __name__)

    @routes.get("/healthz")
    def health() -> Response:
        """Say that the sandbox answers."""
        return _json(200, {"status": "ok"})

    @routes.get("/inbox.json")
    def inbox() -> Response:
        """List messages, newest last."""
        return list_inbox(world.inbox)

    @routes.post("/control/faults")
    def order_fault() -> Response:
        """Order a fault."""
        try:
            return _json(201, world.faults.order(request.get_json()))
        except BadFault as bad:
            return _json(400, {"error": "invalid_fault", "detail": str(bad)})

    @routes.get("/control/faults")
    def list_faults() -> Response:
        """List the ordered faults with how often each was seen and used."""
        return _json(200, {"items": world.faults.list_rules()})

    @routes.delete("/control/faults")
    def clear_faults() -> Response:
        """Clear all faults."""
        return _json(200, {"cleared": world.faults.clear()})

    @routes.delete("/control/faults/<rule_id>")
    def clear_fault(rule_id: str) -> Response:
        """Clear one fault."""
        cleared = world.faults.clear(rule_id)
        return _json(200 if cleared else 404, {"cleared": cleared})

    @routes.get("/control/clock")
    def read_clock() -> Response:
        """Tell the sandbox's time."""
        return _clock_shown(world.clock)

    @routes.post("/control/clock")
    def move_clock() -> Response:
        """Move the clock to an instant, or away from real time by an offset."""
        return _move_clock(world.clock)

    @routes.get("/control/webhook")
    def read_webhook() -> Response:
        """Tell where events go; the secret is not shown."""
        return _json(200, {"url": world.webhooks.target()[0]})

    @routes.post("/control/webhook")
    def set_webhook() -> Response:
        """Deliver events to another address from now on."""
        return _set_webhook(world.webhooks)

    @routes.get("/control/webhook/deliveries")
    def list_deliveries() -> Response:
        """List the newest webhook deliveries with their attempts, newest first."""
        return _json(200, {"items": world.webhooks.list_deliveries()})

    @routes.get("/control/gateway/intents")
    def list_intents() -> Response:
        """List the newest payment intents, newest first."""
        return _json(200, {"items": world.gateway.list_intents(_number("limit", 100))})

    @routes.post("/control/providers/<slug>/bills")
    def change_bill(slug: str) -> Response:
        """Add or change one bill, or many as {"items": […]}; the company appears with its first bill."""
        return _careful(lambda: _change_bills(world, slug, request.get_json()))

    @routes.post("/control/providers/<slug>/pay-elsewhere")
    def pay_elsewhere(slug: str) -> Response:
        """Let somebody pay the bill at the counter."""
        body = request.get_json()
        bill_no = body.get("bill_no") if isinstance(body, dict) else None
        return _careful(lambda: (200, world.companies.pay_elsewhere(slug, str(bill_no))))

    @routes.get("/control/providers/<slug>/postings")
    def list_postings(slug: str) -> Response:
        """List what the company has posted, oldest first."""
        items = [receipt_shown(each) for each in world.companies.list_postings(slug)]
        return _json(200, {"items": items, "count": len(items), "sum_vnd": sum(each["amount_vnd"] for each in items)})

    @routes.post("/control/reset")
    def reset() -> Response:
        """Start over with the sample."""
        world.reset()
        return _json(200, {"status": "reset"})

    return routes


def list_inbox(inbox: Inbox) -> Response:
    """Answer a query for messages: ?to= &kind=sms|push &since=<seq> &limit=."""
    kind = request.args.get("kind")
    if kind is not None and kind not in KINDS:
        return _json(400, {"error": "invalid_kind", "detail": f"kind is one of {', '.join(KINDS)}."})
    to = phone_or_address(request.args.get("to"))
    found = inbox.list_items(to, kind, _number("since", 0), _number("limit", 1000))
    return _json(200, {"items": found})


def _change_bills(world: World, slug: str, body: object) -> tuple[int, Any]:
    if not (isinstance(body, dict) and isinstance(body.get("items"), list)):
        bill, new = world.companies.change_bill(slug, body)
        return 201 if new else 200, bill
    if len(body["items"]) > _MOST_BILLS_AT_ONCE:
        raise Refused(400, "invalid_request", f"At most {_MOST_BILLS_AT_ONCE} bills at once.")
    with world.store.unit():
        return 200, {"items": [world.companies.change_bill(slug, each)[0] for each in body["items"]]}


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


def _careful(work: Callable[[], tuple[int, Any]]) -> Response:
    try:
        return _json(*work())
    except Refused as refusal:
        return refused(refusal)


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 16 else default


def _json(status: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
