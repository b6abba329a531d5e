"""The tables of guides, one file a noun."""

from services.tourism.models.alerts import AlertKind, GuideAlert
from services.tourism.models.editing import GuideReport, LinkCheck, ReportState, Revision, RevisionState
from services.tourism.models.guides import (
    Guide,
    GuideBlob,
    GuideCard,
    GuideCategory,
    GuideCounter,
    GuideKind,
    GuideMedia,
    GuideStop,
    GuideText,
    HeritageRank,
    MediaKind,
    Publication,
)
from services.tourism.models.packs import Pack, PackKey, PackPart
from services.tourism.models.tickets import (
    LIVE_ORDERS,
    GateScan,
    OrderState,
    Ticket,
    TicketDay,
    TicketOrder,
    TicketState,
    TicketType,
    VisitorClass,
)
from services.tourism.models.visiting import Favourite, Plan, Visit, Visitor

__all__ = [
    "LIVE_ORDERS",
    "AlertKind",
    "Favourite",
    "GateScan",
    "Guide",
    "GuideAlert",
    "GuideBlob",
    "GuideCard",
    "GuideCategory",
    "GuideCounter",
    "GuideKind",
    "GuideMedia",
    "GuideReport",
    "GuideStop",
    "GuideText",
    "HeritageRank",
    "LinkCheck",
    "MediaKind",
    "OrderState",
    "Pack",
    "PackKey",
    "PackPart",
    "Plan",
    "Publication",
    "ReportState",
    "Revision",
    "RevisionState",
    "Ticket",
    "TicketDay",
    "TicketOrder",
    "TicketState",
    "TicketType",
    "Visit",
    "Visitor",
    "VisitorClass",
]
