"""Copies for phones: a province as one hashed file, and everything that changed since a number of its feed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from services.education.errors import FeedTooOld, NoSchoolsInProvince
from services.education.models import ChangeKind, School, SchoolChange, SchoolFeed, SchoolSnapshot
from services.education.operations.reading import tell

MOST_CHANGES = 500
_TOMBSTONES_KEPT = timedelta(days=180)
_SNAPSHOTS_KEPT = 3  # of a province: somebody may be in the middle of a download
_SNAPSHOT_AFTER = 200  # changes: with fewer, a snapshot and its changes cost a phone less than a new snapshot costs us
_PIECE = 500
_COLUMNS = (
    School.id, School.facts, School.version, School.province_code, School.province_name, School.commune_code,
    School.commune_name, School.successor_id,
)  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """A stretch of a province's feed: schools to store, ids to remove, and the number to ask from next time."""

    items: Sequence[dict[str, Any]]
    seq: int
    has_more: bool


def get_snapshot(session: Session, province_code: str) -> SchoolSnapshot:
    """The newest snapshot of a province, without its content; made now when there is none.

    Raises NoSchoolsInProvince.
    """
    found = find_snapshot(session, province_code)
    if found is None:
        make_snapshot(session, province_code)
        found = find_snapshot(session, province_code)
    if found is None:
        raise NoSchoolsInProvince
    return found


def find_snapshot(session: Session, province_code: str) -> SchoolSnapshot | None:
    """The newest snapshot of a province."""
    return session.scalars(
        select(SchoolSnapshot)
        .where(SchoolSnapshot.province_code == province_code)
        .order_by(SchoolSnapshot.seq.desc())
        .limit(1)
    ).one_or_none()


def get_snapshot_file(session: Session, snapshot_id: UUID) -> SchoolSnapshot:
    """A snapshot with its content; raises NotFound when it was dropped for newer ones."""
    found = session.scalars(select(SchoolSnapshot).where(SchoolSnapshot.id == snapshot_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def make_snapshot(session: Session, province_code: str) -> None:
    """Write a province down as it is now, unless that was done already; raises NoSchoolsInProvince.

    The row of the feed is locked for reading meanwhile, so the file and its number speak of the same instant.
    """
    seq = session.execute(
        select(SchoolFeed.seq).where(SchoolFeed.province_code == province_code).with_for_update(read=True)
    ).scalar_one_or_none()
    if seq is None:
        raise NoSchoolsInProvince
    rows = session.execute(
        select(*_COLUMNS).where(School.province_code == province_code, School.is_listed).order_by(School.id)
    ).all()
    plain = b"".join(orjson.dumps(tell(row), option=orjson.OPT_SORT_KEYS) + b"\n" for row in rows)
    session.execute(
        insert(SchoolSnapshot)
        .values(
            id=new_id(),
            created_at=clock.now(),
            province_code=province_code,
            seq=seq,
            schools=len(rows),
            sha256=hashlib.sha256(plain).hexdigest(),
            bytes_plain=len(plain),
            # Without the time in its head the same schools make the same bytes.
            content=gzip.compress(plain, mtime=0),
        )
        .on_conflict_do_nothing(index_elements=[SchoolSnapshot.province_code, SchoolSnapshot.seq])
    )
    kept = (
        select(SchoolSnapshot.id)
        .where(SchoolSnapshot.province_code == province_code)
        .order_by(SchoolSnapshot.seq.desc())
        .limit(_SNAPSHOTS_KEPT)
    )
    session.execute(
        delete(SchoolSnapshot).where(SchoolSnapshot.province_code == province_code, SchoolSnapshot.id.not_in(kept))
    )


def list_stale_provinces(session: Session) -> Sequence[str]:
    """Provinces that have gone on by 200 changes or more since their last snapshot, or have none."""
    last = (
        select(SchoolSnapshot.province_code, func.max(SchoolSnapshot.seq).label("seq"))
        .group_by(SchoolSnapshot.province_code)
        .subquery()
    )
    return session.scalars(
        select(SchoolFeed.province_code)
        .outerjoin(last, last.c.province_code == SchoolFeed.province_code)
        .where(SchoolFeed.seq - func.coalesce(last.c.seq, -_SNAPSHOT_AFTER) >= _SNAPSHOT_AFTER)
        .order_by(SchoolFeed.province_code)
    ).all()


def list_changes(session: Session, province_code: str, since: int, *, limit: int) -> Changes:
    """What a phone that holds the province as of `since` has to store and to remove, in the order it happened.

    Asking with the answer's `seq` until `has_more` is false leads to exactly what the server holds. Raises FeedTooOld
    when tombstones after `since` were dropped, or `since` lies in the future, and NoSchoolsInProvince.
    """
    feed = session.execute(
        select(SchoolFeed.seq, SchoolFeed.forgotten_seq).where(SchoolFeed.province_code == province_code)
    ).one_or_none()
    if feed is None:
        raise NoSchoolsInProvince
    if not feed.forgotten_seq <= since <= feed.seq:
        raise FeedTooOld(seq=feed.seq)
    rows = session.execute(
        select(SchoolChange.seq.label("change_seq"), SchoolChange.kind, SchoolChange.school_id, *_COLUMNS)
        .join(School, School.id == SchoolChange.school_id)
        # Up to the number read above: what is committed between the two statements comes next time.
        .where(
            and_(SchoolChange.province_code == province_code, SchoolChange.seq > since, SchoolChange.seq <= feed.seq)
        )
        .order_by(SchoolChange.seq)
        .limit(limit + 1)
    ).all()
    told = rows[:limit]
    has_more = len(rows) > limit
    return Changes([_change(row) for row in told], told[-1].change_seq if has_more else feed.seq, has_more)


def forget_old_tombstones(session: Session) -> None:
    """Drop tombstones after half a year; phones that slept longer take a new snapshot."""
    too_old = clock.now() - _TOMBSTONES_KEPT
    dropped = session.execute(
        delete(SchoolChange)
        .where(SchoolChange.kind == ChangeKind.REMOVE, SchoolChange.changed_at < too_old)
        .returning(SchoolChange.province_code, SchoolChange.seq)
    ).all()
    last: dict[str, int] = {}
    for row in dropped:
        last[row.province_code] = max(row.seq, last.get(row.province_code, 0))
    for province_code, seq in sorted(last.items()):
        session.execute(
            update(SchoolFeed)
            .where(SchoolFeed.province_code == province_code)
            .values(forgotten_seq=func.greatest(SchoolFeed.forgotten_seq, seq))
        )


def _change(row: Row[Any]) -> dict[str, Any]:
    if row.kind is ChangeKind.REMOVE:
        return {
            "kind": ChangeKind.REMOVE.value,
            "seq": row.change_seq,
            "id": str(row.school_id),
            "successor_id": str(row.successor_id) if row.successor_id else None,
        }
    return {"kind": ChangeKind.PUT.value, "seq": row.change_seq, "id": str(row.school_id), "school": tell(row)}
