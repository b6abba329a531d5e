"""Tables of personal data: the household, mandates, consents, requests under data law, and who looked at what."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record

MOST_MEMBERS = 6


class IdentityField(StrEnum):
    """What the vault keeps of a citizen; the names of its fields there."""

    NAME = "name"
    CCCD = "cccd"
    PHONE = "phone"
    BIRTH_DATE = "birth_date"
    HEALTH_INSURANCE_NO = "health_insurance_no"


class Relation(StrEnum):
    """Who a member of the household is to the citizen."""

    CHILD = "child"
    PARENT = "parent"
    SPOUSE = "spouse"
    SIBLING = "sibling"
    GRANDPARENT = "grandparent"
    GRANDCHILD = "grandchild"
    OTHER = "other"


class Verification(StrEnum):
    """How we know a member of the household: told by the citizen, seen in papers, or by national identity."""

    DECLARED = "declared"
    PAPERS = "papers"
    NATIONAL_IDENTITY = "national_identity"


class HouseholdMember(Record):
    """A person whom a citizen keeps as a profile; everything about them stands sealed under the citizen's key."""

    __tablename__ = "household_member"
    __table_args__ = (
        # A seventh member has no place, whatever races. Only the households of two citizens who turn out to be one
        # person, put together, may reach further: nobody is lost, and nobody added until there are fewer than six.
        UniqueConstraint("citizen_id", "place"),
        CheckConstraint("place > 0", name="place_is_positive"),
        CheckConstraint("version > 0", name="version_is_positive"),
    )

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    place: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # JSON: name, relation, birth date, numbers
    verified_by: Mapped[Verification] = mapped_column(default=Verification.DECLARED)
    version: Mapped[int] = mapped_column(default=1)


class MandateScope(StrEnum):
    """What a mandate lets its agent do."""

    BILLS_READ = "bills:read"
    BILLS_PAY = "bills:pay"
    HEALTH_BOOK = "health:book"


class MandateEnd(StrEnum):
    """Who ended a mandate before its time."""

    PRINCIPAL = "principal"
    AGENT = "agent"


class Mandate(Record):
    """A citizen (the principal) lets another (the agent) act for them, in some things, for some time.

    It is offered with a code, of which only the hash is stored, and holds once the agent has accepted it.
    """

    __tablename__ = "mandate"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="ends_after_it_starts"),
        CheckConstraint("agent_id IS NULL OR agent_id <> principal_id", name="two_people"),
        CheckConstraint("(agent_id IS NULL) = (accepted_at IS NULL)", name="accepted_by_its_agent"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="end_has_an_author"),
        CheckConstraint("jsonb_array_length(scopes) > 0", name="is_for_something"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("ix_mandate_principal", "principal_id", "id"),
        Index("ix_mandate_agent", "agent_id", "principal_id", postgresql_where=text("agent_id IS NOT NULL")),
    )

    principal_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))
    scopes: Mapped[list[Any]]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    offer_ends_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[MandateEnd | None]
    version: Mapped[int] = mapped_column(default=1)


class ConsentAction(StrEnum):
    """What a citizen decided."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"


class ConsentEvent(Record):
    """A decision about one purpose, in the words of one version; never changed, the last one counts."""

    __tablename__ = "consent_event"
    __table_args__ = (Index("ix_consent_event_citizen", "citizen_id", "purpose", "id"),)

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    purpose: Mapped[str]
    text_version: Mapped[int]
    action: Mapped[ConsentAction]


class RequestKind(StrEnum):
    """Which right a citizen used."""

    EXPORT = "export"
    ERASE = "erase"


class DataRequest(Record):
    """A request under data law, and its clocks: due dates are the law's, the instants are ours."""

    __tablename__ = "data_request"
    __table_args__ = (
        Index("ix_data_request_citizen", "citizen_id", "id"),
        Index("ix_data_request_due", "done_due_on", postgresql_where=text("done_at IS NULL")),
    )

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    kind: Mapped[RequestKind]
    answer_due_on: Mapped[date]
    done_due_on: Mapped[date]
    answered_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class AccessRole(StrEnum):
    """As whom somebody looked."""

    DELEGATE = "delegate"
    PROVIDER = "provider"
    CLINIC = "clinic"
    SCHOOL = "school"
    TOURISM = "tourism"
    OPERATOR = "operator"
    APP = "app"


class AccessPurpose(StrEnum):
    """Why somebody looked; staff must name one."""

    MANDATE = "mandate"
    APP = "app"
    BILLING = "billing"
    CITIZEN_REQUEST = "citizen_request"
    CARE = "care"
    SCHOOLING = "schooling"
    COMPLAINT = "complaint"
    SECURITY = "security"
    LEGAL_ORDER = "legal_order"


class DataAccess(Record):
    """Somebody looked at a citizen's personal data, or acted for them; the data itself does not stand here."""

    __tablename__ = "data_access"
    __table_args__ = (Index("ix_data_access_citizen", "citizen_id", "id"),)

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    role: Mapped[AccessRole]
    actor_id: Mapped[UUID | None]  # a citizen, a member of staff or a system; None: at a terminal of the province
    organisation: Mapped[str | None]  # its public name; None for a person of the household
    purpose: Mapped[AccessPurpose]
    operation: Mapped[str]
    fields: Mapped[list[Any]]
