"""Writing schools: the facts, everything drawn from them, their history and the feed, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import Table, TextClause, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import divisions.operations
from kit import clock
from kit.database import Base, new_id
from kit.events import emit
from kit.parsing import Flaw
from services.education import facts as shape, names
from services.education.errors import FactsNotValid, ProposalOutdated, UnknownCommune
from services.education.events import SavedSchoolGone
from services.education.models import (
    ChangeKind,
    School,
    SchoolChange,
    SchoolFeed,
    SchoolName,
    SchoolRevision,
)
from services.education.operations.drawing import Place, former_names, row_of


def _insert_into(model: type[Base], on_conflict: str = "") -> TextClause:
    """Rows come by thousands here: all of them travel as one JSON array, which the server reads by itself."""
    table = cast("Table", model.__table__)
    columns = ", ".join(column.name for column in table.columns)
    return text(f"""
        INSERT INTO {table.name} ({columns}) SELECT {columns}
        FROM json_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS json)) {on_conflict}
    """)  # noqa: S608 - only names of our own columns


_INSERT_SCHOOLS, _INSERT_NAMES, _INSERT_REVISIONS = (_insert_into(one) for one in (School, SchoolName, SchoolRevision))
_PUT_CHANGES = _insert_into(
    SchoolChange,
    """ON CONFLICT (province_code, school_id)
    DO UPDATE SET seq = excluded.seq, kind = excluded.kind, changed_at = excluded.changed_at""",
)
# Writers of the directory take turns: so the numbers of the feed come in the order of the commits, and two mergers
# that touch the same schools can't wait for each other in a circle.
_TAKE_TURN = select(func.pg_advisory_xact_lock(func.hashtextextended("schools", 0)))
_BATCH = 1_000
_MOST_MERGERS = 50

_NEW_WORDS = text("""
INSERT INTO school_word (word, uses) SELECT word, 1 FROM unnest(CAST(:words AS text[])) AS given(word) ORDER BY word
ON CONFLICT DO NOTHING RETURNING word
""")
_NEW_VARIANTS = text("""
INSERT INTO school_near_word (variant, word)
SELECT variant, word FROM unnest(CAST(:variants AS text[]), CAST(:words AS text[])) AS given(variant, word)
ORDER BY word, variant ON CONFLICT DO NOTHING
""")
# The server counts in how many schools each word stands; words of no school go, their variants with them.
_RECOUNT = text("""
WITH counted AS MATERIALIZED (
  SELECT word, ndoc FROM ts_stat('SELECT words FROM school WHERE is_listed')
), gone AS (
  DELETE FROM school_word w WHERE NOT EXISTS (SELECT 1 FROM counted c WHERE c.word = w.word)
)
INSERT INTO school_word (word, uses) SELECT word, ndoc FROM counted ORDER BY word
ON CONFLICT (word) DO UPDATE SET uses = excluded.uses WHERE school_word.uses <> excluded.uses
""")


@dataclass(frozen=True)
class Author:
    """Who asked for a change, who agreed, and why; an operator at the terminal stands for both as nobody."""

    why: str
    proposed_by: UUID | None = None
    approved_by: UUID | None = None


def find_places(session: Session, codes: Collection[str]) -> dict[str, Place]:
    """Today's communes of these codes by code; those that do not exist are left out."""
    former: dict[str, set[str]] = defaultdict(set)
    for row in divisions.operations.list_former_places(session, codes):
        former[row.new_code].update(filter(None, (row.old_name, row.old_district, row.old_province_name)))
    return {
        row.code: Place(
            row.code,
            row.full_name,
            row.province_code,
            row.province_name or "",
            frozenset(names.place_words([row.full_name, row.province_name or "", *former[row.code]])),
        )
        for row in divisions.operations.find_communes(session, codes)
    }


def create_schools(
    session: Session, given: Sequence[Mapping[str, Any]], author: Author, ids: Sequence[UUID] | None = None
) -> list[UUID]:
    """Write new schools, of facts that were read and found right; returns their ids in the same order.

    Raises UnknownCommune when one lies nowhere, and what check_ties raises.
    """
    session.execute(_TAKE_TURN)
    made = list(ids) if ids is not None else [new_id() for _ in given]
    check_ties(session, dict(zip(made, given, strict=True)))
    places = find_places(session, {shape.current_place(facts) for facts in given})
    for start in range(0, len(given), _BATCH):
        part = list(zip(made[start : start + _BATCH], given[start : start + _BATCH], strict=True))
        rows = [row_of(school_id, facts, _place_of(places, facts), ()) for school_id, facts in part]
        now = clock.now()
        stamps = {"created_at": now, "changed_at": now, "version": 1}
        # Words are letters and digits, so with spaces between they are a tsvector as the server reads it.
        _send(session, _INSERT_SCHOOLS, [row | stamps | {"words": " ".join(row["words"])} for row in rows])
        _write_names(session, [(row, ()) for row in rows])
        _send(session, _INSERT_REVISIONS, [_revision(key, 1, {}, dict(facts), author) for key, facts in part])
        learn_words(session, {word for row in rows for word in row["words"]})
        _announce(session, [(row["province_code"], row["id"], _kind(row)) for row in rows])
    heirs = {_uuid(facts["successor_id"]) for facts in given} - {None}
    if heirs:
        redraw(session, [heir for heir in sorted(heirs, key=str) if heir is not None])
    return made


def change_school(session: Session, school_id: UUID, facts: Mapping[str, Any], version: int, author: Author) -> int:
    """Write new facts over version `version` of a school; returns the new version.

    Raises ProposalOutdated when it was changed meanwhile, UnknownCommune, FactsNotValid. A school that is merged lends
    its names to its successor, and those who saved a school that is gone are told.
    """
    session.execute(_TAKE_TURN)
    before = session.execute(
        select(School.facts, School.province_code, School.state, School.successor_id).where(
            School.id == school_id, School.version == version
        )
    ).one_or_none()
    if before is None:
        raise ProposalOutdated
    check_ties(session, {school_id: facts})
    place = _place_of(find_places(session, {shape.current_place(facts)}), facts)
    row = row_of(school_id, facts, place, _inherited(session, school_id)) | {
        "version": version + 1,
        "changed_at": clock.now(),
    }
    session.execute(update(School).where(School.id == school_id).values(**_storable(row)))
    session.execute(delete(SchoolName).where(SchoolName.school_id == school_id))
    _write_names(session, [(row, _inherited(session, school_id))])
    learn_words(session, row["words"])
    _send(session, _INSERT_REVISIONS, [_revision(school_id, version + 1, before.facts, dict(facts), author)])
    changed = [(row["province_code"], school_id, _kind(row))]
    if before.province_code != row["province_code"]:
        changed.append((before.province_code, school_id, ChangeKind.REMOVE))
    _announce(session, changed)
    heirs = {before.successor_id, _uuid(facts["successor_id"])} - {None}
    for heir in sorted(heirs, key=str):
        redraw(session, [heir])
    if before.state in shape.LISTED and not row["is_listed"]:
        emit(session, SavedSchoolGone(school_id, _uuid(facts["successor_id"])))
    return version + 1


def redraw(session: Session, ids: Iterable[UUID] | None = None) -> int:
    """Draw everything anew that is drawn from the facts, for these schools or all; returns how many.

    Needed when communes were renamed or a school inherited names; a school whose entry changes by it is announced. One
    whose commune does not exist any more stays as it is until its facts name another.
    """
    session.execute(_TAKE_TURN)
    wanted = list(ids) if ids is not None else list(session.scalars(select(School.id).order_by(School.id)))
    drawn = 0
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        found = session.execute(
            select(School.id, School.facts, School.card, School.version, School.province_code, School.commune_name)
            .where(School.id.in_(part))
            .order_by(School.id)
        ).all()
        places = find_places(session, {shape.current_place(school.facts) for school in found})
        named = []
        for school in found:
            place = places.get(shape.current_place(school.facts))
            if place is None:
                continue
            inherited = _inherited(session, school.id)
            row = row_of(school.id, school.facts, place, inherited)
            session.execute(update(School).where(School.id == school.id).values(**_storable(row)))
            named.append((row, inherited))
            learn_words(session, row["words"])
            if row["card"] != school.card:
                changed = [(row["province_code"], school.id, _kind(row))]
                if school.province_code != row["province_code"]:
                    changed.append((school.province_code, school.id, ChangeKind.REMOVE))
                _announce(session, changed)
        session.execute(delete(SchoolName).where(SchoolName.school_id.in_([row["id"] for row, _ in named])))
        _write_names(session, named)
        drawn += len(named)
    return drawn


def check_ties(session: Session, given: Mapping[UUID, Mapping[str, Any]]) -> None:
    """Whether what these schools' facts say of other schools can be: raises FactsNotValid.

    A successor exists, is not the school itself, and does not lead back to it; a ministry's code is nobody else's.
    """
    codes = {facts["moet_code"] for facts in given.values()} - {None}
    rows = session.execute(select(School.moet_code, School.id).where(School.moet_code.in_(codes)))
    owners: dict[str, UUID] = {row.moet_code: row.id for row in rows}
    flaws = []
    for school_id, facts in given.items():
        if owners.get(facts["moet_code"], school_id) != school_id:
            flaws.append(Flaw("/moet_code", "taken", "Mã đã thuộc về trường khác.", "Another school has this code."))
        successor = _uuid(facts["successor_id"])
        if not _leads_on(session, given, school_id, successor):
            flaws.append(Flaw("/successor_id", "leads_nowhere", "Không có trường kế thừa này.", "It leads nowhere."))
    if flaws:
        raise FactsNotValid(errors=flaws)


def _leads_on(
    session: Session, given: Mapping[UUID, Mapping[str, Any]], school_id: UUID, successor: UUID | None
) -> bool:
    """Whether the way from `successor` on ends at some school, and not at `school_id` again."""
    for _ in range(_MOST_MERGERS):
        if successor is None:
            return True
        if successor == school_id:
            return False
        if successor in given:
            successor = _uuid(given[successor]["successor_id"])
            continue
        row = session.execute(select(School.successor_id).where(School.id == successor)).one_or_none()
        if row is None:
            return False
        successor = row.successor_id
    return False


def learn_words(session: Session, found: Collection[str]) -> None:
    """Let typos of these words be mended from now on."""
    fresh = session.execute(_NEW_WORDS, {"words": sorted(found)}).scalars().all()
    pairs = [(variant, word) for word in sorted(fresh) for variant in sorted(names.near_variants(word))]
    if pairs:
        session.execute(_NEW_VARIANTS, {"variants": [one for one, _ in pairs], "words": [one for _, one in pairs]})


def recount_words(session: Session) -> None:
    """Count anew in how many schools each word stands, and forget words of none; once a night is enough."""
    session.execute(_RECOUNT)


def analyse(session: Session) -> None:
    """Let the planner look at the tables: after many schools came at once."""
    session.execute(text("ANALYZE school, school_name, school_word, school_near_word, school_change"))


def _place_of(places: Mapping[str, Place], facts: Mapping[str, Any]) -> Place:
    place = places.get(shape.current_place(facts))
    if place is None:
        raise UnknownCommune(commune_code=shape.current_place(facts))
    return place


def _inherited(session: Session, school_id: UUID) -> Sequence[str]:
    """The names of every school that ended in this one, over several mergers too."""
    merged = select(School.id, School.facts).where(School.successor_id == school_id).cte("merged", recursive=True)
    merged = merged.union(select(School.id, School.facts).join(merged, School.successor_id == merged.c.id))
    found = session.execute(select(merged.c.facts).where(merged.c.id != school_id).order_by(merged.c.id)).scalars()
    return [name for facts in found for name in (facts["name"], *former_names(facts))]


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"} | {
        "words": func.array_to_tsvector(row["words"])
    }


def _write_names(session: Session, schools: Sequence[tuple[Mapping[str, Any], Sequence[str]]]) -> None:
    rows = []
    for school, inherited in schools:
        if not school["is_listed"]:
            continue
        beside = {name: school[name] for name in ("province_code", "commune_code", "tags", "lat", "lon", "level_order")}
        known: set[str] = set()
        for place, name in enumerate((school["name"], *former_names(school["facts"]), *inherited)):
            forms = names.read(name).forms
            if not forms.folded or forms.spelled in known:
                continue
            known.add(forms.spelled)
            rows.append(
                {
                    "school_id": school["id"],
                    "place": place,
                    "is_former": place > 0,
                    "name": name,
                    **beside,
                    **vars(forms),
                }
            )
    _send(session, _INSERT_NAMES, rows)


def _announce(session: Session, changes: Sequence[tuple[str, UUID, ChangeKind]]) -> None:
    """Put changes at the end of their provinces' feeds."""
    by_province: dict[str, list[tuple[UUID, ChangeKind]]] = defaultdict(list)
    for province, school_id, kind in changes:
        by_province[province].append((school_id, kind))
    for province, found in sorted(by_province.items()):
        last = session.execute(
            insert(SchoolFeed)
            .values(province_code=province, seq=len(found), forgotten_seq=0)
            .on_conflict_do_update(index_elements=[SchoolFeed.province_code], set_={"seq": SchoolFeed.seq + len(found)})
            .returning(SchoolFeed.seq)
        ).scalar_one()
        first, now = last - len(found) + 1, clock.now()
        told = {"province_code": province, "changed_at": now}
        rows = [told | {"school_id": key, "seq": first + n, "kind": kind} for n, (key, kind) in enumerate(found)]
        _send(session, _PUT_CHANGES, rows)


def _send(session: Session, statement: TextClause, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        session.execute(statement, {"rows": orjson.dumps(rows).decode()})


def _kind(row: Mapping[str, Any]) -> ChangeKind:
    return ChangeKind.PUT if row["is_listed"] else ChangeKind.REMOVE


def _revision(
    school_id: UUID, version: int, before: Mapping[str, Any], after: Mapping[str, Any], author: Author
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "created_at": clock.now(),
        "school_id": school_id,
        "version": version,
        "before": {name: value for name, value in before.items() if after.get(name) != value},
        "after": {name: value for name, value in after.items() if before.get(name) != value},
        **vars(author),
    }


def _uuid(value: str | None) -> UUID | None:
    return UUID(value) if value else None
