"""From an old code, an old name or half an address to the communes of today."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from divisions.errors import UnknownArea
from divisions.models import ChangeKind
from divisions.operations import resolve_code, resolve_text
from tests.divisions.official import BEFORE_THE_REFORM, REFORM, needs_official_tables

pytestmark = needs_official_tables


def names(session: Session, text: str, area: str | None = None) -> list[str]:
    """What a text may mean, best first."""
    return [candidate.unit.full_name for candidate in resolve_text(session, text, area).candidates]


def test_the_same_code_meant_another_commune_before_the_reform(country: Session) -> None:
    before, after = (resolve_code(country, "14797", day) for day in (BEFORE_THE_REFORM, REFORM))

    (moved,), (stayed,) = before.candidates, after.candidates
    assert moved.old is not None
    assert (moved.old.full_name, moved.unit.full_name, moved.kind) == ("Phường Đông Hải", "Phường Hạc Thành", "whole")
    assert (stayed.old, stayed.unit.full_name, stayed.kind) == (None, "Phường Hạc Thành", None)


def test_an_old_commune_that_was_divided_needs_the_street(country: Session) -> None:
    resolution = resolve_code(country, "14758", BEFORE_THE_REFORM)

    assert [candidate.unit.full_name for candidate in resolution.candidates] == ["Phường Hạc Thành", "Phường Hàm Rồng"]
    assert {candidate.kind for candidate in resolution.candidates} == {ChangeKind.PART}
    assert resolution.ask_street


def test_two_communes_under_one_old_code_are_told_apart_by_their_names_not_by_the_street(country: Session) -> None:
    resolution = resolve_code(country, "01615", BEFORE_THE_REFORM)

    old = {candidate.old.full_name for candidate in resolution.candidates if candidate.old}
    assert old == {"Xã Hồng Quang", "Xã Mỹ Hưng"}
    assert not resolution.ask_street


def test_a_commune_that_became_a_ward_is_still_itself(country: Session) -> None:
    (candidate,) = resolve_code(country, "25270", date(2025, 8, 1)).candidates

    assert candidate.unit.full_name == "Phường Lộc Ninh"


def test_a_code_nobody_bore_that_day_has_no_candidates(country: Session) -> None:
    assert resolve_code(country, "99999", REFORM).candidates == []


def test_tones_tell_two_communes_of_thanh_hoa_apart(country: Session) -> None:
    assert names(country, "Phường Đông Tiến", "thanh-hoa") == ["Phường Đông Tiến"]
    assert names(country, "Xã Đồng Tiến", "thanh-hoa") == ["Xã Đồng Tiến"]
    assert names(country, "Đồng Tiến, Thanh Hóa") == ["Xã Đồng Tiến"]


def test_without_tones_both_are_candidates_and_the_type_word_decides(country: Session) -> None:
    both = names(country, "dong tien, thanh hoa")
    ward = names(country, "phuong dong tien, thanh hoa")

    assert sorted(both) == ["Phường Đông Tiến", "Xã Đồng Tiến"]
    assert ward == ["Phường Đông Tiến"]


def test_the_place_of_a_tone_mark_does_not_matter(country: Session) -> None:
    old_way, new_way = (names(country, text, "hoa-binh") for text in ("Phường Tân Hòa", "Phường Tân Hoà"))

    assert old_way[0] == new_way[0] == "Phường Tân Hoà"


@pytest.mark.parametrize(
    "text",
    [
        "phường Đông Thọ, TP Thanh Hóa",
        "P.Đông Thọ, TP. Thanh Hóa, Thanh Hóa",
        "Lê Lợi, Phường Đông Thọ, Thành phố Thanh Hóa, tỉnh Thanh Hoá",
        "đông thọ thanh hóa",
        "dong tho, thanh hoa",
    ],
)
def test_an_old_address_leads_to_every_commune_that_took_a_part(country: Session, text: str) -> None:
    resolution = resolve_text(country, text)

    assert {candidate.unit.full_name for candidate in resolution.candidates} == {"Phường Hạc Thành", "Phường Hàm Rồng"}
    assert resolution.ask_street


def test_the_district_of_then_says_that_the_old_ward_is_meant(country: Session) -> None:
    resolution = resolve_text(country, "phường Ngọc Hà, quận Ba Đình, Hà Nội")

    assert {(c.unit.full_name, c.kind) for c in resolution.candidates} == {
        ("Phường Ba Đình", ChangeKind.PART),
        ("Phường Ngọc Hà", ChangeKind.PART),
    }


def test_a_name_in_use_today_comes_before_old_communes_of_that_name(country: Session) -> None:
    first, *others = resolve_text(country, "Phường Ngọc Hà").candidates

    assert (first.unit.full_name, first.kind) == ("Phường Ngọc Hà", None)
    assert {other.kind for other in others} == {ChangeKind.PART, ChangeKind.WHOLE}


def test_numbered_wards_need_their_district(country: Session) -> None:
    assert names(country, "P5, Q3, Hồ Chí Minh") == ["Phường Bàn Cờ"]


def test_an_area_narrows_the_choice(country: Session) -> None:
    everywhere, here = (names(country, "Tân An", area) for area in (None, "bac-ninh"))

    assert len(everywhere) > len(here) >= 1
    with pytest.raises(UnknownArea):
        names(country, "Tân An", "atlantis")


def test_words_that_name_nothing_have_no_candidates(country: Session) -> None:
    assert [names(country, text) for text in ("asdf", "!!!", "12", "%_", "xã")] == [[], [], [], [], []]


def test_no_text_gives_more_than_twenty_candidates(country: Session) -> None:
    resolution = resolve_text(country, "xã Tân Thành")

    assert len(resolution.candidates) <= 20
