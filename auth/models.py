"""Tables of sign-in: citizens, their ways in, sessions with their refresh tokens, signing keys."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record
from kit.sealed import SealedForRow

TRIES = 5  # answers per challenge that are compared at all


class Language(StrEnum):
    """What a citizen reads."""

    VI = "vi"
    EN = "en"


class Assurance(StrEnum):
    """How a citizen proved who they are, the weakest first; the `acr` of their tokens."""

    PHONE = "phone"
    PASSKEY = "passkey"
    IDENTITY = "identity"


class SessionEnd(StrEnum):
    """Why a session was ended before its time."""

    SIGNED_OUT = "signed_out"
    ENDED_ELSEWHERE = "ended_elsewhere"  # by its citizen, on another device
    TOKEN_REUSED = "token_reused"  # noqa: S105 - a reason, not a secret
    PASSKEY_REMOVED = "passkey_removed"


class KeyState(StrEnum):
    """The life of a signing key."""

    PUBLISHED = "published"  # others may learn it; it signs nothing yet
    ACTIVE = "active"
    RETIRING = "retiring"  # signs no more; what it signed is still good
    WITHDRAWN = "withdrawn"  # what it signed is refused


class Citizen(Record):
    """A person, of whom everybody but the vault knows only this id; their number stands sealed in kit.sealed."""

    __tablename__ = "citizen"

    language: Mapped[Language]
    joined_into: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))  # proved to be one person with that one
    erased_at: Mapped[datetime | None]  # from then on nobody signs in as this citizen; payments keep the id


class PhoneChallenge(Record):
    """A question to whoever holds a phone; its code is derived from the id and stored nowhere."""

    __tablename__ = "phone_challenge"
    __table_args__ = (
        CheckConstraint(f"tries_left BETWEEN 0 AND {TRIES}", name="tries_left_in_bounds"),
        Index("ix_phone_challenge_created_at", "created_at"),  # by which old ones are forgotten
    )

    phone_sealed: Mapped[bytes] = mapped_column(SealedForRow("phone challenge"))
    language: Mapped[Language]
    expires_at: Mapped[datetime]
    tries_left: Mapped[int] = mapped_column(default=TRIES)
    spent_at: Mapped[datetime | None]


class ChallengeBudget(Base):
    """How much one number, network, prefix or country has spent of something in one window of time."""

    __tablename__ = "challenge_budget"
    __table_args__ = (CheckConstraint("spent >= 0", name="spent_is_not_negative"),)

    subject: Mapped[str] = mapped_column(primary_key=True)  # a keyed hash: neither number nor address stands here
    window_starts_at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    spent: Mapped[int]


class SignInSession(Record):
    """One sign-in on one device, kept alive by a chain of refresh tokens.

    `assurance` and `authenticated_at` tell the last proof given in it; `known_since` since when what proved it (the
    device, the passkey) has been known to be the citizen's.
    """

    __tablename__ = "sign_in_session"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="end_has_a_reason"),
        CheckConstraint("version > 0", name="version_is_positive"),
        # What every process asks for again and again: few sessions ended in the last minutes.
        Index("ix_sign_in_session_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    device_name: Mapped[str | None]
    refreshed_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[SessionEnd | None]
    assurance: Mapped[Assurance] = mapped_column(default=Assurance.PHONE)
    authenticated_at: Mapped[datetime]
    known_since: Mapped[datetime]
    # No foreign keys: what these passkeys have opened or raised has to be found when they are gone.
    opened_by_passkey_id: Mapped[UUID | None]
    raised_by_passkey_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)


class RefreshToken(Base):
    """A link of a session's chain; only its SHA-256 is stored."""

    __tablename__ = "refresh_token"
    __table_args__ = (
        # Two live successors can't exist, whatever races.
        Index("uq_refresh_token_live", "session_id", unique=True, postgresql_where=text("spent_at IS NULL")),
    )

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sign_in_session.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None] = mapped_column(index=True)


class Passkey(Record):
    """A credential of WebAuthn: the public half of a key pair that never leaves the citizen's authenticator."""

    __tablename__ = "passkey"
    __table_args__ = (CheckConstraint("sign_count >= 0", name="sign_count_is_not_negative"),)

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]  # COSE
    user_handle: Mapped[bytes]  # what the authenticator calls its owner: the id of the citizen who registered it
    sign_count: Mapped[int]
    transports: Mapped[list[Any]]
    is_synced: Mapped[bool]
    name: Mapped[str]
    known_since: Mapped[datetime]  # as that of the session it was registered in
    last_used_at: Mapped[datetime | None]


class PasskeyUse(StrEnum):
    """What an authenticator was asked to sign for."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    STEP_UP = "step_up"


class PasskeyChallenge(Record):
    """A question to an authenticator, answered at most once; what it has to sign is derived from the id."""

    __tablename__ = "passkey_challenge"
    __table_args__ = (
        CheckConstraint("(use = 'sign_in') = (session_id IS NULL)", name="use_has_a_session"),
        Index("ix_passkey_challenge_created_at", "created_at"),  # by which old ones are forgotten
    )

    use: Mapped[PasskeyUse]
    session_id: Mapped[UUID | None]  # whose answer is awaited; a sign-in has none yet
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None]


class LinkedIdentity(Record):
    """A person as a national identity provider knows them: `subject_index` finds them by its name for them towards us.

    The name itself is needed nowhere, so it is not kept: only its blind index.
    """

    __tablename__ = "linked_identity"
    __table_args__ = (
        UniqueConstraint("issuer", "subject_index", name="uq_linked_identity_account"),
        # One person has one account there.
        UniqueConstraint("citizen_id", "issuer", name="uq_linked_identity_citizen"),
    )

    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id", ondelete="CASCADE"))
    issuer: Mapped[str]
    subject_index: Mapped[bytes]
    level: Mapped[str]  # as the provider words it
    verified_at: Mapped[datetime]


class IdentityAttempt(Record):
    """A way to the identity provider and back, taken at most once; state, nonce and PKCE are derived from the id."""

    __tablename__ = "identity_attempt"
    __table_args__ = (Index("ix_identity_attempt_created_at", "created_at"),)  # by which old ones are forgotten

    session_id: Mapped[UUID | None]  # whose proof it is; a sign-in has none yet
    redirect_uri: Mapped[str]
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None]


class SigningKey(Base):
    """The public half of a key that signs access tokens; `kid` is its RFC 7638 thumbprint. `created_at`: published."""

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(primary_key=True)
    public_jwk: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    state: Mapped[KeyState]
    state_since: Mapped[datetime]
