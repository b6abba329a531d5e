"""The doors of personal data: one file a noun, one blueprint."""

from persons.views import accesses, consents, household, identity, mandates, requests
from persons.views.door import blueprint

__all__ = ["accesses", "blueprint", "consents", "household", "identity", "mandates", "requests"]
