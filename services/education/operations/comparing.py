"""Schools side by side: the same fact of each in the same unit, and where nothing is known it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.education.facts import ALL
from services.education.operations.reading import SchoolNow

NO_DATA = {"vi": "không có dữ liệu", "en": "no data"}
_UNITS = {"pupils": {"vi": "học sinh", "en": "pupils"}, "classes": {"vi": "lớp", "en": "classes"}}
FACT_WORDS: Mapping[str, Mapping[str, str]] = {
    "vi": {
        "primary": "tiểu học", "lower_secondary": "THCS", "upper_secondary": "THPT", "kindergarten": "mẫu giáo",
        "nursery": "nhà trẻ", "continuing": "GDTX", "public": "công lập", "people_founded": "dân lập",
        "private": "tư thục", "foreign": "vốn nước ngoài", "high_quality": "chất lượng cao", "gifted": "chuyên",
        "integrated": "tích hợp", "day_boarding": "bán trú", "boarding": "nội trú", "inclusive": "hòa nhập",
    },
    "en": {
        "primary": "primary", "lower_secondary": "lower secondary", "upper_secondary": "upper secondary",
        "kindergarten": "kindergarten", "nursery": "nursery", "continuing": "continuing education",
        "public": "public", "people_founded": "people-founded", "private": "private", "foreign": "foreign-owned",
        "high_quality": "high quality", "gifted": "gifted", "integrated": "integrated", "day_boarding": "day boarding",
        "boarding": "boarding", "inclusive": "inclusive",
    },
}  # fmt: skip
_STANDARD = {
    "vi": ("mức độ {level}, đến {until}", "mức độ {level}, đã hết hạn {until}"),
    "en": ("level {level}, until {until}", "level {level}, expired {until}"),
}


@dataclass(frozen=True)
class Compared:
    """One fact of every school."""

    field: str
    unit: str | None
    values: Sequence[Any]
    texts: Sequence[str]
    days: Sequence[str | None]


def compare(schools: Sequence[SchoolNow], language: str) -> list[Compared]:
    """One line a fact, values in the order of the schools; never folded into a score."""
    told = [school.told() for school in schools]
    lines = [
        _line(told, language, name, name, lambda facts, name=name: facts[name] or None, words=True)  # type: ignore[misc]
        for name in ("ownership", "programmes")
    ]
    lines.insert(
        0,
        _line(told, language, "levels", "levels", lambda facts: [one["level"] for one in facts["levels"]], words=True),
    )
    for name, unit in (("capacity", "pupils"), ("roll", "pupils"), ("classes", "classes")):
        lines.append(_line(told, language, name, "size", _part("size", name), unit=unit))
    lines.append(_standards(told, language))
    lines += _fees(told, language)
    lines.append(_line(told, language, "opened_on", "opened_on", lambda facts: facts["opened_on"]))
    lines += [_line(told, language, name, "contacts", _part("contacts", name)) for name in ("phone", "website")]
    return lines


def _part(group: str, name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda facts: (facts[group] or {}).get(name)


def _line(
    told: Sequence[Mapping[str, Any]],
    language: str,
    field: str,
    fact: str,
    value_of: Callable[[Mapping[str, Any]], Any],
    *,
    unit: str | None = None,
    words: bool = False,
) -> Compared:
    values = [value_of(facts) for facts in told]
    names = FACT_WORDS[language] if words else {}

    def say(value: Any) -> str:  # noqa: ANN401 - a fact
        if value is None:
            return NO_DATA[language]
        if isinstance(value, list):
            return ", ".join(names.get(one, one) for one in value)
        text = names.get(str(value), str(value))
        return f"{text} {_UNITS[unit][language]}" if unit else text

    dated = [_day(facts, fact) if value is not None else None for facts, value in zip(told, values, strict=True)]
    return Compared(field, unit, values, [say(value) for value in values], dated)


def _standards(told: Sequence[Mapping[str, Any]], language: str) -> Compared:
    values = [facts["national_standard"] for facts in told]
    texts = [
        _STANDARD[language][value["is_expired"]].format(level=value["level"], until=value["valid_to"])
        if value
        else NO_DATA[language]
        for value in values
    ]
    dated = [_day(facts, "national_standard") if value else None for facts, value in zip(told, values, strict=True)]
    return Compared("national_standard", None, values, texts, dated)


def _fees(told: Sequence[Mapping[str, Any]], language: str) -> list[Compared]:
    """A line for each kind of fee and span it is paid for: amounts of different spans are never in one line."""
    kinds = sorted({(fee["kind"], fee["per"]) for facts in told for fee in facts["fees"]})
    lines = []
    for kind, per in kinds:

        def latest(facts: Mapping[str, Any], kind: str = kind, per: str = per) -> int | None:
            paid = [fee for fee in facts["fees"] if (fee["kind"], fee["per"]) == (kind, per)]
            return max(paid, key=lambda fee: fee["school_year"])["amount_vnd"] if paid else None

        values = [latest(facts) for facts in told]
        texts = [NO_DATA[language] if value is None else f"{value:,} đ".replace(",", ".") for value in values]
        dated = [_day(facts, "fees") if value is not None else None for facts, value in zip(told, values, strict=True)]
        lines.append(Compared(f"fee_{kind}_per_{per}", "vnd", values, texts, dated))
    return lines


def _day(facts: Mapping[str, Any], fact: str) -> str | None:
    if fact == "size" and facts["size"]:
        return str(facts["size"]["as_of"])
    source = facts["sources"].get(fact) or facts["sources"].get(ALL)
    return source["dated_on"] if source else None
