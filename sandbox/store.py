"""Documents in memory, written through to one SQLite file, so that a killed sandbox forgets nothing it answered."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, id)
)
"""
# The upsert keeps `seq`, so documents come back in the order they were made.
_UPSERT = """
INSERT INTO document (kind, id, body) VALUES (?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body
"""


class Store:
    """Every document of the sandbox, by kind and id, in the order of creation.

    Reads hand out fresh copies: changing one changes nothing until it is put back. One lock guards everything;
    the work under it is microseconds, so sleeping and networking must happen outside a unit.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises sqlite3.OperationalError when another sandbox holds it."""
        self._lock = threading.RLock()
        self._depth = 0
        self._undo: list[tuple[str, str, bytes | None]] = []
        self._shelves: dict[str, dict[str, bytes]] = {}
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=2)
        # Exclusive: two sandboxes on one file would each answer from their own memory and overwrite the other.
        self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._file.execute("PRAGMA journal_mode = WAL")
        # NORMAL survives the death of the process, which is what tests inflict; power loss is not simulated.
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.execute("BEGIN EXCLUSIVE")
        self._file.execute(_SCHEMA)
        self._file.execute("COMMIT")
        for kind, identity, body in self._file.execute("SELECT kind, id, body FROM document ORDER BY seq"):
            self._shelves.setdefault(kind, {})[identity] = body

    def close(self) -> None:
        """Let go of the file; what was answered is already in it."""
        with self._lock:
            self._file.close()

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Group changes: all are written in one commit at the end, or none when an exception leaves the block.

        A unit inside another joins it.
        """
        with self._lock:
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._write()
            except BaseException:
                if self._depth == 1:
                    self._roll_back()
                raise
            finally:
                self._depth -= 1

    def get(self, kind: str, identity: str) -> Document | None:
        """Return a copy of the document, or None."""
        with self._lock:
            body = self._shelves.get(kind, {}).get(identity)
        return None if body is None else orjson.loads(body)

    def put(self, kind: str, identity: str, document: Document) -> None:
        """Add or replace a document."""
        # orjson leaves room to grow behind its result, about ten times what we keep; the copy is exact.
        self._change(kind, identity, memoryview(orjson.dumps(document)).tobytes())

    def delete(self, kind: str, identity: str) -> bool:
        """Remove a document; False when there was none."""
        with self._lock:
            if identity not in self._shelves.get(kind, {}):
                return False
            self._change(kind, identity, None)
            return True

    def clear(self, *, keep: frozenset[str]) -> None:
        """Remove every document except those of the kinds to keep."""
        with self.unit():
            for kind, shelf in self._shelves.items():
                if kind not in keep:
                    for identity in list(shelf):
                        self._change(kind, identity, None)

    def scan(self, kind: str, *, newest_first: bool = False, holding: str | None = None) -> Iterator[Document]:
        """Yield copies in the order of creation; `holding` skips documents that do not contain that JSON string.

        The text filter is a quick sieve over the bytes, far cheaper than decoding; callers still compare fields.
        """
        with self._lock:
            bodies = list(self._shelves.get(kind, {}).values())
        needle = None if holding is None else orjson.dumps(holding)
        for body in reversed(bodies) if newest_first else bodies:
            if needle is None or needle in body:
                yield orjson.loads(body)

    def ids(self, kind: str) -> list[str]:
        """Return the ids of a kind in the order of creation."""
        with self._lock:
            return list(self._shelves.get(kind, {}))

    def count_up(self, name: str) -> int:
        """Return the next number of a named sequence, starting at 1, without gaps."""
        with self.unit():
            counter = self.get("counter", name) or {"value": 0}
            counter["value"] += 1
            self.put("counter", name, counter)
            return int(counter["value"])

    def _change(self, kind: str, identity: str, body: bytes | None) -> None:
        with self.unit():
            shelf = self._shelves.setdefault(kind, {})
            self._undo.append((kind, identity, shelf.get(identity)))
            if body is None:
                shelf.pop(identity, None)
            else:
                shelf[identity] = body

    def _write(self) -> None:
        if not self._undo:
            return
        touched = dict.fromkeys((kind, identity) for kind, identity, _ in self._undo)
        self._file.execute("BEGIN IMMEDIATE")
        try:
            for kind, identity in touched:
                body = self._shelves[kind].get(identity)
                if body is None:
                    self._file.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, identity))
                else:
                    self._file.execute(_UPSERT, (kind, identity, body))
            self._file.execute("COMMIT")
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._undo.clear()

    def _roll_back(self) -> None:
        for kind, identity, before in reversed(self._undo):
            if before is None:
                self._shelves[kind].pop(identity, None)
            else:
                self._shelves[kind][identity] = before
        self._undo.clear()
