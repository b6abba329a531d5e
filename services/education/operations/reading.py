"""Reading schools: one, a page, near a point, in a box, side by side, and what became of those that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, TextClause, cast, func, literal_column, select, text
from sqlalchemy.orm import Session

from kit import clock
from kit.errors import NotFound
from services.education.errors import PointOutsideVietnam, TooManyToCompare
from services.education.geometry import EARTH_RADIUS_M, Box, box_around, is_in_vietnam
from services.education.models import School, SchoolFeed, SchoolRevision
from services.education.operations.cards import Card, Filters

MOST_COMPARED = 4
MOST_POINTS = 500  # a map shows one by one; beyond, neighbours become a cluster
MOST_NEAR = 20
FARTHEST_M = 50_000
_CELLS = 24  # of a side of the box, when schools are clustered
_MOST_MERGERS = 20

_PAGE = """
SELECT s.card, s.standard_until, s.sort_key, s.id FROM school s
WHERE s.is_listed {filters} {after} ORDER BY s.sort_key, s.id LIMIT :limit
"""
# The index knows neighbours on a flat map, where a degree is as long in any direction. The farthest of the first few
# by that measure, in true metres, bounds the circle in which all that are truly nearest must lie.
_NEAR = f"""
WITH first AS (
  SELECT s.lat, s.lon FROM school s WHERE s.is_listed {{filters}} AND point(s.lon, s.lat) <@ {{box}}
  ORDER BY point(s.lon, s.lat) <-> point(:lon, :lat) LIMIT :limit
), reach AS (
  SELECT least(:metres, max({{distance_of_first}})) AS metres FROM first
), around AS (
  SELECT degrees(metres / {EARTH_RADIUS_M}) AS up, degrees(metres / {EARTH_RADIUS_M}) / cos(radians(:lat)) AS aside,
    metres FROM reach
), measured AS (
  SELECT s.card, s.standard_until, s.id, {{distance}} AS distance_m
  FROM around a, school s
  WHERE s.is_listed {{filters}}
    AND point(s.lon, s.lat) <@ box(point(:lon - a.aside, :lat - a.up), point(:lon + a.aside, :lat + a.up))
)
SELECT m.card, m.standard_until, m.distance_m FROM measured m, reach r
WHERE m.distance_m <= r.metres + 0.001 ORDER BY m.distance_m, m.id LIMIT :limit
"""  # noqa: S608 - only our own pieces are put together
_BOX = "box(point(:west, :south), point(:east, :north))"
_IN_BOX = """
SELECT s.card, s.standard_until, s.lat, s.lon FROM school s
WHERE s.is_listed {filters} AND point(s.lon, s.lat) <@ box(point(:west, :south), point(:east, :north))
ORDER BY s.sort_key, s.id LIMIT :limit
"""
_COUNT_IN_BOX = """
SELECT count(*) FROM school s
WHERE s.is_listed {filters} AND point(s.lon, s.lat) <@ box(point(:west, :south), point(:east, :north))
"""
_CLUSTERS = """
SELECT count(*) AS schools, avg(s.lat) AS lat, avg(s.lon) AS lon, min(s.lon) AS west, min(s.lat) AS south,
  max(s.lon) AS east, max(s.lat) AS north
FROM school s
WHERE s.is_listed {filters} AND point(s.lon, s.lat) <@ box(point(:west, :south), point(:east, :north))
GROUP BY floor((s.lon - :west) / :wide), floor((s.lat - :south) / :high)
ORDER BY schools DESC, lon, lat
"""
_statements: dict[tuple[str, str], TextClause] = {}


@dataclass(frozen=True)
class SchoolNow:
    """A school with everything that is known; `facts` as the API tells them."""

    row: Row[Any]

    @property
    def version(self) -> tuple[Any, ...]:
        """What an ETag of it is made of: the day matters, because a standard may expire over night."""
        return self.row.id, self.row.version, self.row.commune_name, self.row.province_name, clock.today()

    def told(self) -> dict[str, Any]:
        """The school as the API tells it."""
        return tell(self.row) | {"national_standard": tell_standard(self.row.facts["national_standard"])}


@dataclass(frozen=True)
class Map:
    """Schools in a box, or clusters of them where they are more than 500."""

    schools: Sequence[Row[Any]]
    clusters: Sequence[Row[Any]]


_WHOLE = (
    School.id, School.facts, School.version, School.changed_at, School.province_code, School.province_name,
    School.commune_code, School.commune_name, School.is_listed, School.successor_id, School.card, School.standard_until,
)  # fmt: skip


def tell(row: Row[Any]) -> dict[str, Any]:
    """What a phone stores of a school: the facts, and where it lies."""
    return {
        "id": str(row.id),
        **row.facts,
        "commune_code": row.commune_code,
        "commune_name": row.commune_name,
        "province_code": row.province_code,
        "province_name": row.province_name,
        "version": row.version,
    }


def tell_standard(standard: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The national standard, and whether it has expired by today."""
    if standard is None:
        return None
    return {**standard, "is_expired": standard["valid_to"] < clock.today().isoformat()}


def get_school(session: Session, school_id: UUID) -> SchoolNow:
    """The school of this id, whatever became of it; raises NotFound."""
    row = session.execute(select(*_WHOLE).where(School.id == school_id)).one_or_none()
    if row is None:
        raise NotFound
    return SchoolNow(row)


def find_heir(session: Session, school_id: UUID) -> UUID | None:
    """The open school that a closed one became, over several mergers; None when it led nowhere, or is open itself."""
    heirs: list[UUID] = [school_id]
    for _ in range(_MOST_MERGERS):
        found = session.execute(
            select(School.successor_id, School.is_listed).where(School.id == heirs[-1])
        ).one_or_none()
        if found is None or found.is_listed or found.successor_id is None or found.successor_id in heirs:
            return heirs[-1] if found is not None and found.is_listed and len(heirs) > 1 else None
        heirs.append(found.successor_id)
    return None


def list_schools(
    session: Session, filters: Filters, *, after: tuple[str, UUID] | None, limit: int
) -> tuple[list[Card], tuple[str, UUID] | None]:
    """A page of open schools in Vietnamese alphabetical order, and where the next one begins."""
    conditions, values = filters.as_sql()
    begin = "AND (s.sort_key, s.id) > (:after_key, :after_id)" if after else ""
    if after:
        values |= {"after_key": after[0], "after_id": after[1]}
    rows = session.execute(_filled(_PAGE, conditions, after=begin), values | {"limit": limit + 1}).all()
    cards = [Card(row.card, row.standard_until) for row in rows[:limit]]
    return cards, (rows[limit - 1].sort_key, rows[limit - 1].id) if len(rows) > limit else None


def list_nearby(session: Session, lat: float, lon: float, filters: Filters, *, metres: int, limit: int) -> list[Card]:
    """The nearest open schools within `metres`, nearest first, by great-circle distance.

    Raises PointOutsideVietnam.
    """
    if not is_in_vietnam(lat, lon):
        raise PointOutsideVietnam
    conditions, values = filters.as_sql()
    box = box_around(lat, lon, metres)
    rows = session.execute(
        _filled(_NEAR, conditions, box=_BOX, distance=_distance("s"), distance_of_first=_distance("first")),
        values | vars(box) | {"lat": lat, "lon": lon, "metres": metres, "limit": limit},
    )
    return [Card(row.card, row.standard_until, row.distance_m) for row in rows]


def map_schools(session: Session, box: Box, filters: Filters) -> Map:
    """The open schools in a box, or how they cluster when they are more than 500."""
    conditions, values = filters.as_sql()
    values |= vars(box)
    count = session.execute(_filled(_COUNT_IN_BOX, conditions), values).scalar_one()
    if count <= MOST_POINTS:
        rows = session.execute(_filled(_IN_BOX, conditions), values | {"limit": MOST_POINTS}).all()
        return Map(rows, ())
    cell = {
        "wide": max((box.east - box.west) / _CELLS, 1e-9),
        "high": max((box.north - box.south) / _CELLS, 1e-9),
    }
    return Map((), session.execute(_filled(_CLUSTERS, conditions), values | cell).all())


def compare_schools(session: Session, ids: Sequence[UUID]) -> list[SchoolNow]:
    """Up to four schools, in the order asked for; raises TooManyToCompare, NotFound."""
    if len(ids) > MOST_COMPARED:
        raise TooManyToCompare
    rows = {row.id: row for row in session.execute(select(*_WHOLE).where(School.id.in_(ids)))}
    if not set(ids) <= set(rows):
        raise NotFound
    return [SchoolNow(rows[school_id]) for school_id in dict.fromkeys(ids)]


def get_content_version(session: Session) -> tuple[object, ...]:
    """Something that differs whenever an answer about schools may: their changes so far, and the day.

    The numbers of transactions stand in it, too: a database that was emptied or restored counts from the beginning.
    """
    last_writer = func.max(cast(literal_column("xmin::text"), BigInteger))
    return (*session.execute(select(func.sum(SchoolFeed.seq), last_writer)).one(), clock.today())


def list_revisions(session: Session, school_id: UUID) -> Sequence[SchoolRevision]:
    """Every change of a school that took effect, the newest first; at most five hundred."""
    return session.scalars(
        select(SchoolRevision)
        .where(SchoolRevision.school_id == school_id)
        .order_by(SchoolRevision.version.desc())
        .limit(500)
    ).all()


def _distance(table: str) -> str:
    return (
        f"2 * {EARTH_RADIUS_M} * asin(sqrt(power(sin(radians({table}.lat - :lat) / 2), 2)"
        f" + cos(radians(:lat)) * cos(radians({table}.lat)) * power(sin(radians({table}.lon - :lon) / 2), 2)))"
    )


def _filled(statement: str, filters: str, **pieces: str) -> TextClause:
    filled = statement.format(filters=filters, **({"after": ""} | pieces)) if "{" in statement else statement
    key = (statement, filled)
    if key not in _statements:
        _statements[key] = text(filled)
    return _statements[key]
