"""Invitations: to whoever has proved a phone number, once, for a week; the number is forgotten when it is over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import phones
from auth.errors import AlreadyInvited, AlreadyMember, InvitationOver, TooManyInvitations
from auth.events import MemberInvited
from auth.models import Citizen, Language
from auth.operations.citizens import PHONE
from auth.operations.members import add_member, note_change
from auth.organisation_models import (
    Invitation,
    InvitationEnd,
    MemberAction,
    Membership,
    Organisation,
    OrganisationState,
    StaffRole,
)
from kit import clock, events, sealed, vault
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page

LIFETIME = timedelta(days=7)
INVITATIONS_PER_DAY = 50  # each is a text message
_KEPT = timedelta(days=90)
_DAY = timedelta(days=1)
_MOST_SHOWN = 100
_OPEN = "open"


@dataclass(frozen=True)
class InvitationToSend:
    """What the invited one is told, at which number (E.164), until when it may be answered."""

    phone: str
    language: Language
    organisation: str
    expires_at: datetime


def invite_member(
    session: Session, organisation_id: UUID, phone: str, roles: Collection[StaffRole], *, actor_id: UUID | None
) -> Invitation:
    """Invite whoever has proved `phone` (E.164), now or by the time they answer, to work for an organisation.

    Whether the number belongs to a citizen shows only in whether they are a member already. Raises AlreadyMember,
    AlreadyInvited, and TooManyInvitations above fifty of an organisation in a day.
    """
    now = clock.now()
    index = vault.blind_index(PHONE, phone)
    # One at a time per organisation, so that the count of the day holds.
    session.execute(select(Organisation.id).where(Organisation.id == organisation_id).with_for_update())
    _refuse_members(session, organisation_id, index)
    mine = Invitation.organisation_id == organisation_id
    _let_expire(session, mine, Invitation.phone_index == index)
    today = session.execute(
        select(func.count().label("sent"), func.min(Invitation.created_at).label("first_at")).where(
            mine, Invitation.created_at > now - _DAY
        )
    ).one()
    if today.sent >= INVITATIONS_PER_DAY:
        raise TooManyInvitations(retry_after=max(1, int((today.first_at + _DAY - now).total_seconds())))
    invitation_id = new_id()
    invited = session.execute(
        insert(Invitation)
        .values(
            id=invitation_id,
            created_at=now,
            organisation_id=organisation_id,
            phone_index=index,
            phone_sealed=sealed.seal_in(Invitation.phone_sealed, invitation_id, phone),
            roles=sorted(set(roles)),
            expires_at=now + LIFETIME,
            version=1,
        )
        .on_conflict_do_nothing(
            index_elements=[Invitation.phone_index, Invitation.organisation_id],
            index_where=Invitation.ended_at.is_(None),
        )
        .returning(Invitation)
    ).scalar_one_or_none()
    if invited is None:
        raise AlreadyInvited
    note_change(session, organisation_id, MemberAction.INVITED, invited.roles, citizen_id=None, actor=actor_id)
    events.emit(session, MemberInvited(invited.id))
    return invited


def find_invitation_to_send(session: Session, invitation_id: UUID) -> InvitationToSend | None:
    """What to send, to whom, in which language; None when the invitation is over."""
    row = session.execute(
        _open()
        .join(Organisation, Organisation.id == Invitation.organisation_id)
        .with_only_columns(Invitation, Organisation.name_vi, Organisation.name_en)
        .where(Invitation.id == invitation_id)
    ).one_or_none()
    if row is None:
        return None
    phone = phone_of(row.Invitation)
    if phone is None:
        return None
    owner = sealed.find_owner(session, PHONE, phone)
    language = session.execute(select(Citizen.language).where(Citizen.id == owner)).scalar_one_or_none() or Language.VI
    name = row.name_vi if language is Language.VI else row.name_en
    return InvitationToSend(phone, language, name, row.Invitation.expires_at)


def list_invitations(session: Session, organisation_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A page of an organisation's invitations of the last ninety days, the newest first, whatever became of them."""
    return page(
        session,
        select(Invitation).where(Invitation.organisation_id == organisation_id),
        by=[Invitation.id],
        limit=limit,
        cursor=cursor,
        question=("invitations", organisation_id),
    )


def get_invitation(session: Session, organisation_id: UUID, invitation_id: UUID) -> Invitation:
    """An invitation of an organisation; raises NotFound, also for another organisation's."""
    found = session.execute(
        select(Invitation).where(Invitation.id == invitation_id, Invitation.organisation_id == organisation_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def withdraw_invitation(session: Session, invitation: Invitation, *, actor_id: UUID | None) -> None:
    """Take an invitation, as read before, back. Raises InvitationOver when it is over or was answered meanwhile."""
    withdrawn = _end(session, InvitationEnd.WITHDRAWN, Invitation.id == invitation.id)
    if withdrawn is None:
        raise InvitationOver
    note_change(
        session,
        withdrawn.organisation_id,
        MemberAction.INVITATION_WITHDRAWN,
        withdrawn.roles,
        citizen_id=None,
        actor=actor_id,
    )


def list_own_invitations(session: Session, citizen_id: UUID) -> list[tuple[Invitation, Organisation]]:
    """The newest hundred invitations to the number a citizen has proved that can be answered, with the organisation."""
    rows = session.execute(
        _open()
        .join(Organisation, Organisation.id == Invitation.organisation_id)
        .with_only_columns(Invitation, Organisation)
        .where(_is_to(citizen_id), Organisation.state == OrganisationState.ACTIVE)
        .order_by(Invitation.id.desc())
        .limit(_MOST_SHOWN)
    )
    return [(row.Invitation, row.Organisation) for row in rows]


def accept_invitation(session: Session, citizen_id: UUID, invitation_id: UUID) -> Membership:
    """Become a member as invited; accepting again gives the same membership while it lasts.

    Raises NotFound for an invitation to another number, InvitationOver, and AlreadyMember.
    """
    accepted = _answer(session, citizen_id, invitation_id, InvitationEnd.ACCEPTED)
    if accepted is None:
        return _get_accepted(session, citizen_id, invitation_id)
    return add_member(session, accepted.organisation_id, citizen_id, accepted.roles, actor_id=citizen_id)


def decline_invitation(session: Session, citizen_id: UUID, invitation_id: UUID) -> None:
    """Decline an invitation; declining again changes nothing. Raises NotFound and InvitationOver."""
    declined = _answer(session, citizen_id, invitation_id, InvitationEnd.DECLINED)
    if declined is not None:
        note_change(
            session, declined.organisation_id, MemberAction.DECLINED, [], citizen_id=citizen_id, actor=citizen_id
        )
    elif _find_answered(session, citizen_id, invitation_id).ended_by is not InvitationEnd.DECLINED:
        raise InvitationOver


def decline_all(session: Session, citizen_id: UUID) -> None:
    """Let go of every open invitation to the number of a citizen who is going to be forgotten."""
    session.execute(
        update(Invitation)
        .where(Invitation.ended_at.is_(None), _is_to(citizen_id))
        .values(**_ended(InvitationEnd.DECLINED))
    )


def forget_old_invitations(session: Session) -> None:
    """Forget the numbers of invitations nobody has answered in time, and after ninety days the invitations."""
    _let_expire(session)
    session.execute(delete(Invitation).where(Invitation.ended_at < clock.now() - _KEPT))


def state_of(invitation: Invitation) -> str:
    """How an invitation stands: open, accepted, declined, withdrawn or expired."""
    if invitation.ended_by is not None:
        return invitation.ended_by
    return _OPEN if invitation.expires_at > clock.now() else InvitationEnd.EXPIRED


def phone_of(invitation: Invitation) -> str | None:
    """The invited number (E.164) while the invitation is open; it may stand in no log and no URL."""
    if invitation.phone_sealed is None:
        return None
    return sealed.unseal_in(Invitation.phone_sealed, invitation.id, invitation.phone_sealed)


def masked_phone_of(invitation: Invitation) -> str | None:
    """The invited number as the one who typed it recognises it; None once the invitation is over."""
    phone = phone_of(invitation)
    return phones.mask(phone) if phone else None


def _open() -> Select[Invitation]:
    return select(Invitation).where(Invitation.ended_at.is_(None), Invitation.expires_at > clock.now())


def _is_to(citizen_id: UUID) -> ColumnElement[bool]:
    """Whether an invitation is to the number this citizen has proved to be theirs alone."""
    proved = select(sealed.VaultEntry.lookup).where(
        sealed.VaultEntry.owner_id == citizen_id, sealed.VaultEntry.field == PHONE
    )
    return Invitation.phone_index.in_(proved)


def _ended(end: InvitationEnd) -> dict[str, object]:
    return {
        "ended_at": clock.now(),
        "ended_by": end,
        "phone_index": None,
        "phone_sealed": None,
        "version": Invitation.version + 1,
    }


def _end(session: Session, end: InvitationEnd, *which: ColumnElement[bool], **more: object) -> Invitation | None:
    return session.execute(
        update(Invitation)
        .where(*which, Invitation.ended_at.is_(None), Invitation.expires_at > clock.now())
        .values(**_ended(end), **more)
        .returning(Invitation),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()


def _let_expire(session: Session, *which: ColumnElement[bool]) -> None:
    session.execute(
        update(Invitation)
        .where(*which, Invitation.ended_at.is_(None), Invitation.expires_at <= clock.now())
        .values(**_ended(InvitationEnd.EXPIRED))
    )


def _answer(session: Session, citizen_id: UUID, invitation_id: UUID, end: InvitationEnd) -> Invitation | None:
    """End an invitation to this citizen; None when it is over. Of two answers at once the first one counts."""
    active = select(Organisation.id).where(Organisation.state == OrganisationState.ACTIVE)
    return _end(
        session,
        end,
        Invitation.id == invitation_id,
        _is_to(citizen_id),
        Invitation.organisation_id.in_(active),
        citizen_id=citizen_id,
    )


def _find_answered(session: Session, citizen_id: UUID, invitation_id: UUID) -> Invitation:
    """An invitation this citizen has answered. Raises InvitationOver for one they have not in time, else NotFound.

    One that is still open could not be answered because its organisation is suspended: it is as if not there.
    """
    found = session.execute(
        select(Invitation).where(
            Invitation.id == invitation_id, (Invitation.citizen_id == citizen_id) | _is_to(citizen_id)
        )
    ).scalar_one_or_none()
    if found is None or state_of(found) == _OPEN:
        raise NotFound
    if found.citizen_id is None:
        raise InvitationOver
    return found


def _get_accepted(session: Session, citizen_id: UUID, invitation_id: UUID) -> Membership:
    answered = _find_answered(session, citizen_id, invitation_id)
    member = session.execute(
        select(Membership).where(
            Membership.citizen_id == citizen_id,
            Membership.organisation_id == answered.organisation_id,
            Membership.ended_at.is_(None),
        )
    ).scalar_one_or_none()
    if member is None or answered.ended_by is not InvitationEnd.ACCEPTED:
        raise InvitationOver
    return member


def _refuse_members(session: Session, organisation_id: UUID, phone_index: bytes) -> None:
    owner = select(sealed.VaultEntry.owner_id).where(
        sealed.VaultEntry.field == PHONE, sealed.VaultEntry.lookup == phone_index
    )
    member = select(Membership.id).where(
        Membership.organisation_id == organisation_id,
        Membership.citizen_id.in_(owner),
        Membership.ended_at.is_(None),
    )
    if session.execute(member).first() is not None:
        raise AlreadyMember
