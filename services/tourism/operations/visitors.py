"""What a visitor keeps: favourites, plans and stamps, of a citizen or of a phone that joins one later."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock, export
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.pages import Page, page
from services.tourism import cards, geometry
from services.tourism.errors import NotAtThePlace, TooManyPlans, VisitorUnknown
from services.tourism.models import Favourite, Guide, GuideStop, Plan, Visit, Visitor
from services.tourism.operations.publishing import published_texts

AT_THE_PLACE_METRES = 500  # positions of guides are known to about that
_MOST = 200
_FORGOTTEN_AFTER = timedelta(days=400)
_Columns = Row[*tuple[Any, ...]]


def register_visitor(session: Session) -> str:
    """A new visitor nobody knows; returns the token, which is stored nowhere but on the phone."""
    token = secrets.token_urlsafe(32)
    session.add(Visitor(token_hash=_hash(token), seen_on=clock.today()))
    session.flush()
    return token


def find_visitor(session: Session, *, citizen_id: UUID | None, token: str | None) -> UUID:
    """Whose things a request is about: a citizen's, or those of a phone. Raises VisitorUnknown."""
    if citizen_id is not None:
        return _of_citizen(session, citizen_id)
    found = session.execute(
        update(Visitor)
        .where(Visitor.token_hash == _hash(token or ""))
        .values(seen_on=clock.today())
        .returning(Visitor.id)
    ).scalar_one_or_none()
    if found is None:
        raise VisitorUnknown
    return found


def join_visitor(session: Session, citizen_id: UUID, token: str) -> None:
    """Give a citizen what their phone has kept; the token is worth nothing afterwards. Raises VisitorUnknown."""
    phone = session.execute(
        select(Visitor.id).where(Visitor.token_hash == _hash(token)).with_for_update()
    ).scalar_one_or_none()
    if phone is None:
        raise VisitorUnknown
    _merge(session, phone, _of_citizen(session, citizen_id))


def join_citizens(session: Session, kept_id: UUID, joined_id: UUID) -> None:
    """Two citizens are one person: what was the second's is the first's. Safe to repeat."""
    other = session.execute(
        select(Visitor.id).where(Visitor.citizen_id == joined_id).with_for_update()
    ).scalar_one_or_none()
    if other is not None:
        _merge(session, other, _of_citizen(session, kept_id))


def forget_idle_visitors(session: Session) -> None:
    """Forget phones that have not been seen for more than a year."""
    session.execute(
        delete(Visitor).where(Visitor.citizen_id.is_(None), Visitor.seen_on < clock.today() - _FORGOTTEN_AFTER)
    )


def add_favourite(session: Session, visitor_id: UUID, guide_id: UUID) -> None:
    """Remember a guide; saying so again changes nothing. Raises NotFound and TooManyPlans."""
    _check_guide(session, guide_id)
    _check_count(session, Favourite, visitor_id)
    session.execute(
        insert(Favourite)
        .values(visitor_id=visitor_id, guide_id=guide_id, created_at=clock.now())
        .on_conflict_do_nothing()
    )


def remove_favourite(session: Session, visitor_id: UUID, guide_id: UUID) -> None:
    """Forget a favourite, whether it was one or not."""
    session.execute(delete(Favourite).where(Favourite.visitor_id == visitor_id, Favourite.guide_id == guide_id))


def list_favourites(session: Session, visitor_id: UUID, lang: str) -> list[dict[str, Any]]:
    """A visitor's favourites with their titles, the newest first; those that are no longer told are left out."""
    rows = session.execute(
        select(Favourite.guide_id, Favourite.created_at)
        .join(Guide, Guide.id == Favourite.guide_id)
        .where(Favourite.visitor_id == visitor_id, Guide.withdrawn_at.is_(None))
        .order_by(Favourite.created_at.desc(), Favourite.guide_id)
    ).all()
    titles = _titles(session, [row.guide_id for row in rows], lang)
    return [{"guide_id": row.guide_id, "title": titles[row.guide_id], "created_at": row.created_at} for row in rows]


def add_plan(session: Session, visitor_id: UUID, plan: Mapping[str, Any]) -> UUID:
    """A new plan; returns its id. Raises NotFound for a stop nobody can read, and TooManyPlans."""
    _check_count(session, Plan, visitor_id)
    _check_stops(session, plan["stops"])
    made = Plan(visitor_id=visitor_id, version=1, **_plan_values(plan))
    session.add(made)
    session.flush()
    return made.id


def get_plan(session: Session, visitor_id: UUID, plan_id: UUID) -> Plan:
    """A visitor's own plan. Raises NotFound."""
    found = session.execute(select(Plan).where(Plan.id == plan_id, Plan.visitor_id == visitor_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def list_plans(session: Session, visitor_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A visitor's plans, the newest first."""
    query = select(Plan).where(Plan.visitor_id == visitor_id)
    return page(session, query, by=[Plan.id], limit=limit, cursor=cursor, question=("plans", visitor_id))


def change_plan(session: Session, plan: Plan, changed: Mapping[str, Any]) -> Plan:
    """Write a plan anew, in the version that was looked at. Raises PreconditionFailed, NotFound for an unknown stop."""
    _check_stops(session, changed["stops"])
    written = session.execute(
        update(Plan)
        .where(Plan.id == plan.id, Plan.version == plan.version)
        .values(version=Plan.version + 1, **_plan_values(changed))
        .returning(Plan)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if written is None:
        raise PreconditionFailed
    return written


def remove_plan(session: Session, plan: Plan) -> None:
    """Forget a plan, in the version that was looked at. Raises PreconditionFailed."""
    gone = session.execute(
        delete(Plan).where(Plan.id == plan.id, Plan.version == plan.version).returning(Plan.id)
    ).scalar_one_or_none()
    if gone is None:
        raise PreconditionFailed


def add_visit(
    session: Session, visitor_id: UUID, guide_id: UUID, *, short_code: str | None, at: tuple[float, float] | None
) -> bool:
    """Stamp a visit of today, proved by the code at the gate or by being near; False when it was stamped before.

    Where the visitor stands is compared and not kept. Raises NotFound and NotAtThePlace.
    """
    guide = session.execute(
        select(Guide.short_code, Guide.lat, Guide.lon).where(Guide.id == guide_id, Guide.withdrawn_at.is_(None))
    ).one_or_none()
    if guide is None:
        raise NotFound
    by_code = short_code is not None and secrets.compare_digest(short_code.lower().encode(), guide.short_code.encode())
    by_place = (
        at is not None and guide.lat is not None and geometry.metres(*at, guide.lat, guide.lon) <= AT_THE_PLACE_METRES
    )
    if not (by_code or by_place):
        raise NotAtThePlace
    made = session.execute(
        insert(Visit)
        .values(
            id=new_id(),
            created_at=clock.now(),
            visitor_id=visitor_id,
            guide_id=guide_id,
            visited_on=clock.today(),
            proved_by="code" if by_code else "position",
        )
        .on_conflict_do_nothing()
        .returning(Visit.id)
    ).scalar_one_or_none()
    return made is not None


def get_passport(session: Session, visitor_id: UUID, lang: str) -> dict[str, Any]:
    """A visitor's stamps, one a place with the first and the last day, and the itineraries they have completed."""
    rows = session.execute(
        select(
            Visit.guide_id,
            func.min(Visit.visited_on).label("first_on"),
            func.max(Visit.visited_on).label("last_on"),
            func.count().label("visits"),
        )
        .where(Visit.visitor_id == visitor_id)
        .group_by(Visit.guide_id)
        .order_by(func.min(Visit.created_at), Visit.guide_id)
    ).all()
    seen = [row.guide_id for row in rows]
    completed = session.execute(
        select(GuideStop.itinerary_id)
        .join(Guide, Guide.id == GuideStop.itinerary_id)
        .where(Guide.withdrawn_at.is_(None))
        .group_by(GuideStop.itinerary_id)
        .having(func.bool_and(GuideStop.guide_id.in_(seen)))
        .order_by(GuideStop.itinerary_id)
    ).scalars().all() if seen else []  # fmt: skip
    titles = _titles(session, [*seen, *completed], lang)
    return {
        "stamps": [{**row._mapping, "title": titles[row.guide_id]} for row in rows],  # noqa: SLF001 - its public name
        "completed": [{"itinerary_id": one, "title": titles[one]} for one in completed],
    }


def export_visits(session: Session, citizen_id: UUID) -> dict[str, Any]:
    """Favourites, plans and stamps of a citizen."""
    mine = select(Visitor.id).where(Visitor.citizen_id == citizen_id).scalar_subquery()
    favourites = select(Favourite.guide_id, Favourite.created_at).where(Favourite.visitor_id == mine)
    plans = select(Plan.id, Plan.title, Plan.starts_on, Plan.stops, Plan.created_at).where(Plan.visitor_id == mine)
    visits = select(Visit.guide_id, Visit.visited_on, Visit.proved_by).where(Visit.visitor_id == mine)
    return {
        "favourites": export.rows(session, favourites.order_by(Favourite.guide_id)),
        "plans": export.rows(session, plans.order_by(Plan.id)),
        "visits": export.rows(session, visits.order_by(Visit.id)),
    }


def erase_visits(session: Session, citizen_id: UUID) -> None:
    """Forget all of it; nothing of it need be kept."""
    session.execute(delete(Visitor).where(Visitor.citizen_id == citizen_id))


def _of_citizen(session: Session, citizen_id: UUID) -> UUID:
    session.execute(
        insert(Visitor)
        .values(id=new_id(), created_at=clock.now(), citizen_id=citizen_id, seen_on=clock.today())
        .on_conflict_do_nothing()
    )
    return session.execute(select(Visitor.id).where(Visitor.citizen_id == citizen_id)).scalar_one()


def _merge(session: Session, source: UUID, target: UUID) -> None:
    """Move everything of one visitor to another; what both have is kept once. The first one is gone afterwards."""
    favourites = select(Favourite.guide_id, Favourite.created_at).where(Favourite.visitor_id == source)
    for row in session.execute(favourites).all():
        session.execute(
            insert(Favourite)
            .values(visitor_id=target, guide_id=row.guide_id, created_at=row.created_at)
            .on_conflict_do_nothing()
        )
    session.execute(update(Plan).where(Plan.visitor_id == source).values(visitor_id=target))
    both = select(Visit.guide_id, Visit.visited_on).where(Visit.visitor_id == target)
    known = {tuple(row) for row in session.execute(both)}
    for visit in session.execute(select(Visit).where(Visit.visitor_id == source)).scalars():
        if (visit.guide_id, visit.visited_on) not in known:
            visit.visitor_id = target
    session.flush()
    session.execute(delete(Visitor).where(Visitor.id == source))


def _plan_values(plan: Mapping[str, Any]) -> dict[str, Any]:
    stops = [
        {"guide_id": str(stop["guide_id"]), "day": stop.get("day"), "note": stop.get("note")} for stop in plan["stops"]
    ]
    return {"title": plan["title"], "starts_on": plan.get("starts_on"), "stops": stops}


def _check_guide(session: Session, guide_id: UUID) -> None:
    if session.execute(select(Guide.id).where(Guide.id == guide_id, Guide.withdrawn_at.is_(None))).first() is None:
        raise NotFound


def _check_stops(session: Session, stops: Sequence[Mapping[str, Any]]) -> None:
    wanted = {stop["guide_id"] for stop in stops}
    known = select(func.count()).where(Guide.id.in_(wanted), Guide.withdrawn_at.is_(None))
    if session.execute(known).scalar_one() != len(wanted):
        raise NotFound


def _check_count(session: Session, kind: type[Favourite | Plan], visitor_id: UUID) -> None:
    kept = session.execute(select(func.count()).where(kind.visitor_id == visitor_id)).scalar_one()
    if kept >= _MOST:
        raise TooManyPlans(most=_MOST)


def _titles(session: Session, guide_ids: Sequence[UUID], lang: str) -> dict[UUID, str | None]:
    texts = published_texts(session, list(guide_ids))
    return {one: cards.tell(texts[one], lang, ("title",)).texts["title"] for one in guide_ids}


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
