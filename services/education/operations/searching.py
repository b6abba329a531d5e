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
_MOST_NEAR_WORDS = 8  # that one typed word may have been meant as
_MOST_READINGS = 24  # of a query with several typos
_MOST_WORDS = 8  # of a query: names have fewer, the rest is noise
_CANDIDATES = 400  # looked at in one way of matching: the order of the index brings the best ones first
EXACT, TONE_FREE, FOLDED, NEAR = "exact", "tone_free", "folded", "near"
_MATCHES = (EXACT, TONE_FREE, FOLDED)

_METRES = f"""
2 * {EARTH_RADIUS_M} * asin(sqrt(
  power(sin(radians(s.lat - :lat) / 2), 2)
  + cos(radians(:lat)) * cos(radians(s.lat)) * power(sin(radians(s.lon - :lon) / 2), 2)))
"""
# Whether the whole name was typed, in which form, is told by three indexes; each gives its first rows in order.
_BY_NAME = """
SELECT {rank} AS rank, n.school_id, n.name, n.is_former, n.level_order
FROM school_name n WHERE {condition}
ORDER BY {order} n.level_order, n.school_id LIMIT """ + str(_CANDIDATES)
_BY_WORDS = (
    """
SELECT {rank} AS rank, n.school_id, n.name, n.is_former, n.level_order
FROM (SELECT s.id FROM school s WHERE s.is_listed AND s.words @@ CAST(:words AS tsquery) {filters}
      LIMIT """
    + str(_CANDIDATES)
    + """) AS found
JOIN school_name n ON n.school_id = found.id
"""
)
_FIND = """
WITH candidate AS ({candidates}),
best AS (
  SELECT DISTINCT ON (c.school_id) c.* FROM candidate c ORDER BY c.school_id, c.rank, c.is_former
)
SELECT b.rank, b.name AS found_as, b.is_former, s.id, s.card, s.standard_until, {metres} AS distance_m
FROM best b JOIN school s ON s.id = b.school_id AND s.is_listed {filters}
ORDER BY b.rank, b.is_former, NOT s.tags @> CAST(:hint AS text[]), {nearest} b.level_order, s.sort_key, s.id
LIMIT :limit
"""
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
        _search(session, asked, _Query(reading, [[word] for word in reading.words]))
        if len(asked.found) < limit:
            for query in _mended(session, reading):
                _search(session, asked, query)
    return list(asked.found.values())[:limit]


def _readings(q: str) -> list[names.Reading]:
    """What was typed; and, where "Trường" in front was kept as part of a name, what it says without it."""
    reading = names.read(q)
    readings = [reading]
    if reading.words[:1] == ["truong"]:
        rest = reading.core.split(maxsplit=1)[1:]
        readings += [names.Reading(reading.levels, core, names.forms_of(core)) for core in rest]
    return readings


def _search(session: Session, asked: _Asked, query: _Query) -> None:
    forms = query.reading.forms
    values: dict[str, Any] = {
        "spelled": forms.spelled,
        "toneless": forms.toneless,
        "folded": forms.folded,
        "prefix": _escaped(forms.folded) + "%",
        "meant": list(query.meant),
        "meant_prefixes": [_escaped(meant) + "%" for meant in query.meant],
    }
    _collect(
        session, asked, _MENDED_NAMES if query.is_mended else _NAMES, query.reading, values, is_mended=query.is_mended
    )
    if len(asked.found) < asked.limit:
        values["words"] = _tsquery(query.words)
        ranked = _MENDED_WORDS if query.is_mended else _WORDS
        _collect(session, asked, ranked, query.reading, values, is_mended=query.is_mended)


def _mended(session: Session, reading: names.Reading) -> Iterable[_Query]:
    """The query with words put right that may be typos, if there are any."""
    words = reading.words[:_MOST_WORDS]
    variants = {word: names.near_variants(word) for word in words if names.is_mendable(word)}
    if not variants:
        return
    rows = session.execute(_NEAR_WORDS, {"variants": sorted(set().union(*variants.values()))}).all()
    uses = {row.word: row.uses for row in rows}
    choices: list[list[str]] = []
    for word in words:
        near = [known for known in uses if word in variants and names.is_one_typo(word, known)]
        likely = names.likelier_first(word, near, uses)[:_MOST_NEAR_WORDS]
        # The word as it stands comes first where some school has it, and last where none does.
        choices.append([word, *likely] if word in uses or not likely else [*likely, word])
    if all(len(choice) == 1 for choice in choices):
        return
    meant = [" ".join(words) for words in islice(product(*choices), _MOST_READINGS)]
    typed = " ".join(words)
    yield _Query(reading, choices, [one for one in meant if one != typed], is_mended=True)


def _collect(
    session: Session,
    asked: _Asked,
    statement: str,
    reading: names.Reading,
    values: Mapping[str, Any],
    *,
    is_mended: bool = False,
) -> None:
    conditions, filter_values = asked.filters.as_sql()
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
        _statements[key] = text(
            _FIND.format(
                candidates=candidates.replace("{filters}", filters),
                filters=filters,
                metres=_METRES if is_near else "CAST(NULL AS double precision)",
                nearest="distance_m NULLS LAST, " if is_near else "",
            )
        )
    return _statements[key]


def _union(*parts: str) -> str:
    return " UNION ALL ".join(f"({part})" for part in parts)


_statements: dict[tuple[str, str, bool], TextClause] = {}
_NAMES = _union(
    _BY_NAME.format(rank="0", condition="n.spelled = :spelled", order=""),
    _BY_NAME.format(rank="1", condition="n.toneless = :toneless", order=""),
    _BY_NAME.format(rank="2", condition="n.folded = :folded", order=""),
    _BY_NAME.format(
        rank="CASE WHEN n.spelled LIKE :spelled || '%' THEN 10 WHEN n.toneless LIKE :toneless || '%' THEN 11 ELSE 12 END",
        condition="n.folded LIKE :prefix",
        order="n.folded,",
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
    filters="{filters}",
)
_MENDED_NAMES = _union(
    _BY_NAME.format(
        rank="100 + 10 * array_position(CAST(:meant AS text[]), n.folded)",
        condition="n.folded = ANY(CAST(:meant AS text[]))",
        order="",
    ),
    _BY_NAME.format(
        rank="500",
        condition="n.folded LIKE ANY(CAST(:meant_prefixes AS text[]))",
        order="n.folded,",
    ),
)
_MENDED_WORDS = _BY_WORDS.format(
    rank="""CASE
      WHEN EXISTS (SELECT 1 FROM unnest(CAST(:meant AS text[])) AS m WHERE ' ' || m || ' ' LIKE '% ' || n.folded || ' %')
      THEN 600 ELSE 700 END""",
    filters="{filters}",
)
# Nothing but words of a level was typed: its schools in alphabetical order.
_QUERY_OF_LEVEL = """
SELECT 0 AS rank, s.id AS school_id, s.name, false AS is_former, s.level_order
FROM school s WHERE s.is_listed AND s.tags @> CAST(:hint AS text[]) {filters}
ORDER BY s.sort_key, s.id LIMIT """ + str(MOST_FOUND)


def _tsquery(words: Sequence[Sequence[str]]) -> str:
    """Every word of the query, each as any of its readings; the last may be the beginning of a longer one.

    Words are letters and digits only, so nothing in them can end the quotes.
    """
    last = len(words) - 1
    return " & ".join(
        "(" + " | ".join(f"'{word}':*" if place == last else f"'{word}'" for word in choice) + ")"
        for place, choice in enumerate(words[:_MOST_WORDS])
    )


def _escaped(folded: str) -> str:
    return folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
