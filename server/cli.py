"""`citizen`: the one command of the house."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from kit.errors import DomainError
from server import settings as environment

_SAMPLE = Path(__file__).parent.parent / "sample"
# Each room's own commands; a room is imported when one of them is asked for.
_ROOMS = {
    "auth": "auth",
    "persons": "persons",
    "divisions": "divisions",
    "payments": "payments",
    "utilities": "services.utilities",
    "education": "services.education",
    "tourism": "services.tourism",
    "health": "services.health",
}
_PATIENCE_MS = 60_000  # a batch of an import on a busy machine
_EXPLAINS = f"{__name__}.explains"  # help needs no database
_SPEC = Path(__file__).parent.parent / "openapi.yaml"


class _House(click.Group):
    """Knows the rooms' commands, and tells what a person at the terminal can mend, without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ROOMS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ROOMS:
            return super().get_command(ctx, cmd_name)
        group: click.Group = importlib.import_module(f"{_ROOMS[cmd_name]}.cli").commands
        return group

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command gives
        ctx.meta[_EXPLAINS] = "--help" in ctx.args
        try:
            return super().invoke(ctx)
        except environment.BadSettings as exc:
            raise click.ClickException(str(exc)) from exc
        except DomainError as exc:
            raise click.ClickException(". ".join(exc.text("en"))) from exc


@click.group(cls=_House)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Bills, clinics, schools and guides of Vietnamese provinces: the server and its tools."""
    if ctx.invoked_subcommand in _ROOMS and not ctx.meta[_EXPLAINS]:
        from server.composition import compose  # noqa: PLC0415

        compose(environment.load(), statement_timeout_ms=_PATIENCE_MS)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes; one per core.")
@click.option("--threads", default=4, show_default=True, help="Requests at once in a process.")
def run(host: str, port: int, workers: int, threads: int) -> None:
    """Serve the API."""
    from granian import Granian  # noqa: PLC0415 - a second of import that no other command needs
    from granian.constants import Interfaces  # noqa: PLC0415

    environment.load()
    Granian(
        "server.app:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        backlog=1024,
        log_access=False,
        respawn_failed_workers=True,
    ).serve()


@main.command()
@click.option("--port", default=8000, show_default=True)
@click.option("--sandbox-port", default=8001, show_default=True)
@click.option("--once", is_flag=True, help="Stop as soon as all is ready.")
@click.option("--journey", is_flag=True, help="Walk `citizen journey`, on the demo that runs or on one of its own.")
def demo(port: int, sandbox_port: int, *, once: bool, journey: bool) -> None:
    """Everything at once for development: database, sandbox, worker and web. Ctrl-C stops it all."""
    from server.demo import run_demo, run_journey  # noqa: PLC0415 - only here

    sys.exit(run_journey() if journey else run_demo(port=port, sandbox_port=sandbox_port, once=once))


@main.command()
@click.option("--concurrency", default=8, show_default=True, help="Jobs at once.")
def worker(concurrency: int) -> None:
    """Work through the queues."""
    from kit import events  # noqa: PLC0415 - a worker alone needs it
    from server import sandbox_clock  # noqa: PLC0415
    from server.composition import compose  # noqa: PLC0415

    settings = environment.load()
    compose(settings, pool_size=concurrency, statement_timeout_ms=_PATIENCE_MS)
    if settings.follow_clock and settings.sandbox_url:
        sandbox_clock.follow(settings.sandbox_url)
    events.run_worker(
        settings.database_url, concurrency=concurrency, stalled_after_seconds=settings.stalled_after_seconds
    )


@main.command()
@click.option("--check", is_flag=True, help="Only compare the migrations with the models; fail where they differ.")
def migrate(*, check: bool) -> None:
    """Bring the database to the newest schema. Safe to run on many machines at once."""
    from server import migrations  # noqa: PLC0415 - Alembic

    if check:
        from server import drift  # noqa: PLC0415

        found = drift.compare()
        for line in found:
            click.echo(line, err=True)
        sys.exit(1 if found else 0)
    migrations.upgrade(environment.load().database_url)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=_SAMPLE)
def seed(folder: Path) -> None:
    """Load the sample province. Repeating it changes nothing."""
    from server.composition import compose  # noqa: PLC0415
    from server.seed import load  # noqa: PLC0415

    settings = environment.load()
    compose(settings, statement_timeout_ms=_PATIENCE_MS)
    load(folder, in_sandbox=settings.in_sandbox, say=click.echo)


@main.command()
@click.option("--check", is_flag=True, help="Only compare openapi.yaml with the code; fail where they differ.")
def spec(*, check: bool) -> None:
    """Write openapi.yaml from the code."""
    from server.openapi import render  # noqa: PLC0415
    from server.spec_app import bare_app  # noqa: PLC0415

    text = render(bare_app())
    if not check:
        _SPEC.write_text(text, encoding="utf-8")
    elif not _SPEC.exists() or _SPEC.read_text(encoding="utf-8") != text:
        raise click.ClickException("openapi.yaml is not what the code says: run `citizen spec`")


@main.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, envvar="BASE_URL")
@click.option("--sandbox", default="http://127.0.0.1:8001", show_default=True, envvar="SANDBOX_URL")
def journey(url: str, sandbox: str) -> None:
    """Pay a real bill on a running server over HTTP only, as an app would, and print every step with its time."""
    from server.journey import Astray, travel  # noqa: PLC0415

    try:
        travel(url.rstrip("/"), sandbox.rstrip("/"), say=click.echo)
    except Astray as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
