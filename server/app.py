"""The web application: every room's doors, the guard before them, the pages beside them."""

from __future__ import annotations

import gc

# As in the composition: what is imported here stays for good.
gc.disable()

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Flask, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

import auth.guard
import auth.views
import divisions.views
import notifications.views
import payments.views
import persons.guard
import persons.operations
import persons.views
import services.education.views
import services.health.views
import services.tourism.views
import services.utilities.views
import webhooks.views
from auth.guard import AppLook
from kit import database, front, web
from kit.errors import TooManyRequests
from kit.front import Front
from kit.quotas import Quotas
from server import openapi, probes, sandbox_clock, settings as environment, site
from server.composition import compose
from server.policy import POLICY
from server.settings import Settings

gc.freeze()
gc.enable()

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BLUEPRINTS = (
    auth.views.blueprint,
    auth.views.apps_blueprint,
    persons.views.blueprint,
    divisions.views.blueprint,
    services.utilities.views.blueprint,
    services.education.views.blueprint,
    services.tourism.views.blueprint,
    services.health.views.blueprint,
    services.health.views.fhir_blueprint,
    payments.views.blueprint,
    webhooks.views.blueprint,
    notifications.views.blueprint,
)

# Whose public answers a process keeps, operation by operation.
KEPT = {
    operation: room.KEPT
    for room in (services.education.views, services.tourism.views)
    for operation in room.KEPT_OPERATIONS
}


def create_app(settings: Settings | None = None) -> Flask:
    """The web application, ready to serve. Without `settings` they are read from the environment."""
    settings = settings or environment.load()
    compose(settings)
    if settings.follow_clock and settings.sandbox_url:
        sandbox_clock.follow(settings.sandbox_url)
    return assemble(settings)


def assemble(settings: Settings) -> Flask:
    """The web application of a process that is composed."""
    app = Flask("server", static_folder=None)
    # Nothing here is a coroutine; Flask would ask each function at every request.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    app.config.update(openapi.CONFIG, BASE_URL=settings.base_url)
    app.json = web.Json(app)
    quotas = Quotas(settings.requests_per_minute, shared_at=settings.ratelimit_url)
    app.wsgi_app = Front(app.wsgi_app, set(KEPT.values()), quotas)  # type: ignore[method-assign]
    app.wsgi_app = _known_as(settings.base_url, app.wsgi_app)  # type: ignore[method-assign, assignment]
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies)  # type: ignore[method-assign]
    api = web.Api(app)
    app.before_request(web.begin)
    # Flask runs these in the reverse order: the log line is written when every header stands.
    front.remember(app, api, KEPT)
    app.after_request(web.log_request)
    app.after_request(web.finish)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    auth.guard.install(
        app,
        api,
        POLICY,
        quotas,
        may_act=_may_act,
        state_purpose=persons.guard.stated_purpose,
        app_looks=_app_looks,
    )
    _meter_others(app, quotas)
    app.before_request(api.read_strictly)
    app.extensions["api"] = api
    app.register_blueprint(probes.blueprint)
    app.register_blueprint(site.blueprint)
    app.register_blueprint(auth.views.pages)
    app.register_blueprint(services.tourism.views.pages.blueprint)
    app.config["SANDBOX_URL"] = settings.sandbox_url
    return app


def _known_as(base_url: str, wsgi: WSGIApplication) -> WSGIApplication:
    """Let every request bear the name we are known by: what a caller writes into Host reaches no link of ours."""
    scheme, _, host = base_url.partition("://")

    def named(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.update({"wsgi.url_scheme": scheme, "HTTP_HOST": host})
        return wsgi(environ, start_response)

    return named


def _meter_others(app: Flask, quotas: Quotas) -> None:
    """Count by network address what the guard doesn't: guessing paths is not free either, nor is the page of apps."""

    @app.before_request
    def meter() -> None:
        if request.url_rule is None or request.blueprint == auth.views.pages.name:
            g.quota = quotas.spend(f"address:{request.remote_addr}")
            if g.quota.exceeded:
                raise TooManyRequests(retry_after=g.quota.reset_seconds)


def _app_looks(look: AppLook) -> None:
    with database.transaction() as session:
        persons.operations.record_app_look(
            session,
            look.citizen_id,
            app_id=look.app_id,
            app_name=look.app_name,
            scope=look.scope,
            operation=look.operation,
        )


def _may_act(agent_id: UUID, principal_id: UUID, scope: str, operation: str) -> bool:
    with database.transaction() as session:
        return persons.operations.act(session, agent_id, principal_id, scope, operation)
