"""The SQL of the hot path, one statement a move: the guarded UPDATE, its step, its journal, built once.

A statement that finds the payment elsewhere than the legal moves allow changes nothing and returns no row.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import TextClause, bindparam, text

from payments import ledger
from payments.models import POSTING_FROM, POSTING_OPEN, REACHED_FROM, MoneyState, Payment, Posting


def _quoted(states: Iterable[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


def _step(source: str, step: str, item: str = "CAST(NULL AS uuid)", payment: str = "id", reason: str = "NULL") -> str:
    return (
        "INSERT INTO payment_event (id, created_at, payment_id, step, item_id, reason) "
        f"SELECT :step_id, :now, {payment}, '{step}', {item}, {reason} FROM {source}"
    )


# What has confirmed a payment, or could have, is of no use to anybody once it is over.
_FORGET = ", redirect_url = NULL, client_secret = NULL"
# What has to be true of an intent before it may move a payment.
_SAME_INTENT = "coalesce(intent_id, :intent) = :intent AND amount_vnd = :amount"


def _move(to: MoneyState, also: str = "", where: str = "", *more: str, reason: str = "NULL") -> TextClause:
    reached = f"state IN ({_quoted(REACHED_FROM[to])})"
    parts = [
        f"""moved AS (
  UPDATE payment SET state = '{to}', state_since = :now, version = version + 1{also}
  WHERE id = :id AND {reached}{where} RETURNING id, citizen_id, intent_id, capture_vnd, version)""",
        f"step AS ({_step('moved', to, reason=reason)})",
        *more,
    ]
    return text(f"WITH {', '.join(parts)} SELECT * FROM moved")


_LET_GO = """items AS (
  UPDATE payment_item SET live = false, posting = 'not_taken', posting_reason = :reason
  FROM moved WHERE payment_id = moved.id AND live)"""

OPEN = text(f"""
WITH opened AS (
  INSERT INTO payment (id, created_at, citizen_id, holder_id, amount_vnd, captured_vnd, refunded_vnd, disputed,
                       state, state_since, settlement, version, card_id)
  VALUES (:id, :now, :citizen_id, :citizen_id, :amount, 0, 0, false, 'created', :now, 'unsettled', 1,
          CAST(:card_id AS uuid)) RETURNING id),
items AS (
  INSERT INTO payment_item (id, created_at, payment_id, payee_id, subject_id, amount_vnd, label_vi, label_en,
                            live, taken, posting, posting_attempts, refunded_vnd)
  SELECT claim.id, :now, :id, claim.payee_id, claim.subject_id, claim.amount_vnd, claim.label_vi, claim.label_en,
         true, false, 'pending', 0, 0
  FROM unnest(CAST(:item_ids AS uuid[]), CAST(:payees AS uuid[]), CAST(:subjects AS uuid[]), CAST(:amounts AS bigint[]),
              CAST(:labels_vi AS text[]), CAST(:labels_en AS text[]))
    AS claim (id, payee_id, subject_id, amount_vnd, label_vi, label_en)),
step AS ({_step("opened", MoneyState.CREATED)})
SELECT id FROM opened
""")

# An unknown outcome after a capture was decided may still be that capture on its way: it is not a hold again yet.
HOLD = _move(
    MoneyState.AUTHORISED,
    ", intent_id = :intent",
    f" AND {_SAME_INTENT} AND NOT (state = 'unknown' AND capture_vnd IS NOT NULL)",
)
HOLD_AGAIN = _move(MoneyState.AUTHORISED, ", intent_id = :intent", f" AND {_SAME_INTENT}")
DOUBT = _move(MoneyState.UNKNOWN, "", " AND state = :during")
AWAIT = _move(MoneyState.AUTHORISING, ", intent_id = :intent", f" AND {_SAME_INTENT}")
ASK = _move(
    MoneyState.REQUIRES_ACTION,
    ", intent_id = :intent, redirect_url = :redirect_url, client_secret = :client_secret",
    f" AND {_SAME_INTENT}",
).bindparams(*(bindparam(name, type_=getattr(Payment, name).type) for name in ("redirect_url", "client_secret")))
END = {
    state: _move(
        state,
        f", reason = :reason, intent_id = coalesce(intent_id, CAST(:intent AS text)){_FORGET}",
        "",
        _LET_GO,
        reason=":reason",
    )
    for state in (MoneyState.FAILED, MoneyState.CANCELLED, MoneyState.EXPIRED)
}
BEGIN_CAPTURE = _move(
    MoneyState.CAPTURING,
    ", capture_vnd = coalesce(capture_vnd, :owed)",
    " AND intent_id IS NOT NULL AND coalesce(capture_vnd, :owed) > 0",
)

# More than is owed can only be a capture that was decided before an item was dropped, or one that came after the end.
CAPTURE = text(f"""
WITH owed AS (
  SELECT CAST(coalesce(sum(amount_vnd), 0) AS bigint) AS vnd FROM payment_item WHERE payment_id = :id AND live),
moved AS (
  UPDATE payment SET state = 'captured', state_since = :now, version = version + 1, captured_vnd = :received,
    reason = NULL, intent_id = :intent, charge_id = :charge{_FORGET}
  FROM owed WHERE payment.id = :id AND state IN ({_quoted(REACHED_FROM[MoneyState.CAPTURED])}) AND {_SAME_INTENT}
    AND :received BETWEEN greatest(owed.vnd, 1) AND amount_vnd
  RETURNING payment.id, payment.citizen_id, payment.holder_id, owed.vnd AS owed_vnd),
step AS ({_step("moved", MoneyState.CAPTURED)}),
items AS (
  UPDATE payment_item SET taken = true FROM moved WHERE payment_id = moved.id AND live RETURNING payment_item.id),
booked AS (
  INSERT INTO journal (id, created_at, kind, subject, payment_id)
  SELECT :journal_id, :now, 'captured', CAST(id AS text), id FROM moved RETURNING id),
legs AS (
  INSERT INTO journal_entry (id, created_at, journal_id, account, citizen_id, amount_vnd)
  SELECT leg.id, :now, booked.id, leg.account, CASE leg.sign WHEN -1 THEN moved.holder_id END, leg.sign * :received
  FROM booked, moved, (VALUES (CAST(:debit_id AS uuid), '{ledger.GATEWAY_PENDING}', 1),
                              (CAST(:credit_id AS uuid), '{ledger.CITIZEN_UNAPPLIED}', -1)) AS leg (id, account, sign))
SELECT moved.citizen_id, moved.owed_vnd, (SELECT count(*) FROM items) AS applied FROM moved
""")

BEGIN_POSTING = text(f"""
UPDATE payment_item
SET posting = CASE posting WHEN 'parked' THEN 'parked' ELSE 'unknown' END, posting_attempts = posting_attempts + 1
WHERE payment_id = :id AND taken AND live AND posting IN ({_quoted(POSTING_OPEN)})
  AND id <> ALL(CAST(:but AS uuid[]))
RETURNING id, posting_attempts - 1 AS calls_before
""")

# A payee that fetches its postings has been handed these: from now on it may have posted them.
HAND_OUT = text("""
UPDATE payment_item SET posting = 'unknown', posting_attempts = posting_attempts + 1
WHERE id IN (SELECT id FROM payment_item WHERE id = ANY(CAST(:ids AS uuid[])) AND posting = 'pending' AND taken
             ORDER BY id FOR UPDATE SKIP LOCKED)
""")

POST = text(f"""
WITH item AS (
  UPDATE payment_item SET posting = 'posted', receipt_no = :receipt_no, posted_at = :posted_at
  WHERE id = :id AND taken AND posting IN ({_quoted(POSTING_FROM[Posting.POSTED])})
  RETURNING id, payment_id, payee_id, amount_vnd),
step AS ({_step("item", Posting.POSTED, item="id", payment="payment_id")}),
booked AS (
  INSERT INTO journal (id, created_at, kind, subject, payment_id, payee_id)
  SELECT :journal_id, :now, 'posted', CAST(id AS text), payment_id, payee_id FROM item RETURNING id),
legs AS (
  INSERT INTO journal_entry (id, created_at, journal_id, account, payee_id, citizen_id, amount_vnd)
  SELECT leg.id, :now, booked.id, leg.account, CASE leg.sign WHEN -1 THEN item.payee_id END,
         CASE leg.sign WHEN 1 THEN payment.holder_id END, leg.sign * item.amount_vnd
  FROM booked, item JOIN payment ON payment.id = item.payment_id,
       (VALUES (CAST(:debit_id AS uuid), '{ledger.CITIZEN_UNAPPLIED}', 1),
               (CAST(:credit_id AS uuid), '{ledger.PROVIDER_PAYABLE}', -1)) AS leg (id, account, sign))
SELECT payment_id, amount_vnd FROM item
""")

REJECT = text(f"""
WITH item AS (
  UPDATE payment_item SET posting = 'rejected', posting_reason = :reason, live = false
  WHERE id = :id AND taken AND posting IN ({_quoted(POSTING_FROM[Posting.REJECTED])})
  RETURNING id, payment_id, amount_vnd),
step AS ({_step("item", Posting.REJECTED, item="id", payment="payment_id", reason=":reason")})
SELECT payment_id, amount_vnd FROM item
""")
