"""The way to PostgreSQL: the declarative base, the connection, and the only place that commits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import BigInteger, Date, DateTime, Enum, MetaData, Text, Uuid, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from kit import clock

_sessions: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
_readers: sessionmaker[Session] = sessionmaker(expire_on_commit=False)


class Base(DeclarativeBase):
    """Everything stored. Enumerations are text with a CHECK, instants carry their zone, integers are 64 bits wide."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: BigInteger,
        UUID: Uuid,
        datetime: DateTime(timezone=True),
        date: Date,
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB,
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            create_constraint=True,
            length=32,
            values_callable=lambda enum: [member.value for member in enum],
        ),
    }


class Record(Base):
    """A row with an unguessable id that sorts by time of creation."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=lambda: new_id())  # noqa: PLW0108 - defined below
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid_utils.compat.uuid7()


def guard(table: Any, statements: Sequence[str]) -> None:  # noqa: ANN401 - SQLAlchemy types `__table__` loosely
    """Have triggers made with a table, after all tables of its schema; where it is not made, they are not either."""

    def make(_target: Any, connection: Any, *, tables: Collection[Any], **_options: Any) -> None:  # noqa: ANN401
        if table in tables:
            for statement in statements:
                connection.exec_driver_sql(statement)

    event.listen(Base.metadata, "after_create", make)


def sqlalchemy_url(url: str) -> URL:
    """`postgresql://…` as SQLAlchemy wants it for psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")


def connect(url: str, *, pool_size: int = 4, statement_timeout_ms: int = 2_500, pooled: bool = False) -> Engine:
    """Point every `transaction()` of this process at the database of `url`.

    `statement_timeout_ms` bounds one statement, and twice as much the wait for a connection. `pooled` says that a
    transaction pooler stands in between: then neither prepared statements nor session settings are used.
    """
    arguments: dict[str, Any] = {"connect_timeout": 5}
    if pooled:
        arguments["prepare_threshold"] = None
    else:
        arguments["options"] = (
            f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={statement_timeout_ms} -c timezone=UTC"
        )
    engine = create_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=2 * statement_timeout_ms / 1000,
        pool_pre_ping=False,
        pool_use_lifo=True,
        # Parameters hold personal numbers: they must not stand in an exception's text.
        hide_parameters=True,
        connect_args=arguments,
    )
    _sessions.configure(bind=engine)
    _readers.configure(bind=engine.execution_options(isolation_level="AUTOCOMMIT"))
    return engine


def disconnect() -> None:
    """Close the pool of this process."""
    engine = _sessions.kw.get("bind")
    if engine is not None:
        engine.dispose()
        _sessions.configure(bind=None)
        _readers.configure(bind=None)


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: commits on a clean exit, rolls back on any exception."""
    with _sessions() as session, session.begin():
        yield session


@contextmanager
def reading() -> Iterator[Session]:
    """Single statements that only read, each on its own: no BEGIN and no COMMIT go over the line.

    For hot public lists of one statement; whatever needs two statements to agree belongs into `transaction`.
    """
    with _readers() as session:
        yield session


def count_statements(engine: Engine, statements: list[str]) -> None:
    """Append the text of every statement run on `engine` to `statements`; tests count round trips with it."""

    @event.listens_for(engine, "before_cursor_execute")
    def remember(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)
