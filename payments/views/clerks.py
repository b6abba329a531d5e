"""Refunds decided by a provider's clerk, differences explained by the province's, and the seals anybody may check."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_citizen, current_staff
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, public, request_key, require_match, tag
from payments import operations
from payments.errors import (
    DiscrepancyNotOpen,
    PaymentDisputed,
    RefundNotWaiting,
    RefundTooLarge,
    RefundUnderway,
    SecondPersonNeeded,
)
from payments.models import Discrepancy, Refund
from payments.operations import Place
from payments.schemas import (
    DISCREPANCY_EXAMPLE,
    PLACE_EXAMPLE,
    PUBLIC_KEY_EXAMPLE,
    REFUND_EXAMPLE,
    ROOT_EXAMPLE,
    AskRefundSchema,
    CorrectionSchema,
    DiscrepancyPageSchema,
    DiscrepancySchema,
    ProofSchema,
    RefundPageSchema,
    RefundSchema,
    RootPageSchema,
)
from payments.views.doors import blueprint


def _payee() -> UUID:
    return current_staff().provider_id or UUID(int=0)


@blueprint.route("/<uuid:payment_id>/refunds")
class RefundsOfPayment(MethodView):
    """What goes back of one payment."""

    @blueprint.idempotent
    @blueprint.arguments(
        AskRefundSchema(),
        example={"item_id": REFUND_EXAMPLE["item_id"], "amount_vnd": 150000, "reason": "meter_misread"},
    )
    @blueprint.response(201, RefundSchema, example=REFUND_EXAMPLE)
    @blueprint.raises(NotFound, RefundTooLarge, RefundUnderway, PaymentDisputed, RequestInFlight)
    @blueprint.doc(operationId="askRefund")
    def post(self, asked: dict[str, Any], payment_id: UUID) -> tuple[Refund, dict[str, str]]:
        """Give a citizen back all or part of a bill (hoàn tiền, for a provider's clerk).

        The sum is reserved at once and netted from the next remittance. Above the province's limit it waits for an
        approver, who is another person. While another refund of the payment has no answer, a new one is refused: it may
        be the very one you mean.
        """
        staff = current_staff()
        with transaction() as session:
            outcome = once(
                session,
                request_key({**asked, "payment_id": payment_id}),
                lambda: operations.ask_refund(
                    session, payment_id, clerk_id=staff.citizen_id, payee_id=_payee(), **asked
                ),
            )
            refund = operations.get_refund(session, outcome.resource_id, _payee())
        note(outcome)
        return refund, {"Location": url_for("payments.RefundById", refund_id=refund.id)}


@blueprint.route("/refunds")
class Refunds(MethodView):
    """What a provider gives back."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, RefundPageSchema, example={"items": [REFUND_EXAMPLE]})
    @blueprint.doc(operationId="listRefunds")
    def get(self, asked: dict[str, Any]) -> Page:
        """List what we give back (danh sách hoàn tiền, for a provider's staff).

        The newest first; `awaits_approval` marks those that an approver has to look at.
        """
        with transaction() as session:
            return operations.list_payee_refunds(session, _payee(), **asked)


@blueprint.route("/refunds/<uuid:refund_id>")
class RefundById(MethodView):
    """One refund."""

    @blueprint.response(200, RefundSchema, example=REFUND_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getRefund")
    def get(self, refund_id: UUID) -> Refund:
        """See one refund (for a provider's staff).

        A refund that has succeeded may still fail after days, when the citizen's card has been closed.
        """
        with transaction() as session:
            return operations.get_refund(session, refund_id, _payee())


@blueprint.route("/refunds/<uuid:refund_id>/approval")
class RefundApproval(MethodView):
    """The second person's word."""

    @blueprint.response(200, RefundSchema, example=REFUND_EXAMPLE)
    @blueprint.raises(NotFound, RefundNotWaiting, SecondPersonNeeded)
    @blueprint.doc(operationId="approveRefund")
    def post(self, refund_id: UUID) -> Refund:
        """Agree to a refund (duyệt hoàn tiền, for a provider's approver).

        Never by the person who asked for it.
        """
        with transaction() as session:
            operations.get_refund(session, refund_id, _payee())
            operations.approve_refund(session, refund_id, current_staff().citizen_id)
            return operations.get_refund(session, refund_id, _payee())


@blueprint.route("/refunds/<uuid:refund_id>/refusal")
class RefundRefusal(MethodView):
    """The end of a refund that waits."""

    @blueprint.response(200, RefundSchema, example=REFUND_EXAMPLE | {"state": "failed", "failure": "declined"})
    @blueprint.raises(NotFound, RefundNotWaiting)
    @blueprint.doc(operationId="declineRefund")
    def post(self, refund_id: UUID) -> Refund:
        """Decline a refund that waits for approval (từ chối hoàn tiền, for a provider's staff).

        What was reserved is free again.
        """
        with transaction() as session:
            operations.get_refund(session, refund_id, _payee())
            operations.decline_refund(session, refund_id)
            return operations.get_refund(session, refund_id, _payee())


@blueprint.route("/discrepancies")
class Discrepancies(MethodView):
    """What nobody has explained yet."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, DiscrepancyPageSchema, example={"items": [DISCREPANCY_EXAMPLE]})
    @blueprint.doc(operationId="listDiscrepancies")
    def get(self, asked: dict[str, Any]) -> Page:
        """List differences between our books and the gateway's or the bank's (chênh lệch đối soát).

        Only those that are open, the newest first.
        """
        with transaction() as session:
            return operations.list_discrepancies(session, **asked)


@blueprint.route("/discrepancies/<uuid:discrepancy_id>/proposal")
class Proposal(MethodView):
    """What one person says a difference is."""

    @blueprint.arguments(CorrectionSchema(), example={"account": "5110", "explanation": "Phí tháng 11 của cổng"})
    @blueprint.response(200, DiscrepancySchema, example=DISCREPANCY_EXAMPLE | {"state": "proposed", "account": "5110"})
    @blueprint.raises(NotFound, DiscrepancyNotOpen)
    @blueprint.doc(operationId="proposeAdjustment")
    def post(self, asked: dict[str, str], discrepancy_id: UUID) -> Discrepancy:
        """Say what a difference is, and which account it belongs to (đề nghị điều chỉnh).

        Nothing is booked before another person agrees.
        """
        with transaction() as session:
            proposed = operations.propose(session, discrepancy_id, current_staff().citizen_id, **asked)
        tag(*operations.version_of(proposed))
        return proposed


@blueprint.route("/discrepancies/<uuid:discrepancy_id>/approval")
class Adjustment(MethodView):
    """The booking of a difference."""

    @blueprint.conditional
    @blueprint.response(200, DiscrepancySchema, example=DISCREPANCY_EXAMPLE | {"state": "resolved", "account": "5110"})
    @blueprint.raises(NotFound, DiscrepancyNotOpen, SecondPersonNeeded)
    @blueprint.doc(operationId="approveAdjustment")
    def post(self, discrepancy_id: UUID) -> Discrepancy:
        """Agree to what a difference is said to be, and book it (duyệt điều chỉnh).

        Never by the person who proposed it, and only as it was read: If-Match is the `etag` of `listDiscrepancies`.
        """
        with transaction() as session:
            require_match(*operations.version_of(operations.lock_discrepancy(session, discrepancy_id)))
            return operations.approve(session, discrepancy_id, current_staff().citizen_id)


@blueprint.route("/<uuid:payment_id>/proof")
class PaymentProof(MethodView):
    """Where a payment stands in the sealed books."""

    @blueprint.response(200, ProofSchema, example={"journals": [PLACE_EXAMPLE], "public_key": PUBLIC_KEY_EXAMPLE})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getPaymentProof")
    def get(self, payment_id: UUID) -> list[Place]:
        """See where my payment stands in the sealed books (bằng chứng ghi sổ).

        Each booking has a place in a chain of digests, seconds after it was made. Nobody can change one without every
        digest after it changing too.
        """
        with transaction() as session:
            return operations.get_places(session, payment_id, current_citizen())


@blueprint.route("/roots")
class Roots(MethodView):
    """Signed days."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, RootPageSchema, example={"items": [ROOT_EXAMPLE]})
    @blueprint.doc(operationId="listSignedRoots")
    def get(self, asked: dict[str, Any]) -> Page:
        """List the signed daily roots of the books (chữ ký sổ hằng ngày).

        For providers and anybody else who keeps a copy: what was signed once must stay as it was.
        """
        public()
        with transaction() as session:
            return operations.list_roots(session, **asked)
