"""Citizens who have just signed in for the first time, made by few statements: thousands of stories begin with one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from auth import operations
from auth.models import Assurance, Language
from auth.operations.citizens import PHONE
from auth.operations.sessions import ABSOLUTE
from kit import clock, vault
from kit.database import new_id

_NEW = text("""
WITH known AS (SELECT owner_id FROM vault_entry WHERE field = :field AND lookup = :lookup),
is_new AS (SELECT WHERE NOT EXISTS (SELECT FROM known)),
kept AS (INSERT INTO vault_key (owner_id, master_id, wrapped, created_at)
  SELECT :id, :master_id, :wrapped, :now FROM is_new),
proved AS (INSERT INTO vault_entry (owner_id, field, sealed, proved_by, lookup, changed_at)
  SELECT :id, :field, :sealed, 'phone_code', :lookup, :now FROM is_new),
welcomed AS (INSERT INTO citizen (id, created_at, language) SELECT :id, :now, :language FROM is_new),
opened AS (INSERT INTO sign_in_session (id, created_at, citizen_id, refreshed_at, expires_at, assurance,
    authenticated_at, known_since, version)
  SELECT :session_id, :now, :id, :now, :expires_at, :assurance, :now, :now, 1 FROM is_new)
SELECT count(*) FROM is_new
""")


def welcome(session: Session, phone: str) -> tuple[UUID, str]:
    """The id of the citizen with this number and an access token of a session of theirs, made if they are new.

    What has no refresh token; all else is as `welcome_citizen` and `start_session` leave it, who are asked for who is
    known.
    """
    now, citizen_id, session_id = clock.now(), new_id(), new_id()
    key, wrapped = vault.new_key(citizen_id)
    values = {
        "id": citizen_id,
        "session_id": session_id,
        "now": now,
        "field": PHONE,
        "lookup": vault.blind_index(PHONE, phone),
        "master_id": wrapped.master_id,
        "wrapped": wrapped.wrapped,
        "sealed": key.seal(PHONE, phone),
        "language": Language.VI.value,
        "expires_at": now + ABSOLUTE,
        "assurance": Assurance.PHONE.value,
    }
    if session.scalar(_NEW, values):
        return citizen_id, operations.issue_token(
            session,
            role="citizen",
            subject=citizen_id,
            session_id=session_id,
            assurance=Assurance.PHONE,
            authenticated_at=now,
            known_since=now,
        )
    known = operations.welcome_citizen(session, phone, Language.VI)
    return known, operations.start_session(session, known, None).access_token
