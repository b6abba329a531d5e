"""The doors of guides: one file a noun, one blueprint, and the light pages behind the codes at the gates."""

from services.tourism.views import editing, formats, guides, packs, pages, tickets, upkeep, visiting
from services.tourism.views.door import KEPT, KEPT_OPERATIONS, blueprint

__all__ = [
    "KEPT",
    "KEPT_OPERATIONS",
    "blueprint",
    "editing",
    "formats",
    "guides",
    "packs",
    "pages",
    "tickets",
    "upkeep",
    "visiting",
]
