"""Providers, their customers and bills, the accounts citizens linked, and the files providers sent."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kit.database import Base, Record
from kit.sealed import SealedForRow
from services.utilities.onboarding_models import PostingMode, ProviderStage


class ProviderKind(StrEnum):
    """What a provider delivers."""

    POWER = "power"
    WATER = "water"


class Provider(Record):
    """A power or water company, and what an app needs to know to ask for its customers."""

    __tablename__ = "provider"
    __table_args__ = (
        CheckConstraint("answers_within_minutes BETWEEN 15 AND 1440", name="answers_within"),
        CheckConstraint("exactness = 'exact'", name="exactness"),
    )

    slug: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[ProviderKind]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    group_name: Mapped[str | None]
    areas: Mapped[list[Any]]
    hotline: Mapped[str | None]
    code_pattern: Mapped[str]
    code_example: Mapped[str]
    code_label_vi: Mapped[str]
    code_label_en: Mapped[str]
    proofs: Mapped[list[Any]]
    selection: Mapped[str]  # "any", or "oldest_first" where a newer bill may not be paid before an older one
    cut_off: Mapped[str]
    source: Mapped[str]
    stage: Mapped[ProviderStage] = mapped_column(default=ProviderStage.LIVE, server_default=text("'live'"))
    applied_by: Mapped[UUID | None]
    exactness: Mapped[str] = mapped_column(default="exact", server_default=text("'exact'"))  # bills are paid whole
    posting_mode: Mapped[PostingMode] = mapped_column(default=PostingMode.PUSH, server_default=text("'push'"))
    # How long it may take to answer a posting before a person is told; 1440 is a day.
    answers_within_minutes: Mapped[int] = mapped_column(default=1440, server_default=text("1440"))
    # Where its system is, and what we show it; without an address the settings of the house say so.
    endpoint_url: Mapped[str | None]
    endpoint_sealed: Mapped[bytes | None] = mapped_column(SealedForRow("provider endpoint"))


class TariffRow(Base):
    """A dated tariff as `tariffs.Tariff` reads it."""

    __tablename__ = "tariff"

    code: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]


class Customer(Record):
    """A household or business at a provider, known by the provider's code."""

    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("provider_id", "code"),)

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"))
    code: Mapped[str]
    name: Mapped[str]
    address: Mapped[str]
    commune_code: Mapped[str | None]
    provider: Mapped[Provider] = relationship(lazy="raise")


class Account(Record):
    """A customer code a citizen has linked, having proved to know the household."""

    __tablename__ = "account"
    __table_args__ = (
        Index(
            "uq_account_linked", "citizen_id", "customer_id", unique=True, postgresql_where=text("unlinked_at IS NULL")
        ),
    )

    citizen_id: Mapped[UUID]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id"))
    unlinked_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    customer: Mapped[Customer] = relationship(lazy="raise")


class Lookup(Record):
    """One try to find a customer by code and proof: a grant for a day when it succeeded, a count when it failed."""

    __tablename__ = "lookup"
    __table_args__ = (
        Index("ix_lookup_citizen", "citizen_id", "created_at"),
        Index("ix_lookup_code", "code_hash", "created_at", postgresql_where=text("customer_id IS NULL")),
    )

    citizen_id: Mapped[UUID]
    code_hash: Mapped[str]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"))


class BillState(StrEnum):
    """Whether a bill can be paid here and now."""

    OPEN = "open"
    PAYING = "paying"
    PAID = "paid"
    PAID_ELSEWHERE = "paid_elsewhere"
    WITHDRAWN = "withdrawn"


class Bill(Record):
    """What a customer owes a provider for a period. `version` changes with anything a payer would want to know."""

    __tablename__ = "bill"
    __table_args__ = (
        UniqueConstraint("provider_id", "bill_no"),
        CheckConstraint("amount_vnd BETWEEN 1 AND 99999999999", name="amount"),
        CheckConstraint("(state = 'paying') <= (payment_id IS NOT NULL)", name="paying_payment"),
        Index("ix_bill_customer", "customer_id", "period", "id"),
        Index("ix_bill_payment", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
    )

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id"))
    bill_no: Mapped[str]
    period: Mapped[str]  # "2026-10"
    amount_vnd: Mapped[int]
    before_tax_vnd: Mapped[int]
    vat_vnd: Mapped[int]
    fee_vnd: Mapped[int]
    usage: Mapped[int]
    reading: Mapped[dict[str, Any] | None]
    lines: Mapped[list[Any]]
    tariff_code: Mapped[str | None]
    issued_on: Mapped[date]
    due_on: Mapped[date]
    version: Mapped[str]
    state: Mapped[BillState] = mapped_column(default=BillState.OPEN)
    payment_id: Mapped[UUID | None]
    customer: Mapped[Customer] = relationship(lazy="raise")
    provider: Mapped[Provider] = relationship(lazy="raise")


class AutomaticPayment(Record):
    """A citizen's wish that the bills of an account be paid by themselves, each up to a ceiling."""

    __tablename__ = "automatic_payment"
    __table_args__ = (
        CheckConstraint("ceiling_vnd BETWEEN 1 AND 99999999999", name="ceiling"),
        CheckConstraint("days_before BETWEEN 0 AND 30", name="days_before"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index("uq_automatic_payment_account", "account_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_automatic_payment_citizen", "citizen_id", "id"),
        Index("ix_automatic_payment_card", "card_id", postgresql_where=text("ended_at IS NULL")),
    )

    citizen_id: Mapped[UUID]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    card_id: Mapped[UUID]
    ceiling_vnd: Mapped[int]
    days_before: Mapped[int]
    ended_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class PlannedState(StrEnum):
    """What becomes of a bill that is to be paid by itself.

    STARTED: its payment says how it goes on. LEFT: the citizen has to pay it. DROPPED: there is nothing to pay, or
    another sum was announced in its place.
    """

    ANNOUNCED = "announced"
    SKIPPED = "skipped"
    STARTED = "started"
    LEFT = "left"
    DROPPED = "dropped"


class PlannedPayment(Record):
    """One bill, of the amount that was announced, and when it is to be paid by itself."""

    __tablename__ = "planned_payment"
    __table_args__ = (
        # Once announced, an amount of a bill is never announced again, whatever became of it.
        UniqueConstraint("automatic_id", "bill_id", "amount_vnd"),
        Index("uq_planned_payment_bill", "bill_id", unique=True, postgresql_where=text("state = 'announced'")),
        Index("ix_planned_payment_due", "pay_at", postgresql_where=text("state = 'announced'")),
        Index("uq_planned_payment_payment", "payment_id", unique=True, postgresql_where=text("payment_id IS NOT NULL")),
        CheckConstraint("(state = 'started') <= (payment_id IS NOT NULL)", name="started_is_paid"),
    )

    automatic_id: Mapped[UUID] = mapped_column(ForeignKey("automatic_payment.id", ondelete="CASCADE"))
    bill_id: Mapped[UUID] = mapped_column(ForeignKey("bill.id"))
    amount_vnd: Mapped[int]
    pay_at: Mapped[datetime]
    state: Mapped[PlannedState]
    reason: Mapped[str | None]
    payment_id: Mapped[UUID | None]


class ImportState(StrEnum):
    """How far a file of bills has come. FAILED: the file as a whole cannot be read."""

    RECEIVED = "received"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class BillImport(Record):
    """A file of bills from a provider, and what became of its lines."""

    __tablename__ = "bill_import"

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"), index=True)
    format: Mapped[str]
    state: Mapped[ImportState] = mapped_column(default=ImportState.RECEIVED)
    reason: Mapped[str | None]
    bytes_total: Mapped[int]
    lines_read: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    finished_at: Mapped[datetime | None]


class BillImportPart(Base):
    """A piece of an uploaded file: any worker on any machine can read it from here."""

    __tablename__ = "bill_import_part"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("bill_import.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class BillImportError(Base):
    """One line of a file that was refused, and why."""

    __tablename__ = "bill_import_error"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("bill_import.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    field: Mapped[str | None]


class StatementLayout(Base):
    """Where a provider's own files have what: our names -> its headings; one layout for each kind of file."""

    __tablename__ = "statement_layout"

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("provider.id"), primary_key=True)
    way: Mapped[str] = mapped_column(primary_key=True)
    columns: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
