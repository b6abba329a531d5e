"""Tickets: what is sold for a day, the places that are left, orders and their money, and giving back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_change
from sqlalchemy.orm import Session

import payments.operations
from auth.assurance import Proof, allow_payment
from kit import clock, events
from kit.database import new_id
from kit.errors import NotFound
from kit.pages import Page, page
from payments.operations import Claim
from services.tourism import opening, signing
from services.tourism.errors import (
    OrderNotCancellable,
    TicketLimitReached,
    TicketPriceChanged,
    TicketsNotSold,
    TicketsSoldOut,
)
from services.tourism.events import TicketsIssued
from services.tourism.models import (
    LIVE_ORDERS,
    Guide,
    GuideText,
    OrderState,
    Publication,
    Ticket,
    TicketDay,
    TicketOrder,
    TicketState,
    TicketType,
)
from services.tourism.operations.packs import publish_key
from services.tourism.operations.reading import alerts_on
from services.tourism.operations.refunds import give_back, item_of
from services.tourism.operations.revisions import Desk, get_own_guide

SEAL = "T1"
# A family or a small group; who buys more to sell on takes places from everybody, and a large group asks the site.
MOST_PER_DAY = 20
_AHEAD = timedelta(days=180)
_ALTERNATIVES = 3
_Columns = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class Bought:
    """An order with its tickets; the codes are made when they are shown, and stored nowhere."""

    order: TicketOrder
    tickets: Sequence[dict[str, Any]]


def save_ticket_type(session: Session, desk: Desk, guide_id: UUID, given: Mapping[str, Any]) -> TicketType:
    """Sell tickets of a class for a guide of this office, at this price from now on. Raises NotFound."""
    get_own_guide(session, desk, guide_id)
    return session.execute(
        insert_or_change(TicketType)
        .values(id=new_id(), created_at=clock.now(), guide_id=guide_id, **given)
        .on_conflict_do_update(index_elements=[TicketType.guide_id, TicketType.visitor_class], set_=dict(given))
        .returning(TicketType)
        .execution_options(populate_existing=True)
    ).scalar_one()


def save_capacity(session: Session, desk: Desk, guide_id: UUID, *, first: date, last: date, capacity: int) -> int:
    """Let so many visitors in on each day; a day on which more are sold keeps those. Returns how many days."""
    get_own_guide(session, desk, guide_id)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for day in days:
        session.execute(
            insert_or_change(TicketDay)
            .values(guide_id=guide_id, visit_on=day, capacity=capacity, taken=0)
            .on_conflict_do_update(
                index_elements=[TicketDay.guide_id, TicketDay.visit_on],
                set_={"capacity": func.greatest(capacity, TicketDay.taken)},
            )
        )
    return len(days)


def list_offer(session: Session, guide_id: UUID) -> dict[str, Any]:
    """What tickets a guide's place sells, and the places left on each day from today on."""
    types = session.execute(
        select(TicketType).where(TicketType.guide_id == guide_id, TicketType.is_sold).order_by(TicketType.price_vnd)
    ).scalars().all()  # fmt: skip
    days = session.execute(
        select(TicketDay.visit_on, (TicketDay.capacity - TicketDay.taken).label("places_left"))
        .where(TicketDay.guide_id == guide_id, TicketDay.visit_on.between(clock.today(), clock.today() + _AHEAD))
        .order_by(TicketDay.visit_on)
    ).all()
    return {"types": types, "days": days}


def start_order(session: Session, citizen_id: UUID, asked: Mapping[str, Any], *, proof: Proof) -> UUID:
    """Take places on a day for a citizen and open the payment for them; returns the order's id.

    Of any number of callers the places go to the first: a day can never hold more than its capacity. Tickets that cost
    nothing are issued at once. Raises TicketsNotSold, TicketLimitReached, TicketsSoldOut, TicketPriceChanged, and what
    a payment raises.
    """
    guide_id, visit_on = asked["guide_id"], asked["visit_on"]
    wanted = {line["type_id"]: line["count"] for line in asked["lines"]}
    types = _sold_types(session, guide_id, visit_on, wanted)
    places = sum(wanted.values())
    amount = sum(types[type_id].price_vnd * count for type_id, count in wanted.items())
    if amount != asked["amount_vnd"]:
        raise TicketPriceChanged(amount_vnd=amount)
    _check_limit(session, citizen_id, guide_id, visit_on, places)
    if amount:
        # One citizen's payments are opened one after the other, so that together they stay within a day's limit.
        session.execute(select(payments.operations.take_turn(citizen_id)))
        paid = payments.operations.sum_of_day(session, citizen_id, clock.today())
        allow_payment(proof, paid_vnd=paid, amount_vnd=amount)
    order_id = new_id()
    order = TicketOrder(
        id=order_id,
        citizen_id=citizen_id,
        guide_id=guide_id,
        visit_on=visit_on,
        places=places,
        amount_vnd=amount,
        state=OrderState.HELD if amount else OrderState.PAID,
        refundable_until_at=_refundable_until(visit_on, [one.refund_hours_before for one in types.values()]),
    )
    session.add(order)
    session.flush()
    session.execute(
        insert(Ticket),
        [
            {
                "id": new_id(), "created_at": clock.now(), "order_id": order_id, "type_id": type_id,
                "guide_id": guide_id, "visit_on": visit_on, "state": TicketState.VALID,
            }
            for type_id, count in wanted.items()
            for _number in range(count)
        ],
    )  # fmt: skip
    publish_key(session)  # what will sign the codes must be known to gates for as long as the codes are
    if amount:
        order.payment_id = payments.operations.open_payment(session, citizen_id, [_claim(session, order)])
    # The row of the day is what everybody waits for, so it is taken last and held the shortest.
    _take_places(session, guide_id, visit_on, places)
    if not amount:
        events.emit(session, TicketsIssued(order_id, citizen_id, places))
    return order_id


def get_order(session: Session, order_id: UUID, citizen_id: UUID) -> Bought:
    """A citizen's own order with its tickets; their codes only once they are paid. Raises NotFound."""
    order = session.execute(
        select(TicketOrder).where(TicketOrder.id == order_id, TicketOrder.citizen_id == citizen_id)
    ).scalar_one_or_none()
    if order is None:
        raise NotFound
    rows = session.execute(
        select(Ticket.id, Ticket.state, Ticket.used_at, TicketType.visitor_class, TicketType.name_vi,
               TicketType.name_en)
        .join(TicketType, TicketType.id == Ticket.type_id)
        .where(Ticket.order_id == order_id)
        .order_by(Ticket.id)
    ).all()  # fmt: skip
    is_paid = order.state is OrderState.PAID
    return Bought(
        order,
        [{**row._mapping, "code": code_of(order, row) if is_paid else None} for row in rows],  # noqa: SLF001
    )


def describe_order(session: Session, order_id: UUID) -> tuple[dict[str, str], date]:
    """What an order's place is called by language, vi and en, and the day of the visit: for messages."""
    order = session.execute(select(TicketOrder).where(TicketOrder.id == order_id)).scalar_one()
    return _titles(session, order.guide_id), order.visit_on


def list_orders(session: Session, citizen_id: UUID, *, limit: int, cursor: str | None) -> Page:
    """A citizen's orders, the newest first."""
    query = select(TicketOrder).where(TicketOrder.citizen_id == citizen_id)
    return page(session, query, by=[TicketOrder.id], limit=limit, cursor=cursor, question=("orders", citizen_id))


def code_of(order: TicketOrder, ticket: _Columns) -> str:
    """The signed text behind a ticket's QR: the ticket, its place, day and class; no person stands in it."""
    claims = {
        "t": ticket.id.hex,
        "g": order.guide_id.hex,
        "d": str(order.visit_on),
        "c": str(ticket.visitor_class),
    }
    return signing.seal(claims, SEAL)


def lock_tickets(session: Session, *where: ColumnElement[bool]) -> None:
    """Let nobody else change these tickets until the transaction ends; always in the same order."""
    session.execute(select(Ticket.id).where(*where).order_by(Ticket.id).with_for_update(key_share=True))


def is_of_tickets(session: Session, payment_id: UUID) -> bool:
    """Whether a payment pays for tickets."""
    return session.execute(select(TicketOrder.id).where(TicketOrder.payment_id == payment_id)).first() is not None


def can_capture(session: Session, payment_id: UUID) -> bool:
    """Whether the places of a payment are still held, so that its money may be taken."""
    order = session.execute(select(TicketOrder.state).where(TicketOrder.payment_id == payment_id)).scalar_one_or_none()
    return order is OrderState.HELD


def issue_tickets(session: Session, payment_id: UUID) -> None:
    """The money was taken: the tickets hold, and the site's claim is settled. Safe to repeat.

    Money that arrives for places that were let go of meanwhile stays the citizen's and is due to be given back.
    """
    order = session.execute(
        select(TicketOrder).where(TicketOrder.payment_id == payment_id).with_for_update()
    ).scalar_one_or_none()
    if order is None:
        return
    if order.state is OrderState.HELD:
        order.state, order.version = OrderState.PAID, order.version + 1
        item_id = item_of(session, order)
        payments.operations.record_posted(session, item_id, receipt_no=str(order.id), posted_at=clock.now())
        events.emit(session, TicketsIssued(order.id, order.citizen_id, order.places))
    elif order.state is OrderState.RELEASED:
        order.state, order.version = OrderState.REFUND_DUE, order.version + 1
        give_back(session, order, "places_released")


def release_order(session: Session, payment_id: UUID) -> None:
    """The payment took no money: the places go to others. Safe to repeat."""
    _let_go(session, TicketOrder.payment_id == payment_id, OrderState.RELEASED, OrderState.HELD)


def cancel_order(session: Session, order_id: UUID, citizen_id: UUID) -> None:
    """Give tickets back: their places are free at once, and what was paid is on its way back.

    In time as the ticket's rule says, or until the day itself while the place is closed for it. Raises NotFound, and
    OrderNotCancellable when a ticket was used or the time is over.
    """
    bought = get_order(session, order_id, citizen_id)
    order = bought.order
    until = order.refundable_until_at
    is_used = any(ticket["state"] is TicketState.USED for ticket in bought.tickets)
    is_in_time = until is not None and clock.now() < until
    if order.state is not OrderState.PAID or is_used or not (is_in_time or _is_shut_for(session, order)):
        raise OrderNotCancellable(state=order.state)
    state = OrderState.REFUND_DUE if order.amount_vnd else OrderState.RELEASED
    if not _let_go(session, TicketOrder.id == order_id, state, OrderState.PAID):
        raise OrderNotCancellable(state=order.state)
    if order.amount_vnd:
        session.refresh(order)
        give_back(session, order, "returned_in_time" if is_in_time else "place_closed")


def _check_limit(session: Session, citizen_id: UUID, guide_id: UUID, visit_on: date, places: int) -> None:
    """Raises TicketLimitReached; what is not paid yet counts, and what was given back does not."""
    # Two orders of one citizen at once would both find room: one at a time.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"tickets:{citizen_id}", 0))))
    mine = (TicketOrder.citizen_id == citizen_id, TicketOrder.guide_id == guide_id, TicketOrder.visit_on == visit_on)
    taken = select(func.coalesce(func.sum(TicketOrder.places), 0)).where(*mine, TicketOrder.state.in_(LIVE_ORDERS))
    left = MOST_PER_DAY - int(session.execute(taken).scalar_one())  # a sum comes as a Decimal
    if places > left:
        raise TicketLimitReached(most=MOST_PER_DAY, left=max(0, left))


def _take_places(session: Session, guide_id: UUID, visit_on: date, places: int) -> None:
    taken = session.execute(
        update(TicketDay)
        .where(
            TicketDay.guide_id == guide_id,
            TicketDay.visit_on == visit_on,
            TicketDay.taken + places <= TicketDay.capacity,
        )
        .values(taken=TicketDay.taken + places)
        .returning(TicketDay.taken)
    ).scalar_one_or_none()
    if taken is None:
        left = select(TicketDay.capacity - TicketDay.taken).where(
            TicketDay.guide_id == guide_id, TicketDay.visit_on == visit_on
        )
        nearby = session.execute(
            select(TicketDay.visit_on)
            .where(
                TicketDay.guide_id == guide_id,
                TicketDay.visit_on >= clock.today(),
                TicketDay.visit_on != visit_on,
                TicketDay.capacity - TicketDay.taken >= places,
            )
            .order_by(func.abs(TicketDay.visit_on - visit_on), TicketDay.visit_on)
            .limit(_ALTERNATIVES)
        ).scalars()
        raise TicketsSoldOut(
            places_left=session.execute(left).scalar_one_or_none() or 0, alternatives=[str(day) for day in nearby]
        )


def _sold_types(session: Session, guide_id: UUID, visit_on: date, wanted: Mapping[UUID, int]) -> dict[UUID, TicketType]:
    guide = session.execute(
        select(Guide.id, Guide.organisation_id, Guide.hours, Guide.province_code, Guide.commune_code).where(
            Guide.id == guide_id, Guide.withdrawn_at.is_(None)
        )
    ).mappings().one_or_none()  # fmt: skip
    types = session.execute(
        select(TicketType).where(TicketType.id.in_(wanted), TicketType.guide_id == guide_id, TicketType.is_sold)
    ).scalars().all()  # fmt: skip
    today = clock.today()
    if guide is None or len(types) != len(wanted) or not today <= visit_on <= today + _AHEAD:
        raise TicketsNotSold
    if guide["hours"] is not None and not opening.read(guide["hours"]).of_day(visit_on):
        raise TicketsNotSold
    if _is_closed(session, dict(guide), visit_on):
        raise TicketsNotSold
    return {one.id: one for one in types}


def _is_closed(session: Session, place: Mapping[str, Any], visit_on: date) -> bool:
    """Whether an alert that is in force closes a place until a day begins, or longer."""
    return any(one.closes and one.ends_at > _midnight(visit_on) for one in alerts_on(session, [place]))


def _is_shut_for(session: Session, order: TicketOrder) -> bool:
    place = session.execute(
        select(Guide.id, Guide.organisation_id, Guide.province_code, Guide.commune_code).where(
            Guide.id == order.guide_id
        )
    ).mappings().one()  # fmt: skip
    return clock.today() <= order.visit_on and _is_closed(session, dict(place), order.visit_on)


def _let_go(session: Session, where: ColumnElement[bool], to: OrderState, source: OrderState) -> bool:
    order = session.execute(
        update(TicketOrder)
        .where(where, TicketOrder.state == source)
        .values(state=to, version=TicketOrder.version + 1)
        .returning(TicketOrder.id, TicketOrder.guide_id, TicketOrder.visit_on, TicketOrder.places)
    ).one_or_none()
    if order is None:
        return False
    lock_tickets(session, Ticket.order_id == order.id)
    cancelled = session.execute(
        update(Ticket)
        .where(Ticket.order_id == order.id, Ticket.state == TicketState.VALID)
        .values(state=TicketState.CANCELLED)
        .returning(Ticket.id)
    ).all()
    if len(cancelled) < order.places:
        # A gate has let somebody in meanwhile: nothing of this has happened.
        raise OrderNotCancellable(state=source)
    session.execute(
        update(TicketDay)
        .where(TicketDay.guide_id == order.guide_id, TicketDay.visit_on == order.visit_on)
        .values(taken=TicketDay.taken - order.places)
    )
    return True


def _refundable_until(visit_on: date, hours: Sequence[int | None]) -> datetime | None:
    """The strictest of the rules of an order's types; None where one of them is never taken back."""
    known = [one for one in hours if one is not None]
    if len(known) < len(hours):
        return None
    return _midnight(visit_on) - timedelta(hours=max(known))


def _claim(session: Session, order: TicketOrder) -> Claim:
    office = session.execute(select(Guide.organisation_id).where(Guide.id == order.guide_id)).scalar_one()
    titles = _titles(session, order.guide_id)
    day = order.visit_on.strftime("%d/%m/%Y")
    return Claim(
        subject_id=order.id,
        payee_id=office,
        amount_vnd=order.amount_vnd,
        label_vi=f"Vé {titles['vi']}, {day}",
        label_en=f"Tickets {titles['en']}, {day}",
    )


def _titles(session: Session, guide_id: UUID) -> dict[str, str]:
    rows = session.execute(
        select(GuideText.lang, GuideText.title).where(
            GuideText.guide_id == guide_id, GuideText.state == Publication.PUBLISHED
        )
    ).all()
    titles = {row.lang: row.title for row in rows}
    return {"vi": titles["vi"], "en": titles.get("en") or titles["vi"]}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, clock.ZONE)
