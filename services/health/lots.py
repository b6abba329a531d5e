"""Drawing lots so that anyone can do it again: pure arithmetic, SHA-256 alone.

The hash of a random seed is published before anybody asks. When the time is over, the tickets are put in alphabetical
order, each followed by a line feed, and hashed: that is the list hash. The place of a ticket in the draw is given by
the hash of seed, list hash and ticket; the smallest comes first. When somebody asked plays no part.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

_SEED_BYTES = 32
_TICKET_BYTES = 16


def new_seed() -> str:
    """A random seed, as 64 hexadecimal digits."""
    return secrets.token_hex(_SEED_BYTES)


def new_ticket() -> str:
    """A random ticket, as 32 hexadecimal digits."""
    return secrets.token_hex(_TICKET_BYTES)


def promise(seed: str) -> str:
    """What is published of a seed before the draw: the SHA-256 of its bytes."""
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def hash_list(tickets: Iterable[str]) -> str:
    """The hash of a list of tickets, in whatever order they are given."""
    return hashlib.sha256("".join(f"{ticket}\n" for ticket in sorted(tickets)).encode()).hexdigest()


def order(seed: str, tickets: Iterable[str]) -> list[str]:
    """The tickets in drawn order; the same for the same seed and tickets, in whatever order they are given."""
    entered = list(tickets)
    before = bytes.fromhex(seed) + bytes.fromhex(hash_list(entered))
    return sorted(entered, key=lambda ticket: hashlib.sha256(before + ticket.encode()).digest())
