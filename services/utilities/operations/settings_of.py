"""What a provider may say of itself: what is taken, and how it comes to hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from kit import egress
from payments.models import Way
from services.utilities import providers
from services.utilities.errors import CodePatternUnusable, LayoutUnusable, PostingAddressRefused
from services.utilities.models import Provider
from services.utilities.operations import settlement
from services.utilities.statement_file import Layout

COLUMNS = frozenset({
    "hotline", "code_pattern", "code_example", "code_label_vi", "code_label_en", "proofs", "exactness", "selection",
    "cut_off", "posting_mode", "answers_within_minutes", "endpoint_url",
})  # fmt: skip
LAYOUTS = {"statement_layout": Way.PROVIDER, "advice_layout": Way.ADVICE}
_LONGEST_PATTERN = 100
_MOST_CHOICES = 3
# A pattern runs at every look-up over what strangers type. Of these parts none can be read in two ways for long.
_PART = r"(?:[A-Z0-9]|\\d|\[(?:[A-Z0-9](?:-[A-Z0-9])?){1,40}\])(?:\{[0-9]{1,2}(?:,[0-9]{1,2})?\}|\?)?"
_PATTERN = re.compile(rf"\^?(?:{_PART}){{1,40}}\$?", re.ASCII)
_VARIABLE = re.compile(r"\{[0-9]+,[0-9]+\}|\?")


def check_settings(told: Mapping[str, Any]) -> None:
    """Raises CodePatternUnusable, PostingAddressRefused and LayoutUnusable for what cannot hold; opens no connection.

    `told` are all settings, or those that are to change together with the others as they stand.
    """
    _check_pattern(told["code_pattern"], told["code_example"])
    if told.get("endpoint_url"):
        try:
            providers.check_address(told["endpoint_url"])
        except egress.AddressRefused as refused:
            raise PostingAddressRefused(reason=refused.reason) from refused
    try:
        for columns in (told[name] for name in LAYOUTS if told.get(name) is not None):
            Layout.from_json(columns)
    except ValueError as exc:
        raise LayoutUnusable from exc


def read_settings(session: Session, provider: Provider) -> dict[str, Any]:
    """How a provider's settings stand, as they are proposed: plain values by field."""
    held = {name: getattr(provider, name) for name in sorted(COLUMNS)}
    return held | {name: dict(settlement.get_layout(session, provider.id, way)) for name, way in LAYOUTS.items()}


def save_settings(session: Session, provider_id: UUID, wanted: Mapping[str, Any]) -> None:
    """Let these settings hold from now on."""
    columns = {name: value for name, value in wanted.items() if name in COLUMNS}
    if columns:
        session.execute(update(Provider).where(Provider.id == provider_id).values(**columns))
    for name in LAYOUTS.keys() & wanted.keys():
        settlement.put_layout(session, provider_id, LAYOUTS[name], wanted[name])


def _check_pattern(pattern: str, example: str) -> None:
    if len(pattern) > _LONGEST_PATTERN or not _PATTERN.fullmatch(pattern):
        raise CodePatternUnusable(reason="not_plain")
    if len(_VARIABLE.findall(pattern)) > _MOST_CHOICES:
        raise CodePatternUnusable(reason="too_many_choices")
    try:
        fits = re.fullmatch(pattern, example, re.ASCII)
    except re.error as exc:
        raise CodePatternUnusable(reason="not_plain") from exc
    if fits is None:
        raise CodePatternUnusable(reason="example_does_not_fit")
