"""What every room holds about citizens: one declared interface to tell it, to forget it, and to say why not yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from kit.errors import DomainError


def _nothing_in_the_way(_session: Session, _citizen_id: UUID) -> DomainError | None:
    return None


@dataclass(frozen=True)
class Holding:
    """One room's share: the tables that name a citizen, and what to do with them.

    `export` gives JSON; `erase` forgets what need not be kept and leaves ids that lead to nobody; `obstacle` gives the
    refusal when erasing has to wait.
    """

    tables: frozenset[str]
    export: Callable[[Session, UUID], Mapping[str, Any]]
    erase: Callable[[Session, UUID], None]
    obstacle: Callable[[Session, UUID], DomainError | None] = _nothing_in_the_way


_holdings: dict[str, Holding] = {}


def declare(holdings: Mapping[str, Holding]) -> None:
    """Take these as the rooms' shares from now on, in this order."""
    _holdings.clear()
    _holdings.update(holdings)


def declared() -> Mapping[str, Holding]:
    """The rooms' shares by room."""
    return dict(_holdings)
