"""The doors of clinics: one file a noun, one blueprint; and one more for those who speak FHIR."""

from services.health.fhir.codes import FHIR_JSON
from services.health.fhir.outcome import outcome as fhir_outcome
from services.health.views import (
    bookings,
    deposits,
    desk,
    directory,
    draws,
    fhir,
    fhir_appointments,
    fhir_feed,
    holds,
    schedules,
    waiting,
)
from services.health.views.door import blueprint
from services.health.views.fhir_door import BELOW as FHIR_BELOW, blueprint as fhir_blueprint

__all__ = [
    "FHIR_BELOW",
    "FHIR_JSON",
    "blueprint",
    "bookings",
    "deposits",
    "desk",
    "directory",
    "draws",
    "fhir",
    "fhir_appointments",
    "fhir_blueprint",
    "fhir_feed",
    "fhir_outcome",
    "holds",
    "schedules",
    "waiting",
]
