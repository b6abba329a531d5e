"""Maps and GPX of guides, from what the tables hold."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kit.errors import NotFound
from services.tourism import cards, formats, geometry, maps
from services.tourism.maps import Mark
from services.tourism.models import Guide, GuideKind
from services.tourism.operations.publishing import published_texts
from services.tourism.operations.reading import Whole, read_whole

_NEIGHBOURS = 5
_NEIGHBOURHOOD_METRES = 15_000
_NOTE = {
    "vi": "Sơ đồ vẽ từ tọa độ, vị trí gần đúng. B/N: bắc.",
    "en": "Drawn from coordinates; positions are approximate. B/N: north.",
}


def draw_map(session: Session, guide_id: UUID, lang: str) -> str:
    """A guide's map as SVG. Raises NotFound also for a guide that lies nowhere."""
    whole = read_whole(session, guide_id)
    return draw(whole, lang, _neighbours(session, whole.facts, lang))


def draw(whole: Whole, lang: str, neighbours: list[Mark]) -> str:
    """The map of a guide that has been read. Raises NotFound where there is nothing to draw."""
    told = whole.told(lang)
    own = [] if told["lat"] is None else [Mark(told["lat"], told["lon"], told["title"], is_main=True)]
    stops = [Mark(one["lat"], one["lon"], one["title"]) for one in told["stops"] if one["lat"] is not None]
    marks = stops or own + neighbours
    lines = geometry.lines_of(told["geometry"]) if told["geometry"] else []
    if not lines and len(stops) > 1:
        lines = [[(mark.lat, mark.lon) for mark in stops]]
    if not marks and not lines:
        raise NotFound
    return maps.draw(told["title"], marks, lines, _NOTE["vi" if lang == cards.HOME else "en"])


def export_itinerary(session: Session, guide_id: UUID, lang: str) -> str:
    """An itinerary as GPX. Raises NotFound for what is none."""
    whole = read_whole(session, guide_id)
    if whole.facts["kind"] is not GuideKind.ITINERARY:
        raise NotFound
    return gpx_of(whole, lang)


def gpx_of(whole: Whole, lang: str) -> str:
    """The GPX of an itinerary that has been read."""
    shape = whole.facts["geometry"]
    line = geometry.positions_of(shape) if shape and shape["type"] == "LineString" else []
    return formats.gpx(whole.told(lang), line)


def _neighbours(session: Session, facts: dict[str, Any], lang: str) -> list[Mark]:
    if facts["lat"] is None or facts["kind"] is GuideKind.ITINERARY:
        return []
    box = geometry.box_around(facts["lat"], facts["lon"], _NEIGHBOURHOOD_METRES)
    away = func.abs(Guide.lat - facts["lat"]) + func.abs(Guide.lon - facts["lon"])
    near = session.execute(
        select(Guide.id, Guide.lat, Guide.lon)
        .where(
            Guide.withdrawn_at.is_(None),
            Guide.lat.between(box.south, box.north),
            Guide.lon.between(box.west, box.east),
            Guide.id != facts["id"],
            away > 0,
        )
        .order_by(away, Guide.id)
        .limit(_NEIGHBOURS)
    ).all()
    texts = published_texts(session, [row.id for row in near])
    return [Mark(row.lat, row.lon, cards.tell(texts[row.id], lang, ("title",)).texts["title"] or "") for row in near]
