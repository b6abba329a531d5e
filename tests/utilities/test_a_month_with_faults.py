"""A month of 5,000 payments with 60 faults of every class: each is found, named, and closed; nothing else is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.utilities import month_story
from tests.utilities.month import Book

SIZE = 5_000


@pytest.fixture
def books(clean: None) -> Iterator[list[Book]]:
    """Three providers and their month."""
    with month_story.at_the_end_of_the_month():
        yield month_story.make_books(SIZE)


def test_every_planted_fault_is_found_named_and_closed_and_nothing_else_is(books: list[Book]) -> None:
    story = month_story.Story(books, month_story.say)

    story.tell()

    assert story.flaws == [], month_story.as_lines(story.flaws)
