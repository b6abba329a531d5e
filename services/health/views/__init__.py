"""The doors of clinics: one file a noun, one blueprint."""

from services.health.views import bookings, desk, directory, holds, schedules, waiting
from services.health.views.door import blueprint

__all__ = ["blueprint", "bookings", "desk", "directory", "holds", "schedules", "waiting"]
