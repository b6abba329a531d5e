"""Cards that are kept: whose they are, how far each has come, and which of them can pay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from kit import clock, events
from kit.database import new_id
from kit.errors import NotFound
from payments.errors import CardNotReady, TooManyCards
from payments.events import CardRemoved
from payments.gateway_answers import Kept, Setup
from payments.models import CardState as S, Payment, SavedCard

MOST_CARDS = 10
# The citizen's bank may take its time; the gateway keeps an unfinished setup for longer than that.
GIVEN_UP_AFTER = timedelta(hours=24)
_LOOKED_AFTER_AT = timedelta(minutes=1)
_SHOWN = (S.ADDING, S.KEPT)
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:turn, 0))")


def start_card(session: Session, citizen_id: UUID) -> UUID:
    """Write down the wish to keep a card; returns its id. Raises TooManyCards beyond ten."""
    # One at a time for each citizen: else of two at once both would see the last free place.
    session.execute(_TURN, {"turn": f"cards of {citizen_id}"})
    if len(list_cards(session, citizen_id)) >= MOST_CARDS:
        raise TooManyCards(most=MOST_CARDS)
    card_id, now = new_id(), clock.now()
    session.execute(
        insert(SavedCard).values(
            id=card_id, created_at=now, citizen_id=citizen_id, state=S.ADDING, state_since=now, version=1
        )
    )
    return card_id


def get_card(session: Session, card_id: UUID, citizen_id: UUID) -> SavedCard:
    """A citizen's own card, also one that was refused. Raises NotFound for anybody else's, and once it was removed."""
    found = session.execute(
        select(SavedCard)
        .where(SavedCard.id == card_id, SavedCard.citizen_id == citizen_id, SavedCard.state != S.REMOVED)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def list_cards(session: Session, citizen_id: UUID) -> Sequence[SavedCard]:
    """The cards of a citizen that are kept or being added, the oldest first; ten at most."""
    query = select(SavedCard).where(SavedCard.citizen_id == citizen_id, SavedCard.state.in_(_SHOWN))
    return session.scalars(query.order_by(SavedCard.id)).all()


def check_card(session: Session, card_id: UUID, citizen_id: UUID) -> None:
    """Raises NotFound for a card that is not the citizen's, CardNotReady for one that cannot pay."""
    if get_card(session, card_id, citizen_id).state is not S.KEPT:
        raise CardNotReady


def find_kept(session: Session, payment_id: UUID) -> Kept | None:
    """The kept card that a payment was opened with; None when it names none, or its card was removed since."""
    row = session.execute(
        select(SavedCard.customer_id, SavedCard.method_id)
        .join(Payment, Payment.card_id == SavedCard.id)
        .where(Payment.id == payment_id, SavedCard.state == S.KEPT)
    ).one_or_none()
    if row is None or row.customer_id is None or row.method_id is None:
        return None
    return Kept(row.customer_id, row.method_id)


def note_customer(session: Session, card_id: UUID, customer_id: str) -> None:
    """Remember under whom the gateway keeps a card, also when the citizen has removed it since."""
    noted = update(SavedCard).where(SavedCard.id == card_id).values(customer_id=customer_id).returning(SavedCard.state)
    if session.execute(noted).scalar_one() is S.REMOVED:
        events.emit(session, CardRemoved(card_id))


def apply_setup(session: Session, card_id: UUID, told: Setup) -> None:
    """Bring a card to what the gateway says of it; safe in any order and any number of times.

    What was removed meanwhile stays removed.
    """
    if told.card_id != card_id:
        return
    values: dict[str, object] = {"setup_id": told.id, "version": SavedCard.version + 1}
    match told.status:
        case "succeeded":
            values |= {name: getattr(told, name) for name in ("method_id", "brand", "last4")}
            values |= {"expires_month": told.expires_month, "expires_year": told.expires_year}
            values |= {"state": S.KEPT, "state_since": clock.now(), "redirect_url": None, "client_secret": None}
        case "canceled":
            fail_card(session, card_id, "cancelled")
            return
        case "requires_payment_method" if told.decline:
            fail_card(session, card_id, told.decline)
            return
        case _:
            values |= {"redirect_url": told.redirect_url, "client_secret": told.client_secret}
    session.execute(update(SavedCard).where(SavedCard.id == card_id, SavedCard.state == S.ADDING).values(**values))


def fail_card(session: Session, card_id: UUID, reason: str) -> None:
    """The gateway will not keep a card, or nobody has finished adding it: whoever wants it begins anew."""
    _end(session, card_id, (S.ADDING,), S.FAILED, reason)


def remove_card(session: Session, card: SavedCard) -> None:
    """End a card: from this commit on it pays nothing here, and the gateway is told to forget it. Safe to repeat."""
    _end(session, card.id, (S.ADDING, S.KEPT, S.FAILED), S.REMOVED, None)


def find_customer(session: Session, card_id: UUID) -> str | None:
    """Under whom the gateway keeps a card that is of no use here; None when it never did."""
    return session.scalar(select(SavedCard.customer_id).where(SavedCard.id == card_id, SavedCard.state.not_in(_SHOWN)))


def list_unfinished(session: Session, *, limit: int = 100) -> Sequence[SavedCard]:
    """Cards whose adding should have been finished or given up by now, the oldest first."""
    query = select(SavedCard).where(SavedCard.state == S.ADDING, SavedCard.created_at < clock.now() - _LOOKED_AFTER_AT)
    return session.scalars(query.order_by(SavedCard.created_at).limit(limit)).all()


def _end(session: Session, card_id: UUID, before: Sequence[S], to: S, reason: str | None) -> None:
    gone = {"redirect_url": None, "client_secret": None}
    ended = session.execute(
        update(SavedCard)
        .where(SavedCard.id == card_id, SavedCard.state.in_(before))
        .values(state=to, state_since=clock.now(), reason=reason, version=SavedCard.version + 1, **gone)
        .returning(SavedCard.id)
    ).scalar_one_or_none()
    if ended is not None:
        events.emit(session, CardRemoved(ended))
