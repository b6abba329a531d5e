"""What the gateway does by itself once its time has come: kept with the state, run in the order of the clock."""

import heapq
import threading
from collections.abc import Callable

from sandbox.clock import Clock
from sandbox.store import Store

Handler = Callable[[str], None]

_LOOK_EVERY_SECONDS = 0.2


class Timers:
    """Work that is due at a moment of the sandbox's clock, one entry for each kind of work and subject.

    Every request runs what is due before it is answered, so whoever moves the clock sees all its effects at once, each
    at its own time. What was not run yet survives a restart.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take up what the last run left; nothing runs before handlers are named."""
        self._store = store
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._heap: list[tuple[float, str]] = []
        self._closing = threading.Event()
        self.reload()

    def reload(self) -> None:
        """Forget the schedule in memory and read it from the store again."""
        with self._store.unit():
            self._heap = [(entry["at"], entry["id"]) for entry in self._store.scan("timer")]
            heapq.heapify(self._heap)

    def start(self) -> None:
        """Begin to run what is due also when nobody asks for anything."""
        threading.Thread(target=self._watch, name="timers", daemon=True).start()

    def close(self) -> None:
        """Stop the background work."""
        self._closing.set()

    def handle(self, what: str, handler: Handler) -> None:
        """Name who does a kind of work; the handler gets the subject, inside a unit of its own."""
        self._handlers[what] = handler

    def set(self, what: str, subject: str, at: float) -> None:
        """Plan work for a moment, or move it there; call it inside the unit of what causes it."""
        identity = f"{what}:{subject}"
        with self._store.unit():
            self._store.put("timer", identity, {"id": identity, "what": what, "subject": subject, "at": at})
            # A unit that is rolled back leaves an entry here that nothing in the store answers to: it is skipped.
            heapq.heappush(self._heap, (at, identity))

    def cancel(self, what: str, subject: str) -> None:
        """Give up planned work, if there is any."""
        self._store.delete("timer", f"{what}:{subject}")

    def is_set(self, what: str, subject: str) -> bool:
        """Tell whether such work is planned."""
        return self._store.get("timer", f"{what}:{subject}") is not None

    def run_due(self) -> int:
        """Run everything whose time has come, oldest first, each in a unit of its own; returns how much that was."""
        done = 0
        while self._heap and self._heap[0][0] <= self._clock.now().timestamp():
            with self._store.unit():
                done += self._run_first()
        return done

    def _run_first(self) -> int:
        if not self._heap or self._heap[0][0] > self._clock.now().timestamp():
            # Another thread was faster.
            return 0
        at, identity = heapq.heappop(self._heap)
        entry = self._store.get("timer", identity)
        if entry is None or entry["at"] != at:
            return 0
        try:
            self._store.delete("timer", identity)
            with self._clock.as_of(at):
                self._handlers[entry["what"]](entry["subject"])
        except BaseException:
            # The unit will be rolled back, so the work is still to be done.
            heapq.heappush(self._heap, (at, identity))
            raise
        return 1

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_SECONDS):
            self.run_due()
