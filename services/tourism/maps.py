"""Simple maps as SVG, drawn from coordinates alone: they are ours, small, and work without a signal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from services.tourism import geometry

_WIDTH, _HEIGHT, _MARGIN = 640, 420, 46
_LONGEST_NAME = 34
_NICE = (1, 2, 5)


@dataclass(frozen=True)
class Mark:
    """A named point of a map; `is_main` marks the guide itself."""

    lat: float
    lon: float
    name: str
    is_main: bool = False


class _Frame:
    """From degrees to picture units: one scale in both directions at the middle latitude."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        box = geometry.box_of(points, margin=400.0)
        self.lat, self.lon = (box.south + box.north) / 2, (box.west + box.east) / 2
        self._squeeze = math.cos(math.radians(self.lat))
        across = max((box.east - box.west) * self._squeeze, 1e-6)
        up = max(box.north - box.south, 1e-6)
        self._scale = min((_WIDTH - 2 * _MARGIN) / across, (_HEIGHT - 2 * _MARGIN) / up)

    def at(self, lat: float, lon: float) -> tuple[float, float]:
        """Where a point stands in the picture."""
        x = _WIDTH / 2 + (lon - self.lon) * self._squeeze * self._scale
        return round(x, 1), round(_HEIGHT / 2 - (lat - self.lat) * self._scale, 1)

    @property
    def metres_per_unit(self) -> float:
        """How many metres one picture unit is."""
        return geometry.EARTH_METRES * math.pi / 180 / self._scale


def draw(title: str, marks: Sequence[Mark], lines: Sequence[Sequence[tuple[float, float]]], note: str) -> str:
    """An SVG picture with a title for screen readers, a scale, an arrow to the north and numbered marks."""
    points = [(mark.lat, mark.lon) for mark in marks] + [point for line in lines for point in line]
    frame = _Frame(points)
    drawn = [_line([frame.at(*point) for point in line]) for line in lines]
    drawn += [_mark(number, mark, *frame.at(mark.lat, mark.lon)) for number, mark in enumerate(marks, 1)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="13">'
        f"<title>{_xml(title)}</title><desc>{_xml(note)}</desc>"
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#f4f1e8"/>'
        + "".join(drawn)
        + _north()
        + _scale_bar(frame.metres_per_unit)
        + f'<text x="12" y="{_HEIGHT - 10}" font-size="10" fill="#5a5a5a">{_xml(note)}</text></svg>'
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    told = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{told}" fill="none" stroke="#2a6f97" stroke-width="2.5" stroke-dasharray="7 4"/>'


def _mark(number: int, mark: Mark, x: float, y: float) -> str:
    name = mark.name if len(mark.name) <= _LONGEST_NAME else mark.name[: _LONGEST_NAME - 1] + "…"
    anchor, beside = ("start", x + 12) if x < _WIDTH * 0.62 else ("end", x - 12)
    fill = "#a4161a" if mark.is_main else "#2a6f97"
    return (
        f'<circle cx="{x}" cy="{y}" r="8" fill="{fill}"/>'
        f'<text x="{x}" y="{y + 4}" text-anchor="middle" font-size="10" fill="#fff">{number}</text>'
        f'<text x="{beside:.1f}" y="{y + 4}" text-anchor="{anchor}" fill="#14213d">{_xml(name)}</text>'
    )


def _north() -> str:
    x = _WIDTH - 26
    return (
        f'<path d="M{x} 38 L{x} 14 M{x - 6} 22 L{x} 12 L{x + 6} 22" fill="none" stroke="#14213d" stroke-width="2"/>'
        f'<text x="{x}" y="52" text-anchor="middle">B/N</text>'
    )


def _scale_bar(metres_per_unit: float) -> str:
    longest = metres_per_unit * _WIDTH / 4
    power = 10 ** math.floor(math.log10(longest))
    length = max(step * power for step in _NICE if step * power <= longest)
    units = length / metres_per_unit
    told = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"  # noqa: PLR2004 - metres in a kilometre
    x, y = _WIDTH - 16, _HEIGHT - 16
    return (
        f'<path d="M{x - units:.1f} {y} H{x}" stroke="#14213d" stroke-width="3"/>'
        f'<text x="{x}" y="{y - 6}" text-anchor="end">{told}</text>'
    )


def _xml(words: str) -> str:
    return escape("".join(char for char in words if char >= " "))
