"""How much of everything may be tried at signing in: codes by number, network, prefix and country; guesses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SignInLimits:
    """Limits a province may set. Hours and days are those of the clock and the calendar in Vietnam.

    A prefix is a block of ten thousand numbers. Prefix and country count codes that nobody has entered: a text message
    that is answered has reached a citizen, one that is not may have been ordered to be paid for (SMS pumping).
    """

    codes_per_phone_and_day: int = 10
    codes_per_address_and_hour: int = 30
    codes_per_prefix_and_hour: int = 100
    codes_per_country_and_day: int = 50_000
    wrong_codes_per_phone_and_day: int = 20
    wrong_codes_per_address_and_hour: int = 100
    sign_ins_per_address_and_hour: int = 300  # begun with a passkey or national identity


_limits: dict[str, SignInLimits] = {"now": SignInLimits()}


def use_limits(limits: SignInLimits) -> None:
    """Keep to `limits` from now on."""
    _limits["now"] = limits


def limits() -> SignInLimits:
    """The limits in use."""
    return _limits["now"]
