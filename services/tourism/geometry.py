"""Distances and shapes on the globe, as far as guides need them: metres, boxes, lines, checked GeoJSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EARTH_METRES = 6_371_008.8
_METRES_PER_DEGREE = EARTH_METRES * math.pi / 180
_MOST_POSITIONS = 5_000
_SHAPES = {"LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}


class BadShape(ValueError):
    """Geometry that is not GeoJSON on earth; `args` hold a stable slug."""


@dataclass(frozen=True)
class Box:
    """South, west, north, east in degrees; it does not cross the antimeridian."""

    south: float
    west: float
    north: float
    east: float


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """The great-circle distance between two points in metres."""
    phi, other = math.radians(lat), math.radians(other_lat)
    half = (
        math.sin((other - phi) / 2) ** 2
        + math.cos(phi) * math.cos(other) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    )
    return 2 * EARTH_METRES * math.asin(min(1.0, math.sqrt(half)))


def box_around(lat: float, lon: float, radius: float) -> Box:
    """A box that holds every point within `radius` metres of a point."""
    north_south = radius / _METRES_PER_DEGREE
    # Meridians come together towards the poles: reckon with the edge of the box that is nearer to one.
    nearest_pole = min(89.0, abs(lat) + north_south)
    east_west = north_south / math.cos(math.radians(nearest_pole))
    return Box(lat - north_south, lon - east_west, lat + north_south, lon + east_west)


def box_of(points: Sequence[tuple[float, float]], margin: float = 0.0) -> Box:
    """A box around (lat, lon) points, with `margin` metres on each side."""
    lats, lons = [lat for lat, _ in points], [lon for _, lon in points]
    around = box_around(max(lats, key=abs), 0.0, margin) if margin else Box(0, 0, 0, 0)
    north_south, east_west = (around.north - around.south) / 2, (around.east - around.west) / 2
    return Box(min(lats) - north_south, min(lons) - east_west, max(lats) + north_south, max(lons) + east_west)


def metres_to_line(lat: float, lon: float, line: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """How far a point lies from a line of (lat, lon) points, and how far along the line that is, both in metres.

    Reckoned on a plane that touches the globe at the point: right to a few metres for lines of a province.
    """
    scale = math.cos(math.radians(lat))
    flat = [((x - lon) * _METRES_PER_DEGREE * scale, (y - lat) * _METRES_PER_DEGREE) for y, x in line]
    best, best_along, passed = math.inf, 0.0, 0.0
    for (ax, ay), (bx, by) in zip(flat, flat[1:] or flat, strict=False):
        dx, dy = bx - ax, by - ay
        length = math.hypot(dx, dy)
        share = 0.0 if length == 0 else max(0.0, min(1.0, -(ax * dx + ay * dy) / length**2))
        away = math.hypot(ax + share * dx, ay + share * dy)
        if away < best:
            best, best_along = away, passed + share * length
        passed += length
    return best, best_along


def check_shape(shape: Mapping[str, Any]) -> None:
    """Raises BadShape unless `shape` is a line or area of GeoJSON (RFC 7946) with positions on earth."""
    kind = shape.get("type")
    if kind not in _SHAPES or set(shape) != {"type", "coordinates"}:
        raise BadShape("not_an_option")
    positions = list(_positions(shape["coordinates"], _SHAPES[str(kind)]))
    if not positions or len(positions) > _MOST_POSITIONS:
        raise BadShape("length")
    for lon, lat in positions:
        if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):  # noqa: PLR2004
            raise BadShape("out_of_range")


def positions_of(shape: Mapping[str, Any]) -> list[tuple[float, float]]:
    """All (lat, lon) points of a checked shape."""
    return [(lat, lon) for lon, lat in _positions(shape["coordinates"], _SHAPES[shape["type"]])]


def lines_of(shape: Mapping[str, Any]) -> list[list[tuple[float, float]]]:
    """The lines, or the rings, of a checked shape as (lat, lon) points."""

    def unfold(part: Any, depth: int) -> Iterator[list[tuple[float, float]]]:  # noqa: ANN401 - nested lists
        if depth == 1:
            yield [(position[1], position[0]) for position in part]
        else:
            for inner in part:
                yield from unfold(inner, depth - 1)

    return list(unfold(shape["coordinates"], _SHAPES[shape["type"]]))


def _positions(part: Any, depth: int) -> Iterator[tuple[float, float]]:  # noqa: ANN401 - nested lists
    if not isinstance(part, list):
        raise BadShape("not_a_list")
    for inner in part:
        if depth > 1:
            yield from _positions(inner, depth - 1)
        elif (
            isinstance(inner, list)
            and len(inner) == 2  # noqa: PLR2004 - longitude and latitude
            and all(isinstance(one, int | float) and not isinstance(one, bool) for one in inner)
        ):
            yield float(inner[0]), float(inner[1])
        else:
            raise BadShape("not_a_position")
