"""Loading the whole country from the tables as they are published, with every defect they are known to have."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from divisions.files import read
from divisions.models import ChangeKind, Unit, UnitChange, UnitLevel, UnitType
from divisions.operations import get_commune, import_batch, list_areas, list_provinces
from tests.divisions.official import BEFORE_THE_REFORM, CHANGES, REFORM, SAMPLE, UNITS, needs_official_tables

pytestmark = needs_official_tables
TODAY = date(2026, 11, 21)


def count(session: Session, level: UnitLevel, on: date) -> Counter[UnitType]:
    """How many units of a level there are on a day, by type."""
    rows = session.scalars(
        select(Unit.type).where(
            Unit.level == level, Unit.valid_from <= on, func.coalesce(Unit.valid_to, date.max) >= on
        )
    )
    return Counter(rows)


def test_there_are_34_provinces_and_3321_communes(country: Session) -> None:
    provinces, communes = (count(country, level, TODAY) for level in (UnitLevel.PROVINCE, UnitLevel.COMMUNE))

    assert provinces == {UnitType.PROVINCE: 27, UnitType.CITY: 7}
    assert communes == {UnitType.COMMUNE: 2611, UnitType.WARD: 697, UnitType.SPECIAL_ZONE: 13}


def test_ten_communes_became_wards_when_dong_nai_became_a_city(country: Session) -> None:
    before, after = (count(country, UnitLevel.COMMUNE, day) for day in (date(2026, 4, 29), date(2026, 4, 30)))
    names = [
        next(p.full_name for p in list_provinces(country, day) if p.code == "75")
        for day in (date(2026, 4, 29), date(2026, 4, 30))
    ]

    assert before == {UnitType.COMMUNE: 2621, UnitType.WARD: 687, UnitType.SPECIAL_ZONE: 13}
    assert (after[UnitType.COMMUNE], after[UnitType.WARD]) == (2611, 697)
    assert names == ["Tỉnh Đồng Nai", "Thành phố Đồng Nai"]


def test_the_office_knows_10033_old_communes_and_divided_441_codes(country: Session) -> None:
    led_to: dict[str, set[str]] = defaultdict(set)
    for old, new in country.execute(select(UnitChange.old_code, UnitChange.new_code)):
        led_to[old].add(new)

    assert len(led_to) == 10_033
    assert sum(len(new) > 1 for new in led_to.values()) == 441


def test_every_change_leads_to_a_commune_that_was_in_force_on_its_first_day(country: Session) -> None:
    astray = country.scalars(
        select(UnitChange.new_code).where(
            ~select(Unit.code)
            .where(
                Unit.level == UnitLevel.COMMUNE,
                Unit.code == UnitChange.new_code,
                Unit.valid_from <= UnitChange.changed_on,
                func.coalesce(Unit.valid_to, date.max) >= UnitChange.changed_on,
            )
            .exists()
        )
    ).all()

    assert astray == []


def test_63_former_provinces_ended_the_day_before(country: Session) -> None:
    former = {p.code: p for p in list_provinces(country, BEFORE_THE_REFORM)}

    assert len(former) == 63
    assert former["24"].full_name == "Tỉnh Bắc Giang"
    assert former["44"].full_name == "Tỉnh Quảng Bình"
    assert {p.valid_to for p in former.values()} == {BEFORE_THE_REFORM}


def test_bac_ninh_kept_its_name_and_lost_its_code(country: Session) -> None:
    before, after = ({p.name: p.code for p in list_provinces(country, day)} for day in (BEFORE_THE_REFORM, REFORM))

    assert (before["Bắc Ninh"], before["Bắc Giang"]) == ("27", "24")
    assert after["Bắc Ninh"] == "24"
    assert "Bắc Giang" not in after


def test_the_five_areas_have_their_communes(country: Session) -> None:
    counted = {area.slug: area.commune_count for area in list_areas(country)}

    assert counted == {"ninh-binh": 129, "thanh-hoa": 166, "thai-binh": 104, "bac-ninh": 99, "hoa-binh": 148}


def test_names_are_kept_as_given_and_only_unreadable_case_is_mended(country: Session) -> None:
    lower_case_in_the_file, other_tone_place = (get_commune(country, code, TODAY) for code in ("06325", "04795"))

    assert lower_case_in_the_file.full_name == "Xã Bắc Sơn"
    assert other_tone_place.full_name == "Phường Hoà Bình"


def test_a_code_the_two_tables_disagree_on_is_mended_by_name(country: Session) -> None:
    changes = country.scalars(select(UnitChange.new_code).where(UnitChange.old_code == "06970")).all()

    assert changes == ["06978"]
    assert get_commune(country, "06978", TODAY).name == "Ba Chẽ"


def test_notes_spelled_in_two_dozen_ways_are_whole_or_part(country: Session) -> None:
    kinds = Counter(country.scalars(select(UnitChange.kind)))

    assert kinds == {ChangeKind.WHOLE: 9596, ChangeKind.PART: 969}


def test_rows_without_an_old_code_are_refused_with_their_line(country: Session) -> None:
    batch = read(CHANGES, TODAY)
    counts = import_batch(country, batch)

    assert [refusal.where for refusal in counts.refused] == [
        "line 3969", "line 4749", "line 6212", "line 6747", "line 7028", "line 9495",
    ]  # fmt: skip
    # An editor that counts the line breaks inside cells finds the coastal flats of Kim Sơn there.
    assert "bãi bồi" in CHANGES.read_text(encoding="utf-8-sig").split("\n")[4749 - 1]


def test_loading_everything_again_changes_nothing(country: Session) -> None:
    counts = [
        *(import_batch(country, read(path, TODAY)) for path in (UNITS, CHANGES)),
        *(import_batch(country, read(SAMPLE / name, TODAY)) for name in ("provinces.csv", "communes.csv")),
    ]

    assert [(one.new, one.changed, one.ended) for one in counts] == [(0, 0, 0)] * 4


def test_changes_wait_for_the_communes_they_lead_to(empty: Session) -> None:
    counts = import_batch(empty, read(CHANGES, TODAY))

    assert counts.new == 63  # the former provinces
    assert len(counts.refused) == 10_571
    assert "no commune bore 00004 on 2025-07-01" in {refusal.reason for refusal in counts.refused}
