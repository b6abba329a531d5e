"""Payouts: what is available goes to the bank, by itself every night or when asked, and sometimes comes back."""

import secrets
from typing import Any

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gateway.balance import Balance
from sandbox.gateway.params import CURRENCY, merged
from sandbox.gateway.protocol import Announce, invalid, new_id
from sandbox.gateway.reading import find
from sandbox.gateway.timers import Timers
from sandbox.store import Document, Store

# Data: when a payout leaves for the bank, when it arrives there, and when one that is returned comes back.
SUBMITTED_AFTER_SECONDS = 3600
ARRIVES_AFTER_SECONDS = 24 * 3600
RETURNED_AFTER_SECONDS = 2 * 24 * 3600
# Automatic payouts are made at midnight UTC, of what has been available for an hour at least.
_DAY_SECONDS = 24 * 3600
_RESTS_SECONDS = 3600
INTERVALS = ("daily", "manual")
FAILURES = {
    "account_closed": "The bank account has been closed",
    "account_frozen": "The bank account has been frozen",
    "bank_account_restricted": "The bank account has restrictions on either the type or number of transfers allowed.",
    "could_not_process": "The bank could not process this transfer",
    "declined": "The bank has declined this transfer",
    "incorrect_account_holder_name": "The bank could not process this transfer because of the account holder's name.",
    "invalid_account_number": "The routing number seems correct, but the account number is invalid",
    "no_account": "The bank account could not be located",
}
_AUTO = "automatic"
_BANK_ACCOUNT = "ba_sandbox00000000000000000"


class Payouts:
    """Payouts and the account they arrive on. Every method belongs inside a unit of the store."""

    def __init__(
        self, store: Store, clock: Clock, timers: Timers, faults: Faults, balance: Balance, *, announce: Announce
    ) -> None:
        """Keep payouts in the store, take money from `balance`, spoil payouts as `faults` would have it."""
        self._store = store
        self._clock = clock
        self._timers = timers
        self._faults = faults
        self._balance = balance
        self._announce = announce
        balance.on_available = self._expect
        timers.handle("payout", lambda _: self._pay_out_by_itself())
        timers.handle("payout_leaves", self._leave)
        timers.handle("payout_arrives", self._arrive)
        timers.handle("payout_returns", self._come_back)

    def interval(self) -> str:
        """Return how often payouts are made: daily or manual."""
        return str((self._store.get("setting", "payouts") or {"interval": "daily"})["interval"])

    def set_interval(self, interval: str) -> None:
        """Make payouts daily, or only when asked."""
        self._store.put("setting", "payouts", {"interval": interval})
        if interval == "daily":
            self._expect()
        else:
            self._timers.cancel("payout", _AUTO)

    def create(self, params: dict[str, Any]) -> Document:
        """Pay out an amount now. Raises GatewayError when less is available."""
        amount = params["amount"]
        available = self._balance.available()
        if amount > available:
            message = (
                "You have insufficient available funds in your Stripe account. One likely reason you have insufficient "
                f"funds is that your funds are automatically being paid out. Available: ₫{available:,}."
            )
            raise invalid(message, "amount", "balance_insufficient")
        return self._make(amount, params)

    def sweep(self) -> Document | None:
        """Pay out everything available that no payout took along yet; None when that is nothing or less."""
        total = self._balance.unpaid_total()
        return None if total <= 0 else self._make(total, {}, automatic=True)

    def update(self, payout_id: str, params: dict[str, Any]) -> Document:
        """Change the metadata."""
        payout = find(self._store, "payout", payout_id, "payout")
        before = {"metadata": payout["metadata"]}
        payout["metadata"] = merged(payout["metadata"], params.get("metadata", {}))
        self._save(payout)
        self._announce("payout.updated", payout, before)
        return payout

    def cancel(self, payout_id: str) -> Document:
        """Take back a payout that has not left yet; the automatic ones cannot be."""
        payout = find(self._store, "payout", payout_id, "payout")
        if payout["automatic"] or payout["status"] != "pending":
            raise invalid(
                f"Payout {payout_id} cannot be canceled: only pending payouts that were made by hand can be; this one "
                f"is {payout['status']}{' and automatic' if payout['automatic'] else ''}.",
                "payout",
            )
        self._forget_plans(payout_id)
        back = self._balance.book(payout_id, "payout_cancel", payout["amount"])
        payout |= {"status": "canceled", "failure_balance_transaction": back["id"]}
        self._save(payout)
        self._announce("payout.canceled", payout, {"status": "pending"})
        return payout

    def reverse(self, payout_id: str, params: dict[str, Any]) -> Document:
        """Bring a paid payout back from the bank with a new payout of the opposite amount."""
        payout = find(self._store, "payout", payout_id, "payout")
        if payout["status"] != "paid" or payout["reversed_by"] is not None or payout["original_payout"] is not None:
            raise invalid(f"Payout {payout_id} cannot be reversed: only paid payouts can be, and once.", "payout")
        back = self._make(-payout["amount"], params, original=payout_id)
        payout["reversed_by"] = back["id"]
        self._save(payout)
        self._announce("payout.updated", payout, {"reversed_by": None})
        return back

    def arrive(self, payout_id: str) -> Document:
        """Let a payout that is on its way arrive now."""
        payout = find(self._store, "payout", payout_id, "payout")
        if payout["status"] not in {"pending", "in_transit"}:
            raise invalid(f"Payout {payout_id} cannot arrive: it is {payout['status']}.")
        if payout["status"] == "pending":
            self._leave(payout_id)
        self._arrive(payout_id)
        return find(self._store, "payout", payout_id, "payout")

    def fail(self, payout_id: str, code: str = "could_not_process") -> Document:
        """Let a payout fail on its way, or after it was paid; the money is available again."""
        payout = find(self._store, "payout", payout_id, "payout")
        if payout["status"] not in {"pending", "in_transit", "paid"} or payout["amount"] < 0:
            raise invalid(f"Payout {payout_id} cannot fail: it is {payout['status']}.")
        self._forget_plans(payout_id)
        before = {"status": payout["status"]}
        if payout["status"] == "paid":
            self._write_bank_line(-payout["amount"], payout["trace_id"]["value"], f"RETURN {payout_id}")
        back = self._balance.book(payout_id, "payout_failure", payout["amount"])
        payout |= {
            "status": "failed",
            "failure_balance_transaction": back["id"],
            "failure_code": code,
            "failure_message": FAILURES[code],
        }
        self._save(payout)
        self._announce("payout.failed", payout, before)
        return payout

    def bank_lines(self) -> list[Document]:
        """Return what the collection account was credited and debited, oldest first, with the balance after each."""
        total = 0
        lines = []
        for line in self._store.scan("bank_line"):
            total += line["amount_vnd"]
            lines.append(line | {"balance_vnd": total})
        return lines

    def credit_bank(self, amount_vnd: int, text: str, reference: str | None) -> Document:
        """Write a line to the bank's statement that no payout explains."""
        return self._write_bank_line(amount_vnd, reference or secrets.token_hex(8).upper(), text)

    def _expect(self) -> None:
        if self.interval() == "daily" and not self._timers.is_set("payout", _AUTO):
            earliest = self._clock.timestamp() + _RESTS_SECONDS
            self._timers.set("payout", _AUTO, -(-earliest // _DAY_SECONDS) * _DAY_SECONDS)

    def _pay_out_by_itself(self) -> None:
        if self.interval() == "daily":
            self.sweep()

    def _make(
        self, amount: int, params: dict[str, Any], *, automatic: bool = False, original: str | None = None
    ) -> Document:
        now = self._clock.timestamp()
        rule = self._faults.take("payout", {}) if amount > 0 else None
        plan = None if rule is None else rule["action"]
        if rule is not None and plan == "wrong_sum":
            amount += rule["amount"]
        payout: Document = {
            "id": new_id("po"),
            "object": "payout",
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": now + ARRIVES_AFTER_SECONDS,
            "automatic": automatic,
            "balance_transaction": None,
            "created": now,
            "currency": CURRENCY,
            "description": params.get("description") or ("STRIPE PAYOUT" if automatic else None),
            "destination": _BANK_ACCOUNT,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "method": params.get("method", "standard"),
            "original_payout": original,
            "payout_method": None,
            "reconciliation_status": "in_progress" if automatic else "not_applicable",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": params.get("statement_descriptor"),
            "status": "pending",
            "trace_id": {"status": "pending", "value": None},
            "type": "bank_account",
            "_plan": plan,
            "_bank_off_by": rule["amount"] if rule is not None and plan == "short_in_bank" else 0,
        }
        if automatic:
            self._balance.take_along(payout["id"])
        own = self._balance.book(payout["id"], "payout", -amount, payout=payout["id"] if automatic else None)
        payout["balance_transaction"] = own["id"]
        self._save(payout)
        self._timers.set("payout_leaves", payout["id"], now + SUBMITTED_AFTER_SECONDS)
        self._timers.set("payout_arrives", payout["id"], payout["arrival_date"])
        self._announce("payout.created", payout)
        return payout

    def _leave(self, payout_id: str) -> None:
        payout = find(self._store, "payout", payout_id)
        self._timers.cancel("payout_leaves", payout_id)
        before = {"status": payout["status"], "trace_id": payout["trace_id"]}
        payout |= {"status": "in_transit", "trace_id": {"status": "supported", "value": _trace(payout_id)}}
        if payout["automatic"]:
            payout["reconciliation_status"] = "completed"
        self._save(payout)
        self._announce("payout.updated", payout, before)
        if payout["automatic"]:
            self._announce("payout.reconciliation_completed", payout)

    def _arrive(self, payout_id: str) -> None:
        payout = find(self._store, "payout", payout_id)
        self._forget_plans(payout_id)
        if payout["_plan"] == "fail":
            self.fail(payout_id)
            return
        payout["status"] = "paid"
        if payout["_plan"] != "missing_in_bank":
            amount = payout["amount"] + payout["_bank_off_by"]
            self._write_bank_line(amount, payout["trace_id"]["value"], f"STRIPE {payout_id}")
        self._save(payout)
        self._announce("payout.paid", payout, {"status": "in_transit"})
        if payout["_plan"] == "return":
            self._timers.set("payout_returns", payout_id, self._clock.timestamp() + RETURNED_AFTER_SECONDS)

    def _come_back(self, payout_id: str) -> None:
        if find(self._store, "payout", payout_id)["reversed_by"] is None:
            self.fail(payout_id, "account_closed")

    def _forget_plans(self, payout_id: str) -> None:
        for what in ("payout_leaves", "payout_arrives", "payout_returns"):
            self._timers.cancel(what, payout_id)

    def _write_bank_line(self, amount_vnd: int, reference: str | None, text: str) -> Document:
        line: Document = {
            "id": new_id("line"),
            "booked_at": self._clock.now().isoformat(timespec="seconds"),
            "amount_vnd": amount_vnd,
            "reference": reference,
            "text": text,
        }
        self._store.put("bank_line", line["id"], line)
        return line

    def _save(self, payout: Document) -> None:
        self._store.put("payout", payout["id"], payout)


def _trace(payout_id: str) -> str:
    """Return the number under which the bank knows the payout."""
    return f"{int(payout_id.rpartition('_')[2], 16) % 10**15:015d}"
