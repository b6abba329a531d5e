"""How much memory processes hold together while something runs: shared memory counted once, parallel workers too."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY_SECONDS = 0.02
_MIB = 1024


class Watch:
    """Samples, while its block runs, what each of some groups of processes holds; a group may change meanwhile.

    `peaks` has the most of each in MiB, `together` the most of all at one time. What is counted is the PSS of the
    kernel: of a page that n processes share each holds one nth, so that the sum counts it once.
    """

    def __init__(self, groups: Mapping[str, Callable[[], Iterable[int]]]) -> None:
        self._groups = groups
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._error: Exception | None = None
        self.peaks: Counter[str] = Counter()
        self.together = 0.0

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End, and raise what has kept the samples from being taken."""
        self._end.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _sample(self) -> None:
        try:
            while True:
                held = {name: sum(map(_pss, pids())) / _MIB for name, pids in self._groups.items()}
                self.peaks |= Counter(held)
                self.together = max(self.together, sum(held.values()))
                if self._end.wait(_EVERY_SECONDS):
                    return
        except Exception as exc:  # noqa: BLE001 - whoever measures is told
            self._error = exc


def _pss(pid: int) -> int:
    """What a process holds, in KiB; nothing when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
