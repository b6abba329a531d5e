"""The doors of the inbox and of the phones that are told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth.guard import current_caller, current_citizen
from auth.models import Language
from kit.database import transaction
from kit.errors import InvalidRequest, MalformedRequest, NotFound, NotSignedIn, PreconditionFailed, PreconditionRequired
from kit.pages import Page, PageQuery
from kit.web import Blueprint, etag_of, language, require_match, tag
from notifications import messages, operations
from notifications.models import AddressKind, Platform
from notifications.operations import Registration
from notifications.schemas import (
    DevicePageSchema,
    DeviceSchema,
    MarkSchema,
    MessagePageSchema,
    MessageQuery,
    MessageSchema,
    RegistrationSchema,
)

blueprint = Blueprint(
    "notifications",
    __name__,
    url_prefix="/v1",
    description="The citizen's inbox, and the devices that show pushes.",
)

_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string"},
    "description": "The ETag of what you read; it stands in `etag` too.",
    "example": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}
_MESSAGE = {
    "id": "019a0c1e-7a3b-7c00-8000-0a1b2c3d4e5f",
    "kind": "bills_paid",
    "subject_id": "019a0c1e-2222-7c00-8000-00000000000c",
    "title": "Đã thanh toán 1.235.000 đ",
    "body": (
        "Đã gạch nợ ngày 21/11/2026: Tiền điện 10/2026, Công ty Điện lực Bắc Ninh. Cảm ơn bạn! "
        "Biên nhận nằm trong mục Thanh toán."
    ),
    "read_at": None,
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}
_REGISTRATION = {
    "address": "fMx1c0bQTk6v:APA91bH-q3s",
    "address_kind": "fid",
    "platform": "android",
    "language": "vi",
}
_DEVICE = {
    "id": "019a0c1e-3333-7c00-8000-00000000000d",
    "address_ending": "-q3s",
    "address_kind": "fid",
    "platform": "android",
    "language": "vi",
    "registered_at": "2026-11-21T09:00:00.000+07:00",
    "created_at": "2026-11-21T09:00:00.000+07:00",
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}


@blueprint.route("/messages")
class Messages(MethodView):
    """The inbox."""

    @blueprint.arguments(MessageQuery(), location="query")
    @blueprint.response(200, MessagePageSchema, example={"items": [_MESSAGE]})
    @blueprint.raises(NotSignedIn, MalformedRequest)
    @blueprint.doc(operationId="listMessages")
    def get(self, asked: dict[str, Any]) -> Page:
        """Read the inbox (hộp thư).

        Newest first, in the language of Accept-Language.
        """
        with transaction() as session:
            found = operations.list_messages(session, current_citizen(), caller=current_caller().key, **asked)
        return replace(found, items=[_told(message) for message in found.items])


@blueprint.route("/messages/<uuid:message_id>")
class OneMessage(MethodView):
    """One message."""

    @blueprint.response(200, MessageSchema, example=_MESSAGE)
    @blueprint.raises(NotSignedIn, NotFound)
    @blueprint.doc(operationId="getMessage")
    def get(self, message_id: UUID) -> dict[str, Any]:
        """Read one message.

        Reading does not mark it as read: the app says so with markMessage once the citizen has seen it.
        """
        with transaction() as session:
            message = operations.get_message(session, current_citizen(), message_id)
        tag(message.id, message.version)
        return _told(message)

    @blueprint.arguments(MarkSchema(), example={"read": True})
    @blueprint.response(200, MessageSchema, example=_MESSAGE | {"read_at": "2026-11-21T09:05:00.000+07:00"})
    @blueprint.raises(NotSignedIn, NotFound, PreconditionRequired, PreconditionFailed, InvalidRequest)
    @blueprint.doc(operationId="markMessage", parameters=[_IF_MATCH])
    def patch(self, asked: dict[str, bool], message_id: UUID) -> dict[str, Any]:
        """Mark a message as read, or as unread again.

        A message that is read is not pushed any more. Marking it twice keeps the first instant.
        """
        with transaction() as session:
            message = operations.get_message(session, current_citizen(), message_id)
            require_match(message.id, message.version)
            message = operations.mark_message(session, message, read=asked["read"])
        tag(message.id, message.version)
        return _told(message)


@blueprint.route("/devices")
class Devices(MethodView):
    """Phones and browsers that show pushes."""

    @blueprint.arguments(RegistrationSchema(), example=_REGISTRATION)
    @blueprint.response(201, DeviceSchema, example=_DEVICE)
    @blueprint.raises(NotSignedIn, InvalidRequest)
    @blueprint.doc(operationId="registerDevice")
    def post(self, asked: dict[str, str]) -> dict[str, Any]:
        """Let this phone or browser show pushes.

        Call it at every start of the app and whenever Firebase gives a new address: the same address is the same
        device, so repeating needs no Idempotency-Key. An address that belonged to another citizen moves to the caller.
        Of more than 20 devices the one that has not registered for longest is forgotten.
        """
        registration = Registration(
            address=asked["address"],
            address_kind=AddressKind(asked["address_kind"]),
            platform=Platform(asked["platform"]),
            language=Language(asked["language"]),
        )
        with transaction() as session:
            device = operations.register_device(session, current_citizen(), registration)
        tag(device.id, device.version)
        return _shown(device, device.address[-operations.SHOWN_OF_ADDRESS :])

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, DevicePageSchema, example={"items": [_DEVICE]})
    @blueprint.raises(NotSignedIn, MalformedRequest)
    @blueprint.doc(operationId="listDevices")
    def get(self, asked: dict[str, Any]) -> Page:
        """List the devices that show pushes.

        Newest first. Of an address only its last characters are shown.
        """
        with transaction() as session:
            found = operations.list_devices(session, current_citizen(), caller=current_caller().key, **asked)
        return replace(found, items=[_shown(device, device.address_ending) for device in found.items])


@blueprint.route("/devices/<uuid:device_id>")
class OneDevice(MethodView):
    """One device."""

    @blueprint.response(204)
    @blueprint.raises(NotSignedIn, NotFound, PreconditionRequired, PreconditionFailed)
    @blueprint.doc(operationId="removeDevice", parameters=[_IF_MATCH])
    def delete(self, device_id: UUID) -> None:
        """Stop pushes to a device.

        The app calls it when the citizen signs out; it may register again at any time.
        """
        with transaction() as session:
            device = operations.get_device(session, current_citizen(), device_id)
            require_match(device.id, device.version)
            operations.remove_device(session, device)


def _told(message: Any) -> dict[str, Any]:  # noqa: ANN401 - a Message, or a row of its columns
    words = messages.inbox_words(message.kind, message.params, language())
    return {
        "id": message.id,
        "kind": message.kind,
        "subject_id": message.subject_id,
        "title": words.title,
        "body": words.body,
        "read_at": message.read_at,
        "created_at": message.created_at,
        "etag": _etag(message),
    }


def _shown(device: Any, address_ending: str) -> dict[str, Any]:  # noqa: ANN401 - a Device, or a row of its columns
    return {
        "id": device.id,
        "address_ending": address_ending,
        "address_kind": device.address_kind,
        "platform": device.platform,
        "language": device.language,
        "registered_at": device.registered_at,
        "created_at": device.created_at,
        "etag": _etag(device),
    }


def _etag(resource: Any) -> str:  # noqa: ANN401 - anything with an id and a version
    return f'"{etag_of(resource.id, resource.version, told_in=language())}"'
