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
from payments.models import Discrepancy, Refund, Side
from payments.operations import Actor, Discussed, Place
from payments.schemas import (
    DISCREPANCY_EXAMPLE,
    NOTE_EXAMPLE,
    PLACE_EXAMPLE,
    PUBLIC_KEY_EXAMPLE,
    REFUND_EXAMPLE,
    ROOT_EXAMPLE,
    STEP_EXAMPLE,
    AskRefundSchema,
    CorrectionSchema,
    DiscrepancyPageSchema,
    DiscrepancyQuery,
    DiscrepancySchema,
    DiscussedSchema,
    NewDiscrepancySchema,
    NewNoteSchema,
    ProofSchema,
    RefundPageSchema,
    RefundSchema,
    RefusalSchema,
    RootPageSchema,
)
from payments.views.doors import blueprint

_DISCUSSED = DISCREPANCY_EXAMPLE | {"notes": [NOTE_EXAMPLE], "events": [STEP_EXAMPLE]}
_RAISED = {
    "payee_id": "019a0b00-0000-7000-8000-000000000001",
    "subject": "B-1",
    "business_day": "2026-11-20",
    "amount_vnd": 0,
    "body": "Bảng kê ngân hàng ghi khác",
}


def province() -> Actor:
    """The member of the province's staff who makes the current request; raises NotAllowed for others."""
    staff = current_staff()
    return Actor(Side.PROVINCE, staff.citizen_id, staff.organisation_name)


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
    """What differs."""

    @blueprint.arguments(DiscrepancyQuery(), location="query")
    @blueprint.response(200, DiscrepancyPageSchema, example={"items": [DISCREPANCY_EXAMPLE]})
    @blueprint.doc(operationId="listDiscrepancies")
    def get(self, asked: dict[str, Any]) -> Page:
        """List differences between our books and somebody else's (chênh lệch đối soát).

        The gateway's, the bank's or a provider's; the newest first. Those that nobody has explained yet, unless `state`
        asks for others.
        """
        with transaction() as session:
            return operations.list_discrepancies(session, **asked)

    @blueprint.idempotent
    @blueprint.arguments(NewDiscrepancySchema(), example=_RAISED)
    @blueprint.response(201, DiscussedSchema, example=_DISCUSSED | {"kind": "RAISED_BY_PROVINCE"})
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="addDiscrepancy")
    def post(self, asked: dict[str, Any]) -> Discussed:
        """Say that something differs at a provider (báo chênh lệch, for the province's clerks).

        The provider is told, and answers in the same place; the same subject again adds to what was said.
        """
        day, payee_id = asked.pop("business_day"), asked.pop("payee_id")
        with transaction() as session:
            outcome = once(
                session,
                request_key({**asked, "day": day, "of": payee_id}),
                lambda: operations.raise_by_hand(session, payee_id, province(), day=day, **asked),
            )
            told = operations.get_discussed(session, outcome.resource_id)
        note(outcome)
        return told


@blueprint.route("/discrepancies/<uuid:discrepancy_id>")
class DiscrepancyById(MethodView):
    """One difference."""

    @blueprint.response(200, DiscussedSchema, example=_DISCUSSED)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getDiscrepancy")
    def get(self, discrepancy_id: UUID) -> Discussed:
        """See one difference and what both sides have said of it (chi tiết chênh lệch).

        For the province's clerks and approvers.
        """
        with transaction() as session:
            return operations.get_discussed(session, discrepancy_id)


@blueprint.route("/discrepancies/<uuid:discrepancy_id>/notes")
class DiscrepancyNotes(MethodView):
    """What the province says of a difference."""

    @blueprint.idempotent
    @blueprint.arguments(NewNoteSchema(), example={"body": "Đang hỏi ngân hàng"})
    @blueprint.response(201, DiscussedSchema, example=_DISCUSSED)
    @blueprint.raises(NotFound, RequestInFlight)
    @blueprint.doc(operationId="addDiscrepancyNote")
    def post(self, asked: dict[str, str], discrepancy_id: UUID) -> Discussed:
        """Say something of a difference (ghi chú chênh lệch).

        The provider it concerns reads it too. An open difference is being looked into from then on.
        """
        staff = current_staff()
        who = {"payee_id": None, "person_id": staff.citizen_id, "organisation": staff.organisation_name}
        said: dict[str, Any] = {**who, **asked}
        with transaction() as session:
            outcome = once(
                session,
                request_key({**asked, "of": discrepancy_id}),
                lambda: operations.answer(session, discrepancy_id, **said),
            )
            told = operations.get_discussed(session, discrepancy_id)
        note(outcome)
        return told


@blueprint.route("/discrepancies/<uuid:discrepancy_id>/proposal")
class Proposal(MethodView):
    """What one person says a difference is."""

    @blueprint.arguments(CorrectionSchema(), example={"account": "5110", "explanation": "Phí tháng 11 của cổng"})
    @blueprint.response(200, DiscrepancySchema, example=DISCREPANCY_EXAMPLE | {"state": "proposed", "account": "5110"})
    @blueprint.raises(NotFound, DiscrepancyNotOpen)
    @blueprint.doc(operationId="proposeAdjustment")
    def post(self, asked: dict[str, Any], discrepancy_id: UUID) -> Discrepancy:
        """Say what a difference is, and which account it belongs to (đề nghị điều chỉnh).

        Nothing is booked before another person agrees.
        """
        with transaction() as session:
            staff = current_staff()
            proposed = operations.propose(
                session, discrepancy_id, staff.citizen_id, organisation=staff.organisation_name, **asked
            )
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

        Never by the person who proposed it, and only as it was read: If-Match is the `etag` of `getDiscrepancy`.
        """
        with transaction() as session:
            require_match(*operations.version_of(operations.lock_discrepancy(session, discrepancy_id)))
            staff = current_staff()
            return operations.approve(session, discrepancy_id, staff.citizen_id, organisation=staff.organisation_name)


@blueprint.route("/discrepancies/<uuid:discrepancy_id>/investigation")
class Investigation(MethodView):
    """The beginning of an explanation."""

    @blueprint.response(200, DiscrepancySchema, example=DISCREPANCY_EXAMPLE | {"state": "investigating"})
    @blueprint.raises(NotFound, DiscrepancyNotOpen)
    @blueprint.doc(operationId="startInvestigation")
    def post(self, discrepancy_id: UUID) -> Discrepancy:
        """Take on a difference to look into (bắt đầu xác minh chênh lệch).

        For an open one. The log says who has taken it on.
        """
        with transaction() as session:
            return operations.investigate(session, discrepancy_id, province())


@blueprint.route("/discrepancies/<uuid:discrepancy_id>/refusal")
class ProposalRefusal(MethodView):
    """The end of a proposal that is not right."""

    @blueprint.arguments(RefusalSchema(), example={"reason": "Phí này thuộc tháng 10"})
    @blueprint.response(200, DiscrepancySchema, example=DISCREPANCY_EXAMPLE | {"state": "investigating"})
    @blueprint.raises(NotFound, DiscrepancyNotOpen, SecondPersonNeeded)
    @blueprint.doc(operationId="declineAdjustment")
    def post(self, asked: dict[str, str], discrepancy_id: UUID) -> Discrepancy:
        """Decline what a difference is said to be, with a reason (từ chối điều chỉnh).

        By another person than the one who proposed it. Nothing is booked; it is looked into again, and the log keeps
        what was proposed.
        """
        with transaction() as session:
            staff = current_staff()
            return operations.decline(
                session, discrepancy_id, staff.citizen_id, organisation=staff.organisation_name, **asked
            )


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
