"""What was published stays as it was signed: whoever comes second, whatever is renamed, whichever key signs today."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import payments.operations
import services.utilities.flows
from kit import clock
from kit.database import new_id, transaction
from payments import proof
from services.utilities import remittance
from services.utilities.operations import settlement
from tests.factories import POWER
from tests.payments.stories import rows
from tests.people import Machine
from tests.utilities.bulk import Paid, company, write

PATH = "/v1/utilities/provider-remittances"
CUT_OFF = datetime(2026, 11, 18, 17, tzinfo=clock.ZONE)
HEAD = {"provider": "pc-thanh-hoa", "totals": {"lines": 2, "posted_vnd": 7}, "zone": "Asia/Ho_Chi_Minh", "note": None}
NOTHING = dict.fromkeys(remittance.COLUMNS)
LINES = [
    NOTHING | {"line": 1, "bill_no": "=Đ-1", "receipt_no": "R\x0b\x00<&", "amount_vnd": 8},
    NOTHING | {"line": 2, "bill_no": "B-2", "receipt_no": "", "amount_vnd": -1},
]
DIGESTS = {
    "json": "6c203a2eb4bc9b5245dbd6bfbf9f2783d05060af105d416a3b0f6527dc66c7f5",
    "csv": "04babed34446ca86c6260bec83e4cbcdcbc160c6b1bcfcd8c85b2d6702a9d43f",
    "xlsx": "42e529634cd50e750f267921a3efc857ad31e5c33e6f4760b77d1763edf01236",
}
ANOTHER_LINE = """
INSERT INTO remittance_line SELECT :id, remittance_id, 99, kind, payment_id, item_id, booked_at, 5, 0
FROM remittance_line LIMIT 1
"""


CHANGES = (
    "UPDATE remittance SET proof = NULL",
    "UPDATE remittance SET payee_name = 'x'",
    "UPDATE remittance SET payable_vnd = payable_vnd + 1, adjusted_vnd = adjusted_vnd + 1",
    "UPDATE remittance SET files = NULL",
    "UPDATE remittance SET state = 'draft', published_at = NULL",
    "DELETE FROM remittance",
    "TRUNCATE remittance CASCADE",
    ANOTHER_LINE,
)


@pytest.fixture
def published(clean: None, machine) -> Iterator[tuple[Machine, dict[str, Any]]]:
    """A power company's system, and the remittance of its day."""
    provider, customer = company(POWER)
    write(provider, customer, [Paid(f"B-{n}", 1_000 + n, CUT_OFF - timedelta(hours=1)) for n in range(3)])
    clock.move(CUT_OFF + timedelta(minutes=3) - clock.now())
    services.utilities.flows.close_books()
    system = machine(provider.id)
    (told,) = system.get(PATH).json["items"]
    yield system, told
    clock.move(timedelta())


def files_of(system: Machine, told: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Of each file its digest, and what is said of its signature beside it."""
    found = {}
    for kind in ("json", "csv", "xlsx"):
        answer = system.get(f"{PATH}/{told['id']}/file?format={kind}")
        signed = answer.headers["Signature"], answer.headers["Signature-Key-Id"]
        found[kind] = (hashlib.sha256(answer.data).hexdigest(), *signed)
    return found


def test_a_second_worker_that_has_seen_the_same_draft_changes_nothing(published) -> None:
    system, told = published
    before = files_of(system, told)
    with transaction() as session:
        payments.operations.seal(session)

    with transaction() as session:
        is_published = settlement.publish(session, told["id"])

    assert not is_published
    assert files_of(system, told) == before
    assert system.get(f"{PATH}/{told['id']}").json == told


def test_lines_that_are_read_in_pieces_are_the_same_lines(published, monkeypatch) -> None:
    system, told = published
    before = files_of(system, told)
    monkeypatch.setattr("payments.operations.remitting._READ_AT_ONCE", 2)
    monkeypatch.setattr("services.utilities.operations.settlement._AT_ONCE", 1)

    after = files_of(system, told)

    assert after == before


def test_neither_a_new_name_nor_a_new_key_changes_a_file(published, settings) -> None:
    system, told = published
    before = files_of(system, told)
    rows("UPDATE provider SET name_vi = 'Tên mới', name_en = 'New' WHERE slug = :slug RETURNING id", slug=POWER)

    proof.use_key(b"another key of thirty-two bytes!")
    try:
        after, own_key = files_of(system, told), proof.public_key()
    finally:
        proof.use_key(settings.secret_key)

    assert after == before
    for kind, (digest, signature, key_id) in after.items():
        public = bytes.fromhex(told["files"][kind]["public_key"])
        assert (public != own_key, proof.key_id(public)) == (True, key_id)
        assert proof.is_file_signed(public, bytes.fromhex(digest), bytes.fromhex(signature))


def test_a_file_that_is_not_what_was_signed_is_never_handed_out(published) -> None:
    system, told = published
    rows("UPDATE bill SET bill_no = 'B-9' WHERE bill_no = 'B-1' RETURNING id")

    answers = [system.get(f"{PATH}/{told['id']}/file?format={kind}") for kind in ("json", "csv", "xlsx")]

    assert [(answer.status_code, b"B-9" in answer.data) for answer in answers] == [(500, False)] * 3


def test_what_is_published_is_not_changed_by_any_statement(published) -> None:
    _system, told = published

    for change in CHANGES:
        with pytest.raises(DBAPIError), transaction() as session:
            session.execute(text(change), {"id": new_id()} if ":id" in change else {})

    assert rows("SELECT state FROM remittance WHERE id = :id", id=told["id"]) == [("published",)]


def test_the_same_lines_are_the_same_bytes_on_every_machine_and_in_every_release() -> None:
    written = {kind: b"".join(remittance.write(kind, HEAD, LINES)) for kind in DIGESTS}

    digests = {kind: hashlib.sha256(raw).hexdigest() for kind, raw in written.items()}

    # Files of years ago are written anew for whoever asks: a byte that changes here breaks their signatures.
    assert digests == DIGESTS
    book = openpyxl.load_workbook(io.BytesIO(written["xlsx"]))
    assert [[cell.value for cell in row][3:8:2] for row in book["lines"].iter_rows(min_row=2)] == [
        ["=Đ-1", "R\ufffd\ufffd<&", 8],
        ["B-2", "", -1],
    ]
