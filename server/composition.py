"""One process put together: its database, keys, adapters to the outside and listeners."""

from __future__ import annotations

import gc

# All that is imported here stays for good. Looking for garbage in it was a fifth of every process's start.
gc.disable()

import auth.assertions
import auth.assurance
import auth.budgets
import auth.identity
import auth.passkeys
import auth.tokens
import notifications.flows
import notifications.push
import notifications.sms
import payments.gateway
import payments.proof
import services.health.proofs
import services.tourism.signing
import services.utilities.providers
import webhooks.signing
from kit import database, egress, logs, pages, vault
from server import wiring
from server.settings import Settings

gc.freeze()
gc.enable()


def compose(settings: Settings, *, pool_size: int | None = None, statement_timeout_ms: int = 2_500) -> None:
    """Connect this process: database, keys, adapters to the outside, listeners. Web and worker both begin so.

    A process that is not a web worker may need more connections at once, and more time for one statement.
    """
    logs.configure(key=settings.secret_key)
    database.connect(
        settings.database_url,
        pool_size=pool_size or settings.pool_size,
        statement_timeout_ms=statement_timeout_ms,
        pooled=settings.database_pooled,
    )
    pages.use_key(settings.secret_key)
    services.tourism.signing.use_key(settings.secret_key)
    vault.use_keys(settings.vault_keys, index=settings.vault_index_key)
    services.health.proofs.use_key(settings.secret_key)
    auth.tokens.use_key(
        settings.signing_key,
        issuer=settings.base_url,
        secret=settings.secret_key,
        folder=settings.signing_keys_dir,
    )
    payments.proof.use_key(settings.secret_key)
    auth.assertions.use_audiences(settings.base_url, f"{settings.base_url}/v1/auth/token")
    auth.assurance.use_limits(settings.paying_limits)
    auth.passkeys.use_relying_party(settings.passkeys)
    auth.identity.use_provider(settings.identity)
    webhooks.signing.use_key(settings.secret_key)
    auth.budgets.use_limits(settings.sign_in_limits)
    connect_outside(settings)
    wiring.wire()


def connect_outside(settings: Settings) -> None:
    """Point every adapter at its outside system."""
    payments.gateway.connect(
        secret_key=settings.stripe_secret_key,
        publishable_key=settings.stripe_publishable_key,
        webhook_secret=settings.stripe_webhook_secret,
        url=settings.stripe_url,
    )
    egress.configure(allowed=settings.sandbox_url)
    notifications.sms.connect(settings.sms_url, settings.sms_key)
    notifications.flows.alarm_to(settings.alarm_phone)
    notifications.push.connect(settings.push_project, url=settings.push_url, credentials=settings.push_credentials)
    services.utilities.providers.connect(settings.provider_endpoints, sandbox=settings.sandbox_url)
