"""The HTTP client of power and water companies: is a bill still owed, and please post this payment."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import requests

from kit import clock, egress, signed_calls
from kit.fields import MAX_VND
from kit.text import clean

_TIMEOUT_SECONDS = (3, 10)
_BIGGEST_ANSWER = 1_000_000
_BIGGEST_STATEMENT = 32_000_000  # a hundred thousand postings
_SLOWEST = 1_000_000  # bytes a second
_FIRST_YEAR, _LAST_YEAR = 2020, 2100
_LONGEST = 100
_OK, _CREATED, _NOT_FOUND, _CONFLICT = 200, 201, 404, 409


class ProviderUnreachable(Exception):
    """The provider did not answer, or not in a way that can be relied on: nothing may be concluded from it."""


class StatementBroken(ProviderUnreachable):
    """The provider has answered with a statement that nobody can rely on; `reason` is a stable slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"statement: {reason}")
        self.reason = reason


class AnswerForAnother(ProviderUnreachable):
    """The provider says that it has posted something else than it was asked for: which, has to be found out."""


class PostingRefused(Exception):
    """The provider will not post this payment; `reason` is a stable slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class BillCheck:
    """What a provider says of a bill now: status is open, paid, withdrawn or unknown."""

    status: str
    amount_vnd: int


@dataclass(frozen=True)
class Receipt:
    """A provider's word that it has posted a payment."""

    receipt_no: str
    posted_at: datetime


@dataclass(frozen=True)
class Posted:
    """One posting as it stands in a provider's own books."""

    payment_ref: str
    bill_no: str
    amount_vnd: int
    receipt_no: str
    posted_at: datetime


@dataclass(frozen=True)
class Endpoint:
    """Where a provider's system is, and what we show it: a bearer key, and a secret (whsec_…) that signs.

    An address that a company has named itself is checked anew before every call. One whose key and secret nobody can
    read any more is never called: a call without them would be a stranger's.
    """

    url: str
    key: str | None
    secret: str | None
    is_named_by_them: bool = False
    is_locked: bool = False


class _Connections:
    endpoints: Mapping[str, Mapping[str, str]] = {}
    sandbox: str | None = None
    http = requests.Session()


_connections = _Connections()


def connect(endpoints: Mapping[str, Mapping[str, str]], *, sandbox: str | None) -> None:
    """Where each provider's system is: slug -> {"url", "key", "secret"}; in the sandbox every one has a stand-in.

    With a secret (whsec_ and base64) the calls are signed as well.
    """
    _connections.endpoints, _connections.sandbox = endpoints, sandbox
    _connections.http = requests.Session()
    _connections.http.trust_env = False  # no proxy, no .netrc: keys go where the settings say


def check_address(url: str) -> None:
    """Whether a company's own address can be called, with all that is put behind it. Opens no connection.

    Raises egress.AddressRefused.
    """
    if "?" in url:
        raise egress.AddressRefused("malformed")  # what is asked for is a path behind it
    egress.check(f"{url.rstrip('/')}/{_LONGEST_PATH}")


def check_bill(slug: str, bill_no: str, at: Endpoint | None = None) -> BillCheck:
    """Whether a bill is still owed, and how much. Raises ProviderUnreachable."""
    status, body = _ask(slug, "bills/check", {"bill_no": bill_no}, at)
    if status == _NOT_FOUND and _error(body) == "unknown_bill":
        return BillCheck("unknown", 0)
    if status != _OK:
        raise ProviderUnreachable(f"status {status}")
    try:
        if body["bill_no"] != bill_no or body["status"] not in _STATUSES:
            raise ProviderUnreachable("answer for another bill, or of another state")
        return BillCheck(body["status"], _amount(body))
    except (KeyError, TypeError, ValueError) as exc:
        raise ProviderUnreachable("answer not understood") from exc


def find_posting(
    slug: str, payment_ref: UUID, bill_no: str, amount_vnd: int, at: Endpoint | None = None
) -> Receipt | None:
    """The receipt of a payment that the provider posted before, None when it has not. Raises ProviderUnreachable."""
    status, body = _ask(slug, "postings/query", {"payment_ref": str(payment_ref), "bill_no": bill_no}, at)
    if status == _NOT_FOUND and _error(body) == "unknown_posting":
        return None
    return _receipt(status, body, (str(payment_ref), bill_no, amount_vnd))


def post(  # noqa: PLR0917 - a posting, and where it is sent
    slug: str, payment_ref: UUID, bill_no: str, amount_vnd: int, paid_at: datetime, at: Endpoint | None = None
) -> Receipt:
    """Have a payment written to the customer's account (gạch nợ). Raises PostingRefused, ProviderUnreachable.

    After ProviderUnreachable ask `find_posting` before posting again: it may have been posted.
    """
    wanted = {
        "payment_ref": str(payment_ref),
        "bill_no": bill_no,
        "amount_vnd": amount_vnd,
        "paid_at": clock.local(paid_at).isoformat(),
    }
    status, body = _ask(slug, "postings", wanted, at)
    if status in {_NOT_FOUND, _CONFLICT} and (reason := _error(body)) in REASONS:
        raise PostingRefused(reason)
    return _receipt(status, body, (str(payment_ref), bill_no, amount_vnd))


def read_statement(slug: str, day: date, at: Endpoint | None = None) -> list[Posted]:
    """Everything a provider has posted for us on one day in Vietnam, its count and sum checked.

    Raises ProviderUnreachable, and StatementBroken when a line cannot be read or the sums are not those of the lines:
    half a statement is none.
    """
    status, body = _ask(slug, f"statements/{day.isoformat()}", None, at, _BIGGEST_STATEMENT)
    if status != _OK:
        raise ProviderUnreachable(f"status {status}")
    try:
        lines = [
            Posted(
                str(line["payment_ref"]),
                _word(line["bill_no"]),
                _amount(line),
                _word(line["receipt_no"]),
                _instant(line["posted_at"]),
            )
            for line in body["items"]
        ]
        if (body["count"], body["sum_vnd"]) != (len(lines), sum(line.amount_vnd for line in lines)):
            raise StatementBroken("sums_differ")
    except (KeyError, TypeError, ValueError) as exc:
        raise StatementBroken("not_understood") from exc
    return lines


_LONGEST_PATH = f"statements/{date.max.isoformat()}"
_STATUSES = frozenset({"open", "paid", "withdrawn"})
# Only these end the matter. A bare 404 may come from a gate in between that has never heard of the provider.
REASONS = frozenset({"already_paid", "amount_differs", "withdrawn", "unknown_bill"})


def _error(body: Any) -> str:  # noqa: ANN401 - JSON from outside
    return str(body.get("error")) if isinstance(body, dict) else ""


def _amount(body: Any) -> int:  # noqa: ANN401 - JSON from outside
    """A sum that a bill can have; anything else is not understood. Raises ValueError."""
    amount = body["amount_vnd"]
    if isinstance(amount, bool) or not isinstance(amount, int) or not 1 <= amount <= MAX_VND:
        raise ValueError("not an amount")
    return amount


def _instant(told: str) -> datetime:
    """When a provider says that it has posted; without a zone it is Vietnam's. Raises ValueError, TypeError."""
    posted_at = datetime.fromisoformat(told)
    if not _FIRST_YEAR <= posted_at.year <= _LAST_YEAR:
        raise ValueError("not an instant")  # one at the edge of time cannot be read again in every zone
    return posted_at if posted_at.tzinfo is not None else posted_at.replace(tzinfo=clock.ZONE)


def _word(told: object) -> str:
    """A number of theirs: printable, up to a hundred characters. Raises ValueError, TypeError."""
    if not isinstance(told, str | int):
        raise TypeError("not a number of theirs")
    word = clean(str(told)).strip()[:_LONGEST]
    # NUL and lone surrogates cannot be stored: one such answer would take the others of its payment with it.
    if not word.isprintable():
        raise ValueError("not printable")
    return word


def _receipt(status: int, body: Any, posted: tuple[str, str, int]) -> Receipt:  # noqa: ANN401 - JSON from outside
    if status not in {_OK, _CREATED}:
        raise ProviderUnreachable(f"status {status}")
    try:
        if (body["payment_ref"], body["bill_no"], _amount(body)) != posted:
            raise AnswerForAnother("answer for another posting")
        return Receipt(_word(body["receipt_no"]), _instant(body["posted_at"]))
    except (KeyError, TypeError, ValueError) as exc:
        raise ProviderUnreachable("answer not understood") from exc


def _ask(
    slug: str, what: str, body: dict[str, Any] | None, at: Endpoint | None, most: int = _BIGGEST_ANSWER
) -> tuple[int, Any]:
    endpoint = at or _find_endpoint(slug)
    if endpoint.is_locked:
        raise ProviderUnreachable("credentials unreadable")
    raw = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    if endpoint.secret and body is not None:
        # Of the same question the same id, whatever else has changed: an id that comes twice is one intention.
        call_id = hashlib.sha256(what.encode() + b"\n" + raw).hexdigest()[:32]
        headers |= signed_calls.headers_of(endpoint.secret, call_id, clock.now(), raw)
    seconds = sum(_TIMEOUT_SECONDS) + most / _SLOWEST
    method, url = "GET" if body is None else "POST", f"{endpoint.url.rstrip('/')}/{what}"
    try:
        if endpoint.is_named_by_them:
            status, told = egress.ask(method, url, raw or None, headers, seconds=seconds, most=most)
        else:
            status, told = _exchange(method, url, raw or None, headers, seconds, most)
        return status, json.loads(told)
    except (egress.AddressRefused, egress.NotDelivered) as exc:
        raise ProviderUnreachable(exc.reason) from exc
    except (requests.RequestException, ValueError, RecursionError) as exc:
        raise ProviderUnreachable(type(exc).__name__) from exc


def _find_endpoint(slug: str) -> Endpoint:
    known = _connections.endpoints.get(slug)
    if known is not None:
        return Endpoint(known["url"], known["key"], known.get("secret"))
    if _connections.sandbox:
        # Made of the slug, as the stand-in makes it: it protects nothing, and shows how it is done.
        secret = "whsec_" + b64encode(hashlib.sha256(f"sandbox signs for {slug}".encode()).digest()).decode()
        return Endpoint(f"{_connections.sandbox}/providers/{slug}", f"sandbox-{slug}", secret)
    raise ProviderUnreachable("no endpoint in PROVIDER_ENDPOINTS")


def _exchange(  # noqa: PLR0917 - a request, how long it may take, and how much of the answer is read
    method: str, url: str, raw: bytes | None, headers: Mapping[str, str], seconds: float, most: int
) -> tuple[int, bytes]:
    deadline = time.monotonic() + seconds
    with _connections.http.request(
        method, url, data=raw, headers=dict(headers), timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True
    ) as answer:
        read = bytearray()
        for piece in answer.iter_content(65_536):
            read += piece
            if len(read) > most:
                raise ProviderUnreachable("answer too big")
            if time.monotonic() > deadline:  # the timeout of a socket begins anew with every byte
                raise ProviderUnreachable("answer too slow")
        return answer.status_code, bytes(read)
