"""Guides a process keeps ready: told without the database, to whoever may ask, and never older than a change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kit import clock, database
from kit.database import transaction
from services.tourism import operations
from tests.people import Person
from tests.tourism.guides import daily, make_guide, make_office

T = "/v1/tourism"
LIST = f"{T}/guides?near=20.25,105.92&radius=10000&category=pagoda"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the database was asked, from now on."""
    asked: list[str] = []
    database.count_statements(database._sessions.kw["bind"], asked)
    return asked


def reads(statements: list[str]) -> list[str]:
    """Statements that read guides, and not just whether something has changed."""
    return [one for one in statements if "guide" in one and "guide_counter" not in one]


@pytest.mark.parametrize("path", [LIST, f"{T}/guides/{{id}}?lang=en", f"{T}/guide-features?near=20.25,105.92"])
def test_an_answer_told_again_is_the_same_and_reads_no_guide(chi: Person, statements: list[str], path: str) -> None:
    asked = path.format(id=make_guide())
    first = chi.get(asked)
    read_at_first = reads(statements)
    statements.clear()

    again = chi.get(asked)
    known = chi.get(asked, headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, known.status_code) == (200, 200, 304)
    assert (again.data, known.data) == (first.data, b"")
    told = {"ETag", "Content-Type", "Content-Language", "Cache-Control", "Vary"}
    assert {name: again.headers[name] for name in told} == {name: first.headers[name] for name in told}
    assert read_at_first
    assert reads(statements) == []


def test_a_process_that_hears_of_those_who_know_alone_keeps_the_answer_too(
    chi: Person, statements: list[str], later: Any
) -> None:
    make_guide()
    known = {"If-None-Match": chi.get(LIST).headers["ETag"]}
    later(timedelta(minutes=1))

    first = chi.get(LIST, headers=known)
    statements.clear()
    again, whole = chi.get(LIST, headers=known), chi.get(LIST)

    assert (first.status_code, again.status_code, whole.status_code) == (304, 304, 200)
    assert whole.json["items"][0]["title"] == "Chùa Bích Động"
    assert reads(statements) == []


def test_a_change_a_warning_and_the_next_minute_are_told_at_once(chi: Person, later: Any, staff: Any) -> None:
    opens = clock.local(clock.now() + timedelta(minutes=3)).replace(second=0, microsecond=0)
    guide = make_guide("Cũ", hours=daily(f"{opens:%H:%M}", "24:00"))
    approver = staff("tourism_office", "approver", organisation_id=make_office())

    def told() -> tuple[str, bool, bool]:
        (one,) = chi.get(LIST).json["items"]
        return one["title"], one["open_now"], one["temporarily_closed"]

    at_first = told()
    later(opens - clock.local(clock.now()))
    opened = told()
    with transaction() as session:
        operations.withdraw(session, guide)
    make_guide("Mới")
    changed = told()[0]
    now = clock.local(clock.now())
    approver = staff("tourism_office", "approver", organisation_id=make_office())
    warned = approver.post(
        f"{T}/alerts",
        json={
            "kind": "storm", "level": 4, "closes": True, "reason_vi": "Bão.", "reason_en": "Storm.", "source": "Đài",
            "province_codes": ["37"], "starts_at": now.isoformat(),
            "ends_at": (now + timedelta(hours=1)).isoformat(),
        },
    )  # fmt: skip

    assert (at_first, opened, changed) == (("Cũ", False, False), ("Cũ", True, False), "Mới")
    assert warned.status_code == 201
    assert told() == ("Mới", False, True)


def test_each_language_and_each_question_has_an_answer_of_its_own(chi: Person) -> None:
    make_guide("Chùa", texts={"en": {"state": "published", "title": "Pagoda", "summary": "A pagoda."}})

    answers = [
        chi.get(path, headers={"Accept-Language": language}).json["items"][0]["title"]
        for _again in range(2)
        for path, language in ((LIST, "vi"), (LIST, "en"), (f"{LIST}&lang=vi", "en"), (f"{LIST}&lang=en", "vi"))
    ]

    assert answers == ["Chùa", "Pagoda", "Chùa", "Pagoda"] * 2


def test_who_may_not_ask_is_refused_though_the_answer_is_ready(an: Person, chi: Person) -> None:
    make_guide()
    chi.get(LIST)

    expired = chi.get(LIST, headers={"Authorization": "Bearer forged"})
    other_form = chi.get(LIST, headers={"Accept": "text/csv"})
    stray = chi.get(f"{LIST}&unknown=1")

    assert (expired.status_code, other_form.status_code, stray.status_code) == (401, 406, 400)
    assert an.get(LIST).status_code == 200
