"""The application as it is described, not served: enough of it to render the API document without a database."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask

from server.app import create_app
from server.settings import Settings


def bare_app() -> Flask:
    """An application whose database and outside world do not exist; nothing may be asked of it but its document."""
    key = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return create_app(
        Settings(
            mode="described",
            database_url="postgresql://nobody@127.0.0.1:1/none",
            base_url="https://api.citizen.example",
            sandbox_url=None,
            secret_key=bytes(32),
            vault_keys=[bytes(32)],
            vault_index_key=bytes(31) + b"1",
            signing_key=key.decode(),
            stripe_secret_key="sk_test_none",  # noqa: S106 - there is no such account
            stripe_publishable_key="pk_test_none",
            stripe_webhook_secret="whsec_none",  # noqa: S106
            stripe_url="http://127.0.0.1:1",
            push_project="none",
            push_url="http://127.0.0.1:1",
            push_credentials=None,
            sms_url="http://127.0.0.1:1",
            sms_key="none",
            provider_endpoints={},
            requests_per_minute=1,
            proxies=0,
            pool_size=1,
            database_pooled=False,
            follow_clock=False,
        )
    )
