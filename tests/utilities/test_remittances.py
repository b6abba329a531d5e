"""Remittances: one for each business day of a provider, the same bytes for ever, nothing paid twice or forgotten."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import openpyxl
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import payments.operations
import services.utilities.flows
from kit import clock
from kit.database import new_id, transaction
from payments import ledger, proof
from payments.bank_file import read_statement
from payments.models import JournalKind, PayeeTerms
from tests.factories import POWER, WATER
from tests.payments.stories import check_books, rows
from tests.people import all_at_once
from tests.utilities.bulk import Paid, company, payment_id, write

PATH = "/v1/utilities/provider-remittances"
DAY = date(2026, 11, 18)
CUT_OFF = datetime(2026, 11, 18, 17, tzinfo=clock.ZONE)


@pytest.fixture
def power(clean):
    return company(POWER)


@pytest.fixture
def at(clean: None) -> Iterator[Callable[[datetime], None]]:
    """`at(…)`: it is that time."""

    def move(instant: datetime) -> None:
        clock.move(timedelta())
        clock.move(instant - clock.now())

    yield move
    clock.move(timedelta())


def close(at: Callable[[datetime], None], when: datetime) -> None:
    at(when)
    services.utilities.flows.close_books()


def paid_to(provider_id: object) -> list[tuple[object, ...]]:
    columns = "business_day, revision, state, lines, payable_vnd"
    query = f"SELECT {columns} FROM remittance WHERE payee_id = :p ORDER BY number"
    return [tuple(row) for row in rows(query, p=provider_id)]


def test_an_instant_belongs_to_one_business_day_whatever_the_zone() -> None:
    cases = {
        (1440, "2026-11-30T23:59:59.999+07:00"): date(2026, 11, 30),
        (1440, "2026-12-01T00:00:00.000+07:00"): date(2026, 12, 1),
        (1020, "2026-11-30T16:59:59.999+07:00"): date(2026, 11, 30),
        (1020, "2026-11-30T17:00:00.000+07:00"): date(2026, 12, 1),
        # Midnight in UTC is seven in the morning here: nothing ends then.
        (1020, "2026-11-30T00:00:00.000+00:00"): date(2026, 11, 30),
        (1440, "2026-11-30T17:00:00.000+00:00"): date(2026, 12, 1),
        (1440, "2026-11-30T16:59:59.999+00:00"): date(2026, 11, 30),
    }

    found = {
        (minutes, at): payments.operations.business_day(
            [PayeeTerms(valid_from=date(2020, 1, 1), cut_off_minutes=minutes)], datetime.fromisoformat(at)
        )
        for minutes, at in cases
    }

    assert found == cases


def test_a_new_cut_off_leaves_no_gap_and_no_overlap() -> None:
    terms = [
        PayeeTerms(valid_from=date(2020, 1, 1), cut_off_minutes=1020),
        PayeeTerms(valid_from=date(2026, 11, 19), cut_off_minutes=1320),
    ]
    start = datetime(2026, 11, 17, tzinfo=clock.ZONE)

    days = [payments.operations.business_day(terms, start + timedelta(minutes=30 * n)) for n in range(200)]

    assert days == sorted(days)
    assert payments.operations.closes_at(terms, date(2026, 11, 19)) - payments.operations.closes_at(
        terms, DAY
    ) == timedelta(hours=29)
    assert {day: days.count(day) for day in set(days)}[date(2026, 11, 19)] == 58


def test_each_business_day_is_paid_once_by_the_providers_own_cut_off(power, at) -> None:
    provider, customer = power
    instants = [CUT_OFF - timedelta(milliseconds=1), CUT_OFF, CUT_OFF - timedelta(hours=10)]
    write(provider, customer, [Paid(f"B-{n}", 100_000 + n, instant) for n, instant in enumerate(instants)])

    close(at, CUT_OFF + timedelta(minutes=1))
    too_early = paid_to(provider.id)
    close(at, CUT_OFF + timedelta(days=1, minutes=3))
    services.utilities.flows.close_books()

    assert too_early == []
    assert paid_to(provider.id) == [
        (DAY, 1, "final", 2, 200_002),
        (DAY + timedelta(days=1), 1, "published", 1, 100_001),
    ]
    assert rows("SELECT count(*), count(DISTINCT entry_id) FROM remittance_line") == [(3, 3)]


def test_a_provider_reads_downloads_and_verifies_its_remittance(power, at, machine, staff) -> None:
    provider, customer = power
    write(provider, customer, [Paid(f"=B-{n}", 1_000 + n, CUT_OFF - timedelta(hours=n + 1)) for n in range(3)])
    close(at, CUT_OFF + timedelta(minutes=3))
    system, stranger = machine(provider.id), machine(company(WATER)[0].id)

    (told,) = system.get(PATH).json["items"]
    files = {kind: system.get(f"{PATH}/{told['id']}/file?format={kind}") for kind in ("json", "csv", "xlsx")}
    again = {kind: system.get(f"{PATH}/{told['id']}/file?format={kind}").data for kind in files}

    assert system.get(f"{PATH}/{told['id']}").json == told
    assert (told["state"], told["lines"], told["payable_vnd"]) == ("published", 3, 3_003)
    assert {kind: answer.data for kind, answer in files.items()} == again
    for kind, answer in files.items():
        signed = told["files"][kind]
        assert hashlib.sha256(answer.data).hexdigest() == signed["sha256"], kind
        assert answer.headers["Signature"] == signed["signature"]
        assert proof.is_file_signed(
            proof.public_key(), hashlib.sha256(answer.data).digest(), bytes.fromhex(signed["signature"])
        )
    body = json.loads(files["json"].data)
    table = list(csv.reader(io.StringIO(files["csv"].data.decode("utf-8-sig")), delimiter=";"))
    sheet = openpyxl.load_workbook(io.BytesIO(files["xlsx"].data)).worksheets[0]
    assert sum(line["amount_vnd"] for line in body["lines"]) == body["day_totals"]["posted_vnd"] == 3_003
    assert {row[3] for row in table[1:4]} == {"'=B-0", "'=B-1", "'=B-2"}
    assert [cell.value for cell in sheet["H"]][1:] == [line["amount_vnd"] for line in body["lines"]]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    for path in (PATH, f"{PATH}/{told['id']}", f"{PATH}/{told['id']}/file?format=csv"):
        answer = stranger.get(path)
        assert answer.status_code == 404 or answer.json["items"] == [], path


def test_a_final_remittance_never_changes_and_a_late_line_is_a_revision_that_says_so(power, at, machine) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, CUT_OFF - timedelta(hours=1))])
    close(at, CUT_OFF + timedelta(days=1, minutes=3))
    system = machine(provider.id)
    (first,) = system.get(PATH).json["items"]
    before = system.get(f"{PATH}/{first['id']}/file?format=json").data

    # It was booked before the cut-off, and its transaction has committed after the remittance was final.
    write(provider, customer, [Paid("B-2", 70_000, CUT_OFF - timedelta(seconds=1))])
    services.utilities.flows.close_books()
    for change in ("UPDATE remittance SET payable_vnd = 1", "DELETE FROM remittance", "DELETE FROM remittance_line"):
        with pytest.raises(DBAPIError), transaction() as session:
            session.execute(text(change))

    second, still = system.get(PATH).json["items"]
    amended = json.loads(system.get(f"{PATH}/{second['id']}/file?format=json").data)
    assert (first["state"], still) == ("final", first)
    assert system.get(f"{PATH}/{first['id']}/file?format=json").data == before
    assert (second["business_day"], second["revision"], second["explanation"]) == (str(DAY), 2, "late")
    assert (second["payable_vnd"], second["lines"]) == (70_000, 1)
    assert (amended["day_totals"]["posted_vnd"], amended["revision_totals"]["posted_vnd"]) == (570_000, 70_000)
    assert [(line["revision"], line["bill_no"]) for line in amended["lines"]] == [(1, "B-1"), (2, "B-2")]


def test_a_revision_says_what_all_it_adds(power, at, machine) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, CUT_OFF - timedelta(hours=1))])
    close(at, CUT_OFF + timedelta(days=1, minutes=3))

    write(provider, customer, [Paid("B-2", 70_000, CUT_OFF - timedelta(seconds=1))])
    at(CUT_OFF - timedelta(seconds=1))
    _lose(provider, "B-1", 500_000)
    close(at, CUT_OFF + timedelta(days=1, minutes=4))

    second, first = machine(provider.id).get(PATH).json["items"]
    assert (first["explanation"], second["revision"], second["explanation"]) == (None, 2, "clawed_back,late")
    assert (second["posted_vnd"], second["clawed_back_vnd"], second["carried_out_vnd"]) == (70_000, 500_000, -430_000)


def test_a_file_is_sent_from_disk_in_pieces(power, at, machine, monkeypatch) -> None:
    provider, customer = power
    write(provider, customer, [Paid(f"B-{n}", 1_000, CUT_OFF - timedelta(hours=1)) for n in range(300)])
    close(at, CUT_OFF + timedelta(minutes=3))
    system = machine(provider.id)
    (told,) = system.get(PATH).json["items"]
    monkeypatch.setattr("services.utilities.upload._IN_MEMORY", 1_000)
    monkeypatch.setattr("services.utilities.upload._SENT_AT_ONCE", 1_000)

    for kind in ("json", "csv", "xlsx"):
        answer = system.get(f"{PATH}/{told['id']}/file?format={kind}", buffered=False)
        pieces = list(answer.iter_encoded())
        answer.close()

        assert len(pieces) > 20, kind
        assert max(map(len, pieces)) <= 1_000
        assert hashlib.sha256(b"".join(pieces)).hexdigest() == told["files"][kind]["sha256"]
        assert answer.content_length == sum(map(len, pieces))


def _lose(provider, bill_no: str, amount_vnd: int) -> None:
    """A dispute of a payment is lost after it was remitted: the provider's account is charged."""
    with transaction() as session:
        of = payment_id(provider, bill_no)
        legs = [
            ledger.Leg(ledger.PROVIDER_PAYABLE, amount_vnd, payee_id=provider.id),
            ledger.Leg(ledger.DISPUTED, -amount_vnd),
        ]
        ledger.book(session, JournalKind.DISPUTE_LOST, new_id(), legs, payment_id=of)


def test_a_claw_back_larger_than_the_day_is_carried_into_the_next_remittance(power, at) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, CUT_OFF - timedelta(hours=1))])
    close(at, CUT_OFF + timedelta(minutes=3))
    at(CUT_OFF + timedelta(hours=5))
    _lose(provider, "B-1", 500_000)
    write(provider, customer, [Paid("B-2", 300_000, clock.now())])
    close(at, CUT_OFF + timedelta(days=1, minutes=3))
    write(provider, customer, [Paid("B-3", 250_000, clock.now())])

    close(at, CUT_OFF + timedelta(days=2, minutes=3))

    columns = "posted_vnd, clawed_back_vnd, carried_in_vnd, payable_vnd, carried_out_vnd"
    assert [tuple(row) for row in rows(f"SELECT {columns} FROM remittance ORDER BY number")] == [
        (500_000, 0, 0, 500_000, 0),
        (300_000, 500_000, 0, 0, -200_000),
        (250_000, 0, -200_000, 50_000, 0),
    ]


def test_commission_is_kept_by_dated_terms_and_booked_once(power, at) -> None:
    provider, customer = power
    with transaction() as session:
        told = {"cut_off": "17:00", "commission_vnd": 1_000, "commission_bp": 15, "source": "contract"}
        payments.operations.set_terms(session, provider.id, DAY, **told)
    write(provider, customer, [Paid("B-1", 1_000_333, CUT_OFF - timedelta(hours=1))])

    close(at, CUT_OFF + timedelta(days=1, minutes=3))
    services.utilities.flows.close_books()

    # 15 in 10,000 of 1,000,333 is 1,500.4995, half a đồng up.
    assert rows("SELECT commission_vnd, payable_vnd FROM remittance") == [(2_500, 997_833)]
    with transaction() as session:
        assert ledger.balance(session, ledger.FEE_INCOME) == -2_500
        with pytest.raises(ValueError, match="closed"):
            payments.operations.set_terms(session, provider.id, DAY, cut_off="24:00", source="too late")


def test_the_banks_debit_pays_it_and_the_providers_advice_confirms_it(power, at, machine, work) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, CUT_OFF - timedelta(hours=1))])
    close(at, CUT_OFF + timedelta(days=1, minutes=3))
    with transaction() as session:
        session.execute(text("UPDATE payment SET settlement = 'bank_matched'"))
    (told,) = machine(provider.id).get(PATH).json["items"]
    reference = told["reference"]
    raw = (
        "opening_vnd;500000\nclosing_vnd;0\nreference;booked_on;amount_vnd;purpose\n"
        f"FT9;2026-11-20;-500000;chuyen tien {reference[:8]}.{reference[8:]}"
    )

    with transaction() as session:
        payments.operations.take_in_statement(session, read_statement(raw.encode()))
    paid = rows("SELECT settlement FROM payment")
    system = machine(provider.id, "settlement:write", "payments:read")
    sent = system.post(
        "/v1/utilities/provider-statements?business_day=2026-11-18&way=advice",
        data=f"reference,amount_vnd\n{reference},500000\n",
        headers={"Content-Type": "text/csv"},
    )
    work()

    assert (paid, sent.status_code) == ([("remitted",)], 202)
    assert rows("SELECT settlement FROM payment") == [("confirmed",)]
    assert rows("SELECT kind FROM discrepancy") == []
    with transaction() as session:
        assert ledger.balance(session, ledger.PROVIDER_PAYABLE) == 0
    check_books(but=frozenset({"every journal is sealed soon"}))


def test_many_who_close_the_books_at_once_close_them_once(power, at) -> None:
    provider, customer = power
    write(provider, customer, [Paid(f"B-{n}", 1_000, CUT_OFF - timedelta(hours=1)) for n in range(20)])
    at(CUT_OFF + timedelta(minutes=3))

    all_at_once(8, lambda _n: services.utilities.flows.close_books())

    assert paid_to(provider.id) == [(DAY, 1, "published", 20, 20_000)]
