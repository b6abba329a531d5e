"""Draws plausible schools over real communes from a fixed seed, for tests and measurements; each is marked as made up.

`python -m sample.schools --units FILE [--points FILE] [--count N]` writes the table of `citizen education import`.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from services.education import school_file, tables

SEED = 20260721
COUNT = 50_000
# Where a commune's own point is not known: about the middle of its province, and how far it spreads, in degrees.
MIDDLES: dict[str, tuple[float, float, float]] = {
    "01": (21.02, 105.80, 0.25), "04": (22.70, 106.10, 0.35), "08": (22.20, 105.10, 0.45), "11": (21.60, 103.10, 0.40),
    "12": (22.30, 103.20, 0.35), "14": (21.20, 104.00, 0.45), "15": (22.10, 104.40, 0.45), "19": (21.90, 105.85, 0.35),
    "20": (21.85, 106.60, 0.35), "22": (21.15, 107.20, 0.35), "24": (21.30, 106.30, 0.25), "25": (21.10, 105.30, 0.35),
    "31": (20.85, 106.55, 0.20), "33": (20.65, 106.20, 0.20), "37": (20.30, 106.00, 0.25), "38": (19.95, 105.45, 0.40),
    "40": (19.20, 104.95, 0.50), "42": (18.30, 105.75, 0.30), "44": (17.15, 106.70, 0.40), "46": (16.40, 107.55, 0.20),
    "48": (15.85, 107.95, 0.30), "51": (14.90, 108.40, 0.40), "52": (13.95, 108.50, 0.45), "56": (12.15, 108.95, 0.35),
    "66": (12.85, 108.50, 0.45), "68": (11.70, 107.95, 0.50), "75": (11.30, 107.10, 0.35), "79": (10.80, 106.70, 0.25),
    "80": (11.00, 106.05, 0.30), "82": (10.45, 105.95, 0.30), "86": (9.95, 106.20, 0.30), "91": (10.20, 105.05, 0.35),
    "92": (9.90, 105.65, 0.30), "96": (9.20, 105.10, 0.30),
}  # fmt: skip
PEOPLE = (
    "Kim Đồng", "Nguyễn Du", "Lê Lợi", "Trần Phú", "Nguyễn Trãi", "Quang Trung", "Lê Hồng Phong", "Lý Thường Kiệt",
    "Trần Hưng Đạo", "Võ Thị Sáu", "Nguyễn Bá Ngọc", "Lê Văn Tám", "Hai Bà Trưng", "Bà Triệu", "Phan Bội Châu",
    "Phan Chu Trinh", "Nguyễn Huệ", "Ngô Quyền", "Đinh Tiên Hoàng", "Lê Quý Đôn", "Chu Văn An", "Nguyễn Thị Minh Khai",
    "Hoàng Văn Thụ", "Nguyễn Văn Trỗi", "Lê Thánh Tông", "Nguyễn Bỉnh Khiêm", "Trần Quốc Toản", "Lương Thế Vinh",
    "Mạc Đĩnh Chi", "Hàm Nghi", "Tô Hiến Thành", "Nguyễn Khuyến", "Tô Hiệu", "Phan Đình Phùng", "Huỳnh Thúc Kháng",
    "Lý Tự Trọng", "Cù Chính Lan", "Phan Đình Giót", "Hồ Xuân Hương", "Đoàn Thị Điểm", "Nguyễn Viết Xuân",
    "Bùi Thị Xuân", "Trưng Vương", "Nguyễn Công Trứ", "Cao Bá Quát", "Tôn Đức Thắng", "Hoa Hồng", "Hoa Sen", "Sao Mai",
    "Bình Minh", "Hướng Dương", "Tuổi Thơ", "Họa Mi", "Ánh Dương", "Măng Non", "Vành Khuyên", "Sơn Ca", "Hòa Bình",
    "Thống Nhất", "Độc Lập", "Thành Công", "Tân Tiến", "Đoàn Kết", "Trường Thi", "Đông Tiến", "Đồng Tiến",
)  # fmt: skip
STREETS = ("Lê Lợi", "Trần Phú", "Nguyễn Trãi", "Quang Trung", "Hùng Vương", "Nguyễn Huệ", "Bà Triệu", "Lý Thường Kiệt")
_KINDS = (
    ("Trường Mầm non", ("kindergarten", "nursery"), 34),
    ("Trường Tiểu học", ("primary",), 33),
    ("Trường THCS", ("lower_secondary",), 22),
    ("Trường Tiểu học và THCS", ("primary", "lower_secondary"), 4),
    ("Trường THPT", ("upper_secondary",), 6),
    ("Trung tâm GDNN-GDTX", ("continuing",), 1),
)
_GRADES = {"primary": (1, 5), "lower_secondary": (6, 9), "upper_secondary": (10, 12), "continuing": (6, 12)}
_SOURCE = {"all": {"source": "Dữ liệu tạo ngẫu nhiên để thử", "dated_on": "2026-07-21"}}


@dataclass(frozen=True)
class Commune:
    """A real commune; its point is real where `is_placed`."""

    code: str
    name: str
    province_code: str
    lat: float
    lon: float
    is_placed: bool = True


def read_communes(units: Path, points: Path | None = None) -> list[Commune]:
    """Every commune of the country out of the public table of units, with the points of those that are known."""
    placed: dict[str, tuple[float, float]] = {}
    if points is not None and points.exists():
        with points.open(encoding="utf-8") as lines:
            placed = {row["code"]: (float(row["point_lat"]), float(row["point_lon"])) for row in csv.DictReader(lines)}
    drawn = random.Random(SEED)  # noqa: S311 - plausible, not secret
    communes = []
    for province in json.loads(units.read_text(encoding="utf-8")):
        lat, lon, spread = MIDDLES[province["Code"]]
        for ward in province["Wards"]:
            about = (drawn.gauss(lat, spread / 2), drawn.gauss(lon, spread / 2))
            spot = placed.get(ward["Code"], about)
            communes.append(
                Commune(ward["Code"], ward["Name"], province["Code"], *spot, is_placed=ward["Code"] in placed)
            )
    return communes


def draw(communes: Sequence[Commune], count: int = COUNT, seed: int = SEED) -> Iterator[tuple[UUID, dict[str, Any]]]:
    """`count` schools with their ids; the same arguments give the same schools."""
    drawn = random.Random(seed)  # noqa: S311
    taken: set[tuple[str, str]] = set()
    made = 0
    while made < count:
        commune = communes[made % len(communes)]
        kind, levels, _ = drawn.choices(_KINDS, weights=[weight for _, _, weight in _KINDS])[0]
        core = commune.name if drawn.random() < 0.3 else drawn.choice(PEOPLE)  # noqa: PLR2004 - a share
        name = f"{kind} {core}"
        number = 2
        while (commune.code, name) in taken:
            name, number = f"{kind} {core} {number}", number + 1
        taken.add((commune.code, name))
        yield UUID(int=drawn.getrandbits(128), version=4), _facts(drawn, commune, name, levels)
        made += 1


def _facts(drawn: random.Random, commune: Commune, name: str, levels: Sequence[str]) -> dict[str, Any]:
    is_private = drawn.random() < (0.3 if "kindergarten" in levels else 0.05)
    classes = drawn.randint(6, 40)
    decided = drawn.randint(2017, 2026)
    standard = {
        "level": drawn.choice((1, 1, 1, 2)),
        "decision": f"{drawn.randint(100, 4999)}/QĐ-UBND",
        "decided_on": f"{decided}-05-20",
        "valid_to": f"{decided + 5}-05-19",
    }
    campuses = [
        {
            "name": "Cơ sở chính" if place == 0 else f"Điểm trường {place}",
            "address": f"{drawn.randint(1, 299)} đường {drawn.choice(STREETS)}",
            "lat": round(min(max(drawn.gauss(commune.lat, 0.012), 8.0), 23.3), 6),
            "lon": round(min(max(drawn.gauss(commune.lon, 0.012), 102.2), 109.4), 6),
            "is_main": place == 0,
        }
        for place in range(drawn.choice((1, 1, 1, 2, 3)))
    ]
    programmes = ["day_boarding"] if drawn.random() < 0.5 else []  # noqa: PLR2004
    if levels == ("upper_secondary",) and drawn.random() < 0.05:  # noqa: PLR2004
        programmes.append("gifted")
    return {
        "name": name,
        "former_names": [],
        "moet_code": None,
        "state": "open",
        "opened_on": f"{drawn.randint(1950, 2020)}-09-05",
        "closed_on": None,
        "successor_id": None,
        "ownership": "private" if is_private else "public",
        "programmes": programmes,
        "levels": [
            {"level": level, "grade_from": _GRADES.get(level, (None, None))[0],
             "grade_to": _GRADES.get(level, (None, None))[1]}
            for level in levels
        ],
        "places": [{"commune_code": commune.code, "valid_from": None, "valid_to": None}],
        "campuses": campuses,
        "size": {"capacity": classes * 35, "roll": classes * drawn.randint(22, 38), "classes": classes,
                 "as_of": "2026-05-31"},
        "national_standard": standard if drawn.random() < 0.45 else None,  # noqa: PLR2004
        "fees": [],
        "contacts": None,
        "sources": _SOURCE,
        "is_example": True,
    }  # fmt: skip


def main() -> None:
    """Write the table to standard output."""
    options = argparse.ArgumentParser(prog="python -m sample.schools", description=__doc__)
    options.add_argument("--units", type=Path, required=True, help="the public table of units, JSON")
    options.add_argument("--points", type=Path, help="points of communes, CSV")
    options.add_argument("--count", type=int, default=COUNT)
    asked = options.parse_args()
    schools = draw(read_communes(asked.units, asked.points), asked.count)
    rows = (school_file.write_line(key, facts, facts["places"][0]["commune_code"]) for key, facts in schools)
    for piece in tables.write_csv(school_file.COLUMNS, rows):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
