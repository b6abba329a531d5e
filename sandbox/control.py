"""The sandbox as a whole, and what its control API says of messages and companies."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from flask import Blueprint, Response, request

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway.api import Gateway
from sandbox.gateway.steering import KEPT
from sandbox.gateway.webhooks import Webhooks
from sandbox.identity import Identity
from sandbox.inbox import KINDS, Inbox, phone_or_address
from sandbox.providers import Companies, Refused, receipt_shown, refused
from sandbox.store import Store

_MOST_BILLS_AT_ONCE = 10_000


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
        self.store.clear(keep=KEPT | {"identity_client", "identity_key"})
        self.gateway.reload()
        self.load_sample()

    def load_sample(self) -> None:
        """Take over the bills of companies, the citizens and the identity clients that are not known yet."""
        self.identity.people.load_samples()
        if self.sample is not None:
            self.companies.load_sample(self.sample)
            self.identity.clients.load_sample(self.sample)

    def start(self) -> None:
        """Begin the background work."""
        self.gateway.start()

    def close(self) -> None:
        """Stop the background work and close the file."""
        self.faults.close()
        self.gateway.close()
        self.store.close()


def blueprint(world: World) -> Blueprint:
    """Return the JSON routes /inbox.json and /control/providers."""
    routes = Blueprint("control", __name__)

    @routes.get("/inbox.json")
    def inbox() -> Response:
        """List messages, newest last."""
        return list_inbox(world.inbox)

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
