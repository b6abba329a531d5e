"""The doors of consents."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from auth.guard import current_citizen
from auth.operations.grants import list_allowed_apps
from auth.views.allowed_apps import ALLOWED, tell_allowed
from kit.database import transaction
from kit.errors import InvalidRequest, NotFound, NotSignedIn
from kit.web import language
from persons import operations
from persons.errors import ConsentTextChanged
from persons.operations import Consent
from persons.schemas import ConsentChoiceSchema, ConsentPurposeSchema, ConsentSchema, ConsentsSchema
from persons.views.door import blueprint

_CONSENT = {
    "purpose": "bill_reminders",
    "version": 1,
    "title": "Nhắc hóa đơn sắp đến hạn",
    "body": "Chúng tôi xem hạn thanh toán của các mã khách hàng bạn đã lưu và nhắc bạn trước hạn.",
    "given": True,
    "given_version": 1,
    "decided_at": "2026-11-21T09:00:00.000+07:00",
}
_WITHDRAWN = _CONSENT | {"given": False, "given_version": None}


@blueprint.route("/consents")
class Consents(MethodView):
    """What the citizen agreed to."""

    @blueprint.response(200, ConsentsSchema, example={"items": [_WITHDRAWN | {"decided_at": None}], "apps": [ALLOWED]})
    @blueprint.raises(NotSignedIn)
    @blueprint.doc(operationId="listMyConsents")
    def get(self) -> dict[str, Any]:
        """List what I may consent to, and what I did (các nội dung đồng ý).

        Nothing is given by default; refusing costs no service. `apps` are those of others that I have allowed to see
        something; withdrawApp takes that back.
        """
        with transaction() as session:
            consents = operations.list_consents(session, current_citizen())
            allowed = list_allowed_apps(session, current_citizen())
        return {"items": [_told(one) for one in consents], "apps": [tell_allowed(one) for one in allowed]}

    @blueprint.arguments(ConsentChoiceSchema(), example={"purpose": "bill_reminders", "version": 1})
    @blueprint.response(200, ConsentSchema, example=_CONSENT)
    @blueprint.raises(NotSignedIn, NotFound, ConsentTextChanged, InvalidRequest)
    @blueprint.doc(operationId="giveConsent")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Consent to one purpose, in the words that were shown.

        `version` is that of the text the citizen has read. Repeating it changes nothing.
        """
        with transaction() as session:
            return _told(operations.give_consent(session, current_citizen(), asked["purpose"], asked["version"]))


@blueprint.route("/consent-withdrawals")
class ConsentWithdrawals(MethodView):
    """Consents taken back."""

    @blueprint.arguments(ConsentPurposeSchema(), example={"purpose": "bill_reminders"})
    @blueprint.response(200, ConsentSchema, example=_WITHDRAWN)
    @blueprint.raises(NotSignedIn, NotFound, InvalidRequest)
    @blueprint.doc(operationId="withdrawConsent")
    def post(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take a consent back (rút lại đồng ý), with effect at once.

        As easy as giving it; repeating it changes nothing.
        """
        with transaction() as session:
            return _told(operations.withdraw_consent(session, current_citizen(), asked["purpose"]))


def _told(consent: Consent) -> dict[str, Any]:
    text, in_english = consent.text, language() == "en"
    return {
        "purpose": text.purpose,
        "version": text.version,
        "title": text.title_en if in_english else text.title_vi,
        "body": text.body_en if in_english else text.body_vi,
        "given": consent.is_given,
        "given_version": consent.given_version,
        "decided_at": consent.decided_at,
    }
