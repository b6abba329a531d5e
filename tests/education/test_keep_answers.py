"""Answers about schools that a process keeps: told again without the database, dropped when a school changes."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from kit import kept
from kit.database import transaction
from services.education.views import KEPT
from tests.education.conftest import change, make_school

SCHOOLS = "/v1/education/schools"


@pytest.fixture
def statements():
    """Every statement the database is asked from here on."""
    with transaction() as session:
        engine = session.get_bind()
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.usefixtures("communes")
def test_what_was_asked_before_costs_the_database_nothing(chi, statements, monkeypatch):
    make_school("Một")
    chi.get(SCHOOLS)
    monkeypatch.setattr(kept, "FRESH_SECONDS", 60.0)
    statements.clear()

    again = chi.get(SCHOOLS)

    assert again.json["items"][0]["name"] == "Một"
    assert statements == []


@pytest.mark.usefixtures("communes")
def test_a_change_is_seen_by_who_asks_the_same_again(chi):
    school = make_school("Một")
    before = chi.get(SCHOOLS).json["items"][0]["name"]

    change(school, name="Hai")

    assert (before, chi.get(SCHOOLS).json["items"][0]["name"]) == ("Một", "Hai")


@pytest.mark.usefixtures("communes")
def test_an_answer_told_again_is_the_same_in_every_header(chi):
    make_school("Một")

    def ask(**headers):
        answer = chi.get(f"{SCHOOLS}?level=primary", headers=headers)
        own = {"X-Request-Id", "RateLimit", "Date"}
        return answer.status_code, answer.data, {k: v for k, v in answer.headers.items() if k not in own}

    first, again = ask(), ask()
    unchanged = ask(**{"If-None-Match": first[2]["ETag"]})
    in_english = ask(**{"Accept-Language": "en"})
    unreadable = ask(Accept="image/png")

    assert first == again
    assert first[2]["Cache-Control"].startswith("public")
    assert unchanged[:2] == (304, b"")
    assert (in_english[0], in_english[2]["Content-Language"]) == (200, "en")
    assert unreadable[0] == 406


@pytest.mark.usefixtures("communes")
def test_where_somebody_is_is_not_kept_with_the_answer(chi):
    make_school("Trường Tiểu học Kim Đồng", point=(19.8, 105.77))

    for path in ("search", "suggestions"):
        for where in ("", "&lat=19.8051&lon=105.7851"):
            assert chi.get(f"/v1/education/{path}?q=kim+dong{where}").json["items"]

    questions = str(list(KEPT._answers))
    assert questions.count("kim+dong") == 2
    assert "19.8051" not in questions
