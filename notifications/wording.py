"""What every file of words shares."""

from __future__ import annotations

from dataclasses import dataclass

# Slugs come from other rooms and may grow; what is not known here is told in words that are true of every reason.
OTHER = "other"


@dataclass(frozen=True)
class Words:
    """A headline and what stands under it."""

    title: str
    body: str
