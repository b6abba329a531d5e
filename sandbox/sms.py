"""A text message company: takes messages over HTTP and drops them into the inbox."""

import re
import secrets

import orjson
from flask import Blueprint, Response, request

from sandbox.faults import Faults
from sandbox.inbox import Inbox
from sandbox.store import Store

_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
# Ten concatenated parts of 67 characters, the size of a part once Vietnamese letters force UCS-2.
_LONGEST_TEXT = 670
_LONGEST_KEY = 255


def blueprint(store: Store, inbox: Inbox, faults: Faults) -> Blueprint:
    """Return the routes under /sms."""
    routes = Blueprint("sms", __name__, url_prefix="/sms")

    @routes.post("/messages")
    def send() -> Response:
        """Accept a message; the same Idempotency-Key is delivered once and answered alike."""
        return faults.carry("sms", _refuse, lambda: _accept(store, inbox))

    return routes


def _accept(store: Store, inbox: Inbox) -> Response:
    key = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= _LONGEST_KEY:
        return _error(400, "idempotency_key_required")
    body = request.get_json(silent=True)
    to, text = (body.get("to"), body.get("text")) if isinstance(body, dict) else (None, None)
    if not isinstance(to, str) or not _PHONE.fullmatch(to):
        return _error(400, "invalid_to")
    if not isinstance(text, str) or not 1 <= len(text) <= _LONGEST_TEXT:
        return _error(400, "invalid_text")
    with store.unit():
        sent = store.get("sms_key", key)
        if sent is None:
            sent = {"id": f"sms_{secrets.token_hex(12)}", "to": to, "text": text}
            store.put("sms_key", key, sent)
            inbox.receive("sms", to, text=text)
            return _json(201, {"id": sent["id"]})
    if (sent["to"], sent["text"]) != (to, text):
        return _error(422, "idempotency_key_reused")
    replay = _json(201, {"id": sent["id"]})
    replay.headers["Idempotent-Replayed"] = "true"
    return replay


def _refuse(status: int, message: str) -> Response:
    return _json(status, {"error": "unavailable", "detail": message})


def _error(status: int, code: str) -> Response:
    return _json(status, {"error": code})


def _json(status: int, body: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
