"""The gateway's events and their delivery: signed, repeated until accepted, and spoiled on demand."""

import hashlib
import heapq
import hmac
import threading
import time
from collections.abc import Sequence
from contextvars import ContextVar

import orjson
import requests

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway.protocol import API_VERSION, new_id, public
from sandbox.store import Document, Store

# Data: how long after each failed attempt the next one follows; the gateway gives up after the last.
RETRY_AFTER_SECONDS: tuple[float, ...] = (1, 2, 5, 15, 60, 120, 300, 600, 1800, *([3600] * 14))
_WORKERS = 4
_TIMEOUT_SECONDS = (3, 15)
_FORGER_SECRET = "whsec_somebody_elses_secret"
_DAY_SECONDS = 24 * 3600
# What is wrong with the first attempt of a spoiled event; the genuine one follows with the next.
_SPOILS = frozenset({
    "forged", "wrong_secret", "old_timestamp", "future_timestamp", "livemode", "other_account", "amount_off",
    "truncated",
})  # fmt: skip
_LONGEST_HEAD_START_SECONDS = 15

# The request that causes the events of the running unit: its id and Idempotency-Key.
CAUSE: ContextVar[tuple[str | None, str | None]] = ContextVar("cause", default=(None, None))


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """Return the Stripe-Signature header for exactly these bytes at this second."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Webhooks:
    """Events and the threads that deliver them; what is not delivered yet survives a restart.

    Attempts are due in real time, so that moving the clock does not fire a day of retries at once; signatures carry
    the sandbox's time, which the receiver shares. There is no promise of order.
    """

    def __init__(
        self, store: Store, clock: Clock, faults: Faults, retry_seconds: Sequence[float] = RETRY_AFTER_SECONDS
    ) -> None:
        """Load what is still to be delivered; nothing is sent before `start`."""
        self._store = store
        self._clock = clock
        self._faults = faults
        self._retry_seconds = retry_seconds
        self._due: list[tuple[float, str]] = []
        # Deliveries ordered out of order that wait for another one to overtake them.
        self._held: set[str] = set()
        # Deliveries that must be tried before the request that caused them is answered, by that request.
        self._early: dict[str, set[str]] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []
        self.reload()

    def reload(self) -> None:
        """Forget the schedule in memory and read it from the store again."""
        waiting = [
            delivery for delivery in self._store.scan("delivery", holding="pending") if delivery["state"] == "pending"
        ]
        with self._changed:
            self._held = {
                delivery["id"]
                for delivery in waiting
                if delivery["plan"] == "out_of_order" and not delivery["attempts"]
            }
            self._due = [(delivery["due_at"], delivery["id"]) for delivery in waiting]
            heapq.heapify(self._due)
            self._changed.notify_all()

    def start(self) -> None:
        """Begin to deliver."""
        for number in range(_WORKERS):
            thread = threading.Thread(target=self._work, name=f"webhooks-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Finish the attempts under way and stop; the rest waits in the store."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=sum(_TIMEOUT_SECONDS))

    def target(self) -> tuple[str | None, str]:
        """Return the receiver's address and the signing secret."""
        setting = self._store.get("setting", "webhook") or {"url": None, "secret": "whsec_sandbox"}
        return setting["url"], setting["secret"]

    def set_target(self, url: str | None, secret: str) -> None:
        """Deliver to this address from now on, waiting events included; None makes new events go nowhere."""
        self._store.put("setting", "webhook", {"url": url, "secret": secret})

    def announce(self, kind: str, subject: Document, before: Document | None = None, /) -> None:
        """Record that something happened to an object, as it is now; call it inside the unit of the change.

        `before` holds the fields that had other values until now.
        """
        request_id, key = CAUSE.get()
        receivers = self._receivers(kind)
        previous = {} if before is None else {"previous_attributes": before}
        event: Document = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self._clock.timestamp(),
            "data": {"object": public(subject)} | previous,
            "livemode": False,
            "pending_webhooks": len(receivers),
            "request": {"id": request_id, "idempotency_key": key},
            "type": kind,
            "_delivered": not receivers,
        }
        self._store.put("event", event["id"], event)
        for receiver in receivers:
            self._schedule(event, receiver)

    def await_early(self, request_id: str) -> None:
        """Return once every event that was ordered to arrive before this request's answer was tried."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._early.get(request_id), timeout=_LONGEST_HEAD_START_SECONDS
            )
            self._early.pop(request_id, None)

    def list_deliveries(self, limit: int = 100) -> list[Document]:
        """Return the newest deliveries with their attempts, newest first."""
        return [each for _, each in zip(range(limit), self._store.scan("delivery", newest_first=True), strict=False)]

    def _receivers(self, kind: str) -> list[str | None]:
        """Return who is told of an event: the address of the setting (None) and the endpoints made by API."""
        asked = [
            endpoint["id"]
            for endpoint in self._store.scan("webhook_endpoint")
            if endpoint["status"] == "enabled" and ({kind, "*"} & set(endpoint["enabled_events"]))
        ]
        return asked if self.target()[0] is None else [None, *asked]

    def _address(self, receiver: str | None) -> tuple[str | None, str] | None:
        if receiver is None:
            return self.target()
        endpoint = self._store.get("webhook_endpoint", receiver)
        return (endpoint["url"], endpoint["_secret"]) if endpoint and endpoint["status"] == "enabled" else None

    def _schedule(self, event: Document, receiver: str | None) -> None:
        rule = self._faults.take("webhook", {"event_type": event["type"]})
        plan = None if rule is None else rule["action"]
        wait = rule["seconds"] if rule is not None and plan in {"late", "out_of_order"} else 0
        name = event["id"].replace("evt_", "dlv_")
        delivery: Document = {
            "id": name if receiver is None else f"{name}_{receiver}",
            "event": event["id"],
            "type": event["type"],
            "receiver": receiver,
            "plan": plan,
            # Lost: the gateway believes it sent it and nobody ever hears of it again.
            "state": "lost" if plan == "lost" else "pending",
            "copies": 2 if plan == "twice" else 1,
            "due_at": time.time() + wait,
            "attempts": [],
        }
        self._store.put("delivery", delivery["id"], delivery)
        cause = event["request"]["id"]
        if plan == "early" and cause is not None:
            with self._changed:
                self._early.setdefault(cause, set()).add(delivery["id"])
        if delivery["state"] == "pending":
            self._push(delivery)

    def _push(self, delivery: Document) -> None:
        with self._changed:
            if delivery["plan"] == "out_of_order" and not delivery["attempts"]:
                self._held.add(delivery["id"])
            heapq.heappush(self._due, (delivery["due_at"], delivery["id"]))
            self._changed.notify()

    def _work(self) -> None:
        with requests.Session() as session:
            # Proxy settings of the machine must not carry a local call elsewhere.
            session.trust_env = False
            while (delivery_id := self._next()) is not None:
                self._attempt(session, delivery_id)

    def _next(self) -> str | None:
        with self._changed:
            while not self._closed:
                if not self._due:
                    self._changed.wait()
                elif (wait := self._due[0][0] - time.time()) > 0:
                    self._changed.wait(wait)
                else:
                    return heapq.heappop(self._due)[1]
        return None

    def _attempt(self, session: requests.Session, delivery_id: str) -> None:
        # Reading takes the store's lock, so an event is never sent before the commit that caused it.
        with self._store.unit():
            delivery = self._store.get("delivery", delivery_id)
            event = self._store.get("event", delivery["event"]) if delivery is not None else None
            if delivery is None or event is None or delivery["state"] != "pending":
                # The unit that made it was rolled back, or the sandbox was reset.
                return
            address = self._address(delivery.get("receiver"))
            if address is None:
                self._store.put("delivery", delivery_id, delivery | {"state": "given_up"})
                return
        url, secret = address
        plan = delivery["plan"] if delivery["plan"] in _SPOILS and not delivery["attempts"] else None
        now = self._clock.timestamp()
        body, signature = _spoilt(plan, event, secret, now) if plan else _dressed(event, secret, now)
        status = 0 if url is None else self._send(session, url, signature, body)
        self._record(delivery_id, status, spoilt=plan is not None)

    def _send(self, session: requests.Session, url: str, signature: str, body: bytes) -> int:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Sandbox-Gateway/1.0",
            "Stripe-Signature": signature,
        }
        try:
            with session.post(
                url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False
            ) as answer:
                return answer.status_code
        except requests.RequestException:
            # No answer counts as a failed attempt, written down as status 0.
            return 0

    def _record(self, delivery_id: str, status: int, *, spoilt: bool) -> None:
        with self._store.unit():
            delivery = self._store.get("delivery", delivery_id)
            event = self._store.get("event", delivery["event"]) if delivery is not None else None
            if delivery is None or event is None:
                return
            delivery["attempts"].append({"at": self._clock.now().isoformat(), "status": status, "spoilt": spoilt})
            accepted = 200 <= status < 300 and not spoilt
            if accepted and not delivery.get("accepted"):
                delivery["accepted"] = True
                event["pending_webhooks"] -= 1
                event["_delivered"] = event["pending_webhooks"] == 0
                self._store.put("event", event["id"], event)
            if accepted:
                delivery["copies"] -= 1
            tries = len(delivery["attempts"])
            if accepted and delivery["copies"] == 0:
                delivery["state"] = "delivered"
            elif accepted:
                delivery["due_at"] = time.time()
            elif tries > len(self._retry_seconds):
                delivery["state"] = "given_up"
            else:
                delivery["due_at"] = time.time() + self._retry_seconds[tries - 1]
            self._store.put("delivery", delivery_id, delivery)
        if delivery["state"] == "pending":
            self._push(delivery)
        if accepted:
            self._release_overtaken(delivery_id)
        if delivery["plan"] == "early":
            self._release_answer(delivery_id)

    def _release_answer(self, delivery_id: str) -> None:
        with self._changed:
            for waiting in self._early.values():
                waiting.discard(delivery_id)
            self._changed.notify_all()

    def _release_overtaken(self, delivered_id: str) -> None:
        """Let the events that another one has now overtaken follow at once."""
        with self._changed:
            overtaken = self._held - {delivered_id}
            self._held.clear()
            for delivery_id in overtaken:
                # The heap keeps the later entry as well; it finds the event delivered and is skipped.
                heapq.heappush(self._due, (time.time(), delivery_id))
            self._changed.notify_all()


def _dressed(event: Document, secret: str, now: int) -> tuple[bytes, str]:
    body = orjson.dumps(public(event))
    return body, sign(secret, body, now)


def _spoilt(plan: str, event: Document, secret: str, now: int) -> tuple[bytes, str]:
    """Return the body and the signature of an attempt that is wrong in the ordered way."""
    shown = public(event)
    if plan in {"forged", "amount_off"}:
        # What a forger would like us to believe, or what the gateway itself got wrong: another amount.
        subject = dict(shown["data"]["object"])
        subject["amount"] = subject.get("amount", 0) + 1
        shown = shown | {"data": {"object": subject}}
    elif plan == "livemode":
        shown = shown | {"livemode": True}
    elif plan == "other_account":
        shown = shown | {"account": "acct_somebodyelse0000"}
    body = orjson.dumps(shown)
    moved = {"old_timestamp": -_DAY_SECONDS, "future_timestamp": 365 * _DAY_SECONDS}.get(plan, 0)
    signature = sign(_FORGER_SECRET if plan in {"forged", "wrong_secret"} else secret, body, now + moved)
    return (body[: len(body) // 2] if plan == "truncated" else body), signature
