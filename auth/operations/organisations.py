"""Organisations: those that stand for providers, those the province creates, and who acts for them now."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth.errors import OrganisationKnown, OwnOrganisation
from auth.organisation_models import (
    MachineClient,
    Membership,
    Mode,
    Organisation,
    OrganisationKind,
    OrganisationState,
    StaffRole,
)
from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page


@dataclass(frozen=True)
class Staff:
    """A citizen who acts for an organisation, and in which roles; `provider_id` is whom a provider's stands for."""

    citizen_id: UUID
    organisation_id: UUID
    kind: OrganisationKind
    roles: frozenset[StaffRole]
    provider_id: UUID | None = None
    organisation_name: str = ""  # in Vietnamese, as citizens know it


def find_staff(session: Session, citizen_id: UUID, organisation_id: UUID) -> Staff | None:
    """As what a citizen may act for an organisation now; None when they are no member, or it is suspended."""
    row = session.execute(
        select(Organisation.kind, Organisation.provider_id, Organisation.name_vi, Membership.roles)
        .join(Membership, Membership.organisation_id == Organisation.id)
        .where(
            Membership.citizen_id == citizen_id,
            Membership.organisation_id == organisation_id,
            Membership.ended_at.is_(None),
            Organisation.state == OrganisationState.ACTIVE,
        )
    ).one_or_none()
    if row is None:
        return None
    roles = frozenset(StaffRole(role) for role in row.roles)
    return Staff(citizen_id, organisation_id, row.kind, roles, row.provider_id, row.name_vi)


def register_provider(
    session: Session, provider_id: UUID, *, slug: str, name_vi: str, name_en: str, mode: Mode = Mode.LIVE
) -> UUID:
    """The organisation that stands for a provider, made if it is new, named as the provider is; returns its id.

    In `mode` test its systems get test keys only, until `end_testing`.
    """
    names = {"slug": slug, "name_vi": name_vi, "name_en": name_en}
    return session.execute(
        insert(Organisation)
        .values(
            id=new_id(),
            created_at=clock.now(),
            kind=OrganisationKind.PROVIDER,
            state=OrganisationState.ACTIVE,
            provider_id=provider_id,
            mode=mode,
            version=1,
            **names,
        )
        .on_conflict_do_update(index_elements=[Organisation.provider_id], set_=names)
        .returning(Organisation.id)
    ).scalar_one()


def end_testing(session: Session, organisation_id: UUID) -> None:
    """An organisation works with what is real from now on: its test keys are revoked, and new ones are live."""
    session.execute(
        update(Organisation)
        .where(Organisation.id == organisation_id, Organisation.mode == Mode.TEST)
        .values(mode=Mode.LIVE, version=Organisation.version + 1)
    )
    session.execute(
        update(MachineClient)
        .where(
            MachineClient.organisation_id == organisation_id,
            MachineClient.mode == Mode.TEST,
            MachineClient.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now(), version=MachineClient.version + 1)
    )


def is_in_test(session: Session, provider_id: UUID) -> bool:
    """Whether the organisation that stands for a provider is still trying its systems."""
    query = select(Organisation.id).where(Organisation.provider_id == provider_id, Organisation.mode == Mode.TEST)
    return session.execute(query).first() is not None


def create_organisation(
    session: Session, *, kind: OrganisationKind, slug: str, name_vi: str, name_en: str
) -> Organisation:
    """A new organisation without members. Raises OrganisationKnown when the slug is taken.

    One of kind provider is not made here but by `register_provider`, when the provider is.
    """
    made = session.execute(
        insert(Organisation)
        .values(
            id=new_id(),
            created_at=clock.now(),
            kind=kind,
            slug=slug,
            name_vi=name_vi,
            name_en=name_en,
            state=OrganisationState.ACTIVE,
            version=1,
        )
        .on_conflict_do_nothing(index_elements=[Organisation.slug])
        .returning(Organisation)
    ).scalar_one_or_none()
    if made is None:
        raise OrganisationKnown
    return made


def get_organisation(session: Session, organisation_id: UUID) -> Organisation:
    """The organisation of that id; raises NotFound."""
    found = session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound
    return found


def get_organisation_by_slug(session: Session, slug: str) -> Organisation:
    """The organisation of that slug; raises NotFound."""
    found = session.execute(select(Organisation).where(Organisation.slug == slug)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def set_state(session: Session, organisation: Organisation, state: OrganisationState) -> Organisation:
    """Suspend an organisation or let it act again; harmless when it is so already.

    Staff are refused at once, its systems within ten seconds. Raises OwnOrganisation for a province's.
    """
    if organisation.kind is OrganisationKind.PROVINCE:
        raise OwnOrganisation
    session.execute(
        update(Organisation)
        .where(Organisation.id == organisation.id, Organisation.state != state)
        .values(state=state, version=Organisation.version + 1)
    )
    session.refresh(organisation)
    return organisation


def list_organisations(session: Session, *, kind: OrganisationKind | None, limit: int, cursor: str | None) -> Page:
    """A page of all organisations, or of one kind, the newest first."""
    wanted = select(Organisation)
    if kind is not None:
        wanted = wanted.where(Organisation.kind == kind)
    return page(session, wanted, by=[Organisation.id], limit=limit, cursor=cursor, question=("organisations", kind))


def find_organisation_of(session: Session, provider_id: UUID) -> UUID | None:
    """The id of the organisation that stands for a provider."""
    return session.execute(select(Organisation.id).where(Organisation.provider_id == provider_id)).scalar_one_or_none()


def list_joined(session: Session, citizen_id: UUID) -> list[tuple[Membership, Organisation]]:
    """What a citizen is a member of, with the organisation, by its name; the suspended ones too."""
    rows = session.execute(
        select(Membership, Organisation)
        .join(Organisation, Organisation.id == Membership.organisation_id)
        .where(Membership.citizen_id == citizen_id, Membership.ended_at.is_(None))
        .order_by(Organisation.name_vi, Organisation.id)
    )
    return [(row.Membership, row.Organisation) for row in rows]
