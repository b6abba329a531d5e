"""Every table of the house, for migrations and drift checks."""

from __future__ import annotations

import auth.app_models
import auth.models
import auth.organisation_models
import divisions.models
import kit.idempotency
import kit.sealed
import notifications.models
import payments.models
import persons.models
import services.education.models
import services.health.models
import services.tourism.models
import services.utilities.models
import webhooks.models
from kit.database import Base

METADATA = Base.metadata
ROOMS = (
    kit.idempotency,
    kit.sealed,
    auth.models,
    auth.organisation_models,
    auth.app_models,
    divisions.models,
    persons.models,
    payments.models,
    services.utilities.models,
    services.tourism.models,
    services.health.models,
    webhooks.models,
    services.education.models,
    notifications.models,
)
