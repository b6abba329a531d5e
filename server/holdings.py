"""What each room holds about citizens; a room whose tables name a citizen must stand here."""

from __future__ import annotations

from collections.abc import Mapping

import auth.operations.personal
import notifications.operations
import payments.operations.personal
import persons.operations.requests
import services.education.operations.personal
import services.health.operations.personal
import services.tourism.operations.personal
import services.utilities.operations.personal
from persons.holdings import Holding

HOLDINGS: Mapping[str, Holding] = {
    "persons": Holding(
        tables=persons.operations.requests.TABLES,
        export=persons.operations.requests.export_citizen,
        erase=persons.operations.requests.erase_citizen,
    ),
    "auth": Holding(
        tables=auth.operations.personal.TABLES,
        export=auth.operations.personal.export_citizen,
        erase=auth.operations.personal.erase_citizen,
    ),
    "utilities": Holding(
        tables=services.utilities.operations.personal.TABLES,
        export=services.utilities.operations.personal.export_citizen,
        erase=services.utilities.operations.personal.erase_citizen,
    ),
    "education": Holding(
        tables=services.education.operations.personal.TABLES,
        export=services.education.operations.personal.export_citizen,
        erase=services.education.operations.personal.erase_citizen,
    ),
    "tourism": Holding(
        tables=services.tourism.operations.personal.TABLES,
        export=services.tourism.operations.personal.export_citizen,
        erase=services.tourism.operations.personal.erase_citizen,
    ),
    "health": Holding(
        tables=services.health.operations.personal.TABLES,
        export=services.health.operations.personal.export_citizen,
        erase=services.health.operations.personal.erase_citizen,
    ),
    "payments": Holding(
        tables=payments.operations.personal.TABLES,
        export=payments.operations.personal.export_citizen,
        erase=payments.operations.personal.erase_citizen,
        obstacle=payments.operations.personal.find_obstacle,
    ),
    "notifications": Holding(
        tables=notifications.operations.TABLES,
        export=notifications.operations.export_citizen,
        erase=notifications.operations.erase_citizen,
    ),
}
