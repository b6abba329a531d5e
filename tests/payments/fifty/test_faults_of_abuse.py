"""Faults 43 to 50: days and clocks, strangers, a person alone, an altered row, and silence towards the citizen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import text

import payments.flows
from kit import clock
from kit.database import transaction
from payments import operations, proof
from payments.cli import commands
from payments.operations import sealing
from payments.operations.discrepancies import open_discrepancy
from services.utilities.models import Bill
from tests.factories import AMOUNT_VND, owe
from tests.payments.stories import inbox, pay, rows
from tests.people import Outside, Person, StaffMember, Work

ALTERED = "journal or its entries were altered"
Later = Callable[[timedelta], None]


@pytest.fixture
def bill(an: Person, outside: Outside) -> Bill:
    return owe(an, outside)


def _flaws() -> list[operations.Flaw]:
    with transaction() as session:
        return list(operations.verify(session, public_key=proof.public_key()))


def test_43_a_payment_at_the_last_millisecond_of_a_month_belongs_to_one_day(
    an: Person, bill: Bill, later: Later
) -> None:
    last = datetime(2027, 1, 31, 23, 59, 59, 0, tzinfo=clock.ZONE)
    later(last - clock.now())
    pay(an, bill)

    with transaction() as session:
        sums = [operations.sum_of_day(session, an.id, date(2027, *day)) for day in ((1, 30), (1, 31), (2, 1))]

    assert sorted(sums) == [0, 0, AMOUNT_VND]
    assert sums[0] == 0


def test_44_a_clock_that_jumps_back_changes_no_order(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    pay(an, bill)
    work()
    later(-timedelta(hours=2))
    pay(an, owe(an, outside))
    work()
    payments.flows.seal_journal()

    later(timedelta(hours=4))

    assert rows("SELECT kind FROM journal ORDER BY number") == [("captured",), ("posted",)] * 2
    assert _flaws() == []


@pytest.mark.parametrize("amount", [-1, 0, 10**12, 1.5, "1000"], ids=["negative", "zero", "huge", "half", "text"])
def test_45_an_amount_that_is_none_is_refused(an: Person, bill: Bill, outside: Outside, amount: object) -> None:
    answer = pay(an, bill, amount_vnd=amount)

    assert answer.status_code == 422
    assert outside.intents() == []


def test_45_a_stranger_sees_and_stops_nothing_and_no_other_currency_is_taken(
    an: Person, binh: Person, bill: Bill, outside: Outside
) -> None:
    payment_id = pay(an, bill, card="pm_card_authenticationRequired").json["id"]

    answers = [
        binh.get(f"/v1/payments/{payment_id}"),
        binh.post(f"/v1/payments/{payment_id}/cancellation"),
        binh.get(f"/v1/payments/{payment_id}/proof"),
        pay(binh, bill),
    ]
    dollars = an.post("/v1/utilities/payments", json={"bill_ids": [str(bill.id)], "amount_vnd": 1, "currency": "usd"})

    assert [answer.status_code for answer in answers] == [404] * 4
    assert dollars.status_code == 422


def test_46_nobody_approves_their_own_adjustment_or_refund(
    an: Person, outside: Outside, work: Work, staff: Callable[..., StaffMember]
) -> None:
    bill = owe(an, outside, amount_vnd=5_000_000)
    paid = pay(an, bill).json
    work()
    both = staff("provider", "clerk", "approver", provider_id=bill.provider_id)
    asked = {"item_id": paid["items"][0]["id"], "amount_vnd": 3_000_000, "reason": "meter_misread"}
    refund = both.post(f"/v1/payments/{paid['id']}/refunds", json=asked).json
    outside.at_gateway("balance-transactions", amount=-7_000, type="contribution")
    with transaction() as session:
        operations.take_in(session, payments.gateway.list_movements())
        found = open_discrepancy(session, "UNKNOWN_TYPE", -7_000, subject="txn_test")
    auditor = staff("province", "clerk", "approver")
    path = f"/v1/payments/discrepancies/{found}"
    # What stands on these is somebody's by name.
    for account in ("1310", "2110", "2120", "2130"):
        assert auditor.post(f"{path}/proposal", json={"account": account, "explanation": "?"}).status_code == 422
    proposed = auditor.post(f"{path}/proposal", json={"account": "5130", "explanation": "Đóng góp của cổng"})
    seen = {"If-Match": proposed.headers["ETag"]}

    alone = [
        both.post(f"/v1/payments/refunds/{refund['id']}/approval"),
        auditor.post(f"{path}/approval", headers=seen),
    ]

    assert [(answer.status_code, answer.json["code"]) for answer in alone] == [(403, "second_person_needed")] * 2
    assert rows("SELECT count(*) FROM journal WHERE kind = 'adjustment'") == [(0,)]
    second = staff("province", "approver", organisation_id=auditor.organisation_id)
    assert second.post(f"{path}/approval", headers=seen).json["state"] == "resolved"
    assert outside.refunds() == []


@pytest.fixture
def difference(outside: Outside, staff: Callable[..., StaffMember]) -> tuple[StaffMember, StaffMember, str]:
    """A clerk and an approver of the province, and the path of a difference that wants two of them."""
    outside.at_gateway("balance-transactions", amount=-7_000, type="contribution")
    clerk = staff("province", "clerk")
    approver = staff("province", "approver", organisation_id=clerk.organisation_id)
    with transaction() as session:
        operations.take_in(session, payments.gateway.list_movements())
        (movement,) = session.execute(text("SELECT id FROM balance_transaction")).all()
        found = open_discrepancy(session, "UNKNOWN_TYPE", -7_000, subject=movement.id)
    return clerk, approver, f"/v1/payments/discrepancies/{found}"


def _adjusted() -> list[tuple[str, int]]:
    query = "SELECT e.account, e.amount_vnd FROM journal_entry e JOIN journal j ON j.id = e.journal_id"
    return [tuple(row) for row in rows(f"{query} WHERE j.kind = 'adjustment' AND e.amount_vnd > 0")]


def test_46_a_proposal_that_was_changed_after_the_approver_looked_is_not_approved(
    difference: tuple[StaffMember, StaffMember, str],
) -> None:
    clerk, approver, path = difference
    clerk.post(f"{path}/proposal", json={"account": "5130", "explanation": "Đóng góp của cổng"})
    (read,) = approver.get("/v1/payments/discrepancies").json["items"]
    clerk.post(f"{path}/proposal", json={"account": "1910", "explanation": "Để sau"})

    blind = approver.post(f"{path}/approval")
    late = approver.post(f"{path}/approval", headers={"If-Match": read["etag"]})

    assert [(answer.status_code, answer.json["code"]) for answer in (blind, late)] == [
        (428, "precondition_required"),
        (412, "precondition_failed"),
    ]
    assert _adjusted() == []
    (read,) = approver.get("/v1/payments/discrepancies").json["items"]
    approved = approver.post(f"{path}/approval", headers={"If-Match": read["etag"]}).json
    assert (approved["state"], approved["account"], _adjusted()) == ("resolved", "1910", [("1910", 7_000)])


def test_46_what_is_booked_is_what_the_approver_saw_whoever_proposes_in_that_moment(
    difference: tuple[StaffMember, StaffMember, str],
) -> None:
    clerk, approver, path = difference
    first = clerk.post(f"{path}/proposal", json={"account": "5130", "explanation": "Đóng góp của cổng"})
    seen = {"If-Match": first.headers["ETag"]}
    start = threading.Barrier(2)

    def change() -> int:
        start.wait(10)
        return clerk.post(f"{path}/proposal", json={"account": "1910", "explanation": "Để sau"}).status_code

    def approve() -> int:
        start.wait(10)
        return approver.post(f"{path}/approval", headers=seen).status_code

    with ThreadPoolExecutor(2) as pool:
        changed, approved = (future.result(30) for future in [pool.submit(change), pool.submit(approve)])

    assert (changed, approved) in {(200, 412), (409, 200)}
    assert _adjusted() == ([("5130", 7_000)] if approved == 200 else [])
    if approved != 200:
        (read,) = approver.get("/v1/payments/discrepancies").json["items"]
        assert approver.post(f"{path}/approval", headers={"If-Match": read["etag"]}).json["account"] == "1910"


@pytest.mark.tampered
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            "UPDATE journal_entry SET amount_vnd = amount_vnd * 2 WHERE journal_id = :id",
            ALTERED,
        ),
        ("UPDATE journal SET subject = 'other' WHERE id = :id", "journal or its entries were altered"),
        ("DELETE FROM seal WHERE journal_id = :id", "seal is missing"),
    ],
    ids=["amount", "subject", "seal"],
)
def test_47_a_row_that_a_superuser_alters_is_named_with_its_place(
    an: Person, outside: Outside, work: Work, change: str, what: str
) -> None:
    for _bill in range(3):
        pay(an, owe(an, outside))
        work()
    payments.flows.seal_journal()
    assert (_flaws(), CliRunner().invoke(commands, ["verify"]).exit_code) == ([], 0)
    victim = rows("SELECT journal_id, chain, position FROM seal WHERE position = 2 AND chain <> 'house' LIMIT 1")[0]

    tables = ("journal", "journal_entry", "seal")
    with transaction() as session:
        for table in tables:
            session.execute(text(f"GRANT UPDATE, DELETE ON {table} TO CURRENT_USER"))
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only"))
        session.execute(text(change), {"id": victim.journal_id})
        for table in tables:
            session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only"))
            session.execute(text(f"REVOKE UPDATE, DELETE ON {table} FROM CURRENT_USER"))
        session.execute(text("GRANT UPDATE (number) ON journal TO CURRENT_USER"))

    found = _flaws()
    said = CliRunner().invoke(commands, ["verify"])
    assert (found[0].chain, found[0].position, found[0].what) == (victim.chain, victim.position, what)
    assert said.exit_code == 1
    assert f"chain {victim.chain} position {victim.position}" in said.output


def test_47_the_end_of_a_day_is_signed_and_everybody_can_read_it(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    pay(an, bill)
    work()
    later(timedelta(days=1))
    payments.flows.sign_yesterday()

    (root,) = rows("SELECT root, signature, day FROM daily_root")

    assert proof.is_signed(proof.public_key(), root.day.isoformat(), bytes(root.root), bytes(root.signature))
    assert not proof.is_signed(proof.public_key(), root.day.isoformat(), bytes(32), bytes(root.signature))
    assert _flaws() == []
    assert an.get("/v1/payments/roots").json["items"][0]["day"] == root.day.isoformat()
    payment_id = rows("SELECT id FROM payment")[0].id
    places = an.get(f"/v1/payments/{payment_id}/proof").json["journals"]
    assert [place["kind"] for place in places] == ["captured", "posted"]


def test_47_days_that_nobody_signed_are_named_and_signed_late(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    pay(an, bill)
    work()
    first = clock.today()
    later(timedelta(days=3))
    payments.flows.seal_journal()
    days = [first + timedelta(days=number) for number in range(3)]
    # The last of them may have ended a moment ago: the signer is given some hours.
    assert [flaw.what for flaw in _flaws()][:2] == [f"the end of {day} was never signed" for day in days[:2]]
    assert f"the end of {first} was never signed" in CliRunner().invoke(commands, ["verify"]).output

    for _time in range(2):
        payments.flows.sign_yesterday()

    assert [row.day for row in rows("SELECT day FROM daily_root ORDER BY day")] == days
    assert _flaws() == []


@pytest.mark.tampered
def test_47_whoever_rewrites_a_whole_chain_meets_the_signed_root(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    pay(an, bill)
    work()
    later(timedelta(days=1))
    payments.flows.sign_yesterday()

    with transaction() as session:
        for table in ("journal_entry", "seal"):
            session.execute(text(f"GRANT UPDATE ON {table} TO CURRENT_USER"))
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only"))
        session.execute(text("UPDATE journal_entry SET amount_vnd = amount_vnd * 2"))
        # Every seal is made anew, as the sealer itself would make it: within the database nothing is wrong any more.
        before: dict[str, bytes] = {}
        for each in list(sealing._all_seals(session)):
            content = proof.canonical(sealing._journal(each.row), each.entries)
            digest = before[each.row.chain] = proof.link(before.get(each.row.chain, proof.START), content)
            session.execute(
                text("UPDATE seal SET digest = :digest WHERE journal_id = :id"),
                {"digest": digest, "id": each.row.journal_id},
            )
        for table in ("journal_entry", "seal"):
            session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only"))
            session.execute(text(f"REVOKE UPDATE ON {table} FROM CURRENT_USER"))

    (root,) = rows("SELECT day, heads FROM daily_root")
    assert [(flaw.chain, flaw.what) for flaw in _flaws()] == [
        (chain, f"is not what was signed on {root.day}") for chain in root.heads
    ]


def test_47_a_day_is_not_signed_while_another_sealer_has_not_finished(
    an: Person, bill: Bill, outside: Outside, work: Work, later: Later
) -> None:
    pay(an, bill)
    work()
    later(timedelta(days=1))

    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            operations.seal(session)
            signing = pool.submit(payments.flows.sign_yesterday)
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            deadline = time.monotonic() + 10
            while rows(waiting) == [(0,)] and not signing.done() and time.monotonic() < deadline:
                time.sleep(0.01)
        signing.result(30)

    (root,) = rows("SELECT heads FROM daily_root")
    assert sum(position for position, _digest in root.heads.values()) == rows("SELECT count(*) FROM journal")[0][0]


def test_a_broken_book_raises_one_alarm_and_a_mended_one_takes_it_back(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    pay(an, bill)
    work()
    payments.flows.seal_journal()
    rows("UPDATE payment SET refunded_vnd = 1 RETURNING id")

    payments.flows.check_books()
    payments.flows.check_books()
    work()
    checked = CliRunner().invoke(commands, ["check", "--no-gateway"])

    assert len(outside.inbox("sms", "+84900000113")) == 1
    assert (checked.exit_code, "what is reserved or given back" in checked.output) == (1, True)
    rows("UPDATE payment SET refunded_vnd = 0 RETURNING id")
    payments.flows.check_books()
    assert rows("SELECT open FROM books_alarm") == [(False,)]
    assert CliRunner().invoke(commands, ["check"]).exit_code == 0


def test_50_when_nobody_can_be_told_the_payment_goes_on_and_is_told_once(
    an: Person, bill: Bill, outside: Outside, work: Work
) -> None:
    outside.spoil("push", "down", count=1_000)
    outside.spoil("sms", "down", count=1_000)

    pay(an, bill)
    work()
    outside.mend()
    work()

    assert rows("SELECT state FROM payment") == [("captured",)]
    assert [message["kind"] for message in inbox(an)] == ["bills_paid"]
