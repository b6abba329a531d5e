"""What providers tell of their own books: read exactly or refused by line, compared, discussed, settled by two."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, timedelta

import openpyxl
import orjson
import pytest

from kit import clock
from kit.database import new_id, transaction
from payments import ledger
from payments.models import Way
from payments.operations import approve, get_discrepancy, propose, take_in_rows
from services.utilities import statement_file
from services.utilities.errors import StatementUnreadable
from services.utilities.operations import settlement
from services.utilities.statement_file import STANDARD, Layout, read_amount
from tests.factories import POWER, WATER
from tests.payments.stories import rows
from tests.utilities.bulk import Paid, company, write

PATH = "/v1/utilities/provider-statements"
DISCREPANCIES = "/v1/utilities/provider-discrepancies"
LAYOUT = "/v1/utilities/provider-statement-layouts"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=clock.ZONE)


@pytest.fixture
def power(clean):
    return company(POWER)


@pytest.fixture
def desk(power, machine):
    """The provider's own system."""
    return machine(power[0].id, "settlement:write", "payments:read")


def send(desk, raw: bytes | str, *, kind: str = "text/csv", day: date = DAY, **headers: str):
    return desk.post(f"{PATH}?business_day={day}", data=raw, headers={"Content-Type": kind, **headers})


def sheet(*lines: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_an_amount_is_read_exactly_or_not_at_all() -> None:
    good = {"1234567": 1_234_567, "1.234.567": 1_234_567, "1,234,567": 1_234_567, " 1234567 ": 1_234_567, "-5": -5}
    numbers = {1_230_001: 1_230_001, 1_230_000.0: 1_230_000, -7: -7}
    bad = ["1.23E+06", "=HYPERLINK(1)", "9223372036854775808", 2**63, "1.2345", "1234,5", "1.234,567", 0.5, True, None]
    bad += ["", "١٢٣", "1 234", "0", 0, "100000000000", float("inf"), float("nan"), "--1", "+1", "1_000"]

    read = {cell: read_amount(cell) for cell in {**good, **numbers}}
    taken = []
    for cell in bad:
        try:
            taken.append((cell, read_amount(cell)))
        except ValueError:
            continue

    assert read == {**good, **numbers}
    assert taken == []


def test_every_format_tells_the_same_and_names_the_lines_it_cannot_read() -> None:
    table = [("B-1", "1.234.567"), ("B-2", "1.23E+06"), ("=B-3", "5"), ("", "5"), ("B-5", "7")]
    csv = "\ufeffbill_no;amount_vnd;receipt_no\r\n" + "".join(f"{key};{amount};\r\n" for key, amount in table)
    json = orjson.dumps({"items": [{"bill_no": key or None, "amount_vnd": amount} for key, amount in table]})
    excel = sheet(["bill_no", "amount_vnd", "receipt_no"], *([key, amount, None] for key, amount in table))

    told = {kind: statement_file.read(kind, raw, STANDARD) for kind, raw in (("csv", csv.encode()), ("xlsx", excel))}
    told["json"] = statement_file.read("json", json, STANDARD)

    for kind, read in told.items():
        first = 1 if kind == "json" else 2
        assert [(row.key, row.amount_vnd) for row in read.rows] == [("B-1", 1_234_567), ("B-5", 7)], kind
        assert [(error["line"] - first, error["code"]) for error in read.errors] == [
            (1, "not_an_amount"),
            (2, "formula"),
            (3, "missing"),
        ], kind


def test_a_file_that_cannot_be_read_as_a_whole_leaves_nothing() -> None:
    bomb = io.BytesIO(sheet(["bill_no", "amount_vnd", "receipt_no"], ["B-1", 5, None]))
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 9}">' for n in range(1, 12))
    with zipfile.ZipFile(bomb) as good:
        parts = {name: good.read(name) for name in good.namelist()}
    parts["xl/worksheets/sheet1.xml"] = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><x>&l11;</x>'.encode()
    spoiled = io.BytesIO()
    with zipfile.ZipFile(spoiled, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    files = [
        ("csv", "bill_no;amount_vnd;receipt_no\nB-1;5;Đã thu".encode("utf-16"), "not_utf8"),
        ("csv", b"bill_no;amount_vnd\nB-1;5", "heading"),
        ("csv", b"", "heading"),
        ("csv", b"bill_no;amount_vnd;receipt_no;bill_no\nB-1;5;;B-2", "heading"),
        ("json", b'{"items": [{"amount_vnd": 9223372036854775808}', "json"),
        ("json", b'{"items": 5}', "json"),
        ("json", b"[" * 100, "json"),
        ("xlsx", b"PK\x03\x04 no archive", "xlsx"),
        ("xlsx", spoiled.getvalue(), "xlsx"),
    ]

    for number, (kind, raw, reason) in enumerate(files):
        with pytest.raises(StatementUnreadable) as refused:
            statement_file.read(kind, raw, STANDARD)
        assert refused.value.members["reason"] == reason, number


def test_swapped_columns_and_a_separator_too_many_are_refused_by_line() -> None:
    swapped = "bill_no;amount_vnd;receipt_no\n5000;B-1;R\n"
    wide = "bill_no,amount_vnd,receipt_no\nB-1,636,768,R-1\n"

    told = [statement_file.read("csv", raw.encode(), STANDARD) for raw in (swapped, wide)]

    assert [(list(read.rows), [error["code"] for error in read.errors]) for read in told] == [
        ([], ["not_an_amount"]),
        ([], ["not_an_amount"]),
    ]


def test_a_provider_sends_files_by_its_own_headings(power, desk, work) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    columns = {"key": "Số hóa đơn", "amount": "Số tiền"}

    with transaction() as session:
        settlement.put_layout(session, provider.id, Way.PROVIDER, columns)
    at_once = desk.ask("PUT", LAYOUT, json={"columns": columns})
    sent = send(desk, sheet(["Ghi chú", "Số tiền", "Số hóa đơn"], ["x", 500_000, "B-1"]), kind=XLSX)
    work()

    assert (at_once.status_code, at_once.json["code"]) == (409, "layout_under_review")
    assert desk.get(LAYOUT).json == {"columns": columns}
    assert (sent.status_code, sent.json["accepted"], rows("SELECT kind FROM discrepancy")) == (202, 1, [])
    (run,) = desk.get("/v1/utilities/provider-match-runs").json["items"]
    assert (run["ours"], run["theirs"], run["matched"], run["matched_vnd"]) == (1, 1, 1, 500_000)


def test_the_same_lines_renamed_or_reordered_change_nothing_and_others_are_a_revision(power, desk, work) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON), Paid("B-2", 600_000, NOON)])
    lines = "bill_no,amount_vnd,receipt_no\nB-1,500000,R-1\nB-2,600000,R-2\n"

    first = send(desk, lines)
    work()
    reordered = send(desk, "receipt_no;amount_vnd;bill_no\nR-2;600.000;B-2\nR-1;500.000;B-1\n")
    shorter = send(desk, "bill_no,amount_vnd,receipt_no\nB-1,500000,R-1\n")
    work()

    assert reordered.json == first.json
    assert (shorter.json["revision"], shorter.json["added"], shorter.json["removed"]) == (2, 0, 1)
    assert desk.get(f"{PATH}/{first.json['id']}").json["current"] is False
    assert rows("SELECT kind, state, amount_vnd FROM discrepancy") == [("MISSING_AT_PROVIDER", "open", -600_000)]

    again = send(desk, lines)
    work()

    assert (again.json["revision"], again.json["added"], again.json["removed"]) == (3, 1, 0)
    assert rows("SELECT state FROM discrepancy") == [("auto_closed",)]


def test_a_day_that_is_not_over_and_broken_files_are_refused_in_words(desk, machine) -> None:
    header = "bill_no,amount_vnd,receipt_no\n"

    early = send(desk, header, day=clock.today() + timedelta(days=2))
    broken = send(desk, "amount_vnd\n5\n")
    other = send(desk, "<a/>", kind="application/xml")
    powerless = machine(company(WATER)[0].id, "payments:read")

    assert (early.status_code, early.json["code"]) == (409, "day_not_over")
    assert (broken.status_code, broken.json["code"], broken.json["reason"]) == (422, "statement_unreadable", "heading")
    assert other.status_code == 415
    assert send(powerless, header).status_code == 403


def test_a_file_that_was_refused_is_a_difference_until_one_can_be_read(power, desk) -> None:
    for _time in range(2):
        send(desk, "amount_vnd\n5\n")
    (found,) = desk.get(DISCREPANCIES).json["items"]

    send(desk, "bill_no,amount_vnd,receipt_no\n")

    assert (found["kind"], found["business_day"], found["details"]) == (
        "FILE_REJECTED",
        str(DAY),
        {"reason": "heading"},
    )
    assert rows("SELECT kind, state FROM discrepancy") == [("FILE_REJECTED", "auto_closed")]


def test_both_sides_discuss_a_difference_and_two_people_settle_it(power, desk, machine, staff, work) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    send(desk, "bill_no,amount_vnd,receipt_no\nB-1,499000,R-1\n")
    work()
    (found,) = desk.get(DISCREPANCIES).json["items"]
    clerk = staff("province", "clerk")
    approver = staff("province", "approver", organisation_id=clerk.organisation_id)
    house = f"/v1/payments/discrepancies/{found['id']}"

    desk.post(f"{DISCREPANCIES}/{found['id']}/notes", json={"body": "Máy in sai", "evidence_hash": "ab" * 32})
    clerk.post(f"{house}/notes", json={"body": "Đã nhận"})
    proposal = {"account": "2910", "explanation": "Nhà cung cấp ghi thiếu"}
    proposed = clerk.post(f"{house}/proposal", json=proposal)
    settled = approver.post(f"{house}/approval", headers={"If-Match": proposed.headers["ETag"]})

    assert (found["kind"], found["amount_vnd"], found["details"]["line"]) == ("AMOUNT_UNDER", -1_000, 2)
    assert (proposed.status_code, settled.status_code, settled.json["state"]) == (200, 200, "resolved")
    said = [(note["side"], note["body"]) for note in desk.get(f"{DISCREPANCIES}/{found['id']}").json["notes"]]
    assert said == [("provider", "Máy in sai"), ("province", "Đã nhận")]
    assert clerk.get(house).json["notes"][0]["evidence_hash"] == "ab" * 32
    stranger = machine(company(WATER)[0].id, "settlement:write", "payments:read")
    assert stranger.get(f"{DISCREPANCIES}/{found['id']}").status_code == 404
    assert stranger.post(f"{DISCREPANCIES}/{found['id']}/notes", json={"body": "x"}).status_code == 404
    with transaction() as session:
        assert ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=provider.id) == -499_000
        assert ledger.balance(session, ledger.UNIDENTIFIED) == -1_000


def test_what_two_people_have_settled_and_a_later_file_contradicts_is_open_by_the_rest(power, desk, work) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON), Paid("B-2", 70_000, NOON)])
    files = {vnd: f"bill_no,amount_vnd,receipt_no\nB-2,70000,R-2\n{line}" for vnd, line in (
        (0, ""), (499_000, "B-1,499000,R-1\n"), (498_000, "B-1,498000,R-1\n"), (500_000, "B-1,500000,R-1\n"),
    )}  # fmt: skip

    def tell(vnd: int) -> list[tuple[object, ...]]:
        send(desk, files[vnd])
        assert work() == []
        return [tuple(row) for row in rows("SELECT kind, amount_vnd FROM discrepancy WHERE state = 'open' ORDER BY 1")]

    def settle() -> int:
        for found in rows("SELECT id FROM discrepancy WHERE state = 'open'"):
            with transaction() as session:
                propose(session, found.id, new_id(), account="2910", explanation="Đã rõ")
                approve(session, found.id, new_id())
        with transaction() as session:
            return -ledger.balance(session, ledger.PROVIDER_PAYABLE, payee_id=provider.id)

    assert (tell(499_000), settle()) == ([("AMOUNT_UNDER", -1_000)], 569_000)
    assert tell(498_000) == [("AMOUNT_UNDER", -1_000)]
    assert (tell(499_000), tell(498_000), settle()) == ([], [("AMOUNT_UNDER", -1_000)], 568_000)
    assert (tell(0), settle()) == ([("AMOUNT_UNDER", 2_000), ("MISSING_AT_PROVIDER", -500_000)], 70_000)
    assert (tell(500_000), settle()) == ([("MISSING_AT_PROVIDER", 500_000)], 570_000)
    assert (tell(0), settle()) == ([("MISSING_AT_PROVIDER", -500_000)], 70_000)
    assert (tell(500_000), settle(), tell(500_000)) == ([("MISSING_AT_PROVIDER", 500_000)], 570_000, [])
    runs = rows("SELECT sum(opened) AS opened, sum(closed) AS closed FROM match_run")
    assert runs == rows("SELECT count(*) FILTER (WHERE action <> 'auto_closed') AS opened, "
                        "count(*) FILTER (WHERE action = 'auto_closed') AS closed FROM discrepancy_event "
                        "WHERE action IN ('opened', 'reopened', 'auto_closed')")  # fmt: skip


def test_a_provider_raises_a_difference_of_its_own(desk) -> None:
    asked = {"subject": "B-77", "business_day": str(DAY), "amount_vnd": 0, "body": "Khách đã trả, chưa thấy tiền"}

    raised = desk.post(DISCREPANCIES, json=asked)
    again = desk.post(DISCREPANCIES, json=asked | {"body": "Vẫn chưa thấy"})

    assert (raised.status_code, raised.json["kind"]) == (201, "RAISED_BY_PROVIDER")
    assert again.json["id"] == raised.json["id"]
    assert [note["body"] for note in again.json["notes"]] == [asked["body"], "Vẫn chưa thấy"]
    with transaction() as session:
        assert get_discrepancy(session, raised.json["id"]).business_day == DAY


def test_what_a_provider_raises_of_any_day_does_not_hold_up_a_comparison(power, desk, work) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])
    for day in ("0001-01-01", "9999-12-31"):
        asked = {"subject": day, "business_day": day, "amount_vnd": 5, "body": "?"}
        assert desk.post(DISCREPANCIES, json=asked).status_code == 201

    send(desk, "bill_no,amount_vnd,receipt_no\nB-1,500000,R-1\n")

    assert work() == []
    assert rows("SELECT matched FROM match_run") == [(1,)]


def test_an_amount_alone_is_a_suggestion_and_never_a_match(power) -> None:
    provider, customer = power
    write(provider, customer, [Paid("B-1", 500_000, NOON)])

    with transaction() as session:
        told = statement_file.read("csv", b"bill_no,amount_vnd,receipt_no\nB-l,500000,R-1\n", STANDARD)
        statement_id = take_in_rows(session, provider.id, Way.PROVIDER, DAY, told)
        settlement.match_posted(session, provider.id, DAY, DAY)

    assert statement_id
    pairs = {row.kind: (row.subject, row.suggestion) for row in rows(_SUGGESTIONS)}
    missing, unknown = f"{provider.id} B-1", f"{provider.id} B-l"
    assert pairs == {"MISSING_AT_PROVIDER": (missing, unknown), "UNKNOWN_AT_PROVIDER": (unknown, missing)}


_SUGGESTIONS = "SELECT kind, subject, details ->> 'suggestion' AS suggestion FROM discrepancy"


def test_a_layout_names_what_a_comparison_needs() -> None:
    both = {"key": "a", "amount": "b"}
    for body in ({"key": "a"}, {"amount": "a"}, both | {"colour": "c"}, both | {"key": ""}):
        with pytest.raises(ValueError, match=r"a layout names|each heading"):
            Layout.from_json(body)
