"""Payments and their states, refunds and disputes, kept cards, payouts, and the double-entry journal with its seals."""

from payments.models.books import DailyRoot, Journal, JournalEntry, JournalKind, Seal
from payments.models.cards import CardState, SavedCard
from payments.models.history import DiscrepancyAction, DiscrepancyEvent, Side
from payments.models.machines import (
    DISPUTE_FROM,
    DISPUTE_OPEN,
    ENDED,
    POSTING_FROM,
    POSTING_OPEN,
    REACHED_FROM,
    REFUND_FROM,
    SETTLED_FROM,
    DiscrepancyState,
    DisputeState,
    MoneyState,
    PayoutState,
    Posting,
    RefundState,
    Settlement,
)
from payments.models.payment import GatewayEvent, Payment, PaymentEvent, PaymentItem
from payments.models.reconciling import DiscrepancyNote, MatchRun, Statement, StatementRow, Way
from payments.models.remitting import PayeeTerms, Remittance, RemittanceLine, RemittanceState
from payments.models.returns import Dispute, Origin, Refund
from payments.models.settling import Alarm, BalanceTransaction, BankForm, BankLine, BankStatement, Discrepancy, Payout

__all__ = [
    "DISPUTE_FROM",
    "DISPUTE_OPEN",
    "ENDED",
    "POSTING_FROM",
    "POSTING_OPEN",
    "REACHED_FROM",
    "REFUND_FROM",
    "SETTLED_FROM",
    "Alarm",
    "BalanceTransaction",
    "BankForm",
    "BankLine",
    "BankStatement",
    "CardState",
    "DailyRoot",
    "Discrepancy",
    "DiscrepancyAction",
    "DiscrepancyEvent",
    "DiscrepancyNote",
    "DiscrepancyState",
    "Dispute",
    "DisputeState",
    "GatewayEvent",
    "Journal",
    "JournalEntry",
    "JournalKind",
    "MatchRun",
    "MoneyState",
    "Origin",
    "PayeeTerms",
    "Payment",
    "PaymentEvent",
    "PaymentItem",
    "Payout",
    "PayoutState",
    "Posting",
    "Refund",
    "RefundState",
    "Remittance",
    "RemittanceLine",
    "RemittanceState",
    "SavedCard",
    "Seal",
    "Settlement",
    "Side",
    "Statement",
    "StatementRow",
    "Way",
]
