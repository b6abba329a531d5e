"""What the payments operations take and give."""

from payments.schemas.cards import CARD_EXAMPLE, AddCardSchema, SavedCardSchema, SavedCardsSchema
from payments.schemas.clerks import (
    DISCREPANCY_EXAMPLE,
    PLACE_EXAMPLE,
    PUBLIC_KEY_EXAMPLE,
    REFUND_EXAMPLE,
    ROOT_EXAMPLE,
    AskRefundSchema,
    ChainPlaceSchema,
    CorrectionSchema,
    DiscrepancyPageSchema,
    DiscrepancySchema,
    ProofSchema,
    RefundPageSchema,
    RefundSchema,
    RootPageSchema,
)
from payments.schemas.payment import PAYMENT_EXAMPLE, PaymentPageSchema, PaymentSchema

__all__ = [
    "CARD_EXAMPLE",
    "DISCREPANCY_EXAMPLE",
    "PAYMENT_EXAMPLE",
    "PLACE_EXAMPLE",
    "PUBLIC_KEY_EXAMPLE",
    "REFUND_EXAMPLE",
    "ROOT_EXAMPLE",
    "AddCardSchema",
    "AskRefundSchema",
    "ChainPlaceSchema",
    "CorrectionSchema",
    "DiscrepancyPageSchema",
    "DiscrepancySchema",
    "PaymentPageSchema",
    "PaymentSchema",
    "ProofSchema",
    "RefundPageSchema",
    "RefundSchema",
    "RootPageSchema",
    "SavedCardSchema",
    "SavedCardsSchema",
]
