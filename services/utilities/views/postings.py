"""The doors of postings that a provider fetches and answers, and of trials while it is testing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_caller, current_provider
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page, PageQuery
from kit.web import note, request_key
from services.utilities import flows
from services.utilities.errors import NotInTest, PostingByPush, ProviderNotAdmitted
from services.utilities.onboarding_models import TrialPosting
from services.utilities.operations import trials
from services.utilities.operations.pulling import Answer
from services.utilities.posting_schemas import (
    ANSWERED_EXAMPLE,
    POSTING_EXAMPLE,
    TRIAL_EXAMPLE,
    AnsweredPostingsSchema,
    NewTrialSchema,
    PostingAnswersSchema,
    PostingToFetchPageSchema,
    TrialPageSchema,
    TrialSchema,
)
from services.utilities.views.bills import blueprint, writing_provider


@blueprint.route("/provider-postings")
class ProviderPostings(MethodView):
    """What a provider is to post."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, PostingToFetchPageSchema, example={"items": [POSTING_EXAMPLE]})
    @blueprint.raises(NotFound, PostingByPush, ProviderNotAdmitted, NotInTest)
    @blueprint.doc(operationId="listProviderPostings")
    def get(self, asked: dict[str, Any]) -> Page:
        """Fetch the payments that you are to post (lấy khoản cần gạch nợ), the oldest first.

        For a provider that has chosen `posting_mode` pull. A posting stays in the list until you answer it with
        `answerProviderPostings`: begin without a cursor each time. Two of your systems may fetch the same ones; what is
        posted is posted once, by `key`.
        """
        with transaction() as session:
            return trials.list_postings(session, writing_provider(session), **asked)


@blueprint.route("/provider-postings/answers")
class ProviderPostingAnswers(MethodView):
    """What a provider has made of its postings."""

    @blueprint.arguments(
        PostingAnswersSchema(), example={"items": [{"id": POSTING_EXAMPLE["id"], "receipt_no": "PC07-R-000123"}]}
    )
    @blueprint.response(200, AnsweredPostingsSchema, example={"items": [ANSWERED_EXAMPLE]})
    @blueprint.raises(NotInTest)
    @blueprint.doc(operationId="answerProviderPostings")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer postings (xác nhận gạch nợ): a receipt number for each, or why it cannot be posted.

        Any part of what you have fetched, up to two hundred. Each answer stands by itself, and the same answer again is
        told the same: after a lost answer send all of them again. Another receipt number for the same posting is a
        `conflict`: the first one stands, and a difference is opened for people to look at.
        """
        answers = [
            Answer(each["id"], each["receipt_no"], each["posted_at"], each["refusal"]) for each in asked["items"]
        ]
        return {"items": flows.answer_postings(current_provider(), answers, is_test=current_caller().is_test)}


@blueprint.route("/provider-trials")
class ProviderTrials(MethodView):
    """Postings that are trials."""

    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, TrialPageSchema, example={"items": [TRIAL_EXAMPLE]})
    @blueprint.doc(operationId="listProviderTrials")
    def get(self, asked: dict[str, Any]) -> Page:
        """List our trial postings (giao dịch thử), the newest first.

        They stay as the record of what was tested; citizens and the books never see them.
        """
        with transaction() as session:
            return trials.list_trials(session, current_provider(), **asked)

    @blueprint.idempotent
    @blueprint.arguments(NewTrialSchema(), example={"bill_no": "TEST-000001"})
    @blueprint.response(
        201, TrialSchema, example=TRIAL_EXAMPLE | {"state": "pending", "receipt_no": None, "posted_at": None}
    )
    @blueprint.raises(NotFound, NotInTest, RequestInFlight)
    @blueprint.doc(operationId="addProviderTrial")
    def post(self, asked: dict[str, Any]) -> tuple[TrialPosting, dict[str, str]]:
        """Have one of our test bills posted as if it had been paid (thử gạch nợ).

        While your company is in testing. With `posting_mode` push your system is called within seconds, signed; with
        pull you find it in `listProviderPostings` and answer it there. No money moves. A system that does not answer
        is called ten times within an hour; then add another trial.
        """
        with transaction() as session:
            outcome = once(
                session, request_key(asked), lambda: trials.add_trial(session, current_provider(), asked["bill_no"])
            )
            made = trials.get_trial(session, outcome.resource_id, current_provider())
        note(outcome)
        return made, {"Location": url_for("utilities.ProviderTrialById", trial_id=made.id)}


@blueprint.route("/provider-trials/<uuid:trial_id>")
class ProviderTrialById(MethodView):
    """One trial."""

    @blueprint.response(200, TrialSchema, example=TRIAL_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getProviderTrial")
    def get(self, trial_id: UUID) -> TrialPosting:
        """See one trial posting.

        `attempts` says how often your system was called for it.
        """
        with transaction() as session:
            return trials.get_trial(session, trial_id, current_provider())
