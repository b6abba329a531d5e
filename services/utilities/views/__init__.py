"""The doors of bills: citizens find and pay them, providers send them and close their books."""

from services.utilities.views import bills, settlement
from services.utilities.views.bills import blueprint

__all__ = ["bills", "blueprint", "settlement"]
