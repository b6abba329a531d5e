"""Calls to addresses that others have named: https, to a public host on port 443, at the address that was checked."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

# (host, port) -> the addresses it has now, as text; raises OSError when it has none.
Resolve = Callable[[str, int], Sequence[str]]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_URL: Final = 2000
_LONGEST_HOST: Final = 253
_PORT: Final = 443
_LOOKUP_SECONDS: Final = 5.0
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"[!-~]*")  # visible ASCII: what is not must be percent-encoded
# Names that mean a host nearby, by RFC 6761, 6762, 7686, 8375 and 9476, or by habit.
_NEARBY: Final = frozenset({
    "localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "onion", "alt", "test",
    "invalid", "example",
})  # fmt: skip
# What `is_global` of some Python releases lets through, the one address by which a large cloud serves its own machines,
# and prefixes in which other addresses are wrapped.
_NEVER: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
        "3fff::/20", "5f00::/16", "fec0::/10",
    )
)  # fmt: skip


class AddressRefused(Exception):
    """Nothing may be sent to that address; `reason` is a stable slug, and the text never quotes the address."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotDelivered(Exception):
    """No answer came in time; `reason` is a stable slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Target:
    """An address that was checked: `address` is the one to connect to, whatever the name says a moment later."""

    scheme: str
    host: str
    port: int
    path: str
    address: str


@dataclass(frozen=True)
class _Rules:
    resolve: Resolve
    allowed: str | None
    trusted: str | None


def _ask_the_system(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


_rules: dict[str, _Rules] = {"now": _Rules(_ask_the_system, None, None)}


def configure(*, resolve: Resolve = _ask_the_system, allowed: str | None = None, trusted: str | None = None) -> None:
    """Resolve names by `resolve` from now on. Addresses that begin with the origin `allowed` need no check.

    Only a sandbox names an origin. `trusted` is a file of certificates to trust in place of the system's.
    """
    _rules["now"] = _Rules(resolve, allowed.rstrip("/") + "/" if allowed else None, trusted)


def check(url: str) -> Target:
    """Where a call to `url` would go, once nothing speaks against it. Opens no connection.

    A name that is not answered within five seconds is an unknown_host. Raises AddressRefused with malformed, not_https,
    not_a_name, port, not_public or unknown_host.
    """
    rules = _rules["now"]
    if len(url) > _LONGEST_URL or not _PATH.fullmatch(url) or "\\" in url:
        raise AddressRefused("malformed")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("malformed") from None
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    if rules.allowed and url.startswith(rules.allowed):
        return Target(parts.scheme, parts.hostname or "", port or _PORT, path, parts.hostname or "")
    if parts.scheme != "https":
        raise AddressRefused("not_https")
    if "@" in parts.netloc or parts.fragment or "#" in url:
        raise AddressRefused("malformed")
    host = _public_name(parts.hostname or "")
    if port not in {None, _PORT}:
        raise AddressRefused("port")
    return Target("https", host, _PORT, path, _resolve(rules.resolve, host))


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = 15.0) -> int:
    """Check `url` anew, POST to it, and give the status of the answer; a redirect is an answer like any other.

    Whatever the other side does, it takes no longer than `seconds`. Raises AddressRefused before any connection is
    opened, and NotDelivered with timeout, tls, connection or malformed_answer.
    """
    return _exchange("POST", url, body, headers, seconds, 0)[0]


def ask(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, seconds: float = 15.0, most: int
) -> tuple[int, bytes]:
    """As `post`, by any method, and with the body of the answer: at most `most` bytes, or it is malformed_answer."""
    return _exchange(method, url, body, headers, seconds, most)


def _exchange(  # noqa: PLR0917 - a request, how long it may take, and how much of the answer is read
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float, most: int
) -> tuple[int, bytes]:
    target = check(url)
    connection = _Pinned(target, seconds)
    # A socket's own timeout begins anew with every byte; this one does not.
    is_late = threading.Event()

    def give_up() -> None:
        is_late.set()
        connection.cut()

    alarm = threading.Timer(seconds, give_up)
    alarm.daemon = True
    alarm.start()
    try:
        connection.request(method, target.path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        status, read = answer.status, answer.read(most + 1) if most else b""
    except ssl.SSLError as exc:
        raise NotDelivered("timeout" if is_late.is_set() else "tls") from exc
    except TimeoutError as exc:
        raise NotDelivered("timeout") from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        reason = "malformed_answer" if isinstance(exc, http.client.HTTPException) else "connection"
        raise NotDelivered("timeout" if is_late.is_set() else reason) from exc
    finally:
        alarm.cancel()
        connection.close()
    if is_late.is_set():  # what was cut off may look like an answer
        raise NotDelivered("timeout")
    if len(read) > most:
        raise NotDelivered("malformed_answer")
    return status, read


def is_public(address: str) -> bool:
    """Whether that IP address is reachable for everybody, and so nothing of ours or of a neighbour's."""
    try:
        found: _Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return False  # nobody publishes such an address in earnest
    if any(found in network for network in _NEVER if network.version == found.version):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _public_name(host: str) -> str:
    labels = host.split(".")
    if not host or len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        # Addresses in brackets, a final dot, an underscore, an empty label; names in other scripts come as xn--.
        raise AddressRefused("not_a_name")
    # No top-level domain begins with a digit: 127.1, 2130706433, 0x7f.0.0.1 and their kin are all numbers.
    if len(labels) == 1 or labels[-1][0].isdigit():
        raise AddressRefused("not_a_name")
    if labels[-1] in _NEARBY:
        raise AddressRefused("not_public")
    return host


def _resolve(resolve: Resolve, host: str) -> str:
    asked: Future[Sequence[str]] = Future()

    def ask() -> None:
        try:
            asked.set_result(resolve(host, _PORT))
        except Exception as exc:  # noqa: BLE001 - it is raised where the answer is waited for
            asked.set_exception(exc)

    # The name server may be theirs, and the system waits for it for half a minute: whoever asks holds a transaction.
    threading.Thread(target=ask, daemon=True).start()
    try:
        addresses = asked.result(_LOOKUP_SECONDS)
    except (OSError, UnicodeError):
        raise AddressRefused("unknown_host") from None
    if not addresses:
        raise AddressRefused("unknown_host")
    if not all(is_public(address) for address in addresses):
        raise AddressRefused("not_public")  # also for one among many: the next question might get that one
    return addresses[0]


class _Pinned(http.client.HTTPConnection):
    """One connection to the address that was checked, in the name of the host; never through a proxy."""

    def __init__(self, target: Target, seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=seconds)
        self._target = target

    def connect(self) -> None:
        self.sock = socket.create_connection((self._target.address, self._target.port), self.timeout)
        if self._target.scheme == "https":
            context = ssl.create_default_context(cafile=_rules["now"].trusted)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self.sock = context.wrap_socket(self.sock, server_hostname=self._target.host)

    def cut(self) -> None:
        """End it from another thread, in the middle of whatever it waits for."""
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself
