"""Answers a process keeps: told again without the database, dropped when a school changes, bounded in size."""

from __future__ import annotations

import pytest

from services.education.views import door, kept
from services.education.views.kept import Kept
from tests.education.conftest import change, make_school

SCHOOLS = "/v1/education/schools"


@pytest.mark.usefixtures("communes")
def test_a_question_asked_again_is_not_worked_out_again_until_a_school_changes():
    school = make_school("Một")
    answers = Kept()
    made: list[int] = []

    def make() -> bytes:
        made.append(len(made))
        return b"answer %d" % len(made)

    first, again, other = (answers.find_or(question, make).body for question in ("q", "q", "other"))
    found = answers.find("q")
    change(school, name="Hai")
    stale = answers.find("q")
    after = answers.find_or("q", make).body

    assert (first, again, other, after) == (b"answer 1", b"answer 1", b"answer 2", b"answer 3")
    assert found is not None
    assert (found.body, stale) == (b"answer 1", None)


@pytest.mark.usefixtures("communes")
def test_what_was_asked_least_lately_goes_when_there_is_too_much(monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 25)
    answers, made = Kept(), []

    def make() -> bytes:
        made.append(1)
        return b"ten bytes."

    for question in ("a", "b", "a", "c", "a", "b"):
        answers.find_or(question, make)

    assert len(made) == 4  # a, b, c, and b again: a was asked in between


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
def test_where_somebody_is_is_not_kept_with_the_answer(chi, monkeypatch):
    make_school("Trường Tiểu học Kim Đồng", point=(19.8, 105.77))
    answers = Kept()
    monkeypatch.setattr(door, "KEPT", answers)

    for path in ("search", "suggestions"):
        for where in ("", "&lat=19.8051&lon=105.7851"):
            assert chi.get(f"/v1/education/{path}?q=kim+dong{where}").json["items"]

    assert len(answers._answers) == 2
    assert "19.8051" not in str(list(answers._answers))
