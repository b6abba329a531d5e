"""`citizen` at a terminal: it explains itself anywhere, and says what is missing in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def citizen(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command says where nothing is configured."""
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments], capture_output=True, text=True, cwd=ROOT, env={}, check=False
    )


@pytest.mark.parametrize(
    "command", [(), ("auth",), ("auth", "create-client"), ("utilities", "import"), ("divisions",), ("run",)]
)
def test_every_command_explains_itself_without_a_database(command: tuple[str, ...]) -> None:
    said = citizen(*command, "--help")

    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    "command", [("run",), ("worker",), ("auth", "create-client", "--name", "x", "--provider", "x")]
)
def test_settings_that_are_missing_are_named_in_one_line(command: tuple[str, ...]) -> None:
    said = citizen(*command)

    assert said.returncode == 1
    assert "DATABASE_URL" in said.stderr
    assert "Traceback" not in said.stderr
