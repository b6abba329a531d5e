"""The school office: who may change what, and what they propose; deciding is for somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from kit import clock, idempotency
from kit.database import new_id
from kit.errors import NotFound
from kit.idempotency import Outcome, RequestKey
from kit.pages import Page, page
from kit.parsing import Flaw
from services.education import facts as shape, school_file
from services.education.errors import (
    FactsNotValid,
    NothingChanged,
    OutsideOffice,
)
from services.education.models import (
    AdmissionRound,
    CatchmentZone,
    OpenDay,
    Proposal,
    ProposalKind,
    School,
    SchoolImport,
    SchoolOffice,
)
from services.education.operations.catchment import street_key
from services.education.operations.writing import check_ties, find_places

_EXPORTED_AT_ONCE = 1_000


@dataclass(frozen=True)
class Editor:
    """A member of a school office's staff, and the provinces whose schools the office looks after."""

    citizen_id: UUID
    organisation_id: UUID
    provinces: frozenset[str]

    def check(self, province_code: str) -> None:
        """Raises OutsideOffice for a province of others."""
        if province_code not in self.provinces:
            raise OutsideOffice(provinces=sorted(self.provinces))


def get_editor(session: Session, citizen_id: UUID, organisation_id: UUID) -> Editor:
    """The member of staff as this room knows them."""
    provinces = session.scalars(
        select(SchoolOffice.province_code).where(SchoolOffice.organisation_id == organisation_id)
    )
    return Editor(citizen_id, organisation_id, frozenset(provinces))


def entrust_province(session: Session, organisation_id: UUID, province_code: str) -> None:
    """Let an organisation look after the schools of a province; doing it again changes nothing."""
    session.execute(
        upsert(SchoolOffice)
        .values(organisation_id=organisation_id, province_code=province_code)
        .on_conflict_do_nothing()
    )


def propose_school(
    session: Session,
    request: RequestKey,
    editor: Editor,
    changes: Mapping[str, Any],
    *,
    why: str,
    school_id: UUID | None = None,
) -> Outcome:
    """Ask for a new school, or for changes of one: the facts named replace those written, the others stay.

    Once per Idempotency-Key. Raises NotFound, FactsNotValid, NothingChanged.
    """
    return idempotency.once(session, request, lambda: _propose_school(session, editor, changes, why, school_id))


def propose_round(
    session: Session,
    request: RequestKey,
    editor: Editor,
    given: Mapping[str, Any],
    *,
    why: str,
    round_id: UUID | None = None,
) -> Outcome:
    """Ask for a new round, or for new facts of one (all of them); once per Idempotency-Key.

    Raises NotFound, OutsideOffice, and FactsNotValid when a school of it lies in another province.
    """

    def propose() -> UUID:
        base = None
        _check_round(session, editor, given)
        if round_id is not None:
            before = session.execute(
                select(AdmissionRound.version, AdmissionRound.province_code).where(AdmissionRound.id == round_id)
            ).one_or_none()
            if before is None:
                raise NotFound
            editor.check(before.province_code)
            base = before.version
        return _write(session, ProposalKind.ROUND, editor, _plain(given), why, subject_id=round_id, base_version=base)

    return idempotency.once(session, request, propose)


def propose_open_day(
    session: Session,
    request: RequestKey,
    editor: Editor,
    given: Mapping[str, Any],
    *,
    why: str,
    open_day_id: UUID | None = None,
) -> Outcome:
    """Ask for a new open day, or with `open_day_id` for cancelling it; once per Idempotency-Key. Raises NotFound."""

    def propose() -> UUID:
        school_id = given.get("school_id")
        if open_day_id is not None:
            school_id = session.scalar(select(OpenDay.school_id).where(OpenDay.id == open_day_id))
        editor.check(_province_of(session, school_id))
        return _write(session, ProposalKind.OPEN_DAY, editor, _plain(given), why, subject_id=open_day_id)

    return idempotency.once(session, request, propose)


def list_proposals(
    session: Session,
    editor: Editor,
    *,
    state: str | None = None,
    school_id: UUID | None = None,
    import_id: UUID | None = None,
    limit: int,
    cursor: str | None,
) -> Page:
    """The proposals of the editor's office, the newest first."""
    wanted = select(Proposal).where(Proposal.organisation_id == editor.organisation_id)
    if state is not None:
        wanted = wanted.where(Proposal.state == state)
    if school_id is not None:
        wanted = wanted.where(Proposal.school_id == school_id)
    if import_id is not None:
        wanted = wanted.where(Proposal.import_id == import_id)
    question = ("proposals", editor.organisation_id, state, school_id, import_id)
    return page(session, wanted, by=[Proposal.id], limit=limit, cursor=cursor, question=question)


def get_proposal(session: Session, editor: Editor, proposal_id: UUID) -> Proposal:
    """One proposal of the editor's office; raises NotFound, also for another office's."""
    found = session.scalar(
        select(Proposal).where(Proposal.id == proposal_id, Proposal.organisation_id == editor.organisation_id)
    )
    if found is None:
        raise NotFound
    return found


def export_schools(session: Session, province_code: str | None) -> Iterator[list[Any]]:
    """Every school, whatever became of it, as lines of the office's table; read a thousand at a time."""
    last: UUID | None = None
    while True:
        wanted = select(School.id, School.facts, School.commune_code).order_by(School.id).limit(_EXPORTED_AT_ONCE)
        if province_code is not None:
            wanted = wanted.where(School.province_code == province_code)
        if last is not None:
            wanted = wanted.where(School.id > last)
        rows = session.execute(wanted).all()
        yield from (school_file.write_line(row.id, row.facts, row.commune_code) for row in rows)
        if len(rows) < _EXPORTED_AT_ONCE:
            return
        last = rows[-1].id


def write_proposal(
    session: Session,
    editor: Editor,
    changes: Mapping[str, Any],
    *,
    why: str,
    school_id: UUID | None,
    import_id: UUID,
    base_version: int | None,
) -> UUID:
    """A line of a file as a proposal; its facts were read and compared already."""
    return _write(
        session,
        ProposalKind.SCHOOL,
        editor,
        changes,
        why,
        school_id=school_id,
        import_id=import_id,
        base_version=base_version,
    )


def propose_zones(
    session: Session, editor: Editor, zones: Sequence[Mapping[str, Any]], why: str, import_id: UUID
) -> UUID:
    """Zones of a file as one proposal: stored as drafts that only the office sees, published when approved."""
    proposal_id = _write(session, ProposalKind.ZONES, editor, {"zones": len(zones)}, why, import_id=import_id)
    now = clock.now()
    columns = (
        "geometry",
        "west",
        "south",
        "east",
        "north",
        "commune_code",
        "street",
        "number_from",
        "number_to",
        "parity",
    )
    session.execute(
        insert(CatchmentZone),
        [
            {
                "id": new_id(),
                "created_at": now,
                "proposal_id": proposal_id,
                "street_folded": street_key(zone["street"]) if zone.get("street") else None,
                **{name: zone.get(name) for name in columns},
                **{name: value for name, value in zone.items() if name not in columns and name != "school"},
            }
            for zone in zones
        ],
    )
    return proposal_id


def get_import(session: Session, editor: Editor, import_id: UUID) -> SchoolImport:
    """What became of a file of the editor's office; raises NotFound, also for another office's."""
    found = session.scalar(
        select(SchoolImport).where(SchoolImport.id == import_id, SchoolImport.organisation_id == editor.organisation_id)
    )
    if found is None:
        raise NotFound
    return found


def _propose_school(
    session: Session, editor: Editor, changes: Mapping[str, Any], why: str, school_id: UUID | None
) -> UUID:
    before: Mapping[str, Any] = {}
    base_version = None
    if school_id is not None:
        editor.check(_province_of(session, school_id))
        row = session.execute(select(School.facts, School.version).where(School.id == school_id)).one()
        before, base_version = row.facts, row.version
    facts = checked({**before, **changes})
    for place in find_places(session, {shape.current_place(facts)}).values():
        editor.check(place.province_code)
    check_ties(session, {school_id or new_id(): facts})
    told = {name: value for name, value in facts.items() if before.get(name) != value}
    if not told:
        raise NothingChanged
    return _write(session, ProposalKind.SCHOOL, editor, told, why, school_id=school_id, base_version=base_version)


def _check_round(session: Session, editor: Editor, given: Mapping[str, Any]) -> None:
    editor.check(given["province_code"])
    wanted = {quota["school_id"] for quota in given["quotas"]} | ({given["school_id"]} - {None})
    found = session.execute(select(School.id, School.province_code).where(School.id.in_(wanted))).all()
    if len(found) < len(wanted):
        raise NotFound
    for row in found:
        editor.check(row.province_code)
        if row.province_code != given["province_code"]:
            pointer = "/round/school_id" if row.id == given["school_id"] else "/round/quotas"
            flaw = Flaw(pointer, "other_province", "Trường ở tỉnh khác.", "The school lies in another province.")
            raise FactsNotValid(errors=[flaw])


def _province_of(session: Session, school_id: UUID | None) -> str:
    province = session.scalar(select(School.province_code).where(School.id == school_id))
    if province is None:
        raise NotFound
    return province


def _write(
    session: Session,
    kind: ProposalKind,
    editor: Editor,
    changes: Mapping[str, Any],
    why: str,
    **more: Any,  # noqa: ANN401
) -> UUID:
    proposal_id = new_id()
    session.add(
        Proposal(
            id=proposal_id,
            created_at=clock.now(),
            kind=kind,
            changes=dict(changes),
            why=why,
            proposed_by=editor.citizen_id,
            organisation_id=editor.organisation_id,
            **more,
        )
    )
    session.flush()
    return proposal_id


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The facts in a document; raises FactsNotValid."""
    facts, flaws = shape.read(document)
    if flaws:
        raise FactsNotValid(errors=flaws)
    return facts


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a schema has read
    """A request as JSON can hold it."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, date):  # instants too
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
