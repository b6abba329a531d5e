"""Public answers a process keeps until something in them changes: the same question costs the database nothing."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sized
from typing import Generic, TypeVar

MOST_BYTES = 16_000_000
# How long a process believes that nothing has changed. Whoever caches our public answers believes it for minutes.
FRESH_SECONDS = 1.0
_T = TypeVar("_T", bound=Sized)


class Kept(Generic[_T]):
    """Answers by question, the least used one goes first; all of them go when what they tell has changed.

    `read_version` gives something that is another one after every change, in a transaction of its own; it is asked once
    a second at most.
    """

    def __init__(self, read_version: Callable[[], Hashable]) -> None:
        self._read_version = read_version
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, _T] = OrderedDict()
        self._bytes = 0
        self._version: Hashable = None
        self._checked = float("-inf")

    def find_or(self, question: Hashable, make: Callable[[], _T]) -> _T:
        """The answer kept for `question`, else what `make` gives, which is kept."""
        version, answer = self.find(question)
        if answer is None:
            answer = make()
            self.keep(question, version, answer)
        return answer

    def __contains__(self, question: Hashable) -> bool:
        """Whether there may be an answer; `find` tells whether it still holds."""
        return question in self._answers

    def find(self, question: Hashable) -> tuple[Hashable, _T | None]:
        """The version of what is told now, and the answer kept for `question`."""
        version = self._refresh()
        with self._lock:
            answer = self._answers.get(question)
            if answer is not None:
                self._answers.move_to_end(question)
        return version, answer

    def keep(self, question: Hashable, version: Hashable, answer: _T) -> None:
        """Keep an answer that was made at `version`.

        What was made while something changed may be older than the change: it was told, and is not kept.
        """
        with self._lock:
            if version == self._version and question not in self._answers and len(answer) <= MOST_BYTES:
                self._answers[question] = answer
                self._bytes += len(answer)
                while self._bytes > MOST_BYTES:
                    self._bytes -= len(self._answers.popitem(last=False)[1])

    def _refresh(self) -> Hashable:
        """The version of what is kept, read anew by one query when it is time."""
        now = time.monotonic()
        with self._lock:
            if now - self._checked < FRESH_SECONDS:
                return self._version
            self._checked = now
        version = self._read_version()
        with self._lock:
            if version != self._version:
                self._answers.clear()
                self._bytes, self._version = 0, version
        return version
