"""One whole story over HTTP only, as an app would live it: sign in, link, pay, hear of it, see the provider's side."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import requests

from kit.text import mask_name
from server.seed import sandbox_client

_PROVIDER, _CODE, _HOLDER = "pc-thanh-hoa", "PA07TH0000001", "Nguyễn Văn An"
_LONGEST_WAIT_SECONDS = 15.0
_OK, _CREATED, _NO_CONTENT, _CONFLICT = 200, 201, 204, 409
_PAUSE_SECONDS = 0.05
_USAGE, _AMOUNT_VND = 250, 636_768
_WIDTH = 22  # of the longest step
_SHOWN = 3  # digits at the end of a personal number


class Astray(Exception):
    """Something was not as it should be; the text says where and what."""


class _App:
    """A phone: its token, and one connection to the server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Accept-Language"] = "vi"

    def carry(self, token: str) -> None:
        """Send this access token from now on."""
        self._http.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, *, expect: int, **kwargs: Any) -> Any:  # noqa: ANN401 - JSON
        """One request; raises Astray unless the status is the expected one."""
        headers = kwargs.pop("headers", {})
        if method == "POST" and "data" not in kwargs:
            headers["Idempotency-Key"] = str(uuid4())
        try:
            answer = self._http.request(method, self._url + path, headers=headers, timeout=20, **kwargs)
        except requests.RequestException as exc:
            raise Astray(f"{method} {path}: {type(exc).__name__}") from exc
        if answer.status_code != expect:
            raise Astray(f"{method} {path}: {answer.status_code} instead of {expect}: {answer.text[:300]}")
        return answer.json() if answer.content else None


def travel(url: str, sandbox: str, *, say: Callable[[str], None]) -> None:
    """Walk the whole road, telling each step with its time; raises Astray if anything is off.

    Repeatable: the bill it pays is a fresh one of this month's journey, sent first by the power company's own system.
    """
    watch = _Watch(say)
    phone = f"+8491{secrets.randbelow(10**7):07d}"
    app, clerk = _App(url), _App(url)
    bill_no = _new_bill(clerk, sandbox, watch)
    _sign_in(app, sandbox, phone, watch)
    device = f"journey-{uuid4()}"
    body = {"address": device, "address_kind": "token", "platform": "android", "language": "vi"}
    app.ask("POST", "/v1/devices", expect=_CREATED, json=body)
    account = app.ask(
        "POST",
        "/v1/utilities/accounts",
        expect=_CREATED,
        json={"provider": _PROVIDER, "customer_code": _CODE, "holder_name": _HOLDER},
    )
    watch.tell("Liên kết mã khách hàng", f"{_masked(account['customer_code'])}, {mask_name(account['holder_name'])}")
    bill = _find_bill(app, account["id"], bill_no, watch)
    payment = _pay(app, bill, watch)
    told = _await_posted(app, payment["id"], watch)
    _await_push(app, sandbox, device, payment["id"], watch)
    _see_provider_side(clerk, sandbox, told, bill_no, watch)
    say(f"Xong sau {watch.total():.2f} s.")


class _Watch:
    """Times the steps and prints them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._start = self._last = time.perf_counter()

    def tell(self, step: str, what: str) -> None:
        now = time.perf_counter()
        self._say(f"{(now - self._last) * 1000:6.0f} ms  {step:<{_WIDTH}}  {what}")
        self._last = now

    def recall(self, step: str, what: str) -> None:
        """What took no time of ours: something that was written down before."""
        self._say(f"{'':9}  {step:>{_WIDTH}}  {what}")

    def total(self) -> float:
        return time.perf_counter() - self._start


def _until(what: str, ready: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is waited for
    deadline = time.perf_counter() + _LONGEST_WAIT_SECONDS
    while time.perf_counter() < deadline:
        if (found := ready()) is not None:
            return found
        time.sleep(_PAUSE_SECONDS)
    raise Astray(f"{what}: nothing after {_LONGEST_WAIT_SECONDS:.0f} s")


def _new_bill(clerk: _App, sandbox: str, watch: _Watch) -> str:
    """The power company writes a bill into its own books and sends it to us, as its system does every month."""
    client_id, secret = sandbox_client(_PROVIDER)
    form = {"grant_type": "client_credentials", "client_id": str(client_id), "client_secret": secret}
    clerk.carry(clerk.ask("POST", "/v1/auth/token", expect=_OK, data=form)["access_token"])
    bill_no = f"PC07-J-{uuid4().hex[:12].upper()}"
    _sandbox(
        "POST",
        f"{sandbox}/control/providers/{_PROVIDER}/bills",
        json={"bill_no": bill_no, "customer_code": _CODE, "period": "2026-11", "amount_vnd": _AMOUNT_VND},
    )
    columns = "bill_no,customer_code,customer_name,period,usage,tariff_code,amount_vnd,issued_on,due_on"
    line = (
        f"{bill_no},{_CODE},{_HOLDER},2026-11,{_USAGE},power-household-2025-05-10,{_AMOUNT_VND},2026-11-20,2026-12-10"
    )
    headers = {"Content-Type": "text/csv", "Idempotency-Key": str(uuid4())}
    data = f"{columns}\n{line}\n".encode()
    sent = clerk.ask("POST", "/v1/utilities/imports", expect=202, data=data, headers=headers)

    def done() -> Any:  # noqa: ANN401 - JSON
        told = clerk.ask("GET", f"/v1/utilities/imports/{sent['id']}", expect=_OK)
        return told if told["state"] in {"done", "failed"} else None

    told = _until("import", done)
    if told["created"] != 1:
        raise Astray(f"import: {told}")
    watch.tell("Điện lực gửi hóa đơn", bill_no)
    return bill_no


def _sign_in(app: _App, sandbox: str, phone: str, watch: _Watch) -> None:
    challenge = app.ask("POST", "/v1/auth/phone-challenges", expect=_CREATED, json={"phone": phone})

    def code() -> str | None:
        items = _sandbox("GET", f"{sandbox}/inbox.json", params={"to": phone, "kind": "sms"})["items"]
        found = re.search(r"\b\d{6}\b", items[-1]["text"]) if items else None
        return found.group() if found else None

    answer = {"code": _until("sms", code), "device_name": "Journey"}
    path = f"/v1/auth/phone-challenges/{challenge['id']}/answer"
    app.carry(app.ask("POST", path, expect=_OK, json=answer)["access_token"])
    me = app.ask("GET", "/v1/me", expect=_OK)
    watch.tell("Đăng nhập", _masked(me["phone"]))


def _find_bill(app: _App, account_id: str, bill_no: str, watch: _Watch) -> Any:  # noqa: ANN401 - JSON
    query = {"account_id": account_id, "state": "open", "limit": 100}
    bills = app.ask("GET", "/v1/utilities/bills", expect=_OK, params=query)["items"]
    mine = next((bill for bill in bills if bill["bill_no"] == bill_no), None)
    if mine is None:
        raise Astray(f"bill {bill_no} is not among the {len(bills)} open ones")
    bill = app.ask("GET", f"/v1/utilities/bills/{mine['id']}", expect=_OK)
    if (bill["usage"], bill["amount_vnd"], bill["vat_vnd"]) == (_USAGE, _AMOUNT_VND, 0) and len(bill["lines"]) <= 1:
        raise Astray("the bill does not explain its amount")
    watch.tell("Xem hóa đơn", f"{bill['usage']} kWh, {_money(bill['amount_vnd'])}, {len(bill['lines'])} dòng")
    return bill


def _pay(app: _App, bill: Any, watch: _Watch) -> Any:  # noqa: ANN401 - JSON
    asked = {"bill_ids": [bill["id"]], "amount_vnd": bill["amount_vnd"], "payment_method": "pm_card_visa"}
    payment = app.ask("POST", "/v1/utilities/payments", expect=_CREATED, json=asked)
    watch.tell("Trả bằng thẻ", payment["state"])
    return payment


def _await_posted(app: _App, payment_id: str, watch: _Watch) -> Any:  # noqa: ANN401 - JSON
    def posted() -> Any:  # noqa: ANN401 - JSON
        told = app.ask("GET", f"/v1/payments/{payment_id}", expect=_OK)
        return told if all(item["posting"] in {"posted", "rejected"} for item in told["items"]) else None

    told = _until("posting", posted)
    (item,) = told["items"]
    if (told["state"], item["posting"], told["captured_vnd"]) != ("captured", "posted", _AMOUNT_VND):
        raise Astray(f"payment: {told}")
    watch.tell("Điện lực gạch nợ", item["posting"])
    for step in told["timeline"]:
        watch.recall(step["at"][11:23], step["title_vi"])
    watch.recall("Biên nhận", f"{item['receipt_no']}  {item['label_vi']}  {_money(item['amount_vnd'])}")
    return told


def _await_push(app: _App, sandbox: str, device: str, payment_id: str, watch: _Watch) -> None:
    def pushed() -> Any:  # noqa: ANN401 - JSON
        items = _sandbox("GET", f"{sandbox}/inbox.json", params={"to": device, "kind": "push"})["items"]
        return items[-1] if items else None

    push = _until("push", pushed)
    if re.search(r"\d{3}", push["title"] + push["body"]):
        raise Astray(f"the push tells more than it should: {push}")
    watch.tell("Thông báo đẩy", push["title"])
    messages = app.ask("GET", "/v1/messages", expect=_OK)["items"]
    about = [message for message in messages if message["subject_id"] == payment_id]
    if len(about) != 1:
        raise Astray(f"{len(about)} messages about the payment")
    watch.tell("Hộp thư", about[0]["body"])


def _see_provider_side(clerk: _App, sandbox: str, told: Any, bill_no: str, watch: _Watch) -> None:  # noqa: ANN401 - JSON
    rows = clerk.ask("GET", "/v1/utilities/provider-payments", expect=_OK, params={"limit": 100})["items"]
    (row,) = [row for row in rows if row["payment_id"] == told["id"]]
    books = _sandbox("GET", f"{sandbox}/control/providers/{_PROVIDER}/postings")["items"]
    theirs = [posting for posting in books if posting["bill_no"] == bill_no]
    if len(theirs) != 1 or theirs[0]["receipt_no"] != row["receipt_no"] or theirs[0]["amount_vnd"] != _AMOUNT_VND:
        raise Astray(f"the provider's books say {theirs}")
    watch.tell("Sổ của điện lực", f"{row['bill_no']}  {_money(row['amount_vnd'])}  {row['receipt_no']}")


def _sandbox(method: str, url: str, **kwargs: Any) -> Any:  # noqa: ANN401 - JSON
    with requests.Session() as http:
        http.trust_env = False
        answer = http.request(method, url, timeout=10, **kwargs)
    if not answer.ok:
        raise Astray(f"sandbox: {answer.status_code} {answer.text[:200]}")
    return answer.json()


def _masked(number: str) -> str:
    return "•" * (len(number) - _SHOWN) + number[-_SHOWN:]


def _money(amount_vnd: int) -> str:
    return f"{amount_vnd:,} đ".replace(",", ".")
