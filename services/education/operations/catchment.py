"""Whether a home lies in a school's catchment: said with its source, and with doubt where there is doubt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from kit.errors import NotFound
from kit.text import fold
from services.education.errors import PointOutsideVietnam
from services.education.geometry import (
    Shape,
    box_around,
    contains,
    is_in_vietnam,
    metres_to_border,
)
from services.education.models import CatchmentZone, Parity, ZoneKind

BORDER_M = 100  # nearer to a border than that, a map can't decide
IN_ZONE, BORDERLINE, BY_COMMUNE_ONLY, UNKNOWN = "in_zone", "borderline", "by_commune_only", "unknown"

_COLUMNS = """
z.id, z.school_id, z.kind, z.name, z.priority, z.geometry, z.source, z.source_on, z.number_from, z.number_to, z.parity,
z.published_at, s.name AS school_name
"""
_SHOWN = """
JOIN school s ON s.id = z.school_id AND s.is_listed
WHERE z.level = :level AND z.school_year = :school_year AND z.replaced_at IS NULL
  AND (z.published_at IS NOT NULL OR EXISTS (
    SELECT 1 FROM school_proposal p
    WHERE p.id = z.proposal_id AND p.state = 'proposed' AND p.organisation_id = CAST(:drafts_of AS uuid)))
"""
_AROUND = text(f"""
SELECT {_COLUMNS} FROM catchment_zone z {_SHOWN} AND z.kind = 'polygon'
  AND box(point(z.west, z.south), point(z.east, z.north)) && box(point(:west, :south), point(:east, :north))
ORDER BY z.priority, z.id LIMIT 200
""")  # noqa: S608 - only our own pieces are put together
_OF_COMMUNE = text(f"""
SELECT {_COLUMNS} FROM catchment_zone z {_SHOWN} AND z.commune_code = :commune_code
  AND (z.kind = 'commune' OR (z.kind = 'street' AND z.street_folded = :street))
ORDER BY z.priority, z.id LIMIT 500
""")  # noqa: S608


@dataclass(frozen=True)
class Home:
    """What a parent tells of where they live; it is asked about and then forgotten, never stored."""

    commune_code: str | None = None
    lat: float | None = None
    lon: float | None = None
    street: str | None = None
    number: int | None = None


@dataclass(frozen=True)
class ZoneFound:
    """A zone that speaks about the home, and how: inside or not, and how far its border is, in metres."""

    zone_id: UUID
    school_id: UUID
    school_name: str
    kind: ZoneKind
    name: str
    priority: int
    is_inside: bool
    border_m: int | None
    is_published: bool
    source: str
    source_on: date


@dataclass(frozen=True)
class Catchment:
    """The answer, the zones it rests on, and the newest day of their sources."""

    answer: str
    zones: Sequence[ZoneFound]
    source_on: date | None


def look_up_catchment(
    session: Session, home: Home, *, level: str, school_year: int, drafts_of: UUID | None = None
) -> Catchment:
    """In which schools' catchment a home lies, for a level and a school year.

    `in_zone`: inside one zone and more than 100 m from any border, or in one street range. `borderline`: within 100 m
    of a border, or zones of several schools; every school concerned is named. `by_commune_only`: only a rule for the
    whole commune is known. `unknown`: nothing is. `drafts_of` also asks zones of an office that wait for its approval.
    Raises PointOutsideVietnam.
    """
    around = _around(session, home, level, school_year, drafts_of=drafts_of)
    by_commune = _of_commune(session, home, level, school_year, drafts_of=drafts_of)
    streets = [zone for zone in by_commune if zone.kind is ZoneKind.STREET]
    communes = [zone for zone in by_commune if zone.kind is ZoneKind.COMMUNE]
    exact = [*around, *streets]
    if exact:
        is_sure = all(zone.is_inside and (zone.border_m is None or zone.border_m > BORDER_M) for zone in exact)
        one_school = len({zone.school_id for zone in exact}) == 1
        return _catchment(IN_ZONE if is_sure and one_school else BORDERLINE, exact)
    return _catchment(BY_COMMUNE_ONLY, communes) if communes else _catchment(UNKNOWN, ())


def _around(session: Session, home: Home, level: str, school_year: int, *, drafts_of: UUID | None) -> list[ZoneFound]:
    if home.lat is None or home.lon is None:
        return []
    if not is_in_vietnam(home.lat, home.lon):
        raise PointOutsideVietnam
    box = box_around(home.lat, home.lon, BORDER_M)
    rows = session.execute(_AROUND, vars(box) | {"level": level, "school_year": school_year, "drafts_of": drafts_of})
    return list(_measured(rows, home.lat, home.lon))


def _measured(rows: Iterable[Row[Any]], lat: float, lon: float) -> Iterable[ZoneFound]:
    for row in rows:
        # Checked when it was imported: what is stored has this shape.
        shape = Shape(row.geometry["coordinates"])
        is_inside = contains(shape, lat, lon)
        metres = metres_to_border(shape, lat, lon)
        if is_inside or metres <= BORDER_M:
            yield _zone(row, is_inside=is_inside, border_m=metres)


def _of_commune(
    session: Session, home: Home, level: str, school_year: int, *, drafts_of: UUID | None
) -> list[ZoneFound]:
    if home.commune_code is None:
        return []
    rows = session.execute(
        _OF_COMMUNE,
        {
            "level": level,
            "school_year": school_year,
            "drafts_of": drafts_of,
            "commune_code": home.commune_code,
            "street": street_key(home.street) if home.street else None,
        },
    )
    return [_zone(row, is_inside=True, border_m=None) for row in rows if _takes_number(row, home.number)]


def get_zone(session: Session, zone_id: UUID) -> CatchmentZone:
    """A zone that is shown; raises NotFound, also for drafts and for those that were replaced."""
    found = session.scalar(
        select(CatchmentZone).where(
            CatchmentZone.id == zone_id,
            CatchmentZone.published_at.is_not(None),
            CatchmentZone.replaced_at.is_(None),
        )
    )
    if found is None:
        raise NotFound
    return found


def street_key(street: str) -> str:
    """A street's name as ranges are found by: folded, without the word for street."""
    words = fold(street).replace(".", " ").split()
    while words and words[0] in {"duong", "pho", "d", "so"}:
        words = words[1:]
    return " ".join(words)


def _takes_number(row: Row[Any], number: int | None) -> bool:
    if row.kind != ZoneKind.STREET:
        return True
    if number is None:
        # The whole street belongs to the school only when its range has no bounds.
        return row.number_from is None and row.number_to is None and row.parity in {None, Parity.BOTH}
    if (row.parity == Parity.ODD and number % 2 == 0) or (row.parity == Parity.EVEN and number % 2 == 1):
        return False
    return (row.number_from is None or row.number_from <= number) and (row.number_to is None or number <= row.number_to)


def _zone(row: Row[Any], *, is_inside: bool, border_m: float | None) -> ZoneFound:
    return ZoneFound(
        zone_id=row.id,
        school_id=row.school_id,
        school_name=row.school_name,
        kind=ZoneKind(row.kind),
        name=row.name,
        priority=row.priority,
        is_inside=is_inside,
        # Rounded up: 100.4 m is not within 100 m, and must not be told as if it were.
        border_m=None if border_m is None else math.ceil(border_m),
        is_published=row.published_at is not None,
        source=row.source,
        source_on=row.source_on,
    )


def _catchment(answer: str, zones: Sequence[ZoneFound]) -> Catchment:
    return Catchment(answer, zones, max((zone.source_on for zone in zones), default=None))
