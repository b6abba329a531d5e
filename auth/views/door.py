"""What the doors of sign-in share: their blueprint, and how a refusal that must last is told."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from flask import request

from auth.guard import current_staff
from auth.organisation_models import OrganisationKind
from kit.errors import DomainError, NotFound
from kit.web import Blueprint, etag_of, language

blueprint = Blueprint(
    "auth",
    __name__,
    url_prefix="",
    description="Sign-in by phone, passkey and national identity; sessions, organisations, systems and signing keys.",
)
apps = Blueprint(
    "apps",
    __name__,
    url_prefix="",
    description="Apps of others: registered, reviewed, allowed by citizens, and their tokens by OAuth 2.1.",
)
SIGN_IN_EXAMPLE: dict[str, Any] = {
    "access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": 300,
    "refresh_token": "wVZ6Qk0m1b0m8e0T2s0C9oYw4y7n3l1xk5u8r2q6p0A",
    "refresh_expires_at": "2026-12-21T09:00:00.000+07:00",
    "citizen_id": "019a0c1e-0000-7c00-8000-00000000000a",
}
STEPPED_UP_EXAMPLE: dict[str, Any] = {
    "access_token": SIGN_IN_EXAMPLE["access_token"],
    "token_type": "Bearer",
    "expires_in": 300,
    "acr": "passkey",
    "auth_time": "2026-11-21T09:00:00.000+07:00",
}
_NOWHERE = "0.0.0.0"  # noqa: S104 - no address: behind a socket, all share one
_Answer = TypeVar("_Answer")


def remote_address() -> str:
    """The network address the current request came from."""
    return request.remote_addr or _NOWHERE


def unless_refused(answer: _Answer | DomainError) -> _Answer:
    """`answer`, unless it is a refusal: that is raised here, after the commit, so that what it cost or ended lasts."""
    if isinstance(answer, DomainError):
        raise answer
    return answer


def looked_after(organisation_id: UUID) -> UUID:
    """The organisation in the path, when the member of staff who asks may look after it.

    That is the one they act for; those who act for the province look after any. Raises NotFound.
    """
    staff = current_staff()
    if organisation_id != staff.organisation_id and staff.kind is not OrganisationKind.PROVINCE:
        raise NotFound
    return organisation_id


def told_etag(*version: object) -> str:
    """The ETag of a resource, for an item of a list."""
    return f'"{etag_of(*version, told_in=language())}"'
