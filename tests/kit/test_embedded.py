"""The private PostgreSQL server: what its users may rely on when they share it, leave it, or are killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from kit import embedded

# Starts or shares a server, says its process id, and holds on until its input closes.
USER = """
import sys
from pathlib import Path
from kit import embedded
with embedded.start(Path(sys.argv[1]), durable=False) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account's files to think of")


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not (is_so := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def keeper_pid(data: Path) -> int:
    return int((data / "keeper.lock").read_text())


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    """A folder that any account may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-"))
    folder.chmod(0o755)
    yield folder
    for data in sorted(folder.glob("*/users.lock")):
        embedded.remove(data.parent)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def data(parent: Path) -> Path:
    """One cluster for the whole module: making it is the slow part, and every test leaves it stopped."""
    return parent / "data"


@pytest.fixture
def user(data: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts another process that uses the server; `.server_pid` is what it got."""
    started = []

    def start_user() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start_user
    for process in started:
        process.kill()
        process.communicate()
    assert wait_until(lambda: not embedded.EmbeddedServer.is_running(watcher(data)))


def watcher(data: Path) -> embedded.EmbeddedServer:
    """A look at the server without being one of its users."""
    return embedded.EmbeddedServer(embedded.keeper.Home(data), data, -1, None)


def said_pid(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


SYSTEM = embedded.find_system_programs()


@pytest.mark.parametrize(
    ("programs", "folder"),
    [
        pytest.param(None, "wheel", id="wheel"),
        pytest.param(
            SYSTEM, "system", id="system", marks=pytest.mark.skipif(SYSTEM is None, reason="no PostgreSQL 15 installed")
        ),
    ],
)
def test_a_new_folder_becomes_a_server_that_speaks_utf8_in_utc_and_listens_on_no_network(
    parent: Path, programs: Path | None, folder: str
) -> None:
    with embedded.start(parent / folder, programs=programs, durable=False) as server:
        url = server.database("a room")

        assert ask(url, "SELECT current_database()") == "a room"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW timezone") == "UTC"
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SELECT lower('ĐIỆN LỰC')") == "điện lực"
        assert ask(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert server.database("a room") == url


def test_stopping_leaves_no_process_and_no_socket(data: Path) -> None:
    server = embedded.start(data, durable=False)
    pid, keeper = server.pid, keeper_pid(data)
    assert pid is not None

    server.stop()
    server.stop()

    assert not server.is_running()
    assert not is_alive(pid)
    assert not is_alive(keeper)
    assert not list(data.rglob(".s.PGSQL*"))


def test_two_processes_share_one_server_until_the_last_one_stops(
    data: Path, user: Callable[[], subprocess.Popen[str]]
) -> None:
    first = embedded.start(data, durable=False)
    second = user()
    shared_pid = said_pid(second)
    assert shared_pid == first.pid

    first.stop()

    assert is_alive(shared_pid)
    second.communicate()
    assert not is_alive(shared_pid)


def test_processes_that_start_at_the_same_moment_get_the_same_server(
    user: Callable[[], subprocess.Popen[str]],
) -> None:
    processes = [user() for _ in range(4)]

    pids = {said_pid(process) for process in processes}

    assert len(pids) == 1


def test_the_server_ends_when_its_only_user_is_killed(data: Path, user: Callable[[], subprocess.Popen[str]]) -> None:
    process = user()
    server_pid, keeper = said_pid(process), keeper_pid(data)

    process.kill()

    assert wait_until(lambda: not is_alive(server_pid) and not is_alive(keeper))


def test_the_next_start_after_its_user_was_killed_waits_and_gets_a_fresh_server(
    data: Path, user: Callable[[], subprocess.Popen[str]]
) -> None:
    process = user()
    first_pid = said_pid(process)

    process.kill()

    with embedded.start(data, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
        assert server.pid is not None
        assert is_alive(first_pid) == (server.pid == first_pid)


def test_a_killed_server_comes_back_with_its_data(data: Path) -> None:
    with embedded.start(data, durable=False) as server:
        url = server.database("killed_server")
        with psycopg.connect(url) as connection:
            connection.execute("DROP TABLE IF EXISTS bill")
            connection.execute("CREATE TABLE bill AS SELECT 250000 AS amount_vnd")

        for _death in range(7):  # however often: each time it had come up
            killed = server.pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            assert wait_until(lambda killed=killed: server.pid not in {None, killed})

        assert ask(url, "SELECT amount_vnd FROM bill") == 250_000


def test_after_everything_was_killed_at_once_the_next_start_finds_the_data(
    data: Path, user: Callable[[], subprocess.Popen[str]]
) -> None:
    process = user()
    server_pid, keeper = said_pid(process), keeper_pid(data)
    with embedded.start(data, durable=False) as server, psycopg.connect(server.database("all_killed")) as connection:
        connection.execute("DROP TABLE IF EXISTS bill")
        connection.execute("CREATE TABLE bill AS SELECT 250000 AS amount_vnd")

    for pid in (keeper, server_pid, process.pid):
        os.kill(pid, signal.SIGKILL)

    with embedded.start(data, durable=False) as server:
        assert ask(server.database("all_killed"), "SELECT amount_vnd FROM bill") == 250_000


def test_a_server_without_its_keeper_is_replaced(data: Path, user: Callable[[], subprocess.Popen[str]]) -> None:
    first_pid, keeper = said_pid(user()), keeper_pid(data)

    os.kill(keeper, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(keeper))

    with embedded.start(data, durable=False) as server:
        assert server.pid != first_pid
        assert not is_alive(first_pid)


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(data: Path) -> None:
    with embedded.start(data, durable=False):
        stale = next(data.rglob("postmaster.pid")).read_text().split("\n", 1)[1]
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (data / "cluster" / "postmaster.pid").write_text(f"{stranger.pid}\n{stale}")

        with embedded.start(data, durable=False) as server:
            assert ask(server.url, "SELECT 1") == 1

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_half_made_cluster_is_made_again(parent: Path) -> None:
    draft = parent / "half-made" / "cluster.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")

    with embedded.start(parent / "half-made", durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["thư mục " * 12, 'a,b "c"'], ids=["long", "comma and quotes"])
def test_a_path_that_no_socket_can_have_still_works(parent: Path, name: str) -> None:
    with embedded.start(parent / name.strip(), durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
        sockets = embedded.keeper.Home(parent / name.strip()).short
        assert sockets.stat().st_mode & 0o777 == 0o700

    assert not sockets.exists()


def test_a_running_server_is_not_shared_with_one_who_wants_other_settings(data: Path) -> None:
    with (
        embedded.start(data, durable=False),
        pytest.raises(embedded.EmbeddedServerError, match="runs already, with other settings"),
    ):
        embedded.start(data, durable=True)


@pytest.mark.skipif(SYSTEM is None, reason="no PostgreSQL 15 installed")
def test_a_cluster_of_another_version_is_refused_in_plain_words(data: Path) -> None:
    embedded.start(data, durable=False).stop()

    with pytest.raises(embedded.EmbeddedServerError, match=r"made by PostgreSQL 18 and .* is 1[5-7]"):
        embedded.start(data, programs=SYSTEM, durable=False)


def test_a_server_that_cannot_start_says_what_postgresql_said(data: Path) -> None:
    embedded.start(data, durable=False).stop()
    control = data / "cluster" / "global" / "pg_control"
    hidden = control.rename(control.with_suffix(".hidden"))
    try:
        with pytest.raises(embedded.EmbeddedServerError, match="could not find the database system"):
            embedded.start(data, durable=False)
    finally:
        hidden.rename(control)


def test_a_server_in_use_cannot_be_removed(data: Path) -> None:
    with embedded.start(data, durable=False) as server:
        with pytest.raises(embedded.EmbeddedServerError, match="another process holds"):
            embedded.remove(data)

        assert ask(server.url, "SELECT 1") == 1


@as_root
def test_behind_a_closed_door_the_server_lives_outside_until_it_is_removed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    outside = embedded.keeper.Home(closed / "data").outside

    with embedded.start(closed / "data", durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
        assert (outside / "cluster").is_dir()
    embedded.remove(closed / "data")

    assert not outside.exists()
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_programs_behind_a_closed_door_are_copied(tmp_path: Path) -> None:
    package = embedded.cluster.find_wheel_programs().parent.parent
    (tmp_path / "closed").mkdir(mode=0o700)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        (tmp_path / "closed" / folder.name).symlink_to(folder)
    programs = tmp_path / "closed" / package.name / "pginstall18" / "bin"
    try:
        with embedded.start(tmp_path / "closed" / "data", programs=programs, durable=False) as server:
            assert ask(server.url, "SELECT 1") == 1
    finally:
        embedded.remove(tmp_path / "closed" / "data")


@as_root
def test_another_account_cannot_even_reach_the_socket(data: Path) -> None:
    with embedded.start(data, durable=False):
        stranger = subprocess.run(
            ["/bin/sh", "-c", 'test -e "$0"', next(data.rglob(".s.PGSQL.5432"))], user=65534, group=65534, check=False
        )

    assert stranger.returncode == 1


@as_root
def test_the_server_does_not_run_as_root(data: Path) -> None:
    with embedded.start(data, durable=False) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_a_folder_of_another_user_is_refused_in_plain_words(parent: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may open everything")
    folder = parent / "foreign"
    folder.mkdir(mode=0o500)

    with pytest.raises(embedded.EmbeddedServerError, match="belongs to another user"):
        embedded.start(folder, durable=False)

    with suppress(FileNotFoundError):
        folder.rmdir()
