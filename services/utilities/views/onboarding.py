"""The doors of onboarding: a citizen applies for a company, the province moves it on, the company sees where it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

import payments.operations
from auth.guard import current_citizen, current_provider, current_staff
from kit.database import transaction
from kit.errors import NotFound, RequestInFlight
from kit.idempotency import once
from kit.pages import Page
from kit.web import note, request_key
from payments.errors import SecondPersonNeeded
from services.utilities.errors import (
    CodePatternUnusable,
    PostingAddressRefused,
    ProviderKnown,
    ProviderNotReady,
    StageMoveIllegal,
    TooManyApplications,
)
from services.utilities.onboarding_models import ProviderStage
from services.utilities.onboarding_schemas import (
    APPLICATION_EXAMPLE,
    ONBOARDING_EXAMPLE,
    STAGED_EXAMPLE,
    TERMS_EXAMPLE,
    AllTermsSchema,
    NewApplicationSchema,
    NewMoveSchema,
    OnboardingSchema,
    OnboardingsSchema,
    PostingCredentialsSchema,
    StagedProviderPageSchema,
    StageQuery,
)
from services.utilities.operations import endpoints, onboarding
from services.utilities.operations.onboarding import Onboarding
from services.utilities.views.bills import blueprint

_WITHDRAWN = ONBOARDING_EXAMPLE | {"stage": "closed"}


@blueprint.route("/provider-applications")
class ProviderApplications(MethodView):
    """Companies a citizen has applied for."""

    @blueprint.response(200, OnboardingsSchema, example={"items": [ONBOARDING_EXAMPLE]})
    @blueprint.doc(operationId="listOwnProviderApplications")
    def get(self) -> dict[str, Any]:
        """List the companies I have applied for (đơn đăng ký của tôi), the newest first.

        Each with every move it has made, and why. From testing on only while you are a member of it.
        """
        with transaction() as session:
            return {"items": onboarding.list_own(session, current_citizen())}

    @blueprint.idempotent
    @blueprint.arguments(NewApplicationSchema(), example=APPLICATION_EXAMPLE)
    @blueprint.response(201, OnboardingSchema, example=ONBOARDING_EXAMPLE)
    @blueprint.raises(ProviderKnown, TooManyApplications, CodePatternUnusable, PostingAddressRefused, RequestInFlight)
    @blueprint.doc(operationId="addProviderApplication")
    def post(self, asked: dict[str, Any]) -> tuple[Onboarding, dict[str, str]]:
        """Apply for a power or water company (đăng ký làm đơn vị cung cấp).

        You apply for the company you work for; somebody of the province reviews it. Once it is in testing you look
        after its members and systems. Nobody else sees it before it is live. Three applications at once are the most.
        """
        with transaction() as session:
            outcome = once(session, request_key(asked), lambda: onboarding.apply(session, current_citizen(), asked))
            made = onboarding.get_own(session, outcome.resource_id, current_citizen())
        note(outcome)
        return made, {"Location": url_for("utilities.ProviderApplicationById", provider_id=made.provider.id)}


@blueprint.route("/provider-applications/<uuid:provider_id>")
class ProviderApplicationById(MethodView):
    """One company a citizen has applied for."""

    @blueprint.response(200, OnboardingSchema, example=ONBOARDING_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getOwnProviderApplication")
    def get(self, provider_id: UUID) -> Onboarding:
        """See one company I have applied for.

        `moves` tells who has moved it where, when, and why.
        """
        with transaction() as session:
            return onboarding.get_own(session, provider_id, current_citizen())


@blueprint.route("/provider-applications/<uuid:provider_id>/withdrawal")
class ProviderApplicationWithdrawal(MethodView):
    """The end of an application by who made it."""

    @blueprint.response(200, OnboardingSchema, example=_WITHDRAWN)
    @blueprint.raises(NotFound, StageMoveIllegal)
    @blueprint.doc(operationId="withdrawProviderApplication")
    def post(self, provider_id: UUID) -> Onboarding:
        """Take an application back (rút đơn đăng ký).

        Before anything is tested; later ask the province. Its slug is free again.
        """
        with transaction() as session:
            onboarding.withdraw(session, provider_id, current_citizen())
            return onboarding.get_own(session, provider_id, current_citizen())


@blueprint.route("/provider-reviews")
class ProviderReviews(MethodView):
    """Companies in all stages."""

    @blueprint.arguments(StageQuery(), location="query")
    @blueprint.response(200, StagedProviderPageSchema, example={"items": [STAGED_EXAMPLE]})
    @blueprint.doc(operationId="listProvidersToReview")
    def get(self, asked: dict[str, Any]) -> Page:
        """List companies in all stages (đơn vị chờ duyệt), the newest first.

        For the province's operators. `stage=applied` gives those nobody has looked at.
        """
        with transaction() as session:
            return onboarding.list_all(session, **asked)


@blueprint.route("/provider-reviews/<uuid:provider_id>")
class ProviderReviewById(MethodView):
    """One company, to be moved on."""

    @blueprint.response(200, OnboardingSchema, example=ONBOARDING_EXAMPLE)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getProviderToReview")
    def get(self, provider_id: UUID) -> Onboarding:
        """See one company with its settings, its moves and what it has shown in testing.

        For the province's operators.
        """
        with transaction() as session:
            return onboarding.get(session, provider_id)


@blueprint.route("/provider-reviews/<uuid:provider_id>/moves")
class ProviderReviewMoves(MethodView):
    """Moves of a company from stage to stage."""

    @blueprint.arguments(NewMoveSchema(), example={"to": "in_review"})
    @blueprint.response(200, OnboardingSchema, example=ONBOARDING_EXAMPLE | {"stage": "in_review"})
    @blueprint.raises(NotFound, StageMoveIllegal, ProviderNotReady, ProviderKnown, SecondPersonNeeded)
    @blueprint.doc(operationId="moveProvider")
    def post(self, asked: dict[str, Any], provider_id: UUID) -> Onboarding:
        """Move a company to another stage (chuyển trạng thái đơn vị; for the province's operators).

        Never by the person who applied for it. applied → in_review → testing → live; live is reached with everything on
        the checklist shown, and then test data and test keys are over. A live company is suspended before it is closed;
        what citizens have paid goes on meanwhile. Needs a proof of the last five minutes.
        """
        with transaction() as session:
            return onboarding.move(
                session,
                provider_id,
                ProviderStage(asked["to"]),
                actor_id=current_staff().citizen_id,
                reason=asked["reason"],
            )


@blueprint.route("/provider-onboarding")
class OwnOnboarding(MethodView):
    """Where a company stands."""

    @blueprint.response(200, OnboardingSchema, example=ONBOARDING_EXAMPLE | {"stage": "testing"})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getOurOnboarding")
    def get(self) -> Onboarding:
        """See where our company stands (trạng thái đơn vị).

        Its settings, its moves, and what is left to show before it is live. For a provider's system or clerk.
        """
        with transaction() as session:
            return onboarding.get(session, current_provider())


@blueprint.route("/provider-terms")
class ProviderTerms(MethodView):
    """On which terms a provider is remitted."""

    @blueprint.response(200, AllTermsSchema, example={"items": [TERMS_EXAMPLE]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listOurTerms")
    def get(self) -> dict[str, Any]:
        """List our cut-offs and commissions (điều khoản), the oldest first.

        By the day they hold from; each holds until the next one. A cut-off is changed with `proposeProviderChange`.
        """
        with transaction() as session:
            return {"items": payments.operations.read_terms(session, current_provider())}


@blueprint.route("/provider-posting-credentials")
class PostingCredentials(MethodView):
    """What we show a provider's system."""

    @blueprint.response(
        201,
        PostingCredentialsSchema,
        example={
            "key": "nQ3y0V8h2s6K4m1P7w9x5Z0t2r8e4d6c1b3a7f9g5h0",
            "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        },
    )
    @blueprint.doc(operationId="issuePostingCredentials")
    def post(self) -> Mapping[str, str]:
        """Get a new key and secret of our calls to you (khóa gọi sang đơn vị).

        For a provider's operator.

        We call the address in your settings with `Authorization: Bearer <key>`, and sign each call with `secret`. Told
        this once; the former ones end at once, so put these in place first thing.
        """
        with transaction() as session:
            return endpoints.renew_credentials(session, current_provider())
