"""Reading the gateway's objects: pages, the search language and expansion of ids into objects."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.gateway.protocol import GatewayError, invalid
from sandbox.store import Document, Store

_DEFAULT_PAGE = 10
_DEEPEST_EXPANSION = 4
# (object, field) -> the object its id stands for.
_LINKS = {
    ("payment_intent", "latest_charge"): "charge",
    ("payment_intent", "payment_method"): "payment_method",
    ("payment_intent", "customer"): "customer",
    ("charge", "balance_transaction"): "balance_transaction",
    ("charge", "payment_intent"): "payment_intent",
    ("charge", "customer"): "customer",
    ("payment_method", "customer"): "customer",
    ("setup_intent", "customer"): "customer",
    ("setup_intent", "payment_method"): "payment_method",
    ("dispute", "charge"): "charge",
    ("dispute", "payment_intent"): "payment_intent",
    ("payout", "balance_transaction"): "balance_transaction",
    ("payout", "failure_balance_transaction"): "balance_transaction",
    ("payout", "original_payout"): "payout",
    ("payout", "reversed_by"): "payout",
    ("refund", "charge"): "charge",
    ("refund", "payment_intent"): "payment_intent",
    ("refund", "balance_transaction"): "balance_transaction",
    ("refund", "failure_balance_transaction"): "balance_transaction",
    ("balance_transaction", "source"): None,
}
_PREFIXES = {
    "pi": "payment_intent",
    "ch": "charge",
    "pm": "payment_method",
    "cus": "customer",
    "re": "refund",
    "txn": "balance_transaction",
    "evt": "event",
    "seti": "setup_intent",
    "dp": "dispute",
    "po": "payout",
}
_IN_WORDS = frozenset({"balance_transaction", "webhook_endpoint"})
_CLAUSE = re.compile(
    r"""\s*(?:metadata\[(?P<kq>['"])(?P<key>(?:(?!(?P=kq)).)*)(?P=kq)\]|(?P<field>[a-z_]+))\s*"""
    r"""(?P<op>:|<=|>=|<|>)\s*(?:(?P<vq>['"])(?P<text>(?:(?!(?P=vq)).)*)(?P=vq)|(?P<number>[0-9]+))\s*"""
    r"""(?:AND\b|and\b|$)"""
)
_SEARCHABLE = frozenset({"amount", "created", "currency", "customer", "status"})


def find(store: Store, kind: str, identity: str, param: str = "id", status: int = 404) -> Document:
    """Return an object or raise resource_missing."""
    found = store.get(kind, identity)
    if found is None:
        words = kind.replace("_", " ") if kind in _IN_WORDS else kind
        raise GatewayError(
            status, "invalid_request_error", f"No such {words}: '{identity}'", code="resource_missing", param=param
        )
    return found


def check_expansions(kind: str, paths: list[str], *, listed: bool) -> None:
    """Refuse a path that leads nowhere before anything is carried out."""
    for path in paths:
        steps = path.split(".")
        if listed:
            if steps[0] != "data":
                raise _not_expandable(path)
            steps = steps[1:]
        current: str | None = kind
        if len(steps) > _DEEPEST_EXPANSION:
            raise invalid(f"You cannot expand more than {_DEEPEST_EXPANSION} levels of a property.", "expand")
        for step in steps:
            # After a link that may hold several kinds, any field could follow; it is looked up when it is met.
            if current is not None:
                if (current, step) not in _LINKS:
                    raise _not_expandable(path)
                current = _LINKS[current, step]


class Reader:
    """Shows objects as a caller may see them, alone or in pages."""

    def __init__(self, store: Store, show: Callable[[Document], Document]) -> None:
        """`show` turns a stored object into its public form."""
        self._store = store
        self._show = show

    def expand(self, document: Document, paths: list[str]) -> Document:
        """Return the public object with the ids at the given paths replaced by their objects."""
        shown = self._show(document)
        for path in paths:
            node: Any = shown
            for step in path.split("."):
                value = node.get(step)
                if isinstance(value, str):
                    kind = _PREFIXES.get(value.split("_", 1)[0], "")
                    linked = self._store.get(kind, value)
                    value = node[step] = value if linked is None else self._show(linked)
                if not isinstance(value, dict):
                    break
                node = value
        return shown

    def page(
        self, kind: str, url: str, params: Document, matches: Callable[[Document], bool], holding: str | None = None
    ) -> Document:
        """Return one page of a list, newest first, as the SDK walks it with starting_after or ending_before."""
        limit = params.get("limit", _DEFAULT_PAGE)
        after, before = params.get("starting_after"), params.get("ending_before")
        for name, cursor in (("starting_after", after), ("ending_before", before)):
            if cursor is not None:
                find(self._store, kind, cursor, name, 400)
        backwards = before is not None
        cursor = after or before
        # The cursor itself may not hold the text, so the sieve only serves the first page.
        documents = self._store.scan(kind, newest_first=not backwards, holding=None if cursor else holding)
        found = _matching(documents, cursor, params.get("created", {}), matches, limit + 1)
        data = self._expand_each(found[:limit], params)
        return {"object": "list", "url": url, "has_more": len(found) > limit, "data": data[::-1] if backwards else data}

    def search(self, kind: str, url: str, params: Document) -> Document:
        """Return one page of a search such as `metadata['payment_id']:'x' AND status:'succeeded'`, newest first."""
        clauses = _clauses(params["query"])
        limit = params.get("limit", _DEFAULT_PAGE)
        start = _page_number(params.get("page"))
        # Exact text is also a sieve over the stored bytes, which spares decoding every object.
        exact = [wanted for *_, operator, wanted in clauses if operator == ":" and isinstance(wanted, str)]
        sieve = exact[0] if exact else None
        found: list[Document] = []
        for document in self._store.scan(kind, newest_first=True, holding=sieve):
            if all(_holds(document, clause) for clause in clauses):
                found.append(document)
                if len(found) > start + limit:
                    break
        more = len(found) > start + limit
        return {
            "object": "search_result",
            "url": url,
            "has_more": more,
            "total_count": None,
            "next_page": base64.urlsafe_b64encode(str(start + limit).encode()).decode() if more else None,
            "data": self._expand_each(found[start : start + limit], params),
        }

    def _expand_each(self, documents: list[Document], params: Document) -> list[Document]:
        paths = [path.removeprefix("data.") for path in params.get("expand", [])]
        return [self.expand(each, paths) for each in documents]


def _matching(
    documents: Iterator[Document],
    cursor: str | None,
    bounds: dict[str, int],
    matches: Callable[[Document], bool],
    most: int,
) -> list[Document]:
    found: list[Document] = []
    passed = cursor is None
    for document in documents:
        if not passed:
            passed = document["id"] == cursor
        elif within(document["created"], bounds) and matches(document):
            found.append(document)
            if len(found) == most:
                break
    return found


def within(created: int, bounds: dict[str, int]) -> bool:
    """Tell whether a moment lies within gt, gte, lt and lte."""
    return bounds.get("gte", created) <= created <= bounds.get("lte", created) and bounds.get(
        "gt", created - 1
    ) < created < bounds.get("lt", created + 1)


Clause = tuple[str | None, str | None, str, str | int]


def _clauses(query: str) -> list[Clause]:
    clauses: list[Clause] = []
    position = 0
    while position < len(query):
        match = _CLAUSE.match(query, position)
        if match is None or match.end() == position:
            raise invalid(f"Invalid search query near: {query[position : position + 30]}", "query")
        if match["field"] is not None and match["field"] not in _SEARCHABLE:
            raise invalid(f"Field `{match['field']}` is an unsupported search field.", "query")
        wanted: str | int = match["text"] if match["number"] is None else int(match["number"])
        if match["op"] != ":" and not (match["field"] in {"amount", "created"} and isinstance(wanted, int)):
            raise invalid("Comparison operators compare amount or created with a number.", "query")
        clauses.append((match["key"], match["field"], match["op"], wanted))
        position = match.end()
    return clauses


def _holds(document: Document, clause: Clause) -> bool:
    key, field, operator, wanted = clause
    found = document["metadata"].get(key) if key is not None else document.get(str(field))
    if operator == ":" or found is None:
        return found is not None and str(found) == str(wanted)
    return bool({"<": found < wanted, "<=": found <= wanted, ">": found > wanted, ">=": found >= wanted}[operator])


def _page_number(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as wrong:
        raise invalid("Invalid page token", "page") from wrong


def _not_expandable(path: str) -> GatewayError:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
