"""The doors of bills: find them, see them, pay them; and what providers send and read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for
from flask.views import MethodView

import payments.flows
from auth.errors import DayLimitReached, InsufficientUserAuthentication
from auth.guard import current_caller, current_citizen, current_proof, current_provider
from kit.database import transaction
from kit.errors import InvalidRequest, NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page
from kit.web import Blueprint, note, public, request_key, require_match, tag
from payments.errors import AmountTooSmall, CardDeclined, CardNotReady, PaymentMethodInvalid
from payments.operations import Told
from payments.schemas import PAYMENT_EXAMPLE, PaymentSchema
from services.utilities import operations, upload
from services.utilities.errors import (
    BillAlreadyPaid,
    BillBeingPaid,
    BillChanged,
    BillWithdrawn,
    CustomerCodeMalformed,
    CustomerNotMatched,
    FileEmpty,
    FileTooLarge,
    NotInTest,
    OlderBillOpen,
    ProviderNotAdmitted,
    ProviderNotLive,
    ProviderUnknown,
    TooManyLookups,
)
from services.utilities.flows import DESCRIPTION
from services.utilities.models import Account, Bill, BillState
from services.utilities.operations import Found, Progress, Proof, trials
from services.utilities.schemas import (
    ACCOUNT_EXAMPLE,
    BILL_EXAMPLE,
    IMPORT_EXAMPLE,
    PROOF_EXAMPLE,
    PROVIDER_BILL_EXAMPLE,
    PROVIDER_EXAMPLE,
    PROVIDER_PAYMENT_EXAMPLE,
    SUMMARY_EXAMPLE,
    AccountSchema,
    AccountsSchema,
    BillClosureSchema,
    BillPageSchema,
    BillQuery,
    BillSchema,
    CustomerProofSchema,
    FoundSchema,
    ImportSchema,
    PaySchema,
    ProviderBillSchema,
    ProviderPaymentPageSchema,
    ProviderPaymentQuery,
    ProviderQuery,
    ProvidersSchema,
)

blueprint = Blueprint("utilities", __name__, url_prefix="/v1/utilities", description="Electricity and water bills.")
_MATCHING = (ProviderUnknown, CustomerCodeMalformed, CustomerNotMatched, TooManyLookups)


@blueprint.route("/providers")
class Providers(MethodView):
    """Power and water companies."""

    @blueprint.arguments(ProviderQuery(), location="query")
    @blueprint.response(200, ProvidersSchema, example={"items": [PROVIDER_EXAMPLE]})
    @blueprint.doc(operationId="listProviders")
    def get(self, asked: dict[str, Any]) -> dict[str, Any]:
        """List power and water companies (đơn vị cung cấp).

        Each says what its customer codes look like and which second proofs it takes: build the form from that.
        """
        public()
        with transaction() as session:
            return {"items": operations.list_providers(session, **asked)}


@blueprint.route("/lookups")
class Lookups(MethodView):
    """Bills by customer code."""

    @blueprint.arguments(CustomerProofSchema(), example=PROOF_EXAMPLE)
    @blueprint.response(
        200,
        FoundSchema,
        example={"provider": "pc-thanh-hoa", "holder_name": "N***** V** An", "bills": [SUMMARY_EXAMPLE]},
    )
    @blueprint.raises(*_MATCHING)
    @blueprint.doc(operationId="lookUpBills")
    def post(self, asked: dict[str, Any]) -> Found:
        """Find a household's open bills by customer code (tra cứu hóa đơn).

        Needs one second proof: the holder's name or the amount of one of the last three bills. What is found can be
        paid for a day; link the account to keep it. Ten misses in a day end the tries.
        """
        with transaction() as session:
            attempt = _try(session, asked)
        with transaction() as session:
            return operations.get_found(session, attempt.found())


@blueprint.route("/accounts")
class Accounts(MethodView):
    """Linked customer codes."""

    @blueprint.response(200, AccountsSchema, example={"items": [ACCOUNT_EXAMPLE]})
    @blueprint.doc(operationId="listAccounts")
    def get(self) -> dict[str, Any]:
        """List my linked accounts (mã khách hàng đã lưu).

        At most a hundred; the holder's name is masked.
        """
        with transaction() as session:
            return {"items": operations.list_accounts(session, current_citizen())}

    @blueprint.arguments(CustomerProofSchema(), example=PROOF_EXAMPLE)
    @blueprint.response(201, AccountSchema, example=ACCOUNT_EXAMPLE)
    @blueprint.raises(*_MATCHING)
    @blueprint.doc(operationId="linkAccount")
    def post(self, asked: dict[str, Any]) -> Account:
        """Link a customer code to me (lưu mã khách hàng).

        With the same proof as a look-up. Linking the same code again gives the same account.
        """
        with transaction() as session:
            attempt = _try(session, asked)
        with transaction() as session:
            account = operations.link_account(session, current_citizen(), attempt.found())
        tag(account.id, account.version)
        return account


@blueprint.route("/accounts/<uuid:account_id>")
class AccountById(MethodView):
    """One linked customer code."""

    @blueprint.response(200, AccountSchema, example=ACCOUNT_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getAccount")
    def get(self, account_id: UUID) -> Account:
        """See one linked account.

        The ETag of the answer is needed to unlink it.
        """
        with transaction() as session:
            account = operations.get_account(session, account_id, current_citizen())
        tag(account.id, account.version)
        return account

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="unlinkAccount")
    def delete(self, account_id: UUID) -> None:
        """Unlink a customer code (bỏ lưu mã khách hàng).

        Its bills are no longer shown; payments made stay in the history.
        """
        with transaction() as session:
            account = operations.get_account(session, account_id, current_citizen())
            require_match(account.id, account.version)
            operations.unlink_account(session, account)


@blueprint.route("/bills")
class Bills(MethodView):
    """Bills of linked or looked-up customers."""

    @blueprint.arguments(BillQuery(), location="query")
    @blueprint.response(200, BillPageSchema, example={"items": [SUMMARY_EXAMPLE]})
    @blueprint.doc(operationId="listBills")
    def get(self, asked: dict[str, Any]) -> Page:
        """List my bills (hóa đơn).

        Those of linked accounts and of households looked up today, the newest period first.
        """
        with transaction() as session:
            return operations.list_bills(session, current_citizen(), **asked)


@blueprint.route("/bills/<uuid:bill_id>")
class BillById(MethodView):
    """One bill."""

    @blueprint.response(200, BillSchema, example=BILL_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getBill")
    def get(self, bill_id: UUID) -> Bill:
        """See a bill and what stands behind its amount (chi tiết hóa đơn).

        Price tiers, VAT, fees and meter readings, where the provider gives them.
        """
        with transaction() as session:
            return operations.get_bill(session, bill_id, current_citizen())


@blueprint.route("/payments")
class BillPayments(MethodView):
    """Paying bills."""

    @blueprint.idempotent
    @blueprint.arguments(
        PaySchema(), example={"bill_ids": [BILL_EXAMPLE["id"]], "amount_vnd": 636768, "payment_method": "pm_card_visa"}
    )
    @blueprint.response(201, PaymentSchema, example=PAYMENT_EXAMPLE | {"state": "authorised", "captured_vnd": 0})
    @blueprint.raises(NotFound, BillBeingPaid, BillAlreadyPaid, BillWithdrawn, BillChanged, OlderBillOpen)
    @blueprint.raises(ProviderNotLive)
    @blueprint.raises(CardDeclined, CardNotReady, PaymentMethodInvalid, AmountTooSmall, RequestInFlight)
    @blueprint.raises(InsufficientUserAuthentication, DayLimitReached)
    @blueprint.doc(operationId="payBills")
    def post(self, asked: dict[str, Any]) -> tuple[Told, dict[str, str]]:
        """Pay one or several bills by card (thanh toán hóa đơn).

        The bank holds the money first; each provider is asked again whether its bill is still owed; only then is the
        money taken and posted to the provider. Follow the payment with `getPayment`. State `requires_action` means that
        the citizen has to confirm: open `next_action.redirect_url`, or let the gateway's SDK use `client_secret`. State
        `unknown` means that the gateway is being asked: never pay again then. How much may be paid in a day depends on
        how and when the citizen has signed in; 401 `insufficient_user_authentication` says what to step up to.
        """
        key = request_key(asked)
        with transaction() as session:
            outcome = once(
                session,
                key,
                lambda: operations.start_payment(
                    session,
                    current_citizen(),
                    asked["bill_ids"],
                    asked["amount_vnd"],
                    proof=current_proof(),
                    card_id=asked["card_id"],
                    payer_id=current_caller().subject,
                ),
            )
        note(outcome)
        location = url_for("payments.PaymentById", payment_id=outcome.resource_id)
        told = payments.flows.submit(
            outcome,
            current_citizen(),
            amount_vnd=asked["amount_vnd"],
            payment_method=asked["payment_method"],
            return_url=url_for("site.paid", _external=True),
            description=DESCRIPTION,
            card_id=asked["card_id"],
        )
        return told, {"Location": location}


@blueprint.route("/imports")
class Imports(MethodView):
    """Files of bills."""

    @blueprint.idempotent
    @blueprint.response(
        202, ImportSchema, example=IMPORT_EXAMPLE | {"state": "received", "errors": [], "finished_at": None}
    )
    @blueprint.raises(NotFound, FileTooLarge, FileEmpty, ProviderNotAdmitted, NotInTest, RequestInFlight)
    @blueprint.doc(operationId="importBills", requestBody=upload.DOCUMENTED)
    def post(self) -> tuple[Progress, dict[str, str]]:
        """Send a file of bills (for a provider's system or clerk).

        CSV with a heading line (`,` or `;`) or NDJSON, UTF-8, up to 64 MB. Read later: follow `Location`. Every good
        line is kept, every bad one is reported with its number. The same file again changes nothing; a bill that is
        being paid or was paid is never changed.
        """
        with upload.spool(request.mimetype, request.content_length, request.stream) as sent:
            key = request_key({"format": sent.kind, "digest": sent.digest})
            with transaction() as session:
                outcome = once(
                    session,
                    key,
                    lambda: operations.receive(session, writing_provider(session), sent.kind, sent.pieces()),
                )
        note(outcome)
        with transaction() as session:
            told = operations.get_import(session, outcome.resource_id, current_provider())
        return told, {"Location": url_for("utilities.ImportById", import_id=outcome.resource_id)}


@blueprint.route("/imports/<uuid:import_id>")
class ImportById(MethodView):
    """One file of bills."""

    @blueprint.response(200, ImportSchema, example=IMPORT_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getImport")
    def get(self, import_id: UUID) -> Progress:
        """See what became of a file of bills.

        Counts of its lines, and the first thousand that were refused, each with its number and a code.
        """
        with transaction() as session:
            return operations.get_import(session, import_id, current_provider())


@blueprint.route("/provider-bills")
class ProviderBills(MethodView):
    """Single bills of a provider."""

    @blueprint.arguments(ProviderBillSchema(), example=PROVIDER_BILL_EXAMPLE)
    @blueprint.response(200, BillSchema, example=BILL_EXAMPLE | {"state": "open"})
    @blueprint.raises(InvalidRequest, NotFound, BillBeingPaid, BillAlreadyPaid, ProviderNotAdmitted, NotInTest)
    @blueprint.doc(operationId="putProviderBill")
    def put(self, asked: dict[str, Any]) -> Bill:
        """Add one bill, or change it (for a provider's system).

        The number is the identity: the same again changes nothing. A bill that was withdrawn or paid elsewhere is owed
        again. One that is being paid or was paid is never changed.
        """
        with transaction() as session:
            return operations.put_bill(session, writing_provider(session), asked)


@blueprint.route("/provider-bills/closures")
class ProviderBillClosures(MethodView):
    """Bills that nobody can pay here any more."""

    @blueprint.arguments(BillClosureSchema(), example={"bill_no": "PC07-2026-10-000001", "state": "paid_elsewhere"})
    @blueprint.response(200, BillSchema, example=BILL_EXAMPLE | {"state": "paid_elsewhere"})
    @blueprint.raises(NotFound, InvalidRequest, BillBeingPaid, BillAlreadyPaid, ProviderNotAdmitted, NotInTest)
    @blueprint.doc(operationId="closeProviderBill")
    def post(self, asked: dict[str, Any]) -> Bill:
        """Withdraw one bill, or say that it was paid elsewhere (for a provider's clerk or system).

        While it is being paid here the answer is `bill_being_paid`: we ask you once more before any money is taken, so
        answer that question truly and close the bill afterwards.
        """
        with transaction() as session:
            return operations.close_bill(
                session, writing_provider(session), asked["bill_no"], BillState(asked["state"])
            )


@blueprint.route("/provider-payments")
class ProviderPayments(MethodView):
    """What citizens have paid to a provider."""

    @blueprint.arguments(ProviderPaymentQuery(), location="query")
    @blueprint.response(200, ProviderPaymentPageSchema, example={"items": [PROVIDER_PAYMENT_EXAMPLE]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listProviderPayments")
    def get(self, asked: dict[str, Any]) -> Page:
        """List payments of our bills (for a provider's clerk or system), the newest first.

        `day` is a business day by your own cut-off, `since` an instant: both say when the money was taken. One
        row a bill; `posting` tells whether our posting call has been answered, `receipt_no` is your own number.
        """
        with transaction() as session:
            return operations.list_provider_payments(session, current_provider(), **asked)


def writing_provider(session: Any) -> UUID:  # noqa: ANN401 - the open session
    """The provider whose system or member of staff writes something; it stays in its stage until the commit.

    Raises NotFound where an organisation names a provider that is not there, ProviderNotAdmitted for one that has not
    come in or is closed, and NotInTest for a test key of one that is live meanwhile: such a key touches test data, or
    nothing.
    """
    caller, provider_id = current_caller(), current_provider()
    if caller.is_test or caller.staff:
        trials.hold(session, provider_id, is_test=caller.is_test)
    operations.check_admitted(session, provider_id)
    return provider_id


def _try(session: Any, asked: dict[str, Any]) -> operations.Attempt:  # noqa: ANN401 - the open session
    proof = Proof(holder_name=asked["holder_name"], last_amount_vnd=asked["last_amount_vnd"])
    return operations.try_lookup(session, current_citizen(), asked["provider"], asked["customer_code"], proof)
