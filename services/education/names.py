"""Names of schools as people type them: abbreviations, words of level, forms to compare by, words one typo away."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kit.text import clean, fold
from services.education.models import Level

_TONES = "\u0300\u0309\u0303\u0301\u0323"
_WORD = re.compile(r"[a-z0-9]+")
_TOKEN = re.compile(r"[^\W_]+", re.UNICODE)
# What people shorten before a name of a place; only with the dot, or a digit after it, is it surely one.
_PLACE_DOTS = re.compile(r"\b(tp|tx|tt|q|p|h|x)\s*\.\s*|\b([qp])(?=\d)", re.IGNORECASE)
_PLACE_WORDS = {
    "tp": "thành phố ", "tx": "thị xã ", "tt": "thị trấn ", "q": "quận ", "p": "phường ", "h": "huyện ", "x": "xã ",
}  # fmt: skip
# Folded words -> the level they mean; the longest first, so that "trung học cơ sở" is not read as something shorter.
_LEVEL_WORDS: tuple[tuple[tuple[str, ...], Level | None], ...] = tuple(
    (tuple(words.split()), level)
    for words, level in (
        ("trung tam giao duc nghe nghiep giao duc thuong xuyen", Level.CONTINUING),
        ("trung tam giao duc thuong xuyen", Level.CONTINUING),
        ("giao duc thuong xuyen", Level.CONTINUING),
        ("pho thong dan toc noi tru", None),
        ("pho thong dan toc ban tru", None),
        ("trung hoc co so", Level.LOWER_SECONDARY),
        ("trung hoc pho thong", Level.UPPER_SECONDARY),
        ("pho thong co so", Level.LOWER_SECONDARY),
        ("tieu hoc", Level.PRIMARY),
        ("cap 1", Level.PRIMARY),
        ("cap 2", Level.LOWER_SECONDARY),
        ("cap 3", Level.UPPER_SECONDARY),
        ("mam non", Level.KINDERGARTEN),
        ("mau giao", Level.KINDERGARTEN),
        ("nha tre", Level.NURSERY),
        ("lien cap", None),
        ("ptdtnt", None),
        ("ptdtbt", None),
        ("ptcs", Level.LOWER_SECONDARY),
        ("thcs", Level.LOWER_SECONDARY),
        ("thpt", Level.UPPER_SECONDARY),
        ("ptth", Level.UPPER_SECONDARY),
        ("gdtx", Level.CONTINUING),
        ("gdnn", Level.CONTINUING),
        ("th", Level.PRIMARY),
        ("mn", Level.KINDERGARTEN),
        ("mg", Level.KINDERGARTEN),
        ("truong", None),
    )
)
_BY_FIRST_WORD: dict[str, list[tuple[tuple[str, ...], Level | None]]] = defaultdict(list)
for _words, _level in _LEVEL_WORDS:
    _BY_FIRST_WORD[_words[0]].append((_words, _level))
_JOINING = frozenset({"va"})
_NAMES_WITH_TRUONG = [[word] for word in ("chinh", "thi", "sa", "son", "yen", "giang")]
_SHORTEST_MENDED = 3
_LONGEST_MENDED = 24


@dataclass(frozen=True)
class Forms:
    """One text in the three forms names are compared by."""

    spelled: str
    toneless: str
    folded: str


@dataclass(frozen=True)
class Reading:
    """What a query or a name says: the levels its words name, and the rest in three forms.

    `core` is the rest as typed; without a rest (only "tiểu học") its forms are empty.
    """

    levels: tuple[Level, ...]
    core: str
    forms: Forms

    @property
    def words(self) -> list[str]:
        """The folded words of the rest."""
        return words_of(self.forms.folded)


def words_of(folded: str) -> list[str]:
    """The words of a folded text: letters and digits, at most forty characters each."""
    return [word[:40] for word in _WORD.findall(folded)]


def forms_of(text: str) -> Forms:
    """`text` as spelled (case and the place of the tone mark aside), without tones, and without any mark."""
    words = _TOKEN.findall(clean(text).lower())
    spelled, toneless = [], []
    for word in words:
        spread = unicodedata.normalize("NFD", word)
        letters = unicodedata.normalize("NFC", "".join(char for char in spread if char not in _TONES))
        # The tone goes behind its syllable, as a digit: hoà and hòa are one spelling.
        tone = next((str(_TONES.index(char) + 1) for char in spread if char in _TONES), "")
        spelled.append(letters + tone)
        toneless.append(letters)
    return Forms(" ".join(spelled), " ".join(toneless), " ".join(fold(word) for word in words))


@lru_cache(maxsize=8192)
def read(text: str) -> Reading:
    """Take the words of level out of a name or a query, and spell out the abbreviations of places."""
    written = _PLACE_DOTS.sub(lambda found: _PLACE_WORDS[(found[1] or found[2]).lower()], clean(text))
    tokens = _TOKEN.findall(written)
    folded = [fold(token) for token in tokens]
    levels: list[Level] = []
    kept: list[str] = []
    place, after_level = 0, False
    while place < len(tokens):
        found = _level_at(folded, place)
        if found is not None:
            words, level = found
            levels += [level] if level is not None and level not in levels else []
            place += len(words)
            after_level = True
        elif after_level and folded[place] in _JOINING and _level_at(folded, place + 1):
            place += 1  # "tiểu học và trung học cơ sở"
        else:
            kept.append(tokens[place])
            place, after_level = place + 1, False
    core = " ".join(kept)
    return Reading(tuple(levels), core, forms_of(core))


def near_variants(word: str) -> set[str]:
    """The word itself and every way to leave out one letter of it; none for words too short or long to mend."""
    if not _SHORTEST_MENDED - 1 <= len(word) <= _LONGEST_MENDED:
        return set()
    return {word} | {word[:place] + word[place + 1 :] for place in range(len(word))}


def is_mendable(word: str) -> bool:
    """Whether a word of a query may be taken for a typo."""
    return _SHORTEST_MENDED <= len(word) <= _LONGEST_MENDED


def is_one_typo(typed: str, meant: str) -> bool:
    """Whether one letter was left out, added, replaced, or two neighbours were swapped."""
    if typed == meant or abs(len(typed) - len(meant)) > 1:
        return False
    if len(typed) > len(meant):
        return is_one_typo(meant, typed)
    start = next((i for i, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), len(typed))
    if len(typed) < len(meant):
        return typed[start:] == meant[start + 1 :]
    return typed[start + 1 :] == meant[start + 1 :] or (
        typed[start : start + 2] == meant[start : start + 2][::-1] and typed[start + 2 :] == meant[start + 2 :]
    )


def likelier_first(typed: str, meant: Iterable[str], uses: dict[str, int]) -> list[str]:
    """Words one typo away, the likelier first: a letter left out is commoner than a wrong one."""

    def cost(word: str) -> tuple[bool, int, int, str]:
        if len(word) > len(typed):
            slip = 0
        elif len(word) == len(typed):
            slip = 1 if sorted(word) == sorted(typed) else 2
        else:
            slip = 3
        return word[:1] != typed[:1], slip, -uses.get(word, 0), word

    return sorted(meant, key=cost)


def search_words(name: str, others: Sequence[str]) -> list[str]:
    """Every word a school is found by, sorted: those of its names, and each name written as one word."""
    found: set[str] = set()
    for text in (name, *others):
        reading = read(text)
        words = reading.words
        found.update(words)
        joined = "".join(words)
        if len(words) > 1 and len(joined) <= _LONGEST_MENDED:
            found.add(joined)
    return sorted(found)


def place_words(texts: Iterable[str]) -> set[str]:
    """The words of names of places."""
    return {word for text in texts for word in words_of(fold(text))}


def _level_at(folded: Sequence[str], place: int) -> tuple[tuple[str, ...], Level | None] | None:
    for words, level in _BY_FIRST_WORD.get(folded[place], ()) if place < len(folded) else ():
        if tuple(folded[place : place + len(words)]) == words and not _is_part_of_a_name(folded, place, words):
            return words, level
    return None


def _is_part_of_a_name(folded: Sequence[str], place: int, words: tuple[str, ...]) -> bool:
    # "Trường" is also the beginning of names (Trường Chinh, Trường Thi): only in front of the whole it is the word,
    # and not even there when such a name follows.
    return words == ("truong",) and (place > 0 or folded[1:2] in _NAMES_WITH_TRUONG)
