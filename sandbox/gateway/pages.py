"""The gateway's pages for people: the bank that asks whose card it is, and what is not simulated."""

import hmac
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from sandbox.gateway.api import Gateway
from sandbox.gateway.limits import NOT_SIMULATED, OWN_READINGS
from sandbox.gateway.texts import TEXTS
from sandbox.store import Document, Store


def blueprint(store: Store, gateway: Gateway) -> Blueprint:
    """Return the HTML routes under /stripe."""
    routes = Blueprint("gateway_pages", __name__, template_folder="templates", url_prefix="/stripe")

    @routes.get("/authenticate/<intent_id>/<token>")
    def challenge(intent_id: str, token: str) -> str | tuple[str, int]:
        """Show the bank's page, which asks whether the payment, or the card to be kept, is theirs."""
        waiting = _challenged(store, intent_id, token)
        return _over() if waiting is None else _page("bank.html", intent=waiting, outcome=None)

    @routes.post("/authenticate/<intent_id>/<token>")
    def authenticate(intent_id: str, token: str) -> str | tuple[str, int] | BaseResponse:
        """Take the citizen's answer and send them back to where they came from."""
        outcome = request.form.get("outcome")
        if outcome not in {"complete", "fail"}:
            return _over()
        gateway.run_due()
        with store.unit():
            before = _challenged(store, intent_id, token)
            if before is None:
                return _over()
            part = gateway.parts.intents if before["object"] == "payment_intent" else gateway.parts.setups
            intent = part.authenticate(intent_id, completed=outcome == "complete")
        passed = intent["status"] in {"succeeded", "requires_capture"}
        return_url = before["next_action"]["redirect_to_url"]["return_url"]
        if return_url is None:
            return _page("bank.html", intent=intent, outcome="passed" if passed else "failed")
        return redirect(_with_outcome(return_url, intent, passed=passed), 303)

    @routes.get("/not-simulated")
    def limits() -> str:
        """Tell what this gateway does not do."""
        at = 1 if _language() == "vi" else 0
        return _page(
            "limits.html",
            not_simulated=[line[at] for line in NOT_SIMULATED],
            own_readings=[line[at] for line in OWN_READINGS],
        )

    return routes


def start_page() -> str:
    """Show what is here, when the gateway runs alone."""
    return _page("start.html")


def _challenged(store: Store, intent_id: str, token: str) -> Document | None:
    """Return an intent that waits for the bank's page and this token, or None."""
    kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
    intent = store.get(kind, intent_id)
    if intent is None or intent["status"] != "requires_action":
        return None
    return intent if hmac.compare_digest(intent["_challenge"].encode(), token.encode()) else None


def _over() -> tuple[str, int]:
    return _page("bank.html", intent=None, outcome=None), 400


def _language() -> str:
    asked = request.args.get("lang")
    return str(asked if asked in TEXTS else request.accept_languages.best_match(list(TEXTS), "vi"))


def _page(template: str, **values: Any) -> str:
    language = _language()

    def money(amount: int) -> str:
        return f"{amount:,}".replace(",", ".") + " ₫" if language == "vi" else f"₫{amount:,}"

    return render_template(
        f"gateway/{template}", t=SimpleNamespace(**TEXTS[language]), lang=language, money=money, **values
    )


def _with_outcome(return_url: str, intent: Document, *, passed: bool) -> str:
    parts = urlsplit(return_url)
    added = urlencode(
        {
            intent["object"]: intent["id"],
            f"{intent['object']}_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if passed else "failed",
        }
    )
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
