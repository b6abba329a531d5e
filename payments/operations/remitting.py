"""What payees are remitted: each entry of the ledger on a payee's account stands in one remittance, and in one only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, insert, select, text, update
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments import ledger
from payments.events import RemittanceFinal, RemittancePublished
from payments.models import DailyRoot, JournalKind, Remittance, RemittanceState, Seal
from payments.operations.terms import FIRST_DAY, business_day, closes_at, read_terms, take_turn

# A payment that was being posted at the cut-off commits within seconds; what is later still gets a revision.
SETTLES_WITHIN = timedelta(minutes=2)
# Providers close their books by nine in the morning of the day after.
FINAL_AT = time(9)
LATE = "late"  # until its lines say what it adds: late, returned, clawed_back, adjusted
# An entry is dated when it is booked: it cannot come later than its transaction may last. A clock may jump back, too.
_LOOK_BEHIND = timedelta(days=40)
_READ_AT_ONCE = 5_000
# Everything on the payee's account but what we have paid it; the order is the order of booking, not of clocks.
_ENTRIES = """
  FROM journal_entry e JOIN journal j ON j.id = e.journal_id
  WHERE e.account = '2110' AND e.payee_id = :payee AND j.kind <> 'remitted'
    AND e.created_at >= :opens AND e.created_at < :closes
"""
_NEW = f"{_ENTRIES} AND NOT EXISTS (SELECT FROM remittance_line l WHERE l.entry_id = e.id)"
_IS_NEW = text(f"SELECT EXISTS (SELECT {_NEW})")
_CLAIM = text(f"""
INSERT INTO remittance_line
  (entry_id, remittance_id, place, kind, payment_id, item_id, booked_at, amount_vnd, commission_vnd)
SELECT e.id, :id, row_number() OVER (ORDER BY j.number, e.id), j.kind, j.payment_id,
  CASE j.kind WHEN 'posted' THEN CAST(j.subject AS uuid)
    WHEN 'reversed' THEN (SELECT r.item_id FROM refund r WHERE r.id = CAST(split_part(j.subject, ' ', 1) AS uuid)) END,
  e.created_at, -e.amount_vnd,
  CASE j.kind WHEN 'posted' THEN :commission_vnd + (-e.amount_vnd * :commission_bp + 5000) / 10000 ELSE 0 END
{_NEW}
""")
_SUM_UP = text("""
UPDATE remittance r SET explanation = CASE WHEN r.revision > 1 THEN s.reasons END,
  lines = s.lines, posted_vnd = s.posted, returned_vnd = s.returned,
  clawed_back_vnd = s.clawed_back, adjusted_vnd = s.adjusted, commission_vnd = s.commission,
  payable_vnd = greatest(s.net + r.carried_in_vnd, 0), carried_out_vnd = least(s.net + r.carried_in_vnd, 0)
FROM (SELECT count(*) AS lines,
    string_agg(DISTINCT CASE kind WHEN 'posted' THEN 'late' WHEN 'reversed' THEN 'returned'
      WHEN 'dispute_lost' THEN 'clawed_back' ELSE 'adjusted' END, ',') AS reasons,
    coalesce(sum(amount_vnd) FILTER (WHERE kind = 'posted'), 0) AS posted,
    coalesce(-sum(amount_vnd) FILTER (WHERE kind = 'reversed'), 0) AS returned,
    coalesce(-sum(amount_vnd) FILTER (WHERE kind = 'dispute_lost'), 0) AS clawed_back,
    coalesce(sum(amount_vnd) FILTER (WHERE kind NOT IN ('posted', 'reversed', 'dispute_lost')), 0) AS adjusted,
    coalesce(sum(commission_vnd), 0) AS commission,
    coalesce(sum(amount_vnd - commission_vnd), 0) AS net
  FROM remittance_line WHERE remittance_id = :id) s
WHERE r.id = :id
""")
# The ledger's own sum of the window, and that of all lines of the day.
_CONTROL = text(f"""
SELECT (SELECT coalesce(-sum(e.amount_vnd), 0) {_ENTRIES}) - (
  SELECT coalesce(sum(l.amount_vnd), 0) FROM remittance_line l JOIN remittance r ON r.id = l.remittance_id
  WHERE r.payee_id = :payee AND r.business_day = :day)
""")
_LINES = text("""
SELECT r.revision, l.place, l.kind, l.payment_id, l.item_id, l.booked_at, l.amount_vnd, l.commission_vnd,
  i.receipt_no, i.subject_id
FROM remittance r JOIN remittance_line l ON l.remittance_id = r.id LEFT JOIN payment_item i ON i.id = l.item_id
WHERE r.payee_id = :payee AND r.business_day = :day AND r.revision = :revision AND l.place > :after
ORDER BY l.place LIMIT :limit
""")
# Of the items of a remittance that is paid: payments of which every posted item has been paid to its payee.
_SETTLED = text("""
WITH mine AS (SELECT DISTINCT payment_id FROM remittance_line WHERE remittance_id = :id AND payment_id IS NOT NULL),
moved AS (
  UPDATE payment p SET settlement = :to FROM mine
  WHERE p.id = mine.payment_id AND p.settlement = :of AND NOT EXISTS (
    SELECT FROM payment_item i WHERE i.payment_id = p.id AND i.posting = 'posted' AND NOT EXISTS (
      SELECT FROM remittance_line l JOIN remittance r ON r.id = l.remittance_id
      WHERE l.item_id = i.id AND l.kind = 'posted'
        AND CASE :to WHEN 'remitted' THEN r.paid_line_id IS NOT NULL ELSE r.confirmed_on IS NOT NULL END))
  RETURNING p.id)
INSERT INTO payment_event (id, created_at, payment_id, step)
SELECT CAST(:stamp || substr(md5(CAST(id AS text) || :to), 1, 3) || '-8' || substr(md5(CAST(id AS text)), 4, 3) || '-'
            || substr(md5(CAST(id AS text)), 7, 12) AS uuid), :now, id, :to FROM moved
""")


def final_due_at(remittance: Remittance) -> datetime:
    """When a published remittance becomes final: nine in the morning after the day has closed."""
    closed_on = clock.local(remittance.closes_at - timedelta(microseconds=1)).date()
    return datetime.combine(closed_on + timedelta(days=1), FINAL_AT, clock.ZONE).astimezone(UTC)


def list_unremitted_days(session: Session, payee_id: UUID) -> list[date]:
    """Closed business days of a payee with entries that no remittance pays yet, the oldest first."""
    terms = read_terms(session, payee_id)
    until = clock.now() - SETTLES_WITHIN
    last = session.scalar(select(func.max(Remittance.business_day)).where(Remittance.payee_id == payee_id))
    since = FIRST_DAY if last is None else last - _LOOK_BEHIND
    wanted = {"payee": payee_id, "opens": datetime.combine(since, time.min, UTC), "closes": until}
    moments = session.scalars(text(f"SELECT e.created_at {_NEW} ORDER BY e.created_at LIMIT 100000"), wanted)
    days = {business_day(terms, moment) for moment in moments}
    return sorted(day for day in days if closes_at(terms, day) <= until)


def draft(session: Session, payee_id: UUID, day: date) -> Remittance | None:
    """Put what no remittance pays yet of a payee's business day into a draft; None when there is nothing.

    A day that has one already gets the next revision, which says why. Two callers at once make one draft.
    """
    take_turn(session, payee_id)
    terms = read_terms(session, payee_id)
    opens, closes = closes_at(terms, day - timedelta(days=1)), closes_at(terms, day)
    if closes > clock.now():
        raise ValueError(f"{day} is not over")
    window = {"payee": payee_id, "opens": opens, "closes": closes}
    if not session.scalar(_IS_NEW, window):
        return None
    own = select(Remittance).where(Remittance.payee_id == payee_id)
    last = session.scalars(own.order_by(Remittance.number.desc()).limit(1)).one_or_none()
    revision = (
        session.scalar(
            select(func.max(Remittance.revision)).where(Remittance.payee_id == payee_id, Remittance.business_day == day)
        )
        or 0
    ) + 1
    held = [row for row in terms if row.valid_from <= day] or terms[:1]
    remittance_id = new_id()
    session.execute(
        insert(Remittance).values(
            id=remittance_id,
            created_at=clock.now(),
            payee_id=payee_id,
            business_day=day,
            revision=revision,
            number=1 if last is None else last.number + 1,
            reference=_reference(payee_id, day, revision),
            state=RemittanceState.DRAFT,
            explanation=None if revision == 1 else LATE,
            opens_at=opens,
            closes_at=closes,
            carried_in_vnd=0 if last is None else last.carried_out_vnd,
            carried_out_vnd=0 if last is None else last.carried_out_vnd,
        )
    )
    commission = {"commission_vnd": held[-1].commission_vnd, "commission_bp": held[-1].commission_bp}
    session.execute(_CLAIM, {"id": remittance_id, **window, **commission})
    session.execute(_SUM_UP, {"id": remittance_id})
    return _read(session, remittance_id)


def prove(session: Session, remittance_id: UUID) -> Remittance | None:
    """Tie a draft to the sealed books: the last signed root, and where the payee's chain stands.

    None for what is no draft any more: of two who publish it one is first. And while its control totals are not the
    ledger's: then something has come in meanwhile, and is to be drafted first.
    """
    is_draft = (Remittance.id == remittance_id, Remittance.state == RemittanceState.DRAFT)
    if session.scalar(select(Remittance.id).where(*is_draft).with_for_update()) is None:
        return None
    found = _read(session, remittance_id)
    window = {"payee": found.payee_id, "opens": found.opens_at, "closes": found.closes_at, "day": found.business_day}
    if difference := session.scalar(_CONTROL, window):
        logs.logger.warning("remittance_incomplete", amount_vnd=difference)
        return None
    root = session.scalars(select(DailyRoot).order_by(DailyRoot.day.desc()).limit(1)).one_or_none()
    head = session.execute(
        select(Seal.position, Seal.digest)
        .where(Seal.chain == str(found.payee_id))
        .order_by(Seal.position.desc())
        .limit(1)
    ).one_or_none()
    proof = {
        "root": root
        and {
            "day": root.day.isoformat(),
            "root": root.root.hex(),
            "key_id": root.key_id,
            "signature": root.signature.hex(),
        },
        "chain": head and {"position": head.position, "digest": head.digest.hex()},
    }
    session.execute(update(Remittance).where(Remittance.id == remittance_id).values(proof=proof))
    return _read(session, remittance_id)


def publish(session: Session, remittance_id: UUID, files: Mapping[str, Any]) -> None:
    """Show a draft to its payee, with the digests and signatures of its files."""
    published = (
        update(Remittance)
        .where(Remittance.id == remittance_id, Remittance.state == RemittanceState.DRAFT)
        .values(state=RemittanceState.PUBLISHED, files=dict(files), published_at=clock.now())
    )
    for payee_id in session.scalars(published.returning(Remittance.payee_id)).all():
        events.emit(session, RemittancePublished(remittance_id, payee_id))


def list_drafts(session: Session, payee_id: UUID) -> Sequence[UUID]:
    """A payee's drafts, the oldest first."""
    query = select(Remittance.id).where(Remittance.payee_id == payee_id, Remittance.state == RemittanceState.DRAFT)
    return session.scalars(query.order_by(Remittance.number)).all()


def finalise_due(session: Session, payee_id: UUID) -> list[UUID]:
    """Make final what was published and has come of age; our commission is booked with it. Returns their ids."""
    query = select(Remittance).where(Remittance.payee_id == payee_id, Remittance.state == RemittanceState.PUBLISHED)
    done = []
    for found in session.scalars(query.order_by(Remittance.number).with_for_update()):
        if clock.now() < final_due_at(found):
            continue
        found.state, found.final_at = RemittanceState.FINAL, clock.now()
        session.flush()
        if commission := found.commission_vnd:
            legs = [
                ledger.Leg(ledger.PROVIDER_PAYABLE, commission, payee_id=payee_id),
                ledger.Leg(ledger.FEE_INCOME, -commission),
            ]
            ledger.book(session, JournalKind.REMITTED, f"{found.id} commission", legs)
        events.emit(session, RemittanceFinal(found.id, payee_id))
        done.append(found.id)
    return done


def match_debit(session: Session, line_id: UUID, *, amount_vnd: int, said: str) -> bool:
    """A debit of the bank that names a final remittance and is of its sum pays it (J7); False when it is none."""
    spoken = "".join(letter for letter in said.upper() if letter.isalnum())
    open_ones = select(Remittance).where(*awaits_debit(), Remittance.payable_vnd == -amount_vnd)
    for found in session.scalars(open_ones.with_for_update()):
        if found.reference in spoken:
            found.paid_line_id = line_id
            session.flush()
            legs = [
                ledger.Leg(ledger.PROVIDER_PAYABLE, found.payable_vnd, payee_id=found.payee_id),
                ledger.Leg(ledger.BANK, -found.payable_vnd),
            ]
            ledger.book(session, JournalKind.REMITTED, found.id, legs)
            _settle(session, found.id, "bank_matched", "remitted")
            if found.confirmed_on is not None:  # the payee's bank was faster than ours
                _settle(session, found.id, "remitted", "confirmed")
            return True
    return False


def awaits_debit() -> tuple[ColumnElement[bool], ...]:
    """What is true of a remittance that is final and that no line of the bank pays yet."""
    return Remittance.state == RemittanceState.FINAL, Remittance.paid_line_id.is_(None), Remittance.payable_vnd > 0


def confirm_advised(session: Session, payee_id: UUID, statement_id: UUID, on: date) -> int:
    """What a payee's bank has advised it of, to the đồng, has arrived; returns how many remittances."""
    told = text(
        "UPDATE remittance r SET confirmed_on = :on FROM statement_row w WHERE w.statement_id = :statement "
        "AND w.key = r.reference AND w.amount_vnd = r.payable_vnd AND r.payee_id = :payee AND r.state = 'final' "
        "AND r.confirmed_on IS NULL RETURNING r.id"
    )
    confirmed = session.scalars(told, {"on": on, "statement": statement_id, "payee": payee_id}).all()
    for remittance_id in confirmed:
        _settle(session, remittance_id, "remitted", "confirmed")
    return len(confirmed)


def list_remittances(session: Session, payee_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """What a payee is remitted, drafts left out, the newest first."""
    query = select(Remittance).where(Remittance.payee_id == payee_id, Remittance.state != RemittanceState.DRAFT)
    return page(session, query, by=[Remittance.number], limit=limit, cursor=cursor, question=("remitted", payee_id))


def get_remittance(session: Session, remittance_id: UUID, payee_id: UUID) -> Remittance:
    """One of a payee's own remittances. Raises NotFound, also for a draft."""
    found = session.scalar(
        select(Remittance).where(
            Remittance.id == remittance_id,
            Remittance.payee_id == payee_id,
            Remittance.state != RemittanceState.DRAFT,
        )
    )
    if found is None:
        raise NotFound
    return found


def sums_declared(session: Session, remittance: Remittance) -> dict[str, int]:
    """The sums of a day up to and with one revision: what its file declares."""
    names = ("lines", "posted_vnd", "returned_vnd", "clawed_back_vnd", "adjusted_vnd", "commission_vnd")
    row = session.execute(
        select(*(func.sum(getattr(Remittance, name)).label(name) for name in names)).where(
            Remittance.payee_id == remittance.payee_id,
            Remittance.business_day == remittance.business_day,
            Remittance.revision <= remittance.revision,
        )
    ).one()
    return {name: int(getattr(row, name)) for name in names}


def read_lines(session: Session, remittance: Remittance) -> Iterator[Row[Any]]:
    """The lines of a day up to and with one revision, in their order, a few thousand at a time."""
    of = {"payee": remittance.payee_id, "day": remittance.business_day, "limit": _READ_AT_ONCE}
    # One revision after the other: within one the index has the lines in their order, whatever their number.
    for revision in range(1, remittance.revision + 1):
        after = 0
        while rows := session.execute(_LINES, {**of, "revision": revision, "after": after}).all():
            yield from rows
            after = rows[-1].place


def _read(session: Session, remittance_id: UUID) -> Remittance:
    query = select(Remittance).where(Remittance.id == remittance_id).execution_options(populate_existing=True)
    return session.execute(query).scalar_one()


def _settle(session: Session, remittance_id: UUID, of: str, to: str) -> None:
    stamp = str(new_id())[:15]
    session.execute(_SETTLED, {"id": remittance_id, "of": of, "to": to, "now": clock.now(), "stamp": stamp})


def _reference(payee_id: UUID, day: date, revision: int) -> str:
    digest = hashlib.sha256(f"{payee_id} {day} {revision}".encode()).hexdigest()[:8].upper()
    return f"RM{day:%y%m%d}R{revision}X{digest}"
