"""The doors of sign-in: one file a noun, one blueprint."""

from auth.views import (
    clients,
    identities,
    invitations,
    machines,
    me,
    members,
    organisations,
    passkeys,
    phones,
    sessions,
)
from auth.views.door import blueprint

__all__ = [
    "blueprint",
    "clients",
    "identities",
    "invitations",
    "machines",
    "me",
    "members",
    "organisations",
    "passkeys",
    "phones",
    "sessions",
]
