"""The application behind the real web server, in processes of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import Self

import requests

from server.settings import Settings
from tests.log_watch import find_personal

ROOT = Path(__file__).parents[2]
_READY_SECONDS, _END_SECONDS = 60, 20
_SERVE = """
import sys
from granian import Granian
from granian.constants import Interfaces
Granian(sys.argv[1], factory=True, address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.WSGI, workers=1,
        blocking_threads=2, log_access=False).serve()
"""


class Served:
    """Serves `target` ("module:factory") while it is entered; `written` is its output, whole once it is left."""

    def __init__(self, settings: Settings, folder: Path, target: str = "server.app:create_app") -> None:
        key, self._log = folder / "key.pem", folder / "web.log"
        key.write_text(settings.signing_key)
        self._target = target
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": settings.database_url,
            "SECRET_KEY": b64encode(bytes(range(32))).decode(),
            "SIGNING_KEY_FILE": str(key),
            "VAULT_KEY": b64encode(bytes(range(32))).decode(),
            "VAULT_INDEX_KEY": b64encode(bytes(range(1, 33))).decode(),
            "SANDBOX_URL": str(settings.sandbox_url),
            "NO_PROXY": "127.0.0.1",
        }

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, self._target, str(self.port)],
                cwd=ROOT, env=self._environment, stdout=output, stderr=output,
            )  # fmt: skip
        deadline = time.monotonic() + _READY_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise AssertionError(f"the web server does not answer:\n{self.written}")
            time.sleep(0.05)
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        finally:
            self._process.kill()
        if not any(error):
            assert find_personal(self.written) == []

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            return requests.get(f"{self.url}/livez", timeout=5).ok
        except requests.RequestException:
            return False

    @property
    def written(self) -> str:
        """What it has written so far."""
        return self._log.read_text(encoding="utf-8")
