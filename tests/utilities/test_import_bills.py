"""Files of bills over HTTP: every good line is kept, every bad one reported, and the same again changes nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

import services.utilities.flows
from kit.database import transaction
from services.utilities import operations
from services.utilities.bill_file import CSV
from services.utilities.events import ImportRequested
from services.utilities.models import Provider
from tests.factories import POWER, WATER, link, make_bill, make_customer, make_provider
from tests.payments.stories import pay, refused_in_both, rows
from tests.people import Machine, Outside, Person, Work
from tests.utilities.files import GOOD, counts, csv_of, importing, send

Importing = Callable[..., dict[str, Any]]


@pytest.fixture
def bring(clerk: Machine, work: Work) -> Importing:
    return importing(clerk, work)


def _bills() -> list[tuple[str, int]]:
    return [(row.bill_no, row.amount_vnd) for row in rows("SELECT bill_no, amount_vnd FROM bill ORDER BY bill_no")]


def test_a_file_is_received_first_and_read_later(clerk: Machine, work: Work) -> None:
    content = csv_of({}, {})

    answer = send(clerk, content)
    received = clerk.get(answer.headers["Location"]).json
    failures = work()

    assert (answer.status_code, received["state"], received["bytes_total"]) == (202, "received", len(content))
    assert failures == []
    done = clerk.get(answer.headers["Location"]).json
    assert (done["state"], counts(done), done["errors"], done["lines_read"]) == ("done", (2, 0, 0, 0), [], 3)
    assert done["finished_at"]
    assert rows("SELECT count(*) FROM bill_import_part") == [(0,)]


@pytest.mark.parametrize(
    "content",
    [
        csv_of({}, {}),
        "\ufeff".encode() + csv_of({}, {}),
        csv_of({}, {}, end="\r\n"),
        csv_of({}, {}, delimiter=";"),
        "\ufeff".encode() + csv_of({}, {}, delimiter=";", end="\r\n", quote='"'),
        csv_of({}, {}).rstrip(b"\n"),
        csv_of({}, {}) + b"\n\n  \n",
        csv_of({}, {}).replace(b"bill_no", b" Bill_No "),
    ],
    ids=["plain", "bom", "crlf", "semicolons", "as-excel-writes", "no-last-line-end", "blank-lines", "loose-heading"],
)
def test_a_csv_is_read_as_people_write_it(bring: Importing, content: bytes) -> None:
    told = bring(content)

    assert (told["state"], counts(told)) == ("done", (2, 0, 0, 0))
    assert _bills() == [("B-1", 636_768), ("B-2", 636_768)]


def test_ndjson_says_the_same_as_csv(bring: Importing) -> None:
    lines = [GOOD | {"amount_vnd": 636_768}, GOOD | {"bill_no": "B-2"}, ["no object"], {**GOOD, "bill_no": 3}]
    content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode() + b'\n{"bill_no": "B-4"'

    told = bring(content, kind="application/x-ndjson")

    assert (told["state"], counts(told)) == ("done", (2, 0, 0, 3))
    assert [(error["line"], error["code"]) for error in told["errors"]] == [
        (3, "broken_line"), (4, "not_a_string"), (5, "broken_line"),
    ]  # fmt: skip


_BAD: list[tuple[dict[str, str], str, str | None]] = [
    ({"amount_vnd": "1.234.567"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": '"1,234,567"'}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "1.23E+06"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "=HYPERLINK(1)"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "9223372036854775808"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "99999999999999999999999"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "-636768"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "+636768"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "636768.0"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "636_768"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "0x1F"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "\uff16\uff13\uff16"}, "not_a_whole_number", "amount_vnd"),
    ({"amount_vnd": "0"}, "out_of_range", "amount_vnd"),
    ({"amount_vnd": ""}, "missing", "amount_vnd"),
    ({"amount_vnd": "  "}, "missing", "amount_vnd"),
    ({"customer_name": " \u00a0"}, "missing", "customer_name"),
    ({"customer_code": "PA07TH1"}, "customer_code_malformed", "customer_code"),
    ({"customer_code": "PA07TH000000\uff11"}, "customer_code_malformed", "customer_code"),
    ({"period": "2026-13"}, "not_a_period", "period"),
    ({"period": "10/2026"}, "not_a_period", "period"),
    ({"period": "202\uff16-10"}, "not_a_period", "period"),
    ({"issued_on": "05/11/2026"}, "not_a_date", "issued_on"),
    ({"due_on": "2026-02-30"}, "not_a_date", "due_on"),
    ({"due_on": "2026-W48-3"}, "not_a_date", "due_on"),
    ({"due_on": "46351"}, "not_a_date", "due_on"),
    ({"due_on": "2026-11-01"}, "due_before_issued", "due_on"),
    ({"before_tax_vnd": "1", "vat_vnd": "1"}, "sum_differs", "amount_vnd"),
    ({"bill_no": "B" * 61}, "bad_text", "bill_no"),
    ({"customer_name": "An\0Bình"}, "bad_text", "customer_name"),
    ({"customer_name": '"An'}, "broken_line", None),
    ({"customer_name": "An,Bình"}, "wrong_number_of_cells", None),
    ({"usage": "12,5"}, "wrong_number_of_cells", None),
    ({"usage": "12.5"}, "not_a_whole_number", "usage"),
    ({"reading_from": "1", "reading_to": "x"}, "not_a_whole_number", "reading_to"),
]


def test_every_bad_line_is_reported_and_every_good_one_kept(bring: Importing) -> None:
    lines = [line for bad, _code, _field in _BAD for line in (bad, {})]

    told = bring(csv_of(*lines))

    expected = [(2 * place + 2, code, field) for place, (_bad, code, field) in enumerate(_BAD)]
    assert [(error["line"], error["code"], error["field"]) for error in told["errors"]] == expected
    assert counts(told) == (len(_BAD), 0, 0, len(_BAD))
    assert [bill_no for bill_no, _amount in _bills()] == sorted(f"B-{2 * place + 2}" for place in range(len(_BAD)))


@pytest.mark.parametrize("written", ["636768", " 636768", "636768 ", '"636768 "', '"636768"', "00636768"])
def test_a_whole_number_is_read_exactly(bring: Importing, written: str) -> None:
    told = bring(csv_of({"amount_vnd": written}))

    assert (told["errors"], _bills()) == ([], [("B-1", 636_768)])


def test_a_formula_in_a_name_stays_a_text(bring: Importing) -> None:
    bring(csv_of({"customer_name": "=HYPERLINK(0)"}))

    assert rows("SELECT name FROM customer") == [("=HYPERLINK(0)",)]


def test_the_same_file_again_changes_nothing(bring: Importing) -> None:
    content = csv_of({}, {"customer_code": "PA07TH0000002"}, {"amount_vnd": "x"})
    bring(content)
    before = rows("SELECT * FROM bill ORDER BY id") + rows("SELECT * FROM customer ORDER BY id")

    told = bring(content)

    assert counts(told) == (0, 0, 2, 1)
    assert rows("SELECT * FROM bill ORDER BY id") + rows("SELECT * FROM customer ORDER BY id") == before


def test_the_same_upload_is_one_import(clerk: Machine, work: Work) -> None:
    key, content = str(uuid4()), csv_of({})
    first = send(clerk, content, key=key)
    work()

    replay = send(clerk, content, key=key)
    other = send(clerk, csv_of({}, {}), key=key)

    assert (replay.status_code, replay.headers["Idempotency-Replayed"]) == (202, "true")
    assert (replay.json["id"], replay.json["state"]) == (first.json["id"], "done")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    refused_in_both(lambda h: send(clerk, content, headers=h | {"Idempotency-Key": ""}), 400, "idempotency_key_missing")


def test_an_open_bill_is_changed_and_a_bill_in_someones_hands_is_not(
    bring: Importing, an: Person, outside: Outside, work: Work
) -> None:
    household = make_customer(code="PA07TH0000001")
    opened, paying, paid = (make_bill(outside, household, period=f"2026-0{month}") for month in (7, 8, 9))
    link(an, opened)
    pay(an, paid)
    work()
    payment_id = pay(an, paying, card="pm_card_threeDSecure2Required").json["id"]
    changed = [
        {"bill_no": bill.bill_no, "amount_vnd": "700000", "period": bill.period} for bill in (opened, paying, paid)
    ]

    told = bring(csv_of(*changed))

    assert counts(told) == (0, 1, 0, 2)
    assert [(e["line"], e["code"], e["field"]) for e in told["errors"]] == [
        (3, "bill_not_open", "bill_no"), (4, "bill_not_open", "bill_no"),
    ]  # fmt: skip
    amounts = dict(_bills())
    assert [amounts[bill.bill_no] for bill in (opened, paying, paid)] == [700_000, 636_768, 636_768]
    assert an.get(f"/v1/payments/{payment_id}").json["amount_vnd"] == 636_768
    assert pay(an, opened).json["amount_vnd"] == 700_000


def test_a_bill_number_that_stands_twice_is_taken_once(bring: Importing) -> None:
    told = bring(csv_of({"bill_no": "B-9"}, {"bill_no": "B-9", "amount_vnd": "1"}))

    assert [(error["line"], error["code"]) for error in told["errors"]] == [(3, "duplicate_bill_no")]
    assert _bills() == [("B-9", 636_768)]


def test_two_companies_may_use_the_same_bill_number(
    bring: Importing, machine: Callable[..., Machine], work: Work
) -> None:
    water = importing(machine(make_provider(WATER).id), work)

    bring(csv_of({}))
    told = water(csv_of({"customer_code": "NTH0000001", "amount_vnd": "50000"}))

    assert counts(told) == (1, 0, 0, 0)
    assert sorted(_bills()) == [("B-1", 50_000), ("B-1", 636_768)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\ufeff".encode("utf-16"), "not_utf8"),
        (csv_of({}).decode().encode("utf-16"), "not_utf8"),
        (csv_of({"customer_name": "Lê An"}).decode().encode("cp1258"), "not_utf8"),
        (csv_of({}) + b"\xff\xfe", "not_utf8"),
        (b"bill_no,customer_code\n1,2\n", "missing_column_customer_name"),
        (csv_of({}).replace(b"amount_vnd", b"amount"), "missing_column_amount_vnd"),
        (csv_of({}).replace(b"amount_vnd", b"amount_vnd,amount_vnd"), "duplicate_column"),
        (b"\n\n", "missing_column_bill_no"),
        (csv_of({}, end="\r"), "broken_heading"),
        (csv_of({}) + b"x" * 2_500_000, "line_too_long"),
    ],
    ids=[
        "bom-16",
        "utf-16",
        "cp1258",
        "stray-bytes",
        "few-columns",
        "misnamed",
        "twice",
        "blank",
        "old-mac",
        "endless",
    ],
)
def test_a_file_that_cannot_be_read_says_why(bring: Importing, content: bytes, reason: str) -> None:
    told = bring(content)

    assert (told["state"], told["reason"]) == ("failed", reason)
    assert told["finished_at"]
    assert rows("SELECT count(*) FROM bill_import_part") == [(0,)]


def test_an_empty_file_is_refused_at_once(clerk: Machine) -> None:
    refused_in_both(lambda headers: send(clerk, b"", headers=headers), 422, "file_empty")

    assert rows("SELECT count(*) FROM bill_import") == [(0,)]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/vnd.ms-excel", "multipart/form-data"])
def test_another_kind_of_file_is_refused_at_once(clerk: Machine, kind: str) -> None:
    answer = send(clerk, csv_of({}), kind=kind)

    assert (answer.status_code, answer.content_type) == (415, "application/problem+json")
    assert rows("SELECT count(*) FROM bill_import") == [(0,)]


class Endless(io.RawIOBase):
    """A body that never ends, and counts what was taken of it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.given, self._most = 0, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._most - self.given)
        buffer[:size] = b"x" * size
        self.given += size
        return size


def test_a_file_beyond_64_megabytes_is_refused_by_its_length_alone(clerk: Machine) -> None:
    body = Endless(1)

    answer = clerk.post(
        "/v1/utilities/imports",
        headers={"Content-Type": "text/csv"},
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "64000001"},
    )

    assert (answer.status_code, answer.json["code"], body.given) == (413, "file_too_large", 0)


def test_a_file_without_a_length_is_refused_when_it_passes_64_megabytes(clerk: Machine) -> None:
    body = Endless(200_000_000)

    answer = clerk.post(
        "/v1/utilities/imports",
        headers={"Content-Type": "text/csv"},
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
    )

    assert (answer.status_code, answer.json["code"]) == (413, "file_too_large")
    assert body.given < 67_000_000
    assert rows("SELECT count(*) FROM bill_import_part") == [(0,)]


def test_an_import_of_another_company_looks_like_one_that_does_not_exist(
    clerk: Machine, machine: Callable[..., Machine]
) -> None:
    import_id = send(clerk, csv_of({})).json["id"]
    stranger = machine(make_provider(WATER).id)

    answers = [stranger.get(f"/v1/utilities/imports/{found}") for found in (import_id, uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [{k: v for k, v in answer.json.items() if k != "instance"} for answer in answers]
    assert bodies[0] == bodies[1]
    assert clerk.get(f"/v1/utilities/imports/{import_id}").status_code == 200


def test_only_a_companys_system_with_the_scope_may_import(
    an: Person, power: Provider, machine: Callable[..., Machine]
) -> None:
    reader = machine(power.id, "payments:read")

    problem = refused_in_both(lambda headers: send(reader, csv_of({}), headers=headers), 403, "not_allowed")

    assert problem["scope"] == "bills:write"
    refused_in_both(lambda headers: send(an, csv_of({}), headers=headers), 403, "not_allowed")
    assert rows("SELECT count(*) FROM bill_import") == [(0,)]


def test_an_import_that_was_killed_half_way_goes_on_and_counts_nothing_twice(clerk: Machine, work: Work) -> None:
    lines = [{"amount_vnd": "x" if place % 100 == 0 else "636768"} for place in range(1, 3501)]
    answer = send(clerk, csv_of(*lines))
    import_id, provider_id = UUID(answer.json["id"]), rows("SELECT provider_id FROM bill_import")[0].provider_id

    class Killed(Exception):
        pass

    def die(_lines: int) -> None:
        raise Killed

    with transaction() as session:
        operations.begin(session, import_id)
    with pytest.raises(Killed):
        services.utilities.flows.read_file(
            import_id, provider_id, CSV, services.utilities.flows._pieces(import_id), progress=die
        )
    half = clerk.get(answer.headers["Location"]).json
    services.utilities.flows.run_import(ImportRequested(import_id))
    services.utilities.flows.run_import(ImportRequested(import_id))
    failures = work()

    done = clerk.get(answer.headers["Location"]).json
    assert (half["state"], half["lines_read"], counts(half)) == ("running", 1001, (990, 0, 0, 10))
    assert (done["state"], done["lines_read"], counts(done), failures) == ("done", 3501, (3465, 0, 0, 35), [])
    assert len(done["errors"]) == len({error["line"] for error in done["errors"]}) == 35
    assert rows("SELECT count(*) FROM bill") == [(3465,)]


def test_only_the_first_thousand_errors_are_shown(bring: Importing) -> None:
    told = bring(csv_of(*({"amount_vnd": "x"} for _ in range(1200))))

    assert (told["refused"], len(told["errors"])) == (1200, 1000)
    assert told["errors"][-1]["line"] == 1001


def test_a_household_that_moved_keeps_its_account(bring: Importing, an: Person) -> None:
    bring(csv_of({}))
    asked = {"provider": POWER, "customer_code": GOOD["customer_code"], "holder_name": GOOD["customer_name"]}
    account = an.post("/v1/utilities/accounts", json=asked).json

    bring(csv_of({"bill_no": "B-2", "customer_name": "Trần Thị Bình", "period": "2026-11"}))

    shown = an.get(f"/v1/utilities/accounts/{account['id']}").json
    assert shown["holder_name"] == "T*** T** Bình"
    assert [bill["bill_no"] for bill in an.get("/v1/utilities/bills").json["items"]] == ["B-2", "B-1"]
