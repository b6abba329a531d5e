"""Vietnamese names of units: the words of their types, spellings that mean the same, the order of the dictionary."""

from __future__ import annotations

import unicodedata
from enum import IntEnum

from divisions.models import UnitType
from kit.text import clean, fold, sort_key

# Folded words -> type. "thành phố" before a commune's or district's name is read by divisions.addresses.
TYPE_WORDS: dict[tuple[str, ...], UnitType] = {
    ("thi", "tran"): UnitType.TOWNSHIP,
    ("dac", "khu"): UnitType.SPECIAL_ZONE,
    ("thanh", "pho"): UnitType.CITY,
    ("phuong",): UnitType.WARD,
    ("tinh",): UnitType.PROVINCE,
    ("xa",): UnitType.COMMUNE,
}
TYPE_NAMES: dict[UnitType, str] = {
    UnitType.TOWNSHIP: "Thị trấn",
    UnitType.SPECIAL_ZONE: "Đặc khu",
    UnitType.CITY: "Thành phố",
    UnitType.WARD: "Phường",
    UnitType.PROVINCE: "Tỉnh",
    UnitType.COMMUNE: "Xã",
}
_TONES = "\u0300\u0309\u0303\u0301\u0323"
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})
# One character a letter: " " ends the letters, "!" is a space, then the alphabet, then everything else.
_END_OF_LETTERS, _SPACE, _FIRST_LETTER, _OTHER = " ", "!", ord("A"), "~"
_LETTERS_IN_ALPHABET = 100


class Likeness(IntEnum):
    """How near a name is to what was written; less is nearer."""

    EXACT = 0
    SAME_TONES = 1  # hoà and hòa: only the place of the tone mark differs
    SAME_LETTERS = 2  # đ, ă, â, ê, ô, ơ, ư agree, tones do not
    FOLDED = 3
    DIFFERENT = 4

    @property
    def word(self) -> str:
        """What the API calls it."""
        return self.name.lower()


def one_line(text: str) -> str:
    """A cell as one line of NFC text without stray spaces."""
    return " ".join(clean(text).split())


def search_fold(name: str) -> str:
    """`name` as searches match it: folded, with every apostrophe the same (D’Ran and D'Ran)."""
    return fold(name.translate(_APOSTROPHES))


def split_type(full_name: str) -> tuple[UnitType | None, str]:
    """Split "Phường Đông Tiến" into (ward, "Đông Tiến"), however its case and marks are spelled ("Xa", "Thi trấn").

    The type is None when the name begins with no known word.
    """
    words = full_name.split()
    folded = [fold(word) for word in words]
    for type_words, unit_type in TYPE_WORDS.items():
        count = len(type_words)
        if len(words) > count and tuple(folded[:count]) == type_words:
            return unit_type, " ".join(words[count:])
    return None, full_name


def latin(name: str) -> str:
    """`name` without any mark, case kept: "Đồng Nai" -> "Dong Nai"."""
    spread = unicodedata.normalize("NFD", name).replace("Đ", "D").replace("đ", "d")
    return "".join(char for char in spread if not unicodedata.combining(char))


def order_key(name: str) -> str:
    """`name` as a text whose byte order is Vietnamese alphabetical order: letters first, tones break ties."""
    letters, tones = sort_key(name)
    return "".join(map(_place, letters)) + _END_OF_LETTERS + "".join(map(str, tones))


def likeness(written: str, name: str) -> Likeness:
    """How near `name` is to what was `written`, case and apostrophes aside.

    Words written without any mark say nothing about letters or tones: they are at best FOLDED, unless the name has no
    mark either.
    """
    a, b = (one_line(text).lower().translate(_APOSTROPHES) for text in (written, name))
    if a == b:
        return Likeness.EXACT
    if _syllables(a) == _syllables(b):
        return Likeness.SAME_TONES
    if has_marks(a) and _without_tones(a) == _without_tones(b):
        return Likeness.SAME_LETTERS
    return Likeness.FOLDED if fold(a) == fold(b) else Likeness.DIFFERENT


def has_marks(text: str) -> bool:
    """Whether `text` was written with diacritics."""
    return fold(text) != " ".join(text.lower().split())


def _place(letter: int) -> str:
    if letter < 0:
        return _SPACE
    if letter < _LETTERS_IN_ALPHABET:
        return chr(_FIRST_LETTER + letter)
    return f"{_OTHER}{letter:07d}"


def _without_tones(text: str) -> str:
    spread = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(char for char in spread if char not in _TONES))


def _syllables(text: str) -> list[tuple[str, str]]:
    """Each syllable's letters and its tone, wherever in the syllable the tone mark stands."""
    return [
        (_without_tones(word), "".join(char for char in unicodedata.normalize("NFD", word) if char in _TONES))
        for word in text.split()
    ]
