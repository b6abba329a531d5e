"""The doors of sessions: carried on, listed, named, ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask.views import MethodView

from auth import operations
from auth.errors import SessionOver
from auth.guard import current_caller, current_citizen, current_session
from auth.models import Assurance, SignInSession
from auth.operations import SignIn
from auth.schemas import EndedSchema, RefreshSchema, SessionNameSchema, SessionSchema, SessionsSchema, SignInSchema
from auth.views.door import SIGN_IN_EXAMPLE, blueprint, unless_refused
from kit.database import transaction
from kit.errors import NotFound, NotSignedIn
from kit.web import etag_of, language, require_match, tag

_SESSION = {
    "id": "019a0c1e-3333-7c00-8000-00000000000d",
    "device_name": "Điện thoại của An",
    "created_at": "2026-11-01T08:00:00.000+07:00",
    "refreshed_at": "2026-11-21T09:00:00.000+07:00",
    "expires_at": "2027-04-30T08:00:00.000+07:00",
    "assurance": "phone",
    "authenticated_at": "2026-11-01T08:00:00.000+07:00",
    "is_current": True,
    "etag": '"5b6f0c9e3d2a41f7b8c0d1e2f3a"',
}


@dataclass(frozen=True)
class _Told:
    """A session as its citizen sees it."""

    id: UUID
    device_name: str | None
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    assurance: Assurance
    authenticated_at: datetime
    is_current: bool
    etag: str


@blueprint.route("/v1/auth/sessions/refresh")
class SessionRefresh(MethodView):
    """A session carried on."""

    @blueprint.arguments(RefreshSchema(), example={"refresh_token": SIGN_IN_EXAMPLE["refresh_token"]})
    @blueprint.response(200, SignInSchema, example=SIGN_IN_EXAMPLE)
    @blueprint.raises(SessionOver)
    @blueprint.doc(operationId="refreshSession")
    def post(self, asked: dict[str, str]) -> SignIn:
        """Trade a refresh token for a new pair of tokens.

        Keep the new refresh token, the old one is spent. When the answer gets lost, send the same token again within
        60 seconds: you get the same successor. A spent token used in any other way ends the session. A session lasts
        30 days without use and 180 days in all.
        """
        with transaction() as session:
            refreshed = operations.refresh_session(session, asked["refresh_token"])
        return unless_refused(refreshed)


@blueprint.route("/v1/auth/sessions/end")
class SessionEnd(MethodView):
    """A session closed."""

    @blueprint.response(204)
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="signOut")
    def post(self) -> None:
        """Sign out on this device.

        Ends the session of the access token. Its refresh token is refused from now on.
        """
        session_id, citizen_id = current_session(), current_citizen()
        with transaction() as session:
            operations.end_session(session, session_id, citizen_id)


@blueprint.route("/v1/me/sessions")
class Sessions(MethodView):
    """Where the citizen is signed in."""

    @blueprint.response(200, SessionsSchema, example={"items": [_SESSION]})
    @blueprint.doc(operationId="listSessions")
    def get(self) -> dict[str, Any]:
        """List the devices I am signed in on (thiết bị đang đăng nhập), the last used first.

        The one that asks is marked `is_current`.
        """
        with transaction() as session:
            return {"items": [_tell(one) for one in operations.list_sessions(session, current_citizen())]}


@blueprint.route("/v1/me/sessions/<uuid:session_id>")
class SessionById(MethodView):
    """One device the citizen is signed in on."""

    @blueprint.response(200, SessionSchema, example=_SESSION)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getSession")
    def get(self, session_id: UUID) -> _Told:
        """See one device I am signed in on.

        The ETag of the answer is needed to rename it or to end its session.
        """
        with transaction() as session:
            found = operations.get_session(session, session_id, current_citizen())
        tag(found.id, found.version)
        return _tell(found)

    @blueprint.conditional
    @blueprint.arguments(SessionNameSchema(), example={"device_name": "Điện thoại của An"})
    @blueprint.response(200, SessionSchema, example=_SESSION)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="renameSession")
    def patch(self, asked: dict[str, str], session_id: UUID) -> _Told:
        """Name a device (đặt tên thiết bị).

        Needs If-Match. The name is for its owner only, at most a line.
        """
        with transaction() as session:
            found = operations.get_session(session, session_id, current_citizen())
            require_match(found.id, found.version)
            renamed = operations.rename_session(session, found, asked["device_name"])
        tag(renamed.id, renamed.version)
        return _tell(renamed)

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="endSession")
    def delete(self, session_id: UUID) -> None:
        """Sign one device out (đăng xuất một thiết bị).

        Its refresh token is refused at once, its access token within ten seconds.
        """
        with transaction() as session:
            found = operations.get_session(session, session_id, current_citizen())
            require_match(found.id, found.version)
            operations.end_session(session, found.id, found.citizen_id, from_elsewhere=True)


@blueprint.route("/v1/me/sessions/end-others")
class OtherSessionsEnd(MethodView):
    """All other devices signed out."""

    @blueprint.response(200, EndedSchema, example={"ended": 2})
    @blueprint.doc(operationId="endAllSessions")
    def post(self) -> dict[str, int]:
        """Sign all other devices out (đăng xuất khỏi mọi thiết bị khác).

        Only the device that asks stays signed in. The others' access tokens are refused within ten seconds.
        """
        with transaction() as session:
            ended = operations.end_other_sessions(session, current_citizen(), but=current_caller().session_id)
        return {"ended": ended}


def _tell(found: SignInSession) -> _Told:
    return _Told(
        id=found.id,
        device_name=found.device_name,
        created_at=found.created_at,
        refreshed_at=found.refreshed_at,
        expires_at=found.expires_at,
        assurance=found.assurance,
        authenticated_at=found.authenticated_at,
        is_current=found.id == current_caller().session_id,
        etag=f'"{etag_of(found.id, found.version, told_in=language())}"',
    )
