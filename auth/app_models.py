"""Tables of apps of others: what was registered and reviewed, what citizens were asked, and what they allowed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from auth.models import Language
from kit.database import Base, Record


class AppState(StrEnum):
    """How an app stands with the province; only an approved one may ask citizens for anything."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"  # by its owner, for good


class Review(StrEnum):
    """What the province decides about an app."""

    APPROVE = "approve"
    REFUSE = "refuse"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"


# The decision -> the states it may be taken in, and the state it leads to.
MOVES: dict[Review, tuple[frozenset[AppState], AppState]] = {
    Review.APPROVE: (frozenset({AppState.SUBMITTED}), AppState.APPROVED),
    Review.REFUSE: (frozenset({AppState.SUBMITTED}), AppState.REFUSED),
    Review.SUSPEND: (frozenset({AppState.APPROVED}), AppState.SUSPENDED),
    Review.REINSTATE: (frozenset({AppState.SUSPENDED}), AppState.APPROVED),
}
NEED_A_REASON = frozenset({Review.REFUSE, Review.SUSPEND})
# What its owner may still change: after the review an app is what was reviewed.
CHANGEABLE = frozenset({AppState.SUBMITTED, AppState.REFUSED})


class App(Record):
    """An app of others (a client of OAuth): who stands behind it, where it takes citizens back to, what it asks for."""

    __tablename__ = "app"
    __table_args__ = (
        CheckConstraint("jsonb_array_length(redirect_uris) > 0", name="leads_somewhere"),
        CheckConstraint("jsonb_array_length(scopes) > 0", name="asks_for_something"),
        CheckConstraint("state NOT IN ('refused', 'suspended') OR reason IS NOT NULL", name="reason_is_told"),
        CheckConstraint("is_confidential OR secret_hash IS NULL", name="public_has_no_secret"),
        CheckConstraint(
            "(former_secret_hash IS NULL) = (former_secret_ends_at IS NULL)", name="former_secret_has_an_end"
        ),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("ix_app_state", "state", "id"),
    )

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    owner_name: Mapped[str]  # the person or company that answers for it, as citizens are told
    name_vi: Mapped[str]
    name_en: Mapped[str]
    homepage: Mapped[str]
    redirect_uris: Mapped[list[Any]]
    scopes: Mapped[list[Any]]
    is_confidential: Mapped[bool]
    state: Mapped[AppState] = mapped_column(default=AppState.SUBMITTED)
    state_since: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    reason: Mapped[str | None]  # why it was refused or suspended
    secret_hash: Mapped[bytes | None]
    # A secret that was replaced is good for a while, so that a server can be given the new one.
    former_secret_hash: Mapped[bytes | None]
    former_secret_ends_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class AppReview(Record):
    """A decision of the province about an app; never changed."""

    __tablename__ = "app_review"

    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"), index=True)
    reviewer_id: Mapped[UUID | None]  # None: at a terminal of the province
    decision: Mapped[Review]
    reason: Mapped[str | None]


class AuthorizationRequest(Record):
    """An app's question to whoever sits at a browser, and how far they have come with it; answered at most once.

    It belongs to the browser that holds the cookie of which `browser_hash` is the SHA-256.
    """

    __tablename__ = "authorization_request"
    __table_args__ = (
        CheckConstraint("(citizen_id IS NULL) = (proved_at IS NULL)", name="citizen_was_proved"),
        Index("ix_authorization_request_created_at", "created_at"),  # by which old ones are forgotten
    )

    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"))
    redirect_uri: Mapped[str]
    scopes: Mapped[list[Any]]
    state: Mapped[str | None]
    code_challenge: Mapped[str]
    language: Mapped[Language]
    browser_hash: Mapped[bytes]
    expires_at: Mapped[datetime]
    challenge_id: Mapped[UUID | None]  # the code that was sent; no foreign key: those are forgotten sooner
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"), index=True)
    proved_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]


class GrantEnd(StrEnum):
    """Why a grant was ended before its time."""

    WITHDRAWN = "withdrawn"  # by the citizen
    RETURNED = "returned"  # by the app: it revoked its own tokens
    CODE_MISUSED = "code_misused"
    CODE_REPLAYED = "code_replayed"
    TOKEN_MISUSED = "token_misused"  # noqa: S105 - a reason, not a secret
    TOKEN_REUSED = "token_reused"  # noqa: S105 - likewise
    CITIZEN_GONE = "citizen_gone"  # erased, or joined into another


class AppGrant(Record):
    """A citizen's consent to one app, given once on our page: its code, and the root of all tokens that come of it."""

    __tablename__ = "app_grant"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="end_has_a_reason"),
        CheckConstraint("created_at < ends_at", name="ends_after_it_was_given"),
        Index("ix_app_grant_citizen", "citizen_id", "app_id"),
        Index("ix_app_grant_unspent", "created_at", postgresql_where=text("code_spent_at IS NULL")),
    )

    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"), index=True)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    scopes: Mapped[list[Any]]
    # The words the citizen has read.
    text_version: Mapped[int]
    language: Mapped[Language]
    redirect_uri: Mapped[str]
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    code_challenge: Mapped[str]
    code_expires_at: Mapped[datetime]
    code_spent_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[GrantEnd | None]


class AppRefreshToken(Base):
    """A link of a grant's chain; only its SHA-256 is stored."""

    __tablename__ = "app_refresh_token"
    __table_args__ = (
        # Two live successors can't exist, whatever races.
        Index("uq_app_refresh_token_live", "grant_id", unique=True, postgresql_where=text("spent_at IS NULL")),
    )

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("app_grant.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None] = mapped_column(index=True)


class AppUser(Base):
    """What a citizen is called towards one app: two apps can't tell by it that they know the same person."""

    __tablename__ = "app_user"

    app_id: Mapped[UUID] = mapped_column(ForeignKey("app.id"), primary_key=True)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), primary_key=True, index=True)
    alias: Mapped[UUID] = mapped_column(unique=True)
