"""What sign-in does when it hears of its own events again; each is safe to hear twice."""

from __future__ import annotations

from sqlalchemy.orm import Session

from auth import operations
from auth.events import CitizensJoined
from auth.operations.apps import hand_over_apps
from auth.operations.grants import hand_over_grants


def move_memberships(session: Session, event: CitizensJoined) -> None:
    """Let the one who is kept work for whom the other has come to work since the two were joined.

    Memberships move with the join itself; an access token of the one that was given up lives on for some seconds.
    """
    operations.move_memberships(session, kept_id=event.kept_id, joined_id=event.joined_id)


def move_apps(session: Session, event: CitizensJoined) -> None:
    """Let the one who is kept have the apps, and what was allowed to apps, that the other has left since the join.

    Both move with the join itself; an answer on the consent page may have been under way just then.
    """
    hand_over_grants(session, event.joined_id, event.kept_id)
    hand_over_apps(session, event.joined_id, event.kept_id)
