"""Changes of a provider's own settings: proposed by its staff, decided by somebody of the province, kept for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import payments.operations
from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments.errors import SecondPersonNeeded
from services.utilities.errors import ChangeNotOpen, ChangeTooLate, ChangeWaiting
from services.utilities.models import Provider
from services.utilities.onboarding_models import ChangeState, ProviderChange
from services.utilities.operations.directory import get_own_provider
from services.utilities.operations.settings_of import check_settings, read_settings, save_settings


def propose(session: Session, provider_id: UUID, person_id: UUID, wanted: Mapping[str, Any], valid_from: date) -> UUID:
    """Ask for other settings from a day on; returns the change's id. Nothing changes before somebody else agrees.

    Raises NotFound, ChangeWaiting while another one is undecided, ChangeTooLate for a day that is over,
    CodePatternUnusable, PostingAddressRefused and LayoutUnusable.
    """
    if valid_from < clock.today():
        raise ChangeTooLate
    check_settings(read_settings(session, get_own_provider(session, provider_id)) | dict(wanted))
    made = session.execute(
        insert(ProviderChange)
        .values(
            id=new_id(),
            created_at=clock.now(),
            provider_id=provider_id,
            wanted=dict(wanted),
            valid_from=valid_from,
            state=ChangeState.PROPOSED,
            proposed_by=person_id,
        )
        .on_conflict_do_nothing(
            index_elements=[ProviderChange.provider_id], index_where=ProviderChange.state == ChangeState.PROPOSED.value
        )
        .returning(ProviderChange.id)
    ).scalar_one_or_none()
    if made is None:
        raise ChangeWaiting
    return made


def list_changes(
    session: Session, provider_id: UUID | None, *, state: str | None, limit: int, cursor: str | None
) -> Page:
    """A page of changes, of one provider and state where given, the newest first."""
    query = select(ProviderChange)
    if provider_id is not None:
        query = query.where(ProviderChange.provider_id == provider_id)
    if state is not None:
        query = query.where(ProviderChange.state == state)
    question = ("changes", provider_id, state)
    return page(session, query, by=[ProviderChange.id], limit=limit, cursor=cursor, question=question)


def get_change(session: Session, change_id: UUID, provider_id: UUID | None = None) -> ProviderChange:
    """One change; with `provider_id` only that provider's. Raises NotFound."""
    query = select(ProviderChange).where(ProviderChange.id == change_id)
    if provider_id is not None:
        query = query.where(ProviderChange.provider_id == provider_id)
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def withdraw_change(session: Session, change_id: UUID, provider_id: UUID) -> ProviderChange:
    """Take an undecided change back. Raises NotFound and ChangeNotOpen."""
    found = get_change(session, change_id, provider_id)
    return _move(session, found, ChangeState.PROPOSED, state=ChangeState.WITHDRAWN)


def decide(session: Session, change_id: UUID, person_id: UUID, *, accept: bool, reason: str | None) -> ProviderChange:
    """Another person agrees to a change, or not. What is agreed holds from its day on, at once where that has come.

    Raises NotFound, ChangeNotOpen, SecondPersonNeeded, ChangeTooLate for a cut-off of days that are being closed, and
    what `propose` raises for settings that cannot hold any more.
    """
    found = get_change(session, change_id)
    if found.state is not ChangeState.PROPOSED:
        raise ChangeNotOpen(state=found.state)
    if found.proposed_by == person_id:
        raise SecondPersonNeeded
    values = {"decided_by": person_id, "decided_at": clock.now(), "reason": reason}
    if not accept:
        return _move(session, found, ChangeState.PROPOSED, state=ChangeState.DECLINED, **values)
    provider = session.get_one(Provider, found.provider_id)
    check_settings(read_settings(session, provider) | found.wanted)
    _move(session, found, ChangeState.PROPOSED, state=ChangeState.APPROVED, **values)
    if "cut_off" in found.wanted:
        _set_cut_off(session, found)
    apply_due(session, change_id)
    return get_change(session, change_id)


def list_due(session: Session) -> Sequence[UUID]:
    """Approved changes whose day has come, the oldest first."""
    query = select(ProviderChange.id).where(
        ProviderChange.state == ChangeState.APPROVED, ProviderChange.valid_from <= clock.today()
    )
    return session.scalars(query.order_by(ProviderChange.valid_from, ProviderChange.id)).all()


def apply_due(session: Session, change_id: UUID) -> bool:
    """Let an approved change hold if its day has come; False when it has not, or the change holds already."""
    found = session.scalar(
        select(ProviderChange)
        .where(
            ProviderChange.id == change_id,
            ProviderChange.state == ChangeState.APPROVED,
            ProviderChange.valid_from <= clock.today(),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        return False
    provider = session.scalar(
        select(Provider)
        .where(Provider.id == found.provider_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if provider is None:
        raise NotFound
    held = read_settings(session, provider)
    found.before = {name: held[name] for name in found.wanted}
    found.state, found.applied_at = ChangeState.APPLIED, clock.now()
    session.flush()
    save_settings(session, found.provider_id, found.wanted)
    return True


def _set_cut_off(session: Session, found: ProviderChange) -> None:
    held = payments.operations.read_terms(session, found.provider_id)
    last = [row for row in held if row.valid_from <= found.valid_from][-1:] or held[:1]
    try:
        is_new = payments.operations.set_terms(
            session,
            found.provider_id,
            found.valid_from,
            cut_off=found.wanted["cut_off"],
            commission_vnd=last[0].commission_vnd,
            commission_bp=last[0].commission_bp,
            source=f"change {found.id}",
        )
    except ValueError as exc:
        raise ChangeTooLate from exc
    if not is_new:
        raise ChangeTooLate


def _move(
    session: Session,
    found: ProviderChange,
    of: ChangeState,
    **values: Any,  # noqa: ANN401 - columns
) -> ProviderChange:
    moved = session.scalar(
        update(ProviderChange)
        .where(ProviderChange.id == found.id, ProviderChange.state == of)
        .values(**values)
        .returning(ProviderChange)
        .execution_options(populate_existing=True)
    )
    if moved is None:
        raise ChangeNotOpen(state=get_change(session, found.id).state)
    return moved
