"""Addresses an app takes citizens back to: which may be registered, which one is meant, and how an answer is put in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

LONGEST = 400
# Printable ASCII without what no address has as it is written, without "*" and "#"; browsers read "\" as "/".
_AS_WRITTEN = re.compile(r"[!$%&'()+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
# RFC 8252 section 7.1: the name of a domain of theirs turned round, so that no two apps have the same by chance.
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_OURS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})


def is_allowed(address: str) -> bool:
    """Whether an app may register `address`: https with a host's name, loopback over http, or a private-use scheme.

    Never with a fragment, a wildcard, a user name, or a parameter that our answer would have.
    """
    if len(address) > LONGEST or not _AS_WRITTEN.fullmatch(address) or address.endswith("?"):
        return False
    split = _split(address)
    if split is None or {name for name, _ in parse_qsl(split.query, keep_blank_values=True)} & _OURS:
        return False
    if "@" in split.netloc or split.netloc != split.netloc.lower() or _climbs(split.path):
        return False
    if split.scheme == "https":
        return bool(_HOST.fullmatch(split.hostname or "")) and address.startswith(f"https://{split.netloc}")
    if split.scheme == "http":
        return split.hostname in _LOOPBACK
    return bool(_PRIVATE_SCHEME.fullmatch(split.scheme)) and address.startswith(f"{split.scheme}:/")


def is_homepage(address: str) -> bool:
    """Whether `address` can be the home page of an app: https with a host's name."""
    return is_allowed(address) and address.startswith("https://")


def find(asked: str, registered: Iterable[str]) -> str | None:
    """`asked`, when it is a registered address letter by letter; on loopback with any port (RFC 8252 section 7.3)."""
    for known in registered:
        if asked == known or (_is_loopback(known) and is_allowed(asked) and _portless(asked) == _portless(known)):
            return asked
    return None


def answer(address: str, parameters: Mapping[str, str | None]) -> str:
    """`address` with those of `parameters` that have a value; its own stay."""
    present = {name: value for name, value in parameters.items() if value is not None}
    return f"{address}{'&' if '?' in address else '?'}{urlencode(present, quote_via=quote)}"


def place(address: str) -> str:
    """Where an address leads, in a word a person can check: a host's name, or an app's scheme."""
    split = urlsplit(address)
    return split.netloc if split.scheme in {"http", "https"} else f"{split.scheme}:"


def form_target(address: str) -> str:
    """The source expression of a Content-Security-Policy that lets a form's answer lead to `address`."""
    split = urlsplit(address)
    if split.scheme not in {"http", "https"}:
        return f"{split.scheme}:"
    # A policy has no way to write an IPv6 address.
    return "http:" if split.hostname == "::1" else f"{split.scheme}://{split.netloc}"


def _is_loopback(address: str) -> bool:
    split = _split(address)
    return split is not None and split.scheme == "http" and split.hostname in _LOOPBACK


def _portless(address: str) -> tuple[str, str | None, str, str]:
    split = urlsplit(address)
    return split.scheme, split.hostname, split.path, split.query


def _split(address: str) -> SplitResult | None:
    try:
        split = urlsplit(address)
        _ = split.port
        if split.hostname and ":" in split.hostname:
            ip_address(split.hostname)
    except ValueError:
        return None
    return split


def _climbs(path: str) -> bool:
    """Whether a path leads elsewhere once a browser has tidied it up."""
    return any(step.lower().replace("%2e", ".") in {".", ".."} for step in path.split("/"))
