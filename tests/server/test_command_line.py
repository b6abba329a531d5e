"""`citizen` at a terminal: it explains itself anywhere, and says what is missing in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from server.cli import main

ROOT = Path(__file__).parent.parent.parent
# `python -m server.cli …` for each list of arguments on the standard input, in one process: it loads the house once.
TERMINAL = """
import contextlib, io, json, runpy, sys, traceback

def call(arguments):
    sys.argv = ["citizen", *arguments]
    status, said, complained = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            runpy.run_module("server.cli", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
    return status, said.getvalue(), complained.getvalue()

json.dump([call(arguments) for arguments in json.load(sys.stdin)], sys.stdout)
"""


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    stdout: str
    stderr: str


def run(*arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """Python where nothing is configured, with something on its standard input."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, input=told, capture_output=True, text=True, cwd=ROOT, env={}, check=False)


def citizen(*calls: tuple[str, ...]) -> dict[tuple[str, ...], Said]:
    """What each call says where nothing is configured: neither a database nor the way to one."""
    ended = run("-c", TERMINAL, told=json.dumps(calls))
    assert (ended.returncode, ended.stderr) == (0, "")
    return {call: Said(*said) for call, said in zip(calls, json.loads(ended.stdout), strict=True)}


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """The way to a command and to all below it."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), *path, name)


def test_every_command_explains_itself_without_a_database() -> None:
    every = {(), ("auth",), ("auth", "create-client"), ("utilities", "import"), ("divisions",), ("run",)}
    every |= set(commands(main))

    told = citizen(*((*command, "--help") for command in sorted(every)))

    assert len(told) > len(main.list_commands(click.Context(main)))
    assert {call: said for call, said in told.items() if said.status != 0} == {}
    assert {call: said for call, said in told.items() if not said.stdout.startswith("Usage: ")} == {}


def test_settings_that_are_missing_are_named_in_one_line() -> None:
    told = citizen(("run",), ("worker",), ("auth", "create-client", "--name", "x", "--provider", "x"))

    for call, said in told.items():
        assert said.status == 1, call
        assert "DATABASE_URL" in said.stderr, call
        assert "Traceback" not in said.stderr, call


def test_it_is_a_command_of_its_own() -> None:
    said = run("-m", "server.cli", "run", "--help")

    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("Usage: ")
