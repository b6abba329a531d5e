"""Budgets of signing in, counted in the database: exact over all processes, whatever races."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import and_, case, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth import budgets, derivation, phones
from auth.errors import TooManyTries
from auth.models import ChallengeBudget
from kit import clock

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_KEPT = 2 * _DAY


@dataclass(frozen=True)
class Share:
    """What one number, network, prefix or country may spend of something in one window of time."""

    limited_by: str  # as a refusal names it
    subject: str  # a keyed hash: neither number nor address
    limit: int
    begins: datetime
    length: timedelta

    @property
    def retry_after(self) -> int:
        """Seconds until the next window."""
        return max(1, math.ceil((self.begins + self.length - clock.now()).total_seconds()))


def shares_of_code(phone: str, address: str, at: datetime | None = None) -> list[Share]:
    """What a code to `phone` (E.164), asked for from a network address, is paid from, as of now or of an instant."""
    limits = budgets.limits()
    return [
        _share("phone", phone, limits.codes_per_phone_and_day, _DAY, at),
        _share("address", _network(address), limits.codes_per_address_and_hour, _HOUR, at),
        *shares_of_answer(phone, at),
    ]


def shares_of_answer(phone: str, at: datetime | None = None) -> list[Share]:
    """Those of them that are given back when the code is entered, as of the instant it was asked for."""
    limits = budgets.limits()
    return [
        _share("prefix", phones.prefix_of(phone), limits.codes_per_prefix_and_hour, _HOUR, at),
        _share("country", phones.country_of(phone), limits.codes_per_country_and_day, _DAY, at),
    ]


def shares_of_guess(phone: str, address: str | None) -> list[Share]:
    """What a wrong code is paid from."""
    limits = budgets.limits()
    found = [_share("phone", phone, limits.wrong_codes_per_phone_and_day, _DAY, of="wrong codes ")]
    if address is not None:
        wrong = limits.wrong_codes_per_address_and_hour
        found.append(_share("address", _network(address), wrong, _HOUR, of="wrong codes "))
    return found


def begin_sign_in(session: Session, address: str | None) -> None:
    """Count a sign-in that is begun without a number; raises TooManyTries."""
    if address is None:
        return
    most = budgets.limits().sign_ins_per_address_and_hour
    refused = spend(session, [_share("address", _network(address), most, _HOUR, of="sign-ins ")])
    if refused is not None:
        raise TooManyTries(limited_by=refused.limited_by, retry_after=refused.retry_after)


def spend(session: Session, shares: Sequence[Share]) -> Share | None:
    """Take one of each share, in one statement; gives the first that has nothing left.

    Then the others are spent all the same, unless the caller rolls back. Everybody takes shares in the same order, so
    that two transactions never wait for each other in a circle.
    """
    limit = case({share.subject: share.limit for share in shares}, value=ChallengeBudget.subject)
    taken = session.execute(
        insert(ChallengeBudget)
        .values([{"subject": share.subject, "window_starts_at": share.begins, "spent": 1} for share in shares])
        .on_conflict_do_update(
            index_elements=[ChallengeBudget.subject, ChallengeBudget.window_starts_at],
            set_={"spent": ChallengeBudget.spent + 1},
            where=ChallengeBudget.spent < limit,
        )
        .returning(ChallengeBudget.subject)
    )
    left = set(taken.scalars())
    return next((share for share in shares if share.subject not in left), None)


def give_back(session: Session, shares: Sequence[Share]) -> None:
    """Undo `spend` for shares of windows that may be over by now."""
    mine = or_(
        *(
            and_(ChallengeBudget.subject == share.subject, ChallengeBudget.window_starts_at == share.begins)
            for share in shares
        )
    )
    place = case({share.subject: number for number, share in enumerate(shares)}, value=ChallengeBudget.subject)
    # Locked in the order in which everybody takes them.
    held = (
        select(ChallengeBudget.subject, ChallengeBudget.window_starts_at)
        .where(mine, ChallengeBudget.spent > 0)
        .order_by(place)
        .with_for_update()
        .cte("held")
    )
    session.execute(
        update(ChallengeBudget)
        .where(ChallengeBudget.subject == held.c.subject, ChallengeBudget.window_starts_at == held.c.window_starts_at)
        .values(spent=ChallengeBudget.spent - 1)
    )


def forget_old_budgets(session: Session) -> None:
    """Remove the counts of windows gone by."""
    session.execute(delete(ChallengeBudget).where(ChallengeBudget.window_starts_at < clock.now() - _KEPT))


def _share(
    limited_by: str, value: str, limit: int, length: timedelta, at: datetime | None = None, *, of: str = ""
) -> Share:
    at = clock.local(at or clock.now())
    midnight = datetime.combine(at.date(), time.min, clock.ZONE)
    begins = midnight if length == _DAY else at.replace(minute=0, second=0, microsecond=0)
    return Share(limited_by, derivation.fingerprint(f"{of}{limited_by}", value), limit, begins, length)


def _network(address: str) -> str:
    """What one subscriber holds: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)
