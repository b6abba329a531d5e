"""What the payments operations take and give."""

from payments.schemas.cards import CARD_EXAMPLE, AddCardSchema, CardSchema, CardsSchema
from payments.schemas.clerks import (
    DISCREPANCY_EXAMPLE,
    PLACE_EXAMPLE,
    PUBLIC_KEY_EXAMPLE,
    REFUND_EXAMPLE,
    ROOT_EXAMPLE,
    AskRefundSchema,
    DiscrepancyPageSchema,
    DiscrepancySchema,
    PlaceSchema,
    ProofSchema,
    ProposalSchema,
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
    "CardSchema",
    "CardsSchema",
    "DiscrepancyPageSchema",
    "DiscrepancySchema",
    "PaymentPageSchema",
    "PaymentSchema",
    "PlaceSchema",
    "ProofSchema",
    "ProposalSchema",
    "RefundPageSchema",
    "RefundSchema",
    "RootPageSchema",
]
