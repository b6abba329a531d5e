"""What must hold of our books at any moment, each promise a query that finds what breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import TextClause, select, text, update
from sqlalchemy.orm import Session

from kit import clock, events, logs
from kit.database import new_id
from payments.events import BooksBroken
from payments.models import Alarm

UNKNOWN_AT_MOST = timedelta(minutes=15)
POSTED_WITHIN = timedelta(hours=24)
SEALED_WITHIN = timedelta(minutes=5)
_NAMED = 5  # a promise that is broken a thousand times needs no thousand names

_OPEN = "('pending', 'unknown', 'parked')"


def _sum(kind: str, account: str, sign: str = "") -> str:
    return (
        f"SELECT j.subject, {sign}sum(e.amount_vnd) AS vnd FROM journal j JOIN journal_entry e ON e.journal_id = j.id "
        f"WHERE j.kind = '{kind}' AND e.account = '{account}' GROUP BY 1"
    )


# Each statement of the bank that tells its balances by its latest revision, and the days of its lines.
_STATED = (
    "WITH told AS (SELECT DISTINCT ON (coalesce(name, file_hash)) coalesce(name, file_hash) AS name, opening_vnd, "
    "closing_vnd FROM bank_statement WHERE balanced ORDER BY coalesce(name, file_hash), revision DESC), "
    "dated AS (SELECT coalesce(s.name, s.file_hash) AS name, min(coalesce(r.first_day, l.booked_on)) AS began, "
    "max(coalesce(r.last_day, l.booked_on)) AS ended FROM bank_statement s "
    "LEFT JOIN match_run r ON r.id = s.run_id AND s.read > 0 "
    "LEFT JOIN bank_line l ON l.statement_id = s.id AND r.id IS NULL WHERE s.balanced GROUP BY 1), "
    "stated AS (SELECT told.*, began, ended FROM told JOIN dated USING (name) WHERE began IS NOT NULL) "
)

# The answers depend on nothing but our own tables and the clock (:unknown, :unposted, :unsealed).
PROMISES: Mapping[str, str] = {
    "all entries sum to zero": "SELECT 'all' FROM journal_entry HAVING sum(amount_vnd) <> 0",
    "each journal has two entries or more that sum to zero": (
        "SELECT j.id FROM journal j LEFT JOIN journal_entry e ON e.journal_id = j.id "
        "GROUP BY 1 HAVING coalesce(sum(e.amount_vnd), 1) <> 0 OR count(e.id) < 2"
    ),
    "a captured payment has its J1, of its amount": (
        f"SELECT p.id FROM payment p LEFT JOIN ({_sum('captured', '1110')}) j ON j.subject = CAST(p.id AS text) "
        "WHERE p.state = 'captured' AND j.vnd IS DISTINCT FROM p.captured_vnd"
    ),
    "a J1 has a captured payment": (
        "SELECT j.id FROM journal j JOIN payment p ON p.id = j.payment_id "
        "WHERE j.kind = 'captured' AND p.state <> 'captured'"
    ),
    "a posted item has its J2, of its amount": (
        f"SELECT i.id FROM payment_item i LEFT JOIN ({_sum('posted', '2120')}) j ON j.subject = CAST(i.id AS text) "
        "WHERE i.posting = 'posted' AND j.vnd IS DISTINCT FROM i.amount_vnd"
    ),
    "a J2 has a posted item": (
        "SELECT j.id FROM journal j LEFT JOIN payment_item i ON j.subject = CAST(i.id AS text) "
        "WHERE j.kind = 'posted' AND i.posting IS DISTINCT FROM 'posted'"
    ),
    "what is reserved or given back is what the decisions say": (
        "SELECT p.id FROM payment p "
        "LEFT JOIN (SELECT payment_id, sum(amount_vnd) AS vnd FROM refund WHERE state <> 'failed' GROUP BY 1) r "
        "ON r.payment_id = p.id "
        "LEFT JOIN (SELECT payment_id, sum(amount_vnd) AS vnd FROM dispute WHERE state = 'lost' GROUP BY 1) d "
        "ON d.payment_id = p.id "
        "WHERE p.refunded_vnd <> least(p.captured_vnd, coalesce(r.vnd, 0) + coalesce(d.vnd, 0)) "
        "OR coalesce(r.vnd, 0) > p.captured_vnd"
    ),
    "what is in flight are refunds without an answer": (
        "SELECT f.vnd FROM (SELECT coalesce(-sum(amount_vnd), 0) AS vnd FROM journal_entry WHERE account = '2130') f, "
        "(SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM refund WHERE state NOT IN ('succeeded', 'failed')) r "
        "WHERE f.vnd <> r.vnd"
    ),
    "a refund is booked once for each state it passed": (
        "SELECT r.id FROM refund r WHERE "
        "(SELECT count(*) FROM journal j WHERE j.kind = 'refund_requested' AND j.subject = CAST(r.id AS text)) <> 1 "
        "OR (r.state = 'succeeded') <> EXISTS (SELECT FROM journal j WHERE j.kind = 'refund_done' "
        "  AND j.subject = CAST(r.id AS text) AND NOT EXISTS "
        "  (SELECT FROM journal b WHERE b.kind = 'refund_returned' AND b.subject = j.subject)) "
        "OR (r.state = 'failed') <> EXISTS (SELECT FROM journal j "
        "  WHERE j.kind IN ('refund_failed', 'refund_returned') AND j.subject = CAST(r.id AS text))"
    ),
    "what is disputed is what the banks are examining": (
        "SELECT a.vnd FROM (SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM journal_entry WHERE account = '1310') a, "
        "(SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM dispute WHERE state IN ('needs_response', 'under_review')) d "
        "WHERE a.vnd <> d.vnd"
    ),
    "what is owed to a payee is what it posted, less what went back, was lost, or was remitted": (
        "SELECT payee_id FROM (SELECT payee_id, -sum(amount_vnd) AS owed FROM journal_entry WHERE account = '2110' "
        "GROUP BY 1) o FULL JOIN (SELECT payee_id, sum(amount_vnd - refunded_vnd) AS due FROM payment_item "
        "WHERE posting = 'posted' GROUP BY 1) d USING (payee_id) LEFT JOIN "
        "(SELECT e.payee_id, sum(e.amount_vnd) AS paid FROM journal j JOIN journal_entry e ON e.journal_id = j.id "
        "WHERE j.kind IN ('remitted', 'adjustment') AND e.account = '2110' GROUP BY 1) r USING (payee_id) "
        "WHERE coalesce(owed, 0) <> coalesce(due, 0) - coalesce(paid, 0)"
    ),
    "what is a citizen's is never negative": (
        "SELECT citizen_id FROM journal_entry WHERE account = '2120' GROUP BY 1 HAVING sum(amount_vnd) > 0"
    ),
    "a claim has one live payment at most": (
        "SELECT subject_id FROM payment_item WHERE live GROUP BY 1 HAVING count(*) > 1"
    ),
    "money that was taken is on its way, posted, or the citizen's": (
        "SELECT p.id FROM payment p JOIN (SELECT j.payment_id, -sum(e.amount_vnd) AS vnd FROM journal j "
        "JOIN journal_entry e ON e.journal_id = j.id WHERE e.account = '2120' GROUP BY 1) u ON u.payment_id = p.id "
        "LEFT JOIN (SELECT payment_id, sum(amount_vnd) AS vnd FROM payment_item "
        f"WHERE taken AND posting IN {_OPEN} GROUP BY 1) i ON i.payment_id = p.id WHERE u.vnd < coalesce(i.vnd, 0)"
    ),
    "every movement at the gateway is one we know": (
        "SELECT kind || ' ' || subject FROM discrepancy WHERE state IN ('open', 'investigating', 'proposed') "
        # What a payee's books say is between it and the province: no alarm of ours.
        "AND coalesce(way, 'gateway') NOT IN ('provider', 'advice')"
    ),
    "the fees are those of the gateway": (
        f"SELECT b.id FROM balance_transaction b LEFT JOIN ({_sum('fee', '5110')}) j ON j.subject = b.id "
        "WHERE b.type IN ('charge', 'payment', 'stripe_fee') AND coalesce(j.vnd, 0) <> "
        "CASE b.type WHEN 'stripe_fee' THEN -b.net_vnd ELSE b.fee_vnd END "
        # What two people have explained was booked by them as a whole.
        "AND NOT EXISTS (SELECT FROM discrepancy d WHERE d.subject = b.id AND d.state = 'resolved')"
    ),
    # Written down by those who asked the gateway: a difference that was there again after a quarter of an hour.
    "what the gateway has of ours is what our books say": (
        "SELECT promises FROM books_alarm WHERE NOT open AND cleared_at IS NULL "
        "GROUP BY promises HAVING max(created_at) - min(created_at) >= interval '15 minutes'"
    ),
    # The account began before our books did, with what its first statement opens with. A remittance that was booked
    # under a payee's own number (J7) has no line of the bank.
    "what is at the bank is what its last statement says": (
        f"{_STATED} SELECT b.vnd FROM (SELECT coalesce(sum(e.amount_vnd), 0) AS vnd FROM journal_entry e "
        "JOIN journal j ON j.id = e.journal_id WHERE e.account = '1210' "
        "AND NOT (j.kind = 'remitted' AND j.subject LIKE '% %')) b, "
        # What a notification has told and no statement has come to yet, or ever began with.
        "(SELECT coalesce(sum(l.amount_vnd), 0) AS vnd FROM bank_line l JOIN bank_statement s ON s.id = l.statement_id "
        "WHERE NOT s.balanced AND NOT l.withdrawn AND (l.booked_on > (SELECT max(ended) FROM stated) "
        "OR l.booked_on < (SELECT min(began) FROM stated))) n WHERE EXISTS (SELECT FROM stated) "
        "AND NOT EXISTS (SELECT FROM stated a, stated z WHERE a.began = (SELECT min(began) FROM stated) "
        "AND z.ended = (SELECT max(ended) FROM stated) AND z.closing_vnd - a.opening_vnd = b.vnd - n.vnd)"
    ),
    # In whatever order the files came in. One that tells known lines again opens where another has opened.
    "a statement of the bank opens where another has closed": (
        f"{_STATED} SELECT name FROM stated s WHERE began > (SELECT min(began) FROM stated) "
        "AND NOT EXISTS (SELECT FROM told t WHERE t.name <> s.name "
        "AND s.opening_vnd IN (t.closing_vnd, t.opening_vnd))"
    ),
    "no outcome is unknown for long": "SELECT id FROM payment WHERE state = 'unknown' AND state_since < :unknown",
    "no refund is without an answer for long": (
        "SELECT id FROM refund WHERE state IN ('submitted', 'unknown') AND state_since < :unknown"
    ),
    "no payee is silent for long": (
        "SELECT i.id FROM payment_item i JOIN payment p ON p.id = i.payment_id "
        # Parked is what has been silent for longer than its payee has promised.
        f"WHERE i.taken AND i.posting IN {_OPEN} AND (i.posting = 'parked' OR p.state_since < :unposted)"
    ),
    "every journal is sealed soon": (
        "SELECT j.number FROM journal j WHERE j.created_at < :unsealed "
        "AND NOT EXISTS (SELECT FROM seal s WHERE s.journal_number = j.number)"
    ),
    "the program itself cannot change the books": (
        "SELECT name FROM unnest(ARRAY['journal', 'journal_entry', 'seal', 'daily_root', 'remittance_line', "
        "'discrepancy_event']) AS name "
        "WHERE has_table_privilege(name, 'UPDATE') OR has_table_privilege(name, 'DELETE')"
    ),
}
_QUERIES: Mapping[str, TextClause] = {promise: text(f"{query} LIMIT {_NAMED}") for promise, query in PROMISES.items()}


@dataclass(frozen=True)
class Breach:
    """A promise that does not hold, and the first few of what breaks it."""

    promise: str
    found: tuple[str, ...]


def find_breaches(session: Session, *, but: frozenset[str] = frozenset()) -> list[Breach]:
    """Everything that does not hold now; `but` leaves promises out."""
    now = clock.now()
    times = {"unknown": now - UNKNOWN_AT_MOST, "unposted": now - POSTED_WITHIN, "unsealed": now - SEALED_WITHIN}
    breaches = []
    for promise, query in _QUERIES.items():
        wanted = {name: at for name, at in times.items() if f":{name}" in PROMISES[promise]}
        if promise not in but and (rows := session.execute(query, wanted).all()):
            breaches.append(Breach(promise, tuple(str(row[0]) for row in rows)))
    return breaches


def raise_alarm(session: Session, breaches: list[Breach]) -> UUID | None:
    """Tell the operator once of what was found, and take the alarm back when all is well; the alarm's id if it is new.

    While an alarm is open a second one is raised only for other promises.
    """
    promises = "; ".join(breach.promise for breach in breaches)
    known = session.execute(select(Alarm).where(Alarm.open).with_for_update()).scalar_one_or_none()
    if known is not None and known.promises == promises:
        return None
    if known is not None:
        session.execute(update(Alarm).where(Alarm.id == known.id).values(open=False, cleared_at=clock.now()))
    if not breaches:
        return None
    alarm = Alarm(id=new_id(), created_at=clock.now(), promises=promises, open=True)
    session.add(alarm)
    session.flush()
    for breach in breaches:
        logs.logger.error("books_broken", promise=breach.promise, count=len(breach.found))
    events.emit(session, BooksBroken(alarm.id, promises))
    return alarm.id
