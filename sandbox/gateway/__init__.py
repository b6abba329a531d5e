"""A simulated card gateway (Stripe's API) over HTTP: a component of its own, also run by `python -m sandbox.gateway`.

It needs this folder and four files beside it: store.py, clock.py, faults.py and serving.py.
"""

from collections.abc import Sequence
from pathlib import Path

from flask import Flask

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway import control, pages, steering
from sandbox.gateway.api import Gateway
from sandbox.gateway.webhooks import RETRY_AFTER_SECONDS, Webhooks
from sandbox.serving import Server
from sandbox.store import Store

__all__ = ["Gateway", "build", "create_gateway", "serve"]


def build(
    store: Store,
    clock: Clock,
    faults: Faults,
    *,
    webhook_url: str | None,
    webhook_secret: str,
    webhook_retry_seconds: Sequence[float],
) -> tuple[Gateway, Webhooks]:
    """Put a gateway together on a store that others may use as well."""
    webhooks = Webhooks(store, clock, faults, webhook_retry_seconds)
    if webhook_url is not None or store.get("setting", "webhook") is None:
        webhooks.set_target(webhook_url, webhook_secret)
    return Gateway(store, clock, faults, webhooks), webhooks


def create_gateway(
    state: Path,
    webhook_url: str | None = None,
    webhook_secret: str = "whsec_sandbox",  # noqa: S107 - a published test secret
    webhook_retry_seconds: Sequence[float] = RETRY_AFTER_SECONDS,
) -> Flask:
    """Build the gateway alone on a state directory, which one process at a time may hold.

    Without `webhook_url` events go where the last run, /control/webhook or webhook endpoints send them. Nothing runs in
    the background until `serve(...).start()`.
    """
    state.mkdir(parents=True, exist_ok=True)
    store = Store(state / "gateway.sqlite3")
    clock = Clock(store)
    faults = Faults(store, clock)
    gateway, webhooks = build(
        store,
        clock,
        faults,
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
        webhook_retry_seconds=webhook_retry_seconds,
    )

    def start_over() -> None:
        clock.move_by(0)
        store.clear(keep=steering.KEPT)
        gateway.reload()

    def close() -> None:
        faults.close()
        gateway.close()
        store.close()

    app = Flask(__name__)
    app.extensions["gateway"] = (gateway.start, close)
    app.add_url_rule("/", "start", pages.start_page)
    for blueprint in (
        gateway.blueprint(),
        control.blueprint(store, gateway),
        steering.blueprint(clock, faults, webhooks, gateway.run_due, start_over),
        pages.blueprint(store, gateway),
    ):
        app.register_blueprint(blueprint)
    return app


def serve(app: Flask, port: int = 0, host: str = "127.0.0.1") -> Server:
    """Bind the gateway to a port (0 picks a free one); call start() to answer and stop() to let go of the state."""
    start, close = app.extensions["gateway"]
    return Server(app, host, port, opened=start, closed=close)
