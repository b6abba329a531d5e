"""What the doors of personal data share."""

from __future__ import annotations

from kit.web import Blueprint, etag_of, language

blueprint = Blueprint(
    "persons",
    __name__,
    url_prefix="/v1/me",
    description="The citizen's own data, household, mandates, consents, and who looked at what.",
)


def told_etag(*version: object) -> str:
    """The ETag of a resource, for an item of a list."""
    return f'"{etag_of(*version, told_in=language())}"'
