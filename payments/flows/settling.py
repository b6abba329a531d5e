"""Periodic work around the books: read the gateway's movements and payouts, seal the journal, check every promise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta

from kit import clock, logs
from kit.database import transaction
from payments import gateway, operations
from payments.flows.disputing import hear_of_disputes
from payments.flows.money import fetch_refund
from payments.gateway import Movement

_SEALS_AT_ONCE = 20
# Payments go on while the gateway is asked: so often is it asked for its balance in a moment without any.
_LOOKS = 5


def read_movements() -> None:
    """Read what moved at the gateway, tie payouts to it, and book what has become available.

    A gateway that does not answer is asked again the next time: nothing is concluded from its silence.
    """
    with transaction() as session:
        since = operations.read_since(session)
    try:
        movements = list(gateway.list_movements(since=since))
        transfers = list(gateway.list_transfers(since=since - operations.PAYOUTS_READ_AGAIN))
        _hear_of_failed_refunds(movements)
        hear_of_disputes(movements)
    except gateway.OutcomeUnknown:
        logs.logger.warning("gateway_movements_unread")
        return
    with transaction() as session:
        operations.take_in(session, movements)
        operations.explain(session)
        operations.ripen(session)
        unlisted = [told.id for told in transfers if operations.see_payout(session, told)]
    for payout_id in unlisted:
        try:
            parts = list(gateway.list_movements(payout_id=payout_id))
        except gateway.OutcomeUnknown:
            logs.logger.warning("gateway_movements_unread")
            return
        with transaction() as session:
            operations.list_payout(session, payout_id, parts)
    with transaction() as session:
        operations.match_late(session)


def _hear_of_failed_refunds(movements: Sequence[Movement]) -> None:
    """Money came back although no webhook has said so: the refund behind it is asked about."""
    with transaction() as session:
        unheard = operations.list_unheard_failures(session, movements)
    for gateway_id in unheard:
        fetch_refund(gateway_id)


def seal_journal() -> None:
    """Put what was booked since the last time into its chains."""
    for _batch in range(_SEALS_AT_ONCE):
        with transaction() as session:
            if not operations.seal(session):
                return


def sign_yesterday() -> None:
    """Sign the end of yesterday and of days before it that were missed, after sealing journals of any age."""
    with transaction() as session:
        days = operations.find_unsigned_days(session)
        if not days:
            return
        while operations.seal(session, everything=True):
            continue
        for day in days:
            operations.sign_day(session, day)


def check_books() -> None:
    """See that everything holds that must hold, and raise an alarm when something does not."""
    with transaction() as session:
        operations.raise_alarm(session, operations.find_breaches(session))


def compare_with_gateway() -> int | None:
    """What the gateway says it has of ours less what our books say, in đồng.

    None when it does not answer, or our books moved each time while it was asked: nothing is compared then. 0 or
    something is missing. What was taken but not read yet as a movement lacks its fee, so movements come first. One look
    may still meet money on its way: what is seen is remembered, and `check_books` believes what stays.
    """
    read_movements()
    for _look in range(_LOOKS):
        with transaction() as session:
            before = operations.balance_at_gateway(session)
        try:
            theirs = gateway.read_balance()
        except gateway.OutcomeUnknown:
            return None
        with transaction() as session:
            ours = operations.balance_at_gateway(session)
            if ours == before:
                operations.remember_difference(session, theirs - ours)
                return theirs - ours
    logs.logger.info("gateway_balance_moving")
    return None


def match_movements() -> None:
    """Compare yesterday's ledger with the gateway's movements of yesterday, and look for payouts the bank lacks."""
    yesterday = clock.now().astimezone(UTC).date() - timedelta(days=1)
    with transaction() as session:
        operations.match_gateway(session, yesterday, yesterday)
        operations.find_missing_in_bank(session)


def remind_of_differences() -> None:
    """Remind of the differences that are still open after their day; once a day for each, however often it runs."""
    with transaction() as session:
        operations.remind_overdue(session)
