"""What the source files say, one object a line, before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from divisions.models import ChangeKind, UnitLevel, UnitType


@dataclass(frozen=True, slots=True)
class UnitLine:
    """A unit and its days, both included; `where` names the place in the file."""

    where: str
    level: UnitLevel
    code: str
    name: str
    full_name: str
    name_en: str
    type: UnitType
    parent_code: str | None
    valid_from: date
    valid_to: date | None
    source: str


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """What became of an old commune. The new unit's names, where the file gives them, mend a code that is wrong."""

    where: str
    old_code: str
    old_name: str
    old_type: UnitType | None
    old_district: str
    old_province_code: str
    new_code: str
    kind: ChangeKind
    changed_on: date
    source: str
    new_full_name: str | None = None
    new_province_code: str | None = None
    new_province_full_name: str | None = None


@dataclass(frozen=True, slots=True)
class AreaLine:
    """One of the product's areas."""

    where: str
    slug: str
    name_vi: str
    name_en: str
    province_code: str
    former_province_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not taken, and why."""

    where: str
    reason: str


@dataclass(slots=True)
class Batch:
    """All that one file says. `complete_on` is the day for which it lists every unit there is, if it does so."""

    title: str
    units: list[UnitLine] = field(default_factory=list)
    changes: list[ChangeLine] = field(default_factory=list)
    areas: list[AreaLine] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    complete_on: date | None = None


@dataclass(slots=True)
class Counts:
    """What an import did. `mended` lists what was stored otherwise than the file spells it."""

    read: int = 0
    new: int = 0
    changed: int = 0
    ended: int = 0
    mended: list[Refusal] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
