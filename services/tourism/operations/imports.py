"""A file of guides becomes drafts: every good line one, every bad line named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.errors import NotFound
from services.tourism.models import Guide, GuideImport, Revision
from services.tourism.operations.revisions import Desk, begin_draft


@dataclass(frozen=True)
class Read:
    """One line of a file that was looked at: its content, or what is wrong with it by place and sentence."""

    number: int
    content: Mapping[str, Any] | None
    flaws: Mapping[str, Any]


def import_guides(session: Session, desk: Desk, kind: str, lines: Iterable[Read]) -> UUID:
    """Draft what a file says, each guide found again by its slug within this office; returns the import's id.

    A line that says what the guide's newest revision says already drafts nothing.
    """
    drafted = unchanged = 0
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for line in lines:
        if line.content is None:
            errors += [{"line": line.number, "place": place, "detail": said} for place, said in line.flaws.items()]
            continue
        slug = line.content["slug"]
        known = session.execute(select(Guide.id, Guide.organisation_id).where(Guide.slug == slug)).one_or_none()
        if slug in seen or (known is not None and known.organisation_id != desk.organisation_id):
            errors.append({"line": line.number, "place": "slug", "detail": "duplicate"})
            continue
        seen.add(slug)
        guide_id, last = _last(session, desk, slug) or (None if known is None else known.id, None)
        if last is not None and _covers(last, line.content):
            unchanged += 1
            continue
        # What the file does not speak of stays as it is: hours, prices and other texts are not lost.
        merged = {**(last or {}), **{name: value for name, value in line.content.items() if value is not None}}
        if last is not None:
            merged["texts"] = {**last["texts"], **line.content["texts"]}
        begin_draft(session, desk, guide_id, merged)
        drafted += 1
    made = GuideImport(
        organisation_id=desk.organisation_id,
        author_id=desk.person_id,
        format=kind,
        drafted=drafted,
        unchanged=unchanged,
        refused=len({error["line"] for error in errors}),
        errors=errors[:1000],
    )
    session.add(made)
    session.flush()
    return made.id


def get_import(session: Session, desk: Desk, import_id: UUID) -> GuideImport:
    """An import of this office. Raises NotFound."""
    found = session.execute(
        select(GuideImport).where(GuideImport.id == import_id, GuideImport.organisation_id == desk.organisation_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _last(session: Session, desk: Desk, slug: str) -> tuple[UUID, dict[str, Any]] | None:
    found = session.execute(
        select(Revision.guide_id, Revision.body)
        .where(Revision.organisation_id == desk.organisation_id, Revision.body["slug"].astext == slug)
        .order_by(Revision.id.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else (found.guide_id, found.body)


def _covers(last: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether a revision says all that a line says."""
    return all(
        _covers(last.get(name) or {}, value) if isinstance(value, Mapping) else last.get(name) == value
        for name, value in content.items()
        if value is not None and value != []
    )
