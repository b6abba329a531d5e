"""Whatever is done to money in these tests, in the end our books hold and the gateway's say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from server.settings import Settings
from tests.payments.fifty.mortals import Mortals
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


@pytest.fixture(scope="session")
def mortals(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortals]:
    """Where processes come from that are to die."""
    with Mortals(settings, tmp_path_factory.mktemp("mortals") / "words") as mortals:
        yield mortals


@pytest.fixture
def die_at(mortals: Mortals) -> Callable[..., None]:
    """`die_at(failpoint, person, bill, …)`: another process pays the bill and is killed there, see `Mortals.die_at`."""
    return mortals.die_at
