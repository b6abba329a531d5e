"""All SQL and rules of the inbox, of phones, and of what each phone has been told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import case, delete, func, or_, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import auth.operations
from auth.models import Language
from kit import clock, export
from kit.errors import NotFound, PreconditionFailed
from kit.pages import Page, page
from notifications.models import AddressKind, Device, Message, MessageKind, Platform, Push, PushState

# Each message is sent to every one of them: more would be a mistake of an app, or somebody playing.
MOST_DEVICES = 20
SHOWN_OF_ADDRESS = 4  # characters: enough to tell two phones apart, of no use to send to one


class PushResult(StrEnum):
    """What came of one attempt to reach a phone."""

    SENT = "sent"
    REFUSED = "refused"
    DELAYED = "delayed"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True)
class DuePush:
    """A phone that is still to be told of a message."""

    kind: MessageKind
    device_id: UUID
    address: str
    address_kind: AddressKind
    language: Language
    attempts: int


@dataclass(frozen=True)
class DueText:
    """A message for somebody whom no phone can be shown it: a text to their number (E.164) instead."""

    kind: MessageKind
    params: Mapping[str, Any]
    phone: str
    language: Language


@dataclass(frozen=True)
class Registration:
    """How an app describes the phone it runs on."""

    address: str
    address_kind: AddressKind
    platform: Platform
    language: Language


def post_message(
    session: Session, citizen_id: UUID, kind: MessageKind, subject_id: UUID, params: Mapping[str, Any]
) -> UUID | None:
    """Put a message into the inbox; returns its id, or None when one of this kind about this subject is there."""
    return session.execute(
        insert(Message)
        .values(citizen_id=citizen_id, kind=kind, subject_id=subject_id, params=dict(params))
        .on_conflict_do_nothing(index_elements=[Message.citizen_id, Message.kind, Message.subject_id])
        .returning(Message.id)
    ).scalar_one_or_none()


def list_messages(
    session: Session, citizen_id: UUID, *, unread: bool | None, limit: int, cursor: str | None, caller: str
) -> Page:
    """A page of the inbox, newest first, as rows of id, kind, subject_id, params, read_at, version and created_at.

    `unread` True gives those not read yet, False those read, None all.
    """
    wanted = select(
        Message.id,
        Message.kind,
        Message.subject_id,
        Message.params,
        Message.read_at,
        Message.version,
        Message.created_at,
    ).where(Message.citizen_id == citizen_id)
    if unread is not None:
        wanted = wanted.where(Message.read_at.is_(None) if unread else Message.read_at.is_not(None))
    return page(session, wanted, by=[Message.id], limit=limit, cursor=cursor, question=(unread, caller))


def get_message(session: Session, citizen_id: UUID, message_id: UUID) -> Message:
    """The citizen's message; raises NotFound, also for another citizen's."""
    found = session.scalar(select(Message).where(Message.id == message_id, Message.citizen_id == citizen_id))
    if found is None:
        raise NotFound
    return found


def mark_message(session: Session, message: Message, *, read: bool) -> Message:
    """Mark as read or unread the message in the version that was looked at.

    Marking what is marked already changes nothing: the first instant of reading stays. Raises PreconditionFailed when
    it was changed meanwhile.
    """
    if (message.read_at is not None) is read:
        return message
    marked = session.scalar(
        update(Message)
        .where(Message.id == message.id, Message.version == message.version)
        .values(read_at=clock.now() if read else None, version=Message.version + 1)
        .returning(Message)
        .execution_options(populate_existing=True)
    )
    if marked is None:
        raise PreconditionFailed
    return marked


def register_device(session: Session, citizen_id: UUID, asked: Registration) -> Device:
    """Make a phone show this citizen's pushes, and nobody else's; asking again gives the same device.

    A phone that changed hands moves to this citizen, and what was on its way to it for the one before is dropped. Of
    more than 20 devices the one not heard of for longest goes.
    """
    now = clock.now()
    fresh = insert(Device).values(
        citizen_id=citizen_id,
        address=asked.address,
        address_kind=asked.address_kind,
        platform=asked.platform,
        language=asked.language,
        registered_at=now,
    )
    told = [getattr(fresh.excluded, name) for name in ("citizen_id", "address_kind", "platform", "language")]
    known = [Device.citizen_id, Device.address_kind, Device.platform, Device.language]
    device = session.scalars(
        fresh.on_conflict_do_update(
            index_elements=[Device.address],
            set_={
                **dict(zip((column.key for column in known), told, strict=True)),
                "registered_at": now,
                # An app says this at every start; only a change makes what others have read stale.
                "version": case((tuple_(*known) == tuple_(*told), Device.version), else_=Device.version + 1),
            },
        ).returning(Device),
        execution_options={"populate_existing": True},
    ).one()
    session.execute(
        delete(Push).where(Push.device_id == device.id, Push.message_id == Message.id, Message.citizen_id != citizen_id)
    )
    _make_room(session, citizen_id)
    return device


def list_devices(session: Session, citizen_id: UUID, *, limit: int, cursor: str | None, caller: str) -> Page:
    """A page of the citizen's devices, newest first; of the address only its last characters are read."""
    wanted = select(
        Device.id,
        func.right(Device.address, SHOWN_OF_ADDRESS).label("address_ending"),
        Device.address_kind,
        Device.platform,
        Device.language,
        Device.registered_at,
        Device.created_at,
        Device.version,
    ).where(Device.citizen_id == citizen_id)
    return page(session, wanted, by=[Device.id], limit=limit, cursor=cursor, question=("devices", caller))


def get_device(session: Session, citizen_id: UUID, device_id: UUID) -> Device:
    """The citizen's device; raises NotFound, also for another citizen's."""
    found = session.scalar(select(Device).where(Device.id == device_id, Device.citizen_id == citizen_id))
    if found is None:
        raise NotFound
    return found


def remove_device(session: Session, device: Device) -> None:
    """Forget the device in the version that was looked at; raises PreconditionFailed when it changed meanwhile."""
    gone = session.scalar(
        delete(Device).where(Device.id == device.id, Device.version == device.version).returning(Device.id)
    )
    if gone is None:
        raise PreconditionFailed


def start_pushes(session: Session, message_id: UUID, *, registered_before: datetime | None = None) -> list[DuePush]:
    """The phones that are still to be told of a message, those tried least first; none once it has been read.

    With `registered_before` only those that were known before that instant.
    """
    is_known = Device.created_at < registered_before if registered_before else true()
    rows = session.execute(
        select(
            Message.kind,
            Device.id.label("device_id"),
            Device.address,
            Device.address_kind,
            Device.language,
            func.coalesce(Push.attempts, 0).label("attempts"),
        )
        .join(Device, Device.citizen_id == Message.citizen_id)
        .outerjoin(Push, (Push.message_id == Message.id) & (Push.device_id == Device.id))
        .where(
            Message.id == message_id,
            Message.read_at.is_(None),
            is_known,
            or_(Push.state.is_(None), Push.state == PushState.DUE),
        )
        .order_by("attempts", Device.id)
    ).all()
    if rows:
        session.execute(
            insert(Push)
            .values([{"message_id": message_id, "device_id": row.device_id} for row in rows])
            .on_conflict_do_nothing()
        )
    return [DuePush(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def find_text(session: Session, message_id: UUID, kinds: Collection[MessageKind]) -> DueText | None:
    """What to text to a citizen without any device, when the message is of one of `kinds` and has not been read."""
    has_device = select(Device.id).where(Device.citizen_id == Message.citizen_id).exists()
    row = session.execute(
        select(Message.citizen_id, Message.kind, Message.params).where(
            Message.id == message_id, Message.kind.in_(kinds), Message.read_at.is_(None), ~has_device
        )
    ).one_or_none()
    phone = None if row is None else auth.operations.find_phone(session, row.citizen_id)
    if row is None or phone is None:
        return None
    return DueText(row.kind, row.params, phone, auth.operations.get_language(session, row.citizen_id))


def record_pushes(session: Session, message_id: UUID, results: Mapping[UUID, PushResult]) -> None:
    """Remember what came of each attempt, by device; an address that is gone from its phone is forgotten with it."""
    reached = {PushResult.SENT: PushState.SENT, PushResult.REFUSED: PushState.FAILED, PushResult.DELAYED: PushState.DUE}
    for result, state in reached.items():
        devices = [device_id for device_id, came in results.items() if came is result]
        if devices:
            session.execute(
                update(Push)
                .where(Push.message_id == message_id, Push.device_id.in_(devices), Push.state == PushState.DUE)
                .values(state=state, attempts=Push.attempts + 1, tried_at=clock.now())
            )
    gone = [device_id for device_id, came in results.items() if came is PushResult.UNREGISTERED]
    if gone:
        session.execute(delete(Device).where(Device.id.in_(gone)))


def join_citizens(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Let one citizen's inbox and phones go on as another's; what both were told is kept once. Again changes nothing.

    Of more than 20 devices those heard of last stay.
    """
    told = select(Message.kind, Message.subject_id).where(Message.citizen_id == kept_id)
    twice = tuple_(Message.kind, Message.subject_id).in_(told)
    session.execute(delete(Message).where(Message.citizen_id == joined_id, twice))
    session.execute(update(Message).where(Message.citizen_id == joined_id).values(citizen_id=kept_id))
    session.execute(update(Device).where(Device.citizen_id == joined_id).values(citizen_id=kept_id))
    _make_room(session, kept_id)


TABLES = frozenset({"message", "device"})  # those that name a citizen


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """The inbox and the devices of a citizen; of an address only its last characters, for it is a key to the phone."""
    inbox = (
        select(Message.id, Message.kind, Message.subject_id, Message.params, Message.created_at, Message.read_at)
        .where(Message.citizen_id == citizen_id)
        .order_by(Message.id)
    )
    devices = (
        select(
            Device.id,
            func.right(Device.address, SHOWN_OF_ADDRESS).label("address_ending"),
            Device.platform,
            Device.language,
            Device.created_at,
            Device.registered_at,
        )
        .where(Device.citizen_id == citizen_id)
        .order_by(Device.id)
    )
    return {"messages": export.rows(session, inbox), "devices": export.rows(session, devices)}


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """Forget every device and message, and what was on its way to them."""
    session.execute(delete(Device).where(Device.citizen_id == citizen_id))
    session.execute(delete(Message).where(Message.citizen_id == citizen_id))


def _make_room(session: Session, citizen_id: UUID) -> None:
    kept = (
        select(Device.id)
        .where(Device.citizen_id == citizen_id)
        .order_by(Device.registered_at.desc(), Device.id.desc())
        .limit(MOST_DEVICES)
    )
    session.execute(delete(Device).where(Device.citizen_id == citizen_id, Device.id.not_in(kept)))
