"""Deciding: what somebody else has approved takes effect in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from kit import clock
from kit.errors import NotFound, PreconditionFailed
from services.education.errors import OwnProposal, ProposalDecided, ProposalOutdated
from services.education.models import (
    CatchmentZone,
    Channel,
    Level,
    Proposal,
    ProposalKind,
    ProposalState,
    School,
)
from services.education.operations import admissions, lists
from services.education.operations.office import Editor, checked, get_proposal
from services.education.operations.writing import Author, change_school, create_schools


def decide_proposal(
    session: Session, proposal: Proposal, editor: Editor, *, approve: bool, note: str | None
) -> Proposal:
    """Approve or refuse a proposal in the version that was looked at; approved, it takes effect at once.

    Raises OwnProposal, ProposalDecided, PreconditionFailed, and when approving ProposalOutdated and FactsNotValid.
    """
    if proposal.proposed_by == editor.citizen_id:
        raise OwnProposal
    if proposal.state is not ProposalState.PROPOSED:
        raise ProposalDecided(state=proposal.state.value)
    decided = _close(
        session,
        proposal,
        ProposalState.APPROVED if approve else ProposalState.REFUSED,
        decided_by=editor.citizen_id,
        decided_at=clock.now(),
        decision_note=note,
    )
    if approve:
        made = _apply(session, decided, Author(decided.why, decided.proposed_by, editor.citizen_id))
        if made:
            session.execute(update(Proposal).where(Proposal.id == decided.id).values(**made))
    session.expire_all()
    return get_proposal(session, editor, proposal.id)


def withdraw_proposal(session: Session, proposal: Proposal, editor: Editor) -> None:
    """Take one's own proposal back; raises NotFound for others', ProposalDecided, PreconditionFailed."""
    if proposal.proposed_by != editor.citizen_id:
        raise NotFound
    if proposal.state is not ProposalState.PROPOSED:
        raise ProposalDecided(state=proposal.state.value)
    _close(session, proposal, ProposalState.WITHDRAWN)


def _close(session: Session, proposal: Proposal, state: ProposalState, **more: Any) -> Proposal:  # noqa: ANN401
    closed = session.scalar(
        update(Proposal)
        .where(
            Proposal.id == proposal.id,
            Proposal.version == proposal.version,
            Proposal.state == ProposalState.PROPOSED,
        )
        .values(state=state, version=Proposal.version + 1, **more)
        .returning(Proposal)
        .execution_options(populate_existing=True)
    )
    if closed is None:
        raise PreconditionFailed
    return closed


def _apply(session: Session, proposal: Proposal, author: Author) -> dict[str, UUID | None]:
    """Let a proposal take effect; returns what it made or changed, for its row."""
    changes = proposal.changes
    if proposal.kind is ProposalKind.SCHOOL:
        return {"school_id": _apply_school(session, proposal, author)}
    if proposal.kind is ProposalKind.ROUND:
        given = _round_values(changes)
        return {"subject_id": admissions.save_round(session, given, proposal.subject_id, proposal.base_version)}
    if proposal.kind is ProposalKind.OPEN_DAY:
        given = changes and {
            **changes,
            "school_id": UUID(changes["school_id"]),
            **{name: datetime.fromisoformat(changes[name]) for name in ("starts_at", "ends_at")},
        }
        return {"subject_id": lists.save_open_day(session, given, proposal.subject_id)}
    _publish_zones(session, proposal.id)
    return {}


def _apply_school(session: Session, proposal: Proposal, author: Author) -> UUID:
    if proposal.school_id is None or proposal.base_version is None:
        (made,) = create_schools(session, [checked(proposal.changes)], author)
        return made
    before = session.execute(select(School.facts, School.version).where(School.id == proposal.school_id)).one_or_none()
    if before is None or before.version != proposal.base_version:
        raise ProposalOutdated
    facts = checked({**before.facts, **proposal.changes})
    change_school(session, proposal.school_id, facts, before.version, author)
    return proposal.school_id


def _publish_zones(session: Session, proposal_id: UUID) -> None:
    """Show a proposal's zones in the place of those the same schools had for the same level, year and kind."""
    now = clock.now()
    fresh = session.execute(
        update(CatchmentZone)
        .where(CatchmentZone.proposal_id == proposal_id)
        .values(published_at=now)
        .returning(CatchmentZone.school_id, CatchmentZone.level, CatchmentZone.school_year, CatchmentZone.kind)
    ).all()
    for zone in {(one.school_id, one.level, one.school_year, one.kind): one for one in fresh}.values():
        session.execute(
            update(CatchmentZone)
            .where(
                CatchmentZone.school_id == zone.school_id,
                CatchmentZone.level == zone.level,
                CatchmentZone.school_year == zone.school_year,
                CatchmentZone.kind == zone.kind,
                CatchmentZone.proposal_id.is_distinct_from(proposal_id),
                CatchmentZone.published_at.is_not(None),
                CatchmentZone.replaced_at.is_(None),
            )
            .values(replaced_at=now)
        )


def _round_values(changes: Mapping[str, Any]) -> dict[str, Any]:
    """A stored proposal of a round as values of its columns."""
    values = dict(changes)
    for name in ("opens_at", "closes_at", "withdrawn_at"):
        values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
    for name in ("result_on", "source_on"):
        values[name] = date.fromisoformat(values[name]) if values.get(name) else None
    values["school_id"] = UUID(values["school_id"]) if values.get("school_id") else None
    values["level"], values["channel"] = Level(values["level"]), Channel(values["channel"])
    values["quotas"] = [{**quota, "school_id": UUID(quota["school_id"])} for quota in values.get("quotas", ())]
    return values
