"""Rounds of admission with their quotas, and catchment zones."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record
from services.education.models.directory import Level


class Channel(StrEnum):
    """How papers are handed in."""

    ONLINE = "online"
    IN_PERSON = "in_person"
    PRIVATE = "private"


class AdmissionRound(Record):
    """When children of an age may apply, and where: in a province, a commune, or at one school.

    A child is as old as the difference of calendar years: `age_from` 6 is grade 1.
    """

    __tablename__ = "admission_round"
    __table_args__ = (
        CheckConstraint("opens_at < closes_at", name="opens_before_it_closes"),
        CheckConstraint("age_from BETWEEN 0 AND age_to AND age_to <= 20", name="ages"),
        CheckConstraint("school_id IS NULL OR commune_code IS NULL", name="one_scope"),
        Index("ix_admission_round_province", "province_code", "closes_at"),
        Index("ix_admission_round_school", "school_id", postgresql_where=text("school_id IS NOT NULL")),
    )

    province_code: Mapped[str]
    commune_code: Mapped[str | None]
    school_id: Mapped[UUID | None] = mapped_column(ForeignKey("school.id"))
    school_year: Mapped[int]  # 2026 is 2026-2027
    level: Mapped[Level]
    grade: Mapped[int | None]
    age_from: Mapped[int]
    age_to: Mapped[int]
    channel: Mapped[Channel]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    result_on: Mapped[date | None]
    papers: Mapped[list[Any]]
    criteria: Mapped[list[Any]]
    source: Mapped[str]
    source_on: Mapped[date]
    is_example: Mapped[bool] = mapped_column(default=False)
    withdrawn_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    dates_version: Mapped[int] = mapped_column(default=1)  # moves only with the dates: reminders are given anew then


class AdmissionQuota(Base):
    """How many children a school takes in a round."""

    __tablename__ = "admission_quota"
    __table_args__ = (CheckConstraint("classes >= 0 AND seats >= 0 AND supplementary_seats >= 0", name="not_negative"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("admission_round.id", ondelete="CASCADE"), primary_key=True)
    school_id: Mapped[UUID] = mapped_column(ForeignKey("school.id"), primary_key=True, index=True)
    classes: Mapped[int | None]
    seats: Mapped[int]
    supplementary_seats: Mapped[int] = mapped_column(default=0)


class ZoneKind(StrEnum):
    """How a catchment zone is drawn."""

    POLYGON = "polygon"
    STREET = "street"
    COMMUNE = "commune"


class Parity(StrEnum):
    """Which side of the street."""

    BOTH = "both"
    ODD = "odd"
    EVEN = "even"


class CatchmentZone(Record):
    """Where a school takes its children from, for one level and one school year; shown once it is published."""

    __tablename__ = "catchment_zone"
    __table_args__ = (
        CheckConstraint("(kind = 'polygon') = (geometry IS NOT NULL)", name="polygon_has_a_shape"),
        CheckConstraint("(kind = 'polygon') = (commune_code IS NULL)", name="other_kinds_name_a_commune"),
        CheckConstraint("(kind = 'street') = (street_folded IS NOT NULL)", name="street_has_a_name"),
        CheckConstraint("number_from <= number_to", name="numbers_rise"),
        Index(
            "ix_catchment_zone_box",
            text("box(point(west, south), point(east, north))"),
            postgresql_using="gist",
            postgresql_where=text("kind = 'polygon'"),
        ),
        Index("ix_catchment_zone_commune", "commune_code", postgresql_where=text("commune_code IS NOT NULL")),
        Index("ix_catchment_zone_school", "school_id", "school_year", "level"),
    )

    school_id: Mapped[UUID] = mapped_column(ForeignKey("school.id"))
    level: Mapped[Level]
    school_year: Mapped[int]
    kind: Mapped[ZoneKind]
    name: Mapped[str]
    priority: Mapped[int] = mapped_column(default=1)
    geometry: Mapped[dict[str, Any] | None]
    west: Mapped[float | None] = mapped_column(Double)
    south: Mapped[float | None] = mapped_column(Double)
    east: Mapped[float | None] = mapped_column(Double)
    north: Mapped[float | None] = mapped_column(Double)
    commune_code: Mapped[str | None]
    street: Mapped[str | None]
    street_folded: Mapped[str | None]
    number_from: Mapped[int | None]
    number_to: Mapped[int | None]
    parity: Mapped[Parity | None]
    source: Mapped[str]
    source_on: Mapped[date]
    proposal_id: Mapped[UUID | None] = mapped_column(ForeignKey("school_proposal.id"), index=True)
    published_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]
