"""Who may call what while books are closed: remittances, statements, comparisons, differences and reports."""

from __future__ import annotations

from auth.assurance import FRESH
from auth.guard import Rule
from auth.organisation_models import OrganisationKind, StaffRole
from server.rules import FINANCE, provider, staff

SETTLEMENT: dict[str, Rule] = {
    "listRemittances": provider("payments:read"),
    "getRemittance": provider("payments:read"),
    "getRemittanceFile": provider("payments:read"),
    "submitStatement": provider("settlement:write"),
    "getStatement": provider("payments:read"),
    "getStatementLayout": provider("payments:read"),
    "putStatementLayout": provider("settlement:write"),
    "listMatchRuns": provider("payments:read"),
    "listOurDiscrepancies": provider("payments:read"),
    "getOurDiscrepancy": provider("payments:read"),
    "reportDiscrepancy": provider("settlement:write"),
    "answerDiscrepancy": provider("settlement:write"),
    "getTurnoverReport": FINANCE,
    "getAccountReport": FINANCE,
    "getAgeingReport": FINANCE,
    "getApprovalReport": FINANCE,
    "getOurTurnoverReport": provider("settlement:read"),
    "getOurAgeingReport": provider("settlement:read"),
    "getOurApprovalReport": provider("settlement:read"),
    "listDiscrepancies": FINANCE,
    "getDiscrepancy": FINANCE,
    "addDiscrepancyNote": FINANCE,
    "proposeAdjustment": staff(OrganisationKind.PROVINCE, StaffRole.CLERK, max_age=FRESH),
    "addDiscrepancy": staff(OrganisationKind.PROVINCE, StaffRole.CLERK),
    "startInvestigation": FINANCE,
    "declineAdjustment": FINANCE,
    "approveAdjustment": staff(OrganisationKind.PROVINCE, StaffRole.APPROVER, max_age=FRESH),
    # the bank's files, and what came of them; no line of a file is shown, so no purpose is asked for
    "submitBankStatement": staff(OrganisationKind.PROVINCE, StaffRole.CLERK, max_age=FRESH),
    "putBankForm": staff(OrganisationKind.PROVINCE, StaffRole.APPROVER, max_age=FRESH),
    "listBankStatements": FINANCE,
    "getBankStatement": FINANCE,
    "listBankForms": FINANCE,
    "listAllMatchRuns": FINANCE,
    "getMatchRun": FINANCE,
    "listAllRemittances": FINANCE,
    "getAnyRemittance": FINANCE,
}
