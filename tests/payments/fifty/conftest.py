"""Whatever is done to money in these tests, in the end our books hold and the gateway's say the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.payments.stories import check_both_sides
from tests.people import Outside, Work


@pytest.fixture(autouse=True)
def both_sides(outside: Outside, work: Work, request: pytest.FixtureRequest) -> Iterator[None]:
    """The full check of every promise, ours and the gateway's, after each test; what is left is done first."""
    yield
    outside.mend()
    work()
    if request.node.get_closest_marker("tampered") is None:
        check_both_sides()
