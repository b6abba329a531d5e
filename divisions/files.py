"""Reads the files units come in, recognised by what stands in them, with all the defects they are known to have."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from divisions.lines import AreaLine, Batch, ChangeLine, Refusal, UnitLine
from divisions.models import ChangeKind, UnitLevel, UnitType
from divisions.names import TYPE_NAMES, latin, one_line, split_type
from kit.text import fold

_OFFICE = "statistics office, conversion table of {day}"
_DATASET = "thanglequoc/vietnamese-provinces-database {day}, MIT, © 2021 Thang Le Quoc"
_OFFICE_TITLE = re.compile(r"don vi hanh chinh tu ngay (\d{1,2})/(\d{1,2})/(\d{4})")
_OFFICE_CELLS = 8
_CODE_IN_BRACKETS = re.compile(r"(.+?) ?\((\d+)\)")
_CODES = {UnitLevel.PROVINCE: re.compile(r"[0-9]{2}"), UnitLevel.COMMUNE: re.compile(r"[0-9]{5}")}
_Line = TypeVar("_Line", UnitLine, ChangeLine, AreaLine)
_DAY_IN_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})")


class UnreadableFile(Exception):  # read as a sentence on the terminal
    """The file is none of those this room knows, or is broken as a whole; the text says how."""


def read(path: Path, as_of: date) -> Batch:
    """All that `path` says, with the lines that make no sense refused and named.

    `as_of` is the day a snapshot of units holds for, unless its name carries one. Raises UnreadableFile.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise UnreadableFile(f"{path.name}: not a readable UTF-8 file") from exc
    if text.lstrip().startswith(("[", "{")):
        return _read_json(path.name, text, as_of)
    rows = list(_rows(text))
    if not rows:
        raise UnreadableFile(f"{path.name}: empty")
    first = rows[0][1]
    if title := _OFFICE_TITLE.search(fold(first[0])):
        day, month, year = map(int, title.groups())
        return _office_table(rows, date(year, month, day))
    header = set(first)
    if {"old_code", "new_code", "kind", "changed_on"} <= header:
        return _own_changes(rows)
    if {"code", "full_name", "type", "valid_from"} <= header:
        return _own_units(rows)
    raise UnreadableFile(f"{path.name}: neither the office's table, nor units, nor changes of units")


def _rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each row of a CSV with the number of the line it begins on; cells may hold line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""))
    begins = 1
    for row in reader:
        yield f"line {begins}", row
        begins = reader.line_num + 1


def _read_json(name: str, text: str, as_of: date) -> Batch:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as exc:
        raise UnreadableFile(f"{name}: broken JSON at line {exc.lineno}") from exc
    if isinstance(entries, list) and entries and all(isinstance(entry, dict) for entry in entries):
        if all("Wards" in entry for entry in entries):
            named = _DAY_IN_NAME.search(name)
            return _snapshot(entries, date.fromisoformat(named[1]) if named else as_of)
        if all("slug" in entry for entry in entries):
            return _own_areas(entries)
    raise UnreadableFile(f"{name}: neither provinces with their wards, nor areas")


# -- the dataset of all units ------------------------------------------------------------------------------------------


def _snapshot(provinces: list[dict[str, Any]], day: date) -> Batch:
    batch = Batch("all provinces and communes", complete_on=day)
    source = _DATASET.format(day=day)
    for place, province in enumerate(provinces, 1):
        where = f"province {place}"
        batch.units += _taken(batch, where, _snapshot_unit, UnitLevel.PROVINCE, province, day, source)
        for position, ward in enumerate(province["Wards"], 1):
            inside = f"{where}, commune {position}"
            batch.units += _taken(batch, inside, _snapshot_unit, UnitLevel.COMMUNE, ward, day, source)
    return batch


def _snapshot_unit(where: str, level: UnitLevel, entry: dict[str, Any], day: date, source: str) -> UnitLine:
    unit_type, name = _typed(level, one_line(entry["FullName"]))
    return UnitLine(
        where=where,
        level=level,
        code=_checked(level, entry["Code"]),
        name=name,
        full_name=f"{TYPE_NAMES[unit_type]} {name}",  # one name begins with a small letter
        name_en=one_line(entry["NameEn"]),
        type=unit_type,
        parent_code=_checked(UnitLevel.PROVINCE, entry["ProvinceCode"]) if level is UnitLevel.COMMUNE else None,
        valid_from=beginning(level, entry["Code"], day)[0],
        valid_to=None,
        source=source,
    )


# -- the office's table of old and new communes ------------------------------------------------------------------------


def _office_table(rows: list[tuple[str, list[str]]], day: date) -> Batch:
    batch = Batch("the statistics office's table of old and new communes")
    source = _OFFICE.format(day=day)
    former: dict[str, UnitLine] = {}
    for where, cells in rows[2:]:
        row = [*map(one_line, cells), *[""] * _OFFICE_CELLS]
        if not any(row[1:]):
            continue  # the title of a province, or an empty row
        batch.changes += _taken(batch, where, _office_change, row, day, source, former)
    batch.units = sorted(former.values(), key=lambda unit: unit.code)
    return batch


def _office_change(where: str, row: list[str], day: date, source: str, former: dict[str, UnitLine]) -> ChangeLine:
    province, new_full_name, new_code, old_full_name, old_code, note, district, old_province = row[:_OFFICE_CELLS]
    if not old_code:
        raise ValueError("no old code: this was never a commune")
    new_province_name, new_province_code = _name_and_code(province)
    old_province_name, old_province_code = _name_and_code(old_province)
    if old_province_code not in former:
        former[old_province_code] = _former_province(where, old_province_code, old_province_name, day, source)
    old_type, old_name = split_type(old_full_name)
    return ChangeLine(
        where=where,
        old_code=_checked(UnitLevel.COMMUNE, old_code),
        old_name=old_name,
        old_type=old_type,
        # "Thị Xã" and "Thị xã" stand side by side in the table.
        old_district=_name_and_code(district)[0].replace("Thị Xã", "Thị xã"),
        old_province_code=old_province_code,
        new_code=_checked(UnitLevel.COMMUNE, new_code),
        kind=_kind(note),
        changed_on=day,
        source=source,
        new_full_name=new_full_name,
        new_province_code=new_province_code,
        new_province_full_name=new_province_name,
    )


def _former_province(where: str, code: str, full_name: str, day: date, source: str) -> UnitLine:
    unit_type, name = _typed(UnitLevel.PROVINCE, full_name)
    last_day = day - timedelta(days=1)
    valid_from, why = beginning(UnitLevel.PROVINCE, code, last_day)
    return UnitLine(
        where=where,
        level=UnitLevel.PROVINCE,
        code=code,
        name=name,
        full_name=full_name,
        name_en=latin(name),
        type=unit_type,
        parent_code=None,
        valid_from=valid_from,
        valid_to=last_day,
        source=f"{source}; beginning: {why}",
    )


def _kind(note: str) -> ChangeKind:
    """The office's note, spelled in two dozen ways: whatever speaks of one part is a part, the rest is whole."""
    words = fold(note)
    # "The rest, after a part went into Canh Vinh" is a part too.
    if "mot phan" in words or "phan con lai" in words:
        return ChangeKind.PART
    known = ("nhap toan bo", "giu nguyen", "doi ten", "doi loai hinh", "sap xep toan bo")
    if words.startswith(known):
        return ChangeKind.WHOLE
    raise ValueError(f"unknown note {note!r}")


def _name_and_code(cell: str) -> tuple[str, str]:
    found = _CODE_IN_BRACKETS.fullmatch(cell)
    if found is None:
        raise ValueError(f"no code in {cell!r}")
    return found[1], found[2]


# -- our own files -----------------------------------------------------------------------------------------------------


def _own_units(rows: list[tuple[str, list[str]]]) -> Batch:
    level = UnitLevel.COMMUNE if "province_code" in rows[0][1] else UnitLevel.PROVINCE
    batch = Batch("communes" if level is UnitLevel.COMMUNE else "provinces")
    for where, cells in rows[1:]:
        batch.units += _taken(batch, where, _own_unit, level, rows[0][1], cells)
    return batch


def _own_unit(where: str, level: UnitLevel, header: list[str], cells: list[str]) -> UnitLine:
    row = _named(header, cells)
    unit_type, _ = _typed(level, row["full_name"])
    return UnitLine(
        where=where,
        level=level,
        code=_checked(level, row["code"]),
        name=row["name"],
        full_name=row["full_name"],
        name_en=row["name_en"],
        type=unit_type,
        parent_code=_checked(UnitLevel.PROVINCE, row["province_code"]) if level is UnitLevel.COMMUNE else None,
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        source=row["source"],
    )


def _own_changes(rows: list[tuple[str, list[str]]]) -> Batch:
    batch = Batch("changes of communes")
    for where, cells in rows[1:]:
        batch.changes += _taken(batch, where, _own_change, rows[0][1], cells)
    return batch


def _own_change(where: str, header: list[str], cells: list[str]) -> ChangeLine:
    row = _named(header, cells)
    return ChangeLine(
        where=where,
        old_code=_checked(UnitLevel.COMMUNE, row["old_code"]),
        old_name=row["old_name"],
        old_type=split_type(f"{row['old_type']} {row['old_name']}")[0] if row["old_type"] else None,
        old_district=row["old_district"],
        old_province_code=_checked(UnitLevel.PROVINCE, row["old_province_code"]),
        new_code=_checked(UnitLevel.COMMUNE, row["new_code"]),
        kind=ChangeKind(row["kind"]),
        changed_on=date.fromisoformat(row["changed_on"]),
        source=row["source"],
    )


def _own_areas(entries: list[dict[str, Any]]) -> Batch:
    batch = Batch("areas")
    for place, entry in enumerate(entries, 1):
        batch.areas += _taken(batch, f"area {place}", _own_area, entry)
    return batch


def _own_area(where: str, entry: dict[str, Any]) -> AreaLine:
    return AreaLine(
        where=where,
        slug=entry["slug"],
        name_vi=one_line(entry["name_vi"]),
        name_en=one_line(entry["name_en"]),
        province_code=_checked(UnitLevel.PROVINCE, entry["province_code"]),
        former_province_codes=tuple(_checked(UnitLevel.PROVINCE, code) for code in entry["former_province_codes"]),
    )


# -- common ground -----------------------------------------------------------------------------------------------------


@cache
def _dates() -> list[dict[str, str]]:
    with Path(__file__).with_name("unit_dates.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def beginning(level: UnitLevel, code: str, on: date) -> tuple[date, str]:
    """Since when the unit that has `code` on that day has been what it is, and what says so.

    The files give no such days; unit_dates.csv does. Raises ValueError for a day before all that is known.
    """
    known = [
        (date.fromisoformat(row["valid_from"]), row["source"])
        for row in _dates()
        if row["level"] in {"*", level} and row["code"] in {"*", code}
    ]
    before = [one for one in known if one[0] <= on]
    if not before:
        raise ValueError(f"nothing is known about {on}")
    return max(before)


def _taken(batch: Batch, where: str, make: Callable[..., _Line], *given: object) -> list[_Line]:
    """The line that `make(where, *given)` reads; none, with the reason among the refusals, when it makes no sense."""
    try:
        return [make(where, *given)]
    except KeyError as exc:
        batch.refused.append(Refusal(where, f"{exc.args[0]} is missing"))
    except ValueError as exc:
        batch.refused.append(Refusal(where, str(exc)))
    return []


def _named(header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells, {len(header)} are expected")
    return dict(zip(header, map(one_line, cells), strict=True))


def _typed(level: UnitLevel, full_name: str) -> tuple[UnitType, str]:
    unit_type, name = split_type(full_name)
    provincial = {UnitType.PROVINCE, UnitType.CITY}
    if unit_type is None or (unit_type in provincial) is not (level is UnitLevel.PROVINCE):
        raise ValueError(f"no type of {level} in {full_name!r}")
    return unit_type, name


def _checked(level: UnitLevel, code: object) -> str:
    if not isinstance(code, str) or not _CODES[level].fullmatch(code):
        raise ValueError(f"{code!r} is no code of a {level}")
    return code
