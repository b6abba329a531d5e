"""Power and water companies: their bills, the postings they accept and their daily statement."""

import csv
import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from flask import Blueprint, Response, request

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.store import Document, Store

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
BILL_STATUSES = ("open", "paid", "withdrawn")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_LARGEST_AMOUNT_VND = 99_999_999_999
_SHOWN = ("bill_no", "customer_code", "period", "amount_vnd", "status", "version", "paid_channel")


class Refused(Exception):
    """The company says no: a status and its short reason."""

    def __init__(self, status: int, reason: str, detail: str | None = None) -> None:
        """`reason` is the slug the caller may act on; `detail` is for people."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.detail = detail


class Companies:
    """Every company of the sandbox; one that has bills exists."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Keep bills and postings in the store."""
        self._store = store
        self._clock = clock

    def load_sample(self, sample: Path) -> None:
        """Take over bills_<slug>.csv of companies not seen before; a known company keeps what happened to its bills."""
        for file in sorted(sample.glob("bills_*.csv")):
            slug = file.stem.removeprefix("bills_")
            if self._store.get("company", slug) is None:
                with file.open(encoding="utf-8-sig", newline="") as lines, self._store.unit():
                    self._found(slug)
                    for row in csv.DictReader(lines):
                        self.change_bill(
                            slug,
                            {
                                "bill_no": row["bill_no"],
                                "customer_code": row["customer_code"],
                                "period": row["period"],
                                "amount_vnd": int(row["amount_vnd"]),
                            },
                        )

    def list_slugs(self) -> list[str]:
        """Return the companies in the order they appeared."""
        return self._store.ids("company")

    def knows(self, slug: str) -> bool:
        """Tell whether the company exists."""
        return self._store.get("company", slug) is not None

    def change_bill(self, slug: str, wanted: object) -> tuple[Document, bool]:
        """Add a bill or change the named fields of one; returns it and whether it is new. Raises Refused 400."""
        if not _SLUG.fullmatch(slug):
            raise Refused(400, "invalid_request", "A company's slug is small letters, digits, - and _.")
        fields = _object(wanted)
        bill_no = _text(fields, "bill_no")
        with self._store.unit():
            known = self._store.get("bill", f"{slug}/{bill_no}")
            bill = known or {"bill_no": bill_no, "period": "", "status": "open", "paid_channel": None}
            if known is None or "customer_code" in fields:
                bill["customer_code"] = _text(fields, "customer_code")
            if known is None or "amount_vnd" in fields:
                bill["amount_vnd"] = _amount(fields)
            if "period" in fields:
                bill["period"] = _text(fields, "period")
            if "status" in fields:
                if fields["status"] not in BILL_STATUSES:
                    raise Refused(400, "invalid_request", f"status is one of {', '.join(BILL_STATUSES)}.")
                bill["status"] = fields["status"]
                bill["paid_channel"] = "counter" if bill["status"] == "paid" else None
            self._found(slug)
            return self._keep(slug, bill), known is None

    def pay_elsewhere(self, slug: str, bill_no: str) -> Document:
        """Let somebody pay the bill at the counter."""
        with self._store.unit():
            bill = self._bill(slug, bill_no)
            if bill["status"] != "open":
                raise Refused(409, "already_paid" if bill["status"] == "paid" else bill["status"])
            bill |= {"status": "paid", "paid_channel": "counter"}
            return self._keep(slug, bill)

    def check_bill(self, slug: str, bill_no: str) -> Document:
        """Return the bill as it is now."""
        return _shown(self._bill(slug, bill_no))

    def list_bills(self, slug: str, customer_code: str) -> list[Document]:
        """Return the bills of one customer, oldest first."""
        return [
            _shown(bill)
            for bill in self._store.scan("bill", holding=customer_code)
            if bill["slug"] == slug and bill["customer_code"] == customer_code
        ]

    def count_bills(self, slug: str) -> dict[str, int]:
        """Return the number of bills by status."""
        counts = dict.fromkeys(BILL_STATUSES, 0)
        for bill in self._store.scan("bill"):
            if bill["slug"] == slug:
                counts[bill["status"]] += 1
        return counts

    def post(self, slug: str, wanted: object) -> tuple[Document, bool]:
        """Mark a bill as paid by the app; returns the receipt and whether it is new.

        The same payment and bill give the same receipt, however often they are asked for.
        """
        fields = _object(wanted)
        payment_ref, bill_no, amount = _text(fields, "payment_ref"), _text(fields, "bill_no"), _amount(fields)
        paid_at = _instant(fields, "paid_at")
        with self._store.unit():
            receipt = self._store.get("posting", _posting_id(slug, payment_ref, bill_no))
            if receipt is not None:
                if receipt["amount_vnd"] != amount:
                    raise Refused(409, "amount_differs")
                return receipt, False
            bill = self._bill(slug, bill_no)
            if bill["status"] != "open":
                raise Refused(409, "already_paid" if bill["status"] == "paid" else bill["status"])
            if bill["amount_vnd"] != amount:
                raise Refused(409, "amount_differs")
            now = self._clock.now().astimezone(VIETNAM)
            number = self._store.count_up(f"receipt/{slug}")
            receipt = {
                "receipt_no": f"{slug.upper()}-{now:%Y%m%d}-{number:06d}",
                "bill_no": bill_no,
                "payment_ref": payment_ref,
                "amount_vnd": amount,
                "posted_at": now.isoformat(),
                "paid_at": paid_at,
                "slug": slug,
            }
            self._store.put("posting", _posting_id(slug, payment_ref, bill_no), receipt)
            self._keep(slug, bill | {"status": "paid", "paid_channel": "app"})
            return receipt, True

    def post_again(self, receipt: Document) -> Document:
        """Write a posting into the company's books a second time, under a number of its own."""
        with self._store.unit():
            number = self._store.count_up(f"receipt/{receipt['slug']}")
            again = receipt | {"receipt_no": f"{receipt['receipt_no']}-{number}"}
            self._store.put("posting", f"{again['receipt_no']} of {receipt['slug']}", again)
            return again

    def find_posting(self, slug: str, payment_ref: str, bill_no: str) -> Document | None:
        """Return the receipt of one payment for one bill."""
        return self._store.get("posting", _posting_id(slug, payment_ref, bill_no))

    def list_postings(self, slug: str, on: date | None = None) -> list[Document]:
        """Return the postings, oldest first; `on` is a day in Vietnam."""
        return [
            receipt
            for receipt in self._store.scan("posting")
            if receipt["slug"] == slug
            and on in {None, datetime.fromisoformat(receipt["posted_at"]).astimezone(VIETNAM).date()}
        ]

    def _found(self, slug: str) -> None:
        if self._store.get("company", slug) is None:
            self._store.put("company", slug, {"slug": slug})

    def _bill(self, slug: str, bill_no: str) -> Document:
        bill = self._store.get("bill", f"{slug}/{bill_no}")
        if bill is None:
            raise Refused(404, "unknown_bill")
        return bill

    def _keep(self, slug: str, bill: Document) -> Document:
        bill["slug"] = slug
        bill["version"] = hashlib.sha256(f"{bill['amount_vnd']}|{bill['period']}".encode()).hexdigest()[:16]
        self._store.put("bill", f"{slug}/{bill['bill_no']}", bill)
        return _shown(bill)


def receipt_shown(receipt: Document) -> Document:
    """Return what the company tells its partners about a posting."""
    return {name: receipt[name] for name in ("receipt_no", "bill_no", "payment_ref", "amount_vnd", "posted_at")}


def blueprint(companies: Companies, faults: Faults) -> Blueprint:
    """Return the routes under /providers/<slug>."""
    routes = Blueprint("providers", __name__, url_prefix="/providers/<slug>")

    def answer(slug: str, work: Callable[[Document], tuple[int, Any]]) -> Response:
        def careful() -> Response:
            try:
                return _json(*work(_admitted(companies, slug)))
            except Refused as refusal:
                return refused(refusal)

        return faults.carry("provider", _refuse, careful, slug=slug)

    @routes.post("/bills/check")
    def check_bill(slug: str) -> Response:
        """Say what is owed for one bill right now."""
        return answer(slug, lambda body: (200, companies.check_bill(slug, _text(body, "bill_no"))))

    @routes.post("/bills/search")
    def search_bills(slug: str) -> Response:
        """List the bills of one customer code."""
        return answer(slug, lambda body: (200, {"items": companies.list_bills(slug, _text(body, "customer_code"))}))

    @routes.post("/postings")
    def post(slug: str) -> Response:
        """Take a payment onto a bill, once per payment and bill."""

        def work(body: Document) -> tuple[int, Any]:
            facts = {"method": request.method, "path": request.path, "slug": slug}
            wrong = faults.take("provider", facts, frozenset({"other_bill", "posts_twice"}))
            receipt, new = companies.post(slug, body)
            if wrong and wrong["action"] == "posts_twice":
                companies.post_again(receipt)
            shown = receipt_shown(receipt)
            if wrong and wrong["action"] == "other_bill":
                shown |= {"bill_no": f"{shown['bill_no']}-9"}
            return 201 if new else 200, shown

        return answer(slug, work)

    @routes.post("/postings/query")
    def query_posting(slug: str) -> Response:
        """Say whether a payment was posted, for a caller who never saw the answer."""

        def work(body: Document) -> tuple[int, Any]:
            receipt = companies.find_posting(slug, _text(body, "payment_ref"), _text(body, "bill_no"))
            if receipt is None:
                raise Refused(404, "unknown_posting")
            return 200, receipt_shown(receipt)

        return answer(slug, work)

    @routes.get("/statements/<day>")
    def statement(slug: str, day: str) -> Response:
        """List everything posted on one day in Vietnam."""

        def work(_: Document) -> tuple[int, Any]:
            try:
                on = date.fromisoformat(day)
            except ValueError as wrong:
                raise Refused(400, "invalid_request", "The day is written yyyy-mm-dd.") from wrong
            items = [receipt_shown(each) for each in companies.list_postings(slug, on)]
            return 200, {"items": items, "count": len(items), "sum_vnd": sum(each["amount_vnd"] for each in items)}

        return answer(slug, work)

    return routes


def refused(refusal: Refused) -> Response:
    """Dress a refusal as the company's JSON error."""
    body = {"error": refusal.reason}
    return _json(refusal.status, body if refusal.detail is None else body | {"detail": refusal.detail})


def _admitted(companies: Companies, slug: str) -> Document:
    if not companies.knows(slug):
        raise Refused(404, "unknown_provider")
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(key.encode(), f"sandbox-{slug}".encode()):
        raise Refused(401, "wrong_key")
    if "/postings" in request.path:
        _check_signature(slug)
    return {} if request.method == "GET" else _object(request.get_json(silent=True))


def _check_signature(slug: str) -> None:
    """Refuse a call that was not signed with the company's secret over its id, instant and body.

    How old the instant is stays out of it: here the clock is moved, and a company elsewhere refuses five minutes.
    """
    signed = f"{request.headers.get('webhook-id')}.{request.headers.get('webhook-timestamp')}.".encode()
    digest = hmac.digest(signing_key(slug), signed + request.get_data(), "sha256")
    wanted = f"v1,{b64encode(digest).decode()}"
    given = request.headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(each.encode(), wanted.encode()) for each in given):
        raise Refused(401, "wrong_signature")


def signing_key(slug: str) -> bytes:
    """Return what a company of the sandbox and its partner sign with."""
    return hashlib.sha256(f"sandbox signs for {slug}".encode()).digest()


def _object(body: object) -> Document:
    if not isinstance(body, dict):
        raise Refused(400, "invalid_request", "The body is a JSON object.")
    return body


def _text(fields: Document, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Refused(400, "invalid_request", f"{name} is required.")
    return value


def _amount(fields: Document) -> int:
    value = fields.get("amount_vnd")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST_AMOUNT_VND:
        raise Refused(400, "invalid_request", "amount_vnd is a whole number of đồng above zero.")
    return value


def _instant(fields: Document, name: str) -> str:
    text = _text(fields, name)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise Refused(400, "invalid_request", f"{name} is an RFC 3339 instant.") from wrong
    if moment.tzinfo is None:
        raise Refused(400, "invalid_request", f"{name} needs its offset.")
    return moment.isoformat()


def _posting_id(slug: str, payment_ref: str, bill_no: str) -> str:
    # JSON keeps "a/b" + "c" apart from "a" + "b/c".
    return orjson.dumps([slug, payment_ref, bill_no]).decode()


def _shown(bill: Document) -> Document:
    return {name: bill[name] for name in _SHOWN}


def _refuse(status: int, message: str) -> Response:
    return _json(status, {"error": "unavailable", "detail": message})


def _json(status: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
