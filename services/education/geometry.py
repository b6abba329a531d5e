"""Points and shapes on the ground of Vietnam: distances in metres, boxes, polygons with holes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

EARTH_RADIUS_M = 6_371_008.8
METRES_PER_DEGREE = math.radians(1) * EARTH_RADIUS_M
# Mainland, islands and the two archipelagos; 0,0 and swapped coordinates lie far outside.
SOUTH, NORTH, WEST, EAST = 6.0, 24.0, 102.0, 118.0
MOST_POINTS = 2_000  # of a zone: more is a coastline, not the border of a catchment
_FEWEST_POINTS = 4  # of a ring; the last repeats the first

Ring = Sequence[tuple[float, float]]  # (lon, lat), the last point repeats the first
Polygon = Sequence[Ring]  # the first ring is the border, the others are holes


class ShapeRefused(ValueError):
    """The geometry can't be a zone; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Box:
    """A rectangle of degrees."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True)
class Shape:
    """One or several polygons that together are a zone."""

    polygons: Sequence[Polygon]

    @property
    def box(self) -> Box:
        """The smallest rectangle around the shape."""
        points = [point for polygon in self.polygons for point in polygon[0]]
        return Box(
            min(lon for lon, _ in points),
            min(lat for _, lat in points),
            max(lon for lon, _ in points),
            max(lat for _, lat in points),
        )


def is_in_vietnam(lat: float, lon: float) -> bool:
    """Whether a point can be a place in Vietnam."""
    return SOUTH <= lat <= NORTH and WEST <= lon <= EAST


def box_around(lat: float, lon: float, metres: float) -> Box:
    """The rectangle that holds everything within `metres` of a point."""
    up = metres / METRES_PER_DEGREE
    aside = up / math.cos(math.radians(lat))
    return Box(lon - aside, lat - up, lon + aside, lat + up)


def read_shape(geometry: Any) -> Shape:  # noqa: ANN401 - JSON of others
    """The shape of a GeoJSON geometry (RFC 7946: longitude first); raises ShapeRefused.

    Refused are other types than Polygon and MultiPolygon, open or crossing rings, holes outside of their border,
    points outside of Vietnam, and more than 2,000 points.
    """
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if kind not in {"Polygon", "MultiPolygon"}:
        raise ShapeRefused("not_a_polygon")
    given = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(given, list) or not given:
        raise ShapeRefused("no_coordinates")
    polygons = [_polygon(polygon) for polygon in given]
    if sum(len(ring) for polygon in polygons for ring in polygon) > MOST_POINTS:
        raise ShapeRefused("too_many_points")
    for polygon in polygons:
        _check_crossings(polygon)
    return Shape(polygons)


def as_geometry(shape: Shape) -> dict[str, Any]:
    """The shape as GeoJSON, with six decimals: about a decimetre."""
    return {
        "type": "MultiPolygon",
        "coordinates": [
            [[[round(lon, 6), round(lat, 6)] for lon, lat in ring] for ring in polygon] for polygon in shape.polygons
        ],
    }


def contains(shape: Shape, lat: float, lon: float) -> bool:
    """Whether the point lies inside the shape, and in none of its holes."""
    return any(
        _in_ring(polygon[0], lat, lon) and not any(_in_ring(hole, lat, lon) for hole in polygon[1:])
        for polygon in shape.polygons
    )


def metres_to_border(shape: Shape, lat: float, lon: float) -> float:
    """How far the point is from the nearest border, that of a hole included.

    Measured on a plane through the point: exact to less than a thousandth within some kilometres.
    """
    wide = METRES_PER_DEGREE * math.cos(math.radians(lat))
    return min(
        _to_segment(
            (a[0] - lon) * wide,
            (a[1] - lat) * METRES_PER_DEGREE,
            (b[0] - lon) * wide,
            (b[1] - lat) * METRES_PER_DEGREE,
        )
        for polygon in shape.polygons
        for ring in polygon
        for a, b in _segments(ring)
    )


def _polygon(given: Any) -> Polygon:  # noqa: ANN401 - JSON of others
    if not isinstance(given, list) or not given:
        raise ShapeRefused("no_coordinates")
    rings = [_ring(ring) for ring in given]
    if any(not _in_ring(rings[0], lat, lon) for hole in rings[1:] for lon, lat in hole[:1]):
        raise ShapeRefused("hole_outside")
    return rings


def _ring(given: Any) -> Ring:  # noqa: ANN401 - JSON of others
    if not isinstance(given, list):
        raise ShapeRefused("no_coordinates")
    if len(given) > MOST_POINTS:
        raise ShapeRefused("too_many_points")
    ring = [_point(point) for point in given]
    if len(ring) < _FEWEST_POINTS or ring[0] != ring[-1]:
        raise ShapeRefused("ring_not_closed")
    return ring


def _point(given: Any) -> tuple[float, float]:  # noqa: ANN401 - JSON of others
    is_pair = isinstance(given, list) and len(given) in {2, 3}
    if not is_pair or any(isinstance(part, bool) or not isinstance(part, int | float) for part in given):
        raise ShapeRefused("not_a_point")
    lon, lat = float(given[0]), float(given[1])
    if not is_in_vietnam(lat, lon):
        raise ShapeRefused("point_outside_vietnam")
    return lon, lat


def _check_crossings(polygon: Polygon) -> None:
    segments = [
        (number, place, len(ring) - 1, a, b)
        for number, ring in enumerate(polygon)
        for place, (a, b) in enumerate(_segments(ring))
    ]
    # Sorted by their western end, only segments that overlap from west to east are compared.
    segments.sort(key=lambda one: min(one[3][0], one[4][0]))
    for index, (ring, place, count, a, b) in enumerate(segments):
        east = max(a[0], b[0])
        for other_ring, other_place, _, c, d in segments[index + 1 :]:
            if min(c[0], d[0]) > east:
                break
            is_neighbour = ring == other_ring and (place - other_place) % count in {1, count - 1}
            if not is_neighbour and _cross(a, b, c, d):
                raise ShapeRefused("ring_crosses_itself")


def _cross(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> bool:
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _segments(ring: Ring) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    return pairwise(ring)


def _in_ring(ring: Ring, lat: float, lon: float) -> bool:
    inside = False
    for (x1, y1), (x2, y2) in _segments(ring):
        if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def _to_segment(x1: float, y1: float, x2: float, y2: float) -> float:
    """From the origin to a segment."""
    dx, dy = x2 - x1, y2 - y1
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else max(0.0, min(1.0, -(x1 * dx + y1 * dy) / length))
    return math.hypot(x1 + share * dx, y1 + share * dy)
