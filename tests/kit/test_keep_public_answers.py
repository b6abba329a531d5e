"""Answers a process keeps: told again without asking anybody, dropped when the version changes, bounded in size."""

from __future__ import annotations

import pytest

from kit import kept
from kit.kept import Kept


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
