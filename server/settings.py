"""Settings: the only reader of the environment. Every problem is named at boot, all at once."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from environs import Env, EnvValidationError

from auth.assurance import PayingLimits
from auth.budgets import SignInLimits
from auth.identity import Provider
from auth.passkeys import RelyingParty
from kit.quotas import IN_PROCESS

_SHORTEST_KEY = 32
_VAULT_KEY = 32  # AES-256 and HMAC-SHA256
_FEWEST_DISTINCT = 16  # bytes of a key; 32 random ones have about thirty
_OF_A_TEST = ("sk_test", "pk_test", "rk_test", "sandbox", "127.0.0.1", "localhost", "0.0.0.0", "[::1]")  # noqa: S104
_OF_STRIPE = {
    "stripe_secret_key": ("sk_live_", "rk_live_"),
    "stripe_publishable_key": ("pk_live_",),
    "stripe_webhook_secret": ("whsec_",),
}


_SIGN_IN_LIMITS = {
    "CODES_PER_ADDRESS": "codes_per_address_and_hour",
    "CODES_PER_PREFIX": "codes_per_prefix_and_hour",
    "CODES_PER_COUNTRY": "codes_per_country_and_day",
    "WRONG_CODES_PER_ADDRESS": "wrong_codes_per_address_and_hour",
    "SIGN_INS_PER_ADDRESS": "sign_ins_per_address_and_hour",
}


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
    proxies: int  # how many reverse proxies stand before us and may be believed about the caller's address
    pool_size: int
    database_pooled: bool
    follow_clock: bool  # whether this process's time follows the sandbox's clock
    stalled_after_seconds: int = 30  # how long a worker may be silent before its jobs are given to others
    signing_keys_dir: Path | None = None  # where further signing keys come and go; None: the one key signs for good
    passkeys: RelyingParty = field(default_factory=RelyingParty)
    identity: Provider | None = None  # national identity; None: not offered
    paying_limits: PayingLimits = field(default_factory=PayingLimits)
    sign_in_limits: SignInLimits = field(default_factory=SignInLimits)
    ratelimit_url: str = IN_PROCESS  # where requests a minute are counted

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
        "proxies": env.int("PROXIES", 0),
        "pool_size": env.int("DATABASE_POOL_SIZE", 4),
        "database_pooled": env.bool("DATABASE_POOLED", False),
        "follow_clock": bool(simulated),
        "stalled_after_seconds": env.int("STALLED_AFTER_SECONDS", Settings.stalled_after_seconds),
        "paying_limits": PayingLimits(
            phone_vnd=env.int("DAY_LIMIT_PHONE_VND", PayingLimits.phone_vnd),
            strong_vnd=env.int("DAY_LIMIT_STRONG_VND", PayingLimits.strong_vnd),
            new_device_vnd=env.int("DAY_LIMIT_NEW_DEVICE_VND", PayingLimits.new_device_vnd),
            device_age=timedelta(hours=env.int("DEVICE_AGE_HOURS", 0 if simulated else 24)),
        ),
    }
    # In the sandbox one machine is everybody.
    plenty = 100_000 if simulated else None
    found["sign_in_limits"] = SignInLimits(
        **{
            limit: env.int(variable, plenty or getattr(SignInLimits, limit))
            for variable, limit in _SIGN_IN_LIMITS.items()
        }
    )
    found["ratelimit_url"] = env.str("RATELIMIT_URL", IN_PROCESS)
    found["passkeys"] = _relying_party(env, found["base_url"])
    found["identity"] = _identity(env, simulated, found["base_url"])
    keys = env.str("SIGNING_KEYS_DIR", None)
    secret, key_file = env.str("SECRET_KEY"), env.str("SIGNING_KEY_FILE")
    vault_keys, index_key = env.str("VAULT_KEY"), env.str("VAULT_INDEX_KEY")
    problems: dict[str, str] = {}  # the first of each name; what cannot be read at all is not looked at further
    try:
        env.seal()
    except EnvValidationError as exc:
        told: Any = exc.error_messages  # name -> what is wrong with it
        problems = {name: " ".join(said) for name, said in told.items()}
    found["secret_key"], found["signing_key"] = _decode(secret or ""), _read(key_file)
    found["vault_keys"] = [_decode(key) for key in (vault_keys or "").split(",")]
    found["vault_index_key"] = _decode(index_key or "")
    found["signing_keys_dir"] = Path(keys) if keys else None
    for name, problem in _problems(found):
        problems.setdefault(name, problem)
    if problems:
        raise BadSettings("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
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


def _identity(env: Env, simulated: str | None, base_url: str) -> Provider | None:
    """The provider of national identity, where one is named; in the sandbox there is one."""
    issuer = env.str("IDENTITY_ISSUER", f"{simulated}/identity" if simulated else None)
    client_id = env.str("IDENTITY_CLIENT_ID", "citizen" if simulated else "")
    if not issuer or not client_id:
        return None
    provider = Provider(
        issuer=issuer.rstrip("/"),
        client_id=client_id,
        client_secret=env.str("IDENTITY_CLIENT_SECRET", "sandbox-secret-of-citizen" if simulated else ""),
        redirect_uris=tuple(env.list("IDENTITY_REDIRECT_URIS", [f"{base_url}/identity"] if simulated else [])),
        acr_values=tuple(env.list("IDENTITY_ACR_VALUES", ["2"])),
        scope=env.str("IDENTITY_SCOPE", Provider.scope),
    )
    claims: Any = env.json("IDENTITY_CLAIMS", None)
    return replace(provider, claims=claims) if claims else provider


def _decode(secret: str) -> bytes:
    try:
        return b64decode(secret, validate=True)
    except (NotBase64, ValueError):
        return b""


def _read(path: str | None) -> str:
    try:
        return Path(path).read_text(encoding="ascii") if path else ""
    except (OSError, ValueError):
        return ""


def _problems(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong, by the name of the variable; never with its value, which may be a secret."""
    if len(found["secret_key"]) < _SHORTEST_KEY or len(set(found["secret_key"])) < _FEWEST_DISTINCT:
        yield "SECRET_KEY", f"base64 of at least {_SHORTEST_KEY} random bytes is needed"
    yield from _problems_of_keys(found)
    if urlsplit(found["database_url"] or "").scheme not in {"postgresql", "postgres"}:
        yield "DATABASE_URL", "postgresql://… is needed"
    base = urlsplit(found["base_url"])
    if base.scheme not in {"http", "https"} or not base.netloc or base.path:
        yield "BASE_URL", "an address without a path is needed: https://api.example"
    for name, variable, least in (
        ("requests_per_minute", "REQUESTS_PER_MINUTE", 1),
        ("pool_size", "DATABASE_POOL_SIZE", 1),
        ("proxies", "PROXIES", 0),
        ("stalled_after_seconds", "STALLED_AFTER_SECONDS", 1),
    ):
        if found[name] is None or found[name] < least:
            yield variable, f"at least {least}"
    yield from _problems_of_limits(found)
    if not _are_endpoints(found["provider_endpoints"]):
        yield "PROVIDER_ENDPOINTS", 'JSON like {"<slug>": {"url": "https://…", "key": "…"}} is needed'
    if found["mode"] == "live":
        yield from _problems_of_live(found)
    elif found["mode"] != "sandbox":
        yield "CITIZEN_MODE", "sandbox or live"
    else:
        yield from _problems_of_sandbox(found)


def _problems_of_limits(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for variable, limit in _SIGN_IN_LIMITS.items():
        given = getattr(found["sign_in_limits"], limit)
        if given is None or given < 1:
            yield variable, "at least 1"
    url = found["ratelimit_url"] or ""
    if url != IN_PROCESS and not (urlsplit(url).scheme in {"redis", "rediss"} and urlsplit(url).hostname):
        yield "RATELIMIT_URL", f"{IN_PROCESS}, or redis://… or rediss://…, is needed"


def _problems_of_keys(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if any(len(key) != _VAULT_KEY for key in found["vault_keys"]):
        yield "VAULT_KEY", f"base64 of exactly {_VAULT_KEY} random bytes is needed, of each key"
    if len(found["vault_index_key"]) != _VAULT_KEY or found["vault_index_key"] in found["vault_keys"]:
        yield "VAULT_INDEX_KEY", f"base64 of exactly {_VAULT_KEY} random bytes is needed, and not one of VAULT_KEY"
    if found["signing_keys_dir"] and not found["signing_keys_dir"].is_dir():
        yield "SIGNING_KEYS_DIR", "there is no such folder"
    if not _is_signing_key(found["signing_key"]):
        yield "SIGNING_KEY_FILE", "a readable PEM file with a P-256 private key is needed"


def _problems_of_sandbox(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not found["sandbox_url"]:
        yield "SANDBOX_URL", "needed while CITIZEN_MODE is sandbox"
    for name in _OF_STRIPE:
        if "_live_" in found[name]:
            yield name.upper(), "a live key may not stand in sandbox mode"


def _problems_of_live(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in (*_OF_STRIPE, "stripe_url", "push_url", "push_project", "sms_url", "sms_key", "base_url"):
        value = found[name] or ""
        if any(word in value for word in _OF_A_TEST):
            yield name.upper(), "a test value may not stand in live mode"
        elif not value and name not in {"stripe_url", "push_url"}:
            yield name.upper(), "needed in live mode"
        elif not value.startswith(_OF_STRIPE.get(name, "")):
            yield name.upper(), f"begins with {' or '.join(_OF_STRIPE[name])} in live mode"
        elif value and name.endswith("_url") and not value.startswith("https://"):
            yield name.upper(), "https in live mode"
    if not found["push_credentials"] or not Path(found["push_credentials"]).is_file():
        yield "PUSH_CREDENTIALS_FILE", "a service-account file is needed in live mode"
    endpoints = found["provider_endpoints"] if _are_endpoints(found["provider_endpoints"]) else {}
    for slug, endpoint in endpoints.items():
        if not endpoint["url"].startswith("https://") or any(word in str(endpoint) for word in _OF_A_TEST):
            yield "PROVIDER_ENDPOINTS", f"{slug}: https and no test value in live mode"
    yield from _problems_of_ways_in(found)


def _problems_of_ways_in(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    provider = found["identity"]
    if provider and not provider.issuer.startswith("https://"):
        yield "IDENTITY_ISSUER", "https in live mode"
    if provider and (not provider.client_secret or "sandbox" in provider.client_secret):
        yield "IDENTITY_CLIENT_SECRET", "needed in live mode, and not a test value"
    if provider and not (provider.redirect_uris and all(map(_is_way_back, provider.redirect_uris))):
        yield "IDENTITY_REDIRECT_URIS", "needed in live mode: https, or an app's own scheme with a dot in it"
    # Where nothing else is said, the origin is our own page; what is wrong with that is told of BASE_URL.
    is_base_fine = found["base_url"].startswith("https://")
    if is_base_fine and not all(origin.startswith(("https://", "android:")) for origin in found["passkeys"].origins):
        yield "PASSKEY_ORIGINS", "https or android: in live mode"


def _is_way_back(address: str) -> bool:
    """Whether citizens may be sent back there: https, or a scheme that an app has to itself (RFC 8252 section 7.1)."""
    parts = urlsplit(address)
    if parts.fragment or parts.username is not None or any(word in address for word in _OF_A_TEST):
        return False
    return bool(parts.hostname) if parts.scheme == "https" else "." in parts.scheme


def _is_signing_key(pem: str) -> bool:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        return False
    return isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)


def _are_endpoints(given: object) -> bool:
    return isinstance(given, dict) and all(
        isinstance(endpoint, dict) and all(isinstance(endpoint.get(part), str) for part in ("url", "key"))
        for endpoint in given.values()
    )
