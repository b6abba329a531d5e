"""Which calls the gateway knows: address, parameters, and who carries each of them out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request

from sandbox.gateway import schemas as s
from sandbox.gateway.params import Schema
from sandbox.gateway.parts import Parts
from sandbox.gateway.protocol import invalid
from sandbox.gateway.reading import Reader, find, within
from sandbox.store import Document

# Data: how long events can be listed.
EVENTS_LISTED_SECONDS = 30 * 24 * 3600

Run = Callable[[str, Document], Document]


@dataclass(frozen=True)
class Call:
    """One operation of the gateway: `run` gets the id of the path (or "") and the parameters."""

    method: str
    path: str
    kind: str
    schema: Schema
    run: Run
    required: tuple[str, ...] = ()
    listed: bool = False
    # An app may call it with its publishable key, on the intent whose client secret it holds.
    for_apps: bool = False


class Calls:
    """The table of calls; it is the whole surface under /v1."""

    def __init__(self, parts: Parts, reader: Reader) -> None:
        """Wire the calls to the parts that carry them out."""
        self._parts = parts
        self._reader = reader

    def table(self) -> list[Call]:
        """Return every call."""
        return [*self._payments(), *self._cards(), *self._money_back(), *self._money_out(), *self._telling()]

    def _payments(self) -> list[Call]:
        intents, one = self._parts.intents, "/payment_intents/<identity>"
        return [
            _post(
                "/payment_intents",
                "payment_intent",
                s.CREATE_INTENT,
                lambda _, params: intents.create(params, _base()),
                ("amount", "currency"),
            ),
            self._list("/payment_intents", "payment_intent", s.LIST_INTENTS, ("customer",)),
            Call(
                "GET",
                "/payment_intents/search",
                "payment_intent",
                s.SEARCH_INTENTS,
                self._search,
                ("query",),
                listed=True,
            ),
            Call("GET", one, "payment_intent", s.RETRIEVE_INTENT, intents.retrieve, for_apps=True),
            _post(one, "payment_intent", s.UPDATE_INTENT, intents.update),
            Call(
                "POST",
                f"{one}/confirm",
                "payment_intent",
                s.CONFIRM_INTENT,
                lambda identity, params: intents.confirm(identity, params, _base()),
                for_apps=True,
            ),
            _post(f"{one}/capture", "payment_intent", s.CAPTURE_INTENT, intents.capture),
            _post(f"{one}/cancel", "payment_intent", s.CANCEL_INTENT, intents.cancel),
            self._list("/charges", "charge", s.LIST_CHARGES, ("payment_intent", "customer")),
            self._get("/charges/<identity>", "charge"),
        ]

    def _cards(self) -> list[Call]:
        methods, setups = self._parts.methods, self._parts.setups
        method, customer, setup = "/payment_methods/<identity>", "/customers/<identity>", "/setup_intents/<identity>"
        return [
            Call(
                "POST",
                "/payment_methods",
                "payment_method",
                s.CREATE_METHOD,
                lambda _, params: methods.create(params),
                ("type",),
                for_apps=True,
            ),
            self._list("/payment_methods", "payment_method", s.LIST_METHODS, ("customer", "type")),
            self._get(method, "payment_method"),
            _post(method, "payment_method", s.UPDATE_METHOD, methods.update),
            _post(f"{method}/attach", "payment_method", s.ATTACH_METHOD, methods.attach, ("customer",)),
            _post(f"{method}/detach", "payment_method", s.EXPANDABLE, lambda identity, _: methods.detach(identity)),
            _post("/customers", "customer", s.CREATE_CUSTOMER, lambda _, params: methods.create_customer(params)),
            self._list("/customers", "customer", s.LIST_CUSTOMERS, ("email",)),
            Call("GET", customer, "customer", s.EXPANDABLE, lambda identity, _: methods.customer(identity)),
            _post(customer, "customer", s.UPDATE_CUSTOMER, methods.update_customer),
            Call("DELETE", customer, "customer", {}, lambda identity, _: methods.delete_customer(identity)),
            Call(
                "GET",
                f"{customer}/payment_methods",
                "payment_method",
                s.LIST_METHODS,
                self._methods_of_customer,
                listed=True,
            ),
            _post("/setup_intents", "setup_intent", s.CREATE_SETUP, lambda _, params: setups.create(params, _base())),
            self._list("/setup_intents", "setup_intent", s.LIST_SETUPS, ("customer", "payment_method")),
            Call("GET", setup, "setup_intent", s.RETRIEVE_INTENT, setups.retrieve, for_apps=True),
            _post(setup, "setup_intent", s.UPDATE_SETUP, setups.update),
            Call(
                "POST",
                f"{setup}/confirm",
                "setup_intent",
                s.CONFIRM_SETUP,
                lambda identity, params: setups.confirm(identity, params, _base()),
                for_apps=True,
            ),
            _post(f"{setup}/cancel", "setup_intent", s.CANCEL_SETUP, setups.cancel),
        ]

    def _money_back(self) -> list[Call]:
        refunds, disputes = self._parts.refunds, self._parts.disputes
        refund, dispute = "/refunds/<identity>", "/disputes/<identity>"
        return [
            _post("/refunds", "refund", s.CREATE_REFUND, lambda _, params: refunds.create(params)),
            self._list("/refunds", "refund", s.LIST_REFUNDS, ("payment_intent", "charge")),
            self._get(refund, "refund"),
            _post(refund, "refund", s.CHANGE_METADATA, refunds.update),
            _post(f"{refund}/cancel", "refund", s.EXPANDABLE, lambda identity, _: refunds.cancel(identity)),
            self._list("/disputes", "dispute", s.LIST_DISPUTES, ("charge", "payment_intent")),
            self._get(dispute, "dispute"),
            _post(dispute, "dispute", s.UPDATE_DISPUTE, disputes.update),
            _post(f"{dispute}/close", "dispute", s.EXPANDABLE, lambda identity, _: disputes.close(identity)),
        ]

    def _money_out(self) -> list[Call]:
        payouts, payout = self._parts.payouts, "/payouts/<identity>"
        return [
            Call("GET", "/balance", "balance", s.EXPANDABLE, lambda _, __: self._parts.balance.show()),
            Call(
                "GET",
                "/balance_transactions",
                "balance_transaction",
                s.LIST_TRANSACTIONS,
                self._list_transactions,
                listed=True,
            ),
            self._get("/balance_transactions/<identity>", "balance_transaction"),
            _post(
                "/payouts", "payout", s.CREATE_PAYOUT, lambda _, params: payouts.create(params), ("amount", "currency")
            ),
            self._list("/payouts", "payout", s.LIST_PAYOUTS, ("status", "destination")),
            self._get(payout, "payout"),
            _post(payout, "payout", s.CHANGE_METADATA, payouts.update),
            _post(f"{payout}/cancel", "payout", s.EXPANDABLE, lambda identity, _: payouts.cancel(identity)),
            _post(f"{payout}/reverse", "payout", s.CHANGE_METADATA, payouts.reverse),
            Call("GET", "/account", "account", s.EXPANDABLE, lambda _, __: self._account()),
        ]

    def _telling(self) -> list[Call]:
        endpoints, endpoint = self._parts.endpoints, "/webhook_endpoints/<identity>"
        return [
            Call("GET", "/events", "event", s.LIST_EVENTS, self._list_events, listed=True),
            self._get("/events/<identity>", "event"),
            _post(
                "/webhook_endpoints",
                "webhook_endpoint",
                s.CREATE_ENDPOINT,
                lambda _, params: endpoints.create(params),
                ("url", "enabled_events"),
            ),
            self._list("/webhook_endpoints", "webhook_endpoint", s.LIST_ENDPOINTS, ()),
            self._get(endpoint, "webhook_endpoint"),
            _post(endpoint, "webhook_endpoint", s.UPDATE_ENDPOINT, endpoints.update),
            Call("DELETE", endpoint, "webhook_endpoint", {}, lambda identity, _: endpoints.delete(identity)),
        ]

    def _get(self, path: str, kind: str) -> Call:
        return Call("GET", path, kind, s.EXPANDABLE, lambda identity, _: find(self._parts.store, kind, identity))

    def _list(self, path: str, kind: str, schema: Schema, filters: tuple[str, ...]) -> Call:
        def run(_: str, params: Document) -> Document:
            return self._page(kind, f"/v1{path}", params, {name: params[name] for name in filters if name in params})

        return Call("GET", path, kind, schema, run, listed=True)

    def _page(self, kind: str, url: str, params: Document, wanted: dict[str, Any]) -> Document:
        sieve = next(iter(wanted.values()), None)
        arrival = params.get("arrival_date")

        def matches(found: Document) -> bool:
            in_time = arrival is None or within(found["arrival_date"], arrival)
            return in_time and all(found.get(name) == each for name, each in wanted.items())

        return self._reader.page(kind, url, params, matches, sieve)

    def _search(self, _: str, params: Document) -> Document:
        return self._reader.search("payment_intent", "/v1/payment_intents/search", params)

    def _methods_of_customer(self, identity: str, params: Document) -> Document:
        find(self._parts.store, "customer", identity, "customer")
        wanted = {"customer": identity} | ({"type": params["type"]} if "type" in params else {})
        return self._page("payment_method", f"/v1/customers/{identity}/payment_methods", params, wanted)

    def _list_transactions(self, _: str, params: Document) -> Document:
        wanted: dict[str, Any] = {name: params[name] for name in ("source", "type", "currency") if name in params}
        if "payout" in params:
            payout = find(self._parts.store, "payout", params["payout"], "payout", 400)
            if not payout["automatic"]:
                message = "Balance transaction history can only be filtered on automatic payouts, not manual."
                raise invalid(message, "payout")
            wanted = {"_payout": payout["id"]} | wanted
        return self._page("balance_transaction", "/v1/balance_transactions", params, wanted)

    def _list_events(self, _: str, params: Document) -> Document:
        types = params.get("types") or ([params["type"]] if "type" in params else [])
        success = params.get("delivery_success")
        oldest = self._parts.clock.timestamp() - EVENTS_LISTED_SECONDS

        def matches(event: Document) -> bool:
            named = not types or any(
                event["type"] == each or (each.endswith(".*") and event["type"].startswith(each[:-1])) for each in types
            )
            return named and event["created"] >= oldest and success in {None, event["_delivered"]}

        return self._reader.page("event", "/v1/events", params, matches)

    def _account(self) -> Document:
        schedule: Document = {"delay_days": 2, "interval": self._parts.payouts.interval()}
        return {
            "id": "acct_sandbox000000000",
            "object": "account",
            "charges_enabled": True,
            "default_currency": "vnd",
            "details_submitted": True,
            "payouts_enabled": True,
            "settings": {
                "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
                "card_payments": {"decline_on": {"avs_failure": False, "cvc_failure": False}},
                "dashboard": {"display_name": "Sandbox", "timezone": "Asia/Ho_Chi_Minh"},
                "payments": {"statement_descriptor": "SANDBOX"},
                "payouts": {"debit_negative_balances": False, "schedule": schedule, "statement_descriptor": None},
            },
            "type": "standard",
        }


def _post(path: str, kind: str, schema: Schema, run: Run, required: tuple[str, ...] = ()) -> Call:
    return Call("POST", path, kind, schema, run, required)


def _base() -> str:
    return request.host_url.rstrip("/")
