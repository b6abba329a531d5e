"""What the inbox reads and answers."""

from __future__ import annotations

import marshmallow as ma

from auth.models import Language
from kit.fields import Choice, Flag, Instant, Line
from kit.pages import PageQuery, page_schema
from notifications.models import AddressKind, MessageKind, Platform

_ETAG = {"description": "Send it in If-Match to change this.", "example": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"'}


class MessageQuery(PageQuery):
    """Which part of the inbox."""

    unread = ma.fields.Boolean(
        load_default=None,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "true: not read yet; false: read; absent: all.", "example": True},
    )


class MessageSchema(ma.Schema):
    """Something we told the citizen, in the language of the caller."""

    id = ma.fields.UUID(required=True)
    kind = Choice(MessageKind, required=True, metadata={"description": "What it is about. More kinds will come."})
    subject_id = ma.fields.UUID(
        required=True,
        metadata={
            "description": "The id of what it is about: a payment, session, passkey, mandate, planned payment, "
            "booking, round of admission or order of tickets."
        },
    )
    title = ma.fields.String(required=True)
    body = ma.fields.String(required=True)
    read_at = Instant(required=True, allow_none=True, metadata={"description": "null until it is marked as read."})
    created_at = Instant(required=True)
    etag = ma.fields.String(required=True, metadata=_ETAG)


class MarkSchema(ma.Schema):
    """Whether a message counts as read."""

    read = Flag(required=True, metadata={"description": "true: read; false: unread again.", "example": True})


class RegistrationSchema(ma.Schema):
    """The phone or browser an app runs on."""

    address = Line(
        1024,
        required=True,
        also=(ma.validate.Regexp("^[!-~]+$"),),
        metadata={"description": "What Firebase Messaging gave the app.", "example": "fMx1c0bQTk6v:APA91bH-q3s"},
    )
    address_kind = Choice(
        AddressKind,
        required=True,
        metadata={"description": "fid: a Firebase installation id; token: a registration token of an older app."},
    )
    platform = Choice(Platform, required=True)
    language = Choice(Language, required=True, metadata={"description": "The language pushes are shown in."})


class DeviceSchema(ma.Schema):
    """A phone or browser that shows pushes."""

    id = ma.fields.UUID(required=True)
    address_ending = ma.fields.String(
        required=True, metadata={"description": "The last characters; the whole is not given out.", "example": "-q3s"}
    )
    address_kind = Choice(AddressKind, required=True)
    platform = Choice(Platform, required=True)
    language = Choice(Language, required=True)
    registered_at = Instant(required=True, metadata={"description": "When the app last registered."})
    created_at = Instant(required=True)
    etag = ma.fields.String(required=True, metadata=_ETAG)


MessagePageSchema = page_schema(MessageSchema)
DevicePageSchema = page_schema(DeviceSchema)
