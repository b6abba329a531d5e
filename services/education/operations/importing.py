"""Files of the school office: every good line becomes a proposal, every bad one is reported with its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kit import clock, idempotency
from kit.database import new_id
from kit.idempotency import Outcome, RequestKey
from services.education import facts as shape, school_file, tables, zone_file
from services.education.errors import FileUnreadable, OwnProposal, ProposalDecided
from services.education.models import Proposal, ProposalState, School, SchoolImport
from services.education.operations.deciding import decide_proposal
from services.education.operations.office import Editor, get_proposal, propose_zones, write_proposal
from services.education.operations.writing import Author, create_schools, find_places
from services.education.school_file import CellRefused

SCHOOLS, ZONES = "schools", "zones"
_MOST_ERRORS = 1_000
_AT_ONCE = 500
_DECIDED_AT_ONCE = 200
_MOST_LINES_SENT = 2_000
_MOST_LINES_LOADED = 200_000


@dataclass
class _Tally:
    lines: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, line: int, column: str, code: str) -> None:
        self.errors.append({"line": line, "column": column, "code": code})


@dataclass(frozen=True)
class _Line:
    number: int
    cells: Mapping[str, str]


def import_schools(
    session: Session, request: RequestKey, editor: Editor, *, content: bytes, kind: str, why: str
) -> Outcome:
    """Read a table of schools; a line names a school by `id`, else by `moet_code`, else it is a new one.

    Once per Idempotency-Key. Raises FileUnreadable when the file as a whole makes no sense.
    """

    def read() -> UUID:
        import_id, tally = new_id(), _Tally()
        record = _begin(session, import_id, editor, what=SCHOOLS, kind=kind, why=why)
        seen: set[str] = set()
        for part in _parts(_all_lines(content, kind, _MOST_LINES_SENT)):
            for _, facts, known in _read_part(session, part, tally, seen, editor.provinces):
                before = known.facts if known else {}
                changes = {name: value for name, value in facts.items() if before.get(name) != value}
                if not changes:
                    tally.unchanged += 1
                    continue
                tally.changed += 1
                school_id, version = (known.id, known.version) if known else (None, None)
                write_proposal(
                    session, editor, changes, why=why, school_id=school_id, import_id=import_id, base_version=version
                )
        return _end(session, record, tally)

    return idempotency.once(session, request, read)


def import_zones(
    session: Session, request: RequestKey, editor: Editor, *, content: bytes, kind: str, why: str
) -> Outcome:
    """Read catchment zones from GeoJSON or a table: all good ones become one proposal.

    Once per Idempotency-Key. Raises FileUnreadable.
    """

    def read() -> UUID:
        import_id, tally = new_id(), _Tally()
        record = _begin(session, import_id, editor, what=ZONES, kind=kind, why=why)
        found = _read_zones(content, kind)
        keys = {zone_file.school_key(zone["school"]) for _, zone in found if isinstance(zone, dict)}
        schools = _find_schools(session, keys)
        good = []
        for line, zone in found:
            tally.lines += 1
            if isinstance(zone, CellRefused):
                tally.refuse(line, zone.column, zone.code)
                continue
            school = schools.get(zone_file.school_key(zone["school"]))
            if school is None:
                tally.refuse(line, "school", "unknown_school")
            elif school.province_code not in editor.provinces:
                tally.refuse(line, "school", "outside_office")
            elif f"level:{zone['level'].value}" not in school.tags:
                tally.refuse(line, "level", "not_taught_there")
            else:
                good.append({**zone, "school_id": school.id})
        tally.changed = len(good)
        if good:
            propose_zones(session, editor, good, why, import_id)
        return _end(session, record, tally)

    return idempotency.once(session, request, read)


def decide_import(
    session: Session, found: SchoolImport, editor: Editor, *, approve: bool, note: str | None
) -> tuple[int, int]:
    """Decide the next two hundred proposals of a file that are still open, together or not at all.

    Returns how many were decided and how many are left. Raises OwnProposal, ProposalDecided when none was left, and
    what deciding a single one raises.
    """
    if found.proposed_by == editor.citizen_id:
        raise OwnProposal
    open_ones = (Proposal.import_id == found.id) & (Proposal.state == ProposalState.PROPOSED)
    waiting = session.scalars(select(Proposal.id).where(open_ones).order_by(Proposal.id).limit(_DECIDED_AT_ONCE)).all()
    if not waiting:
        raise ProposalDecided(state="decided")
    for proposal_id in waiting:
        decide_proposal(session, get_proposal(session, editor, proposal_id), editor, approve=approve, note=note)
    return len(waiting), session.scalar(select(func.count()).where(open_ones)) or 0


def load_schools(session: Session, content: bytes, kind: str, why: str) -> tuple[int, list[dict[str, Any]]]:
    """An operator's own table into an empty or growing directory, without proposals; lines that are known are left.

    Returns how many schools are new, and what is wrong with the lines that were not taken.
    """
    tally, seen = _Tally(), set[str]()
    made = 0
    for part in _parts(_all_lines(content, kind, _MOST_LINES_LOADED)):
        fresh = [
            (line.cells.get("id"), facts)
            for line, facts, known in _read_part(session, part, tally, seen, None)
            if known is None
        ]
        ids = [UUID(given) if given else new_id() for given, _ in fresh]
        create_schools(session, [facts for _, facts in fresh], Author(why), ids)
        made += len(fresh)
    return made, tally.errors


def _read_part(
    session: Session, part: Sequence[_Line], tally: _Tally, seen: set[str], provinces: frozenset[str] | None
) -> list[tuple[_Line, dict[str, Any], Any]]:
    """The good lines of a part with their facts and the school they are about, None for a new one.

    An office may speak of schools of its `provinces`; an operator (None) of all, and may give new schools their ids.
    """
    keys: set[UUID | str] = set()
    for line in part:
        keys.update(zone_file.school_key(text) for name in ("id", "moet_code") if (text := line.cells.get(name)))
    schools = _find_schools(session, keys)
    communes = find_places(session, {line.cells["commune_code"] for line in part})
    good = []
    for line in part:
        tally.lines += 1
        known = next(
            (schools[key] for name in ("id", "moet_code")
             if (text := line.cells.get(name)) and (key := zone_file.school_key(text)) in schools),
            None,
        )  # fmt: skip
        try:
            _check_key(line.cells, known, seen, may_name_ids=provinces is None)
            facts, flaws = shape.read(school_file.read_line(line.cells, known.facts if known else None))
        except CellRefused as refused:
            tally.refuse(line.number, refused.column, refused.code)
            continue
        place = communes.get(line.cells["commune_code"])
        told = {place.province_code if place else None, known.province_code if known else None} - {None}
        if flaws:
            tally.refuse(line.number, flaws[0].pointer.strip("/"), flaws[0].code)
        elif place is None or shape.current_place(facts) != place.commune_code:
            tally.refuse(line.number, "commune_code", "unknown_commune")
        elif provinces is not None and not told <= provinces:
            tally.refuse(line.number, "commune_code", "outside_office")
        else:
            good.append((line, facts, known))
    return good


def _check_key(cells: Mapping[str, str], known: Any, seen: set[str], *, may_name_ids: bool) -> None:  # noqa: ANN401 - a row
    given = cells.get("id")
    if given and isinstance(zone_file.school_key(given), str):
        raise CellRefused("id", "not_an_id")
    if given and known is None and not may_name_ids:
        raise CellRefused("id", "unknown_school")
    for name in ("id", "moet_code"):
        key = f"{name}:{cells.get(name)}"
        if cells.get(name) and key in seen:
            raise CellRefused(name, "twice_in_the_file")
        seen.add(key)


def _find_schools(session: Session, keys: set[UUID | str]) -> dict[UUID | str, Any]:
    ids = [key for key in keys if isinstance(key, UUID)]
    codes = [key for key in keys if isinstance(key, str)]
    rows = session.execute(
        select(School.id, School.moet_code, School.facts, School.version, School.tags, School.province_code).where(
            School.id.in_(ids) | School.moet_code.in_(codes)
        )
    ).all()
    return {row.id: row for row in rows} | {row.moet_code: row for row in rows if row.moet_code}


def _all_lines(content: bytes, kind: str, most: int) -> list[_Line]:
    try:
        return [_Line(number, cells) for number, cells in tables.read(content, kind, school_file.NEEDED, most)]
    except tables.TableRefused as refused:
        raise FileUnreadable(reason=refused.reason) from refused


def _read_zones(content: bytes, kind: str) -> list[tuple[int, dict[str, Any] | CellRefused]]:
    try:
        return list(zone_file.read(content, kind))
    except tables.TableRefused as refused:
        raise FileUnreadable(reason=refused.reason) from refused


def _parts(lines: Sequence[_Line]) -> list[Sequence[_Line]]:
    return [lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE)]


def _begin(session: Session, import_id: UUID, editor: Editor, *, what: str, kind: str, why: str) -> SchoolImport:
    record = SchoolImport(
        id=import_id,
        created_at=clock.now(),
        format=kind,
        what=what,
        why=why,
        proposed_by=editor.citizen_id,
        organisation_id=editor.organisation_id,
        lines=0,
        changed=0,
        unchanged=0,
        refused=0,
        errors=[],
    )
    session.add(record)
    session.flush()
    return record


def _end(session: Session, record: SchoolImport, tally: _Tally) -> UUID:
    record.lines, record.changed, record.unchanged = tally.lines, tally.changed, tally.unchanged
    record.refused, record.errors = len(tally.errors), tally.errors[:_MOST_ERRORS]
    session.flush()
    return record.id
