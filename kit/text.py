"""Vietnamese text: cleaning at the edge, folding for search without diacritics, alphabetical order."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Letters that look like Đ and đ but are the Icelandic or African ones; keyboards and old fonts produce them.
_LOOKALIKE = str.maketrans({"\u00d0": "Đ", "\u00f0": "đ", "\u0189": "Đ", "\u0256": "đ"})
_TONES = "\u0300\u0309\u0303\u0301\u0323"  # huyền, hỏi, ngã, sắc, nặng: the order of the dictionary
_LETTERS = {letter: place for place, letter in enumerate("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz")}
_AFTER_LETTERS = 100


def clean(text: str) -> str:
    """NFC with look-alike letters replaced: what is stored and compared."""
    return unicodedata.normalize("NFC", text.translate(_LOOKALIKE))


def fold(text: str) -> str:
    """Lower case without any mark, đ as d, single spaces: for search columns and proofs, never shown.

    Unites what NFC does not: "hoà bình" and "hòa bình" fold alike.
    """
    spread = unicodedata.normalize("NFD", clean(text).lower().replace("đ", "d"))
    return " ".join("".join(char for char in spread if not unicodedata.combining(char)).split())


def sort_key(text: str) -> tuple[list[int], list[int]]:
    """Vietnamese alphabetical order: letters decide first, tones break ties."""
    ranks = [_rank(char) for char in clean(text).lower()]
    return [letter for letter, _ in ranks], [tone for _, tone in ranks]


@lru_cache(maxsize=1024)
def _rank(char: str) -> tuple[int, int]:
    """The places of a character among the letters and of its mark among the tones; a text has few different ones."""
    spread = unicodedata.normalize("NFD", char)
    base = unicodedata.normalize("NFC", "".join(mark for mark in spread if mark not in _TONES))
    letter = -1 if base.isspace() else _LETTERS.get(base, _AFTER_LETTERS + ord(base[0]))
    return letter, next((_TONES.index(mark) + 1 for mark in spread if mark in _TONES), 0)


def mask_name(name: str) -> str:
    """A person's name as shown to someone who has not proved to be that person: "Nguyễn Văn An" -> "N***** V** An".

    The given name stays, because a payer must be able to tell two households apart; the family name does not.
    """
    *before, given = clean(name).split() or [""]
    return " ".join([word[0] + "*" * (len(word) - 1) for word in before] + [given])
