"""Loading units and changes: repeatable, nothing deleted, what ends keeps its days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from divisions.files import UnreadableFile, read
from divisions.lines import ChangeLine, UnitLine
from divisions.models import ChangeKind, Unit, UnitChange, UnitLevel, UnitType
from divisions.operations import import_areas, import_changes, import_units, list_areas, list_provinces, seed
from tests.divisions.official import BEFORE_THE_REFORM, REFORM, SAMPLE

THANH_HOA = UnitLine(
    where="line 2",
    level=UnitLevel.PROVINCE,
    code="38",
    name="Thanh Hoá",
    full_name="Tỉnh Thanh Hoá",
    name_en="Thanh Hoa",
    type=UnitType.PROVINCE,
    parent_code=None,
    valid_from=REFORM,
    valid_to=None,
    source="a test",
)
HAC_THANH = replace(
    THANH_HOA,
    level=UnitLevel.COMMUNE,
    code="14797",
    name="Hạc Thành",
    full_name="Phường Hạc Thành",
    name_en="Hac Thanh",
    type=UnitType.WARD,
    parent_code="38",
)
DONG_HAI = ChangeLine(
    where="line 9",
    old_code="14797",
    old_name="Đông Hải",
    old_type=UnitType.WARD,
    old_district="Thành phố Thanh Hóa",
    old_province_code="38",
    new_code="14797",
    kind=ChangeKind.WHOLE,
    changed_on=REFORM,
    source="a test",
)


def days(session: Session, code: str) -> Iterator[tuple[str, date, date | None]]:
    """What a code meant, and during which days."""
    session.expire_all()
    for unit in session.scalars(select(Unit).where(Unit.code == code).order_by(Unit.valid_from)):
        yield unit.full_name, unit.valid_from, unit.valid_to


def test_the_sample_loads_and_loads_again_without_a_change(empty: Session) -> None:
    first = seed(empty, SAMPLE)

    again = seed(empty, SAMPLE)

    assert {name: counts.new for name, counts in first.items()} == {
        "provinces.csv": 34, "former_provinces.csv": 12, "communes.csv": 24, "unit_changes.csv": 136, "areas.json": 5,
    }  # fmt: skip
    assert all((counts.new, counts.changed, counts.refused) == (0, 0, []) for counts in again.values())
    assert [area.name for area in list_areas(empty)] == ["Bắc Ninh", "Hòa Bình", "Ninh Bình", "Thái Bình", "Thanh Hóa"]


def test_former_provinces_stand_beside_those_of_today(empty: Session) -> None:
    seed(empty, SAMPLE)

    former = {province.code: province.name for province in list_provinces(empty, BEFORE_THE_REFORM)}
    today = {province.code: province.name for province in list_provinces(empty, date(2026, 11, 21))}

    assert (former["24"], former["27"]) == ("Bắc Giang", "Bắc Ninh")
    assert today["24"] == "Bắc Ninh"
    assert "27" not in today


def test_a_unit_that_another_follows_ends_the_day_before(empty: Session) -> None:
    import_units(empty, [THANH_HOA])

    city = replace(THANH_HOA, full_name="Thành phố Thanh Hoá", type=UnitType.CITY, valid_from=date(2030, 1, 1))
    counts = import_units(empty, [city])

    assert (counts.new, counts.changed) == (1, 1)
    assert list(days(empty, "38")) == [
        ("Tỉnh Thanh Hoá", REFORM, date(2029, 12, 31)),
        ("Thành phố Thanh Hoá", date(2030, 1, 1), None),
    ]


def test_an_older_unit_that_arrives_late_ends_where_the_known_one_begins(empty: Session) -> None:
    import_units(empty, [THANH_HOA])

    import_units(empty, [replace(THANH_HOA, valid_from=date(2004, 7, 8))])

    assert list(days(empty, "38")) == [
        ("Tỉnh Thanh Hoá", date(2004, 7, 8), BEFORE_THE_REFORM),
        ("Tỉnh Thanh Hoá", REFORM, None),
    ]


def test_what_a_complete_list_leaves_out_ends_and_is_not_deleted(empty: Session) -> None:
    import_units(empty, [THANH_HOA, HAC_THANH, replace(HAC_THANH, code="14758", name="Hàm Rồng")])

    counts = import_units(empty, [THANH_HOA, HAC_THANH], complete_on=date(2027, 1, 1))

    assert counts.ended == 1
    assert [last for _, _, last in days(empty, "14758")] == [date(2026, 12, 31)]
    assert [last for _, _, last in days(empty, "14797")] == [None]


def test_lines_that_cannot_stand_are_refused_and_named(empty: Session) -> None:
    upside_down = replace(THANH_HOA, where="line 3", code="37", valid_to=date(2025, 1, 1))
    twice = replace(THANH_HOA, where="line 4")
    nowhere = replace(HAC_THANH, where="line 5", parent_code="99")

    counts = import_units(empty, [THANH_HOA, upside_down, twice, nowhere])

    assert (counts.read, counts.new) == (4, 1)
    assert [(refusal.where, refusal.reason) for refusal in counts.refused] == [
        ("line 3", "it ends before it begins"),
        ("line 4", "the same unit as in line 2"),
        ("line 5", "province 99 is not known"),
    ]


def test_a_code_never_means_two_things_on_one_day(empty: Session) -> None:
    import_units(empty, [THANH_HOA])

    with pytest.raises(IntegrityError, match="ex_unit_one_meaning_a_day"):
        empty.execute(
            insert(Unit).values(
                code="38", level=UnitLevel.PROVINCE, valid_from=date(2026, 1, 1), name="X", full_name="Tỉnh X",
                name_en="X", type=UnitType.PROVINCE, source="a test", name_fold="x", sort_key="X",
            )
        )  # fmt: skip


def test_a_change_to_an_unknown_commune_is_refused(empty: Session) -> None:
    import_units(empty, [THANH_HOA, HAC_THANH])

    counts = import_changes(empty, [DONG_HAI, replace(DONG_HAI, where="line 10", new_code="14758")])

    assert (counts.new, [refusal.where for refusal in counts.refused]) == (1, ["line 10"])
    assert empty.scalars(select(UnitChange.new_code)).all() == ["14797"]


def test_a_corrected_change_replaces_the_one_before(empty: Session) -> None:
    import_units(empty, [THANH_HOA, HAC_THANH])
    import_changes(empty, [DONG_HAI])

    counts = import_changes(empty, [replace(DONG_HAI, kind=ChangeKind.PART)])

    assert (counts.new, counts.changed) == (0, 1)
    assert empty.scalars(select(UnitChange.kind)).all() == [ChangeKind.PART]


def test_an_area_keeps_its_slug_when_its_province_gets_another_code(empty: Session) -> None:
    batch = read(SAMPLE / "areas.json", REFORM)
    import_areas(empty, batch.areas)

    counts = import_areas(
        empty, [replace(area, province_code="39") for area in batch.areas if area.slug == "thanh-hoa"]
    )

    assert (counts.new, counts.changed) == (0, 1)
    assert {area.slug: area.province_code for area in list_areas(empty)}["thanh-hoa"] == "39"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("name,phone\nAn,1\n", "neither the office's table, nor units, nor changes of units"),
        ("[{]", "broken JSON at line 1"),
        ('[{"a": 1}]', "neither provinces with their wards, nor areas"),
    ],
)
def test_a_file_of_another_kind_is_refused_as_a_whole(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "strange.file"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(UnreadableFile, match=reason):
        read(path, REFORM)


def test_broken_rows_are_refused_and_the_others_taken(tmp_path: Path) -> None:
    path = tmp_path / "communes.csv"
    path.write_text(
        "code,name,full_name,name_en,type,province_code,valid_from,valid_to,source\n"
        "14797,Hạc Thành,Phường Hạc Thành,Hac Thanh,phường,38,2025-07-01,,a test\n"
        "1479,Hạc Thành,Phường Hạc Thành,Hac Thanh,phường,38,2025-07-01,,a test\n"
        "14758,Hàm Rồng,Hàm Rồng,Ham Rong,phường,38,2025-07-01,,a test\n"
        "14758,Hàm Rồng,Phường Hàm Rồng,Ham Rong,phường,38,today,,a test\n"
        "14758,Hàm Rồng\n",
        encoding="utf-8",
    )

    batch = read(path, REFORM)

    assert [unit.code for unit in batch.units] == ["14797"]
    assert [refusal.where for refusal in batch.refused] == ["line 3", "line 4", "line 5", "line 6"]


def test_names_arrive_in_nfc(tmp_path: Path) -> None:
    path = tmp_path / "provinces.csv"
    path.write_text(
        "code,name,full_name,name_en,type,valid_from,valid_to,source\n"
        "38,Thanh Hoa\u0301,Ti\u0309nh Thanh Hoa\u0301,Thanh Hoa,tỉnh,2025-07-01,,a test\n",
        encoding="utf-8",
    )

    (unit,) = read(path, REFORM).units

    assert (unit.name, unit.full_name, unit.type) == ("Thanh Hoá", "Tỉnh Thanh Hoá", UnitType.PROVINCE)
