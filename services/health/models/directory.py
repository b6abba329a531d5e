"""The directory: facilities, their departments and services, and who works there."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Float, ForeignKey, Identity, Index, Text, Time, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class FacilityLevel(StrEnum):
    """The three professional levels of Vietnamese care: ban đầu, cơ bản, chuyên sâu."""

    INITIAL = "initial"
    BASIC = "basic"
    SPECIALISED = "specialised"


class Ownership(StrEnum):
    """Who runs a facility."""

    PUBLIC = "public"
    PRIVATE = "private"
    MILITARY = "military"
    UNKNOWN = "unknown"


class Speciality(StrEnum):
    """What people look for; a search word, not a licence."""

    GENERAL = "general"
    CHILDREN = "children"
    WOMEN = "women"
    EYES = "eyes"
    TRADITIONAL = "traditional"
    CANCER = "cancer"
    MENTAL = "mental"
    TEETH = "teeth"
    LUNGS = "lungs"
    SKIN = "skin"
    REHABILITATION = "rehabilitation"
    HEART = "heart"
    EAR_NOSE_THROAT = "ear_nose_throat"
    BONES = "bones"


class Facility(Record):
    """A hospital, health centre or clinic. Nothing is known of it but what `source` says.

    `insurance` is dated information about its health-insurance contract with its source, or None when nobody told us.
    `search_fold` holds its names, former names and place without diacritics.
    """

    __tablename__ = "facility"
    __table_args__ = (
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
        CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="on_earth"),
        Index("ix_facility_sort", "sort_key", "id"),
        Index("ix_facility_commune", "commune_code"),
        Index("ix_facility_province", "province_code", "sort_key", "id"),
        Index("ix_facility_point", "latitude", "longitude"),
        Index("ix_facility_words", text("to_tsvector('simple', search_fold)"), postgresql_using="gin"),
    )

    # Whose staff stand at its front desk; a facility nobody runs here has none.
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id"), unique=True)
    source_key: Mapped[str] = mapped_column(unique=True)  # one row a facility, however often its file is read
    name: Mapped[str]
    name_en: Mapped[str | None]
    former_names: Mapped[list[Any]]
    ownership: Mapped[Ownership]
    level: Mapped[FacilityLevel | None]
    specialities: Mapped[list[Any]]
    address: Mapped[str | None]
    commune_code: Mapped[str | None]
    commune: Mapped[str | None]
    province_code: Mapped[str | None]
    province: Mapped[str | None]
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    phones: Mapped[list[Any]]
    website: Mapped[str | None]
    insurance: Mapped[dict[str, Any] | None]
    always_open: Mapped[bool] = mapped_column(default=False)  # emergencies, day and night
    search_fold: Mapped[str]
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))
    source: Mapped[str]
    attribution: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)


class FacilityHours(Base):
    """When a facility receives people, by weekday (1 is Monday), on Vietnamese clocks."""

    __tablename__ = "facility_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("opens < closes", name="order"),
    )

    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"), primary_key=True)
    weekday: Mapped[int] = mapped_column(primary_key=True)
    opens: Mapped[time] = mapped_column(Time, primary_key=True)
    closes: Mapped[time] = mapped_column(Time)


class Department(Record):
    """A department of a facility."""

    __tablename__ = "department"
    __table_args__ = (UniqueConstraint("facility_id", "code"),)

    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    code: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]


class Service(Record):
    """Something that can be booked at a facility, and the rules of booking it.

    Minutes before the start: `lead_minutes` to book, `cancel_minutes` to cancel. Ages are whole years on the day of the
    visit, both included.
    """

    __tablename__ = "service"
    __table_args__ = (
        UniqueConstraint("facility_id", "code"),
        CheckConstraint("duration_minutes BETWEEN 1 AND 480", name="duration"),
        CheckConstraint("lead_minutes >= 0 AND cancel_minutes >= 0", name="minutes"),
        CheckConstraint("horizon_days BETWEEN 1 AND 120", name="horizon"),
        CheckConstraint("min_age <= max_age", name="ages"),
        CheckConstraint("fee_vnd BETWEEN 1 AND 99999999999", name="fee"),
        CheckConstraint("deposit_vnd BETWEEN 1 AND fee_vnd", name="deposit"),
        Index("ix_service_speciality", "speciality"),
    )

    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"))
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("department.id"))
    code: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    speciality: Mapped[Speciality]
    duration_minutes: Mapped[int]
    lead_minutes: Mapped[int] = mapped_column(default=60)
    horizon_days: Mapped[int] = mapped_column(default=14)
    cancel_minutes: Mapped[int] = mapped_column(default=240)
    min_age: Mapped[int | None]
    max_age: Mapped[int | None]
    needs_referral: Mapped[bool] = mapped_column(default=False)
    fee_vnd: Mapped[int | None]
    deposit_vnd: Mapped[int | None]
    bring_vi: Mapped[str | None]
    bring_en: Mapped[str | None]
    is_open: Mapped[bool] = mapped_column(default=True)


class Practitioner(Record):
    """Who sees patients; `no` stands for the person where PostgreSQL compares ranges."""

    __tablename__ = "practitioner"

    facility_id: Mapped[UUID] = mapped_column(ForeignKey("facility.id"), index=True)
    no: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    name: Mapped[str]
    title: Mapped[str | None]
    role: Mapped[str]
    gender: Mapped[str | None]
    specialities: Mapped[list[Any]]
