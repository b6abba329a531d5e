"""The schema's way up: Alembic, configured in pyproject.toml, run from the code."""

from __future__ import annotations

import functools
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from kit.database import sqlalchemy_url

_FOLDER = Path(__file__).parent.parent / "migrations"


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest revision. Two processes may call it at once: one waits."""
    command.upgrade(_config(url), "head")


@functools.cache
def expected_revision() -> str | None:
    """The newest revision the code knows."""
    return ScriptDirectory(str(_FOLDER)).get_current_head()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["url"] = sqlalchemy_url(url)
    return config
