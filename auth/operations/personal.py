"""What sign-in holds about a citizen: told on request, let go of for good."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from auth.app_models import App, AppGrant, AppUser, AuthorizationRequest
from auth.models import Citizen, LinkedIdentity, Passkey, RefreshToken, SignInSession
from auth.operations.apps import give_up_apps
from auth.operations.grants import end_grants_of
from auth.operations.invitations import decline_all
from auth.operations.members import end_all_memberships
from auth.operations.sessions import end_other_sessions
from auth.organisation_models import MemberEvent, Membership, Organisation
from kit import clock, export

TABLES = frozenset({
    "citizen", "sign_in_session", "passkey", "linked_identity", "membership", "member_event", "invitation", "app",
    "app_grant", "app_user", "authorization_request",
})  # fmt: skip


def export_citizen(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """The account, its ways in, apps, and for whom the citizen works or worked; no token, no hash of one, no key."""
    account = select(Citizen.id, Citizen.language, Citizen.created_at).where(Citizen.id == citizen_id)
    sessions = (
        select(
            SignInSession.id,
            SignInSession.device_name,
            SignInSession.assurance,
            SignInSession.created_at,
            SignInSession.refreshed_at,
            SignInSession.expires_at,
            SignInSession.ended_at,
            SignInSession.ended_by,
        )
        .where(SignInSession.citizen_id == citizen_id)
        .order_by(SignInSession.id)
    )
    passkeys = (
        select(Passkey.id, Passkey.name, Passkey.is_synced, Passkey.created_at, Passkey.last_used_at)
        .where(Passkey.citizen_id == citizen_id)
        .order_by(Passkey.id)
    )
    linked = (
        select(LinkedIdentity.issuer, LinkedIdentity.level, LinkedIdentity.verified_at)
        .where(LinkedIdentity.citizen_id == citizen_id)
        .order_by(LinkedIdentity.id)
    )
    memberships = (
        select(Organisation.name_vi.label("organisation"), Membership.roles, Membership.created_at, Membership.ended_at)
        .join(Organisation, Organisation.id == Membership.organisation_id)
        .where(Membership.citizen_id == citizen_id)
        .order_by(Membership.id)
    )
    changes = (
        select(
            Organisation.name_vi.label("organisation"), MemberEvent.action, MemberEvent.roles, MemberEvent.created_at
        )
        .join(Organisation, Organisation.id == MemberEvent.organisation_id)
        .where(MemberEvent.citizen_id == citizen_id)
        .order_by(MemberEvent.id)
    )
    allowed = (
        select(
            AppGrant.app_id,
            App.name_vi,
            App.name_en,
            App.owner_name,
            AppUser.alias,
            AppGrant.scopes,
            AppGrant.text_version,
            AppGrant.language,
            AppGrant.created_at,
            AppGrant.used_at,
            AppGrant.ends_at,
            AppGrant.ended_at,
            AppGrant.ended_by,
        )
        .join(App, App.id == AppGrant.app_id)
        .outerjoin(AppUser, (AppUser.app_id == AppGrant.app_id) & (AppUser.citizen_id == AppGrant.citizen_id))
        .where(AppGrant.citizen_id == citizen_id)
        .order_by(AppGrant.id)
    )
    registered = (
        select(
            App.id,
            App.name_vi,
            App.name_en,
            App.owner_name,
            App.homepage,
            App.redirect_uris,
            App.scopes,
            App.is_confidential,
            App.created_at,
            App.state,
            App.state_since,
            App.reason,
        )
        .where(App.owner_id == citizen_id)
        .order_by(App.id)
    )
    return {
        "account": export.rows(session, account),
        "sessions": export.rows(session, sessions),
        "passkeys": export.rows(session, passkeys),
        "linked_identities": export.rows(session, linked),
        "memberships": export.rows(session, memberships),
        "member_history": export.rows(session, changes),
        "allowed_apps": export.rows(session, allowed),
        "registered_apps": export.rows(session, registered),
    }


def erase_citizen(session: Session, citizen_id: UUID) -> None:
    """End every session, membership and consent to an app, forget devices, passkeys and links.

    The id stays, also in the history of the organisations, and nobody signs in as it again.
    """
    end_other_sessions(session, citizen_id, but=None)
    end_all_memberships(session, citizen_id)
    decline_all(session, citizen_id)
    session.execute(delete(Passkey).where(Passkey.citizen_id == citizen_id))
    session.execute(delete(LinkedIdentity).where(LinkedIdentity.citizen_id == citizen_id))
    # Consents to apps stay as proof, but no app knows by its own name for the citizen who that was.
    end_grants_of(session, citizen_id)
    session.execute(delete(AppUser).where(AppUser.citizen_id == citizen_id))
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.citizen_id == citizen_id))
    give_up_apps(session, citizen_id)
    mine = SignInSession.citizen_id == citizen_id
    session.execute(delete(RefreshToken).where(RefreshToken.session_id.in_(select(SignInSession.id).where(mine))))
    # Ended sessions stay for a while: their access tokens are refused by them.
    session.execute(update(SignInSession).where(mine).values(device_name=None))
    session.execute(update(Citizen).where(Citizen.id == citizen_id).values(erased_at=clock.now()))
