"""Names compared and ordered as a reader of Vietnamese would."""

from __future__ import annotations

import random

import pytest

from divisions.addresses import read_phrases
from divisions.models import UnitType
from divisions.names import Likeness, latin, likeness, order_key, split_type
from kit.text import sort_key

IN_ORDER = [
    "An", "An Hòa", "Anh", "Ái Quốc", "Ân", "Đà Nẵng", "hoa", "hoà", "hỏa", "hóa", "họa", "Tam Dương", "Tam Điệp",
    "Tam Đường", "Vinh",
]  # fmt: skip


def test_the_byte_order_of_keys_is_the_order_of_the_dictionary() -> None:
    shuffled = random.Random(7).sample(IN_ORDER, len(IN_ORDER))

    by_bytes = sorted(shuffled, key=lambda name: order_key(name).encode())

    assert by_bytes == sorted(IN_ORDER, key=sort_key)
    assert by_bytes.index("Đà Nẵng") < by_bytes.index("Vinh")
    assert by_bytes.index("Tam Dương") < by_bytes.index("Tam Điệp") < by_bytes.index("Tam Đường")


@pytest.mark.parametrize(
    ("written", "name", "expected"),
    [
        ("Đồng Tiến", "Đồng Tiến", Likeness.EXACT),
        ("đồng tiến", "Đồng Tiến", Likeness.EXACT),
        ("hoà bình", "Hòa Bình", Likeness.SAME_TONES),
        ("Đông Tiến", "Đồng Tiến", Likeness.SAME_LETTERS),
        ("Dồng Tiến", "Đồng Tiến", Likeness.FOLDED),
        ("dong tien", "Đồng Tiến", Likeness.FOLDED),
        ("hac thanh", "Hạc Thành", Likeness.FOLDED),
        ("dong tho", "Đồng Tiến", Likeness.DIFFERENT),
        ("D’Ran", "D'Ran", Likeness.EXACT),
    ],
)
def test_spellings_are_told_apart_by_how_near_they_are(written: str, name: str, expected: Likeness) -> None:
    assert likeness(written, name) is expected


@pytest.mark.parametrize(
    ("full_name", "unit_type", "name"),
    [
        ("Phường Đông Tiến", UnitType.WARD, "Đông Tiến"),
        ("Thi trấn Ngan Dừa", UnitType.TOWNSHIP, "Ngan Dừa"),
        ("Xa Ea Kly", UnitType.COMMUNE, "Ea Kly"),
        ("Xã Xa Dung", UnitType.COMMUNE, "Xa Dung"),
        ("xã Bắc Sơn", UnitType.COMMUNE, "Bắc Sơn"),
        ("Xuân Phước", None, "Xuân Phước"),
    ],
)
def test_the_type_word_is_split_off_however_it_is_spelled(
    full_name: str, unit_type: UnitType | None, name: str
) -> None:
    assert split_type(full_name) == (unit_type, name)


def test_latin_names_keep_their_case() -> None:
    assert latin("Đồng Nai") == "Dong Nai"


def test_an_address_is_read_into_names_with_what_they_are_said_to_be() -> None:
    phrases = {phrase.text: phrase for phrase in read_phrases("Số 12 Lê Lợi, P.Đông Thọ, TP Thanh Hóa, T. Thanh Hóa")}

    assert phrases["Đông Thọ"].types == {UnitType.WARD}
    assert phrases["Thanh Hóa"].context
    assert not phrases["Số 12 Lê Lợi"].types


def test_a_word_that_only_looks_like_a_type_belongs_to_the_name() -> None:
    texts = {phrase.text for phrase in read_phrases("xã Phú Xá, x. Tân Xã")}

    assert {"Phú Xá", "Tân Xã"} <= texts


def test_numbered_wards_are_read_in_every_short_form() -> None:
    found = [
        {(phrase.fold, phrase.context) for phrase in read_phrases(text) if phrase.types or phrase.context}
        for text in ("P5, Q.3", "P.05 Q3", "phường 5, quận 3")
    ]

    assert all(named == {("5", False), ("3", True)} for named in found)


def test_endless_text_is_read_only_so_far() -> None:
    phrases = read_phrases("xã " * 5000)

    assert max(phrase.end for phrase in phrases) <= 40
