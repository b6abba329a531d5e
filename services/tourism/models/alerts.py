"""What warns of an area, and may close the guides in it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Record


class AlertKind(StrEnum):
    """What an alert is about."""

    STORM = "storm"
    FLOOD = "flood"
    LANDSLIDE = "landslide"
    FIRE = "fire"
    CLOSURE = "closure"
    CROWD = "crowd"


class GuideAlert(Record):
    """A warning for some provinces, communes or guides between two instants; `closes` shuts what it covers."""

    __tablename__ = "guide_alert"
    __table_args__ = (
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
        CheckConstraint("starts_at < ends_at", name="ends_after_it_starts"),
        CheckConstraint(
            "cardinality(province_codes) + cardinality(commune_codes) + cardinality(guide_ids) > 0",
            name="covers_something",
        ),
        Index("ix_guide_alert_ends_at", "ends_at", postgresql_where=text("ended_at IS NULL")),
    )

    kind: Mapped[AlertKind]
    level: Mapped[int]
    closes: Mapped[bool]
    reason_vi: Mapped[str]
    reason_en: Mapped[str]
    source: Mapped[str]
    province_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    commune_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    guide_ids: Mapped[list[Any]] = mapped_column(ARRAY(Text))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # called off before its time
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    author_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(default=1)
