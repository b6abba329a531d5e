"""Personal values as their owner recognises them and a bystander does not."""

from __future__ import annotations

from auth import phones
from persons.models import IdentityField

_SHOWN = 3


def mask(field: IdentityField, value: str) -> str:
    """One value of the vault as it is shown; names and birth dates stand as they are."""
    if field is IdentityField.PHONE:
        return phones.mask(value)
    if field in {IdentityField.CCCD, IdentityField.HEALTH_INSURANCE_NO}:
        return mask_number(value)
    return value


def mask_number(value: str) -> str:
    """The last three characters of a number: "*********234"."""
    return "*" * (len(value) - _SHOWN) + value[-_SHOWN:]
