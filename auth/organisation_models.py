"""Tables of organisations: who works for them as what, who was invited, and the systems that call for them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record
from kit.sealed import SealedForRow

MOST_CREDENTIALS = 2  # the one in use, and the one that takes its place


class OrganisationKind(StrEnum):
    """What an organisation is to the citizens."""

    PROVIDER = "provider"
    CLINIC = "clinic"
    SCHOOL_OFFICE = "school_office"
    TOURISM_OFFICE = "tourism_office"
    PROVINCE = "province"


class OrganisationState(StrEnum):
    """Whether its staff and systems may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Mode(StrEnum):
    """Whether an organisation works with what is real, or is still trying its systems with test data."""

    TEST = "test"
    LIVE = "live"


class StaffRole(StrEnum):
    """What a member may do for an organisation; `operator` looks after its members and systems."""

    CLERK = "clerk"
    APPROVER = "approver"
    FRONT_DESK = "front_desk"
    EDITOR = "editor"
    OPERATOR = "operator"


class MemberAction(StrEnum):
    """What happened to a member, or to one who is to be."""

    INVITED = "invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    DECLINED = "declined"
    JOINED = "joined"
    ROLES_CHANGED = "roles_changed"
    REMOVED = "removed"
    LEFT = "left"


class InvitationEnd(StrEnum):
    """How an invitation came to its end."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class CredentialKind(StrEnum):
    """How a system shows that it is itself."""

    SECRET = "secret"  # noqa: S105 - a kind, not a secret
    KEY = "key"


class Organisation(Record):
    """A body whose staff and systems act here; one of kind provider stands for a power or water company."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("(kind = 'provider') = (provider_id IS NOT NULL)", name="provider_is_named"),
        CheckConstraint("version > 0", name="version_is_positive"),
    )

    kind: Mapped[OrganisationKind]
    slug: Mapped[str] = mapped_column(unique=True)  # a provider's own
    name_vi: Mapped[str]
    name_en: Mapped[str]
    state: Mapped[OrganisationState] = mapped_column(default=OrganisationState.ACTIVE)
    # No foreign key: providers belong to a room above this one.
    provider_id: Mapped[UUID | None] = mapped_column(unique=True)
    mode: Mapped[Mode] = mapped_column(default=Mode.LIVE, server_default=text("'live'"))
    version: Mapped[int] = mapped_column(default=1)


class Membership(Record):
    """A citizen works for an organisation, in one or several roles, until it ends."""

    __tablename__ = "membership"
    __table_args__ = (
        # One live membership per citizen and organisation; what the guard looks up at every request of staff.
        Index(
            "uq_membership_live",
            "citizen_id",
            "organisation_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_membership_organisation", "organisation_id", "id"),
        CheckConstraint("jsonb_array_length(roles) > 0", name="has_a_role"),
        CheckConstraint("version > 0", name="version_is_positive"),
    )

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    roles: Mapped[list[Any]]
    ended_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class MemberEvent(Record):
    """A change among the members, never altered: who did what to whom, when, and the roles after it.

    Only when two citizens are proved to be one person does it go on as the other's.
    """

    __tablename__ = "member_event"
    __table_args__ = (Index("ix_member_event_organisation", "organisation_id", "id"),)

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"), index=True)  # None: only invited so far
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))  # None: at a terminal of the province
    action: Mapped[MemberAction]
    roles: Mapped[list[Any]]


class Invitation(Record):
    """An offer to work for an organisation, to whoever has proved a phone number.

    The number is sealed until the invitation is over, and gone afterwards; `phone_index` is its blind index.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        # One open invitation per number and organisation.
        Index(
            "uq_invitation_open",
            "phone_index",
            "organisation_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_invitation_organisation", "organisation_id", "id"),
        CheckConstraint("jsonb_array_length(roles) > 0", name="has_a_role"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="end_has_a_reason"),
        CheckConstraint("(ended_at IS NULL) = (phone_sealed IS NOT NULL)", name="number_is_kept_while_open"),
        CheckConstraint("(ended_at IS NULL) = (phone_index IS NOT NULL)", name="number_is_found_while_open"),
        CheckConstraint("citizen_id IS NULL OR ended_at IS NOT NULL", name="answer_ends_it"),
        CheckConstraint("version > 0", name="version_is_positive"),
    )

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_sealed: Mapped[bytes | None] = mapped_column(SealedForRow("invitation"))
    roles: Mapped[list[Any]]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[InvitationEnd | None]
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"), index=True)  # who has answered it
    version: Mapped[int] = mapped_column(default=1)


class MachineClient(Record):
    """A system of an organisation that calls us; what it shows to be itself are its credentials."""

    __tablename__ = "machine_client"
    __table_args__ = (CheckConstraint("version > 0", name="version_is_positive"),)

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str]
    scopes: Mapped[list[Any]]
    mode: Mapped[Mode] = mapped_column(default=Mode.LIVE, server_default=text("'live'"))  # its organisation's, then
    revoked_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class ClientCredential(Record):
    """A random secret, stored as its SHA-256, or the public half of a key pair, as a JWK."""

    __tablename__ = "client_credential"
    __table_args__ = (
        # A third live one has no place, whatever races.
        Index(
            "uq_client_credential_live",
            "client_id",
            "place",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        CheckConstraint(f"place BETWEEN 1 AND {MOST_CREDENTIALS}", name="place_in_bounds"),
        CheckConstraint(
            "CASE kind WHEN 'secret' THEN secret_hash IS NOT NULL AND public_jwk IS NULL"
            " ELSE secret_hash IS NULL AND public_jwk IS NOT NULL END",
            name="is_one_or_the_other",
        ),
    )

    client_id: Mapped[UUID] = mapped_column(ForeignKey("machine_client.id", ondelete="CASCADE"))
    place: Mapped[int]
    kind: Mapped[CredentialKind]
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    public_jwk: Mapped[dict[str, Any] | None]
    expires_at: Mapped[datetime | None]  # None: only of those made at a terminal
    last_used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class ClientAssertion(Base):
    """An assertion that was spent (RFC 7523): its `jti` is good once."""

    __tablename__ = "client_assertion"

    client_id: Mapped[UUID] = mapped_column(ForeignKey("machine_client.id", ondelete="CASCADE"), primary_key=True)
    jti_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
