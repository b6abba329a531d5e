"""After every race the books are checked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.payments.stories import check_books


@pytest.fixture(autouse=True)
def books(clean: None) -> Iterator[None]:
    yield
    check_books()
