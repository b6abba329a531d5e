"""The rules of the house that no tool of others knows: each is checked by reading the code."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, get_type_hints
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import BigInteger, Date, DateTime
from sqlalchemy.orm import configure_mappers

import server.models  # noqa: F401 - registers every table
from kit import logs
from kit.database import Base
from kit.errors import CODES, DomainError
from kit.events import Event

ROOT = Path(__file__).parents[1]
OURS = ("server", "kit", "auth", "persons", "payments", "divisions", "services", "webhooks", "notifications")
PACKAGES = (*OURS, "sandbox", "sample")
LONGEST_FILE = 400
NOT_NAMES_OF_MODULES = {
    "utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "shared", "core", "base",
    # These would hide the standard library or an SDK.
    "platform", "token", "calendar", "email", "http", "types", "secrets", "queue", "stripe", "jwt", "logging",
}  # fmt: skip
PERSONAL = re.compile(r"phone|cccd|citizen_code|customer|insurance|full_name|address|birth", re.IGNORECASE)
WITH_TRANSACTIONS = re.compile(
    # The job runner is kit/events.py.
    r"^(server/.*|kit/(database|events)|auth/(guard|revocations)|(\w+/)+(views|flows|cli)(/\w+)?)\.py$"
)
SQL_WORDS = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b")


class Place(NamedTuple):
    """Where a rule is broken."""

    file: str
    line: int
    what: str = ""


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def sources(*packages: str) -> dict[str, ast.Module]:
    """The syntax tree of every Python file below some folders, by its path from the root."""
    return {
        path.relative_to(ROOT).as_posix(): tree_of(path)
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@cache
def nodes(tree: ast.AST) -> list[ast.AST]:
    """A tree and all that is in it: walked through once, however many rules look at it."""
    return list(ast.walk(tree))


def find(matches: Callable[[ast.AST], object], *packages: str, unless: str = "^$") -> list[Place]:
    """Every place below `packages` that matches, in files whose path does not match `unless`."""
    return [
        Place(file, getattr(node, "lineno", 0), ast.unparse(node)[:80])
        for file, tree in sources(*packages).items()
        if not re.search(unless, file)
        for node in nodes(tree)
        if matches(node)
    ]


def calls(node: ast.AST, *names: str) -> bool:
    """Whether `node` calls a function or method of one of these names."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)) in names


@cache
def all_modules() -> list[ModuleType]:
    """Every module of ours, imported."""
    found = []
    for package in OURS:
        top = importlib.import_module(package)
        found.append(top)
        found += [
            importlib.import_module(info.name)
            for info in pkgutil.walk_packages(top.__path__, f"{package}.")
            if not info.name.endswith("__main__")
        ]
    return found


def refusals() -> list[type[DomainError]]:
    """Every refusal the API can answer."""
    all_modules()
    return list(CODES.values())


# -- transactions, SQL, output -----------------------------------------------------------------------------------------


def test_only_one_file_commits_or_rolls_back() -> None:
    found = find(
        lambda node: isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"},
        *OURS,
        unless=r"^kit/database\.py$",
    )

    assert found == []


def test_transactions_are_opened_only_in_views_flows_commands_and_the_job_runner() -> None:
    found = find(lambda node: calls(node, "transaction"), *OURS, unless=WITH_TRANSACTIONS.pattern)

    assert found == []


def test_views_hold_neither_sql_nor_handling_of_errors() -> None:
    views = r"^(?!.*/views(/\w+)?\.py$)"

    handling = find(lambda node: isinstance(node, ast.Try), *OURS, unless=views)
    queries = find(lambda node: calls(node, "execute", "scalar", "scalars", "select", "flush"), *OURS, unless=views)
    texts = find(lambda n: isinstance(n, ast.Constant) and SQL_WORDS.search(str(n.value)), *OURS, unless=views)

    assert (handling, queries, texts) == ([], [], [])


def test_only_commands_print() -> None:
    prints = find(lambda node: calls(node, "print"), *PACKAGES, unless=r"(^|/)cli\.py$")
    echoes = find(lambda node: calls(node, "echo", "secho"), *PACKAGES, unless=r"(^|/)cli\.py$|^sample/")

    assert (prints, echoes) == ([], [])


def test_no_exception_is_swallowed_in_silence() -> None:
    def swallows(node: ast.AST) -> bool:
        return isinstance(node, ast.ExceptHandler) and all(
            isinstance(step, ast.Pass) or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
            for step in node.body
        )

    found = find(swallows, *PACKAGES)

    assert found == []


# -- files and names ---------------------------------------------------------------------------------------------------


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for folder in (*PACKAGES, "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }

    assert long == {}


def test_modules_say_what_they_hold() -> None:
    names = {
        path.relative_to(ROOT).as_posix(): (path.parent.name if path.stem == "__init__" else path.stem)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    found = [path for path, name in names.items() if name in NOT_NAMES_OF_MODULES or name.startswith("base_")]

    assert found == []


def test_a_room_begins_with_what_it_is_for_and_nothing_else() -> None:
    rooms = (
        "auth",
        "persons",
        "payments",
        "divisions",
        "services",
        "services/utilities",
        "services/education",
        "services/tourism",
        "services/health",
        "notifications",
        "kit",
        "sandbox",
    )
    trees = {room: sources(room.split("/")[0]).get(f"{room}/__init__.py") for room in rooms}

    assert [room for room, tree in trees.items() if tree is None or not ast.get_docstring(tree)] == []
    assert [room for room, tree in trees.items() if tree and room != "sandbox" and len(tree.body) > 1] == []


def test_everything_public_says_what_it_promises() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

    def bare(node: ast.AST, inside: str) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, kinds) or child.name.startswith("_"):
                continue
            is_overload = any(ast.unparse(mark).endswith(("overload", "setter")) for mark in child.decorator_list)
            if not ast.get_docstring(child) and not is_overload:
                yield f"{inside}{child.name}", child.lineno
            if isinstance(child, ast.ClassDef):
                yield from bare(child, f"{child.name}.")

    found = [
        Place(file, line, name) for file, tree in sources(*PACKAGES).items() for name, line in bare(tree, "")
    ]  # fmt: skip
    modules = [file for file, tree in sources(*PACKAGES).items() if not ast.get_docstring(tree)]

    assert (found, modules) == ([], [])


# -- what is stored, told and logged -----------------------------------------------------------------------------------


def test_columns_are_what_their_names_promise() -> None:
    kinds = {"_vnd": BigInteger, "_at": DateTime, "_on": Date}
    wrong = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        for ending, kind in kinds.items()
        if column.name.endswith(ending)
        and not (isinstance(column.type, kind) and getattr(column.type, "timezone", True) is not False)
    ]

    assert wrong == []


def test_no_relationship_loads_by_surprise() -> None:
    all_modules()
    configure_mappers()
    lazy = [
        str(relation)
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if relation.lazy not in {"raise", "raise_on_sql"}
    ]

    assert lazy == []


def test_events_carry_ids_amounts_and_short_codes_only() -> None:
    all_modules()
    wrong = [
        f"{event.__name__}.{field.name}"
        for event in Event.__subclasses__()
        for field in dataclasses.fields(event)
        if get_type_hints(event)[field.name] not in {UUID, int, str, bool, UUID | None, str | None, int | None}
        or PERSONAL.search(field.name)
    ]

    assert Event.__subclasses__()
    assert wrong == []


def test_no_field_of_a_log_line_can_hold_a_personal_number() -> None:
    assert [name for name in logs.ALLOWED if PERSONAL.search(name) or name in {"path", "query", "body", "name"}] == []


@pytest.mark.parametrize("error", refusals(), ids=lambda error: error.__name__)
def test_every_refusal_speaks_both_languages(error: type[DomainError]) -> None:
    texts = {language: error.text(language) for language in ("vi", "en")}

    assert 400 <= error.status < 600
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", error.code)
    for title, detail in texts.values():
        assert 0 < len(title) <= 80
        assert detail
    assert texts["vi"] != texts["en"]
    assert any(ord(char) > 127 for char in error.vi), "Vietnamese is written with its diacritics"
    assert error.__doc__ is not None
    assert all(ord(char) < 0x300 or char in "…–’“”" for char in error.__doc__)


def test_no_url_carries_anything_personal(app: Flask) -> None:
    allowed = {("/v1/divisions/communes/<string(length=5):code>", "code")}  # the code of a commune
    rules = [rule for rule in app.url_map.iter_rules() if str(rule).startswith("/v1/")]
    found = [
        (str(rule), name)
        for rule in rules
        for name in rule.arguments
        if (str(rule), name) not in allowed
        and (PERSONAL.search(name) or type(rule._converters[name]).__name__ != "UUIDConverter")
    ]

    assert rules
    assert found == []


# -- tests -------------------------------------------------------------------------------------------------------------


def test_every_test_can_fail() -> None:
    def checks(node: ast.AST, *checkers: str) -> bool:
        found = (
            isinstance(part, ast.Assert) or calls(part, "raises", "warns", "fail", *checkers) for part in nodes(node)
        )
        return any(found)

    found = []
    for file, tree in sources("tests").items():
        functions = [node for node in nodes(tree) if isinstance(node, ast.FunctionDef)]
        # A test may leave the asserting to a function beside it.
        checkers = [function.name for function in functions if checks(function)]
        found += [
            Place(file, function.lineno, function.name)
            for function in functions
            if function.name.startswith("test_") and not checks(function, *checkers)
        ]

    assert found == []


def test_names_of_tests_are_sentences() -> None:
    found = [
        Place(file, node.lineno, node.name)
        for file, tree in sources("tests").items()
        for node in nodes(tree)
        if isinstance(node, ast.FunctionDef) and re.fullmatch(r"test_[a-z0-9]+(_[a-z0-9]+)?", node.name)
    ]

    assert found == []


def test_nothing_of_ours_is_mocked() -> None:
    found = find(
        lambda node: (
            (isinstance(node, ast.ImportFrom) and "mock" in (node.module or ""))
            or (isinstance(node, ast.Import) and any("mock" in name.name for name in node.names))
            or calls(node, "Mock", "MagicMock", "patch_object")
        ),
        "tests",
    )

    assert found == []


# -- texts -------------------------------------------------------------------------------------------------------------


def files_of_the_project() -> Iterator[Path]:
    """Every file but for what is made; an environment, which holds many times as many, is not even entered."""
    skipped = {".git", ".venv", "var", "dist", "build", "htmlcov", "__pycache__", ".hypothesis"}
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in skipped and not name.endswith("_cache"))
        yield from (Path(folder) / name for name in sorted(names))


def test_code_and_documents_speak_of_the_project_alone() -> None:
    # Put together from pieces, or this file would break its own rule.
    words = [
        "py" + r"pi\.org", "python" + "hosted", "/wo" + r"rk/", "/ro" + r"ot/", r"/ho" + r"me/\w+/", "clau" + "de",
        "anthro" + "pic", "chat" + "gpt", "co" + "pilot", r"language " + "model",
        r"\bissue " + r"#?\d", r"\bpull " + "request",
        r"(?<!&)(?<!\w)#" + r"\d{1,4}\b(?!\.)",
    ]  # fmt: skip
    forbidden = re.compile("|".join(words), re.IGNORECASE)
    endings = {".py", ".md", ".toml", ".in", ".txt", ".html", ".mako", ".example", ".yaml"}
    texts = [
        path
        for path in files_of_the_project()
        if path.suffix in endings or path.name in {"Makefile", "run", ".gitignore"}
    ]
    found = [
        Place(path.relative_to(ROOT).as_posix(), number, line.strip()[:80])
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if forbidden.search(line)
    ]

    assert texts
    assert found == []
