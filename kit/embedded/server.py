"""Starting, sharing and stopping the private server."""

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from kit.embedded import keeper
from kit.embedded.cluster import (
    ADMIN,
    PORT,
    choose_account,
    create_cluster,
    find_wheel_programs,
    reachable_cluster,
    reachable_programs,
    read_version,
    server_command,
    socket_folder,
)
from kit.embedded.keeper import (
    KEEPER_STOP_SECONDS,
    STOP_SECONDS,
    EmbeddedServerError,
    Home,
    is_held,
    is_server,
    lock,
    locked,
    ready_pid,
    send,
    wait_for,
)

ROLE: Final = "citizen"
_START_SECONDS: Final = 120.0  # replaying the log of a crashed server takes a while
_LOG_BYTES: Final = 10_000_000


class EmbeddedServer:
    """One user's hold on the running server; `stop()` or the end of the process lets go of it."""

    def __init__(self, home: Home, sockets: Path, users: int, keeper_pid: int | None) -> None:
        """Made by `start` alone: `users` is the open file with this user's lock."""
        self._home = home
        self._sockets = sockets
        self._users: int | None = users
        self._keeper_pid = keeper_pid

    @property
    def url(self) -> str:
        """A libpq URL of the database "postgres", as a role that may create databases but is no superuser."""
        return _url(self._sockets, ROLE, "postgres")

    @property
    def pid(self) -> int | None:
        """The process id of the running server; None while it is down."""
        return ready_pid(self._home.cluster)

    def database(self, name: str) -> str:
        """The libpq URL of the database of that name, created when it is missing, also by two callers at once."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                # Another caller may have been faster; the database exists either way.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return _url(self._sockets, ROLE, name)

    def is_running(self) -> bool:
        """Tell whether the server answers, or its keeper is about to bring it back."""
        return self.pid is not None or is_held(self._home.keeper)

    def stop(self) -> None:
        """Let go of the server, and wait until it has ended unless others still use it; harmless when repeated.

        Raises EmbeddedServerError when it has not ended in time.
        """
        if self._users is None:
            return
        users, self._users = self._users, None
        try:
            self._end_if_last(users)
        finally:
            os.close(users)

    def _end_if_last(self, users: int) -> None:
        try:
            # Only the last user can turn the shared lock into the exclusive one.
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                # The keeper, or a user who stops at the same moment, is ending the server right now.
                lock(users, fcntl.LOCK_SH, KEEPER_STOP_SECONDS, "the server to end")
            else:
                return
        else:
            if is_held(self._home.keeper):
                send(int(self._home.keeper.read_text()), signal.SIGTERM)
            wait_for(lambda: not is_held(self._home.keeper), KEEPER_STOP_SECONDS, "the server to end")
        if self._keeper_pid is not None:
            with suppress(ChildProcessError):  # reaped already
                os.waitpid(self._keeper_pid, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(data: Path, *, programs: Path | None = None, durable: bool = True) -> EmbeddedServer:
    """Start the server whose files lie in `data`, creating it at the first time, or share the one that already runs.

    `programs` is the folder of another PostgreSQL's programs; by default those of the wheel are used. `durable=False`
    trades safety at power loss for speed, for tests. Under root the server runs as an unprivileged account, and its
    files move below /var/lib when that account cannot reach `data`; server.json tells where they are.
    Raises EmbeddedServerError when the server does not come up, or runs already with other programs or settings.
    """
    home = Home(data.absolute())
    programs = (programs or find_wheel_programs()).absolute()
    try:
        home.data.mkdir(parents=True, exist_ok=True)
        users = os.open(home.users, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        message = f"{error.filename} belongs to another user; run as that user, or set DATABASE_URL"
        raise EmbeddedServerError(message) from error
    try:
        lock(users, fcntl.LOCK_SH, KEEPER_STOP_SECONDS, "the former server to end")
        with locked(home.starting, _START_SECONDS):
            shared = _is_shared(home, programs, durable=durable)
            keeper_pid = None if shared else _launch(home, programs, durable=durable)
            return EmbeddedServer(home, Path(json.loads(home.record.read_text())["sockets"]), users, keeper_pid)
    except BaseException:
        os.close(users)  # a keeper that was started meanwhile sees that nobody is left
        raise


def remove(data: Path) -> None:
    """Delete a stopped server with all its data, wherever its files lie; raises EmbeddedServerError while it runs."""
    home = Home(data.absolute())
    if not home.data.exists():
        return
    with locked(home.users, 0):
        _stop_orphan(home.cluster)
        for folder in (home.outside, home.data):
            if folder.exists():
                shutil.rmtree(folder)


def _is_shared(home: Home, programs: Path, *, durable: bool) -> bool:
    """Wait for the server of a live keeper; False, with any server that lost its keeper stopped, when there is none."""
    deadline = time.monotonic() + _START_SECONDS
    while is_held(home.keeper):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(_with_log(home, "the running server does not get ready"))
        time.sleep(0.01)
        if ready_pid(home.cluster) is not None:
            record = json.loads(home.record.read_text())
            if not _answers(Path(record["sockets"])):  # it is about to go down, and its keeper perhaps with it
                continue
            if (record["programs"], record["durable"]) != (str(programs), durable):
                message = f"the server in {home.data} runs already, with other settings: {record}"
                raise EmbeddedServerError(message)
            return True
    _stop_orphan(home.cluster)
    return False


def _launch(home: Home, programs: Path, *, durable: bool) -> int:
    """Start keeper and server and wait until it answers; gives the keeper's process id."""
    account = choose_account(home)
    cluster = reachable_cluster(home, account)
    runnable = reachable_programs(home, programs, account)
    if not cluster.exists():
        create_cluster(cluster, runnable, account, durable=durable)
    made_by, version = int((cluster / "PG_VERSION").read_text()), read_version(runnable)
    if made_by != version:
        message = f"{cluster} was made by PostgreSQL {made_by} and {programs} is {version}: move it away to start anew"
        raise EmbeddedServerError(message)
    sockets = socket_folder(home, cluster, account)
    record = {"cluster": str(cluster), "sockets": str(sockets), "programs": str(programs), "durable": durable}
    home.record.write_text(json.dumps(record))
    if home.log.exists() and home.log.stat().st_size > _LOG_BYTES:
        home.log.replace(home.log.with_suffix(".log.1"))
    command = server_command(runnable, cluster, sockets, durable=durable)
    order = json.dumps({"data": str(home.data), "command": command, "account": account})
    script = [sys.executable, "-I", "-S", keeper.__file__, order]
    # The keeper may outlive us: whoever reads our output to its end must not wait for the keeper's.
    output = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(home.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # posix_spawn, because a Popen object would warn at its end about a child that is still running.
    keeper_pid = os.posix_spawn(sys.executable, script, os.environ, file_actions=output)
    deadline = time.monotonic() + _START_SECONDS
    while ready_pid(cluster) is None:
        if os.waitpid(keeper_pid, os.WNOHANG) != (0, 0):
            raise EmbeddedServerError(_with_log(home, "PostgreSQL did not start"))
        if time.monotonic() > deadline:
            raise EmbeddedServerError(_with_log(home, "PostgreSQL does not get ready"))
        time.sleep(0.01)
    _create_role(sockets)
    return keeper_pid


def _create_role(sockets: Path) -> None:
    """Give the application a role with the rights it has in production: its own databases, and no superuser."""
    with psycopg.connect(_url(sockets, ADMIN, "postgres")) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
            role = sql.Identifier(ROLE)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(role))
            connection.execute(sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(role))


def _answers(sockets: Path) -> bool:
    try:
        psycopg.connect(_url(sockets, ROLE, "postgres")).close()
    except psycopg.OperationalError:
        return False
    return True


def _url(sockets: Path, role: str, database: str) -> str:
    # The port stands in the URL, or libpq would take it from the caller's PGPORT.
    return f"postgresql://{role}@/{quote(database, safe='')}?host={quote(str(sockets), safe='')}&port={PORT}"


def _stop_orphan(cluster: Path) -> None:
    """Stop a server whose keeper was killed, and clear what a killed server left behind."""
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        if is_server(pid, cluster):
            send(pid, number)
            with suppress(EmbeddedServerError):
                wait_for(lambda: not is_server(pid, cluster), seconds, "an orphaned server to end")
    if is_server(pid, cluster):
        message = f"the orphaned server with process id {pid} does not end"
        raise EmbeddedServerError(message)
    # PostgreSQL would refuse to start while a zombie, or a stranger of the same account, has this number.
    pid_file.unlink(missing_ok=True)


def _with_log(home: Home, message: str) -> str:
    tail = home.log.read_text(errors="replace").splitlines()[-10:] if home.log.exists() else []
    return "\n  ".join([f"{message}; the end of {home.log}:", *tail])
