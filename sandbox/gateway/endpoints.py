"""Webhook endpoints: who is told about what."""

import re
import secrets
from typing import Any

from sandbox.clock import Clock
from sandbox.gateway.params import merged
from sandbox.gateway.protocol import API_VERSION, invalid, new_id
from sandbox.gateway.reading import find
from sandbox.store import Document, Store

_EVENT_NAME = re.compile(r"\*|[a-z_]+(\.[a-z_]+)+")
_MOST = 16


class Endpoints:
    """Webhook endpoints made through the API. Every method belongs inside a unit of the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Keep endpoints in the store."""
        self._store = store
        self._clock = clock

    def create(self, params: dict[str, Any]) -> Document:
        """Make an endpoint; the answer is the only one that shows its secret."""
        if len(self._store.ids("webhook_endpoint")) >= _MOST:
            raise invalid(f"You have reached the maximum of {_MOST} test webhook endpoints.", "url")
        endpoint: Document = {
            "id": new_id("we"),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version", API_VERSION),
            "application": None,
            "created": self._clock.timestamp(),
            "description": params.get("description"),
            "enabled_events": _names(params["enabled_events"]),
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "status": "disabled" if params.get("disabled") else "enabled",
            "url": params["url"],
            "_secret": f"whsec_{secrets.token_urlsafe(24)}",
        }
        self._save(endpoint)
        return endpoint | {"secret": endpoint["_secret"]}

    def update(self, endpoint_id: str, params: dict[str, Any]) -> Document:
        """Change an endpoint, or switch it off and on."""
        endpoint = find(self._store, "webhook_endpoint", endpoint_id, "webhook_endpoint")
        endpoint |= {name: params[name] for name in ("description", "url") if name in params}
        if "enabled_events" in params:
            endpoint["enabled_events"] = _names(params["enabled_events"])
        if "disabled" in params:
            endpoint["status"] = "disabled" if params["disabled"] else "enabled"
        endpoint["metadata"] = merged(endpoint["metadata"], params.get("metadata", {}))
        self._save(endpoint)
        return endpoint

    def delete(self, endpoint_id: str) -> Document:
        """Forget an endpoint; what was not delivered to it never will be."""
        find(self._store, "webhook_endpoint", endpoint_id, "webhook_endpoint")
        self._store.delete("webhook_endpoint", endpoint_id)
        return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}

    def _save(self, endpoint: Document) -> None:
        self._store.put("webhook_endpoint", endpoint["id"], endpoint)


def _names(wanted: list[str]) -> list[str]:
    if not wanted or not all(_EVENT_NAME.fullmatch(each) for each in wanted):
        raise invalid("enabled_events names events, or * for all of them.", "enabled_events")
    return wanted
