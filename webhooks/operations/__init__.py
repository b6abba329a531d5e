"""All SQL and rules of webhooks out."""

from webhooks.operations.calls import LADDER, DueCall, find_due_call, give_up_when_disabled, record_attempt
from webhooks.operations.endpoints import (
    MOST_ENDPOINTS,
    OVERLAP,
    NewEndpoint,
    change_endpoint,
    create_endpoint,
    get_endpoint,
    list_endpoints,
    list_heard,
    remove_endpoint,
    rotate_secret,
)
from webhooks.operations.happenings import (
    forget_old_events,
    get_delivery,
    list_deliveries,
    list_events,
    record_event,
    replay,
    send_test,
)

__all__ = [
    "LADDER",
    "MOST_ENDPOINTS",
    "OVERLAP",
    "DueCall",
    "NewEndpoint",
    "change_endpoint",
    "create_endpoint",
    "find_due_call",
    "forget_old_events",
    "get_delivery",
    "get_endpoint",
    "give_up_when_disabled",
    "list_deliveries",
    "list_endpoints",
    "list_events",
    "list_heard",
    "record_attempt",
    "record_event",
    "remove_endpoint",
    "replay",
    "rotate_secret",
    "send_test",
]
