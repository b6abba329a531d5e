"""What all stories of guides need."""

from __future__ import annotations

import pytest

from kit import kept


@pytest.fixture(autouse=True)
def nothing_is_believed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process asks at every request whether what it keeps still holds, and not once a second."""
    monkeypatch.setattr(kept, "FRESH_SECONDS", 0.0)
