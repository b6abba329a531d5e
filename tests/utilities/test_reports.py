"""Reports: every total is one of the ledger's, by Vietnam's days and by each provider's own, in every format."""

from __future__ import annotations

import csv
import io
import weakref
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import openpyxl
import orjson
import pytest

import payments.operations
from kit import clock
from kit.database import new_id, transaction
from payments import ledger
from payments.ledger import Leg
from payments.models import DiscrepancyState, JournalKind
from payments.operations import Basis, Span
from services.utilities import flows, report_file
from tests.factories import POWER
from tests.payments.stories import rows
from tests.utilities.bulk import payment_id
from tests.utilities.reported import FIRST, LAST, book, local, make_books

HOUSE, OWN = "/v1/utilities/reports", "/v1/utilities/provider-reports"
SUMS = ("posted_vnd", "returned_vnd", "clawed_back_vnd", "adjusted_vnd", "remitted_vnd", "commission_vnd")
# What a provider's account is credited with, less what it is debited: by the kind of the journal.
BOOKED = """
SELECT e.payee_id, j.kind, e.created_at, -e.amount_vnd AS vnd, (
  SELECT coalesce(-sum(f.amount_vnd), 0) FROM journal_entry f WHERE f.journal_id = j.id AND f.account = '4110') AS kept
FROM journal_entry e JOIN journal j ON j.id = e.journal_id WHERE e.account = '2110'
"""


@pytest.fixture
def books(clean: None):
    return make_books()


@pytest.fixture
def clerk(books, staff):
    return staff("province", "clerk")


def read(caller, path: str, **query: object) -> dict[str, Any]:
    days = {} if path.endswith("ageing") else {"first": str(FIRST), "last": str(LAST)}
    answer = caller.get(path, query_string={**days, **query})
    assert answer.status_code == 200, answer.json
    body: dict[str, Any] = orjson.loads(answer.data)
    return body


def expected(cut) -> dict[tuple[object, object], dict[str, int]]:
    """The sums of the journal itself, by what `cut` says of a payee and an instant."""
    names = {"posted": ("posted_vnd", 1), "reversed": ("returned_vnd", -1), "dispute_lost": ("clawed_back_vnd", -1)}
    found: dict[tuple[object, object], dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    for row in rows(BOOKED):
        sums = found[cut(row.payee_id, row.created_at), row.payee_id and str(row.payee_id)]
        if row.kind == "remitted":
            sums["remitted_vnd"] += -row.vnd - row.kept
            sums["commission_vnd"] += row.kept
        else:
            name, sign = names.get(row.kind, ("adjusted_vnd", 1))
            sums[name] += sign * row.vnd
    return dict(found)


def told(report: dict[str, Any]) -> dict[tuple[object, object], dict[str, int]]:
    return {(row["period"], row["payee_id"]): {name: row[name] for name in SUMS} for row in report["rows"]}


def test_every_total_is_the_ledgers_by_day_month_and_in_all(books, clerk) -> None:
    with transaction() as session:
        terms = {provider.id: payments.operations.read_terms(session, provider.id) for provider in books}

    def business(payee, at: datetime) -> date:
        return payments.operations.business_day(terms[payee], at) if payee else clock.local(at).date()

    cuts = {
        ("day", "calendar"): lambda _payee, at: f"{clock.local(at):%Y-%m-%d}",
        ("month", "calendar"): lambda _payee, at: f"{clock.local(at):%Y-%m}",
        ("total", "calendar"): lambda _payee, _at: f"{FIRST}/{LAST}",
        ("day", "business"): lambda payee, at: f"{business(payee, at)}",
        ("month", "business"): lambda payee, at: f"{business(payee, at):%Y-%m}",
        ("total", "business"): lambda _payee, _at: f"{FIRST}/{LAST}",
    }

    for (by, basis), cut in cuts.items():
        report = read(clerk, f"{HOUSE}/turnover", by=by, basis=basis)
        wanted = expected(cut)
        assert told(report) == wanted, (by, basis)
        for name in SUMS:
            assert report["totals"][name] == sum(sums[name] for sums in wanted.values()), (by, basis, name)
        for row in report["rows"]:
            taken = sum(row[name] for name in SUMS[1:3] + SUMS[4:])
            assert row["closing_vnd"] == row["opening_vnd"] + row["posted_vnd"] + row["adjusted_vnd"] - taken
    closing = {row["payee_id"]: row["closing_vnd"] for row in report["rows"]}
    with transaction() as session:
        for provider in books:
            assert closing[str(provider.id)] == -ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=provider.id)
        assert sum(closing.values()) == -ledger.balance(session, ledger.PROVIDER_PAYABLE)


def test_a_business_day_of_a_report_is_what_its_remittances_say(books, clerk) -> None:
    flows.close_books()
    names = ("posted_vnd", "returned_vnd", "clawed_back_vnd", "adjusted_vnd")
    sums = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in names)

    report = read(clerk, f"{HOUSE}/turnover", last="2026-11-20")

    remitted = {
        (str(row.business_day), str(row.payee_id)): tuple(getattr(row, name) for name in names)
        for row in rows(f"SELECT business_day, payee_id, {sums} FROM remittance GROUP BY 1, 2")
    }
    shown = {
        (row["period"], row["payee_id"]): tuple(row[name] for name in names)
        for row in report["rows"]
        if row["payee_id"] and any(row[name] for name in names)
    }
    assert len(remitted) > 8
    assert shown == remitted


def test_a_later_window_opens_with_what_stood_before_it(books, clerk) -> None:
    before = read(clerk, f"{HOUSE}/turnover", by="total", last="2026-11-10")
    after = read(clerk, f"{HOUSE}/turnover", by="month", first="2026-11-11")
    quiet = read(clerk, f"{HOUSE}/turnover", by="total", first="2026-12-01", last="2026-12-02")

    closed = {row["payee_id"]: row["closing_vnd"] for row in before["rows"]}
    opened = {row["payee_id"]: row["opening_vnd"] for row in after["rows"] if row["payee_id"]}
    assert opened == closed
    ends = {row["payee_id"]: row["closing_vnd"] for row in after["rows"]}
    assert {row["payee_id"]: row["closing_vnd"] for row in quiet["rows"]} == ends
    assert quiet["totals"]["entries"] == 0


def test_more_than_a_year_is_read_in_pieces_and_no_entry_twice(books, clerk) -> None:
    year = read(clerk, f"{HOUSE}/turnover", first="2025-10-20")
    days = read(clerk, f"{HOUSE}/turnover")

    assert (year["rows"], year["totals"]) == (days["rows"], days["totals"])
    assert year["totals"]["entries"] == rows("SELECT count(*) FROM journal_entry WHERE account = '2110'")[0].count


def test_a_report_is_of_one_moment_whatever_is_booked_meanwhile(books) -> None:
    legs = [Leg(ledger.PROVIDER_PAYABLE, -5, payee_id=books[0].id), Leg(ledger.SUSPENSE, 5)]
    (found,) = rows("SELECT id FROM discrepancy WHERE payee_id = :id", id=books[0].id)

    with transaction() as session:
        payments.operations.hold_still(session)
        before = ledger.balance(session, ledger.PROVIDER_PAYABLE)
        book(JournalKind.ADJUSTMENT, legs, local(19, 9), discrepancy_id=found.id)
        during = list(
            payments.operations.read_turnover(
                session, [*payments.operations.list_booked_payees(session)], FIRST, LAST, Span.TOTAL, Basis.BUSINESS
            )
        )

    assert sum(row.closing_vnd for row in during) == -before
    with transaction() as session:
        assert ledger.balance(session, ledger.PROVIDER_PAYABLE) == before - 5


def test_debits_and_credits_of_every_account_are_the_journals(books, clerk) -> None:
    for by, form in (("day", "%Y-%m-%d"), ("month", "%Y-%m"), ("total", f"{FIRST}/{LAST}")):
        report = read(clerk, f"{HOUSE}/accounts", by=by)

        wanted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for row in rows("SELECT account, amount_vnd, created_at FROM journal_entry"):
            sums = wanted[f"{clock.local(row.created_at):{form}}", row.account]
            sums[0] += 1
            sums[1 if row.amount_vnd > 0 else 2] += abs(row.amount_vnd)
        found = {
            (row["period"], row["account"]): [row["entries"], row["debit_vnd"], row["credit_vnd"]]
            for row in report["rows"]
        }
        assert found == dict(wanted), by
        assert report["totals"]["debit_vnd"] == report["totals"]["credit_vnd"] > 0


def test_the_three_formats_hold_the_same_and_no_formula(books, clerk) -> None:
    asked = {"first": str(FIRST), "last": str(LAST), "by": "month"}
    files = {
        kind: clerk.get(f"{HOUSE}/turnover", query_string=asked | {"format": kind}) for kind in ("json", "csv", "xlsx")
    }

    report = orjson.loads(files["json"].data)
    lines = list(csv.reader(io.StringIO(files["csv"].data.decode("utf-8-sig")), delimiter=";"))
    book = openpyxl.load_workbook(io.BytesIO(files["xlsx"].data))
    table = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    heads = {kind: answer.headers["Content-Disposition"] for kind, answer in files.items()}

    count = len(report["rows"])
    assert table[0] == lines[0]
    for n, row in enumerate(report["rows"], 1):
        assert table[n] == [row[name] for name in table[0]]
        assert lines[n] == ["" if row[name] is None else str(row[name]) for name in lines[0]]
    assert len(table) == count + 1
    assert ["totals.posted_vnd", str(report["totals"]["posted_vnd"])] in lines[count + 1 :]
    assert ["totals.posted_vnd", report["totals"]["posted_vnd"]] in [
        [cell.value for cell in row] for row in book.worksheets[1].iter_rows()
    ]
    assert heads["csv"] == 'attachment; filename="turnover-2026-10-30-2026-11-20.csv"'


def test_what_a_spreadsheet_would_run_is_written_as_text() -> None:
    row = {"kind": "=HYPERLINK(1)", "amount_vnd": -5}
    made = {kind: io.BytesIO() for kind in ("csv", "xlsx")}

    for kind, out in made.items():
        report_file.write(kind, {"report": "x"}, ("kind", "amount_vnd"), ("amount_vnd",), [row], out)

    assert b"'=HYPERLINK(1);-5\r\n" in made["csv"].getvalue()
    cell = openpyxl.load_workbook(made["xlsx"]).worksheets[0]["A2"]
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")


class Line(dict[str, Any]):
    """A row that can be watched."""


def test_a_file_holds_no_row_that_it_has_written_and_is_on_disk_before_the_last_one(tmp_path) -> None:
    def lines(out, held: list[int], places: list[int]) -> Iterator[Line]:
        made: list[weakref.ref[Line]] = []
        for n in range(20_000):
            row = Line(kind=f"{n * 7_919 % 10_007:x}", amount_vnd=n * 104_729 % 1_000_003)
            made.append(weakref.ref(row))
            yield row
            if n % 4_000 == 3_999:
                held.append(sum(each() is not None for each in made))
                places.append(out.tell())

    for kind in report_file.MEDIA:
        held: list[int] = []
        places: list[int] = []
        with (tmp_path / kind).open("wb") as out:
            rows_of = lines(out, held, places)
            report_file.write(kind, {"report": "x"}, ("kind", "amount_vnd"), ("amount_vnd",), rows_of, out)

        assert max(held) <= 2, (kind, held)
        assert sorted(set(places)) == places, (kind, places)


def test_open_differences_are_aged_and_counted_once(books, clerk, machine) -> None:
    found = rows("SELECT id FROM discrepancy ORDER BY id")
    clock.move(-timedelta(days=5))
    with transaction() as session:
        payments.operations.open_discrepancy(session, "PAYOUT_SUM", 7, subject="po_1")
        payments.operations.open_discrepancy(session, "PAYOUT_SUM", -9, subject="po_2")
    clock.move(timedelta())
    with transaction() as session:
        payments.operations.propose(session, found[0].id, new_id(), account="2910", explanation="Đã rõ")
        payments.operations.approve(session, found[0].id, new_id())

    report = read(clerk, f"{HOUSE}/ageing")
    own = [read(machine(each.id, "settlement:read"), f"{OWN}/ageing") for each in books]

    shown = [(row["kind"], row["age"], row["open"], row["amount_vnd"], row["overdue"]) for row in report["rows"]]
    assert shown == [("PAYOUT_SUM", "4-7", 2, -2, 2), ("AMOUNT_UNDER", "0-1", 1, -1_500, 0)]
    (first,) = report["rows"][:1]
    assert first["absolute_vnd"] == 16
    assert report["totals"]["open"] == rows("SELECT count(*) FROM discrepancy WHERE state = 'open'")[0].count
    assert sorted(each["totals"]["open"] for each in own) == [0, 1]


def test_who_approved_stands_in_a_report_with_what_was_booked(books, clerk, staff, machine) -> None:
    approver = staff("province", "approver", organisation_id=clerk.organisation_id)
    ids = [str(row.id) for row in rows("SELECT id FROM discrepancy ORDER BY id")]
    for n, each in enumerate(ids):
        proposal = {"account": "2910", "explanation": "Ghi thiếu"}
        proposed = clerk.post(f"/v1/payments/discrepancies/{each}/proposal", json=proposal)
        assert proposed.status_code == 200
        if n:
            approver.post(f"/v1/payments/discrepancies/{each}/refusal", json={"reason": "Chưa rõ"})
        else:
            seen = {"If-Match": proposed.headers["ETag"]}
            approver.post(f"/v1/payments/discrepancies/{each}/approval", headers=seen)
    today = str(clock.today())

    report = read(clerk, f"{HOUSE}/approvals", first=today, last=today)
    own = read(machine(books[0].id, "settlement:read"), f"{OWN}/approvals", first=today, last=today)
    none = read(clerk, f"{HOUSE}/approvals", first="2026-01-01", last="2026-01-02")

    shown = [(row["subject_id"], row["decision"], row["asked_by"], row["decided_by"]) for row in report["rows"]]
    asked = [(each, str(clerk.id), str(approver.id)) for each in ids]
    assert shown == [(asked[0][0], "approved", *asked[0][1:]), (asked[1][0], "declined", *asked[1][1:])]
    booked = rows("""
SELECT coalesce(sum(e.amount_vnd) FILTER (WHERE e.amount_vnd > 0), 0) AS vnd FROM journal j
JOIN journal_entry e ON e.journal_id = j.id JOIN discrepancy d ON CAST(d.id AS text) = j.subject
WHERE j.kind = 'adjustment'""")[0].vnd
    assert report["totals"]["booked_vnd"] == booked == 1_500
    assert [(row["decided_by"], row["asked_by"]) for row in own["rows"]] == [(None, None)]
    assert own["rows"][0]["organisation"] == report["rows"][0]["organisation"]
    assert none["rows"] == []
    assert rows("SELECT DISTINCT state FROM discrepancy ORDER BY 1") == [
        (DiscrepancyState.INVESTIGATING,),
        (DiscrepancyState.RESOLVED,),
    ]


def test_decisions_beyond_a_piece_are_told_once_each_in_their_order(books, clerk) -> None:
    rows("""
INSERT INTO discrepancy_event (id, created_at, discrepancy_id, action, state, amount_vnd, side)
SELECT gen_random_uuid(), TIMESTAMPTZ '2026-11-05 05:00+00' + (n / 7) * INTERVAL '1 minute', d.id, 'declined',
  'investigating', n, 'province'
FROM generate_series(1, 1050) n, (SELECT id FROM discrepancy LIMIT 1) d RETURNING id""")

    report = read(clerk, f"{HOUSE}/approvals")

    assert sorted(row["amount_vnd"] for row in report["rows"]) == list(range(1, 1_051))
    assert [row["decided_at"] for row in report["rows"]] == sorted(row["decided_at"] for row in report["rows"])


def test_a_refund_above_the_limit_names_its_two_people(books, clerk, machine) -> None:
    provider, clerk_id, approver_id = books[0], new_id(), new_id()
    of = payment_id(provider, "B-0-1")
    (item,) = rows("SELECT id, amount_vnd FROM payment_item WHERE payment_id = :id", id=of)
    values = {"id": new_id(), "of": of, "item": item.id, "asked": clerk_id, "approved": approver_id, "at": clock.now()}
    rows(
        "INSERT INTO refund (id, created_at, payment_id, item_id, amount_vnd, state, state_since, origin, cause, "
        "reason, needs_second, asked_by, approved_by, approved_at) VALUES (:id, :at, :of, :item, 40000, 'requested', "
        ":at, 'clerk', 'clerk', 'meter_misread', true, :asked, :approved, :at) RETURNING id",
        **values,
    )
    today = str(clock.today())

    reports = [
        read(clerk, f"{HOUSE}/approvals", first=today, last=today),
        read(machine(provider.id, "settlement:read"), f"{OWN}/approvals", first=today, last=today),
        read(machine(books[1].id, "settlement:read"), f"{OWN}/approvals", first=today, last=today),
    ]

    for report in reports[:2]:
        (row,) = report["rows"]
        assert (row["what"], row["asked_by"], row["decided_by"]) == ("refund", str(clerk_id), str(approver_id))
    assert reports[2]["rows"] == []


def test_a_provider_reads_its_own_and_nothing_else(books, clerk, machine, staff) -> None:
    own = machine(books[0].id, "settlement:read")
    whole = read(clerk, f"{HOUSE}/turnover", payee_id=str(books[0].id))
    mine = read(own, f"{OWN}/turnover")
    days = {"first": str(FIRST), "last": str(LAST)}

    assert (mine["rows"], mine["totals"]) == (whole["rows"], whole["totals"])
    assert {row["provider"] for row in mine["rows"]} == {POWER}
    assert own.get(f"{OWN}/turnover", query_string=days | {"payee_id": str(books[1].id)}).status_code == 400
    assert machine(books[0].id, "payments:read").get(f"{OWN}/turnover", query_string=days).status_code == 403
    assert own.get(f"{HOUSE}/turnover", query_string=days).status_code == 403
    assert staff("province", "operator").get(f"{HOUSE}/turnover", query_string=days).status_code == 403
    for first, last in (("2026-11-02", "2026-11-01"), ("2019-12-31", "2020-01-02"), ("2025-01-01", "2026-11-01")):
        refused = own.get(f"{OWN}/turnover", query_string={"first": first, "last": last})
        assert refused.status_code in {400, 422}, (first, last)
