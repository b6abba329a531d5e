"""Schools, the names and words they are found by, and the feed of their changes."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record

# Lets LIKE 'kim d%' use an index whatever the collation of the database is; it serves equality as well.
_PREFIXES = "text_pattern_ops"


class SchoolState(StrEnum):
    """Where a school is in its life."""

    PROPOSED = "proposed"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    MERGED = "merged"


class Level(StrEnum):
    """What a school teaches; one school may teach several (liên cấp)."""

    PRIMARY = "primary"
    LOWER_SECONDARY = "lower_secondary"
    UPPER_SECONDARY = "upper_secondary"
    KINDERGARTEN = "kindergarten"
    NURSERY = "nursery"
    CONTINUING = "continuing"


class Ownership(StrEnum):
    """Who runs a school."""

    PUBLIC = "public"
    PEOPLE_FOUNDED = "people_founded"
    PRIVATE = "private"
    FOREIGN = "foreign"


class Programme(StrEnum):
    """What a school offers beside the common programme."""

    HIGH_QUALITY = "high_quality"
    GIFTED = "gifted"
    INTEGRATED = "integrated"
    DAY_BOARDING = "day_boarding"
    BOARDING = "boarding"
    INCLUSIVE = "inclusive"


class School(Record):
    """A school under an id that is never given to another.

    `facts` is all that is known about it, as the API tells it; the other columns are drawn from it so that questions
    have indexes. `card` is the JSON text of its entry in lists, written when the school is. `tags` are what filters
    ask for ("level:primary"), `words` what search matches.
    """

    __tablename__ = "school"
    __table_args__ = (
        CheckConstraint("(state = 'merged') <= (successor_id IS NOT NULL)", name="merged_into_another"),
        CheckConstraint("successor_id <> id", name="not_its_own_successor"),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="whole_point"),
        CheckConstraint("lat BETWEEN 6 AND 24 AND lon BETWEEN 102 AND 118", name="point_in_vietnam"),
        CheckConstraint("closed_on >= opened_on", name="closed_after_it_opened"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("uq_school_moet_code", "moet_code", unique=True, postgresql_where=text("moet_code IS NOT NULL")),
        Index("ix_school_listed", "sort_key", "id", postgresql_where=text("is_listed")),
        Index("ix_school_province", "province_code", "sort_key", "id", postgresql_where=text("is_listed")),
        Index("ix_school_commune", "commune_code", "sort_key", "id", postgresql_where=text("is_listed")),
        Index("ix_school_tags", "tags", postgresql_using="gin", postgresql_where=text("is_listed")),
        Index("ix_school_words", "words", postgresql_using="gin", postgresql_where=text("is_listed")),
        # Core PostgreSQL knows points and their nearest neighbours: boxes and "near me" need no extension.
        Index("ix_school_spot", text("point(lon, lat)"), postgresql_using="gist", postgresql_where=text("is_listed")),
        Index("ix_school_successor", "successor_id", postgresql_where=text("successor_id IS NOT NULL")),
    )

    name: Mapped[str]
    state: Mapped[SchoolState]
    is_listed: Mapped[bool]  # whether lists and search show it: open or closing
    moet_code: Mapped[str | None]
    opened_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    # Checked at the end of a transaction: a file may name the closed school before the one it became.
    successor_id: Mapped[UUID | None] = mapped_column(ForeignKey("school.id", deferrable=True, initially="DEFERRED"))
    province_code: Mapped[str]
    province_name: Mapped[str]
    commune_code: Mapped[str]
    commune_name: Mapped[str]
    standard_until: Mapped[date | None]  # last day of the national standard; shown as expired after it
    lat: Mapped[float | None] = mapped_column(Double)
    lon: Mapped[float | None] = mapped_column(Double)
    level_order: Mapped[int] = mapped_column(SmallInteger)  # of equal names the primary school comes first
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    words: Mapped[Any] = mapped_column(TSVECTOR)
    facts: Mapped[dict[str, Any]]
    card: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]


class SchoolName(Base):
    """A name a school is looked for by: its own, a former one, or that of a school that was merged into it.

    `spelled` keeps letters and tones, wherever the tone mark was typed; `toneless` the letters; `folded` neither.
    """

    __tablename__ = "school_name"
    __table_args__ = (
        ForeignKeyConstraint(["school_id"], ["school.id"], ondelete="CASCADE"),
        Index("ix_school_name_folded", "folded", "level_order", "school_id", postgresql_ops={"folded": _PREFIXES}),
        Index(
            "ix_school_name_province",
            "province_code",
            "folded",
            "level_order",
            "school_id",
            postgresql_ops={"folded": _PREFIXES},
        ),
    )

    school_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    is_former: Mapped[bool]
    # What narrows and orders a search, as in the school: else every namesake in the country had to be looked up.
    province_code: Mapped[str]
    commune_code: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    lat: Mapped[float | None] = mapped_column(Double)
    lon: Mapped[float | None] = mapped_column(Double)
    name: Mapped[str]
    spelled: Mapped[str]
    toneless: Mapped[str]
    folded: Mapped[str]
    level_order: Mapped[int] = mapped_column(SmallInteger)


class SearchWord(Base):
    """A word that some school's search text holds, and how many schools hold it: what a typo is mended to."""

    __tablename__ = "school_word"

    word: Mapped[str] = mapped_column(primary_key=True)
    uses: Mapped[int]


class NearWord(Base):
    """A word with at most one letter left out: two words one typo apart share a variant (symmetric delete)."""

    __tablename__ = "school_near_word"

    variant: Mapped[str] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(ForeignKey("school_word.word", ondelete="CASCADE"), primary_key=True)


class ChangeKind(StrEnum):
    """What a phone does with an entry of the feed."""

    PUT = "put"
    REMOVE = "remove"


class SchoolFeed(Base):
    """How far the changes of a province have come. Writers take turns, so numbers come in commit order.

    Changes up to `forgotten_seq` can't be told any more: tombstones that old have been dropped.
    """

    __tablename__ = "school_feed"

    province_code: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    forgotten_seq: Mapped[int] = mapped_column(default=0)


class SchoolChange(Base):
    """The last thing that happened to a school in a province's feed; an earlier one need not be told."""

    __tablename__ = "school_change"
    __table_args__ = (Index("uq_school_change_seq", "province_code", "seq", unique=True),)

    province_code: Mapped[str] = mapped_column(ForeignKey("school_feed.province_code"), primary_key=True)
    school_id: Mapped[UUID] = mapped_column(ForeignKey("school.id"), primary_key=True)
    seq: Mapped[int]
    kind: Mapped[ChangeKind]
    changed_at: Mapped[datetime]


class SchoolSnapshot(Record):
    """All schools of a province as one compressed file; never changed, known by the hash of what is in it."""

    __tablename__ = "school_snapshot"
    __table_args__ = (UniqueConstraint("province_code", "seq"),)

    province_code: Mapped[str]
    seq: Mapped[int]
    schools: Mapped[int]
    sha256: Mapped[str]
    bytes_plain: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
