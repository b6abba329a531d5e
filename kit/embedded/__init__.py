"""A private PostgreSQL server for development and tests, so that a clone runs with nothing but Python installed.

`start(data)` answers with a running server whose files lie in `data`. Whoever holds an `EmbeddedServer` is a user of
it; several processes may share one. A small keeper process watches the users: when the last one stops or dies, even by
kill -9, it shuts the server down, and when the server itself dies, it brings it back. The server listens on a unix
socket in a folder that its account alone can enter, and on no network address. Production uses a server of its own by
DATABASE_URL and nothing from here.
"""

from kit.embedded.cluster import find_system_programs
from kit.embedded.keeper import EmbeddedServerError, ends_with_parent
from kit.embedded.server import EmbeddedServer, remove, start

__all__ = ["EmbeddedServer", "EmbeddedServerError", "ends_with_parent", "find_system_programs", "remove", "start"]
