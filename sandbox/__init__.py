"""The outside world over HTTP, for development and tests: cards, push, text messages, companies, identity.

It stands in for strangers, so it imports nothing of the product and the product imports nothing of it; they meet on
one base address. Everything it answered survives a restart and kill -9, and it fails on demand (see /control).
"""

from collections.abc import Sequence
from pathlib import Path

from flask import Flask

from sandbox import control, gateway as card_gateway, identity_control, pages, providers, push, sms
from sandbox.clock import Clock
from sandbox.control import World
from sandbox.faults import Faults
from sandbox.gateway import control as gateway_control, pages as gateway_pages, steering
from sandbox.gateway.webhooks import RETRY_AFTER_SECONDS
from sandbox.identity import Identity
from sandbox.inbox import Inbox
from sandbox.serving import Server
from sandbox.store import Store

__all__ = ["Server", "create_sandbox", "serve"]


def create_sandbox(
    state: Path,
    sample: Path | None,
    webhook_url: str | None = None,
    webhook_secret: str = "whsec_sandbox",  # noqa: S107 - a published test secret
    webhook_retry_seconds: Sequence[float] = RETRY_AFTER_SECONDS,
) -> Flask:
    """Build the sandbox on a state directory, which one process at a time may hold.

    Bills of companies not seen before are loaded from `sample`/bills_<slug>.csv. Without `webhook_url` events go where
    the last run or /control/webhook sent them. Nothing runs in the background until `serve(...).start()`.
    """
    state.mkdir(parents=True, exist_ok=True)
    store = Store(state / "sandbox.sqlite3")
    clock = Clock(store)
    faults = Faults(store, clock)
    inbox = Inbox(store, clock)
    gateway, webhooks = card_gateway.build(
        store,
        clock,
        faults,
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
        webhook_retry_seconds=webhook_retry_seconds,
    )
    companies = providers.Companies(store, clock)
    identity = Identity(store, clock, faults)
    world = World(store, clock, faults, inbox, webhooks, gateway, companies, identity, sample)
    world.load_sample()

    app = Flask(__name__)
    app.extensions["sandbox"] = world
    for blueprint in (
        gateway.blueprint(),
        gateway_control.blueprint(store, gateway),
        gateway_pages.blueprint(store, gateway),
        steering.blueprint(clock, faults, webhooks, gateway.run_due, world.reset),
        push.blueprint(inbox, faults),
        sms.blueprint(store, inbox, faults),
        providers.blueprint(companies, faults),
        identity.blueprint(),
        control.blueprint(world),
        identity_control.blueprint(identity),
        pages.blueprint(world),
    ):
        app.register_blueprint(blueprint)
    return app


def serve(app: Flask, port: int = 0, host: str = "127.0.0.1") -> Server:
    """Bind the sandbox to a port (0 picks a free one); call start() to answer and stop() to let go of the state."""
    world: World = app.extensions["sandbox"]
    return Server(app, host, port, opened=world.start, closed=world.close)
