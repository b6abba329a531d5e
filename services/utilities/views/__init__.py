"""The doors of bills: find, see and pay them, let them be paid by themselves; and what providers send and read."""

from services.utilities.views import automatic
from services.utilities.views.bills import blueprint

__all__ = ["automatic", "blueprint"]
