"""Answers a process keeps: told again without asking anybody, dropped when the version changes, bounded in size."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client, create_environ
from werkzeug.wrappers import Response

from kit import kept
from kit.front import Front, Whole, question_of
from kit.kept import Kept
from kit.quotas import Quotas


@pytest.fixture
def made() -> list[int]:
    return []


def test_a_question_asked_again_is_not_worked_out_again_until_something_changes(made, monkeypatch):
    monkeypatch.setattr(kept, "FRESH_SECONDS", 0.0)
    version = [1]
    answers: Kept[bytes] = Kept(lambda: version[0])

    def make() -> bytes:
        made.append(len(made))
        return b"answer %d" % len(made)

    first, again, other = (answers.find_or(question, make) for question in ("q", "q", "other"))
    version[0] = 2
    after = answers.find_or("q", make)

    assert (first, again, other, after) == (b"answer 1", b"answer 1", b"answer 2", b"answer 3")


def test_what_was_asked_least_lately_goes_when_there_is_too_much(made, monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 25)
    answers: Kept[bytes] = Kept(lambda: 1)

    def make() -> bytes:
        made.append(1)
        return b"ten bytes."

    for question in ("a", "b", "a", "c", "a", "b"):
        answers.find_or(question, make)

    assert len(made) == 4  # a, b, c, and b again: a was asked in between


def test_what_was_made_while_something_changed_is_told_and_not_kept(made, monkeypatch):
    monkeypatch.setattr(kept, "FRESH_SECONDS", 0.0)
    version = [1]
    answers: Kept[bytes] = Kept(lambda: version[0])

    def make_slowly() -> bytes:
        version[0] += 1
        answers.find("another question")
        made.append(1)
        return b"old"

    told = [answers.find_or("q", make_slowly) for _ in range(2)]

    assert (told, len(made)) == ([b"old", b"old"], 2)


def test_while_the_database_is_away_the_application_inside_is_asked(monkeypatch):
    monkeypatch.setattr(kept, "FRESH_SECONDS", 0.0)
    is_away: list[bool] = []

    def read_version() -> int:
        if is_away:
            raise OperationalError("SELECT 1", {}, ConnectionError("refused"))
        return 1

    answers: Kept[Whole] = Kept(read_version)
    question = question_of(create_environ("/asked"))
    version, _none = answers.find(question)
    answers.keep(question, version, Whole(b"kept", (), (), "etag", "/asked", "ask"))
    client = Client(Front(Response("busy", 503), [answers], Quotas(100)))

    before = client.get("/asked")
    is_away.append(1)
    after = client.get("/asked")

    assert (before.data, before.status_code, after.data, after.status_code) == (b"kept", 200, b"busy", 503)
