"""What the sandbox's phones received: text messages and pushes, in order of arrival."""

from typing import Any

from sandbox.clock import Clock
from sandbox.store import Document, Store

KINDS = ("sms", "push")


class Inbox:
    """Messages as a person holding the phone would see them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Keep messages in the store."""
        self._store = store
        self._clock = clock

    def receive(self, kind: str, to: str, **content: Any) -> Document:
        """Keep one message and return it with its sequence number."""
        with self._store.unit():
            item = {
                "seq": self._store.count_up("inbox"),
                "kind": kind,
                "to": to,
                **content,
                "at": self._clock.now().isoformat(),
            }
            self._store.put("message", f"{item['seq']:012d}", item)
        return item

    def list_items(
        self, to: str | None = None, kind: str | None = None, since: int = 0, limit: int = 1000
    ) -> list[Document]:
        """Return up to `limit` of the newest messages after sequence number `since`, newest last."""
        found: list[Document] = []
        for item in self._store.scan("message", newest_first=True, holding=to):
            if item["seq"] <= since or len(found) == limit:
                break
            if to in {None, item["to"]} and kind in {None, item["kind"]}:
                found.append(item)
        return found[::-1]


def phone_or_address(text: str | None) -> str | None:
    """Read the `to` of a query; the plus of an unescaped phone number arrives as a space."""
    if not text or not text.strip():
        return None
    bare = text.strip()
    return f"+{bare}" if bare.isdigit() and text != bare else bare
