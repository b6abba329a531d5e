"""The gateway over HTTP: which calls exist, and how one call goes from request to stored answer."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson
from flask import Blueprint, Response, request

from sandbox import gateway_params as params_of
from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway_intents import Intents
from sandbox.gateway_money import Money
from sandbox.gateway_params import Schema
from sandbox.gateway_protocol import (
    API_VERSION,
    GatewayError,
    IdempotencyKeys,
    Key,
    decode,
    invalid,
    new_id,
    public,
)
from sandbox.gateway_reading import Reader, check_expansions, find
from sandbox.store import Document, Store
from sandbox.webhooks import CAUSE, Webhooks

# These happen while the gateway works on the request, so its Idempotency-Key is in use or its answer is kept.
_INSIDE = frozenset({"delay", "error"})
_NOT_KEPT = frozenset({409, 429})
_CHECK_REFUNDS_EVERY_SECONDS = 0.5
# What an app that holds only the publishable key and the client secret may see of an intent.
_APP_SEES = frozenset({
    "id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at", "cancellation_reason",
    "capture_method", "client_secret", "confirmation_method", "created", "currency", "description",
    "last_payment_error", "livemode", "next_action", "payment_method", "payment_method_types", "processing",
    "receipt_email", "setup_future_usage", "shipping", "source", "status",
})  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One operation of the gateway: `run` gets the id of the path (or "") and the parameters."""

    method: str
    path: str
    kind: str
    schema: Schema
    run: Callable[[str, Document], Document]
    required: tuple[str, ...] = ()
    listed: bool = False
    # An app may call it with its publishable key, on the intent whose client secret it holds.
    for_apps: bool = False


@dataclass(frozen=True)
class _Asked:
    """One request that passed validation, with the fault that spoils its execution."""

    call: Call
    identity: str
    params: Document
    request_id: str
    key: str | None
    rule: Document | None

    @property
    def fingerprint(self) -> str:
        """What makes it the same request: the address and the parameters as read, whatever their order."""
        asked = orjson.dumps([request.path, self.params], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(asked).hexdigest()


class Gateway:
    """The simulated gateway; `blueprint` is its face."""

    def __init__(self, store: Store, clock: Clock, faults: Faults, webhooks: Webhooks) -> None:
        """Keep everything in the store; nothing runs in the background before `start`."""
        self._store = store
        self._faults = faults
        self._keys = IdempotencyKeys(store, clock)
        self._money = Money(store, clock, webhooks.announce)
        self.intents = Intents(store, clock, self._money, webhooks.announce)
        self._reader = Reader(store, self._show)
        self._closing = threading.Event()

    def start(self) -> None:
        """Begin to let refunds to the failing test card fail."""
        threading.Thread(target=self._watch_refunds, name="refunds", daemon=True).start()

    def close(self) -> None:
        """Stop the background work."""
        self._closing.set()

    def list_intents(self, limit: int) -> list[Document]:
        """Return the newest intents, newest first."""
        found = self._store.scan("payment_intent", newest_first=True)
        return [public(intent) for _, intent in zip(range(limit), found, strict=False)]

    def blueprint(self) -> Blueprint:
        """Return the routes under /stripe/v1."""
        routes = Blueprint("gateway", __name__, url_prefix="/stripe/v1")
        for call in self._calls():

            def serve(call: Call = call, identity: str = "") -> Response:
                return self._serve(call, identity)

            routes.add_url_rule(call.path, f"{call.method} {call.path}".replace(".", "_"), serve, methods=[call.method])

        @routes.route("/<path:rest>", methods=["GET", "POST", "DELETE"])
        def unknown(rest: str) -> Response:
            """Say that this call is not simulated."""
            return _respond(
                new_id("req"),
                404,
                GatewayError(
                    404, "invalid_request_error", f"Unrecognized request URL ({request.method}: /v1/{rest})."
                ).body(),
            )

        return routes

    def _calls(self) -> list[Call]:
        intents, money, p = self.intents, self._money, params_of
        return [
            Call(
                "POST",
                "/payment_intents",
                "payment_intent",
                p.CREATE_INTENT,
                lambda _, params: intents.create(params, _base()),
                ("amount", "currency"),
            ),
            Call(
                "GET",
                "/payment_intents",
                "payment_intent",
                p.LIST_INTENTS,
                self._lister("payment_intent", ("customer",)),
                listed=True,
            ),
            Call(
                "GET",
                "/payment_intents/search",
                "payment_intent",
                p.SEARCH_INTENTS,
                lambda _, params: self._reader.search("payment_intent", "/v1/payment_intents/search", params),
                ("query",),
                listed=True,
            ),
            Call(
                "GET",
                "/payment_intents/<identity>",
                "payment_intent",
                p.RETRIEVE_INTENT,
                intents.retrieve,
                for_apps=True,
            ),
            Call("POST", "/payment_intents/<identity>", "payment_intent", p.UPDATE_INTENT, intents.update),
            Call(
                "POST",
                "/payment_intents/<identity>/confirm",
                "payment_intent",
                p.CONFIRM_INTENT,
                lambda identity, params: intents.confirm(identity, params, _base()),
                for_apps=True,
            ),
            Call("POST", "/payment_intents/<identity>/capture", "payment_intent", p.CAPTURE_INTENT, intents.capture),
            Call("POST", "/payment_intents/<identity>/cancel", "payment_intent", p.CANCEL_INTENT, intents.cancel),
            Call(
                "POST",
                "/payment_methods",
                "payment_method",
                p.CREATE_METHOD,
                lambda _, params: intents.create_method(params),
                ("type",),
                for_apps=True,
            ),
            Call("GET", "/payment_methods/<identity>", "payment_method", p.EXPANDABLE, self._finder("payment_method")),
            Call(
                "POST", "/customers", "customer", p.CREATE_CUSTOMER, lambda _, params: intents.create_customer(params)
            ),
            Call("GET", "/customers/<identity>", "customer", p.EXPANDABLE, self._finder("customer")),
            Call(
                "GET",
                "/charges",
                "charge",
                p.LIST_CHARGES,
                self._lister("charge", ("payment_intent", "customer")),
                listed=True,
            ),
            Call("GET", "/charges/<identity>", "charge", p.EXPANDABLE, self._finder("charge")),
            Call("POST", "/refunds", "refund", p.CREATE_REFUND, lambda _, params: money.refund(params)),
            Call(
                "GET",
                "/refunds",
                "refund",
                p.LIST_REFUNDS,
                self._lister("refund", ("payment_intent", "charge")),
                listed=True,
            ),
            Call("GET", "/refunds/<identity>", "refund", p.EXPANDABLE, self._finder("refund")),
            Call(
                "GET",
                "/balance_transactions",
                "balance_transaction",
                p.LIST_TRANSACTIONS,
                self._lister("balance_transaction", ("source", "type", "currency")),
                listed=True,
            ),
            Call(
                "GET",
                "/balance_transactions/<identity>",
                "balance_transaction",
                p.EXPANDABLE,
                self._finder("balance_transaction"),
            ),
            Call("GET", "/balance", "balance", p.EXPANDABLE, lambda _, __: money.balance()),
            Call("GET", "/events", "event", p.LIST_EVENTS, self._list_events, listed=True),
            Call("GET", "/events/<identity>", "event", p.EXPANDABLE, self._finder("event")),
        ]

    def _serve(self, call: Call, identity: str) -> Response:
        request_id = new_id("req")
        rule = self._faults.take("gateway", {"method": request.method, "path": request.path})
        if rule is not None and rule["action"] not in _INSIDE:
            return self._faults.spoil(
                rule,
                lambda status, message: _respond(request_id, status, _ordered(status, message).body()),
                lambda: self._answer(call, identity, request_id, None),
            )
        return self._answer(call, identity, request_id, rule)

    def _answer(self, call: Call, identity: str, request_id: str, rule: Document | None) -> Response:
        key = request.headers.get("Idempotency-Key") if call.method == "POST" else None
        try:
            asker = Key(
                request.headers.get("Authorization", ""),
                request.authorization.username if request.authorization else None,
            )
            params = params_of.read(decode(_pairs()), call.schema, call.required)
            check_expansions(call.kind, params.get("expand", []), listed=call.listed)
            if asker.publishable:
                _check_app(call, params)
            asked = _Asked(call, identity, params, request_id, key or None, rule)
            status, body, replayed = self._answer_once(asked) if key else (*self._execute(asked), False)
            return _respond(request_id, status, _narrowed(body, asker, call), key, replayed=replayed)
        except GatewayError as refusal:
            return _respond(request_id, refusal.status, refusal.body(), key)

    def _answer_once(self, asked: _Asked) -> tuple[int, bytes, bool]:
        """Answer a request that carries an Idempotency-Key: status, body, and whether it is the first answer again."""
        key = str(asked.key)
        stored = self._keys.begin(key, asked.fingerprint)
        if stored is not None:
            return stored["status"], stored["body"].encode(), True
        try:
            return (*self._execute(asked), False)
        finally:
            self._keys.end(key)

    def _execute(self, asked: _Asked) -> tuple[int, bytes]:
        fault = asked.rule["action"] if asked.rule is not None else None
        if asked.rule is not None and fault == "delay":
            self._faults.pause(asked.rule["seconds"])
        cause = CAUSE.set((asked.request_id, asked.key))
        try:
            with self._store.unit():
                if asked.rule is not None and fault == "error":
                    status = asked.rule["status"]
                    body = _ordered(status, "An error occurred on our side (ordered fault).").body()
                else:
                    status, body = self._run(asked.call, asked.identity, asked.params)
                # The answer is kept in the commit of its effect: a killed gateway has both or neither.
                if asked.key is not None and status not in _NOT_KEPT:
                    self._keys.keep(asked.key, asked.fingerprint, status, body)
        finally:
            CAUSE.reset(cause)
        return status, body

    def _run(self, call: Call, identity: str, params: Document) -> tuple[int, bytes]:
        try:
            found = call.run(identity, params)
        except GatewayError as refusal:
            # Caught inside the unit: a declined card has failed the intent, and that must be kept.
            return refusal.status, refusal.body()
        shown = found if call.listed else self._reader.expand(found, params.get("expand", []))
        return 200, orjson.dumps(shown)

    def _show(self, document: Document) -> Document:
        shown = public(document)
        return self._money.with_status(shown) if shown["object"] == "balance_transaction" else shown

    def _finder(self, kind: str) -> Callable[[str, Document], Document]:
        return lambda identity, _: find(self._store, kind, identity)

    def _lister(self, kind: str, filters: tuple[str, ...]) -> Callable[[str, Document], Document]:
        def run(_: str, params: Document) -> Document:
            wanted = {name: params[name] for name in filters if name in params}
            sieve = next(iter(wanted.values()), None)
            return self._reader.page(
                kind,
                f"/v1/{kind}s",
                params,
                lambda found: all(found[name] == each for name, each in wanted.items()),
                sieve,
            )

        return run

    def _list_events(self, _: str, params: Document) -> Document:
        types = params.get("types") or ([params["type"]] if "type" in params else [])
        success = params.get("delivery_success")

        def matches(event: Document) -> bool:
            named = not types or any(
                event["type"] == each or (each.endswith(".*") and event["type"].startswith(each[:-1])) for each in types
            )
            return named and success in {None, event["_delivered"]}

        return self._reader.page("event", "/v1/events", params, matches)

    def _watch_refunds(self) -> None:
        while not self._closing.wait(_CHECK_REFUNDS_EVERY_SECONDS):
            if self._store.ids("failing_refund"):
                with self._store.unit():
                    self._money.fail_due_refunds()


def _base() -> str:
    return request.host_url.rstrip("/")


def _pairs() -> list[tuple[str, str]]:
    raw = request.get_data() if request.method == "POST" else request.query_string
    if request.method == "POST" and raw and "json" in (request.content_type or ""):
        raise invalid("Send the body as application/x-www-form-urlencoded, not as JSON.")
    try:
        return parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as wrong:
        raise invalid("The request's parameters are not UTF-8 or too many.") from wrong


def _check_app(call: Call, params: Document) -> None:
    if not call.for_apps:
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise GatewayError(401, "invalid_request_error", message, code="secret_key_required")
    if call.kind == "payment_intent" and "client_secret" not in params:
        raise invalid("Missing required param: client_secret.", "client_secret", "parameter_missing")


def _narrowed(body: bytes, asker: Key, call: Call) -> bytes:
    if not asker.publishable or call.kind != "payment_intent":
        return body
    answer = orjson.loads(body)
    if "error" in answer:
        held = answer["error"].get("payment_intent")
        if held is not None:
            answer["error"]["payment_intent"] = {name: held[name] for name in held if name in _APP_SEES}
        return orjson.dumps(answer)
    return orjson.dumps({name: answer[name] for name in answer if name in _APP_SEES})


def _ordered(status: int, message: str) -> GatewayError:
    refused = "invalid_request_error"
    kinds = {400: refused, 402: "card_error", 404: refused, 429: refused}
    codes = {402: "card_declined", 409: "lock_timeout", 429: "rate_limit"}
    return GatewayError(status, kinds.get(status, "api_error"), message, code=codes.get(status))


def _respond(request_id: str, status: int, body: bytes, key: str | None = None, *, replayed: bool = False) -> Response:
    response = Response(body, status, content_type="application/json")
    response.headers["Request-Id"] = request_id
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
    if key:
        response.headers["Idempotency-Key"] = key
        if replayed:
            response.headers["Idempotent-Replayed"] = "true"
    if status == 409:
        response.headers["Stripe-Should-Retry"] = "true"
    elif status >= 500 and key and status != 503:
        # The answer is kept under the key: asking again can only bring it back.
        response.headers["Stripe-Should-Retry"] = "false"
    return response
