"""The gateway over HTTP: how one call goes from request to stored answer."""

import hashlib
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson
from flask import Blueprint, Response, request

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway.calls import Call, Calls
from sandbox.gateway.params import read
from sandbox.gateway.parts import Parts
from sandbox.gateway.protocol import (
    API_VERSION,
    GatewayError,
    IdempotencyKeys,
    Key,
    decode,
    invalid,
    new_id,
    public,
)
from sandbox.gateway.reading import Reader, check_expansions
from sandbox.gateway.webhooks import CAUSE, Webhooks
from sandbox.store import Document, Store

# These happen while the gateway works on the request, so its Idempotency-Key is in use or its answer is kept.
_INSIDE = frozenset({"delay", "error"})
_NOT_KEPT = frozenset({409, 429})
# What an app that holds only the publishable key and the client secret may see of an intent.
_APP_SEES = frozenset({
    "id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at", "cancellation_reason",
    "capture_method", "client_secret", "confirmation_method", "created", "currency", "description",
    "last_payment_error", "livemode", "next_action", "payment_method", "payment_method_types", "processing",
    "receipt_email", "setup_future_usage", "shipping", "source", "status", "last_setup_error", "usage",
})  # fmt: skip
_INTENTS = frozenset({"payment_intent", "setup_intent"})


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
        self._webhooks = webhooks
        self.keys = IdempotencyKeys(store, clock)
        self.parts = Parts(store, clock, faults, webhooks.announce)
        self._reader = Reader(store, public)

    def start(self) -> None:
        """Begin to deliver webhooks and to do what is due."""
        self._webhooks.start()
        self.parts.timers.start()

    def close(self) -> None:
        """Stop the background work."""
        self.parts.timers.close()
        self._webhooks.close()

    def reload(self) -> None:
        """Forget the schedules in memory and read them from the store again."""
        self.parts.timers.reload()
        self._webhooks.reload()

    def run_due(self) -> int:
        """Do everything whose time has come; returns how much that was."""
        return self.parts.timers.run_due()

    def list_newest(self, kind: str, limit: int) -> list[Document]:
        """Return the newest objects of a kind, newest first."""
        found = self._store.scan(kind, newest_first=True)
        return [public(each) for _, each in zip(range(limit), found, strict=False)]

    def blueprint(self) -> Blueprint:
        """Return the routes under /stripe/v1."""
        routes = Blueprint("gateway_api", __name__, url_prefix="/stripe/v1")
        for call in Calls(self.parts, self._reader).table():

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

    def _serve(self, call: Call, identity: str) -> Response:
        request_id = new_id("req")
        # Whatever the clock has brought about meanwhile comes first.
        self.run_due()
        facts = {"method": request.method, "path": request.path, "amount": _amount_asked()}
        rule = self._faults.take("gateway", facts)
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
            params = read(decode(_pairs()), call.schema, call.required)
            check_expansions(call.kind, params.get("expand", []), listed=call.listed)
            if asker.publishable:
                _check_app(call, params)
            asked = _Asked(call, identity, params, request_id, key or None, rule)
            status, body, replayed = self._answer_once(asked) if key else (*self._execute(asked), False)
        except GatewayError as refusal:
            return _respond(request_id, refusal.status, refusal.body(), key)
        self._webhooks.await_early(request_id)
        answer = _respond(request_id, status, _narrowed(body, asker, call), key, replayed=replayed)
        if rule is not None and not rule.get("stored", True):
            # This failure was not kept, so asking again is worth while.
            answer.headers["Stripe-Should-Retry"] = "true"
        return answer

    def _answer_once(self, asked: _Asked) -> tuple[int, bytes, bool]:
        """Answer a request that carries an Idempotency-Key: status, body, and whether it is the first answer again."""
        key = str(asked.key)
        stored = self.keys.begin(key, asked.fingerprint)
        if stored is not None:
            return stored["status"], stored["body"].encode(), True
        try:
            return (*self._execute(asked), False)
        finally:
            self.keys.end(key)

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
                forgotten = asked.rule is not None and fault == "error" and not asked.rule.get("stored", True)
                if asked.key is not None and status not in _NOT_KEPT and not forgotten:
                    self.keys.keep(asked.key, asked.fingerprint, status, body)
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


def _pairs() -> list[tuple[str, str]]:
    raw = request.get_data() if request.method == "POST" else request.query_string
    if request.method == "POST" and raw and "json" in (request.content_type or ""):
        raise invalid("Send the body as application/x-www-form-urlencoded, not as JSON.")
    try:
        return parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as wrong:
        raise invalid("The request's parameters are not UTF-8 or too many.") from wrong


def _amount_asked() -> str:
    """Return the amount of the request as it stands there, for faults that wait for one."""
    try:
        return dict(_pairs()).get("amount", "")
    except GatewayError:
        return ""


def _check_app(call: Call, params: Document) -> None:
    if not call.for_apps:
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise GatewayError(401, "invalid_request_error", message, code="secret_key_required")
    if call.kind in _INTENTS and "client_secret" not in params:
        raise invalid("Missing required param: client_secret.", "client_secret", "parameter_missing")


def _narrowed(body: bytes, asker: Key, call: Call) -> bytes:
    if not asker.publishable or call.kind not in _INTENTS:
        return body
    answer = orjson.loads(body)
    if "error" in answer:
        held = answer["error"].get(call.kind)
        if held is not None:
            answer["error"][call.kind] = {name: held[name] for name in held if name in _APP_SEES}
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
