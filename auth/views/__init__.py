"""The doors of sign-in: one file a noun, one blueprint."""

from auth.views import identities, machines, me, passkeys, phones, sessions
from auth.views.door import blueprint

__all__ = ["blueprint", "identities", "machines", "me", "passkeys", "phones", "sessions"]
