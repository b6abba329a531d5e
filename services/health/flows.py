"""Work that is done piece by piece, each in a transaction of its own, so that one bad piece never stops the others."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import payments.flows
from kit import logs
from kit.database import transaction
from kit.each import do_each
from kit.events import TryLater
from payments.events import PaymentAuthorised
from payments.models import MoneyState
from services.health import operations
from services.health.events import PlacesWithdrawn

_ASK_AGAIN_SECONDS = 15


def move_people(event: PlacesWithdrawn) -> None:
    """Offer everybody whose place of this service is gone the nearest other one."""
    _move(event.service_id)


def take_deposit(event: PaymentAuthorised) -> None:
    """The bank holds a deposit: take it while its places are held, let go of it when they are not.

    Raises TryLater while it cannot be let go of.
    """
    with transaction() as session:
        are_held = operations.secure_places(session, event.payment_id)
    if are_held is None:
        return  # another room's
    if are_held:
        payments.flows.capture(event.payment_id)
    elif not payments.flows.cancel(event.payment_id, MoneyState.CANCELLED, "place_gone"):
        raise TryLater(_ASK_AGAIN_SECONDS)


def move_all() -> None:
    """The same for everybody for whom no place was found before."""
    _move(None)


def sweep_holds() -> None:
    """Give back what was held for too long."""
    with transaction() as session:
        slots = operations.list_lapsed_slots(session)
    for slot_id in slots:
        with transaction() as session:
            operations.lapse_slot(session, slot_id)


def remind() -> None:
    """Say what is due; a reminder that cannot be handed on is named in the log, and the next one goes out."""
    with transaction() as session:
        due = operations.list_reminders_due(session)
    for reminder_id in due:
        try:
            with transaction() as session:
                operations.send_reminder(session, reminder_id)
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with one must not reach the others
            logs.logger.error("reminder_failed", exc_info=exc)


def run_draws() -> None:
    """Draw the lots of every draw whose time is over, and hold places for the winners, one after the other."""
    with transaction() as session:
        due = operations.list_draws_due(session)
    for draw_id in due:
        try:
            _run_draw(draw_id)
        except Exception as exc:  # noqa: BLE001 - one draw that cannot be done must not stop the others
            logs.logger.error("draw_failed", exc_info=exc)


def _run_draw(draw_id: UUID) -> None:
    with transaction() as session:
        operations.draw_lots(session, draw_id)
    goes_on = True
    while goes_on:  # ends: each round takes one request from those that are left
        with transaction() as session:
            goes_on = operations.place_next(session, draw_id)


def close_days() -> None:
    """Write down who did not come, end waits that are over, free places nobody vouched for again."""
    with transaction() as session:
        operations.expire_waits(session)
        over = operations.list_days_over(session)
    for service_id, day in over:
        with transaction() as session:
            operations.record_absences(session, service_id, day)
    with transaction() as session:
        silent = operations.list_unconfirmed(session)
    for booking_id in silent:
        with transaction() as session:
            operations.free_unconfirmed(session, booking_id)


def write_schedules() -> None:
    """Make the places of every service up to its horizon; raises what went wrong with one once all are done."""
    with transaction() as session:
        services = operations.write_all_slots(session)

    def plan(service_id: UUID) -> None:
        with transaction() as session:
            operations.write_slots(session, service_id)

    do_each(services, plan, failed="schedule_failed")


def _move(service_id: UUID | None) -> None:
    """Raises what went wrong with one patient once everybody has been looked after: whoever asked tries again."""
    do_each(_list_moves(service_id), _offer_place, failed="move_failed")


def _list_moves(service_id: UUID | None) -> Iterator[UUID]:
    after: UUID | None = None
    while True:  # ends: each round begins after the last task of the one before
        with transaction() as session:
            due = operations.list_moves_due(session, service_id, after=after)
        if not due:
            return
        yield from due
        after = due[-1]


def _offer_place(task_id: UUID) -> None:
    try:
        with transaction() as session:
            operations.offer_place(session, task_id)
    except operations.NoPlaceYet:
        logs.logger.info("no_place_to_move_to")
