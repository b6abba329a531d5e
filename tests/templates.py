"""Databases that are prepared once in a run and copied for everybody who needs one: copying takes no time."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from kit import embedded
from kit.embedded.cluster import choose_account, reachable_cluster
from kit.embedded.keeper import Home
from server import migrations

ROOT = Path(__file__).parents[1]
# Whoever runs on a copy of the sample province must have these: with them it was written.
KEYS: Mapping[str, str] = {
    "SECRET_KEY": b64encode(bytes(range(32))).decode(),
    "VAULT_KEY": b64encode(bytes(range(32))).decode(),
    "VAULT_INDEX_KEY": b64encode(bytes(range(1, 33))).decode(),
}


class Templates:
    """Stopped servers' files by name, in a folder that all processes of a run share; a context manager.

    The last process that leaves it removes the folder.
    """

    def __init__(self, shared: Path, programs: Path | None, signing_key: str) -> None:
        self._shared = shared
        self._programs = programs
        self._signing_key = signing_key

    def __enter__(self) -> Self:
        self._users = os.open(self._shared.with_suffix(".users"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._users, fcntl.LOCK_SH)
        self._shared.mkdir(exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Only the last user can turn the shared lock into the exclusive one.
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            shutil.rmtree(self._shared)
        finally:
            os.close(self._users)

    def copy_schema(self, data: Path) -> None:
        """Let `embedded.start(data)` find a server with the database "citizen", as the migrations make it, empty."""
        self._copy("schema", data, lambda server: migrations.upgrade(server.database("citizen")))

    def copy_province(self, data: Path) -> None:
        """Let `embedded.start(data)` find a server with the sample province in the database "citizen"."""
        self._copy("province", data, self._seed, self.copy_schema)

    def _seed(self, server: embedded.EmbeddedServer) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as key:
            key.write(self._signing_key)
            key.flush()
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith(("PG", "STRIPE_", "COV_"))},
                **KEYS,
                "CITIZEN_MODE": "sandbox",
                "DATABASE_URL": server.database("citizen"),
                "SANDBOX_URL": "http://127.0.0.1:1",  # it is not asked
                "SIGNING_KEY_FILE": key.name,
                "STRIPE_WEBHOOK_SECRET": "whsec_templates",
            }
            command = [sys.executable, "-m", "server.cli", "seed"]
            subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=120)

    def _copy(
        self,
        name: str,
        data: Path,
        prepare: Callable[[embedded.EmbeddedServer], None],
        begin: Callable[[Path], None] | None = None,
    ) -> None:
        """Whoever asks first begins with what `begin` copies and prepares it; others wait meanwhile."""
        made = self._shared / name
        with _locked(made.with_suffix(".lock")):
            if not made.exists():
                self._make(made, prepare, begin)
        home = Home(data.absolute())
        home.data.mkdir(parents=True, exist_ok=True)
        _copy_cluster(made, reachable_cluster(home, choose_account(home)))

    def _make(
        self, made: Path, prepare: Callable[[embedded.EmbeddedServer], None], begin: Callable[[Path], None] | None
    ) -> None:
        draft = made.with_suffix(".new")
        with tempfile.TemporaryDirectory(prefix="template-") as parent:
            Path(parent).chmod(0o755)  # the database's account must get in
            data = Path(parent) / "data"
            if begin is not None:
                begin(data)
            try:
                with embedded.start(data, programs=self._programs, durable=False) as server:
                    prepare(server)
                _copy_cluster(Home(data).cluster, draft)
            finally:
                embedded.remove(data)
        draft.rename(made)


def _copy_cluster(cluster: Path, to: Path) -> None:
    if to.exists():
        shutil.rmtree(to)  # left by someone who was killed meanwhile
    # With owners and modes, which PostgreSQL looks at.
    subprocess.run(["cp", "-a", os.fspath(cluster), os.fspath(to)], check=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
