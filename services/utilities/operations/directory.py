"""Providers and tariffs: who can be paid, and what a unit costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import auth.operations
import payments.operations
from kit import clock
from kit.database import new_id
from kit.errors import NotFound
from services.utilities.bill_file import Rules
from services.utilities.errors import ProviderNotAdmitted, ProviderUnknown
from services.utilities.models import Provider, TariffRow
from services.utilities.onboarding_models import ProviderStage
from services.utilities.tariffs import Tariff

# One that is suspended goes on with what was begun.
_ADMITTED = frozenset({ProviderStage.TESTING, ProviderStage.LIVE, ProviderStage.SUSPENDED})


def list_providers(session: Session, *, area: str | None, kind: str | None) -> Sequence[Provider]:
    """Providers that are live, of an area and a kind where asked for, by name."""
    query = select(Provider).where(Provider.stage == ProviderStage.LIVE).order_by(Provider.kind, Provider.slug)
    if area is not None:
        query = query.where(Provider.areas.contains([area]))
    if kind is not None:
        query = query.where(Provider.kind == kind)
    return session.execute(query).scalars().all()


def get_provider(session: Session, slug: str) -> Provider:
    """The provider of that slug, in whatever stage. Raises ProviderUnknown."""
    provider = session.execute(select(Provider).where(Provider.slug == slug)).scalar_one_or_none()
    if provider is None:
        raise ProviderUnknown
    return provider


def get_own_provider(session: Session, provider_id: UUID) -> Provider:
    """The provider that somebody calls for. Raises NotFound where an organisation names one that we do not have."""
    provider = session.get(Provider, provider_id)
    if provider is None:
        raise NotFound
    return provider


def check_admitted(session: Session, provider_id: UUID) -> None:
    """Raises NotFound for a provider that we do not have, ProviderNotAdmitted for one that has nothing to send here."""
    stage = session.scalar(select(Provider.stage).where(Provider.id == provider_id))
    if stage is None:
        raise NotFound
    if stage not in _ADMITTED:
        raise ProviderNotAdmitted(stage=stage)


def find_rules(session: Session, provider_id: UUID) -> Rules:
    """What the bills of a provider must obey. Raises NotFound."""
    pattern = get_own_provider(session, provider_id).code_pattern
    rows = session.execute(select(TariffRow.body)).scalars()
    return Rules(re.compile(pattern, re.ASCII), {body["code"]: Tariff.from_json(body) for body in rows})


def save_providers(session: Session, given: Iterable[Mapping[str, Any]]) -> int:
    """Add or change providers from their description in `sample/providers.json`; returns how many were given.

    Each gets an organisation of the same name, unless it has one. They are live: who writes them down knows them.
    """
    count = 0
    for entry in given:
        code = entry["lookup"]["customer_code"]
        values = {
            "kind": entry["kind"],
            "name_vi": entry["name_vi"],
            "name_en": entry["name_en"],
            "group_name": entry["group"],
            "areas": entry["areas"],
            "hotline": (entry["hotline"] or {}).get("number"),
            "code_pattern": code["pattern"],
            "code_example": code["example"],
            "code_label_vi": code["label_vi"],
            "code_label_en": code["label_en"],
            "proofs": entry["lookup"]["proofs"],
            "selection": entry["payable"]["selection"],
            "exactness": entry["payable"]["exactness"],
            "cut_off": entry["cut_off"],
            "source": entry["source"],
        }
        provider_id = session.execute(
            insert(Provider)
            .values(id=new_id(), created_at=clock.now(), slug=entry["slug"], **values)
            .on_conflict_do_update(index_elements=[Provider.slug], set_=values)
            .returning(Provider.id)
        ).scalar_one()
        # Whom its clerks and its systems act for.
        auth.operations.register_provider(
            session, provider_id, slug=entry["slug"], name_vi=entry["name_vi"], name_en=entry["name_en"]
        )
        payments.operations.begin_terms(session, provider_id, cut_off=entry["cut_off"], source=entry["source"])
        count += 1
    return count


def save_tariffs(session: Session, given: Iterable[Mapping[str, Any]]) -> int:
    """Add or change tariffs from `sample/tariffs.json`; one that makes no sense raises ValueError."""
    count = 0
    for entry in given:
        body = Tariff.from_json(entry).to_json()
        session.execute(
            insert(TariffRow)
            .values(code=body["code"], body=body)
            .on_conflict_do_update(index_elements=[TariffRow.code], set_={"body": body})
        )
        count += 1
    return count
