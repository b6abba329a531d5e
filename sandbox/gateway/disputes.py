"""Disputes: a card owner takes the money back through the bank, and the bank decides who keeps it."""

from typing import Any

from sandbox.clock import Clock
from sandbox.gateway.balance import Balance
from sandbox.gateway.params import CURRENCY, merged
from sandbox.gateway.protocol import Announce, GatewayError, invalid, new_id
from sandbox.gateway.reading import find
from sandbox.gateway.timers import Timers
from sandbox.store import Document, Store

# Data: what a dispute costs in đồng, whether winning it brings the fee back, how long evidence may be sent, and how
# long, by the sandbox's clock, the bank thinks about evidence whose text decides (see OUTCOMES).
DISPUTE_FEE_VND = 350_000
FEE_COMES_BACK = False
EVIDENCE_WITHIN_SECONDS = 9 * 24 * 3600
INQUIRY_ENDS_AFTER_SECONDS = 120 * 24 * 3600
DECIDED_AFTER_SECONDS = 5
# Source: the gateway's public testing page. Any other text leaves the dispute under review.
OUTCOMES = {"winning_evidence": "won", "losing_evidence": "lost", "escalate_inquiry_evidence": "escalated"}

EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip
REASONS = (
    "bank_cannot_process", "credit_not_processed", "customer_initiated", "debit_not_authorized", "duplicate",
    "fraudulent", "general", "incorrect_account_details", "insufficient_funds", "product_not_received",
    "product_unacceptable", "subscription_canceled", "unrecognized",
)  # fmt: skip
# How the network of the sample cards names a reason.
_NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "duplicate": "12.6.1"}
_OPEN = frozenset({"needs_response", "under_review", "warning_needs_response", "warning_under_review"})
_MOST_TEXT = 150_000


class Disputes:
    """Disputes and inquiries. Every method belongs inside a unit of the store."""

    def __init__(self, store: Store, clock: Clock, timers: Timers, balance: Balance, announce: Announce) -> None:
        """Keep disputes in the store, move money through `balance`."""
        self._store = store
        self._clock = clock
        self._timers = timers
        self._balance = balance
        self._announce = announce
        timers.handle("dispute_opens", self._open_by_card)
        timers.handle("dispute_decided", self._decide_by_text)
        timers.handle("dispute_overdue", self._run_out)

    def open(
        self, charge: Document, reason: str = "fraudulent", amount: int | None = None, *, inquiry: bool = False
    ) -> Document:
        """Let the owner of the card dispute a charge: the money leaves at once, with a fee; an inquiry only asks."""
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = left if amount is None else amount
        if not 0 < amount <= left:
            raise invalid(f"Charge {charge['id']} has ₫{left:,} that can be disputed.", "amount")
        if any(each["status"] in _OPEN for each in self._of(charge)):
            raise invalid(f"Charge {charge['id']} is disputed already.", "charge")
        dispute = self._new(charge, reason, amount, inquiry=inquiry)
        charge["disputed"] = True
        self._store.put("charge", charge["id"], charge)
        if not inquiry:
            self._withdraw(dispute)
        self._save(dispute)
        last = (
            self._clock.timestamp() + INQUIRY_ENDS_AFTER_SECONDS if inquiry else dispute["evidence_details"]["due_by"]
        )
        self._timers.set("dispute_overdue", dispute["id"], last)
        self._announce("charge.dispute.created", dispute)
        if not inquiry:
            self._announce("charge.dispute.funds_withdrawn", dispute)
        return dispute

    def update(self, dispute_id: str, params: dict[str, Any]) -> Document:
        """Take evidence, and hand it to the bank unless submit=false."""
        dispute = find(self._store, "dispute", dispute_id, "dispute")
        evidence = params.get("evidence")
        before = {name: dispute[name] for name in ("evidence", "evidence_details", "metadata", "status")}
        if evidence is not None:
            if not dispute["status"].endswith("needs_response"):
                raise invalid(f"Dispute {dispute_id} takes no evidence: its status is {dispute['status']}.", "evidence")
            dispute["evidence"] = dispute["evidence"] | _checked(evidence)
            dispute["evidence_details"] = dispute["evidence_details"] | {"has_evidence": True}
        dispute["metadata"] = merged(dispute["metadata"], params.get("metadata", {}))
        if params.get("submit", True) and dispute["evidence_details"]["has_evidence"]:
            self._submit(dispute)
        self._save(dispute)
        self._announce("charge.dispute.updated", dispute, {k: v for k, v in before.items() if v != dispute[k]})
        return dispute

    def close(self, dispute_id: str) -> Document:
        """Give in: the dispute is lost, an inquiry is over."""
        dispute = find(self._store, "dispute", dispute_id, "dispute")
        if not dispute["status"].endswith("needs_response"):
            raise invalid(f"Dispute {dispute_id} cannot be closed: its status is {dispute['status']}.")
        return self.decide(dispute_id, "warning_closed" if dispute["status"].startswith("warning") else "lost")

    def decide(self, dispute_id: str, outcome: str) -> Document:
        """Let the bank decide: won, lost, warning_closed, or escalated (an inquiry becomes a dispute)."""
        dispute = find(self._store, "dispute", dispute_id, "dispute")
        if dispute["status"] not in _OPEN:
            raise invalid(f"Dispute {dispute_id} is over: its status is {dispute['status']}.")
        inquiry = dispute["status"].startswith("warning")
        if (outcome in {"escalated", "warning_closed"}) != inquiry:
            raise invalid(f"Dispute {dispute_id} cannot be {outcome} in the status {dispute['status']}.", "outcome")
        self._timers.cancel("dispute_decided", dispute_id)
        self._timers.cancel("dispute_overdue", dispute_id)
        before = {"status": dispute["status"]}
        if outcome == "escalated":
            return self._escalate(dispute, before)
        dispute |= {"status": outcome, "is_charge_refundable": False}
        if outcome == "won":
            self._reinstate(dispute)
        self._save(dispute)
        self._announce("charge.dispute.closed", dispute, before)
        if outcome == "won":
            self._announce("charge.dispute.funds_reinstated", dispute)
        return dispute

    def refuse_refund(self, charge: Document) -> None:
        """Raise GatewayError while the bank holds the money or has given it back; an inquiry leaves refunds open."""
        if any(each["status"] in {"needs_response", "under_review", "lost"} for each in self._of(charge)):
            message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
            raise invalid(message, code="charge_disputed")

    def settle_inquiry(self, charge: Document) -> None:
        """End the inquiry about a charge that was refunded in full."""
        for dispute in self._of(charge):
            if dispute["status"] in _OPEN and dispute["status"].startswith("warning"):
                self.decide(dispute["id"], "warning_closed")

    def _open_by_card(self, charge_id: str) -> None:
        charge = find(self._store, "charge", charge_id)
        if charge["amount_captured"] > charge["amount_refunded"]:
            self.open(charge, charge["_disputed_as"], inquiry=charge["_inquired"])

    def _decide_by_text(self, dispute_id: str) -> None:
        dispute = find(self._store, "dispute", dispute_id)
        outcome = OUTCOMES[dispute["evidence"]["uncategorized_text"]]
        inquiry = dispute["status"].startswith("warning")
        self.decide(dispute_id, "warning_closed" if inquiry and outcome != "escalated" else outcome)

    def _run_out(self, dispute_id: str) -> None:
        dispute = find(self._store, "dispute", dispute_id)
        inquiry = dispute["status"].startswith("warning")
        dispute["evidence_details"]["past_due"] = True
        self._save(dispute)
        self.decide(dispute_id, "warning_closed" if inquiry else "lost")

    def _submit(self, dispute: Document) -> None:
        inquiry = dispute["status"].startswith("warning")
        if not dispute["status"].endswith("needs_response"):
            return
        details = dispute["evidence_details"]
        dispute["evidence_details"] = details | {
            "submission_count": details["submission_count"] + 1,
            "submission_method": "manual",
        }
        dispute["status"] = "warning_under_review" if inquiry else "under_review"
        if not inquiry:
            self._timers.cancel("dispute_overdue", dispute["id"])
        outcome = OUTCOMES.get(dispute["evidence"]["uncategorized_text"] or "")
        if outcome is not None and (inquiry or outcome != "escalated"):
            self._timers.set("dispute_decided", dispute["id"], self._clock.timestamp() + DECIDED_AFTER_SECONDS)

    def _escalate(self, dispute: Document, before: Document) -> Document:
        due_by = self._clock.timestamp() + EVIDENCE_WITHIN_SECONDS
        dispute |= {"status": "needs_response", "is_charge_refundable": False}
        dispute["evidence_details"] = dispute["evidence_details"] | {"due_by": due_by, "has_evidence": False}
        dispute["evidence"] = dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}}
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
        self._withdraw(dispute)
        self._save(dispute)
        self._timers.set("dispute_overdue", dispute["id"], due_by)
        self._announce("charge.dispute.updated", dispute, before)
        self._announce("charge.dispute.funds_withdrawn", dispute)
        return dispute

    def _withdraw(self, dispute: Document) -> None:
        dispute["balance_transactions"].append(
            self._balance.book(
                dispute["id"],
                "adjustment",
                -dispute["amount"],
                DISPUTE_FEE_VND,
                category="dispute",
                description=f"Chargeback withdrawal for {dispute['charge']}",
                fee_text="Dispute fee",
            )
        )
        self._hide_notes(dispute)

    def _reinstate(self, dispute: Document) -> None:
        dispute["balance_transactions"].append(
            self._balance.book(
                dispute["id"],
                "adjustment",
                dispute["amount"],
                -DISPUTE_FEE_VND if FEE_COMES_BACK else 0,
                category="dispute_reversal",
                description=f"Chargeback reversal for {dispute['charge']}",
                fee_text="Dispute fee refund",
            )
        )
        self._hide_notes(dispute)

    @staticmethod
    def _hide_notes(dispute: Document) -> None:
        dispute["balance_transactions"] = [
            {name: value for name, value in each.items() if not name.startswith("_")}
            for each in dispute["balance_transactions"]
        ]

    def _of(self, charge: Document) -> list[Document]:
        if not charge["disputed"]:
            return []
        found = self._store.scan("dispute", holding=charge["id"])
        return [each for each in found if each["charge"] == charge["id"]]

    def _save(self, dispute: Document) -> None:
        self._store.put("dispute", dispute["id"], dispute)

    def _new(self, charge: Document, reason: str, amount: int, *, inquiry: bool) -> Document:
        now = self._clock.timestamp()
        code = _NETWORK_CODES.get(reason, "13.1")
        return {
            "id": new_id("dp"),
            "object": "dispute",
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": now,
            "currency": CURRENCY,
            "enhanced_eligibility_types": [],
            "evidence": dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
            "evidence_details": {
                "due_by": now + EVIDENCE_WITHIN_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": inquiry,
            "livemode": False,
            "metadata": {},
            "network_reason_code": code,
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": charge["payment_method_details"]["card"]["brand"],
                    "case_type": "inquiry" if inquiry else "chargeback",
                    "network": charge["payment_method_details"]["card"]["network"],
                    "network_reason_code": code,
                },
                "type": "card",
            },
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        }


def _checked(evidence: dict[str, Any]) -> dict[str, str | None]:
    for name, value in evidence.items():
        if name not in EVIDENCE:
            raise invalid(f"Received unknown parameter: evidence[{name}]", f"evidence[{name}]", "parameter_unknown")
        if not isinstance(value, str):
            raise invalid(f"Invalid string: evidence[{name}]", f"evidence[{name}]")
    if sum(len(value) for value in evidence.values()) > _MOST_TEXT:
        raise GatewayError(
            400, "invalid_request_error", f"Evidence holds at most {_MOST_TEXT:,} characters.", param="evidence"
        )
    return {name: value or None for name, value in evidence.items()}
