"""How a citizen comes to see a customer's bills: by code and a second proof, for a day or linked for good."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session, contains_eager

from kit import clock, keyed
from kit.database import new_id
from kit.errors import DomainError, NotFound
from kit.text import fold
from services.utilities.errors import CustomerCodeMalformed, CustomerNotMatched, ProviderUnknown, TooManyLookups
from services.utilities.models import Account, AutomaticPayment, Bill, BillState, Customer, Lookup
from services.utilities.onboarding_models import ProviderStage
from services.utilities.operations.directory import get_provider
from services.utilities.operations.endings import end_automatic

GRANT = timedelta(days=1)
_WINDOW = timedelta(days=1)
_MOST_MISSES_PER_CITIZEN = 20
_MOST_MISSES_PER_CODE = 10
_LAST_BILLS = 3


@dataclass(frozen=True)
class Proof:
    """What a citizen knows of a household: the holder's name, or the amount of one of the last three bills."""

    holder_name: str | None = None
    last_amount_vnd: int | None = None


@dataclass(frozen=True)
class Found:
    """A customer that was matched, with the bills that can be paid."""

    customer: Customer
    bills: Sequence[Bill]


@dataclass(frozen=True)
class Attempt:
    """The outcome of a look-up. A miss is counted, so it must be committed before it is told: call `found` after."""

    customer_id: UUID | None
    refusal: DomainError | None = None

    def found(self) -> UUID:
        """The matched customer's id; raises what was wrong with the attempt."""
        if self.customer_id is None:
            raise self.refusal or CustomerNotMatched()
        return self.customer_id


def try_lookup(session: Session, citizen_id: UUID, slug: str, code: str, proof: Proof) -> Attempt:
    """Match a customer code with a proof and remember the try. An unknown code and a wrong proof look the same.

    After twenty misses in a day by one citizen, or ten on one code by anybody, even a right proof is refused.
    """
    provider = get_provider(session, slug)
    if provider.stage is not ProviderStage.LIVE:
        raise ProviderUnknown
    code = code.strip().upper().replace(" ", "")
    if not re.fullmatch(provider.code_pattern, code, re.ASCII):
        refusal = CustomerCodeMalformed(pattern=provider.code_pattern, example=provider.code_example)
        return Attempt(None, refusal)
    # Keyed: there are few enough codes to try them all against a plain hash.
    code_hash = keyed.derive("customer code", f"{slug}|{code}".encode()).hex()
    ends_at = _find_wait(session, citizen_id, code_hash)
    if ends_at is not None:
        return Attempt(None, TooManyLookups(retry_after=math.ceil((ends_at - clock.now()).total_seconds())))
    customer = session.execute(
        select(Customer).where(Customer.provider_id == provider.id, Customer.code == code)
    ).scalar_one_or_none()
    matched = customer.id if customer is not None and _proves(session, customer, proof, provider.proofs) else None
    session.execute(
        insert(Lookup).values(
            id=new_id(), created_at=clock.now(), citizen_id=citizen_id, code_hash=code_hash, customer_id=matched
        )
    )
    return Attempt(matched)


def get_found(session: Session, customer_id: UUID) -> Found:
    """A matched customer with the bills that can be paid, the oldest first."""
    customer = session.execute(
        select(Customer)
        .join(Customer.provider)
        .options(contains_eager(Customer.provider))
        .where(Customer.id == customer_id)
    ).scalar_one()
    bills = session.execute(
        select(Bill)
        .join(Bill.provider)
        .options(contains_eager(Bill.provider))
        .where(Bill.customer_id == customer_id, Bill.state.in_([BillState.OPEN, BillState.PAYING]))
        .order_by(Bill.period, Bill.id)
        .limit(100)
    )
    return Found(customer, bills.scalars().all())


def link_account(session: Session, citizen_id: UUID, customer_id: UUID) -> Account:
    """Link a matched customer to a citizen; linking again gives the same account."""
    session.execute(
        insert_or_skip(Account)
        .values(id=new_id(), created_at=clock.now(), citizen_id=citizen_id, customer_id=customer_id, version=1)
        .on_conflict_do_nothing()
    )
    return _accounts(session, Account.citizen_id == citizen_id, Account.customer_id == customer_id)[0]


def list_accounts(session: Session, citizen_id: UUID) -> Sequence[Account]:
    """A citizen's linked accounts with their customers and providers, in one query."""
    return _accounts(session, Account.citizen_id == citizen_id)


def get_account(session: Session, account_id: UUID, citizen_id: UUID) -> Account:
    """One linked account of the citizen. Raises NotFound."""
    found = _accounts(session, Account.id == account_id, Account.citizen_id == citizen_id)
    if not found:
        raise NotFound
    return found[0]


def unlink_account(session: Session, account: Account) -> None:
    """End a link; its bills are no longer the citizen's to see. Payments made stay visible."""
    session.execute(
        update(Account)
        .where(Account.id == account.id, Account.unlinked_at.is_(None))
        .values(unlinked_at=clock.now(), version=Account.version + 1)
    )
    end_automatic(session, AutomaticPayment.account_id == account.id)
    # A look-up of today would keep the door open.
    session.execute(
        update(Lookup)
        .where(Lookup.citizen_id == account.citizen_id, Lookup.customer_id == account.customer_id)
        .values(customer_id=None, created_at=clock.now() - _WINDOW)
    )


def _accounts(session: Session, *where: object) -> Sequence[Account]:
    return (
        session.execute(
            select(Account)
            .join(Account.customer)
            .join(Customer.provider)
            .options(contains_eager(Account.customer).contains_eager(Customer.provider))
            .where(Account.unlinked_at.is_(None), *where)  # type: ignore[arg-type]
            .order_by(Account.id)
            .limit(100)
        )
        .scalars()
        .all()
    )


def _find_wait(session: Session, citizen_id: UUID, code_hash: str) -> datetime | None:
    """Until when the citizen has to wait who has had their share of misses, or asks for a code that has; else None."""
    # Two tries at once would both see the last miss but one: one at a time per citizen, and per code, until this
    # transaction ends. Always the citizen first, so that nobody waits in a circle.
    for turn in (str(citizen_id), f"look-ups of {code_hash}"):
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(turn, 0))))
    filling = [
        _nth_miss(Lookup.citizen_id == citizen_id, _MOST_MISSES_PER_CITIZEN),
        _nth_miss(Lookup.code_hash == code_hash, _MOST_MISSES_PER_CODE),
    ]
    # NULL where there are fewer; GREATEST leaves it out.
    last = session.execute(select(func.greatest(*filling))).scalar_one()
    return None if last is None else last + _WINDOW


def _nth_miss(whose: ColumnElement[bool], place: int) -> ScalarSelect[datetime]:
    return (
        select(Lookup.created_at)
        .where(whose, Lookup.customer_id.is_(None), Lookup.created_at > clock.now() - _WINDOW)
        .order_by(Lookup.created_at.desc())
        .offset(place - 1)
        .limit(1)
        .scalar_subquery()
    )


def _proves(session: Session, customer: Customer, proof: Proof, accepted: Collection[str]) -> bool:
    if proof.holder_name is not None:
        return "holder_name" in accepted and fold(proof.holder_name) == fold(customer.name)
    if "last_amount" not in accepted:
        return False
    last = session.execute(
        select(Bill.amount_vnd)
        .where(Bill.customer_id == customer.id)
        .order_by(Bill.period.desc(), Bill.id.desc())
        .limit(_LAST_BILLS)
    ).scalars()
    return proof.last_amount_vnd in set(last)
