"""Our application without the answers its processes keep: what a list costs when nobody has asked for it."""

from flask import Flask

import server.app
from kit import kept


def create_app() -> Flask:
    """The application, with room for no answer."""
    kept.MOST_BYTES = 0
    return server.app.create_app()
