"""Settings: the only reader of the environment. Every problem is named at boot, all at once."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env, EnvValidationError

from auth.assurance import PayingLimits
from auth.identity import Provider
from auth.passkeys import RelyingParty

_SHORTEST_KEY = 32


class BadSettings(Exception):
    """The environment does not describe a server that may start; the text lists every problem."""


@dataclass(frozen=True)
class Settings:
    """All that differs between a laptop, a test and a province."""

    mode: str  # "sandbox" or "live"
    database_url: str
    base_url: str
    sandbox_url: str | None
    secret_key: bytes
    vault_keys: Sequence[bytes]  # master keys of personal data: the first seals, all of them open
    vault_index_key: bytes
    signing_key: str  # PEM of a P-256 private key
    stripe_secret_key: str
    stripe_publishable_key: str
    stripe_webhook_secret: str
    stripe_url: str | None  # None: Stripe itself
    push_project: str
    push_url: str | None  # None: Firebase itself
    push_credentials: str | None  # path of a service-account file
    sms_url: str
    sms_key: str
    provider_endpoints: Mapping[str, Mapping[str, str]]  # slug -> {"url": …, "key": …}
    requests_per_minute: int
    codes_per_address: int  # sign-in codes an hour that one network address may ask for
    proxies: int  # how many reverse proxies stand before us and may be believed about the caller's address
    pool_size: int
    database_pooled: bool
    follow_clock: bool  # whether this process's time follows the sandbox's clock
    signing_keys_dir: Path | None = None  # where further signing keys come and go; None: the one key signs for good
    passkeys: RelyingParty = field(default_factory=RelyingParty)
    identity: Provider | None = None  # national identity; None: not offered
    paying_limits: PayingLimits = field(default_factory=PayingLimits)

    @property
    def in_sandbox(self) -> bool:
        """Whether the outside world is simulated."""
        return self.mode == "sandbox"


def load() -> Settings:
    """The settings of the environment; raises BadSettings with every problem named."""
    env = Env(eager=False)
    mode = env.str("CITIZEN_MODE", "sandbox")
    sandbox = env.str("SANDBOX_URL", None)
    simulated = sandbox if mode == "sandbox" else None
    found: dict[str, Any] = {
        "mode": mode,
        "database_url": env.str("DATABASE_URL"),
        "base_url": env.str("BASE_URL", "http://127.0.0.1:8000").rstrip("/"),
        "sandbox_url": simulated,
        "stripe_secret_key": env.str("STRIPE_SECRET_KEY", "sk_test_sandbox" if simulated else ""),
        "stripe_publishable_key": env.str("STRIPE_PUBLISHABLE_KEY", "pk_test_sandbox" if simulated else ""),
        "stripe_webhook_secret": env.str("STRIPE_WEBHOOK_SECRET", "whsec_sandbox" if simulated else ""),
        "stripe_url": env.str("STRIPE_URL", f"{simulated}/stripe" if simulated else None),
        "push_project": env.str("PUSH_PROJECT", "citizen-sandbox" if simulated else ""),
        "push_url": env.str("PUSH_URL", f"{simulated}/fcm" if simulated else None),
        "push_credentials": env.str("PUSH_CREDENTIALS_FILE", None),
        "sms_url": env.str("SMS_URL", f"{simulated}/sms" if simulated else ""),
        "sms_key": env.str("SMS_KEY", "sandbox" if simulated else ""),
        "provider_endpoints": env.json("PROVIDER_ENDPOINTS", {}),
        "requests_per_minute": env.int("REQUESTS_PER_MINUTE", 6_000 if simulated else 600),
        "codes_per_address": env.int("CODES_PER_ADDRESS", 100_000 if simulated else 30),
        "proxies": env.int("PROXIES", 0),
        "pool_size": env.int("DATABASE_POOL_SIZE", 4),
        "database_pooled": env.bool("DATABASE_POOLED", False),
        "follow_clock": bool(simulated),
        "paying_limits": PayingLimits(
            phone_vnd=env.int("DAY_LIMIT_PHONE_VND", PayingLimits.phone_vnd),
            strong_vnd=env.int("DAY_LIMIT_STRONG_VND", PayingLimits.strong_vnd),
            new_device_vnd=env.int("DAY_LIMIT_NEW_DEVICE_VND", PayingLimits.new_device_vnd),
            device_age=timedelta(hours=env.int("DEVICE_AGE_HOURS", 0 if simulated else 24)),
        ),
    }
    found["passkeys"] = _relying_party(env, found["base_url"])
    found["identity"] = _identity(env, simulated)
    keys = env.str("SIGNING_KEYS_DIR", None)
    secret, key_file = env.str("SECRET_KEY"), env.str("SIGNING_KEY_FILE")
    vault_keys, index_key = env.str("VAULT_KEY"), env.str("VAULT_INDEX_KEY")
    try:
        env.seal()
    except EnvValidationError as exc:
        told: Any = exc.error_messages  # name -> what is wrong with it
        raise BadSettings("; ".join(f"{name}: {' '.join(said)}" for name, said in told.items())) from exc
    problems: list[str] = []
    found["secret_key"] = _decode("SECRET_KEY", secret, problems)
    found["vault_keys"] = [_decode("VAULT_KEY", key, problems, exactly=True) for key in vault_keys.split(",")]
    found["vault_index_key"] = _decode("VAULT_INDEX_KEY", index_key, problems, exactly=True)
    if found["vault_index_key"] in found["vault_keys"]:
        problems.append("VAULT_INDEX_KEY: a key of its own, not one of VAULT_KEY")
    found["signing_key"] = _read(key_file, problems)
    found["signing_keys_dir"] = Path(keys) if keys else None
    _check(found, problems)
    if problems:
        raise BadSettings("; ".join(problems))
    return Settings(**found)


def _relying_party(env: Env, base_url: str) -> RelyingParty:
    """Who asks for passkeys: our own domain and page, unless told otherwise. A passkey can't belong to an address."""
    page = urlsplit(base_url)
    is_local = page.hostname in {None, "127.0.0.1"}
    host = "localhost" if is_local else str(page.hostname)
    own = f"{page.scheme}://localhost:{page.port}" if is_local else base_url
    return RelyingParty(
        id=env.str("PASSKEY_RP_ID", host),
        name=env.str("PASSKEY_RP_NAME", RelyingParty.name),
        origins=tuple(env.list("PASSKEY_ORIGINS", [own])),
    )


def _identity(env: Env, simulated: str | None) -> Provider | None:
    """The provider of national identity, where one is named; in the sandbox there is one."""
    issuer = env.str("IDENTITY_ISSUER", f"{simulated}/identity" if simulated else None)
    client_id = env.str("IDENTITY_CLIENT_ID", "citizen" if simulated else "")
    if not issuer or not client_id:
        return None
    provider = Provider(
        issuer=issuer.rstrip("/"),
        client_id=client_id,
        client_secret=env.str("IDENTITY_CLIENT_SECRET", "sandbox-secret-of-citizen" if simulated else ""),
        redirect_uris=tuple(env.list("IDENTITY_REDIRECT_URIS", ["http://localhost:8000/identity"])),
        acr_values=tuple(env.list("IDENTITY_ACR_VALUES", ["2"])),
        scope=env.str("IDENTITY_SCOPE", Provider.scope),
    )
    claims: Any = env.json("IDENTITY_CLAIMS", None)
    return replace(provider, claims=claims) if claims else provider


def _decode(name: str, secret: str, problems: list[str], *, exactly: bool = False) -> bytes:
    try:
        key = b64decode(secret, validate=True)
    except (NotBase64, ValueError):
        key = b""
    if len(key) < _SHORTEST_KEY or (exactly and len(key) > _SHORTEST_KEY):
        length = f"{'exactly' if exactly else 'at least'} {_SHORTEST_KEY}"
        problems.append(f"{name}: base64 of {length} random bytes is needed")
    return key


def _read(path: str, problems: list[str]) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError as exc:
        problems.append(f"SIGNING_KEY_FILE: {exc.strerror}")
        return ""


def _check(found: dict[str, Any], problems: list[str]) -> None:
    if found["signing_keys_dir"] and not found["signing_keys_dir"].is_dir():
        problems.append("SIGNING_KEYS_DIR: there is no such folder")
    if found["mode"] not in {"sandbox", "live"}:
        problems.append("CITIZEN_MODE: sandbox or live")
    if found["mode"] == "sandbox" and not found["sandbox_url"]:
        problems.append("SANDBOX_URL: needed while CITIZEN_MODE is sandbox")
    if found["mode"] == "live":
        test_values = ("sk_test", "pk_test", "rk_test", "sandbox", "127.0.0.1", "localhost")
        for name in ("stripe_secret_key", "stripe_publishable_key", "stripe_webhook_secret", "stripe_url", "push_url",
                     "push_project", "sms_url", "sms_key", "base_url"):  # fmt: skip
            value = found[name] or ""
            if any(bad in value for bad in test_values):
                problems.append(f"{name.upper()}: a test value may not stand in live mode")
            if not value and name not in {"stripe_url", "push_url"}:
                problems.append(f"{name.upper()}: needed in live mode")
        if not found["base_url"].startswith("https://"):
            problems.append("BASE_URL: https in live mode")
        _check_ways_in(found, problems)
        if not found["push_credentials"]:
            problems.append("PUSH_CREDENTIALS_FILE: needed in live mode")


def _check_ways_in(found: dict[str, Any], problems: list[str]) -> None:
    provider = found["identity"]
    if provider and not (provider.issuer.startswith("https://") and provider.client_secret):
        problems.append("IDENTITY_ISSUER: https, and IDENTITY_CLIENT_SECRET, in live mode")
    if provider and "sandbox" in provider.client_secret:
        problems.append("IDENTITY_CLIENT_SECRET: a test value may not stand in live mode")
    if not all(origin.startswith(("https://", "android:")) for origin in found["passkeys"].origins):
        problems.append("PASSKEY_ORIGINS: https or android: in live mode")
