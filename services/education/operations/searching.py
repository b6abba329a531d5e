"""Finding schools from what people type: exact first, then tone-free, then folded, then nearest; typos included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from services.education import names
from services.education.geometry import EARTH_RADIUS_M
from services.education.operations.cards import Card, Filters

MOST_FOUND = 20
_MOST_NEAR_WORDS = 6  # that one typed word may have been meant as
_MOST_READINGS = 12  # of a query with several typos
_MOST_WORDS = 8  # of a query: names have fewer, the rest is noise
# Taken of one way of matching: of schools that bear the very name the best, of others the first in the alphabet, and
# of those found by words any; a few more than are told, because a school has several names.
_NAMESAKES, _CANDIDATES = 60, 300
EXACT, TONE_FREE, FOLDED, NEAR = "exact", "tone_free", "folded", "near"
_MATCHES = (EXACT, TONE_FREE, FOLDED)

_METRES = f"""
2 * {EARTH_RADIUS_M} * asin(sqrt(
  power(sin(radians(n.lat - :lat) / 2), 2)
  + cos(radians(:lat)) * cos(radians(n.lat)) * power(sin(radians(n.lon - :lon) / 2), 2)))
"""
# Everything that narrows or orders stands beside the name, so that only the schools that are told are looked at.
_SHOWN = """n.school_id, n.name, n.is_former, n.folded, n.level_order,
  NOT n.tags @> CAST(:hint AS text[]) AS is_other_level, {metres} AS distance_m"""
_ORDER = "rank, is_former, is_other_level, distance_m, level_order, folded, school_id"
_BY_NAME = """
SELECT {rank} AS rank, {{shown}} FROM school_name n WHERE {condition} {{filters}} ORDER BY {order} LIMIT {limit}
"""
_BY_WORDS = """
SELECT {rank} AS rank, {{shown}}
FROM (SELECT n.id FROM school n WHERE n.is_listed AND n.words @@ CAST(:words AS tsquery) {{filters}}
      LIMIT {limit}) AS found
JOIN school_name n ON n.school_id = found.id
"""
_FIND = """
WITH candidate AS ({candidates}),
best AS (SELECT DISTINCT ON (school_id) * FROM candidate ORDER BY school_id, {order}),
told AS (SELECT *, row_number() OVER (ORDER BY {order}) AS place FROM best ORDER BY place LIMIT :limit)
SELECT b.rank, b.name AS found_as, b.is_former, s.id, s.card, s.standard_until, b.distance_m
FROM told b JOIN school s ON s.id = b.school_id ORDER BY b.place
"""
_KNOWN_WORDS = text("SELECT word, uses FROM school_word WHERE word = ANY(CAST(:words AS text[]))")
_NEAR_WORDS = text("""
SELECT DISTINCT near.word, known.uses
FROM school_near_word near JOIN school_word known ON known.word = near.word
WHERE near.variant = ANY(CAST(:variants AS text[]))
""")


@dataclass(frozen=True)
class Found:
    """A school that was found: its card, the name it was found by when that is not its own, and how well it fits."""

    card: Card
    found_as: str | None
    match: str


@dataclass(frozen=True)
class _Query:
    """One way to read what was typed: the words each place may hold, and the names it may mean, likeliest first."""

    reading: names.Reading
    words: Sequence[Sequence[str]]
    meant: Sequence[str] = ()
    is_mended: bool = False


@dataclass
class _Asked:
    filters: Filters
    limit: int
    near: tuple[float, float] | None = None
    found: dict[UUID, Found] = field(default_factory=dict)


def search_schools(
    session: Session,
    q: str,
    filters: Filters,
    *,
    near: tuple[float, float] | None = None,
    limit: int = MOST_FOUND,
) -> list[Found]:
    """At most `limit` schools for what was typed, best first; `near` is (lat, lon) and orders what fits equally.

    Words of a level ("tiểu học", "THPT") put schools of that level before others that fit as well; old names of
    communes, districts and provinces find the schools that lie there today. Words are taken for typos only where too
    little is found without.
    """
    asked = _Asked(filters, limit, near)
    for reading in _readings(q):
        if not reading.words:
            if reading.levels:
                _collect(session, asked, _QUERY_OF_LEVEL, reading, {})
            continue
        known = {row.word for row in session.execute(_KNOWN_WORDS, {"words": reading.words})}
        _search(session, asked, _Query(reading, [[word] for word in reading.words]), known)
        if len(asked.found) < limit:
            for query in _mended(session, reading, known):
                _search(session, asked, query, known)
    return list(asked.found.values())[:limit]


def _readings(q: str) -> list[names.Reading]:
    """What was typed; and, where "Trường" in front was kept as part of a name, what it says without it."""
    reading = names.read(q)
    readings = [reading]
    if reading.words[:1] == ["truong"]:
        rest = reading.core.split(maxsplit=1)[1:]
        readings += [names.Reading(reading.levels, core, names.forms_of(core)) for core in rest]
    return readings


def _search(session: Session, asked: _Asked, query: _Query, known: set[str]) -> None:
    forms = query.reading.forms
    values: dict[str, Any] = {
        "spelled": forms.spelled,
        "toneless": forms.toneless,
        "folded": forms.folded,
        "prefix": _escaped(forms.folded) + "%",
        "meant": list(query.meant),
        "likeliest": f" {query.meant[0]} " if query.meant else "",
    }
    by_name, by_words = (_MENDED_NAMES, _MENDED_WORDS) if query.is_mended else (_NAMES, _WORDS)
    _collect(session, asked, by_name, query.reading, values, is_mended=query.is_mended)
    # Where each word is some school's, only a whole name is mended: words alone would find half the country.
    is_guess = query.is_mended and known.issuperset(query.reading.words)
    if len(asked.found) < asked.limit and not is_guess:
        values["words"] = _tsquery(query.words, known)
        _collect(session, asked, by_words, query.reading, values, is_mended=query.is_mended)


def _mended(session: Session, reading: names.Reading, known: set[str]) -> Iterable[_Query]:
    """The query with typos put right: words no school has, or any word where each of them is some school's."""
    words = reading.words[:_MOST_WORDS]
    doubtful = [word for word in words if word not in known] or words
    variants = {word: names.near_variants(word) for word in doubtful if names.is_mendable(word)}
    if not variants:
        return
    rows = session.execute(_NEAR_WORDS, {"variants": sorted(set().union(*variants.values()))}).all()
    uses = {row.word: row.uses for row in rows}
    choices: list[list[str]] = []
    for word in words:
        near = [other for other in uses if word in variants and names.is_one_typo(word, other)]
        likely = names.likelier_first(word, near, uses)[:_MOST_NEAR_WORDS]
        # The word as it stands comes first where some school has it, and goes where another can be meant.
        choices.append([word, *likely] if word in known or not likely else likely)
    typed = [[word] for word in words]
    if choices == typed:
        return
    meant = [" ".join(chosen) for chosen in islice(product(*choices), _MOST_READINGS)]
    yield _Query(reading, choices, [one for one in meant if one != " ".join(words)], is_mended=True)


def _collect(
    session: Session,
    asked: _Asked,
    statement: str,
    reading: names.Reading,
    values: Mapping[str, Any],
    *,
    is_mended: bool = False,
) -> None:
    conditions, filter_values = asked.filters.as_sql("n")
    filled = _statement(statement, conditions, is_near=asked.near is not None)
    given = {**values, **filter_values, "limit": asked.limit, "hint": [f"level:{one}" for one in reading.levels[:1]]}
    if asked.near is not None:
        given["lat"], given["lon"] = asked.near
    rows = session.execute(filled, given).all()
    for row in rows:
        if row.id not in asked.found:
            match = NEAR if is_mended else _MATCHES[min(row.rank % 10, 2)]
            asked.found[row.id] = Found(
                Card(row.card, row.standard_until, row.distance_m), row.found_as if row.is_former else None, match
            )


def _statement(candidates: str, filters: str, *, is_near: bool) -> TextClause:
    key = (candidates, filters, is_near)
    if key not in _statements:
        shown = _SHOWN.format(metres=_METRES if is_near else "CAST(NULL AS double precision)")
        _statements[key] = text(_FIND.format(candidates=candidates.format(shown=shown, filters=filters), order=_ORDER))
    return _statements[key]


def _union(*parts: str) -> str:
    return " UNION ALL ".join(f"({part})" for part in parts)


_statements: dict[tuple[str, str, bool], TextClause] = {}
# Whoever spells a name alike, or without tones alike, also folds alike: one index finds all three.
_NAMES = _union(
    _BY_NAME.format(
        rank="CASE WHEN n.spelled = :spelled THEN 0 WHEN n.toneless = :toneless THEN 1 ELSE 2 END",
        condition="n.folded = :folded",
        order=_ORDER,
        limit=_NAMESAKES,
    ),
    _BY_NAME.format(
        rank="""CASE WHEN n.spelled LIKE :spelled || '%' THEN 10
          WHEN n.toneless LIKE :toneless || '%' THEN 11 ELSE 12 END""",
        condition="n.folded LIKE :prefix AND n.folded <> :folded",
        order="folded, level_order, school_id",
        limit=_CANDIDATES,
    ),
)
# The rest of a query may name the place: a name that was typed whole comes before words found anywhere.
_WORDS = _BY_WORDS.format(
    rank="""CASE
      WHEN ' ' || :spelled || ' ' LIKE '% ' || n.spelled || ' %' THEN 20
      WHEN ' ' || :toneless || ' ' LIKE '% ' || n.toneless || ' %' THEN 21
      WHEN ' ' || :folded || ' ' LIKE '% ' || n.folded || ' %' THEN 22
      WHEN ' ' || n.folded || ' ' LIKE '% ' || :folded || '%' THEN 32
      ELSE 42 END""",
    limit=_CANDIDATES,
)
_MENDED_NAMES = _BY_NAME.format(
    rank="100 + 10 * array_position(CAST(:meant AS text[]), n.folded)",
    condition="n.folded = ANY(CAST(:meant AS text[]))",
    order=_ORDER,
    limit=_NAMESAKES,
)
_MENDED_WORDS = _BY_WORDS.format(
    rank="CASE WHEN :likeliest LIKE '% ' || n.folded || ' %' THEN 600 ELSE 700 END", limit=_CANDIDATES
)
# Nothing but words of a level was typed: its schools in alphabetical order.
_QUERY_OF_LEVEL = """
SELECT 0 AS rank, {shown}
FROM (SELECT n.id FROM school n WHERE n.is_listed AND n.tags @> CAST(:hint AS text[]) {filters}
      ORDER BY n.sort_key, n.id LIMIT 20) AS found
JOIN school_name n ON n.school_id = found.id AND NOT n.is_former
"""


def _tsquery(words: Sequence[Sequence[str]], known: set[str]) -> str:
    """Every word of the query, each as any of its readings; a last word no school has may be the beginning of one.

    Words are letters and digits only, so nothing in them can end the quotes.
    """
    told = []
    for place, choice in enumerate(words[:_MOST_WORDS]):
        is_begun = place == len(words) - 1 and len(choice) == 1 and choice[0] not in known and len(choice[0]) > 1
        told.append("(" + " | ".join(f"'{word}':*" if is_begun else f"'{word}'" for word in choice) + ")")
    return " & ".join(told)


def _escaped(folded: str) -> str:
    return folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
