"""How the gateway speaks: form bodies, keys, errors and the promise of an Idempotency-Key."""

import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Any, Protocol

import orjson

from sandbox.clock import Clock
from sandbox.store import Document, Store

API_VERSION = "2026-10-28.endive"
# Keys may be forgotten after a day, so a later request with the same key is a new request.
KEY_LIFETIME_SECONDS = 24 * 3600
LONGEST_KEY = 255
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MOST_PARAMETERS = 1000
_DEEPEST = 8

Raw = str | dict[str, Any]


class Announce(Protocol):
    """Tells the world that something happened to an object, and which of its fields had other values before."""

    def __call__(self, kind: str, subject: Document, before: Document | None = None, /) -> None:
        """Call it inside the unit of the change, with the object as it is now."""


class GatewayError(Exception):
    """An answer that is not 2xx: its status and the fields of its error object."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        """`kind` is the error's type; None fields are left out."""
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": kind} | {k: v for k, v in fields.items() if v is not None}

    def body(self) -> bytes:
        """Return the JSON body."""
        return orjson.dumps({"error": self.error})


def invalid(message: str, param: str | None = None, code: str | None = None, **fields: Any) -> GatewayError:
    """Return the 400 of a request that can't be carried out as it stands."""
    return GatewayError(400, "invalid_request_error", message, param=param, code=code, **fields)


def new_id(prefix: str) -> str:
    """Return a fresh id: the prefix, an underscore, 24 hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(12)}"


def public(document: Document) -> Document:
    """Return what a caller may see: names that start with an underscore are the sandbox's own notes."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def check_secret(document: Document, params: dict[str, Any], code: str) -> None:
    """Raise GatewayError when a client secret was given and is not the object's."""
    given = params.get("client_secret")
    if given is not None and not hmac.compare_digest(given.encode(), document["client_secret"].encode()):
        kind = "SetupIntent" if document["object"] == "setup_intent" else "PaymentIntent"
        message = f"The client_secret provided does not match the client_secret of this {kind}."
        raise invalid(message, "client_secret", code)


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Raw]:
    """Turn `a[b][0]=x` pairs into nested maps; `a[]` counts up. Raises GatewayError for a malformed name."""
    tree: dict[str, Any] = {}
    for number, (name, value) in enumerate(pairs):
        match = _NAME.fullmatch(name)
        keys = [] if match is None else re.findall(r"\[([^\[\]]*)\]", match[2])
        if match is None or number >= _MOST_PARAMETERS or len(keys) > _DEEPEST:
            raise invalid(f"Invalid request: the parameter {name[:40]} can't be read.", "parameter_unknown")
        node, key = tree, match[1]
        for inner in keys:
            below = node.setdefault(key, {})
            if not isinstance(below, dict):
                raise invalid(f"Invalid object: {name[:40]}", key)
            node, key = below, inner or str(len(below))
        if isinstance(node.get(key), dict):
            raise invalid(f"Invalid string: {name[:40]}", key)
        node[key] = value
    return tree


class Key:
    """Who calls: the secret key of a server, or the publishable key that an app may hold."""

    def __init__(self, authorization: str, basic_user: str | None) -> None:
        """Read the header; raises GatewayError 401 for anything but a test key."""
        text = authorization.removeprefix("Bearer ").strip() if authorization.startswith("Bearer ") else basic_user
        if not text:
            message = "You did not provide an API key."
            raise GatewayError(401, "invalid_request_error", message)
        if text.startswith(("sk_live_", "pk_live_", "rk_live_")):
            message = "Live keys are refused here: this is a sandbox and moves no money."
            raise GatewayError(401, "invalid_request_error", message)
        if not re.fullmatch(r"[sp]k_test_\w+", text):
            message = f"Invalid API Key provided: {text[:8]}****"
            raise GatewayError(401, "invalid_request_error", message)
        self.publishable = text.startswith("pk_")


class IdempotencyKeys:
    """The first answer to each Idempotency-Key, stored in the commit of its effect."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Keep finished answers in the store; requests under way live in memory and die with the process."""
        self._store = store
        self._clock = clock
        self._under_way: set[str] = set()

    def begin(self, key: str, fingerprint: str) -> Document | None:
        """Reserve the key for this request, or return the stored answer of the first one.

        Raises 409 while the first request runs and 400 when it had other parameters or another endpoint.
        Whoever gets None must call `end` whatever happens.
        """
        if len(key) > LONGEST_KEY:
            message = f"Idempotency-Key is too long: at most {LONGEST_KEY} characters."
            raise GatewayError(400, "idempotency_error", message)
        with self._store.unit():
            if key in self._under_way:
                message = (
                    "There is currently another in-progress request using this Idempotency-Key. Please try again later."
                )
                raise GatewayError(409, "idempotency_error", message, code="idempotency_key_in_use")
            stored = self._store.get("idempotency", key)
            if stored is not None and stored["created"] + KEY_LIFETIME_SECONDS > self._clock.timestamp():
                if stored["fingerprint"] != fingerprint:
                    message = (
                        f"Keys for idempotent requests can only be used with the same endpoint and parameters "
                        f"they were first used with. Try another key than '{key}' for a different request."
                    )
                    raise GatewayError(400, "idempotency_error", message)
                return stored
            self._under_way.add(key)
        return None

    def keep(self, key: str, fingerprint: str, status: int, body: bytes) -> None:
        """Store the answer; call it inside the unit of the effect."""
        self._store.put(
            "idempotency",
            key,
            {"fingerprint": fingerprint, "status": status, "body": body.decode(), "created": self._clock.timestamp()},
        )

    def forget(self, key: str | None = None) -> int:
        """Prune stored answers, of one key or all, as the gateway may do after a day; returns how many went."""
        with self._store.unit():
            wanted = self._store.ids("idempotency") if key is None else [key]
            return sum(self._store.delete("idempotency", each) for each in wanted)

    def end(self, key: str) -> None:
        """Let others use the key again."""
        self._under_way.discard(key)
