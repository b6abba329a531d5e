"""Rows of the table: refunds, disputes, the balance and payouts."""

from tests.sandbox.conformance import ANY, DAY, OWN, Row, Rows, clock, pay, step
from tests.sandbox.conformance_payments import HOLD, NET, PAID, REFUSED, refused

FEE = 350_000
REFUNDED = ("refund.created", "charge.refunded")
CHANGED = ("refund.updated", "charge.refund.updated")
DISPUTED = ("charge.dispute.created", "charge.dispute.funds_withdrawn")
BY_HAND = step("control.payouts.schedule", {"interval": "manual"}, name="schedule")
LATER = step("control.run", name="run")
RICH = pay("bypassPending", name="rich", amount=10_000_000)


def give_back(**more):
    return step("refunds.create", {"payment_intent": "$it.id"} | more, name="refund")


def disputed(card: str = "createDispute"):
    """A payment its owner disputes at once, and that dispute."""
    found = step("disputes.list", {"payment_intent": "$it.id"}, name="list")
    return (pay(card), LATER, found)


DISPUTE = "$list.data.0.id"
LOOK_AT_REFUND = step("refunds.retrieve", "$refund.id", name="seen")
LOOK_AT_DISPUTE = step("disputes.retrieve", DISPUTE, name="seen")


def evidence(text: str, **more):
    return step("disputes.update", DISPUTE, {"evidence": {"uncategorized_text": text}} | more, name="told")


_REFUNDS: Rows = (
    Row("refund-all", give_back(), given=(pay(),), state={"status": "succeeded", "amount": 250_000}, events=REFUNDED,
        balance=-250_000),
    Row("refund-a-part", give_back(amount=100_000), given=(pay(),), state={"status": "succeeded", "amount": 100_000},
        events=REFUNDED,
        balance=-100_000),
    Row("refund-two-equal-parts", give_back(amount=100_000), given=(pay(), give_back(amount=100_000)),
        state={"status": "succeeded"},
        events=REFUNDED, balance=-100_000),
    Row("refund-by-charge", step("refunds.create", {"charge": "$it.latest_charge"}), given=(pay(),),
        state={"status": "succeeded"},
        events=REFUNDED, balance=-250_000),
    Row("refund-for-a-reason", give_back(reason="requested_by_customer"), given=(pay(),),
        state={"reason": "requested_by_customer"},
        events=REFUNDED, balance=-250_000),
    refused("refund-more-than-is-left", give_back(amount=150_001), "amount", given=(pay(), give_back(amount=100_000))),
    Row("refund-again", give_back(), given=(pay(), give_back()), status=400, error=REFUSED,
        code="charge_already_refunded"),
    Row("refund-a-hold", give_back(), given=(HOLD,), status=400, error=REFUSED, code=ANY),
    Row("refund-nothing-named", step("refunds.create", {}), status=400, error=REFUSED, code=ANY),
    refused("refund-for-no-reason-known", give_back(reason="weather"), "reason", given=(pay(),)),
    Row("refund-a-charge-nobody-knows", step("refunds.create", {"charge": "ch_unheardOf"}), status=404, error=REFUSED,
        code="resource_missing"),
    Row("a-refund-nobody-knows", step("refunds.retrieve", "re_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
    Row("write-on-a-refund", step("refunds.update", "$refund.id", {"metadata": {"case": "7"}}), given=(pay(),
        give_back()),
        state={"metadata.case": "7"}, events=CHANGED),
    Row("cancel-a-refund", step("refunds.cancel", "$refund.id"), given=(pay(), give_back()), status=400, error=REFUSED,
        code=ANY),
    Row("a-refund-that-takes-time", give_back(), given=(pay("pendingRefund"),), state={"status": "pending"},
        events=REFUNDED,
        balance=-250_000),
    Row("a-refund-that-took-time", clock(60), given=(pay("pendingRefund"), give_back()), look=LOOK_AT_REFUND,
        state={"status": "succeeded"}, events=CHANGED),
    Row("a-refund-that-will-fail", give_back(), given=(pay("refundFail"),), state={"status": "succeeded"},
        events=REFUNDED,
        balance=-250_000),
    Row("a-refund-that-failed", clock(60), given=(pay("refundFail"), give_back()), look=LOOK_AT_REFUND, balance=250_000,
        events=(*CHANGED, "refund.failed"), state={"status": "failed", "failure_reason": "expired_or_canceled_card"}),
    Row("what-failed-may-be-refunded-anew", give_back(), given=(pay("refundFail"), give_back(), clock(60)),
        state={"status": "succeeded"},
        events=REFUNDED, balance=-250_000, source=OWN),
)  # fmt: skip

_DISPUTES: Rows = (
    Row("be-disputed", pay("createDispute"), after=(LATER,), look=step("disputes.list", {"payment_intent": "$it.id"},
        name="seen"),
        state={"data.0.status": "needs_response", "data.0.reason": "fraudulent", "data.0.amount": 250_000,
        "data.0.is_charge_refundable": False},
        events=(*PAID, *DISPUTED), balance=NET - 250_000 - FEE),
    Row("be-disputed-for-nothing-received", pay("createDisputeProductNotReceived"), after=(LATER,), events=(*PAID,
        *DISPUTED),
        look=step("disputes.list", {"payment_intent": "$it.id"}, name="seen"),
        state={"data.0.reason": "product_not_received"},
        balance=NET - 250_000 - FEE),
    Row("be-asked-about", pay("createDisputeInquiry"), after=(LATER,), look=step("disputes.list",
        {"payment_intent": "$it.id"}, name="seen"),
        state={"data.0.status": "warning_needs_response", "data.0.balance_transactions": [],
        "data.0.is_charge_refundable": True},
        events=(*PAID, "charge.dispute.created"), balance=NET),
    Row("the-transaction-of-a-dispute", step("balance_transactions.list", {"source": DISPUTE}), given=disputed(),
        state={"data.0.type": "adjustment", "data.0.reporting_category": "dispute", "data.0.amount": -250_000,
        "data.0.fee": FEE,
               "data.0.net": -250_000 - FEE}, sandbox_only=True),
    Row("answer-a-dispute", evidence("we delivered"), given=disputed(), state={"status": "under_review",
        "evidence_details.submission_count": 1},
        events=("charge.dispute.updated",)),
    Row("prepare-an-answer", evidence("we delivered", submit=False), given=disputed(),
        state={"status": "needs_response", "evidence_details.has_evidence": True,
        "evidence_details.submission_count": 0},
        events=("charge.dispute.updated",)),
    Row("win", evidence("winning_evidence"), given=disputed(), after=(clock(60),), look=LOOK_AT_DISPUTE,
        state={"status": "won"},
        events=("charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_reinstated"), balance=250_000),
    Row("lose", evidence("losing_evidence"), given=disputed(), after=(clock(60),), look=LOOK_AT_DISPUTE,
        state={"status": "lost"},
        events=("charge.dispute.updated", "charge.dispute.closed")),
    Row("give-in", step("disputes.close", DISPUTE), given=disputed(), state={"status": "lost"},
        events=("charge.dispute.closed",)),
    Row("give-in-twice", step("disputes.close", DISPUTE), given=(*disputed(), step("disputes.close", DISPUTE,
        name="first")), status=400,
        error=REFUSED, code=ANY),
    Row("answer-twice", evidence("again"), given=(*disputed(), evidence("once")), status=400, error=REFUSED, code=ANY),
    Row("answer-with-what-nobody-asked", step("disputes.update", DISPUTE, {"evidence": {"colour": "red"}}),
        given=disputed(), status=400,
        error=REFUSED, code="parameter_unknown"),
    Row("do-not-answer", clock(10 * DAY), given=(BY_HAND, *disputed()), look=LOOK_AT_DISPUTE,
        events=("charge.dispute.closed",),
        state={"status": "lost", "evidence_details.past_due": True}, source=OWN),
    Row("the-bank-decides-for-us", step(f"control.disputes.{DISPUTE.replace('.', '~')}.decide", {"outcome": "won"}),
        given=disputed(),
        look=LOOK_AT_DISPUTE, state={"status": "won"}, events=("charge.dispute.closed",
        "charge.dispute.funds_reinstated"), balance=250_000),
    Row("satisfy-an-inquiry", evidence("winning_evidence"), given=disputed("createDisputeInquiry"), after=(clock(60),),
        look=LOOK_AT_DISPUTE,
        state={"status": "warning_closed"}, events=("charge.dispute.updated", "charge.dispute.closed")),
    Row("an-inquiry-becomes-a-dispute", evidence("escalate_inquiry_evidence"), given=disputed("createDisputeInquiry"),
        after=(clock(60),),
        look=LOOK_AT_DISPUTE, state={"status": "needs_response"}, balance=-250_000 - FEE,
        events=("charge.dispute.updated", "charge.dispute.updated", "charge.dispute.funds_withdrawn")),
    Row("refund-what-is-disputed", give_back(), given=disputed(), status=400, error=REFUSED, code="charge_disputed"),
    Row("refund-what-was-lost", give_back(), given=(*disputed(), step("disputes.close", DISPUTE, name="closed")),
        status=400, error=REFUSED,
        code="charge_disputed"),
    Row("refund-what-was-won", give_back(), given=(*disputed(), evidence("winning_evidence"), clock(60)),
        state={"status": "succeeded"},
        events=REFUNDED, balance=-250_000, source=OWN, sandbox_only=True),
    Row("refund-what-is-asked-about", give_back(), given=disputed("createDisputeInquiry"),
        state={"status": "succeeded"},
        events=(*REFUNDED, "charge.dispute.closed"), balance=-250_000, source=OWN),
    Row("a-dispute-nobody-knows", step("disputes.retrieve", "dp_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
)  # fmt: skip

_BALANCE: Rows = (
    Row("read-the-balance", step("balance.retrieve"), given=(pay(),), state={"available.0.amount": 0,
        "pending.0.amount": NET},
        sandbox_only=True),
    Row("money-ripens-in-two-days", clock(2 * DAY + 60), given=(BY_HAND, pay()), look=step("balance.retrieve",
        name="seen"),
        state={"available.0.amount": NET, "pending.0.amount": 0}),
    Row("a-transaction-ripens", clock(2 * DAY + 60), given=(BY_HAND, pay(expand=["latest_charge"])),
        look=step("balance_transactions.retrieve", "$it.latest_charge.balance_transaction", name="seen"),
        state={"status": "available"}),
    Row("a-fee-once-a-month", step("control.balance-transactions", {"amount": -120_000}, name="fee"), balance=-120_000,
        look=step("balance_transactions.list", {"type": "stripe_fee"}, name="seen"), state={"data.0.net": -120_000}),
    Row("a-transaction-nobody-knows", step("balance_transactions.retrieve", "txn_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
)  # fmt: skip

_PAYOUT = step("payouts.create", {"amount": 1_000_000, "currency": "vnd"}, name="payout")
_LOOK = step("payouts.retrieve", "$payout.id", name="seen")
_SWEEP = step("control.payouts", name="payout")
_LEFT = ("payout.updated", "payout.reconciliation_completed")

_PAYOUTS: Rows = (
    Row("pay-out", _PAYOUT, given=(BY_HAND, RICH), state={"status": "pending", "automatic": False,
        "reconciliation_status": "not_applicable"},
        events=("payout.created",), balance=-1_000_000, sandbox_only=True),
    refused("pay-out-more-than-there-is", step("payouts.create", {"amount": 90_000_000_000, "currency": "vnd"}),
        "amount",
            "balance_insufficient", sandbox_only=True),
    Row("take-a-payout-back", step("payouts.cancel", "$payout.id"), given=(BY_HAND, RICH, _PAYOUT),
        state={"status": "canceled"},
        events=("payout.canceled",), balance=1_000_000),
    Row("take-back-what-has-left", step("payouts.cancel", "$payout.id"), given=(BY_HAND, RICH, _PAYOUT,
        clock(2 * 3600)), status=400,
        error=REFUSED, code=ANY),
    Row("a-payout-arrives", clock(2 * DAY), given=(BY_HAND, RICH, _PAYOUT), look=_LOOK, events=("payout.updated",
        "payout.paid"),
        state={"status": "paid", "trace_id.status": "supported"}),
    Row("bring-a-payout-back", step("payouts.reverse", "$payout.id"), given=(BY_HAND, RICH, _PAYOUT, clock(2 * DAY)),
        balance=1_000_000,
        state={"amount": -1_000_000, "status": "pending"}, events=("payout.created", "payout.updated")),
    Row("a-payout-that-does-not-name-its-money", step("balance_transactions.list", {"payout": "$payout.id"}),
        given=(BY_HAND, RICH, _PAYOUT),
        status=400, error=REFUSED, code=ANY),
    Row("what-is-there-is-paid-out-at-night", clock(3 * DAY), given=(RICH,),
        look=step("payouts.list", {"limit": 1}, name="seen"), events=("payout.created", *_LEFT, "payout.paid"),
        balance=-9_710_000,
        state={"data.0.amount": 9_710_000, "data.0.automatic": True, "data.0.status": "paid",
        "data.0.reconciliation_status": "completed"}),
    Row("an-automatic-payout-names-its-money", step("balance_transactions.list", {"payout": "$payout.id"}),
        given=(RICH, _SWEEP),
        state={"data.0.type": "payout", "data.0.net": -9_710_000, "data.1.type": "charge", "data.1.net": 9_710_000}),
    Row("an-automatic-payout-cannot-be-taken-back", step("payouts.cancel", "$payout.id"), given=(RICH, _SWEEP),
        status=400, error=REFUSED,
        code=ANY),
    Row("a-payout-fails-on-its-way", step("control.payouts.$payout~id.fail", {"failure_code": "account_closed"}),
        given=(RICH, _SWEEP),
        look=_LOOK, state={"status": "failed", "failure_code": "account_closed"}, events=("payout.failed",),
        balance=9_710_000),
    Row("a-payout-fails-after-it-was-paid", step("control.payouts.$payout~id.fail"), look=_LOOK,
        state={"status": "failed"},
        given=(RICH, _SWEEP, step("control.payouts.$payout~id.arrive", name="x")), events=("payout.failed",),
        balance=9_710_000),
    Row("a-payout-nobody-knows", step("payouts.retrieve", "po_unheardOf"), status=404, error=REFUSED,
        code="resource_missing"),
)  # fmt: skip

ROWS: Rows = (*_REFUNDS, *_DISPUTES, *_BALANCE, *_PAYOUTS)
