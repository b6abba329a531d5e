"""The doors of bills: citizens find them, pay or let them be paid, providers send them and close their books."""

from services.utilities.views import automatic, changes, onboarding, postings, reports, settlement
from services.utilities.views.bills import blueprint

__all__ = ["automatic", "blueprint", "changes", "onboarding", "postings", "reports", "settlement"]
