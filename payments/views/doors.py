"""The blueprint of the room: what it answers under /v1/payments."""

from __future__ import annotations

from kit.web import Blueprint

blueprint = Blueprint("payments", __name__, url_prefix="/v1/payments", description="Payments and their timeline.")
