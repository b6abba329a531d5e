"""All SQL and rules of guides: writing and finding them, packs, alerts, visitors, editors, tickets."""

from services.tourism.operations.drawing import draw_map, export_itinerary
from services.tourism.operations.finding import Asked, Found, find_guides, fold_words, route_of
from services.tourism.operations.publishing import (
    content_version,
    publish,
    refresh_changes,
    save_categories,
    withdraw,
)
from services.tourism.operations.reading import (
    get_file,
    get_guide,
    get_guide_of_code,
    list_alerts,
    list_categories,
    list_changes,
    read_whole,
)

__all__ = [
    "Asked",
    "Found",
    "content_version",
    "draw_map",
    "export_itinerary",
    "find_guides",
    "fold_words",
    "get_file",
    "get_guide",
    "get_guide_of_code",
    "list_alerts",
    "list_categories",
    "list_changes",
    "publish",
    "read_whole",
    "refresh_changes",
    "route_of",
    "save_categories",
    "withdraw",
]
