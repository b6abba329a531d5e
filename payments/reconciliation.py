"""The comparison of two sides of the same money, as one set-based statement with a tolerance of 0 đồng."""

from __future__ import annotations

from sqlalchemy import TextClause, text

# Both sides are SELECTs of: key (what both know the line by), amount_vnd, day, ref (the subject of a difference), alone
# (the class where the other side has nothing) and hint (the customer, or NULL). Theirs also have: twice (the class
# where the other side has it once already) and line (of their file, or NULL).
#
# Rules, in order: the same key and amount on the same day are a pair, then on another day; the same key with another
# amount is a difference of amounts; what is left is missing on one side. Nothing is ever paired by amount alone: that
# is a suggestion, for a person.
_COMPARE = """
WITH days AS MATERIALIZED ({days}),
ours AS MATERIALIZED (
  SELECT side.*, row_number() OVER (PARTITION BY key COLLATE "C", amount_vnd, day ORDER BY ref) AS nth
  FROM ({ours}) side),
theirs AS MATERIALIZED (
  SELECT side.*, row_number() OVER (PARTITION BY key COLLATE "C", amount_vnd, day ORDER BY line, ref) AS nth
  FROM ({theirs}) side),
exact AS MATERIALIZED (
  SELECT o.key AS ours_key, o.amount_vnd AS ours_vnd, o.day AS ours_day, o.ref AS ours_ref, o.alone AS missing,
         o.hint AS ours_hint, t.key AS theirs_key, t.amount_vnd AS theirs_vnd, t.day AS theirs_day, t.ref AS theirs_ref,
         t.alone AS unknown, t.twice, t.hint AS theirs_hint, t.line
  FROM ours o FULL JOIN theirs t ON t.key COLLATE "C" = o.key COLLATE "C" AND t.amount_vnd = o.amount_vnd
    AND t.day = o.day AND t.nth = o.nth),
-- Few from here on: what has no partner of its own amount and day.
moved AS MATERIALIZED (
  SELECT o.ours_key, o.ours_vnd, o.ours_day, o.ours_ref, o.missing, o.ours_hint,
         t.theirs_key, t.theirs_vnd, t.theirs_day, t.theirs_ref, t.unknown, t.twice, t.theirs_hint, t.line
  FROM (SELECT *, row_number() OVER (PARTITION BY ours_key, ours_vnd ORDER BY ours_day, ours_ref) AS nth
        FROM exact WHERE theirs_key IS NULL) o
  FULL JOIN (SELECT *, row_number() OVER (PARTITION BY theirs_key, theirs_vnd
                                          ORDER BY theirs_day, line, theirs_ref) AS nth
             FROM exact WHERE ours_key IS NULL) t
    ON t.theirs_key = o.ours_key AND t.theirs_vnd = o.ours_vnd AND t.nth = o.nth),
paired AS MATERIALIZED (
  SELECT o.ours_key, o.ours_vnd, o.ours_day, o.ours_ref, o.missing, o.ours_hint,
         t.theirs_key, t.theirs_vnd, t.theirs_day, t.theirs_ref, t.unknown, t.twice, t.theirs_hint, t.line,
         coalesce(o.nth, t.nth) AS nth
  FROM (SELECT *, row_number() OVER (PARTITION BY ours_key ORDER BY ours_day, ours_vnd, ours_ref) AS nth
        FROM moved WHERE theirs_key IS NULL) o
  FULL JOIN (SELECT *, row_number() OVER (PARTITION BY theirs_key ORDER BY theirs_day, line, theirs_ref) AS nth
             FROM moved WHERE ours_key IS NULL) t
    ON t.theirs_key = o.ours_key AND t.nth = o.nth),
counted AS (
  SELECT count(*) AS matched, coalesce(sum(vnd), 0) AS matched_vnd FROM (
    SELECT ours_vnd AS vnd FROM exact WHERE theirs_key IS NOT NULL AND ours_day IN (SELECT day FROM days)
    UNION ALL
    SELECT ours_vnd FROM moved WHERE NOT :same_day AND ours_key IS NOT NULL AND theirs_key IS NOT NULL
      AND (ours_day IN (SELECT day FROM days) OR theirs_day IN (SELECT day FROM days))) pairs),
found AS MATERIALIZED (
  SELECT p.*, CASE
      WHEN theirs_key IS NULL THEN missing
      WHEN ours_key IS NULL AND theirs_key IN (SELECT key FROM ours) THEN twice
      WHEN ours_key IS NULL THEN unknown
      WHEN sign(ours_vnd) <> sign(theirs_vnd) THEN 'DIRECTION'
      WHEN theirs_vnd > ours_vnd THEN 'AMOUNT_OVER' ELSE 'AMOUNT_UNDER' END AS kind,
    coalesce(theirs_vnd, 0) - coalesce(ours_vnd, 0) AS difference_vnd
  FROM paired p
  UNION ALL
  SELECT m.*, row_number() OVER (PARTITION BY ours_key ORDER BY theirs_day, line, theirs_ref), 'WRONG_DAY', 0
  FROM moved m WHERE :same_day AND ours_key IS NOT NULL AND theirs_key IS NOT NULL),
-- Whoever has not told of a day yet has not left anything out of it.
named AS MATERIALIZED (
  SELECT f.*, coalesce(theirs_ref, ours_ref) || CASE WHEN nth > 1 THEN ' #' || nth ELSE '' END AS subject
  FROM found f WHERE ours_day IN (SELECT day FROM days) OR theirs_day IN (SELECT day FROM days)),
missed AS MATERIALIZED (SELECT subject, ours_vnd AS vnd, ours_day AS day, ours_hint AS hint FROM named
  WHERE theirs_key IS NULL),
strange AS MATERIALIZED (SELECT subject, theirs_vnd AS vnd, theirs_day AS day, theirs_hint AS hint FROM named
  WHERE ours_key IS NULL),
-- For a person to look at: nobody looks through thousands, and each would be held against each.
suggested AS MATERIALIZED (
  SELECT o.subject AS ours_subject, t.subject AS theirs_subject,
    count(*) OVER (PARTITION BY o.subject) AS of_ours, count(*) OVER (PARTITION BY t.subject) AS of_theirs
  FROM missed o JOIN strange t ON t.vnd = o.vnd AND abs(t.day - o.day) <= 1 AND coalesce(t.hint = o.hint, true)
  WHERE (SELECT count(*) FROM missed) <= 2000 AND (SELECT count(*) FROM strange) <= 2000),
opened AS (
  INSERT INTO discrepancy
    (id, created_at, kind, subject, amount_vnd, state, way, payee_id, business_day, due_on, details)
  SELECT CAST(:stamp || substr(digest, 1, 3) || '-8' || substr(digest, 4, 3) || '-' || substr(digest, 7, 12) AS uuid),
    :now, kind, subject, difference_vnd, 'open', :way, CAST(:payee AS uuid), coalesce(theirs_day, ours_day), :due_on,
    jsonb_strip_nulls(jsonb_build_object('key', coalesce(theirs_key, ours_key), 'ours_vnd', ours_vnd,
      'theirs_vnd', theirs_vnd, 'ours_day', ours_day, 'theirs_day', theirs_day, 'line', line,
      'suggestion', coalesce(s.theirs_subject, r.ours_subject)))
  FROM (SELECT *, md5(CAST(gen_random_uuid() AS text)) AS digest FROM named) n
  LEFT JOIN suggested s ON s.ours_subject = n.subject AND s.of_ours = 1 AND s.of_theirs = 1
  LEFT JOIN suggested r ON r.theirs_subject = n.subject AND r.of_ours = 1 AND r.of_theirs = 1
  -- What a late line had closed and a later one contradicts is open again, and so is what was proposed for another
  -- sum; what two people have settled stays so.
  ON CONFLICT (kind, subject) DO UPDATE
    SET state = CASE WHEN discrepancy.state = 'investigating' THEN discrepancy.state ELSE 'open' END, closed_at = NULL,
      due_on = CASE WHEN discrepancy.state = 'auto_closed' THEN excluded.due_on ELSE discrepancy.due_on END,
      amount_vnd = excluded.amount_vnd, business_day = excluded.business_day, details = excluded.details
    WHERE discrepancy.state = 'auto_closed' OR discrepancy.state <> 'resolved' AND discrepancy.details IS NOT NULL
      AND (discrepancy.amount_vnd, discrepancy.details) IS DISTINCT FROM (excluded.amount_vnd, excluded.details)
  RETURNING id, state, amount_vnd, xmax = 0 AS is_new),
-- Which days have met: whoever looks at one of them again must look at the other, however far off.
met AS MATERIALIZED (
  SELECT DISTINCT ON (ours_key) ours_key, ours_day, theirs_day FROM moved
  WHERE ours_key IS NOT NULL AND theirs_key IS NOT NULL ORDER BY ours_key, abs(theirs_day - ours_day) DESC),
closed AS (
  UPDATE discrepancy d SET state = 'auto_closed', closed_at = :now, details = d.details || gone.days
  FROM (
    SELECT g.id, CASE WHEN m.ours_key IS NULL THEN CAST('{{}}' AS jsonb)
      ELSE jsonb_build_object('ours_day', m.ours_day, 'theirs_day', m.theirs_day) END AS days
    FROM discrepancy g LEFT JOIN met m ON m.ours_key = g.details ->> 'key'
    WHERE g.way = :way AND g.payee_id IS NOT DISTINCT FROM CAST(:payee AS uuid) AND g.details ? 'key'
      AND g.state IN ('open', 'investigating', 'proposed') AND g.business_day BETWEEN :first AND :last
      AND NOT EXISTS (SELECT FROM named n WHERE n.kind = g.kind AND n.subject = g.subject)) gone
  WHERE d.id = gone.id AND d.state IN ('open', 'investigating', 'proposed')
  RETURNING d.id, d.state, d.amount_vnd),
-- What two people have settled, and what of it stands in the books; what is said of it by now.
settled AS (
  SELECT d.id, d.kind, d.subject, d.business_day AS day, n.kind IS NOT NULL AS stands,
    coalesce(n.difference_vnd, 0) AS now_vnd, d.amount_vnd + coalesce(t.vnd, 0) AS explained_vnd,
    CASE WHEN j.id IS NULL THEN 0 ELSE d.amount_vnd END + coalesce(t.booked_vnd, 0) AS booked_vnd,
    coalesce(t.times, 0) + 1 AS nth, m.ours_day, m.theirs_day
  FROM discrepancy d
  LEFT JOIN named n ON n.kind = d.kind AND n.subject = d.subject
  LEFT JOIN journal j ON j.kind = 'adjustment' AND j.subject = CAST(d.id AS text)
  LEFT JOIN met m ON m.ours_key = d.details ->> 'key'
  LEFT JOIN (
    SELECT l.details ->> 'settled' AS id, count(*) AS times, sum(l.amount_vnd) AS vnd,
      sum(l.amount_vnd) FILTER (WHERE k.id IS NOT NULL) AS booked_vnd
    FROM discrepancy l LEFT JOIN journal k ON k.kind = 'adjustment' AND k.subject = CAST(l.id AS text)
    WHERE l.way = :way AND l.payee_id IS NOT DISTINCT FROM CAST(:payee AS uuid) AND l.state = 'resolved'
      AND l.details ? 'settled' GROUP BY 1) t ON t.id = CAST(d.id AS text)
  WHERE d.way = :way AND d.payee_id IS NOT DISTINCT FROM CAST(:payee AS uuid) AND d.details ? 'key'
    AND d.state = 'resolved' AND d.business_day BETWEEN :first AND :last),
contradicted AS (
  SELECT *, now_vnd - CASE WHEN stands THEN explained_vnd ELSE booked_vnd END AS rest_vnd FROM settled),
-- Each step stands in the log. Of what was there before, `d` still shows the state that it had.
stepped AS (
  SELECT id, state, amount_vnd, 'opened' AS action FROM opened WHERE is_new
  UNION ALL
  SELECT o.id, o.state, o.amount_vnd, CASE WHEN d.state = 'auto_closed' THEN 'reopened' ELSE 'changed' END
  FROM opened o JOIN discrepancy d ON d.id = o.id
  WHERE NOT o.is_new AND (d.state <> o.state OR d.amount_vnd <> o.amount_vnd)
  UNION ALL SELECT id, state, amount_vnd, 'auto_closed' FROM closed),
logged AS (
  INSERT INTO discrepancy_event (id, created_at, discrepancy_id, payee_id, action, state, amount_vnd, side)
  SELECT CAST(:stamp || substr(digest, 1, 3) || '-8' || substr(digest, 4, 3) || '-' || substr(digest, 7, 12) AS uuid),
    :now, id, CAST(:payee AS uuid), action, state, amount_vnd, 'house'
  FROM (SELECT *, md5(CAST(gen_random_uuid() AS text)) AS digest FROM stepped) s)
SELECT matched, matched_vnd,
  (SELECT count(ours_key) FROM named) AS ours_open, (SELECT count(theirs_key) FROM named) AS theirs_open,
  (SELECT count(*) FROM opened) AS opened, (SELECT count(*) FROM closed) AS closed,
  (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM contradicted c WHERE rest_vnd <> 0) AS contradicted,
  -- Every line of either side stands in one pair or one difference; anything else would be a mistake of ours.
  (SELECT count(*) FROM ours) + (SELECT count(*) FROM theirs)
    - (SELECT count(*) * 2 FROM exact WHERE ours_key IS NOT NULL AND theirs_key IS NOT NULL)
    - (SELECT count(*) * 2 FROM moved WHERE ours_key IS NOT NULL AND theirs_key IS NOT NULL)
    - (SELECT count(ours_key) + count(theirs_key) FROM paired) AS lost
FROM counted
"""

# Ours: what the ledger says has moved at the gateway. Theirs: the gateway's movements, those of a type that we know.
_GATEWAY_OURS = """
  SELECT 'charge ' || coalesce(p.charge_id, CAST(p.id AS text)) AS key, p.captured_vnd AS amount_vnd,
    CAST(j.created_at AT TIME ZONE 'UTC' AS date) AS day,
    'charge ' || coalesce(p.charge_id, CAST(p.id AS text)) AS ref, 'MISSING_AT_GATEWAY' AS alone,
    CAST(NULL AS text) AS hint
  FROM journal j JOIN payment p ON p.id = j.payment_id
  WHERE j.kind = 'captured' AND j.created_at >= :from AND j.created_at < :until
  UNION ALL
  SELECT CASE j.kind WHEN 'refund_done' THEN 'refund ' ELSE 'refund_failure ' END
      || coalesce(r.gateway_id, CAST(r.id AS text)),
    CASE j.kind WHEN 'refund_done' THEN -r.amount_vnd ELSE r.amount_vnd END,
    CAST(j.created_at AT TIME ZONE 'UTC' AS date),
    CAST(j.kind AS text) || ' ' || coalesce(r.gateway_id, CAST(r.id AS text)), 'MISSING_AT_GATEWAY', NULL
  FROM journal j JOIN refund r ON CAST(r.id AS text) = j.subject
  WHERE j.kind IN ('refund_done', 'refund_returned') AND j.created_at >= :from AND j.created_at < :until
  UNION ALL
  SELECT CASE j.kind WHEN 'dispute_won' THEN 'dispute_won ' ELSE 'dispute ' END || d.gateway_id,
    CASE j.kind WHEN 'dispute_won' THEN d.amount_vnd ELSE -d.amount_vnd END,
    CAST(j.created_at AT TIME ZONE 'UTC' AS date), CAST(j.kind AS text) || ' ' || d.gateway_id,
    'MISSING_AT_GATEWAY', NULL
  FROM journal j JOIN dispute d ON CAST(d.id AS text) = j.subject
  WHERE j.kind IN ('dispute_opened', 'dispute_won') AND j.created_at >= :from AND j.created_at < :until
"""
_GATEWAY_THEIRS = """
  SELECT CASE WHEN type IN ('charge', 'payment') THEN 'charge '
              WHEN type IN ('refund', 'payment_refund') THEN 'refund '
              WHEN type IN ('refund_failure', 'payment_failure_refund') THEN 'refund_failure '
              WHEN amount_vnd > 0 THEN 'dispute_won ' ELSE 'dispute ' END || source AS key,
    amount_vnd, CAST(made_at AT TIME ZONE 'UTC' AS date) AS day, id AS ref,
    CASE WHEN type IN ('charge', 'payment') THEN 'MISSING_IN_LEDGER'
         WHEN type IN ('refund', 'payment_refund') THEN 'REFUND_UNMATCHED'
         WHEN type = 'adjustment' THEN 'DISPUTE_UNBOOKED' ELSE 'STATUS_CONFLICT' END AS alone,
    CASE WHEN type IN ('charge', 'payment') THEN 'DUPLICATE_CAPTURE' ELSE 'REFUND_UNMATCHED' END AS twice,
    CAST(NULL AS text) AS hint, CAST(NULL AS bigint) AS line
  FROM balance_transaction
  WHERE made_at >= :from AND made_at < :until AND source IS NOT NULL
    AND (type IN ('charge', 'payment', 'refund', 'payment_refund', 'refund_failure', 'payment_failure_refund')
         OR type = 'adjustment' AND category LIKE 'dispute%')
"""
_EVERY_DAY = (
    "SELECT CAST(day AS date) AS day FROM generate_series(CAST(:first AS date), CAST(:last AS date), '1 day') AS day"
)

# Ours: final remittances that pay something; the banks have two days. Theirs: what the payee's bank has advised it of.
_ADVICE_OURS = """
  SELECT reference AS key, payable_vnd AS amount_vnd, CAST(final_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) + 2 AS day,
    'remittance ' || reference AS ref, 'REMITTANCE_NOT_ADVISED' AS alone, CAST(NULL AS text) AS hint
  FROM remittance WHERE payee_id = :payee AND state = 'final' AND payable_vnd > 0
    AND final_at >= :from AND final_at < :until
"""
# What a payee has told of, the revision of each day that holds.
THEIR_ROWS = """
  SELECT r.key, r.amount_vnd, s.business_day AS day, CAST(s.payee_id AS text) || ' ' || r.key AS ref,
    CAST(:unknown AS text) AS alone, CAST(:twice AS text) AS twice, r.customer_code AS hint, r.line
  FROM statement s JOIN statement_row r ON r.statement_id = s.id
  WHERE s.payee_id = :payee AND s.way = :way AND s.current AND s.business_day BETWEEN :near_first AND :near_last
"""
TOLD_DAYS = """
  SELECT business_day AS day FROM statement
  WHERE payee_id = :payee AND way = :way AND current AND business_day BETWEEN :first AND :last
"""


def comparison(ours: str, theirs: str, days: str) -> TextClause:
    """The statement that compares two sides, opens and closes differences, and counts every line of both.

    `days` selects the days that are due on both sides. Bound: way, payee, first, last, same_day, now, stamp, due_on and
    what the sides want.
    """
    return text(_COMPARE.format(ours=ours, theirs=theirs, days=days))


GATEWAY = comparison(_GATEWAY_OURS, _GATEWAY_THEIRS, _EVERY_DAY)
ADVICE = comparison(_ADVICE_OURS, THEIR_ROWS, TOLD_DAYS)
