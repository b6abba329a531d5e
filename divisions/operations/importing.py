"""Storing what the official files say: repeatable, never deleting, with the days of what ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import func, inspect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from divisions.files import beginning, read
from divisions.lines import AreaLine, Batch, ChangeLine, Counts, Refusal, UnitLine
from divisions.models import Area, Unit, UnitChange, UnitLevel
from divisions.names import order_key, search_fold, split_type
from kit import clock
from kit.database import Base

SEED_FILES = ("provinces.csv", "former_provinces.csv", "communes.csv", "unit_changes.csv", "areas.json")
_LOCK = 7_242_018  # any constant of our own; two imports at once would each miss what the other ends
_ROWS_A_BATCH = 500
_DAY = timedelta(days=1)
_Key = tuple[Any, ...]
Tick = Callable[[int], None]  # hears how many more lines are done


def _silent(_lines: int) -> None:
    """Nobody watches."""


def seed(session: Session, folder: Path) -> dict[str, Counts]:
    """Load the sample's provinces, communes, changes and areas from `folder`; what each file did, by its name.

    Repeatable. Raises divisions.files.UnreadableFile when a file is missing.
    """
    return {name: import_batch(session, read(folder / name, clock.today())) for name in SEED_FILES}


def import_batch(session: Session, batch: Batch, tick: Tick = _silent) -> Counts:
    """Store all that one file says; `tick` hears how many more lines are done."""
    total = Counts(refused=list(batch.refused))
    for part in (
        import_units(session, batch.units, complete_on=batch.complete_on, tick=tick),
        import_changes(session, batch.changes, tick=tick),
        import_areas(session, batch.areas, tick=tick),
    ):
        total.read += part.read
        total.new += part.new
        total.changed += part.changed
        total.ended += part.ended
        total.mended += part.mended
        total.refused += part.refused
    total.read += len(batch.refused)
    return total


def import_units(
    session: Session, lines: Iterable[UnitLine], *, complete_on: date | None = None, tick: Tick = _silent
) -> Counts:
    """Store units; a unit that another of the same code follows ends the day before.

    With `complete_on`, the lines are all units of their levels on that day: those that stand in force and are not
    among them end the day before. Nothing is deleted. Lines that cannot stand (days upside down, an unknown province,
    the same unit twice) are refused. Running it again changes nothing.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    counts = Counts()
    stored = {_unit_key(row): row for row in _stored(session, Unit)}
    wanted = dict(stored)
    given: dict[_Key, UnitLine] = {}
    provinces = {row["code"] for row in stored.values() if row["level"] is UnitLevel.PROVINCE}
    for line in sorted(lines, key=lambda line: (line.level is UnitLevel.COMMUNE, line.valid_from)):
        counts.read += 1
        if reason := _unfit(line, given, provinces):
            counts.refused.append(Refusal(line.where, reason))
            continue
        if line.level is UnitLevel.PROVINCE:
            provinces.add(line.code)
        row = _unit_row(line)
        given[_unit_key(row)] = line
        wanted[_unit_key(row)] = row
    _end_predecessors(wanted)
    if complete_on is not None:
        counts.ended = _end_missing(wanted, set(given), complete_on)
    _store(session, Unit, stored=stored, wanted=wanted, counts=counts, tick=tick)
    return counts


def import_changes(session: Session, lines: Iterable[ChangeLine], *, tick: Tick = _silent) -> Counts:
    """Store what became of old communes; the new ones must be known.

    A new code that no commune bore on that day is mended where the commune of that name and province is known under
    another, or bears it since a later change of its type; both are reported. Other lines are refused. Repeatable.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    counts = Counts()
    known = _Known(session)
    stored = {_change_key(row): row for row in _stored(session, UnitChange)}
    wanted = dict(stored)
    given: dict[_Key, str] = {}
    for line in lines:
        counts.read += 1
        code = known.find(line, counts)
        if code is None:
            continue
        row = _change_row(replace(line, new_code=code))
        key = _change_key(row)
        if key in given:
            counts.refused.append(Refusal(line.where, f"the same change as in {given[key]}"))
            continue
        given[key] = line.where
        wanted[key] = row
    if known.predecessors:
        import_units(session, known.predecessors)
    _store(session, UnitChange, stored=stored, wanted=wanted, counts=counts, tick=tick)
    return counts


def import_areas(session: Session, lines: Iterable[AreaLine], *, tick: Tick = _silent) -> Counts:
    """Store the product's areas by their slugs."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    counts = Counts()
    stored = {(row["slug"],): row for row in _stored(session, Area)}
    wanted = dict(stored)
    for line in lines:
        counts.read += 1
        wanted[line.slug,] = {
            "slug": line.slug,
            "name_vi": line.name_vi,
            "name_en": line.name_en,
            "province_code": line.province_code,
            "former_province_codes": list(line.former_province_codes),
        }
    _store(session, Area, stored=stored, wanted=wanted, counts=counts, tick=tick)
    return counts


# -- units -------------------------------------------------------------------------------------------------------------


def _unfit(line: UnitLine, given: dict[_Key, UnitLine], provinces: set[str]) -> str | None:
    if line.valid_to is not None and line.valid_to < line.valid_from:
        return "it ends before it begins"
    if earlier := given.get((line.code, line.level, line.valid_from)):
        return f"the same unit as in {earlier.where}"
    if line.parent_code is not None and line.parent_code not in provinces:
        return f"province {line.parent_code} is not known"
    return None


def _end_predecessors(wanted: dict[_Key, Any]) -> None:
    """Let each unit end, at the latest, the day before the next one with its code begins."""
    timelines: dict[_Key, list[_Key]] = defaultdict(list)
    for key in sorted(wanted, key=lambda key: key[2]):
        timelines[key[0], key[1]].append(key)
    for timeline in timelines.values():
        for key, following in pairwise(timeline):
            last_day = following[2] - _DAY
            if wanted[key]["valid_to"] is None or wanted[key]["valid_to"] > last_day:
                wanted[key] = {**wanted[key], "valid_to": last_day}


def _end_missing(wanted: dict[_Key, Any], given: set[_Key], day: date) -> int:
    levels = {key[1] for key in given}
    ended = [
        key
        for key, row in wanted.items()
        if key not in given and key[1] in levels and row["valid_from"] < day and row["valid_to"] is None
    ]
    for key in ended:
        wanted[key] = {**wanted[key], "valid_to": day - _DAY}
    return len(ended)


def _unit_row(line: UnitLine) -> dict[str, Any]:
    return {
        "code": line.code,
        "level": line.level,
        "valid_from": line.valid_from,
        "valid_to": line.valid_to,
        "name": line.name,
        "full_name": line.full_name,
        "name_en": line.name_en,
        "type": line.type,
        "parent_code": line.parent_code,
        "source": line.source,
        "name_fold": search_fold(line.name),
        "sort_key": order_key(line.name),
    }


def _unit_key(row: dict[str, Any]) -> _Key:
    return row["code"], row["level"], row["valid_from"]


# -- changes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Named:
    """A new unit as a table of changes names it."""

    level: UnitLevel
    code: str
    full_name: str
    parent_code: str | None


class _Known:
    """The units that stand, to check the new codes of a table of changes against."""

    def __init__(self, session: Session) -> None:
        self._by_code: dict[_Key, list[dict[str, Any]]] = defaultdict(list)
        self._by_name: dict[_Key, list[dict[str, Any]]] = defaultdict(list)
        for row in _stored(session, Unit):
            self._by_code[row["level"], row["code"]].append(row)
            self._by_name[row["parent_code"], search_fold(row["full_name"])].append(row)
        self.predecessors: list[UnitLine] = []
        self._predecessors_of: set[_Key] = set()
        self._mended: set[str] = set()

    def find(self, line: ChangeLine, counts: Counts) -> str | None:
        """The code of the commune the line leads to; None, with the reason in `counts`, when there is none."""
        if line.new_province_code and line.new_province_full_name:
            province = _Named(UnitLevel.PROVINCE, line.new_province_code, line.new_province_full_name, None)
            self._know_predecessor(line, province, counts)
        if self._borne_on(self._by_code[UnitLevel.COMMUNE, line.new_code], line.changed_on):
            return line.new_code
        if line.new_full_name:
            commune = _Named(UnitLevel.COMMUNE, line.new_code, line.new_full_name, line.new_province_code)
            if self._know_predecessor(line, commune, counts):
                return line.new_code
            namesakes = self._by_name[line.new_province_code, search_fold(line.new_full_name)]
            codes: set[str] = {row["code"] for row in self._borne_on(namesakes, line.changed_on)}
            if len(codes) == 1:
                (code,) = codes
                self._tell(line, f"{line.new_full_name} is known as {code}, not {line.new_code}", counts)
                return code
        counts.refused.append(Refusal(line.where, f"no commune bore {line.new_code} on {line.changed_on}"))
        return None

    def _know_predecessor(self, line: ChangeLine, unit: _Named, counts: Counts) -> bool:
        """Whether the unit stands under this code and name, with another type, since a later day; then remember it."""
        if (unit.level, unit.code) in self._predecessors_of:
            return True
        rows = self._by_code[unit.level, unit.code]
        if not rows or self._borne_on(rows, line.changed_on):
            return False
        later_rows = (row for row in rows if row["valid_from"] > line.changed_on)
        later = min(later_rows, key=lambda row: row["valid_from"], default=None)
        unit_type, name = split_type(unit.full_name)
        if later is None or unit_type is None or search_fold(name) != later["name_fold"]:
            return False
        valid_from, why = beginning(unit.level, unit.code, line.changed_on)
        self.predecessors.append(
            UnitLine(
                where=line.where,
                level=unit.level,
                code=unit.code,
                name=name,
                full_name=unit.full_name,
                name_en=later["name_en"],
                type=unit_type,
                parent_code=unit.parent_code,
                valid_from=valid_from,
                valid_to=later["valid_from"] - _DAY,
                source=f"{line.source}; beginning: {why}",
            )
        )
        self._predecessors_of.add((unit.level, unit.code))
        self._tell(line, f"{unit.full_name} ({unit.code}) was so until {later['valid_from'] - _DAY}", counts)
        return True

    def _tell(self, line: ChangeLine, what: str, counts: Counts) -> None:
        if what not in self._mended:
            self._mended.add(what)
            counts.mended.append(Refusal(line.where, what))

    @staticmethod
    def _borne_on(rows: Sequence[dict[str, Any]], on: date) -> list[dict[str, Any]]:
        return [row for row in rows if row["valid_from"] <= on and (row["valid_to"] is None or row["valid_to"] >= on)]


def _change_row(line: ChangeLine) -> dict[str, Any]:
    return {
        "old_code": line.old_code,
        "new_code": line.new_code,
        "changed_on": line.changed_on,
        "kind": line.kind,
        "old_name": line.old_name,
        "old_type": line.old_type,
        "old_district": line.old_district,
        "old_province_code": line.old_province_code,
        "old_name_fold": search_fold(line.old_name),
        "source": line.source,
    }


def _change_key(row: dict[str, Any]) -> _Key:
    return row["old_code"], row["new_code"], row["changed_on"]


# -- storing -----------------------------------------------------------------------------------------------------------


def _stored(session: Session, model: type[Base]) -> list[dict[str, Any]]:
    columns = inspect(model).columns
    return [dict(row._mapping) for row in session.execute(select(*columns))]  # noqa: SLF001 - SQLAlchemy's public name


def _store(
    session: Session,
    model: type[Base],
    *,
    stored: dict[_Key, dict[str, Any]],
    wanted: dict[_Key, dict[str, Any]],
    counts: Counts,
    tick: Tick,
) -> None:
    """Write what differs, oldest first: what ends must have ended before its successor begins."""
    keys = [column.name for column in inspect(model).primary_key]
    different = [row for key, row in wanted.items() if row != stored.get(key)]
    different.sort(key=lambda row: tuple(str(row[name]) for name in ("valid_from", *keys) if name in row))
    counts.new += sum(key not in stored for key in wanted)
    counts.changed += sum(stored.get(key, row) != row for key, row in wanted.items())
    tick(counts.read - len(different))
    table = model.metadata.tables[model.__tablename__]
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    upsert = statement.on_conflict_do_update(index_elements=keys, set_=others)
    for at in range(0, len(different), _ROWS_A_BATCH):
        rows = different[at : at + _ROWS_A_BATCH]
        session.execute(upsert, rows)
        tick(len(rows))
