"""All queries and rules of the room: reading units, resolving what citizens write, importing the official files."""

from divisions.operations.importing import Tick, import_areas, import_batch, import_changes, import_units, seed
from divisions.operations.reading import (
    communes_of,
    find_communes,
    get_commune,
    list_areas,
    list_communes,
    list_former_places,
    list_provinces,
    province_of,
)
from divisions.operations.resolving import Candidate, OldCommune, Resolution, resolve, resolve_code, resolve_text

__all__ = [
    "Candidate",
    "OldCommune",
    "Resolution",
    "Tick",
    "communes_of",
    "find_communes",
    "get_commune",
    "import_areas",
    "import_batch",
    "import_changes",
    "import_units",
    "list_areas",
    "list_communes",
    "list_former_places",
    "list_provinces",
    "province_of",
    "resolve",
    "resolve_code",
    "resolve_text",
    "seed",
]
