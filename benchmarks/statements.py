"""The SQL of one request: every statement as it goes to PostgreSQL, and a pgbench script that runs the same again."""

from __future__ import annotations

import cProfile
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import ndiff
from typing import Any
from uuid import uuid4

import psycopg
from flask.testing import FlaskClient
from psycopg.pq import TransactionStatus

from benchmarks.bills import Household
from benchmarks.house import House

_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?![0-9a-f])")
_NUMBER = re.compile(r"\b\d+\b")
_LITERAL = re.compile(r"(E?)'((?:[^']|'')*)'")
_AMOUNTS = re.compile(r"\{\d+(,\d+)*\}")
_INSTANT = re.compile(r"'\d{4}-\d{2}-\d{2}[ T]")
FIRST_NUMBER = 100_000_000_000  # twelve digits: the end of a UUID


@dataclass(frozen=True)
class Script:
    """What pgbench runs: one payment. `bill_ids` is how the script forms the id of the n-th bill."""

    text: str
    bill_ids: str
    like: str  # the bill that was paid when the statements were read

    @property
    def statements(self) -> list[str]:
        """What is sent to PostgreSQL, BEGIN and COMMIT included; each is one round trip."""
        return [line.removesuffix(";") for line in self.text.splitlines() if line.endswith(";")]


class InProcess:
    """The application in this very process, connected to the house: to see what it does inside."""

    def __init__(self, house: House) -> None:
        os.environ.update(house.environment)
        from server.app import create_app  # noqa: PLC0415 - it reads the environment

        self._http: FlaskClient = create_app().test_client()
        logging.disable(logging.WARNING)

    def pay(self, household: Household, bill: tuple[str, int]) -> None:
        """One payment by payBills."""
        body = {"bill_ids": [bill[0]], "amount_vnd": bill[1], "payment_method": "pm_card_visa"}
        headers = {"Authorization": f"Bearer {household.client.token}", "Idempotency-Key": str(uuid4())}
        answer = self._http.post("/v1/utilities/payments", json=body, headers=headers)
        if answer.status_code != 201:
            raise RuntimeError(answer.get_data(as_text=True))

    def profile(self, household: Household, bills: list[tuple[str, int]]) -> cProfile.Profile:
        """Where the CPU time of that many payments goes."""
        profile = cProfile.Profile(time.process_time)
        profile.enable()
        for bill in bills:
            self.pay(household, bill)
        profile.disable()
        return profile


def read_script(house: House, inside: InProcess, household: Household, bills: list[tuple[str, int]]) -> Script:
    """Pay bills and make a script of what the last two of them sent to PostgreSQL."""
    *warm_up, first, second = bills
    for bill in warm_up:
        inside.pay(household, bill)
    return script_of(house, lambda: inside.pay(household, first), lambda: inside.pay(household, second), known=first[0])


def script_of(house: House, do: Callable[[], None], do_again: Callable[[], None], *, known: str) -> Script:
    """A script of what the same work sends to PostgreSQL, told from two times of it.

    `known` is the id that the first one was given, of which the script forms its own.
    """
    with house.database() as observer:
        with _recorded(observer) as one:
            do()
        with _recorded(observer) as two:
            do_again()
    if [_form(sql) for sql in one] != [_form(sql) for sql in two]:
        raise RuntimeError("twice the same sent different statements:\n" + "\n".join(ndiff(one, two)))
    own: dict[str, str] = {}
    lines = [f"\\set n {FIRST_NUMBER} + :client_id * 10000000 + :i", "\\set i :i + 1"]
    lines += [_generalised(mine, other, own) + ";" for mine, other in zip(one, two, strict=True)]
    return Script("\n".join(lines) + "\n", bill_ids=own[_plain(known)], like=known)


def _form(statement: str) -> str:
    """A statement without its values."""
    return _NUMBER.sub("0", _LITERAL.sub("?", statement))


def _plain(uuid: str) -> str:
    return uuid.replace("-", "")


def _generalised(mine: str, other: str, own: dict[str, str]) -> str:
    """A statement in which whatever belongs to this one payment is made of :n. `own` collects its ids."""
    others: Iterator[str] = (found.group() for found in _LITERAL.finditer(other))

    def replace(found: re.Match[str]) -> str:
        literal, counterpart = found.group(), next(others)
        form, value = found.groups()
        if literal == counterpart or _INSTANT.match(literal):
            return literal
        if _AMOUNTS.fullmatch(value):
            return literal  # the bills that pgbench pays are copies of this one
        if not _UUID.search(literal):
            # A request key, a hash, an id of the gateway: unique is all it has to be.
            return f"({form}'{value[:8]}-' || :n)"
        same = set(map(_plain, _UUID.findall(counterpart)))
        pieces = []
        for piece in re.split(f"({_UUID.pattern})", value):
            if _UUID.fullmatch(piece) and _plain(piece) not in same:
                prefix = own.setdefault(_plain(piece), f"019a0c1e-{len(own) + 1:04d}-7000-8000-")
                pieces.append(f"'{prefix}' || :n")
            elif piece:
                # pgbench would take a colon before a letter for a variable of its own.
                pieces += [f"{form}'{part}'" for part in re.split(r"(?<=:)(?=[A-Za-z_])", piece)]
        return f"({' || '.join(pieces)})"

    return " ".join(_LITERAL.sub(replace, mine).split()).rstrip("; ")


@contextmanager
def _recorded(observer: psycopg.Connection) -> Iterator[list[str]]:
    """Whatever this process sends to PostgreSQL, with its values written out."""
    sent: list[str] = []
    writer = psycopg.ClientCursor(observer)
    cursors, connections = psycopg.Cursor, psycopg.Connection
    execute, many, commit = cursors.execute, cursors.executemany, connections.commit

    def note(connection: psycopg.Connection, query: str, values: Any) -> None:  # noqa: ANN401 - as the driver takes them
        if connection.info.transaction_status is TransactionStatus.IDLE and not connection.autocommit:
            sent.append("BEGIN")
        sent.append(writer.mogrify(query, values))

    def noted_execute(cursor: psycopg.Cursor, query: str, params: Any = None, **more: Any) -> object:  # noqa: ANN401
        note(cursor.connection, query, params)
        return execute(cursor, query, params, **more)

    def noted_many(cursor: psycopg.Cursor, query: str, rows: list[Any], **more: Any) -> object:  # noqa: ANN401
        for row in rows:
            note(cursor.connection, query, row)
        return many(cursor, query, rows, **more)

    def noted_commit(connection: psycopg.Connection) -> None:
        if connection.info.transaction_status is TransactionStatus.INTRANS:
            sent.append("COMMIT")
        commit(connection)

    patches: dict[str, tuple[type, Callable[..., object], Callable[..., object]]] = {
        "execute": (cursors, noted_execute, execute),
        "executemany": (cursors, noted_many, many),
        "commit": (connections, noted_commit, commit),
    }
    for name, (owner, replacement, _original) in patches.items():
        setattr(owner, name, replacement)
    try:
        yield sent
    finally:
        for name, (owner, _replacement, original) in patches.items():
            setattr(owner, name, original)
