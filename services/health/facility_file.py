"""Reads files of facilities: our own list of clinics, and the nationwide list drawn from OpenStreetMap."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kit.text import clean, fold
from services.health.models import Ownership, Speciality

OPENSTREETMAP = "© OpenStreetMap contributors"
_OURS = {"name_vi", "area", "lat", "lon", "commune_code", "commune", "province"}
_NATIONWIDE = {"name", "type", "newWard", "newProvince", "address", "phone", "mapsUrl"}
_POINT = re.compile(r"query=(-?\d+(?:\.\d+)?),\s*(-?\d+(?:\.\d+)?)")
_LONGEST = 300
_OWNERS = {"public": Ownership.PUBLIC, "private": Ownership.PRIVATE}
_MILITARY = ("quan y", "quan doan", "quan khu")
_PUBLIC = ("trung tam y te", "da khoa tinh", "da khoa huyen", "tram y te")
# Words as they are written, because without diacritics the eye (mắt) is the face (mặt) as well.
_WORDS: tuple[tuple[str, Speciality], ...] = (
    ("răng hàm mặt", Speciality.TEETH),
    ("nha khoa", Speciality.TEETH),
    ("mắt", Speciality.EYES),
    ("nhi", Speciality.CHILDREN),
    ("sản", Speciality.WOMEN),
    ("phụ sản", Speciality.WOMEN),
    ("y học cổ truyền", Speciality.TRADITIONAL),
    ("đông y", Speciality.TRADITIONAL),
    ("ung bướu", Speciality.CANCER),
    ("tâm thần", Speciality.MENTAL),
    ("phổi", Speciality.LUNGS),
    ("lao", Speciality.LUNGS),
    ("da liễu", Speciality.SKIN),
    ("phục hồi chức năng", Speciality.REHABILITATION),
    ("điều dưỡng", Speciality.REHABILITATION),
    ("tim", Speciality.HEART),
    ("tai mũi họng", Speciality.EAR_NOSE_THROAT),
    ("chấn thương", Speciality.BONES),
    ("chỉnh hình", Speciality.BONES),
    ("đa khoa", Speciality.GENERAL),
    ("trung tâm y tế", Speciality.GENERAL),
    ("quân y", Speciality.GENERAL),
    ("y dược", Speciality.GENERAL),
)


class UnreadableFacilities(Exception):
    """The file as a whole is not a list of facilities we know how to read."""


@dataclass(frozen=True)
class FacilityLine:
    """One facility as its file tells it; `commune_code` where the file knows it, else names to look it up by."""

    line: int
    name: str
    ownership: Ownership
    specialities: tuple[Speciality, ...]
    address: str | None
    commune_code: str | None
    commune: str | None
    province: str | None
    latitude: float | None
    longitude: float | None
    phones: tuple[str, ...]
    website: str | None
    source: str
    former_places: tuple[str, ...] = field(default=())

    @property
    def key(self) -> str:
        """What makes it the same facility in the next reading of the same file: its name and where it stands."""
        if self.latitude is None or self.longitude is None:
            where = fold(self.address or self.province or "")
        else:
            where = f"{self.latitude:.4f},{self.longitude:.4f}"
        return f"{fold(self.name)}|{where}"


@dataclass(frozen=True)
class RefusedLine:
    """A line that names no facility, and why."""

    line: int
    reason: str


def read(content: bytes, *, name: str) -> Iterator[FacilityLine | RefusedLine]:
    """The facilities of a CSV file in either of the two forms. Raises UnreadableFacilities."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UnreadableFacilities(f"{name} is not UTF-8") from exc
    rows = csv.DictReader(io.StringIO(text, newline=""))
    heading = set(rows.fieldnames or ())
    if heading >= _OURS:
        reader = _ours
    elif heading >= _NATIONWIDE:
        reader = _nationwide
    else:
        raise UnreadableFacilities(f"{name} has neither the columns of a list of clinics nor of the nationwide list")
    return (
        reader(number, {key: _cell(value) for key, value in row.items() if key}, name)
        for number, row in enumerate(rows, 2)
    )


def specialities_of(name: str) -> tuple[Speciality, ...]:
    """What a facility's name says it is good at."""
    words = f" {re.sub(r'[-–,.]', ' ', clean(name).lower())} "
    words = re.sub(r"\s+", " ", words).replace("răng hàm mặt", "răng_hàm_mặt")
    found = [kind for word, kind in _WORDS if f" {word.replace('răng hàm mặt', 'răng_hàm_mặt')} " in words]
    return tuple(dict.fromkeys(found))


def _ours(line: int, row: dict[str, str], name: str) -> FacilityLine | RefusedLine:
    if not row["name_vi"]:
        return RefusedLine(line, "no_name")
    point = _point(row["lat"], row["lon"])
    if point is None:
        return RefusedLine(line, "bad_point")
    return FacilityLine(
        line=line,
        name=row["name_vi"],
        ownership=_owner(row["name_vi"], ""),
        specialities=specialities_of(row["name_vi"]),
        address=None,
        commune_code=row["commune_code"] or None,
        commune=row["commune"] or None,
        province=row["province"] or None,
        latitude=point[0],
        longitude=point[1],
        phones=(),
        website=None,
        source=name,
        former_places=tuple(
            dict.fromkeys(filter(None, (row.get("district_before_2025_07"), row.get("province_before_2025_07"))))
        ),
    )


def _nationwide(line: int, row: dict[str, str], name: str) -> FacilityLine | RefusedLine:
    if not row["name"]:
        return RefusedLine(line, "no_name")
    found = _POINT.search(row["mapsUrl"])
    point = _point(found[1], found[2]) if found else None
    return FacilityLine(
        line=line,
        name=row["name"],
        ownership=_owner(row["name"], row["type"]),
        specialities=specialities_of(row["name"]),
        address=row["address"] or None,
        commune_code=None,
        commune=row["newWard"] or None,
        province=row["newProvince"] or None,
        latitude=point[0] if point else None,
        longitude=point[1] if point else None,
        phones=tuple(filter(None, (part.strip() for part in re.split(r"[;,/]", row["phone"]))))[:5],
        website=row.get("website") or None,
        source=name,
        former_places=tuple(dict.fromkeys(filter(None, (row.get("oldDistrict"), row.get("oldProvince"))))),
    )


def _owner(name: str, told: str) -> Ownership:
    folded = fold(name)
    if any(word in folded for word in _MILITARY):
        return Ownership.MILITARY
    if told in _OWNERS:
        return _OWNERS[told]
    return Ownership.PUBLIC if any(word in folded for word in _PUBLIC) else Ownership.UNKNOWN


def _point(latitude: str, longitude: str) -> tuple[float, float] | None:
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        return None
    # Vietnam with its islands; anything else is a slip of the keyboard.
    return (north, east) if 6 <= north <= 24 and 101 <= east <= 118 else None  # noqa: PLR2004 - degrees


def _cell(value: str | None) -> str:
    return " ".join(clean(value or "").split())[:_LONGEST]
