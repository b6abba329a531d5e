"""The supervisor behind `citizen demo`: database, sandbox, worker and web start together and end together."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import secrets
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kit import embedded
from server.children import Child, Interrupted, Signals, say

_ROOT: Final = Path(__file__).resolve().parent.parent
_HOST: Final = "127.0.0.1"
_READY_SECONDS: Final = 60.0
_STEP_SECONDS: Final = 300.0  # one of migrate and seed, on a slow disk
_STOP_ORDER: Final = ("web", "worker", "sandbox")
# Where these are set for production, the demo must not follow them: its outside world is the sandbox, and nothing else.
_OUTSIDE: Final = (
    "STRIPE_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_PUBLISHABLE_KEY",
    "PUSH_URL",
    "PUSH_PROJECT",
    "PUSH_CREDENTIALS_FILE",
    "SMS_URL",
    "SMS_KEY",
    "PROVIDER_ENDPOINTS",
    "IDENTITY_ISSUER",
    "IDENTITY_CLIENT_ID",
    "IDENTITY_CLIENT_SECRET",
    "IDENTITY_REDIRECT_URIS",
    "IDENTITY_ACR_VALUES",
    "IDENTITY_SCOPE",
    "IDENTITY_CLAIMS",
)
_APP_REDIRECT: Final = "vn.citizen.app:/identity"  # where an app on a phone is sent back to, by a scheme of its own
# All conversations stay on this machine; a proxy would carry them off it.
_NO_PROXY: Final = dict.fromkeys(("NO_PROXY", "no_proxy"), f"{_HOST},localhost")


class DemoFailed(Exception):
    """The demo cannot start or go on; the text says why."""


def run_demo(
    *,
    var: Path = _ROOT / "var",
    port: int = 8000,
    sandbox_port: int = 8001,
    once: bool = False,
    then: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run everything until Ctrl-C; gives the exit status. Needs the main thread.

    With `once` it ends as soon as it is ready, with `then` after that command of `citizen`, with its status. A port
    that is taken is replaced by a free one. Database, keys and logs are kept in `var`. However it ends, by kill -9
    even, no process stays behind.
    """
    environment = os.environ if environment is None else environment
    status = 0
    try:
        with Signals() as signals, _only_one(var) as announce:
            demo = _Demo(var, environment, signals)
            try:
                demo.start(port, sandbox_port)
                announce(demo.addresses)
                if then is not None:
                    status = demo.walk(then)
                while not once and then is None:
                    demo.watch()
            except Interrupted:
                say("\nStopping …")
            finally:
                demo.stop()
    except (DemoFailed, embedded.EmbeddedServerError, TimeoutError) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    say("Stopped.")
    return status


def run_journey(*, var: Path = _ROOT / "var", environment: Mapping[str, str] | None = None) -> int:
    """Walk `citizen journey` on the demo that runs already, or on one that lives as long; gives the exit status."""
    environment = os.environ if environment is None else environment
    if (running := _find_running(var)) is None:
        return run_demo(var=var, then="journey", environment=environment)
    say(f"Using the demo that is running at {running['BASE_URL']}")
    with Signals() as signals:
        journey = Child("journey", _citizen("journey"), {**environment, **_NO_PROXY, **running})
        journey.start()
        try:
            return journey.wait(signals, _STEP_SECONDS)
        except Interrupted:
            return 130  # what a shell says of a command that Ctrl-C ended
        except TimeoutError as failure:
            sys.stderr.write(f"{failure}\n")
            return 1


class _Demo:
    def __init__(self, var: Path, environment: Mapping[str, str], signals: Signals) -> None:
        if environment.get("CITIZEN_MODE", "sandbox") != "sandbox":
            message = "CITIZEN_MODE is not sandbox: the demo is not for that, use `citizen run` and `citizen worker`"
            raise DemoFailed(message)
        self._var = var.absolute()
        self._signals = signals
        self._environment = {name: value for name, value in environment.items() if name not in _OUTSIDE}
        self._database: embedded.EmbeddedServer | None = None
        self._database_pid: int | None = None
        self._children: list[Child] = []

    def start(self, port: int, sandbox_port: int) -> None:
        """Bring everything up in order, and tell where it is."""
        born = time.monotonic()
        port, sandbox_port = _free_port(port), _free_port(sandbox_port)
        address = f"http://{_HOST}:{port}"
        sandbox_url = f"http://{_HOST}:{sandbox_port}"
        self._prepare_environment(address, sandbox_url)
        base_url = self._environment["BASE_URL"]
        self._spawn(
            "sandbox",
            *(sys.executable, "-m", "sandbox", "--host", _HOST, "--port", str(sandbox_port)),
            *("--state", str(self._var / "sandbox"), "--sample", str(_ROOT / "sample")),
            *("--webhook-url", f"{address}/v1/payments/webhooks/stripe"),
            *("--webhook-secret", self._environment["STRIPE_WEBHOOK_SECRET"]),
        )
        with _told("database"):
            self._start_database()
        # The web processes take the longest to load; until the schema is there, they only say that they are not ready.
        self._spawn("web", *_citizen("run", "--host", _HOST, "--port", str(port)))
        for step in ("migrate", "seed"):
            with _told(step):
                self._run_step(step)
        with _told("web, worker and sandbox"):
            self._spawn("worker", *_citizen("worker"))
            self._await_answer(sandbox_port, "/healthz")
            self._introduce(sandbox_port)
            self._await_answer(port, "/readyz")
        say(
            f"\nReady after {time.monotonic() - born:.1f} s.\n\n"
            f"  Start page       {base_url}/\n"
            f"  API document     {base_url}/docs\n"
            f"  SMS and push     {sandbox_url}/inbox\n"
            f"  Faults, clock    {sandbox_url}/control\n"
            f"  Logs             {self._var / 'log'}\n\n"
            "Ctrl-C stops everything.\n"
        )

    @property
    def addresses(self) -> dict[str, str]:
        """Where web and sandbox answer, named as their settings are."""
        return {name: self._environment[name] for name in ("BASE_URL", "SANDBOX_URL")}

    def walk(self, command: str) -> int:
        """Run one command of `citizen` in the terminal; gives its exit status."""
        child = Child(command, _citizen(command), self._environment)
        child.start()
        return child.wait(self._signals, _STEP_SECONDS)

    def watch(self) -> None:
        """Wait for something to happen, and bring back what has died; raises Interrupted when asked to end."""
        pauses = [child.pause() for child in self._children]
        self._signals.wait(min([1.0, *(pause for pause in pauses if pause is not None)]))
        for child in self._children:
            child.bring_back()
        self._watch_database()

    def stop(self) -> None:
        """End web, worker and sandbox in this order, each within bounded time, then the database."""
        for child in sorted(self._children, key=lambda child: _STOP_ORDER.index(child.name)):
            child.stop(self._signals)
        if self._database is not None:
            self._database.stop()

    def _prepare_environment(self, address: str, sandbox_url: str) -> None:
        keys = self._var / "secrets"
        signing_keys = self._var / "signing_keys"
        for private in (keys, signing_keys, self._var / "log", self._var / "sandbox"):
            private.mkdir(mode=0o700, exist_ok=True)
        signing_key = keys / "signing_key.pem"
        _kept(signing_key, _new_signing_key)
        self._environment = {
            "BASE_URL": address,
            "SECRET_KEY": _kept(keys / "secret_key", _new_secret),
            "VAULT_KEY": _kept(keys / "vault_key", _new_secret),
            "VAULT_INDEX_KEY": _kept(keys / "vault_index_key", _new_secret),
            "SIGNING_KEY_FILE": str(signing_key),
            "SIGNING_KEYS_DIR": str(signing_keys),
            **{name: value for name, value in self._environment.items() if value},
            "CITIZEN_MODE": "sandbox",
            "SANDBOX_URL": sandbox_url,
            "STRIPE_WEBHOOK_SECRET": _kept(keys / "webhook_secret", lambda: f"whsec_{secrets.token_hex(24)}"),
            "IDENTITY_CLIENT_ID": "citizen",
            "IDENTITY_CLIENT_SECRET": "sandbox-secret-of-citizen",
            "IDENTITY_REDIRECT_URIS": f"{self._environment.get('BASE_URL') or address}/identity,{_APP_REDIRECT}",
            "PYTHONUNBUFFERED": "1",
            **_NO_PROXY,
        }

    def _introduce(self, sandbox_port: int) -> None:
        """Register us with the sandbox's provider of national identity; doing it again changes nothing."""
        client = {
            "client_id": self._environment["IDENTITY_CLIENT_ID"],
            "client_secret": self._environment["IDENTITY_CLIENT_SECRET"],
            "client_name": "Công dân số",
            "redirect_uris": self._environment["IDENTITY_REDIRECT_URIS"].split(","),
        }
        connection = http.client.HTTPConnection(_HOST, sandbox_port, timeout=5)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/control/identity/clients", json.dumps(client), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as exc:
            raise DemoFailed("the sandbox does not take us for a client of its identity provider") from exc
        finally:
            connection.close()
        if status not in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
            raise DemoFailed(f"the sandbox does not take us for a client of its identity provider: {status}")

    def _start_database(self) -> None:
        if "DATABASE_URL" in self._environment and self._database is None:
            return
        self._database = embedded.start(self._var / "postgres")
        self._database_pid = self._database.pid
        self._environment["DATABASE_URL"] = self._database.database("citizen")

    def _watch_database(self) -> None:
        if self._database is None:
            return
        if not self._database.is_running():
            say("The database has ended; starting it again.")
            self._database.stop()
            self._start_database()
        elif (pid := self._database.pid) not in {None, self._database_pid}:
            say("The database died and is back.")
            self._database_pid = pid

    def _run_step(self, name: str) -> None:
        step = Child(name, _citizen(name), self._environment, self._var / "log")
        step.start()
        if step.wait(self._signals, _STEP_SECONDS) != 0:
            raise DemoFailed(step.obituary())

    def _spawn(self, name: str, *command: str) -> None:
        child = Child(name, command, self._environment, self._var / "log")
        child.start()
        self._children.append(child)

    def _await_answer(self, port: int, path: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not _answers(port, path):
            for child in self._children:
                if child.status() is not None:
                    raise DemoFailed(child.obituary())
            if time.monotonic() > deadline:
                message = f"http://{_HOST}:{port}{path} gives no 200 after {_READY_SECONDS:.0f} s; see {self._var}/log"
                raise DemoFailed(message)
            self._signals.wait(0.05)


@contextmanager
def _only_one(var: Path) -> Iterator[Callable[[dict[str, str]], None]]:
    """Refuse a second demo on the same files; yields how to tell others the addresses of this one."""
    var.mkdir(parents=True, exist_ok=True)
    try:
        file = (var / "demo.lock").open("a+")
    except PermissionError as error:
        message = f"{error.filename} belongs to another user; run the demo as that user"
        raise DemoFailed(message) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            running = _find_running(var)
            message = f"A demo runs already: {running['BASE_URL'] if running else 'it is just starting'}"
            raise DemoFailed(message) from error
        file.truncate(0)

        def announce(addresses: dict[str, str]) -> None:
            file.write(json.dumps(addresses))
            file.flush()

        yield announce
        file.truncate(0)


def _find_running(var: Path) -> dict[str, str] | None:
    """The addresses of the demo that runs on these files; None when none does or it is not ready."""
    with suppress(FileNotFoundError), (var / "demo.lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            addresses: dict[str, str] = json.loads(file.read() or "{}")
            return addresses or None
    return None


def _citizen(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "server.cli", *arguments)


@contextmanager
def _told(step: str) -> Iterator[None]:
    born = time.monotonic()
    yield
    say(f"  {step}: {time.monotonic() - born:.1f} s")


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((_HOST, port))
                return int(probe.getsockname()[1])
    message = f"no port of {_HOST} is free"
    raise DemoFailed(message)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False  # not yet
    finally:
        connection.close()


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The secret in that file, made at the first time; readable by its owner alone, and never half-written."""
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
    return path.read_text()


def _new_secret() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


def _new_signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
