"""Whether an outside address answers. Only public addresses are asked, and nothing of the answer is kept."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

import requests

_TIMEOUT_SECONDS = 10
_MOST_HOPS = 4
_PORTS = {None, 80, 443}
_FIRST_FAILURE = 400
_NOT_FOR_HEAD = {403, 405, 501}


def ask(url: str, *, is_public_only: bool = True) -> str:
    """How an address answers: ok, the HTTP status as text, or unreachable, not_public, too_many_hops."""
    for _hop in range(_MOST_HOPS):
        if is_public_only and not _is_public(url):
            return "not_public"
        try:
            answer = _request("HEAD", url)
            if answer.status_code in _NOT_FOR_HEAD:
                answer = _request("GET", url)
        except requests.RequestException:
            return "unreachable"
        if not answer.is_redirect:
            return "ok" if answer.status_code < _FIRST_FAILURE else str(answer.status_code)
        # Each hop is looked at before it is gone: a public page may lead to an inner one.
        url = urljoin(url, answer.headers["Location"])
    return "too_many_hops"


def _request(method: str, url: str) -> requests.Response:
    headers = {"User-Agent": "citizen-link-check/1"}
    with requests.request(
        method, url, timeout=_TIMEOUT_SECONDS, headers=headers, allow_redirects=False, stream=True
    ) as answer:
        return answer


def _is_public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port not in _PORTS:
            return False
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False
    return bool(found) and all(ipaddress.ip_address(entry[4][0]).is_global for entry in found)
