"""One guide with all that belongs to it, the change feed with its tombstones, and the category tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import InstrumentedAttribute, Session

from auth.organisation_models import Organisation, OrganisationKind
from kit import clock
from kit.errors import NotFound
from kit.pages import Page, page
from services.tourism import cards, opening
from services.tourism.models import (
    Guide,
    GuideAlert,
    GuideBlob,
    GuideCategory,
    GuideKind,
    GuideMedia,
    GuideStop,
    Publication,
)
from services.tourism.operations.finding import moving_of
from services.tourism.operations.publishing import FACTS, published_texts

_Columns = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class Stop:
    """One stop of an itinerary with the guide it leads to."""

    facts: dict[str, Any]
    texts: dict[str, dict[str, str | None]]
    place: int
    stay_minutes: int
    transfer_minutes: int | None
    transfer: str | None
    note: dict[str, str]


@dataclass(frozen=True)
class Whole:
    """A published guide: facts, words by language, files, and stops where it is an itinerary."""

    facts: dict[str, Any]
    texts: dict[str, dict[str, str | None]]
    media: Sequence[_Columns]
    stops: Sequence[Stop]

    def told(self, lang: str) -> dict[str, Any]:
        """The guide in a language, without what changes by itself."""
        return {
            **cards.full(self.facts, self.texts, lang),
            "changed_at": self.facts["changed_at"],
            "media": [_media(one, lang) for one in self.media],
            "stops": [_stop(one, lang) for one in self.stops],
        }


def list_categories(session: Session) -> Sequence[_Columns]:
    """Every category, by code."""
    return session.execute(
        select(GuideCategory.code, GuideCategory.parent_code, GuideCategory.name_vi, GuideCategory.name_en).order_by(
            GuideCategory.code
        )
    ).all()


def get_guide(session: Session, guide_id: UUID, lang: str) -> dict[str, Any]:
    """A published guide in a language with what is true right now. Raises NotFound."""
    whole = read_whole(session, guide_id)
    return whole.told(lang) | state_of(session, whole.facts, lang)


def get_guide_of_code(session: Session, short_code: str, lang: str) -> dict[str, Any]:
    """The guide whose code is printed at a gate. Raises NotFound."""
    guide_id = session.execute(
        select(Guide.id).where(Guide.short_code == short_code.strip().lower(), Guide.withdrawn_at.is_(None))
    ).scalar_one_or_none()
    if guide_id is None:
        raise NotFound
    return get_guide(session, guide_id, lang)


def state_of(session: Session, facts: dict[str, Any], lang: str) -> dict[str, Any]:
    """Open or not, until when, and what warns of it: reckoned from the rules themselves."""
    now = clock.now()
    told = None if facts["hours"] is None else opening.state_at(opening.read(facts["hours"]), now)
    alerts = alerts_on(session, [facts])
    advisory = advisory_of(alerts[0], lang) if alerts else None
    passed = None if told is None else int(told.is_open)
    verified = facts["valid_until_on"]
    return {
        **moving_of(passed, None if told is None else told.next_change_at, advisory),
        "advisories": [advisory_of(one, lang) for one in alerts],
        "is_stale": verified is not None and verified < clock.today(),
    }


def advisory_of(alert: GuideAlert, lang: str) -> dict[str, Any]:
    """An alert as a guide shows it."""
    return {
        "id": str(alert.id),
        "kind": str(alert.kind),
        "level": alert.level,
        "closes": alert.closes,
        "reason": alert.reason_vi if lang == cards.HOME else alert.reason_en,
        "until": clock.local(alert.ends_at).isoformat(timespec="milliseconds"),
    }


def alerts_on(session: Session, places: Sequence[Mapping[str, Any]]) -> Sequence[GuideAlert]:
    """Alerts in force on any of some guides, closures and the highest level first."""
    now = clock.now()
    return (
        session.execute(
            select(GuideAlert)
            .where(
                GuideAlert.ended_at.is_(None),
                GuideAlert.starts_at <= now,
                GuideAlert.ends_at > now,
                covers_any(places),
            )
            .order_by(GuideAlert.closes.desc(), GuideAlert.level.desc(), GuideAlert.id)
        )
        .scalars()
        .all()
    )


def is_of_the_province() -> ColumnElement[bool]:
    """Whether an alert was given by the province itself: it covers the guides of everybody."""
    provinces = select(Organisation.id).where(Organisation.kind == OrganisationKind.PROVINCE)
    return GuideAlert.organisation_id.in_(provinces)


def covers_any(places: Sequence[Mapping[str, Any]]) -> ColumnElement[bool]:
    """Whether an alert covers any of some guides, by province, by commune or by name.

    An office's alert covers its own guides alone, whatever area it names.
    """
    by_office: dict[UUID, list[Mapping[str, Any]]] = {}
    for place in places:
        by_office.setdefault(place["organisation_id"], []).append(place)
    own = [and_(GuideAlert.organisation_id == office, _overlaps_any(theirs)) for office, theirs in by_office.items()]
    return or_(and_(is_of_the_province(), _overlaps_any(places)), *own)


def read_whole(session: Session, guide_id: UUID) -> Whole:
    """A published guide with its words, files and stops. Raises NotFound for one that was withdrawn."""
    found = read_wholes(session, Guide.id == guide_id)
    if not found:
        raise NotFound
    return found[0]


def read_wholes(session: Session, *where: ColumnElement[bool]) -> list[Whole]:
    """Published guides under a condition, by id; five statements whatever their number."""
    rows = session.execute(select(*FACTS).where(Guide.withdrawn_at.is_(None), *where).order_by(Guide.id)).mappings()
    facts = {row["id"]: dict(row) for row in rows}
    ids = list(facts)
    media: dict[UUID, list[_Columns]] = {}
    for file in session.execute(_media_of(ids)):
        media.setdefault(file.guide_id, []).append(file)
    links = _links_of(session, [one for one in ids if facts[one]["kind"] is GuideKind.ITINERARY])
    led_to = {link.guide_id for link in links} - set(ids)
    others = session.execute(select(*FACTS).where(Guide.id.in_(led_to))).mappings() if led_to else ()
    stopped = facts | {row["id"]: dict(row) for row in others}
    texts = published_texts(session, list(stopped))
    stops: dict[UUID, list[Stop]] = {}
    for link in links:
        place = stopped[link.guide_id]
        # A stop whose guide was withdrawn is left out: nobody is sent to what is no longer told.
        if place["withdrawn_at"] is None:
            stops.setdefault(link.itinerary_id, []).append(
                Stop(
                    facts=place,
                    texts=texts[link.guide_id],
                    place=link.place,
                    stay_minutes=link.stay_minutes,
                    transfer_minutes=link.transfer_minutes,
                    transfer=link.transfer,
                    note=link.note,
                )
            )
    return [Whole(facts[one], texts[one], media.get(one, []), stops.get(one, [])) for one in ids]


def list_changes(session: Session, *, since: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """What has changed after a number, in order, tombstones included; and the number to ask with next time."""
    rows = session.execute(
        select(Guide.id, Guide.slug, Guide.kind, Guide.version, Guide.changed_at, Guide.change_no, Guide.withdrawn_at)
        .where(Guide.change_no > since)
        .order_by(Guide.change_no)
        .limit(limit)
    ).all()
    told = [
        {
            "id": row.id,
            "slug": row.slug,
            "kind": row.kind,
            "version": row.version,
            "changed_at": row.changed_at,
            "change": "changed" if row.withdrawn_at is None else "removed",
        }
        for row in rows
    ]
    return told, rows[-1].change_no if rows else since


def get_file(session: Session, media_id: UUID) -> tuple[str, str, bytes]:
    """Type, SHA-256 and bytes of a published file. Raises NotFound."""
    row = session.execute(
        select(GuideMedia.media_type, GuideMedia.sha256, GuideBlob.content)
        .join(GuideBlob, GuideBlob.sha256 == GuideMedia.sha256)
        .where(GuideMedia.id == media_id, GuideMedia.state == Publication.PUBLISHED)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row.media_type, row.sha256, row.content


def list_alerts(session: Session, *, limit: int, cursor: str | None) -> Page:
    """Alerts that are in force or will be, the newest first."""
    query = select(GuideAlert).where(GuideAlert.ended_at.is_(None), GuideAlert.ends_at > clock.now())
    return page(session, query, by=[GuideAlert.id], limit=limit, cursor=cursor, question=("guide-alerts",))


def _overlaps_any(places: Sequence[Mapping[str, Any]]) -> ColumnElement[bool]:
    def overlaps(column: InstrumentedAttribute[Any], key: str) -> ColumnElement[bool]:
        values = sorted({str(one[key]) for one in places if one[key] is not None})
        return column.op("&&", is_comparison=True)(literal(values, ARRAY(TEXT)))

    return or_(
        overlaps(GuideAlert.province_codes, "province_code"),
        overlaps(GuideAlert.commune_codes, "commune_code"),
        overlaps(GuideAlert.guide_ids, "id"),
    )


def _links_of(session: Session, itinerary_ids: Sequence[UUID]) -> Sequence[GuideStop]:
    if not itinerary_ids:
        return []
    query = select(GuideStop).where(GuideStop.itinerary_id.in_(itinerary_ids)).order_by(GuideStop.place)
    return session.execute(query).scalars().all()


def _media_of(ids: Sequence[UUID]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            GuideMedia.id, GuideMedia.guide_id, GuideMedia.kind, GuideMedia.media_type, GuideMedia.sha256,
            GuideMedia.bytes_total, GuideMedia.author, GuideMedia.licence, GuideMedia.alt, GuideMedia.transcript,
        )
        .where(GuideMedia.guide_id.in_(ids), GuideMedia.state == Publication.PUBLISHED)
        .order_by(GuideMedia.place, GuideMedia.id)
    )  # fmt: skip


def _media(row: _Columns, lang: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": str(row.kind),
        "media_type": row.media_type,
        "bytes_total": row.bytes_total,
        "sha256": row.sha256,
        "author": row.author,
        "licence": row.licence,
        "alt": row.alt.get(lang) or row.alt.get(cards.HOME),
        "transcript": row.transcript.get(lang) or row.transcript.get(cards.HOME),
    }


def _stop(stop: Stop, lang: str) -> dict[str, Any]:
    told = cards.tell(stop.texts, lang, ("title", "summary"))
    return {
        "place": stop.place,
        "guide_id": stop.facts["id"],
        "title": told.texts["title"],
        "content_language": told.content_language,
        "lat": stop.facts["lat"],
        "lon": stop.facts["lon"],
        "stay_minutes": stop.stay_minutes,
        "transfer_minutes": stop.transfer_minutes,
        "transfer": stop.transfer,
        "note": stop.note.get(lang) or stop.note.get(cards.HOME),
    }
