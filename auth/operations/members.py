"""Members of organisations: who works for whom as what, until when, and the history of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import phones
from auth.errors import AlreadyMember, LastOperator
from auth.operations.citizens import PHONE
from auth.organisation_models import MemberAction, MemberEvent, Membership, Organisation, StaffRole
from kit import clock, sealed
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.pages import Page, page
from kit.text import mask_name

_NAME = "name"  # the field of the vault


@dataclass(frozen=True)
class Face:
    """How one member knows another: name and number, masked; None where the vault has none, or it was destroyed."""

    name: str | None
    phone: str | None


def add_member(
    session: Session, organisation_id: UUID, citizen_id: UUID, roles: Collection[StaffRole], *, actor_id: UUID | None
) -> Membership:
    """Let a citizen work for an organisation; `actor_id` is who wanted it, None at a terminal of the province.

    Raises AlreadyMember, also to the slower of two at once.
    """
    added = session.execute(
        insert(Membership)
        .values(
            id=new_id(),
            created_at=clock.now(),
            organisation_id=organisation_id,
            citizen_id=citizen_id,
            roles=sorted(set(roles)),
            version=1,
        )
        .on_conflict_do_nothing(
            index_elements=[Membership.citizen_id, Membership.organisation_id],
            index_where=Membership.ended_at.is_(None),
        )
        .returning(Membership)
    ).scalar_one_or_none()
    if added is None:
        raise AlreadyMember
    note_change(session, added.organisation_id, MemberAction.JOINED, added.roles, citizen_id=citizen_id, actor=actor_id)
    return added


def list_members(session: Session, organisation_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A page of the members of an organisation, the newest first."""
    return page(
        session,
        select(Membership).where(Membership.organisation_id == organisation_id, Membership.ended_at.is_(None)),
        by=[Membership.id],
        limit=limit,
        cursor=cursor,
        question=("members", organisation_id),
    )


def list_faces(session: Session, citizen_ids: Collection[UUID]) -> Mapping[UUID, Face]:
    """How these citizens are shown to the operators they work with."""
    known = sealed.read_each(session, citizen_ids, [_NAME, PHONE])
    return {
        citizen_id: Face(
            name=mask_name(values[_NAME]) if _NAME in values else None,
            phone=phones.mask(values[PHONE]) if PHONE in values else None,
        )
        for citizen_id, values in known.items()
    }


def get_member(session: Session, organisation_id: UUID, member_id: UUID) -> Membership:
    """A live membership of an organisation by its id; raises NotFound, also for another organisation's."""
    return _get(session, Membership.id == member_id, Membership.organisation_id == organisation_id)


def get_own_membership(session: Session, citizen_id: UUID, organisation_id: UUID) -> Membership:
    """A citizen's live membership of an organisation; raises NotFound."""
    return _get(session, Membership.citizen_id == citizen_id, Membership.organisation_id == organisation_id)


def change_roles(session: Session, member: Membership, roles: Collection[StaffRole], *, actor_id: UUID) -> Membership:
    """Give a member, as read before, these roles instead of those, with effect at once.

    Raises LastOperator, and PreconditionFailed when the member was changed meanwhile.
    """
    wanted = sorted(set(roles))
    if wanted == member.roles:
        return member
    if StaffRole.OPERATOR not in wanted:
        _keep_an_operator(session, member)
    changed = _change(session, member, roles=wanted)
    note_change(
        session,
        member.organisation_id,
        MemberAction.ROLES_CHANGED,
        wanted,
        citizen_id=member.citizen_id,
        actor=actor_id,
    )
    return changed


def end_membership(session: Session, member: Membership, *, actor_id: UUID | None) -> None:
    """Let a member, as read before, work for the organisation no longer, with effect at once; by themselves they leave.

    Raises LastOperator, and PreconditionFailed when the member was changed meanwhile.
    """
    _keep_an_operator(session, member)
    _change(session, member, ended_at=clock.now())
    action = MemberAction.LEFT if actor_id == member.citizen_id else MemberAction.REMOVED
    note_change(session, member.organisation_id, action, [], citizen_id=member.citizen_id, actor=actor_id)


def end_all_memberships(session: Session, citizen_id: UUID) -> None:
    """Let a citizen work for nobody any more, even as the last operator: the province can invite another."""
    ended = session.execute(
        update(Membership)
        .where(Membership.citizen_id == citizen_id, Membership.ended_at.is_(None))
        .values(ended_at=clock.now(), version=Membership.version + 1)
        .returning(Membership.organisation_id)
    ).scalars()
    for organisation_id in ended.all():
        note_change(session, organisation_id, MemberAction.LEFT, [], citizen_id=citizen_id, actor=citizen_id)


def move_memberships(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Let one citizen, who is proved to be the same person, go on in the other's place; roles held twice are united."""
    for member in session.execute(_live().where(Membership.citizen_id == joined_id).with_for_update()).scalars().all():
        held = session.execute(
            _live()
            .where(Membership.citizen_id == kept_id, Membership.organisation_id == member.organisation_id)
            .with_for_update()
        ).scalar_one_or_none()
        if held is None:
            _change(session, member, citizen_id=kept_id)
        else:
            _change(session, member, ended_at=clock.now())
            _change(session, held, roles=sorted({*held.roles, *member.roles}))
    # Who acted stands there as it was written.
    session.execute(update(MemberEvent).where(MemberEvent.citizen_id == joined_id).values(citizen_id=kept_id))


def list_member_events(session: Session, organisation_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A page of what happened among the members of an organisation, the newest first."""
    return page(
        session,
        select(MemberEvent).where(MemberEvent.organisation_id == organisation_id),
        by=[MemberEvent.id],
        limit=limit,
        cursor=cursor,
        question=("member-events", organisation_id),
    )


def note_change(
    session: Session,
    organisation_id: UUID,
    action: MemberAction,
    roles: Collection[str],
    *,
    citizen_id: UUID | None,
    actor: UUID | None,
) -> None:
    """Write a change among the members into their history, in the transaction that makes it."""
    session.add(
        MemberEvent(
            organisation_id=organisation_id, citizen_id=citizen_id, actor_id=actor, action=action, roles=list(roles)
        )
    )
    session.flush()


def _live() -> Select[Membership]:
    return select(Membership).where(Membership.ended_at.is_(None))


def _get(session: Session, *conditions: ColumnElement[bool]) -> Membership:
    found = session.execute(_live().where(*conditions)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _keep_an_operator(session: Session, member: Membership) -> None:
    """Raises LastOperator when nobody but this member looks after the others."""
    if StaffRole.OPERATOR not in member.roles:
        return
    # Two operators who remove each other at once would each count on the other: one organisation, one at a time.
    session.execute(select(Organisation.id).where(Organisation.id == member.organisation_id).with_for_update())
    other = session.execute(
        _live()
        .where(
            Membership.organisation_id == member.organisation_id,
            Membership.id != member.id,
            Membership.roles.contains([StaffRole.OPERATOR]),
        )
        .limit(1)
    ).first()
    if other is None:
        raise LastOperator


def _change(session: Session, member: Membership, **values: object) -> Membership:
    changed = session.execute(
        update(Membership)
        .where(Membership.id == member.id, Membership.version == member.version, Membership.ended_at.is_(None))
        .values(version=Membership.version + 1, **values)
        .returning(Membership),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if changed is None:
        raise PreconditionFailed
    return changed
