"""The pages for people: start, inbox and control, in Vietnamese and English."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Response, render_template, request

from sandbox.control import World, list_inbox
from sandbox.faults import ACTIONS
from sandbox.inbox import phone_or_address
from sandbox.page_texts import TEXTS
from sandbox.providers import VIETNAM

_ROWS = 30


def blueprint(world: World) -> Blueprint:
    """Return the HTML routes."""
    routes = Blueprint("pages", __name__)

    @routes.get("/")
    def start() -> str:
        """Show what is here."""
        return _page("start.html", companies=world.companies.list_slugs())

    @routes.get("/inbox")
    def inbox() -> str | Response:
        """Show the messages, newest first; as JSON to a client that asks for it."""
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return list_inbox(world.inbox)
        to = phone_or_address(request.args.get("to"))
        items = world.inbox.list_items(to, limit=200)[::-1]
        return _page("inbox.html", items=[item | {"at": _local(item["at"])} for item in items], to=to or "")

    @routes.get("/control")
    def control() -> str:
        """Show the state of everything, with forms that use the control API."""
        slugs = world.companies.list_slugs()
        postings = sorted(
            (posting for slug in slugs for posting in world.companies.list_postings(slug)),
            key=lambda posting: str(posting["posted_at"]),
            reverse=True,
        )
        return _page(
            "control.html",
            clock=_local(world.clock.now().isoformat()),
            actions=ACTIONS,
            offset=round(world.clock.offset_seconds),
            faults=world.faults.list_rules()[::-1],
            companies={slug: world.companies.count_bills(slug) for slug in slugs},
            postings=postings[:_ROWS],
            intents=world.gateway.list_newest("payment_intent", _ROWS),
            disputes=world.gateway.list_newest("dispute", _ROWS),
            payouts=world.gateway.list_newest("payout", _ROWS),
            balance=world.gateway.parts.balance.show(),
            webhook_url=world.webhooks.target()[0],
            deliveries=world.webhooks.list_deliveries(_ROWS),
        )

    return routes


def _page(template: str, **values: Any) -> str:
    asked = request.args.get("lang")
    language = asked if asked in TEXTS else request.accept_languages.best_match(list(TEXTS), "vi")

    def money(amount: int) -> str:
        return f"{amount:,}".replace(",", ".") + " ₫" if language == "vi" else f"₫{amount:,}"

    return render_template(template, t=SimpleNamespace(**TEXTS[str(language)]), lang=language, money=money, **values)


def _local(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}"
