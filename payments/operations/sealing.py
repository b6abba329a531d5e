"""The sealer, and the verifier that names what somebody has altered. Nothing of this is on the path of a payment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from kit import clock
from kit.errors import NotFound
from kit.pages import Page, page
from payments import proof
from payments.models import DailyRoot, Payment, Seal

# What concerns no single provider stands in a chain of its own.
HOUSE = "house"
_BATCH = 1_000
_DAYS = 100
# The signer comes every hour; the day before is not missed as long as it may still come.
_SIGNED_WITHIN = timedelta(hours=3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A transaction that began before others may commit after them, by seconds at most. Journals are looked for this far
# behind the last one sealed; those of the whole day are looked for before its root is signed.
_LOOK_BEHIND = 20_000
_TURN = "hashtextextended('sealer of the ledger', 0)"
_TRY = text(f"SELECT pg_try_advisory_xact_lock({_TURN})")
_WAIT = text(f"SELECT pg_advisory_xact_lock({_TURN}) IS NOT NULL")
_ENTRIES = (
    "SELECT id, journal_id, account, payee_id, citizen_id, amount_vnd FROM journal_entry WHERE journal_id = ANY(:ids)"
)
_FORGOTTEN = text(
    "SELECT j.id FROM journal j WHERE j.created_at < :at "
    "AND NOT EXISTS (SELECT FROM seal s WHERE s.journal_number = j.number)"
)
# Every day is signed, also one on which nothing was booked: so a root that somebody took away is missed.
_UNSIGNED = text("""
SELECT CAST(midnight AS date) FROM generate_series(
  (SELECT CAST(CAST(j.created_at AT TIME ZONE :zone AS date) AS timestamp) FROM journal j ORDER BY j.number LIMIT 1),
  CAST(CAST(:last AS date) AS timestamp), interval '1 day') AS midnight
WHERE NOT EXISTS (SELECT FROM daily_root r WHERE r.day = CAST(midnight AS date)) ORDER BY 1 LIMIT :limit
""")
# From chain to chain by the index: reading every seal to find a few heads would cost more each day.
_HEADS = text("""
WITH RECURSIVE chains AS (
  (SELECT chain FROM seal ORDER BY chain LIMIT 1)
  UNION ALL
  SELECT (SELECT s.chain FROM seal s WHERE s.chain > c.chain ORDER BY s.chain LIMIT 1) FROM chains c
  WHERE c.chain IS NOT NULL)
SELECT chains.chain, head.position, head.digest FROM chains
CROSS JOIN LATERAL (
  SELECT position, digest FROM seal WHERE seal.chain = chains.chain ORDER BY position DESC LIMIT 1) head
""")
_JOURNAL = "j.id, j.created_at, j.number, j.kind, j.subject, j.payment_id, j.payee_id, j.discrepancy_id"
_UNSEALED = text(f"""
SELECT {_JOURNAL} FROM journal j
WHERE j.number > :above AND NOT EXISTS (SELECT FROM seal s WHERE s.journal_number = j.number)
ORDER BY j.number LIMIT :limit
""")
_SEALED = text(f"""
SELECT s.chain, s.position, s.journal_number, s.journal_id, s.digest, j.number AS found, {_JOURNAL}
FROM seal s LEFT JOIN journal j ON j.id = s.journal_id
WHERE (s.chain, s.position) > (:chain, :position) ORDER BY s.chain, s.position LIMIT :limit
""")


@dataclass(frozen=True)
class Flaw:
    """Something that is not as it was sealed: in which chain, where, which journal, and what is wrong with it."""

    chain: str
    position: int
    journal_id: UUID | None
    what: str


@dataclass(frozen=True)
class _Sealed:
    row: Row[Any]
    entries: list[dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where a journal stands: what a receipt or a remittance prints."""

    kind: str
    chain: str
    position: int
    digest: bytes
    sealed_at: datetime


def seal(session: Session, *, everything: bool = False) -> int:
    """Put committed journals into their chains, in the order of their numbers; returns how many. One sealer at a time.

    `everything` also finds journals that were committed long after others with higher numbers, and waits for its turn:
    0 then says that nothing is left.
    """
    if not session.scalar(_WAIT if everything else _TRY):
        return 0
    last = session.scalar(select(func.coalesce(func.max(Seal.journal_number), 0))) or 0
    above = 0 if everything else max(0, last - _LOOK_BEHIND)
    found = session.execute(_UNSEALED, {"above": above, "limit": _BATCH}).all()
    if not found:
        return 0
    entries = _entries_of(session, [row.id for row in found])
    heads = _heads(session)
    now = clock.now()
    seals = []
    for row in found:
        chain = HOUSE if row.payee_id is None else str(row.payee_id)
        position, before = heads.get(chain, (0, proof.START))
        digest = proof.link(before, proof.canonical(_journal(row), entries.get(row.id, [])))
        heads[chain] = (position + 1, digest)
        seals.append(
            {
                "chain": chain,
                "position": position + 1,
                "journal_number": row.number,
                "journal_id": row.id,
                "digest": digest,
                "sealed_at": now,
            }
        )
    session.execute(insert(Seal), seals)
    return len(seals)


def sign_day(session: Session, day: date) -> DailyRoot | None:
    """Sign the heads of all chains as the end of `day`; None when the day was signed before.

    A day that is signed late is signed with what stands in the chains by then: all of its own bookings, and later ones.
    """
    heads = _heads(session)
    root = proof.root_of(heads)
    return session.execute(
        insert_or_skip(DailyRoot)
        .values(
            day=day,
            heads={chain: [position, digest.hex()] for chain, (position, digest) in sorted(heads.items())},
            root=root,
            key_id=proof.key_id(proof.public_key()),
            signature=proof.sign(day.isoformat(), root),
        )
        .on_conflict_do_nothing()
        .returning(DailyRoot)
    ).scalar_one_or_none()


def find_unsigned_days(session: Session, *, ended_before: datetime | None = None) -> Sequence[date]:
    """Days that are over, by now or at that moment, and have no root, the oldest first; from the first booking on."""
    last = clock.local(ended_before or clock.now()).date() - timedelta(days=1)
    return session.scalars(_UNSIGNED, {"zone": clock.ZONE.key, "last": last, "limit": _DAYS}).all()


def verify(session: Session, *, public_key: bytes) -> Iterator[Flaw]:
    """Compute every digest anew and compare; yields what was altered, by chain, position and journal.

    Whoever rewrites journals and all seals after them is found by the signed roots: a head that a root has signed must
    still stand where it stood. A finished day without a root is named too.
    """
    digests: dict[tuple[str, int], bytes] = {}
    for chain, rows in groupby(_all_seals(session), key=lambda each: each.row.chain):
        yield from _verify_chain(chain, rows, digests)
    for root in session.execute(select(DailyRoot).order_by(DailyRoot.day)).scalars():
        heads = {chain: (position, bytes.fromhex(digest)) for chain, (position, digest) in root.heads.items()}
        day = root.day.isoformat()
        if proof.root_of(heads) != root.root or not proof.is_signed(public_key, day, root.root, root.signature):
            yield Flaw("root", 0, None, f"the root of {day} is not the one we signed")
        for chain, (position, digest) in heads.items():
            if digests.get((chain, position)) != digest:
                yield Flaw(chain, position, None, f"is not what was signed on {day}")
    for unsigned in find_unsigned_days(session, ended_before=clock.now() - _SIGNED_WITHIN):
        yield Flaw("root", 0, None, f"the end of {unsigned.isoformat()} was never signed")
    for journal_id in session.execute(_FORGOTTEN, {"at": clock.now() - timedelta(minutes=5)}).scalars():
        yield Flaw("", 0, journal_id, "journal was never sealed")


def _verify_chain(chain: str, rows: Iterable[_Sealed], digests: dict[tuple[str, int], bytes]) -> Iterator[Flaw]:
    before, expected = proof.START, 1
    for row, entries in ((each.row, each.entries) for each in rows):
        if row.position != expected:
            yield Flaw(chain, expected, None, "seal is missing")
        if row.found is None:
            yield Flaw(chain, row.position, row.journal_id, "journal is missing")
        elif proof.link(before, proof.canonical(_journal(row), entries)) != row.digest:
            yield Flaw(chain, row.position, row.journal_id, "journal or its entries were altered")
        before, expected = bytes(row.digest), row.position + 1
        digests[chain, row.position] = before


def list_places(session: Session, payment_id: UUID) -> list[Place]:
    """Where the journals of a payment stand, those not sealed yet left out."""
    query = text(
        "SELECT j.kind, s.chain, s.position, s.digest, s.sealed_at FROM journal j "
        "JOIN seal s ON s.journal_number = j.number WHERE j.payment_id = :id ORDER BY j.number"
    )
    rows = session.execute(query, {"id": payment_id})
    return [Place(row.kind, row.chain, row.position, bytes(row.digest), row.sealed_at) for row in rows]


def get_places(session: Session, payment_id: UUID, citizen_id: UUID) -> list[Place]:
    """Where the journals of a citizen's own payment stand. Raises NotFound for anybody else's."""
    own = select(Payment.id).where(Payment.id == payment_id, Payment.citizen_id == citizen_id)
    if session.scalar(own) is None:
        raise NotFound
    return list_places(session, payment_id)


def list_roots(session: Session, *, limit: int, cursor: str | None) -> Page:
    """Signed roots, the newest first."""
    return page(session, select(DailyRoot), by=[DailyRoot.day], limit=limit, cursor=cursor, question="roots")


def _heads(session: Session) -> dict[str, tuple[int, bytes]]:
    return {row.chain: (row.position, bytes(row.digest)) for row in session.execute(_HEADS)}


def _all_seals(session: Session) -> Iterator[_Sealed]:
    place = {"chain": "", "position": 0}
    while rows := session.execute(_SEALED, {**place, "limit": _BATCH}).all():
        entries = _entries_of(session, [row.journal_id for row in rows])
        yield from (_Sealed(row, entries.get(row.journal_id, [])) for row in rows)
        place = {"chain": rows[-1].chain, "position": rows[-1].position}


def _entries_of(session: Session, ids: list[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in session.execute(text(_ENTRIES), {"ids": ids}).mappings():
        found.setdefault(row["journal_id"], []).append(dict(row))
    return found


def _journal(row: Row[Any]) -> dict[str, Any]:
    journal = {
        name: getattr(row, name)
        for name in ("id", "number", "kind", "subject", "payment_id", "payee_id", "discrepancy_id")
    }
    # To the microsecond in UTC: that is what the database keeps, whatever zone it tells it in.
    at = row.created_at
    return journal | {"created_at": None if at is None else (at - _EPOCH) // timedelta(microseconds=1)}
