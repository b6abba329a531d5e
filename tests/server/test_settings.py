"""Settings: a server that is described wrongly does not start, and says everything that is wrong at once."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from auth.budgets import SignInLimits
from server.settings import BadSettings, Settings, load

ROOT = Path(__file__).parents[2]
SECRET = b64encode(secrets.token_bytes(32)).decode()
Boot = Callable[..., Settings]


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Boot:
    """`boot(NAME=value)` reads the settings of a laptop with some changed; None takes one away."""
    (tmp_path / "key.pem").write_text(pem(ec.generate_private_key(ec.SECP256R1())))
    laptop = {
        "DATABASE_URL": "postgresql://citizen@db.example/citizen",
        "SECRET_KEY": SECRET,
        "SIGNING_KEY_FILE": str(tmp_path / "key.pem"),
        "SANDBOX_URL": "http://127.0.0.1:8001",
        "VAULT_KEY": b64encode(bytes(range(32))).decode(),
        "VAULT_INDEX_KEY": b64encode(bytes(range(1, 33))).decode(),
    }

    def read(**changes: str | None) -> Settings:
        for name in os.environ:
            monkeypatch.delenv(name)
        for name, value in (laptop | changes).items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return load()

    return read


@pytest.fixture
def live(boot: Boot, tmp_path: Path) -> Boot:
    """`live(NAME=value)` reads the settings of a province with some changed."""
    account = tmp_path / "account.json"
    account.write_text("{}")
    province = {
        "CITIZEN_MODE": "live",
        "SANDBOX_URL": None,
        "BASE_URL": "https://api.tinh.vn",
        "STRIPE_SECRET_KEY": "rk_live_1",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "PUSH_PROJECT": "citizen-vn",
        "PUSH_CREDENTIALS_FILE": str(account),
        "SMS_URL": "https://sms.example/api",
        "SMS_KEY": "key",
        "PROVIDER_ENDPOINTS": '{"pc-thanh-hoa": {"url": "https://pc.example", "key": "key"}}',
    }
    return lambda **changes: boot(**(province | changes))


def problems(boot: Boot, **changes: str | None) -> set[str]:
    """The names of the variables that are refused."""
    with pytest.raises(BadSettings) as refused:
        boot(**changes)
    return {problem.partition(":")[0] for problem in str(refused.value).split("; ")}


def test_a_laptop_needs_four_values_and_meets_the_sandbox(boot: Boot) -> None:
    settings = boot()

    assert settings.in_sandbox
    assert settings.stripe_url == "http://127.0.0.1:8001/stripe"
    assert settings.sms_url == "http://127.0.0.1:8001/sms"
    assert settings.push_url == "http://127.0.0.1:8001/fcm"
    assert settings.follow_clock
    assert (settings.proxies, settings.pool_size, settings.database_pooled) == (0, 4, False)
    assert settings.sign_in_limits.codes_per_address_and_hour == 100_000
    assert settings.ratelimit_url == "memory://"


def test_a_province_meets_the_real_world(live: Boot) -> None:
    settings = live()

    assert not settings.in_sandbox
    assert (settings.sandbox_url, settings.stripe_url, settings.push_url) == (None, None, None)
    assert not settings.follow_clock
    assert settings.requests_per_minute == 600
    assert settings.sign_in_limits == SignInLimits()
    assert live(RATELIMIT_URL="rediss://redis.tinh.vn/0").ratelimit_url == "rediss://redis.tinh.vn/0"


def test_every_problem_is_named_at_once(boot: Boot) -> None:
    named = problems(
        boot,
        DATABASE_URL=None,
        SECRET_KEY="c2hvcnQ=",
        SIGNING_KEY_FILE="/nowhere",
        SANDBOX_URL=None,
        BASE_URL="api.example",
        REQUESTS_PER_MINUTE="many",
        PROXIES="-1",
        PROVIDER_ENDPOINTS="[1]",
        DATABASE_POOLED="perhaps",
    )

    assert named == {
        "DATABASE_URL", "SECRET_KEY", "SIGNING_KEY_FILE", "SANDBOX_URL", "BASE_URL", "REQUESTS_PER_MINUTE", "PROXIES",
        "PROVIDER_ENDPOINTS", "DATABASE_POOLED",
    }  # fmt: skip


def test_nothing_at_all_is_refused_in_words_too(boot: Boot) -> None:
    named = problems(boot, DATABASE_URL=None, SECRET_KEY=None, SIGNING_KEY_FILE=None, SANDBOX_URL=None)

    assert named == {"DATABASE_URL", "SECRET_KEY", "SIGNING_KEY_FILE", "SANDBOX_URL"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CITIZEN_MODE", "production"),
        ("DATABASE_URL", "sqlite:///citizen.db"),
        ("DATABASE_URL", ""),
        ("SECRET_KEY", "not base64!"),
        ("SECRET_KEY", b64encode(bytes(32)).decode()),
        ("SECRET_KEY", b64encode(b"changeme" * 4).decode()),
        ("SECRET_KEY", b64encode(bytes(range(31))).decode()),
        ("BASE_URL", "http://127.0.0.1:8000/api"),
        ("BASE_URL", "ftp://api.example"),
        ("REQUESTS_PER_MINUTE", "0"),
        ("CODES_PER_ADDRESS", "0"),
        ("CODES_PER_PREFIX", "0"),
        ("CODES_PER_COUNTRY", "0"),
        ("CODES_PER_COUNTRY", "all"),
        ("WRONG_CODES_PER_ADDRESS", "0"),
        ("SIGN_INS_PER_ADDRESS", "-1"),
        ("RATELIMIT_URL", "memcached://127.0.0.1"),
        ("RATELIMIT_URL", "redis://"),
        ("RATELIMIT_URL", ""),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_POOL_SIZE", "four"),
        ("PROXIES", "-1"),
        ("PROVIDER_ENDPOINTS", "{"),
        ("PROVIDER_ENDPOINTS", '{"pc-thanh-hoa": "https://pc.example"}'),
        ("PROVIDER_ENDPOINTS", '{"pc-thanh-hoa": {"url": "https://pc.example"}}'),
        ("STRIPE_SECRET_KEY", "sk_live_1"),
        ("STRIPE_SECRET_KEY", "rk_live_1"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_1"),
    ],
)
def test_a_value_that_cannot_be_is_refused(boot: Boot, name: str, value: str) -> None:
    assert problems(boot, **{name: value}) == {name}


@pytest.mark.parametrize("key", ["a public key", "another curve", "another kind", "no key", "not ASCII", "a folder"])
def test_only_a_private_key_of_the_right_curve_signs(boot: Boot, tmp_path: Path, key: str) -> None:
    file = tmp_path / "other.pem"
    content = {
        "a public key": ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
        "another kind": pem(ed25519.Ed25519PrivateKey.generate()),
        "no key": "secret",
        "not ASCII": "khóa",
        "a folder": "",
    }[key]
    if key == "a folder":
        file.mkdir()
    else:
        file.write_text(content)

    assert problems(boot, SIGNING_KEY_FILE=str(file)) == {"SIGNING_KEY_FILE"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "sk_test_1"),
        ("STRIPE_SECRET_KEY", "rk_test_1"),
        ("STRIPE_SECRET_KEY", "something"),
        ("STRIPE_SECRET_KEY", None),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_1"),
        ("STRIPE_PUBLISHABLE_KEY", None),
        ("STRIPE_WEBHOOK_SECRET", "whsec_sandbox"),
        ("STRIPE_WEBHOOK_SECRET", "secret"),
        ("STRIPE_WEBHOOK_SECRET", None),
        ("STRIPE_URL", "http://127.0.0.1:8001/stripe"),
        ("STRIPE_URL", "http://stripe.example"),
        ("PUSH_URL", "http://localhost/fcm"),
        ("PUSH_PROJECT", "citizen-sandbox"),
        ("PUSH_PROJECT", None),
        ("PUSH_CREDENTIALS_FILE", None),
        ("PUSH_CREDENTIALS_FILE", "/nowhere.json"),
        ("SMS_URL", "http://sms.example"),
        ("SMS_URL", "https://[::1]/sms"),
        ("SMS_URL", None),
        ("SMS_KEY", "sandbox"),
        ("SMS_KEY", None),
        ("BASE_URL", "http://api.tinh.vn"),
        ("BASE_URL", None),
        ("PROVIDER_ENDPOINTS", '{"pc-thanh-hoa": {"url": "http://pc.example", "key": "key"}}'),
        ("PROVIDER_ENDPOINTS", '{"pc-thanh-hoa": {"url": "https://pc.example", "key": "sandbox-pc-thanh-hoa"}}'),
    ],
)
def test_no_value_of_a_test_stands_in_live_mode(live: Boot, name: str, value: str | None) -> None:
    assert problems(live, **{name: value}) == {name}


IDENTITY = {
    "IDENTITY_ISSUER": "https://identity.example",
    "IDENTITY_CLIENT_ID": "tinh",
    "IDENTITY_CLIENT_SECRET": "a secret of the province",
    "IDENTITY_REDIRECT_URIS": "https://api.tinh.vn/identity,vn.tinh.app:/identity",
}


def test_a_province_may_offer_national_identity(live: Boot) -> None:
    offered = live(**IDENTITY).identity

    assert live().identity is None
    assert offered.redirect_uris == ("https://api.tinh.vn/identity", "vn.tinh.app:/identity")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDENTITY_ISSUER", "http://identity.example"),
        ("IDENTITY_CLIENT_SECRET", "sandbox-secret-of-citizen"),
        ("IDENTITY_CLIENT_SECRET", None),
        ("IDENTITY_REDIRECT_URIS", None),
        ("IDENTITY_REDIRECT_URIS", "http://api.tinh.vn/identity"),
        ("IDENTITY_REDIRECT_URIS", "http://localhost:8000/identity"),
        ("IDENTITY_REDIRECT_URIS", "https://api.tinh.vn/identity,http://api.tinh.vn/identity"),
        ("IDENTITY_REDIRECT_URIS", "https://somebody@api.tinh.vn/identity"),
        ("IDENTITY_REDIRECT_URIS", "https://api.tinh.vn/identity#here"),
        ("IDENTITY_REDIRECT_URIS", "citizen:/identity"),
        ("IDENTITY_REDIRECT_URIS", "javascript:alert(1)"),
        ("IDENTITY_REDIRECT_URIS", "https:///identity"),
        ("PASSKEY_ORIGINS", "http://citizen.tinh.vn"),
    ],
)
def test_national_identity_of_a_test_stands_in_no_province(live: Boot, name: str, value: str | None) -> None:
    assert problems(live, **(IDENTITY | {name: value})) == {name}


def test_in_the_sandbox_citizens_come_back_to_our_own_address(boot: Boot) -> None:
    settings = boot(BASE_URL="http://127.0.0.1:8765")

    assert settings.identity.redirect_uris == ("http://127.0.0.1:8765/identity",)
    assert settings.identity.issuer == "http://127.0.0.1:8001/identity"


def test_no_problem_is_told_with_a_secret(live: Boot) -> None:
    planted = {
        "STRIPE_SECRET_KEY": "sk_test_planted",
        "STRIPE_WEBHOOK_SECRET": "planted",
        "SMS_KEY": "sandbox-planted",
        "SECRET_KEY": "planted",
        "DATABASE_URL": "mysql://planted@db",
        "PROVIDER_ENDPOINTS": '{"pc": {"url": "http://pc.example", "key": "planted"}}',
    }

    with pytest.raises(BadSettings) as refused:
        live(**planted)

    assert "planted" not in str(refused.value)


def test_a_server_with_bad_settings_ends_at_once_and_says_why() -> None:
    environment = {"PATH": os.environ["PATH"], "CITIZEN_MODE": "live"}

    ended = subprocess.run(
        [sys.executable, "-m", "server.cli", "run", "--port", "0"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ended.returncode != 0
    assert "STRIPE_SECRET_KEY: needed in live mode" in ended.stderr
    assert "DATABASE_URL: " in ended.stderr
