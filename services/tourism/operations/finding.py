"""Finding guides: one statement per question, read as prepared cards and joined to bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from kit import clock
from kit.errors import NotFound
from kit.pages import read_cursor, write_cursor
from kit.text import fold
from services.tourism import geometry
from services.tourism.operations.publishing import search_words

DEFAULT_RADIUS = 5_000.0
_MOST_ALONG = 5_000  # guides near a route that are looked at
_LONGEST_WORDS = 8

_ALERTS = """a.ended_at IS NULL AND a.starts_at <= :now AND a.ends_at > :now
        AND (g.province_code = ANY(a.province_codes) OR g.commune_code = ANY(a.commune_codes)
             OR g.id::text = ANY(a.guide_ids))
        AND (a.organisation_id = g.organisation_id
             OR a.organisation_id IN (SELECT o.id FROM organisation o WHERE o.kind = 'province'))"""
_PASSED = "CASE WHEN g.changes_until_at > :now THEN width_bucket(CAST(:now AS timestamptz), g.changes) END"
_SHUT = f"EXISTS (SELECT 1 FROM guide_alert a WHERE a.closes AND {_ALERTS})"  # noqa: S608 - pieces of our own
_DISTANCE = """2 * 6371008.8 * asin(least(1, sqrt(
        sin(radians(g.lat - :lat) / 2) ^ 2
        + cos(radians(CAST(:lat AS float8))) * cos(radians(g.lat)) * sin(radians(g.lon - :lon) / 2) ^ 2)))"""
_TREE = """g.category_code = ANY(ARRAY(
        WITH RECURSIVE tree AS (SELECT CAST(:category AS text) AS code UNION ALL
            SELECT c.code FROM guide_category c JOIN tree t ON c.parent_code = t.code)
        SELECT code FROM tree))"""
_RANK = """(SELECT max(ts_rank(t.search, CAST(:words AS tsquery))
            + CASE WHEN t.title_fold = :folded THEN 2 WHEN t.title_fold LIKE :prefix THEN 1 ELSE 0 END)
        FROM guide_text t WHERE t.guide_id = g.id AND t.state = 'published')::float8"""
# Filter -> its condition, in the order of the indexes they like.
_CONDITIONS = {
    "category": _TREE,
    "kind": "g.kind = :kind",
    "radius": "g.lat BETWEEN :south AND :north AND g.lon BETWEEN :west AND :east",
    "bbox": "g.lat BETWEEN :box_south AND :box_north AND g.lon BETWEEN :box_west AND :box_east",
    "commune_code": "g.commune_code = :commune_code",
    "province_code": "g.province_code = :province_code",
    "heritage_rank": "g.heritage_rank = :heritage_rank",
    "tags_all": "g.tags @> CAST(:tags AS text[])",
    "tags_any": "g.tags && CAST(:tags AS text[])",
    "free": "g.is_free = :free",
    "accessible": "g.is_accessible = :accessible",
    "open_now": f"({_PASSED}) % 2 = 1 AND NOT {_SHUT}",
    "closed_now": f"(({_PASSED}) % 2 = 0 OR {_SHUT})",
    "in_language": "EXISTS (SELECT 1 FROM guide_text t WHERE t.guide_id = g.id AND t.lang = :in_language"
    " AND t.state = 'published')",
    "updated_since": "g.changed_at >= :updated_since",
    "q": "g.id IN (SELECT t.guide_id FROM guide_text t WHERE t.state = 'published'"
    " AND t.search @@ CAST(:words AS tsquery))",
}


@dataclass(frozen=True)
class Asked:
    """A question for guides, as the view has read it. Without a `near`, `along` or `q` guides come in no rank."""

    lang: str
    filters: Mapping[str, Any]
    near: tuple[float, float] | None = None
    radius: float = DEFAULT_RADIUS
    along: UUID | None = None
    within: float = 2_000.0
    q: str | None = None
    fields: frozenset[str] = frozenset()
    limit: int = 20
    cursor: str | None = None

    @property
    def question(self) -> tuple[Any, ...]:
        """What a cursor is bound to."""
        return (
            "guides",
            self.lang,
            sorted(self.filters.items()),
            self.near,
            self.radius,
            self.along,
            self.within,
            self.q,
        )


@dataclass(frozen=True)
class Found:
    """A page of guides: each a JSON object as text, and the cursor of those that follow."""

    items: list[str]
    next: str | None
    points: list[tuple[float, float] | None] = field(default_factory=list)

    def as_bytes(self) -> bytes:
        """The body of a page, ready to be sent."""
        end = "" if self.next is None else f',"next":{orjson.dumps(self.next).decode()}'
        return f'{{"items":[{",".join(self.items)}]{end}}}'.encode()


def find_guides(session: Session, asked: Asked) -> Found:
    """Published guides that fit every filter, best first: nearest, earliest along the route, or of the highest rank.

    Raises NotFound for a route that is no itinerary, MalformedRequest for a cursor of another question.
    """
    if asked.along is not None:
        return _along(session, asked)
    kinds: dict[str, Any] = {"now": clock.now(), "lang": asked.lang, "limit": asked.limit + 1}
    names, measure = _prepare(asked, kinds)
    if asked.cursor is not None:
        values = read_cursor(asked.cursor, asked.question, [float, UUID] if measure else [UUID])
        kinds |= {"after_id": values[-1]} | ({"after": values[0]} if measure else {})
    statement = _statement(names, measure, is_after=asked.cursor is not None, is_house=asked.lang in {"vi", "en"})
    rows = session.execute(statement, kinds).all()
    following = None
    if len(rows) > asked.limit:
        last = rows[asked.limit - 1]
        following = write_cursor(asked.question, [last.measure, last.id] if measure else [last.id])
    shown = rows[: asked.limit]
    is_near = asked.near is not None
    return Found([_item(row, asked, row.measure if is_near else None) for row in shown], following, _points(shown))


def plan_of(session: Session, asked: Asked) -> list[str]:
    """How PostgreSQL answers a question, line by line, with the time it takes: for tests and measurements."""
    values: dict[str, Any] = {"now": clock.now(), "lang": asked.lang, "limit": asked.limit + 1}
    names, measure = _prepare(asked, values)
    statement = _statement(names, measure, is_after=False, is_house=asked.lang in {"vi", "en"})
    return [row[0] for row in session.execute(text(f"EXPLAIN (ANALYZE) {statement.text}"), values)]


def fold_words(q: str) -> str:
    """A search as the core's query: every word by its beginning, marks and signs gone; empty when no word is left."""
    return " & ".join(f"'{word}':*" for word in search_words(q)[:_LONGEST_WORDS])


def _prepare(asked: Asked, values: dict[str, Any]) -> tuple[tuple[str, ...], str | None]:
    """The names of the conditions and what the guides are ordered by; what they need is put into `values`."""
    names = []
    measure = None
    for name, value in asked.filters.items():
        if name == "bbox":
            values |= {f"box_{side}": getattr(value, side) for side in ("south", "west", "north", "east")}
        elif name in {"tags_all", "tags_any"}:
            values["tags"] = list(value)
        elif name != "open_now":
            values[name] = value
        names.append("closed_now" if name == "open_now" and not value else name)
    if asked.q is not None:
        folded = fold(asked.q)
        values |= {"words": fold_words(asked.q), "folded": folded, "prefix": _like(folded)}
        names.append("q")
        measure = "rank"
    if asked.near is not None:
        lat, lon = asked.near
        box = geometry.box_around(lat, lon, asked.radius)
        values |= {"lat": lat, "lon": lon, "radius": asked.radius, **vars(box)}
        names.append("radius")
        measure = "distance"
    return tuple(names), measure


@lru_cache(maxsize=1024)
def _statement(names: tuple[str, ...], measure: str | None, *, is_after: bool, is_house: bool) -> TextClause:
    """The statement of a kind of question, made once: first the ids, then the cards of the few that are shown."""
    where = ["g.withdrawn_at IS NULL", *(_CONDITIONS[name] for name in sorted(set(names), key=_place))]
    # The best rank is the highest number, the best distance the lowest: both are read upwards.
    ordered = {"rank": f"-({_RANK})", "distance": _DISTANCE, None: "0::float8"}[measure]
    outer = ["TRUE"]
    if measure == "distance":
        outer.append("measure <= :radius")
    if is_after:
        outer.append("(measure, id) > (:after, :after_id)" if measure else "id > :after_id")
    order = "measure, id" if measure else "id"
    return text(f"""
        SELECT g.id, g.measure, g.lat, g.lon, c.card, {_PASSED} AS passed,
               g.changes[({_PASSED}) + 1] AS next_change_at, {_advisory()} AS advisory
        FROM (SELECT * FROM (SELECT g.id, g.lat, g.lon, g.changes, g.changes_until_at, g.province_code, g.commune_code,
                                    g.organisation_id, {ordered} AS measure
                             FROM guide g WHERE {" AND ".join(where)}) f
              WHERE {" AND ".join(outer)} ORDER BY {order} LIMIT :limit) g
        {_card_join(is_house=is_house)}
        ORDER BY {order.replace("id", "g.id")}""")  # noqa: S608 - pieces of our own, values are bound


def _card_join(*, is_house: bool) -> str:
    if is_house:
        return "JOIN guide_card c ON c.guide_id = g.id AND c.lang = :lang"
    # Who reads another language gets the guide in it where it has it, and in English where not.
    return """JOIN LATERAL (SELECT k.card FROM guide_card k WHERE k.guide_id = g.id AND k.lang IN (:lang, 'en')
              ORDER BY k.lang = :lang DESC LIMIT 1) c ON TRUE"""


def _advisory() -> str:
    return f"""(SELECT json_build_object('id', a.id, 'kind', a.kind, 'level', a.level, 'closes', a.closes,
            'reason', CASE WHEN :lang = 'vi' THEN a.reason_vi ELSE a.reason_en END, 'until', a.ends_at)
        FROM guide_alert a WHERE {_ALERTS} ORDER BY a.closes DESC, a.level DESC, a.id LIMIT 1)"""  # noqa: S608


def _place(name: str) -> int:
    return list(_CONDITIONS).index(name)


def _item(row: Any, asked: Asked, distance: float | None) -> str:  # noqa: ANN401 - a row of named columns
    """One guide of a list: its card, with what changes by itself put before the closing brace."""
    moving = moving_of(row.passed, row.next_change_at, row.advisory)
    if distance is not None:
        moving["distance_m"] = round(distance)
    whole = f"{row.card[:-1]},{orjson.dumps(moving).decode()[1:]}"
    if not asked.fields:
        return whole
    chosen = orjson.loads(whole)
    return orjson.dumps({name: value for name, value in chosen.items() if name in asked.fields}).decode()


def moving_of(passed: int | None, next_change_at: datetime | None, advisory: dict[str, Any] | None) -> dict[str, Any]:
    """What is true of a guide right now: open or not, until when, and what warns of it."""
    is_open = None if passed is None else passed % 2 == 1
    is_shut = advisory is not None and bool(advisory["closes"])
    until = None if advisory is None else clock.local(_instant(advisory["until"]))
    change = None if next_change_at is None else clock.local(next_change_at)
    if is_shut and (change is None or (until is not None and until > change)):
        change = until
    return {
        "open_now": False if is_shut else is_open,
        "next_change_at": None if change is None else change.isoformat(timespec="milliseconds"),
        "temporarily_closed": is_shut,
        "advisory": None
        if advisory is None or until is None
        else {**advisory, "until": until.isoformat(timespec="milliseconds")},
    }


def _instant(told: datetime | str) -> datetime:
    return told if isinstance(told, datetime) else datetime.fromisoformat(told)


def _points(rows: Sequence[Any]) -> list[tuple[float, float] | None]:
    return [None if row.lat is None else (row.lat, row.lon) for row in rows]


def _like(folded: str) -> str:
    return folded.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"


# -- along a route -----------------------------------------------------------------------------------------------------


def _along(session: Session, asked: Asked) -> Found:
    """Guides within some metres of an itinerary, in the order in which a traveller comes by."""
    line = route_of(session, asked.along)
    box = geometry.box_of(line, asked.within)
    filters = dict(asked.filters)
    values: dict[str, Any] = {"now": clock.now(), "lang": asked.lang, "limit": _MOST_ALONG}
    names, _measure = _prepare(Asked(asked.lang, filters | {"radius": None}, q=asked.q), values)
    values |= vars(box)
    statement = _statement(names, None, is_after=False, is_house=asked.lang in {"vi", "en"})
    placed = []
    for row in session.execute(statement, values):
        away, along = geometry.metres_to_line(row.lat, row.lon, line)
        if away <= asked.within:
            placed.append((along, row.id, away, row))
    placed.sort(key=lambda one: one[:2])
    if asked.cursor is not None:
        after = read_cursor(asked.cursor, asked.question, [float, UUID])
        placed = [one for one in placed if one[:2] > after]
    shown = placed[: asked.limit]
    following = write_cursor(asked.question, list(shown[-1][:2])) if len(placed) > asked.limit else None
    items = [_item(row, asked, away) for _along_m, _id, away, row in shown]
    return Found(items, following, _points([one[3] for one in shown]))


def route_of(session: Session, itinerary_id: UUID | None) -> list[tuple[float, float]]:
    """The (lat, lon) points of an itinerary: its own line, or its stops in order. Raises NotFound where it has none."""
    own = session.execute(
        text("SELECT geometry FROM guide WHERE id = :id AND kind = 'itinerary' AND withdrawn_at IS NULL"),
        {"id": itinerary_id},
    ).one_or_none()
    if own is None:
        raise NotFound
    if own.geometry is not None:
        return geometry.positions_of(own.geometry)
    stops = session.execute(
        text("""SELECT g.lat, g.lon FROM guide_stop s JOIN guide g ON g.id = s.guide_id
                WHERE s.itinerary_id = :id AND g.lat IS NOT NULL ORDER BY s.place"""),
        {"id": itinerary_id},
    ).all()
    if not stops:
        raise NotFound
    return [(row.lat, row.lon) for row in stops]
