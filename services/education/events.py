"""What happens in the room that others react to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kit.events import Event


@dataclass(frozen=True)
class RoundDue(Event):
    """A parent's round comes nearer: `kind` is papers, soon, open or last_day, or changed when its dates moved."""

    reminder_id: UUID
    citizen_id: UUID
    round_id: UUID
    kind: str


@dataclass(frozen=True)
class RoundChanged(Event):
    """The dates of a round were changed by the school office; `dates_version` is that of the new ones."""

    round_id: UUID
    dates_version: int


@dataclass(frozen=True)
class SavedSchoolGone(Event):
    """A school on parents' lists was closed or merged into `successor_id`."""

    school_id: UUID
    successor_id: UUID | None


@dataclass(frozen=True)
class OpenDayCancelled(Event):
    """A school cancelled an open day on which this family had a place."""

    visit_id: UUID
    citizen_id: UUID
