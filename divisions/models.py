"""The tables of the room: units with their days, what became of old communes, and the product's areas."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base


class UnitLevel(StrEnum):
    """The two tiers of local government."""

    PROVINCE = "province"
    COMMUNE = "commune"


class UnitType(StrEnum):
    """What a unit calls itself: tỉnh, thành phố; xã, phường, thị trấn, đặc khu."""

    PROVINCE = "province"
    CITY = "city"
    COMMUNE = "commune"
    WARD = "ward"
    TOWNSHIP = "township"
    SPECIAL_ZONE = "special_zone"


class ChangeKind(StrEnum):
    """How much of the old commune went into the new one."""

    WHOLE = "whole"
    PART = "part"


class Unit(Base):
    """A province or commune during the days it had this code, name and type.

    Codes were used again (24 was Bắc Giang and is Bắc Ninh), so nothing is keyed by a code without a day. Both days
    are included in the span; `valid_to` is None while it lasts. `name_fold` is what searches match, `sort_key` what
    lists are ordered by: its byte order is the order of the Vietnamese dictionary.
    """

    __tablename__ = "unit"
    __table_args__ = (
        CheckConstraint("valid_to >= valid_from", name="days"),
        CheckConstraint("code ~ CASE level WHEN 'province' THEN '^[0-9]{2}$' ELSE '^[0-9]{5}$' END", name="code"),
        CheckConstraint("(level = 'province') = (parent_code IS NULL)", name="parent"),
        # A code means one thing on one day. Ranges of numbers stand in for equality, which GiST has no operator for
        # without an extension; the offset keeps province 24 and commune 00024 apart.
        ExcludeConstraint(
            (text("int8range(code::bigint + CASE level WHEN 'province' THEN 0 ELSE 1000000 END, "
                  "code::bigint + CASE level WHEN 'province' THEN 0 ELSE 1000000 END, '[]')"), "&&"),
            (text("daterange(valid_from, valid_to, '[]')"), "&&"),
            name="ex_unit_one_meaning_a_day",
        ),
        Index("ix_unit_level_parent_code_sort_key", "level", "parent_code", "sort_key", "code"),
        Index("ix_unit_level_sort_key", "level", "sort_key", "code"),
        # The operator class lets LIKE 'dong t%' use the index whatever the collation of the database is.
        Index("ix_unit_level_name_fold", "level", "name_fold", postgresql_ops={"name_fold": "text_pattern_ops"}),
    )  # fmt: skip

    code: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[UnitLevel] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_to: Mapped[date | None]
    name: Mapped[str]
    full_name: Mapped[str]
    name_en: Mapped[str]
    type: Mapped[UnitType]
    parent_code: Mapped[str | None]
    source: Mapped[str]
    name_fold: Mapped[str]
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))


class UnitChange(Base):
    """One old commune went, whole or in part, into one new commune on a day: the first day of the new state.

    An old commune that was divided has several rows. Two communes bear the same old code in a few rows of the office's
    table, so the old name belongs to the row and not to the code.
    """

    __tablename__ = "unit_change"
    __table_args__ = (
        Index("ix_unit_change_old_name_fold", "old_name_fold", postgresql_ops={"old_name_fold": "text_pattern_ops"}),
    )

    old_code: Mapped[str] = mapped_column(primary_key=True)
    new_code: Mapped[str] = mapped_column(primary_key=True)
    changed_on: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[ChangeKind]
    old_name: Mapped[str]
    old_type: Mapped[UnitType | None]
    old_district: Mapped[str]
    old_province_code: Mapped[str]
    old_name_fold: Mapped[str]
    source: Mapped[str]


class Area(Base):
    """One of the places the product serves, by a slug of our own: it outlives the code and the name of its province."""

    __tablename__ = "area"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name_vi: Mapped[str]
    name_en: Mapped[str]
    province_code: Mapped[str]
    former_province_codes: Mapped[list[Any]]
