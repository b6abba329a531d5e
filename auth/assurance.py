"""How surely a caller is known, and what that is enough for: levels, ages, and what may be paid in a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from auth.errors import DayLimitReached, InsufficientUserAuthentication
from auth.models import Assurance
from kit import clock

_LEVELS = list(Assurance)
FRESH = timedelta(minutes=5)
STAFF_DAY = timedelta(hours=12)  # a shift: who works for an organisation proves it once in that time


@dataclass(frozen=True)
class Proof:
    """What a citizen has shown: how, when, and since when the device or passkey behind it has been theirs."""

    level: Assurance
    authenticated_at: datetime
    known_since: datetime
    passkey_id: UUID | None = None  # by which it was given

    def is_enough(self, wanted: Assurance, max_age: timedelta | None = None) -> bool:
        """Whether this proof is at least `wanted`, and not older than `max_age`."""
        is_fresh = max_age is None or clock.now() - self.authenticated_at <= max_age
        return is_fresh and _LEVELS.index(self.level) >= _LEVELS.index(wanted)


@dataclass(frozen=True)
class PayingLimits:
    """What one citizen may pay in one Vietnamese calendar day, in đồng, by the proof given.

    The two amounts are the classes of transactions A and B of `source`, which binds banks and intermediaries; we follow
    it. What a new device may pay until it is `device_age` old is a rule of our own: enough for the bills of a month,
    too little for who has taken over a phone number. National identity is not held up by a new device.
    """

    phone_vnd: int = 5_000_000
    strong_vnd: int = 100_000_000
    new_device_vnd: int = 1_000_000
    device_age: timedelta = timedelta(hours=24)
    fresh: timedelta = FRESH
    source: str = "Circular 50/2024/TT-NHNN, classes of transactions of individuals"
    valid_from: str = "2025-01-01"


_limits: dict[str, PayingLimits] = {"now": PayingLimits()}


def use_limits(limits: PayingLimits) -> None:
    """Pay within `limits` from now on."""
    _limits["now"] = limits


def require(proof: Proof | None, wanted: Assurance, max_age: timedelta | None) -> None:
    """Raises InsufficientUserAuthentication unless `proof` is at least `wanted` and not older than `max_age`."""
    if proof is None or not proof.is_enough(wanted, max_age):
        raise InsufficientUserAuthentication(at_least(wanted), max_age)


def require_of_staff(proof: Proof | None, wanted: Assurance | None, max_age: timedelta | None) -> None:
    """Raises InsufficientUserAuthentication unless `proof` is good enough to act for an organisation.

    That is a passkey or better, of the last twelve hours; `wanted` and `max_age` may ask for more. A passkey made on a
    new device does not do: whoever takes over a phone number could make one within minutes.
    """
    level = max(wanted or Assurance.PASSKEY, Assurance.PASSKEY, key=_LEVELS.index)
    age = max_age or STAFF_DAY
    require(proof, level, age)
    if proof is None or _is_new(proof, _limits["now"]):
        raise InsufficientUserAuthentication(at_least(Assurance.IDENTITY), age)


def at_least(wanted: Assurance) -> Iterable[Assurance]:
    """The levels that are enough where `wanted` is, the easiest first."""
    return _LEVELS[_LEVELS.index(wanted) :]


def allow_payment(proof: Proof, *, paid_vnd: int, amount_vnd: int) -> None:
    """Whether a citizen who has paid `paid_vnd` today may pay `amount_vnd` more on this proof.

    Raises DayLimitReached where no proof would be enough today, InsufficientUserAuthentication where a better one is.
    """
    limits = _limits["now"]
    wanted = paid_vnd + amount_vnd
    if wanted > limits.strong_vnd:
        raise DayLimitReached(limit_vnd=limits.strong_vnd, paid_vnd=paid_vnd)
    limit = _day_limit(proof, limits)
    if wanted > limit:
        # A passkey that is as new as the device helps no more than the device does.
        is_new_passkey = proof.level is Assurance.PASSKEY and _is_new(proof, limits)
        levels = at_least(Assurance.IDENTITY if is_new_passkey else Assurance.PASSKEY)
        raise InsufficientUserAuthentication(levels, limits.fresh, limit_vnd=limit, paid_vnd=paid_vnd)


def _day_limit(proof: Proof, limits: PayingLimits) -> int:
    if _is_new(proof, limits):
        return limits.new_device_vnd
    return limits.strong_vnd if proof.is_enough(Assurance.PASSKEY, limits.fresh) else limits.phone_vnd


def _is_new(proof: Proof, limits: PayingLimits) -> bool:
    return proof.level is not Assurance.IDENTITY and clock.now() - proof.known_since < limits.device_age
