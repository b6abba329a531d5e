"""What runs by the clock: reminders, snapshots, counting words, dropping old tombstones."""

from __future__ import annotations

from kit.database import transaction
from services.education.operations import reminders, syncing, writing

_MOST_ROUNDS = 50


def remind() -> None:
    """Give the reminders that are due, some at a time; beyond a hundred thousand the rest waits for the next tick."""
    for _ in range(_MOST_ROUNDS):
        with transaction() as session:
            if reminders.remind(session) == 0:
                return


def refresh_snapshots() -> None:
    """Write down anew the provinces that have gone on; each in a transaction of its own."""
    with transaction() as session:
        provinces = syncing.list_stale_provinces(session)
    for province_code in provinces:
        with transaction() as session:
            syncing.make_snapshot(session, province_code)


def tidy() -> None:
    """Drop tombstones past their time, and count the words of the search anew."""
    with transaction() as session:
        syncing.forget_old_tombstones(session)
    with transaction() as session:
        writing.recount_words(session)
