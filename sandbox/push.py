"""A push service that speaks FCM HTTP v1 and drops every message into the inbox."""

import secrets
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Blueprint, Response, request

from sandbox.faults import Faults
from sandbox.inbox import Inbox

_TARGETS = ("fid", "token", "topic", "condition")
# FCM refuses payloads above 4096 bytes; notification and data together count.
_LARGEST_PAYLOAD = 4096
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_FCM_CODES = {
    400: "INVALID_ARGUMENT",
    401: "THIRD_PARTY_AUTH_ERROR",
    403: "SENDER_ID_MISMATCH",
    404: "UNREGISTERED",
    429: "QUOTA_EXCEEDED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def blueprint(inbox: Inbox, faults: Faults) -> Blueprint:
    """Return the routes under /fcm."""
    routes = Blueprint("push", __name__, url_prefix="/fcm")

    @routes.post("/v1/projects/<project>/messages:send")
    def send(project: str) -> Response:
        """Deliver one message; an address that starts with `unregistered-` is gone from its phone."""
        return faults.carry("push", _refuse, lambda: _deliver(inbox, project))

    return routes


def _deliver(inbox: Inbox, project: str) -> Response:
    if not request.headers.get("Authorization", "").startswith("Bearer "):
        return _refuse(401, "Request is missing required authentication credential.")
    body = request.get_json(silent=True)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(message, dict):
        return _refuse(400, "The message is missing.")
    problem = _problem(message)
    if problem is not None:
        return _refuse(400, problem)
    kind = next(name for name in _TARGETS if name in message)
    address = message[kind]
    if address.startswith("unregistered-"):
        return _refuse(404, "Requested entity was not found.")
    if not body.get("validate_only"):
        notification = message.get("notification") or {}
        inbox.receive(
            "push",
            address,
            title=notification.get("title", ""),
            body=notification.get("body", ""),
            data=message.get("data") or {},
        )
    return _json(200, {"name": f"projects/{project}/messages/0:{secrets.token_hex(12)}"})


def _problem(message: Mapping[str, Any]) -> str | None:
    targets = [name for name in _TARGETS if name in message]
    if len(targets) != 1 or not isinstance(message[targets[0]], str) or not message[targets[0]]:
        return "Exactly one of fid, token, topic or condition is required."
    data = message.get("data") or {}
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        return "Invalid value at 'message.data': values must be strings."
    notification = message.get("notification") or {}
    if not isinstance(notification, dict):
        return "Invalid value at 'message.notification'."
    if len(orjson.dumps({"notification": notification, "data": data})) > _LARGEST_PAYLOAD:
        return "Message is too big."
    return None


def _refuse(status: int, message: str) -> Response:
    details = [
        {
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": _FCM_CODES.get(status, "UNSPECIFIED_ERROR"),
        }
    ]
    return _json(
        status,
        {
            "error": {
                "code": status,
                "message": message,
                "status": _STATUS_NAMES.get(status, "UNKNOWN"),
                "details": details,
            }
        },
    )


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json; charset=UTF-8")
