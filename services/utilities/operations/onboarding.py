"""How a company comes to be a provider: it applies, is reviewed, tries its systems, goes live; each move is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

import auth.operations
import payments.operations
from auth.organisation_models import Membership, Mode, Organisation, OrganisationState, StaffRole
from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments.errors import SecondPersonNeeded
from payments.models import POSTING_OPEN, PaymentItem
from services.utilities.errors import ProviderKnown, ProviderNotReady, StageMoveIllegal, TooManyApplications
from services.utilities.models import Bill, BillState, Provider
from services.utilities.onboarding_models import (
    BEFORE_TESTING,
    STAGE_FROM,
    ProviderMove,
    ProviderStage,
    TrialComparison,
    TrialPosting,
    TrialState,
)
from services.utilities.operations import trials
from services.utilities.operations.settings_of import check_settings

MOST_APPLICATIONS = 3
_SOURCE = "application"
_Check = Callable[[Session, Collection[UUID]], Collection[UUID]]
_declared: dict[str, _Check] = {}
_SHOWN = {
    "bills_imported": exists().where(Bill.provider_id == Provider.id),
    "posting_answered": exists().where(
        TrialPosting.provider_id == Provider.id, TrialPosting.state == TrialState.POSTED
    ),
    "statement_compared": exists().where(
        TrialComparison.provider_id == Provider.id,
        TrialComparison.matched > 0,
        TrialComparison.ours_open == 0,
        TrialComparison.theirs_open == 0,
    ),
}


@dataclass(frozen=True)
class Onboarding:
    """A company, every move it has made, and what it has shown in testing."""

    provider: Provider
    moves: Sequence[ProviderMove]
    checklist: Mapping[str, bool]


def declare_check(name: str, holds: _Check) -> None:
    """Let a room above say what else has to hold before a company goes live.

    Of the ids of providers that `holds` is asked about it gives those for whom it does.
    """
    _declared[name] = holds


def apply(session: Session, citizen_id: UUID, told: Mapping[str, Any]) -> UUID:
    """A citizen applies for a company; returns its id. Nobody sees it but them and the province.

    Raises ProviderKnown, TooManyApplications, CodePatternUnusable and PostingAddressRefused.
    """
    check_settings(told)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"applies {citizen_id}"})
    mine = (Provider.applied_by == citizen_id, Provider.stage.in_(BEFORE_TESTING))
    if (session.scalar(select(func.count()).select_from(Provider).where(*mine)) or 0) >= MOST_APPLICATIONS:
        raise TooManyApplications
    _check_name(session, told["slug"])
    made = session.execute(
        insert_or_skip(Provider)
        .values(
            id=new_id(),
            created_at=clock.now(),
            stage=ProviderStage.APPLIED,
            applied_by=citizen_id,
            group_name=None,
            source=_SOURCE,
            **told,
        )
        .on_conflict_do_nothing(index_elements=[Provider.slug])
        .returning(Provider.id)
    ).scalar_one_or_none()
    if made is None:
        raise ProviderKnown
    _note(session, made, None, ProviderStage.APPLIED, citizen_id, None)
    return made


def list_own(session: Session, citizen_id: UUID) -> list[Onboarding]:
    """What a citizen has applied for, the newest first; the last hundred. From testing on only while they are of it."""
    query = select(Provider).where(_is_own(citizen_id)).order_by(Provider.id.desc()).limit(100)
    return _show(session, session.scalars(query).all())


def get_own(session: Session, provider_id: UUID, citizen_id: UUID) -> Onboarding:
    """One company a citizen has applied for, as `list_own` has them. Raises NotFound."""
    if session.scalar(select(Provider.id).where(Provider.id == provider_id, _is_own(citizen_id))) is None:
        raise NotFound
    return get(session, provider_id)


def withdraw(session: Session, provider_id: UUID, citizen_id: UUID) -> None:
    """Take an application back before anything is tested. Raises NotFound and StageMoveIllegal."""
    found = get_own(session, provider_id, citizen_id).provider
    if found.stage not in BEFORE_TESTING:
        raise StageMoveIllegal(stage=found.stage)
    _move(session, found, ProviderStage.CLOSED, citizen_id, "withdrawn_by_applicant")


def list_all(session: Session, *, stage: str | None, limit: int, cursor: str | None) -> Page:
    """A page of all companies, or of one stage, the newest first."""
    query = select(Provider)
    if stage is not None:
        query = query.where(Provider.stage == stage)
    return page(session, query, by=[Provider.id], limit=limit, cursor=cursor, question=("stages", stage))


def get(session: Session, provider_id: UUID) -> Onboarding:
    """A company with its moves, the oldest first, and its checklist. Raises NotFound."""
    provider = session.scalar(
        select(Provider).where(Provider.id == provider_id).execution_options(populate_existing=True)
    )
    if provider is None:
        raise NotFound
    return _show(session, [provider])[0]


def checklist(session: Session, provider_id: UUID) -> Mapping[str, bool]:
    """What a company has to show before it goes live, and whether it has. Raises NotFound."""
    return get(session, provider_id).checklist


def _is_own(citizen_id: UUID) -> ColumnElement[bool]:
    """Whoever applied and has left the company since is a stranger to its settings and to what becomes of it."""
    of = Organisation.provider_id == Provider.id
    member = exists().where(
        of,
        Membership.organisation_id == Organisation.id,
        Membership.citizen_id == citizen_id,
        Membership.ended_at.is_(None),
    )
    return and_(Provider.applied_by == citizen_id, or_(~exists().where(of), member))


def _show(session: Session, providers: Sequence[Provider]) -> list[Onboarding]:
    """Companies with their moves and checklists, in as many statements for a hundred as for one."""
    ids = [provider.id for provider in providers]
    moves: dict[UUID, list[ProviderMove]] = {each: [] for each in ids}
    made = select(ProviderMove).where(ProviderMove.provider_id.in_(ids)).order_by(ProviderMove.id)
    for each in session.scalars(made.limit(200 * len(ids))):
        moves[each.provider_id].append(each)
    shown = select(Provider.id, *(held.label(name) for name, held in _SHOWN.items())).where(Provider.id.in_(ids))
    lists = {row.id: {name: bool(getattr(row, name)) for name in _SHOWN} for row in session.execute(shown)}
    for name, holds in _declared.items():
        those = holds(session, ids)
        for each_id in ids:
            lists[each_id][name] = each_id in those
    return [Onboarding(provider, moves[provider.id], lists[provider.id]) for provider in providers]


def move(
    session: Session, provider_id: UUID, to: ProviderStage, *, actor_id: UUID | None, reason: str | None
) -> Onboarding:
    """Move a company to another stage, by somebody else than who applied for it; `actor_id` is None at a terminal.

    Raises NotFound, StageMoveIllegal, SecondPersonNeeded, ProviderNotReady with what is missing, and ProviderKnown
    when an organisation has taken its slug meanwhile.
    """
    found = session.scalar(
        select(Provider)
        .where(Provider.id == provider_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    if found.stage not in STAGE_FROM[to]:
        raise StageMoveIllegal(stage=found.stage)
    if actor_id is not None and actor_id == found.applied_by:
        raise SecondPersonNeeded
    before = found.stage
    if missing := _missing(session, found, to):
        raise ProviderNotReady(missing=missing)
    _move(session, found, to, actor_id, reason)
    if to is ProviderStage.TESTING:
        _begin_testing(session, found, actor_id)
    elif before is ProviderStage.TESTING:
        _end_testing(session, provider_id, is_live=to is ProviderStage.LIVE)
    return get(session, provider_id)


def _missing(session: Session, found: Provider, to: ProviderStage) -> list[str]:
    if to is ProviderStage.LIVE and found.stage is ProviderStage.TESTING:
        return [name for name, holds in checklist(session, found.id).items() if not holds]
    if to is ProviderStage.CLOSED and found.stage is ProviderStage.SUSPENDED:
        paying = exists().where(Bill.provider_id == found.id, Bill.state == BillState.PAYING)
        unposted = exists().where(
            PaymentItem.payee_id == found.id, PaymentItem.taken, PaymentItem.posting.in_(POSTING_OPEN)
        )
        return ["payments_on_their_way"] if session.scalar(select(paying | unposted)) else []
    return []


def _move(session: Session, found: Provider, to: ProviderStage, actor_id: UUID | None, reason: str | None) -> None:
    """The guarded move: of two at once one finds the stage it was read in."""
    before = found.stage
    values: dict[str, Any] = {"stage": to}
    if to in {ProviderStage.REJECTED, ProviderStage.CLOSED} and before in BEFORE_TESTING:
        # It has never been anything: its name is free for another application.
        values["slug"] = f"{found.slug}.{found.id.hex[-12:]}"
    moved = session.execute(
        update(Provider).where(Provider.id == found.id, Provider.stage == before).values(**values)
        .returning(Provider.id)
    ).one_or_none()  # fmt: skip
    if moved is None:
        raise StageMoveIllegal(stage=before)
    _note(session, found.id, before, to, actor_id, reason)


def _note(  # noqa: PLR0917 - a move: of whom, from where to where, by whom and why
    session: Session,
    provider_id: UUID,
    before: ProviderStage | None,
    to: ProviderStage,
    actor_id: UUID | None,
    reason: str | None,
) -> None:
    session.execute(
        insert(ProviderMove).values(
            id=new_id(),
            created_at=clock.now(),
            provider_id=provider_id,
            from_stage=before.value if before else None,
            to_stage=to,
            actor_id=actor_id,
            reason=reason,
        )
    )


def _begin_testing(session: Session, found: Provider, actor_id: UUID | None) -> None:
    """The company gets an organisation whose systems get test keys, and whoever applied looks after it."""
    _check_name(session, found.slug)
    organisation_id = auth.operations.register_provider(
        session, found.id, slug=found.slug, name_vi=found.name_vi, name_en=found.name_en, mode=Mode.TEST
    )
    payments.operations.begin_terms(session, found.id, cut_off=found.cut_off, source=_SOURCE)
    if found.applied_by is not None:
        roles = [StaffRole.OPERATOR, StaffRole.CLERK]
        auth.operations.add_member(session, organisation_id, found.applied_by, roles, actor_id=actor_id)


def _end_testing(session: Session, provider_id: UUID, *, is_live: bool) -> None:
    """Test data and test keys are over; a company that is not taken in is shut out."""
    trials.wipe(session, provider_id)
    organisation_id = auth.operations.find_organisation_of(session, provider_id)
    if organisation_id is None:
        return
    auth.operations.end_testing(session, organisation_id)
    if not is_live:
        organisation = auth.operations.get_organisation(session, organisation_id)
        auth.operations.set_state(session, organisation, OrganisationState.SUSPENDED)


def _check_name(session: Session, slug: str) -> None:
    try:
        auth.operations.get_organisation_by_slug(session, slug)
    except NotFound:
        return
    raise ProviderKnown
