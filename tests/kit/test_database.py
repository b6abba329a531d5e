"""The way to PostgreSQL: all or nothing, bounded waits, ids that sort by time, and errors that quote no one."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from auth.models import Citizen, Language
from kit import clock
from kit.database import count_statements, new_id, transaction
from kit.idempotency import IdempotencyKey


@pytest.fixture
def own_engine(database_url: str, reconnect: Callable[..., Engine]) -> Callable[..., Engine]:
    """`own_engine(pool_size=1)` connects this process anew; in the end all is as before."""
    return partial(reconnect, database_url)


def add_citizen(session: Session) -> Citizen:
    citizen = Citizen(language=Language.VI)
    session.add(citizen)
    session.flush()
    return citizen


def languages() -> list[str]:
    with transaction() as session:
        return list(session.execute(text("SELECT language FROM citizen")).scalars())


def test_a_transaction_that_ends_well_stays(clean: None) -> None:
    with transaction() as session:
        add_citizen(session)

    assert languages() == ["vi"]


def test_a_transaction_that_ends_badly_never_was(clean: None) -> None:
    def fail() -> None:
        with transaction() as session:
            add_citizen(session)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()

    assert languages() == []


def test_what_was_read_can_be_used_after_the_transaction(clean: None) -> None:
    with transaction() as session:
        citizen = add_citizen(session)

    assert citizen.language is Language.VI


def test_an_enumeration_is_text_that_the_database_checks(clean: None) -> None:
    with transaction() as session:
        add_citizen(session)

    with pytest.raises(IntegrityError, match="ck_citizen_language"), transaction() as session:
        session.execute(text("UPDATE citizen SET language = 'fr'"))


def test_an_error_of_the_database_quotes_no_parameter(clean: None) -> None:
    twice = insert(IdempotencyKey).values(caller="a", operation="b", key="c", fingerprint="d", created_at=clock.now())

    with transaction() as session:
        session.execute(twice)

    with pytest.raises(IntegrityError) as refused, transaction() as session:
        session.execute(twice)

    said = "".join(traceback.format_exception_only(refused.value))
    assert "parameters hidden" in said
    assert str(refused.value.statement) in said


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1_000)]

    assert {(type(made), made.version) for made in ids} == {(UUID, 7)}
    assert ids == sorted(ids)
    assert len(set(ids)) == 1_000


def test_a_statement_that_takes_too_long_is_ended(own_engine: Callable[..., Engine]) -> None:
    own_engine(statement_timeout_ms=100)

    began = time.monotonic()
    with pytest.raises(OperationalError), transaction() as session:
        session.execute(text("SELECT pg_sleep(30)"))

    assert time.monotonic() - began < 25


@pytest.mark.parametrize("pooled", [False, True])
def test_instants_come_back_in_utc_with_and_without_a_pooler(
    own_engine: Callable[..., Engine], *, pooled: bool
) -> None:
    own_engine(pooled=pooled)

    with transaction() as session:
        citizen = add_citizen(session)
        told = session.execute(text("SELECT created_at FROM citizen")).scalar_one()

    assert told == citizen.created_at
    assert told.utcoffset() is not None


def test_behind_a_pooler_no_statement_is_prepared(own_engine: Callable[..., Engine]) -> None:
    own_engine(pooled=True, pool_size=1)

    for _ in range(8):
        with transaction() as session:
            session.execute(text("SELECT language FROM citizen WHERE id = :id"), {"id": new_id()})

    with transaction() as session:
        assert session.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one() == 0


def test_statements_can_be_counted(own_engine: Callable[..., Engine]) -> None:
    statements: list[str] = []
    count_statements(own_engine(), statements)

    with transaction() as session:
        session.execute(text("SELECT 1"))
        session.execute(text("SELECT 2"))

    assert statements == ["SELECT 1", "SELECT 2"]
