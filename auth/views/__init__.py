"""The doors of sign-in: one file a noun, one blueprint."""

from auth.views import machines, me, passkeys, phones, sessions
from auth.views.door import blueprint

__all__ = ["blueprint", "machines", "me", "passkeys", "phones", "sessions"]
