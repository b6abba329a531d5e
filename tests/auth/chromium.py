"""A browser without a window, spoken to by the DevTools protocol through a pipe: nothing listens anywhere."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATIENCE_SECONDS = 60
_OPTIONS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server", "--password-store=basic",
)  # fmt: skip


def find_chromium() -> str | None:
    """Debian's Chromium, when it is installed."""
    return shutil.which("chromium")


class Browser:
    """One page of a browser; the protocol's messages end with a zero byte."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = b""
        self._number = 0
        self._page: str | None = None

    def open(self, address: str) -> None:
        """Open a page and wait until it is there."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._page = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.command("Page.enable")
        self.command("Page.navigate", url=address)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.run("document.readyState + location.href") != f"complete{address}":
            assert time.monotonic() < deadline, "the page did not open"

    def add_authenticator(self, **changes: Any) -> str:
        """Give the browser an authenticator of its own, as a phone has one; returns its id."""
        self.command("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **changes,
        }
        return self.command("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]

    def run(self, script: str) -> Any:
        """What an expression of JavaScript gives; a promise is waited for, what it throws fails the test."""
        done = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def command(self, method: str, **params: Any) -> Any:
        """One command of the protocol and its result; events on the way are passed over."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._page is not None:
            message["sessionId"] = self._page
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._reading, 65_536)
            assert piece, "the browser has gone"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def browse(program: str, folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile in `folder`; gone at the end."""
    to_browser, ours_to_write = os.pipe()
    ours_to_read, from_browser = os.pipe()

    def hand_over() -> None:
        # The browser reads commands from 3 and writes answers to 4; the pipes may have these very numbers.
        reading, writing = os.dup(to_browser), os.dup(from_browser)
        os.dup2(reading, 3)
        os.dup2(writing, 4)

    process = subprocess.Popen(
        [program, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        preexec_fn=hand_over,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
        start_new_session=True,
    )
    os.close(to_browser)
    os.close(from_browser)
    browser = Browser(ours_to_read, ours_to_write)
    try:
        yield browser
    finally:
        browser._page = None
        try:
            browser.command("Browser.close")
            process.wait(20)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(20)
            os.close(ours_to_read)
            os.close(ours_to_write)
