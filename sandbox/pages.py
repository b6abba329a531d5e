"""The pages for people: start, inbox, control and the bank's authentication page, in Vietnamese and English."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from sandbox.control import World, list_inbox
from sandbox.faults import ACTIONS
from sandbox.gateway_protocol import GatewayError
from sandbox.inbox import phone_or_address
from sandbox.page_texts import TEXTS
from sandbox.providers import VIETNAM
from sandbox.store import Document

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
            intents=world.gateway.list_intents(_ROWS),
            webhook_url=world.webhooks.target()[0],
            deliveries=world.webhooks.list_deliveries(_ROWS),
        )

    @routes.get("/stripe/authenticate/<intent_id>/<token>")
    def challenge(intent_id: str, token: str) -> str | tuple[str, int]:
        """Show the bank's page, which asks whether the payment is theirs."""
        try:
            intent = world.gateway.intents.challenged(intent_id, token)
        except GatewayError:
            return _page("bank.html", intent=None, outcome=None), 400
        return _page("bank.html", intent=intent, outcome=None)

    @routes.post("/stripe/authenticate/<intent_id>/<token>")
    def authenticate(intent_id: str, token: str) -> str | tuple[str, int] | BaseResponse:
        """Take the citizen's answer and send them back to where they came from."""
        outcome = request.form.get("outcome")
        if outcome not in {"complete", "fail"}:
            return _page("bank.html", intent=None, outcome=None), 400
        try:
            with world.store.unit():
                before = world.gateway.intents.challenged(intent_id, token)
                intent = world.gateway.intents.authenticate(intent_id, token, completed=outcome == "complete")
        except GatewayError:
            return _page("bank.html", intent=None, outcome=None), 400
        passed = intent["status"] in {"succeeded", "requires_capture"}
        return_url = before["next_action"]["redirect_to_url"]["return_url"]
        if return_url is None:
            return _page("bank.html", intent=intent, outcome="passed" if passed else "failed")
        return redirect(_with_outcome(return_url, intent, passed=passed), 303)

    return routes


def _page(template: str, **values: Any) -> str:
    asked = request.args.get("lang")
    language = asked if asked in TEXTS else request.accept_languages.best_match(list(TEXTS), "vi")

    def money(amount: int) -> str:
        return f"{amount:,}".replace(",", ".") + " ₫" if language == "vi" else f"₫{amount:,}"

    return render_template(template, t=SimpleNamespace(**TEXTS[str(language)]), lang=language, money=money, **values)


def _local(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}"


def _with_outcome(return_url: str, intent: Document, *, passed: bool) -> str:
    parts = urlsplit(return_url)
    added = urlencode(
        {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if passed else "failed",
        }
    )
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
