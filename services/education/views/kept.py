"""Public answers a process keeps for as long as no school changes: the same question costs the database nothing."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from kit.database import transaction
from services.education.operations import reading

MOST_BYTES = 16_000_000
# How long a process believes that nothing has changed. Whoever caches our public answers believes it for minutes.
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of an answer, and a hash of them to know it by."""

    body: bytes
    etag: str


class Kept:
    """Answers by question, the least used one goes first; all of them go when a school has changed or a day is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._bytes = 0
        self._version: Hashable = None
        self._checked = -FRESH_SECONDS

    def find(self, question: Hashable) -> Answer | None:
        """The answer kept for `question`, unless a school has changed since."""
        if question not in self._answers:
            return None
        self._refresh()
        with self._lock:
            if (answer := self._answers.get(question)) is not None:
                self._answers.move_to_end(question)
            return answer

    def find_or(self, question: Hashable, make: Callable[[], bytes]) -> Answer:
        """The answer kept for `question`, else what `make` gives, which is kept."""
        version = self._refresh()
        if (answer := self.find(question)) is not None:
            return answer
        body = make()
        answer = Answer(body, hashlib.sha256(body).hexdigest()[:27])
        with self._lock:
            # What was made while a school changed may be older than the change: it is told, and not kept.
            if version == self._version and question not in self._answers and len(body) <= MOST_BYTES:
                self._answers[question] = answer
                self._bytes += len(body)
                while self._bytes > MOST_BYTES:
                    self._bytes -= len(self._answers.popitem(last=False)[1].body)
        return answer

    def _refresh(self) -> Hashable:
        """The version of what is kept, read anew by one query when it is time."""
        now = time.monotonic()
        with self._lock:
            if now - self._checked < FRESH_SECONDS:
                return self._version
            self._checked = now
        with transaction() as session:
            version = reading.get_content_version(session)
        with self._lock:
            if version != self._version:
                self._answers.clear()
                self._bytes, self._version = 0, version
        return version


KEPT = Kept()
