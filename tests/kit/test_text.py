"""Vietnamese text: one form to store, one to search by, one order, and names that do not give a household away."""

from __future__ import annotations

import random
import unicodedata

import pytest

from kit.text import clean, fold, mask_name, sort_key


def test_a_name_typed_in_nfd_becomes_nfc() -> None:
    name = "Nguyễn Thị Thuỷ"

    spread = unicodedata.normalize("NFD", name)

    assert (len(name), len(spread)) == (15, 19)
    assert clean(spread) == name


def test_a_mark_typed_after_its_letter_joins_it() -> None:
    assert clean("ê\u0323") == "ệ"


@pytest.mark.parametrize(("lookalike", "letter"), [("\u00d0", "Đ"), ("\u00f0", "đ"), ("\u0189", "Đ"), ("\u0256", "đ")])
def test_letters_that_look_like_d_with_stroke_become_it(lookalike: str, letter: str) -> None:
    assert clean(f"{lookalike}à Nẵng") == f"{letter}à Nẵng"
    assert fold(f"{lookalike}à Nẵng") == "da nang"


@pytest.mark.parametrize(("old", "new"), [("hoà", "hòa"), ("thuỷ", "thủy")])
def test_old_and_new_places_of_the_tone_are_kept_and_fold_alike(old: str, new: str) -> None:
    assert clean(old) == old != new == clean(new)
    assert fold(old) == fold(new)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Đường Điện Biên Phủ", "duong dien bien phu"),
        ("  Nguyễn\u00a0 Văn\tAn ", "nguyen van an"),
        ("TRƯƠNG MỸ ƯỚC", "truong my uoc"),
        ("Krông Pắc", "krong pac"),
        ("123/4A Lê Lợi", "123/4a le loi"),
        ("", ""),
    ],
)
def test_folding_leaves_plain_letters_and_single_spaces(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(unicodedata.normalize("NFD", text)) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    "ordered",
    [
        ["hoa", "hoà", "hỏa", "hóa", "họa"],
        ["Tam Dương", "Tam Điệp", "Tam Đường"],
        ["An", "Ân", "Bắc Ninh", "Cà Mau", "Dĩ An", "Đà Nẵng", "Hà Nội", "Vinh"],
        ["ma", "mà", "mả", "mã", "má", "mạ"],
        ["a", "ă", "â"],
        ["o", "ô", "ơ", "u", "ư"],
        ["Hà Nam", "Hà Nội", "Hải Dương"],
    ],
)
def test_names_stand_in_the_order_of_the_dictionary(ordered: list[str]) -> None:
    mixed = random.sample(ordered, len(ordered))

    assert sorted(mixed, key=sort_key) == ordered


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("Nguyễn Văn An", "N***** V** An"),
        ("An", "An"),
        ("  Lê   Thị  Bình ", "L* T** Bình"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Thuỷ"), "N***** T** Thuỷ"),
        ("", ""),
    ],
)
def test_a_masked_name_shows_the_given_name_and_first_letters(name: str, masked: str) -> None:
    assert mask_name(name) == masked
