"""Ask the running application, as a citizen and as a provider, for all that its own document promises.

`python -m tests.run_schemathesis` starts a private database, the sandbox and the real web server, loads the sample and
sends generated requests to every operation, good and bad ones. It ends with status 1 when an answer is not what
openapi.yaml says. Bounded in time, and the same requests at every run: the seed is fixed.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import auth.operations
from auth.guard import Role
from auth.models import Language
from kit import database, embedded
from kit.database import transaction
from sandbox import create_sandbox, serve
from server import migrations, settings
from server.composition import compose
from server.policy import POLICY
from server.seed import load, sandbox_client

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "tests" / "schemathesis.toml"
HOOKS = ROOT / "tests" / "schemathesis_hooks.py"
PHONE, ANOTHER, OTHER_PHONE = "+84912345678", "+84912345679", "+84987654321"
COMPANY = "pc-thanh-hoa"
SEED = "20261121"
MAX_EXAMPLES = "5"
READY_SECONDS = 60
LONGEST_SECONDS = 400
ENDS_THE_SESSION = ("signOut", "eraseMe")
# Whatever is sent to these, a citizen is refused before it is read: good requests show that as well as bad ones.
REFUSED_TO_CITIZENS = sorted(name for name, rule in POLICY.items() if Role.CITIZEN not in rule.roles and not rule.open)
# Everything else is refused to a provider, as it is to strangers among citizens.
OF_PROVIDERS = sorted(name for name, rule in POLICY.items() if Role.PROVIDER in rule.roles and not rule.open)


@contextmanager
def application(folder: Path) -> Iterator[str]:
    """The whole application on a free port, with the sample loaded; its address."""
    with ExitStack() as running:
        postgres = running.enter_context(embedded.start(folder / "postgres", durable=False))
        outside = serve(create_sandbox(folder / "sandbox", None)).start()
        running.callback(outside.stop)
        key = ec.generate_private_key(ec.SECP256R1())
        key_file = folder / "signing_key.pem"
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        port = free_port()
        os.environ.update({
            "CITIZEN_MODE": "sandbox",
            "DATABASE_URL": postgres.database("citizen"),
            "BASE_URL": f"http://127.0.0.1:{port}",
            "SANDBOX_URL": outside.url,
            "SECRET_KEY": b64encode(secrets.token_bytes(32)).decode(),
            "SIGNING_KEY_FILE": str(key_file),
            "VAULT_KEY": b64encode(bytes(range(32))).decode(),
            "VAULT_INDEX_KEY": b64encode(bytes(range(1, 33))).decode(),
            "REQUESTS_PER_MINUTE": "1000000",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        })  # fmt: skip
        here = settings.load()
        migrations.upgrade(here.database_url)
        compose(here)
        load(ROOT / "sample", in_sandbox=True, say=lambda _words: None)
        command = [sys.executable, "-m", "server.cli", "run", "--port", str(port), "--workers", "1"]
        log = folder / "web.log"
        with log.open("wb") as output:
            web = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
            try:
                wait_until_ready(here.base_url, web, log)
                yield here.base_url
            finally:
                web.terminate()
                web.wait(30)
                database.disconnect()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def each(option: str, names: Iterable[str]) -> list[str]:
    """An option for every one of these operations."""
    return [word for name in names for word in (option, name)]


def wait_until_ready(url: str, web: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as traffic may come; raises TimeoutError with the end of the log."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and web.poll() is None:
        try:
            if requests.get(f"{url}/readyz", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError(f"the web server does not get ready:\n{log.read_text(errors='replace')[-3000:]}")


def citizen_token(phone: str) -> str:
    """An access token of a citizen who has just signed in."""
    with transaction() as session:
        citizen = auth.operations.welcome_citizen(session, phone, Language.VI)
        return auth.operations.start_session(session, citizen, None).access_token


def provider_token() -> str:
    """An access token of a power company's system."""
    client_id, secret = sandbox_client(COMPANY)
    with transaction() as session:
        return auth.operations.issue_client_token(session, str(client_id), secret, None).access_token


def ask(url: str, token: str, *options: str) -> int:
    """Send generated requests with a token; the status schemathesis ends with."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{url}/openapi.json"]
    command += ["--seed", SEED, "--max-examples", MAX_EXAMPLES, "--no-color", *options]
    environment = {**os.environ, "CITIZEN_TOKEN": token, "SCHEMATHESIS_HOOKS": str(HOOKS)}
    with tempfile.TemporaryDirectory(prefix="schemathesis-") as scratch:
        # Its notes about earlier runs would make this one differ from the last.
        return subprocess.run(
            command, cwd=scratch, env=environment, timeout=LONGEST_SECONDS, check=False
        ).returncode  # fmt: skip


def main() -> int:
    """Ask as citizens, as one who signs out, and as a provider at once; 1 when any answer was not as promised."""
    born = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="schemathesis-app-") as folder:
        Path(folder).chmod(0o755)  # the database runs under an account of its own
        with application(Path(folder)) as url:
            # What ends a session, or a whole account, is asked for by a citizen of its own.
            of_citizens = sorted(POLICY.keys() - set(REFUSED_TO_CITIZENS) - set(ENDS_THE_SESSION))
            elsewhere = (*ENDS_THE_SESSION, *REFUSED_TO_CITIZENS)
            refused = ["--phases", "examples", *each("--include-operation-id", REFUSED_TO_CITIZENS)]
            callers = {
                # Two share what citizens may ask, so that both are done in half the time.
                "citizen": (citizen_token(PHONE), each("--exclude-operation-id", (*elsewhere, *of_citizens[::2]))),
                "another": (citizen_token(ANOTHER), each("--exclude-operation-id", (*elsewhere, *of_citizens[1::2]))),
                "citizen who signs out": (citizen_token(OTHER_PHONE), each("--include-operation-id", ENDS_THE_SESSION)),
                "citizen who is refused": (citizen_token(PHONE), refused),
                "provider": (provider_token(), each("--include-operation-id", OF_PROVIDERS)),
            }
            with ThreadPoolExecutor(len(callers)) as side_by_side:
                asked = {who: side_by_side.submit(ask, url, token, *only) for who, (token, only) in callers.items()}
            statuses = {who: done.result() for who, done in asked.items()}
        embedded.remove(Path(folder) / "postgres")
    seconds = time.monotonic() - born
    for who, status in statuses.items():
        sys.stdout.write(f"{who}: {'as promised' if status == 0 else f'status {status}'}\n")
    sys.stdout.write(f"{seconds:.0f} s\n")
    return int(any(statuses.values()))


if __name__ == "__main__":
    sys.exit(main())
