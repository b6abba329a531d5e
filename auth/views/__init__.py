"""The doors of sign-in: one file a noun, one blueprint; a second one for apps of others, and the page they send to."""

from auth.views import (
    allowed_apps,
    app_reviews,
    apps,
    clients,
    identities,
    invitations,
    machines,
    me,
    members,
    oauth,
    organisations,
    passkeys,
    phones,
    sessions,
)
from auth.views.authorize import pages
from auth.views.door import apps as apps_blueprint, blueprint

__all__ = [
    "allowed_apps",
    "app_reviews",
    "apps",
    "apps_blueprint",
    "blueprint",
    "clients",
    "identities",
    "invitations",
    "machines",
    "me",
    "members",
    "oauth",
    "organisations",
    "pages",
    "passkeys",
    "phones",
    "sessions",
]
