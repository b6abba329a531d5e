"""The doors of the school office: proposals and decisions, history, testing an address."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import url_for
from flask.views import MethodView

from auth.guard import current_staff
from kit.database import transaction
from kit.errors import InvalidRequest, MalformedRequest, NotFound, RequestInFlight
from kit.idempotency import Outcome
from kit.pages import Page
from kit.web import note, request_key, require_match, tag
from services.education.errors import (
    FactsNotValid,
    NothingChanged,
    OutsideOffice,
    OwnProposal,
    PointOutsideVietnam,
    ProposalDecided,
    ProposalOutdated,
    UnknownCommune,
)
from services.education.models import Proposal
from services.education.operations import catchment, deciding, office, reading
from services.education.operations.catchment import Home
from services.education.operations.office import Editor
from services.education.schemas import examples
from services.education.schemas.admissions import CatchmentQuestionSchema, CatchmentTestSchema
from services.education.schemas.office import (
    DecisionSchema,
    OpenDayProposalSchema,
    ProposalPageSchema,
    ProposalQuery,
    ProposalSchema,
    RevisionsSchema,
    RoundProposalSchema,
    SchoolProposalSchema,
)
from services.education.views.admissions import tell
from services.education.views.door import blueprint

_PROPOSING = (NotFound, OutsideOffice, RequestInFlight)


@blueprint.route("/office/school-proposals")
class SchoolProposals(MethodView):
    """Changes of schools."""

    @blueprint.idempotent
    @blueprint.arguments(
        SchoolProposalSchema(),
        example={name: examples.PROPOSAL[name] for name in ("school_id", "changes", "why")},
    )
    @blueprint.response(201, ProposalSchema, example=examples.PROPOSAL)
    @blueprint.raises(*_PROPOSING, FactsNotValid, NothingChanged, UnknownCommune)
    @blueprint.doc(operationId="addSchoolProposal")
    def post(self, asked: dict[str, Any]) -> tuple[Proposal, dict[str, str]]:
        """Propose a new school or changes of one (đề xuất thông tin trường).

        Facts that are named replace what is written, `null` clears one. Nothing changes until somebody else of the
        office approves. A merger is a change of `state`, `successor_id` and `closed_on`.
        """
        with transaction() as session:
            outcome = office.propose_school(
                session,
                request_key(asked),
                editor_now(session),
                asked["changes"],
                why=asked["why"],
                school_id=asked["school_id"],
            )
        return _proposed(outcome)


@blueprint.route("/office/round-proposals")
class RoundProposals(MethodView):
    """Changes of rounds."""

    @blueprint.idempotent
    @blueprint.arguments(
        RoundProposalSchema(), example={"round": examples.ROUND_FACTS, "why": "Kế hoạch tuyển sinh 2026-2027"}
    )
    @blueprint.response(201, ProposalSchema, example=examples.PROPOSAL | {"kind": "round", "school_id": None})
    @blueprint.raises(*_PROPOSING, InvalidRequest, FactsNotValid)
    @blueprint.doc(operationId="addRoundProposal")
    def post(self, asked: dict[str, Any]) -> tuple[Proposal, dict[str, str]]:
        """Propose a round of admission, or all facts of one that changes (đề xuất đợt tuyển sinh).

        When approved dates differ from those before, parents who wait for the round are told.
        """
        with transaction() as session:
            outcome = office.propose_round(
                session,
                request_key(asked),
                editor_now(session),
                asked["round"],
                why=asked["why"],
                round_id=asked["round_id"],
            )
        return _proposed(outcome)


@blueprint.route("/office/open-day-proposals")
class OpenDayProposals(MethodView):
    """Changes of open days."""

    @blueprint.idempotent
    @blueprint.arguments(
        OpenDayProposalSchema(),
        example={
            "open_day": {
                name: examples.OPEN_DAY[name] for name in ("school_id", "starts_at", "ends_at", "campus", "places")
            },
            "why": "Ngày hội mở cửa",
        },
    )
    @blueprint.response(201, ProposalSchema, example=examples.PROPOSAL | {"kind": "open_day", "school_id": None})
    @blueprint.raises(*_PROPOSING, InvalidRequest)
    @blueprint.doc(operationId="addOpenDayProposal")
    def post(self, asked: dict[str, Any]) -> tuple[Proposal, dict[str, str]]:
        """Propose an open day, or to cancel one (đề xuất ngày hội tham quan).

        When a cancellation is approved, the families with a place are told.
        """
        with transaction() as session:
            outcome = office.propose_open_day(
                session,
                request_key(asked),
                editor_now(session),
                asked["open_day"] or {},
                why=asked["why"],
                open_day_id=asked["open_day_id"],
            )
        return _proposed(outcome)


@blueprint.route("/office/proposals")
class Proposals(MethodView):
    """What waits, and what was decided."""

    @blueprint.arguments(ProposalQuery(), location="query")
    @blueprint.response(200, ProposalPageSchema, example={"items": [examples.PROPOSAL]})
    @blueprint.raises(MalformedRequest)
    @blueprint.doc(operationId="listSchoolProposals")
    def get(self, asked: dict[str, Any]) -> Page:
        """List proposals of our office (các đề xuất).

        The newest first, whatever became of them; `state=proposed` gives those that wait.
        """
        with transaction() as session:
            return office.list_proposals(session, editor_now(session), **asked)


@blueprint.route("/office/proposals/<uuid:proposal_id>")
class ProposalById(MethodView):
    """One proposal."""

    @blueprint.response(200, ProposalSchema, example=examples.PROPOSAL)
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="getSchoolProposal")
    def get(self, proposal_id: UUID) -> Proposal:
        """See one proposal.

        The ETag of the answer is needed to decide.
        """
        with transaction() as session:
            found = office.get_proposal(session, editor_now(session), proposal_id)
        tag(found.id, found.version)
        return found

    @blueprint.conditional
    @blueprint.arguments(DecisionSchema(), example={"approve": True, "note": None})
    @blueprint.response(
        200,
        ProposalSchema,
        example=examples.PROPOSAL
        | {"state": "approved", "decided_by": examples.CHECKER_ID, "decided_at": examples.PROPOSAL["created_at"]},
    )
    @blueprint.raises(NotFound, OwnProposal, ProposalDecided, ProposalOutdated, FactsNotValid, UnknownCommune)
    @blueprint.doc(operationId="answerSchoolProposal")
    def patch(self, asked: dict[str, Any], proposal_id: UUID) -> Proposal:
        """Approve or refuse a colleague's proposal (duyệt đề xuất).

        Approved, it takes effect at once, with who asked, who agreed and why in the history.
        """
        with transaction() as session:
            editor = editor_now(session)
            found = office.get_proposal(session, editor, proposal_id)
            require_match(found.id, found.version)
            decided = deciding.decide_proposal(session, found, editor, **asked)
        tag(decided.id, decided.version)
        return decided

    @blueprint.conditional
    @blueprint.response(204)
    @blueprint.raises(NotFound, ProposalDecided)
    @blueprint.doc(operationId="withdrawSchoolProposal")
    def delete(self, proposal_id: UUID) -> None:
        """Take my proposal back (rút đề xuất).

        Only those who proposed, and only before the decision.
        """
        with transaction() as session:
            editor = editor_now(session)
            found = office.get_proposal(session, editor, proposal_id)
            require_match(found.id, found.version)
            deciding.withdraw_proposal(session, found, editor)


@blueprint.route("/office/schools/<uuid:school_id>/revisions")
class Revisions(MethodView):
    """The history of a school."""

    @blueprint.response(200, RevisionsSchema, example={"items": [examples.REVISION]})
    @blueprint.raises(NotFound)
    @blueprint.doc(operationId="listSchoolRevisions")
    def get(self, school_id: UUID) -> dict[str, Any]:
        """List every change of a school that took effect (lịch sử thay đổi).

        The newest first: what was, what is, who asked, who agreed, and why.
        """
        with transaction() as session:
            return {"items": reading.list_revisions(session, school_id)}


@blueprint.route("/office/catchment-look-ups")
class DraftCatchments(MethodView):
    """Testing an address."""

    @blueprint.arguments(
        CatchmentQuestionSchema(), example={"home": examples.HOME, "level": "primary", "school_year": 2026}
    )
    @blueprint.response(
        200,
        CatchmentTestSchema,
        example=examples.CATCHMENT | {"zones": [examples.ZONE | {"is_published": False}]},
    )
    @blueprint.raises(PointOutsideVietnam)
    @blueprint.doc(operationId="lookUpDraftCatchment")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Test an address against zones that wait for approval too (thử một địa chỉ).

        As `lookUpCatchment`, with the drafts of our office; the address is not stored.
        """
        with transaction() as session:
            found = catchment.look_up_catchment(
                session,
                Home(**asked["home"]),
                level=asked["level"],
                school_year=asked["school_year"],
                drafts_of=current_staff().organisation_id,
            )
        return tell(found)


def editor_now(session: Any) -> Editor:  # noqa: ANN401 - the open session
    """The member of staff who makes the current request."""
    staff = current_staff()
    return office.get_editor(session, staff.citizen_id, staff.organisation_id)


def _proposed(outcome: Outcome) -> tuple[Proposal, dict[str, str]]:
    note(outcome)
    with transaction() as session:
        found = office.get_proposal(session, editor_now(session), outcome.resource_id)
    tag(found.id, found.version)
    return found, {"Location": url_for("education.ProposalById", proposal_id=found.id)}
