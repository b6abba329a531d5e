"""The doors of clinics: one file a noun, one blueprint."""

from services.health.views import bookings, deposits, desk, directory, holds, schedules, waiting
from services.health.views.door import blueprint

__all__ = ["blueprint", "bookings", "deposits", "desk", "directory", "holds", "schedules", "waiting"]
