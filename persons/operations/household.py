"""The household: up to six people whom a citizen keeps as profiles, sealed under the citizen's key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import count
from uuid import UUID

import orjson
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from kit import clock, idempotency, sealed
from kit.database import new_id
from kit.errors import NotFound, PreconditionFailed
from kit.idempotency import Outcome, RequestKey
from kit.vault import DataKey
from persons.errors import HouseholdFull
from persons.models import MOST_MEMBERS, HouseholdMember, Relation, Verification


@dataclass(frozen=True)
class Profile:
    """What a citizen tells of a member of the household."""

    name: str
    relation: Relation
    birth_date: date
    cccd: str | None = None
    health_insurance_no: str | None = None


@dataclass(frozen=True)
class Member:
    """A member of the household, readable."""

    id: UUID
    name: str
    relation: Relation
    birth_date: date
    cccd: str | None
    health_insurance_no: str | None
    verified_by: Verification
    created_at: datetime
    version: int


def add_member(session: Session, request: RequestKey, citizen_id: UUID, profile: Profile) -> Outcome:
    """Keep one more person, once per Idempotency-Key; raises HouseholdFull when there are six."""

    def add() -> UUID:
        _take_turn(session, citizen_id)
        taken = set(session.scalars(select(HouseholdMember.place).where(HouseholdMember.citizen_id == citizen_id)))
        if len(taken) >= MOST_MEMBERS:
            raise HouseholdFull
        free = sorted(set(range(1, MOST_MEMBERS + 1)) - taken)
        member_id = new_id()
        key = sealed.make_key(session, citizen_id)
        session.add(
            HouseholdMember(
                id=member_id,
                created_at=clock.now(),
                citizen_id=citizen_id,
                place=free[0],
                sealed=key.seal(_field(member_id), _written(profile)),
            )
        )
        session.flush()
        return member_id

    return idempotency.once(session, request, add)


def list_members(session: Session, citizen_id: UUID) -> Sequence[Member]:
    """Everybody in a citizen's household, in the order they came."""
    rows = session.scalars(
        select(HouseholdMember).where(HouseholdMember.citizen_id == citizen_id).order_by(HouseholdMember.id)
    ).all()
    if not rows:
        return []
    key = sealed.get_key(session, citizen_id)
    return [_read(row, key) for row in rows]


def get_member(session: Session, citizen_id: UUID, member_id: UUID) -> Member:
    """A member of the citizen's household; raises NotFound, also for another citizen's."""
    row = session.scalar(
        select(HouseholdMember).where(HouseholdMember.id == member_id, HouseholdMember.citizen_id == citizen_id)
    )
    if row is None:
        raise NotFound
    return _read(row, sealed.get_key(session, citizen_id))


def change_member(session: Session, citizen_id: UUID, member: Member, changes: Mapping[str, object]) -> Member:
    """Change what is told of the member in the version that was looked at; what was verified is declared again.

    Raises PreconditionFailed when the member was changed meanwhile.
    """
    told = {name: getattr(member, name) for name in Profile.__dataclass_fields__}
    profile = Profile(**(told | dict(changes)))
    if asdict(profile) == told:
        return member
    changed = session.scalar(
        update(HouseholdMember)
        .where(
            HouseholdMember.id == member.id,
            HouseholdMember.citizen_id == citizen_id,
            HouseholdMember.version == member.version,
        )
        .values(
            sealed=sealed.get_key(session, citizen_id).seal(_field(member.id), _written(profile)),
            verified_by=Verification.DECLARED,
            version=HouseholdMember.version + 1,
        )
        .returning(HouseholdMember.id)
    )
    if changed is None:
        raise PreconditionFailed
    session.expire_all()
    return get_member(session, citizen_id, member.id)


def remove_member(session: Session, citizen_id: UUID, member: Member) -> None:
    """Forget the member in the version that was looked at; raises PreconditionFailed when it changed meanwhile."""
    gone = session.scalar(
        delete(HouseholdMember)
        .where(
            HouseholdMember.id == member.id,
            HouseholdMember.citizen_id == citizen_id,
            HouseholdMember.version == member.version,
        )
        .returning(HouseholdMember.id)
    )
    if gone is None:
        raise PreconditionFailed


def verify_member(session: Session, citizen_id: UUID, member_id: UUID, verified_by: Verification) -> None:
    """Note how a member was verified, by who has seen it; any change of the profile undoes it. Raises NotFound."""
    noted = session.scalar(
        update(HouseholdMember)
        .where(HouseholdMember.id == member_id, HouseholdMember.citizen_id == citizen_id)
        .values(verified_by=verified_by, version=HouseholdMember.version + 1)
        .returning(HouseholdMember.id)
    )
    if noted is None:
        raise NotFound


def move_household(session: Session, *, kept_id: UUID, joined_id: UUID) -> None:
    """Let the members of one citizen's household go on in another's, sealed anew; their ids stay what they were."""
    _take_turn(session, kept_id)
    rows = session.scalars(
        select(HouseholdMember)
        .where(HouseholdMember.citizen_id == joined_id)
        .order_by(HouseholdMember.id)
        .with_for_update()
    ).all()
    if not rows:
        return
    theirs, own = sealed.get_key(session, joined_id), sealed.make_key(session, kept_id)
    taken = set(session.scalars(select(HouseholdMember.place).where(HouseholdMember.citizen_id == kept_id)))
    for row in rows:
        place = next(free for free in count(1) if free not in taken)
        taken.add(place)
        session.execute(
            update(HouseholdMember)
            .where(HouseholdMember.id == row.id)
            .values(
                citizen_id=kept_id,
                place=place,
                sealed=own.seal(_field(row.id), theirs.unseal(_field(row.id), row.sealed)),
            )
        )


def _take_turn(session: Session, citizen_id: UUID) -> None:
    # Two additions at once would both see the same free place: one at a time per citizen.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"household:{citizen_id}", 0))))


def _field(member_id: UUID) -> str:
    return f"household:{member_id}"  # sealed for this row: two members can't be swapped either


def _written(profile: Profile) -> str:
    return orjson.dumps(asdict(profile)).decode()


def _read(row: HouseholdMember, key: DataKey) -> Member:
    told = orjson.loads(key.unseal(_field(row.id), row.sealed))
    return Member(
        id=row.id,
        name=told["name"],
        relation=Relation(told["relation"]),
        birth_date=date.fromisoformat(told["birth_date"]),
        cccd=told["cccd"],
        health_insurance_no=told["health_insurance_no"],
        verified_by=row.verified_by,
        created_at=row.created_at,
        version=row.version,
    )
