"""A guide as the public sees it: facts, texts per language, media with their licence, stops, and prepared cards."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Record


class GuideKind(StrEnum):
    """What a guide is about."""

    PLACE = "place"
    ITINERARY = "itinerary"
    EVENT = "event"
    CRAFT_VILLAGE = "craft_village"
    FOOD = "food"
    TIP = "tip"


class HeritageRank(StrEnum):
    """The rank of a relic by the law on cultural heritage, and the world's list above it."""

    WORLD = "world"
    SPECIAL_NATIONAL = "special_national"
    NATIONAL = "national"
    PROVINCIAL = "provincial"


class Publication(StrEnum):
    """Whether a text, in its language, is for the public."""

    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class MediaKind(StrEnum):
    """What a file is."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


class GuideCategory(Base):
    """A node of the category tree; a search for a parent finds its children."""

    __tablename__ = "guide_category"

    code: Mapped[str] = mapped_column(primary_key=True)
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("guide_category.code"))
    name_vi: Mapped[str]
    name_en: Mapped[str]


class Guide(Record):
    """What is true of a guide in every language, as last published.

    `changes` are the instants at which it opens, closes, opens … in order, made from `hours` and good until
    `changes_until_at`: an odd number of them before an instant means open. `change_no` orders all changes of public
    content by the time of their commit; a guide that was withdrawn stays as its own tombstone.
    """

    __tablename__ = "guide"
    __table_args__ = (
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="point_is_whole"),
        CheckConstraint("lat BETWEEN -90 AND 90 AND lon BETWEEN -180 AND 180", name="point_on_earth"),
        CheckConstraint("valid_until_on IS NULL OR valid_until_on >= verified_on", name="valid_after_verified"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("ix_guide_near", "category_code", "lat", "lon", postgresql_where=text("withdrawn_at IS NULL")),
        Index("ix_guide_box", "lat", "lon", postgresql_where=text("withdrawn_at IS NULL")),
        Index("ix_guide_tags", "tags", postgresql_using="gin"),
        Index("ix_guide_commune", "commune_code", postgresql_where=text("withdrawn_at IS NULL")),
        Index("ix_guide_province", "province_code", postgresql_where=text("withdrawn_at IS NULL")),
        Index("ix_guide_change_no", "change_no", unique=True),
        Index("ix_guide_changes_until", "changes_until_at", postgresql_where=text("changes IS NOT NULL")),
    )

    slug: Mapped[str] = mapped_column(unique=True)
    short_code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[GuideKind]
    category_code: Mapped[str] = mapped_column(ForeignKey("guide_category.code"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    heritage_rank: Mapped[HeritageRank | None]
    commune_code: Mapped[str | None]
    province_code: Mapped[str | None]
    address: Mapped[dict[str, Any]]
    lat: Mapped[float | None] = mapped_column(Double)
    lon: Mapped[float | None] = mapped_column(Double)
    coord_precision: Mapped[str | None]
    geometry: Mapped[dict[str, Any] | None]
    hours: Mapped[dict[str, Any] | None]
    changes: Mapped[list[datetime] | None] = mapped_column(ARRAY(DateTime(timezone=True)))
    changes_until_at: Mapped[datetime | None]
    prices: Mapped[list[Any] | None]
    is_free: Mapped[bool | None]
    accessibility: Mapped[dict[str, Any]]
    is_accessible: Mapped[bool | None]
    contacts: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    source: Mapped[str]
    licence: Mapped[str]
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)  # who answers for it
    verified_on: Mapped[date | None]
    valid_until_on: Mapped[date | None]
    withdrawn_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    change_no: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)


class GuideText(Base):
    """A guide's words in one language, with a state of their own."""

    __tablename__ = "guide_text"
    __table_args__ = (
        CheckConstraint("lang ~ '^[a-z]{2,3}$'", name="lang"),
        CheckConstraint("state <> 'published' OR title <> ''", name="published_has_a_title"),
        Index("ix_guide_text_search", "search", postgresql_using="gin"),
    )

    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"), primary_key=True)
    lang: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[Publication]
    title: Mapped[str]
    body: Mapped[dict[str, Any]]  # summary, description, how_to_get_there, when_to_go, tips, safety
    title_fold: Mapped[str]
    search: Mapped[Any | None] = mapped_column(TSVECTOR)
    reviewed_at: Mapped[datetime | None]


class GuideCard(Base):
    """A guide as a list shows it in one language: JSON text prepared at publication, without what changes by itself."""

    __tablename__ = "guide_card"

    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"), primary_key=True)
    lang: Mapped[str] = mapped_column(primary_key=True)
    card: Mapped[str]


class GuideBlob(Base):
    """A file's bytes, known by their SHA-256: the same file is kept once."""

    __tablename__ = "guide_blob"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class GuideMedia(Record):
    """A picture, a recording or a film of a guide. Nothing is public without an author and a licence."""

    __tablename__ = "guide_media"
    __table_args__ = (
        CheckConstraint(
            "state <> 'published' OR (author <> '' AND licence <> '' AND licence IS NOT NULL AND author IS NOT NULL)",
            name="published_has_a_licence",
        ),
        CheckConstraint("bytes_total > 0", name="bytes_total_is_positive"),
        UniqueConstraint("guide_id", "sha256"),
        Index("ix_guide_media_guide", "guide_id", "place"),
    )

    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"))
    kind: Mapped[MediaKind]
    media_type: Mapped[str]
    sha256: Mapped[str] = mapped_column(ForeignKey("guide_blob.sha256"))
    bytes_total: Mapped[int]
    author: Mapped[str | None]
    licence: Mapped[str | None]
    alt: Mapped[dict[str, Any]]  # language -> words for who cannot see it
    transcript: Mapped[dict[str, Any]]  # language -> what is said, for who cannot hear it
    state: Mapped[Publication]
    place: Mapped[int]


class GuideStop(Base):
    """One stop of an itinerary, in order."""

    __tablename__ = "guide_stop"
    __table_args__ = (
        CheckConstraint("stay_minutes >= 0 AND transfer_minutes >= 0", name="minutes"),
        Index("ix_guide_stop_guide", "guide_id"),
    )

    itinerary_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    guide_id: Mapped[UUID] = mapped_column(ForeignKey("guide.id"))
    stay_minutes: Mapped[int]
    transfer_minutes: Mapped[int | None]
    transfer: Mapped[str | None]
    note: Mapped[dict[str, Any]]


class GuideCounter(Base):
    """The number of the last change of public content. Its row is locked by who changes, so numbers follow commits."""

    __tablename__ = "guide_counter"
    __table_args__ = (CheckConstraint("only_one", name="only_one"),)

    only_one: Mapped[bool] = mapped_column(primary_key=True)
    last_no: Mapped[int]
