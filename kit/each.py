"""Work on many things, of which one that goes wrong must not keep the others waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from kit import logs


def do_each(ids: Iterable[UUID], work: Callable[[UUID], None], *, failed: str, **told: str) -> None:
    """Do it for every one, whatever is wrong with another; raises the first failure in the end.

    Each failure is logged under the name `failed`, with what is `told` beside it.
    """
    failures: list[Exception] = []
    for each in ids:
        try:
            work(each)
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with one must not keep the others waiting
            logs.logger.error(failed, exc_info=exc, **told)
            failures.append(exc)
    if failures:
        raise failures[0]
