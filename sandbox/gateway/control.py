"""What only a simulated gateway can do: let a bank decide, let time's work happen, move payouts about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Blueprint, Response, request

from sandbox.gateway.api import Gateway
from sandbox.gateway.disputes import REASONS
from sandbox.gateway.payouts import FAILURES, INTERVALS
from sandbox.gateway.protocol import GatewayError, invalid, public
from sandbox.gateway.reading import find
from sandbox.store import Document, Store

_OUTCOMES = ("won", "lost", "warning_closed", "escalated")
_LARGEST_VND = 10**15


@dataclass(frozen=True)
class _Wish:
    """The body of a control call, field by field."""

    fields: Mapping[str, Any]

    def text(self, name: str, default: str | None = None) -> str | None:
        value = self.fields.get(name, default)
        if value is not None and (not isinstance(value, str) or not value or len(value) > 500):
            raise invalid(f"{name} is text of 1 to 500 characters.", name)
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.fields.get(name, default)
        if value not in choices:
            raise invalid(f"{name} is one of {', '.join(choices)}.", name)
        return str(value)

    def amount(self, name: str, default: int | None = None) -> int | None:
        value = self.fields.get(name, default)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST_VND:
            raise invalid(f"{name} is a whole number of đồng.", name)
        return value

    def flag(self, name: str) -> bool:
        value = self.fields.get(name, False)
        if not isinstance(value, bool):
            raise invalid(f"{name} is true or false.", name)
        return value


def blueprint(store: Store, gateway: Gateway) -> Blueprint:
    """Return the JSON routes under /control/gateway."""
    routes = Blueprint("gateway_control", __name__, url_prefix="/control/gateway")
    parts = gateway.parts

    def act(work: Callable[[_Wish], Any], *known: str, status: int = 200) -> Response:
        """Carry out one wish in a unit of its own, after what is due."""
        try:
            body = request.get_json(silent=True) if request.get_data() else {}
            if not isinstance(body, dict) or not set(body) <= set(known):
                raise invalid(f"Send a JSON object with no other fields than: {', '.join(known) or 'none'}.")
            gateway.run_due()
            with store.unit():
                done = work(_Wish(body))
        except GatewayError as refusal:
            return _json(refusal.status, {"error": "refused", "detail": str(refusal)})
        return _json(status, done)

    @routes.get("/intents")
    def list_intents() -> Response:
        """List the newest payment intents, newest first."""
        asked = request.args.get("limit", "")
        limit = int(asked) if asked.isdecimal() and len(asked) < 9 else 100
        return _json(200, {"items": gateway.list_newest("payment_intent", limit)})

    @routes.post("/run")
    def run() -> Response:
        """Do everything whose time has come."""
        return _json(200, {"done": gateway.run_due()})

    @routes.post("/disputes")
    def open_dispute() -> Response:
        """Let a card owner dispute a charge, or ask about it."""

        def work(wish: _Wish) -> Document:
            charge_id, intent_id = wish.text("charge"), wish.text("payment_intent")
            if charge_id is None and intent_id is not None:
                charge_id = find(store, "payment_intent", intent_id, "payment_intent")["latest_charge"]
            charge = find(store, "charge", str(charge_id), "charge")
            reason = wish.choice("reason", REASONS, "fraudulent")
            return public(parts.disputes.open(charge, reason, wish.amount("amount"), inquiry=wish.flag("inquiry")))

        return act(work, "charge", "payment_intent", "reason", "amount", "inquiry", status=201)

    @routes.post("/disputes/<identity>/decide")
    def decide_dispute(identity: str) -> Response:
        """Let the bank decide."""
        return act(lambda wish: public(parts.disputes.decide(identity, wish.choice("outcome", _OUTCOMES))), "outcome")

    @routes.post("/refunds/<identity>/fail")
    def fail_refund(identity: str) -> Response:
        """Let a refund fail, even one that has succeeded."""

        def work(wish: _Wish) -> Document:
            return public(parts.refunds.fail(identity, str(wish.text("failure_reason", "expired_or_canceled_card"))))

        return act(work, "failure_reason")

    @routes.post("/refunds/<identity>/succeed")
    def succeed_refund(identity: str) -> Response:
        """Let a pending refund arrive."""
        return act(lambda _: public(parts.refunds.succeed(identity)))

    @routes.post("/payouts")
    def pay_out() -> Response:
        """Make the automatic payout now instead of tonight; null when nothing is available."""

        def work(_: _Wish) -> Document | None:
            made = parts.payouts.sweep()
            return None if made is None else public(made)

        return act(work, status=201)

    @routes.route("/payouts/schedule", methods=["GET", "POST"])
    def schedule() -> Response:
        """Tell, or say, how often payouts are made."""

        def work(wish: _Wish) -> Document:
            if request.method == "POST":
                parts.payouts.set_interval(wish.choice("interval", INTERVALS))
            return {"interval": parts.payouts.interval()}

        return act(work, "interval")

    @routes.post("/payouts/<identity>/arrive")
    def arrive(identity: str) -> Response:
        """Let a payout arrive at the bank now."""
        return act(lambda _: public(parts.payouts.arrive(identity)))

    @routes.post("/payouts/<identity>/fail")
    def fail_payout(identity: str) -> Response:
        """Let a payout fail, even one that was paid."""

        def work(wish: _Wish) -> Document:
            code = wish.choice("failure_code", tuple(FAILURES), "could_not_process")
            return public(parts.payouts.fail(identity, code))

        return act(work, "failure_code")

    @routes.route("/bank", methods=["GET", "POST"])
    def bank() -> Response:
        """List the lines of the collection account, oldest first, or write one that no payout explains."""

        def work(wish: _Wish) -> Document:
            if request.method == "POST":
                amount, text = wish.amount("amount_vnd"), wish.text("text")
                if amount is None or text is None:
                    raise invalid("amount_vnd and text are required.")
                return parts.payouts.credit_bank(amount, text, wish.text("reference"))
            lines = parts.payouts.bank_lines()
            return {"items": lines, "balance_vnd": lines[-1]["balance_vnd"] if lines else 0}

        return act(work, "amount_vnd", "text", "reference", status=201 if request.method == "POST" else 200)

    @routes.post("/balance-transactions")
    def book() -> Response:
        """Write a movement of money that the gateway makes by itself, such as a monthly fee, or of an unknown type."""

        def work(wish: _Wish) -> Document:
            amount, kind = wish.amount("amount"), wish.text("type", "stripe_fee")
            if not amount:
                raise invalid("amount is required.", "amount")
            source = wish.text("source")
            text = wish.text("description", "Billing - Usage Fee")
            booked = parts.balance.book(source, str(kind), amount, wish.amount("fee") or 0, description=text)
            return public(booked)

        return act(work, "amount", "fee", "type", "source", "description", status=201)

    @routes.post("/keys/forget")
    def forget_keys() -> Response:
        """Prune the answers kept under Idempotency-Keys: of one key, or all."""
        return act(lambda wish: {"forgotten": gateway.keys.forget(wish.text("key"))}, "key")

    @routes.get("/books")
    def books() -> Response:
        """Sum the books up, so that a test may compare both sides: every movement by type, balance, bank."""

        def work(_: _Wish) -> Document:
            by_type: dict[str, int] = {}
            for each in store.scan("balance_transaction"):
                by_type[each["type"]] = by_type.get(each["type"], 0) + each["net"]
            shown = parts.balance.show()
            return {
                "net_by_type": by_type,
                "net": sum(by_type.values()),
                "available": shown["available"][0]["amount"],
                "pending": shown["pending"][0]["amount"],
                "bank_vnd": sum(each["amount_vnd"] for each in store.scan("bank_line")),
            }

        return act(work)

    return routes


def _json(status: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
