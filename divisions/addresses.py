"""Reads what a citizen wrote as an address: which words may name a commune, and what else stands around them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from divisions.models import UnitType
from divisions.names import has_marks, one_line, search_fold
from kit.text import fold

MAX_WORDS = 40
_LONGEST_NAME = 5  # words; the longest commune's name has four
_ABBREVIATION = re.compile(r"(?<!\w)(tp|tx|tt|p|q|x|h|t)\.\s*", re.IGNORECASE)
_NUMBERED = re.compile(r"(?<!\w)(p|q)\s*(\d{1,2})(?!\w)", re.IGNORECASE)
_BREAK = re.compile(r"[,;\n/()]+|\s[-–]\s")

# Folded words -> the types they may stand for among communes; none for districts and provinces, which are context.
_COMMUNE_WORDS: dict[tuple[str, ...], frozenset[UnitType]] = {
    ("thi", "tran"): frozenset({UnitType.TOWNSHIP}),
    ("dac", "khu"): frozenset({UnitType.SPECIAL_ZONE}),
    ("phuong",): frozenset({UnitType.WARD}),
    ("xa",): frozenset({UnitType.COMMUNE}),
    ("tt",): frozenset({UnitType.TOWNSHIP}),
    ("p",): frozenset({UnitType.WARD}),
    ("x",): frozenset({UnitType.COMMUNE}),
}
_CONTEXT_WORDS: frozenset[tuple[str, ...]] = frozenset({
    ("thanh", "pho"), ("thi", "xa"), ("quan",), ("huyen",), ("tinh",), ("tp",), ("tx",), ("q",), ("h",), ("t",),
})  # fmt: skip
_TONED = {
    "thi": "thị", "tran": "trấn", "dac": "đặc", "phuong": "phường", "xa": "xã", "thanh": "thành", "pho": "phố",
    "quan": "quận", "huyen": "huyện", "tinh": "tỉnh",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phrase:
    """Some words in a row that may be a name, from word `start` up to word `end`, not included.

    `types` is what the word before them says the named unit is; empty when nothing says so. `context` when that word
    belongs to a district or a province.
    """

    text: str
    fold: str
    start: int
    end: int
    types: frozenset[UnitType] = frozenset()
    context: bool = False

    def overlaps(self, other: Phrase) -> bool:
        """Whether the two share a word."""
        return self.start < other.end and other.start < self.end


def read_phrases(text: str) -> list[Phrase]:
    """Every run of words in `text` that may name a unit; words beyond the fortieth are not read."""
    spelled_out = _NUMBERED.sub(lambda m: f"{m[1]} {int(m[2])}", _ABBREVIATION.sub(r"\1 ", one_line(text)))
    parts = [part.split() for part in _BREAK.split(spelled_out)]
    parts = [part for part in parts if part]
    # Without commas nothing tells where a name ends: try every run of words.
    tries_runs = len(parts) == 1
    phrases: dict[tuple[int, int], Phrase] = {}
    start = 0
    for words in parts:
        room = words[: max(0, MAX_WORDS - start)]
        for phrase in _phrases_of(room, start, tries_runs=tries_runs):
            known = phrases.get((phrase.start, phrase.end))
            if known is None or not (known.types or known.context):
                phrases[phrase.start, phrase.end] = phrase
        start += len(words)
    return list(phrases.values())


def _phrases_of(words: list[str], start: int, *, tries_runs: bool) -> list[Phrase]:
    if not words:
        return []
    found = [_phrase(words, 0, len(words), start)]
    heads = list(_heads(words))
    for place, (at, length, key) in enumerate(heads):
        end = heads[place + 1][0] if place + 1 < len(heads) else len(words)
        types = _COMMUNE_WORDS.get(key, frozenset())
        found.append(_phrase(words, at + length, end, start, types, context=not types))
        if not has_marks(words[at]):
            # "quan son" may be Quận Sơn or the commune Quan Sơn.
            found.append(_phrase(words, at, end, start))
    if heads and heads[0][0] > 0:
        found.append(_phrase(words, 0, heads[0][0], start))
    if tries_runs:
        found += [
            _phrase(words, at, at + length, start)
            for length in range(2, _LONGEST_NAME + 1)
            for at in range(len(words) - length + 1)
        ]
    return found


def _heads(words: list[str]) -> list[tuple[int, int, tuple[str, ...]]]:
    """Where words of a type stand that are followed by a name: (place, how many words, those words folded)."""
    heads: list[tuple[int, int, tuple[str, ...]]] = []
    at = 0
    while at < len(words) - 1:
        for length in (2, 1):
            key = tuple(map(fold, words[at : at + length]))
            is_known = key in _COMMUNE_WORDS or key in _CONTEXT_WORDS
            if is_known and at + length < len(words) and all(map(_is_type_word, words[at : at + length])):
                heads.append((at, length, key))
                at += length
                break
        at += 1
    return heads


def _is_type_word(word: str) -> bool:
    """A type word is spelled with its own marks or with none: "Xá" in "Phú Xá" is none."""
    return not has_marks(word) or word.lower() == _TONED.get(fold(word))


def _phrase(
    words: list[str],
    at: int,
    end: int,
    start: int,
    types: frozenset[UnitType] = frozenset(),
    *,
    context: bool = False,
) -> Phrase:
    text = " ".join(words[at:end])
    return Phrase(text, search_fold(text), start + at, start + end, types, context)
