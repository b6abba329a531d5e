"""The province's desk: files of the bank handed in, forms of banks, and what every comparison and remittance says."""

from __future__ import annotations

from datetime import timedelta

import pytest

import services.utilities.flows
from kit import clock
from kit.database import new_id, transaction
from payments import ledger, operations
from payments.models import JournalKind, Payout, PayoutState
from tests.factories import POWER
from tests.payments.stories import refused_in_both, rows
from tests.payments.test_bank_forms import FORMS, VCB
from tests.utilities.bulk import Paid, company, write

FILES, PATH_OF_FORMS, RUNS = "/v1/payments/bank-statements", "/v1/payments/bank-forms", "/v1/payments/match-runs"


@pytest.fixture
def books(clean: None) -> None:
    """What was booked in a moment here, nobody has sealed."""


@pytest.fixture
def clerk(staff):
    return staff("province", "clerk")


@pytest.fixture
def approver(staff, clerk):
    return staff("province", "approver", organisation_id=clerk.organisation_id)


def hand_in(clerk, raw: str, form: str | None = None, kind: str = "text/csv", **headers: str):
    path = FILES if form is None else f"{FILES}?form={form}"
    return clerk.post(path, data=raw.encode(), headers={"Content-Type": kind, **headers})


def test_an_approver_adds_a_form_and_a_clerk_hands_in_the_banks_file(books, clerk, approver) -> None:
    with transaction() as session:
        session.add(
            Payout(
                id="po_5092", amount_vnd=500_000, state=PayoutState.PAID, trace_id=None, arrives_on=clock.today(),
                listed=True,
            )
        )  # fmt: skip
        legs = ledger.move(ledger.IN_TRANSIT, ledger.GATEWAY_AVAILABLE, 500_000)
        ledger.book(session, JournalKind.PAYOUT, "po_5092", legs)
    raw = VCB.replace("Thu hộ tiền điện", "STRIPE po_5092").replace("7 VND", "7.5E0")

    kept = approver.ask("PUT", PATH_OF_FORMS, json={"code": "vietcombank", "form": FORMS["vietcombank"]})
    sent = hand_in(clerk, raw, "vietcombank")
    again = hand_in(clerk, raw, "vietcombank")

    assert (kept.status_code, kept.json["version"], kept.json["form"]["bank"]) == (
        200, 1, FORMS["vietcombank"]["bank"],
    )  # fmt: skip
    assert (sent.status_code, sent.json["read"], sent.json["refused"], sent.json["errors"]) == (
        201, 3, 1, [{"line": 7, "code": "amount", "field": "credit"}],
    )  # fmt: skip
    assert again.json["id"] == sent.json["id"]
    run = clerk.get(f"{RUNS}/{sent.json['run_id']}").json
    assert (run["way"], run["theirs"], run["matched"], run["matched_vnd"], run["theirs_open"]) == (
        "bank", 2, 1, 500_000, 1,
    )  # fmt: skip
    assert rows("SELECT count(*) FROM payout WHERE bank_line_id IS NOT NULL") == [(1,)]
    assert clerk.get(sent.headers["Location"]).json == sent.json
    assert [each["id"] for each in clerk.get(FILES).json["items"]] == [sent.json["id"]]
    assert [each["code"] for each in clerk.get(PATH_OF_FORMS).json["items"]] == ["vietcombank"]


def test_what_cannot_be_read_is_refused_in_words_and_remembered(books, clerk, approver) -> None:
    def send(headers: dict[str, str]):
        return clerk.post(FILES, data=b"\xff\xfe", headers={**headers, "Content-Type": "text/csv"})

    refused = refused_in_both(send, 422, "statement_refused")
    unknown = hand_in(clerk, VCB, "nobody")
    other = hand_in(clerk, "{}", kind="application/json")
    unusable = approver.ask("PUT", PATH_OF_FORMS, json={"code": "x1", "form": FORMS["bidv"] | {"dates": ["%H"]}})
    nameless = approver.ask("PUT", PATH_OF_FORMS, json={"code": "X ", "form": FORMS["bidv"]})

    assert refused["reason"] == "not_utf8"
    assert [(found.kind, found.details["reason"]) for found in rows("SELECT kind, details FROM discrepancy")] == [
        ("FILE_REJECTED", "not_utf8")
    ]
    assert (unknown.status_code, unknown.json["code"]) == (422, "bank_form_unknown")
    assert other.status_code == 415
    assert (unusable.status_code, unusable.json["code"]) == (422, "bank_form_unusable")
    assert "dates" in unusable.json["reason"]
    assert (nameless.status_code, nameless.json["errors"][0]["pointer"]) == (422, "/code")
    assert clerk.ask("PUT", PATH_OF_FORMS, json={"code": "x1", "form": FORMS["bidv"]}).status_code == 403
    assert hand_in(approver, VCB).status_code == 403


def test_staff_see_every_remittance_and_every_run_and_filter_them(books, clerk, later) -> None:
    provider, customer = company(POWER)
    write(provider, customer, [Paid("B-1", 500_000, clock.now() - timedelta(days=2))])
    services.utilities.flows.close_books()
    day = clock.today()
    with transaction() as session:
        operations.match_gateway(session, day - timedelta(days=3), day)

    (told,) = clerk.get("/v1/payments/remittances").json["items"]

    assert (told["payee_id"], told["payable_vnd"]) == (str(provider.id), 500_000)
    assert clerk.get(f"/v1/payments/remittances/{told['id']}").json == told
    assert clerk.get(f"/v1/payments/remittances?payee_id={provider.id}&state={told['state']}").json["items"] == [told]
    assert clerk.get(f"/v1/payments/remittances?payee_id={new_id()}").json["items"] == []
    assert clerk.get("/v1/payments/remittances?state=draft").json["items"] == []
    (run,) = clerk.get(f"{RUNS}?way=gateway&since={day}").json["items"]
    assert (run["ours"], run["matched"], run["payee_id"]) == (1, 1, None)
    assert clerk.get(f"{RUNS}?way=bank").json["items"] == []
    assert clerk.get(f"{RUNS}/{new_id()}").status_code == 404
