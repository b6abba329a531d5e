"""How each kind of parameter is read; what is refused here had no effect."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.gateway.protocol import Raw, invalid

# Data, so that a correction is one line. The gateway charges in đồng, which have no decimals.
CURRENCY = "vnd"
SMALLEST_CHARGE_VND = 10_000
LARGEST_CHARGE_VND = 99_999_999_999

Parser = Callable[[str, Raw], Any]
Schema = dict[str, Parser]
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_MOST_METADATA_KEYS = 50
_LONGEST_METADATA_KEY = 40
_LONGEST_METADATA_VALUE = 500


def read(raw: Mapping[str, Raw], schema: Schema, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the parameters as the schema reads them; raises GatewayError 400 for unknown, missing or wrong ones."""
    for name in raw:
        if name not in schema:
            raise invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
    for name in required:
        if name not in raw:
            raise invalid(f"Missing required param: {name}.", name, "parameter_missing")
    return {name: schema[name](name, value) for name, value in raw.items()}


def text(name: str, value: Raw) -> str:
    """Read text."""
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", name)
    if len(value) > 5000 or "\0" in value:
        raise invalid(f"Invalid string: {name} is too long or holds a NUL.", name)
    return value


def filled(name: str, value: Raw) -> str:
    """Read text that may not be empty."""
    if not text(name, value):
        raise invalid(f"You passed an empty string for '{name}'.", name, "parameter_invalid_empty")
    return str(value)


def whole(name: str, value: Raw) -> int:
    """Read a whole number; 12.5, 1e6 and 12,500 are refused."""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    return int(value)


def positive(name: str, value: Raw) -> int:
    """Read a whole number above zero."""
    number = whole(name, value)
    if number < 1:
        raise invalid("This value must be greater than or equal to 1.", name, "parameter_invalid_integer")
    return number


def charge_amount(name: str, value: Raw) -> int:
    """Read an amount that a card may be charged."""
    number = positive(name, value)
    if number < SMALLEST_CHARGE_VND:
        raise invalid(f"Amount must be at least ₫{SMALLEST_CHARGE_VND:,} {CURRENCY}", name, "amount_too_small")
    if number > LARGEST_CHARGE_VND:
        raise invalid(f"Amount must be no more than ₫{LARGEST_CHARGE_VND:,} {CURRENCY}", name, "amount_too_large")
    return number


def currency(name: str, value: Raw) -> str:
    """Read the currency: only đồng."""
    if not isinstance(value, str) or value.lower() != CURRENCY:
        raise invalid(f"Invalid currency: {value}. This account is charged in {CURRENCY}.", name)
    return CURRENCY


def flag(name: str, value: Raw) -> bool:
    """Read true or false."""
    if value not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {value}", name)
    return value == "true"


def one_of(*choices: str) -> Parser:
    """Return a parser for a closed list of words."""

    def parse(name: str, value: Raw) -> str:
        if value not in choices:
            raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}", name)
        return str(value)

    return parse


def nested(name: str, value: Raw) -> dict[str, Any]:
    """Read a map as it is."""
    if not isinstance(value, dict):
        raise invalid("Invalid object", name)
    return value


def texts(name: str, value: Raw) -> list[str]:
    """Read a list of texts."""
    if value == "":
        return []
    if not isinstance(value, dict) or not all(key.isdigit() and isinstance(item, str) for key, item in value.items()):
        raise invalid("Invalid array", name)
    return [value[key] for key in sorted(value, key=int)]


def metadata(name: str, value: Raw) -> dict[str, str]:
    """Read metadata; "" for the whole means: forget all, shown as {"": ""}."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise invalid("Metadata values must be strings", name)
    if len(value) > _MOST_METADATA_KEYS:
        raise invalid(f"Metadata can have up to {_MOST_METADATA_KEYS} keys", name)
    for key, each in value.items():
        if len(key) > _LONGEST_METADATA_KEY or len(each) > _LONGEST_METADATA_VALUE:
            raise invalid(
                f"Metadata keys can have up to {_LONGEST_METADATA_KEY} characters, "
                f"values up to {_LONGEST_METADATA_VALUE}",
                name,
            )
    return value


def merged(before: dict[str, str], change: dict[str, str]) -> dict[str, str]:
    """Return metadata after a change: "" removes a key, {"": ""} removes them all."""
    if change == {"": ""}:
        return {}
    return {key: value for key, value in (before | change).items() if value}


def address(name: str, value: Raw) -> str:
    """Read the address a browser or app returns to: a web address or an app's own scheme."""
    parts = urlsplit(filled(name, value))
    # Browsers execute these two, so the page that sends people back must never hold them.
    if not parts.scheme or parts.scheme in {"javascript", "data"} or not (parts.netloc or parts.path):
        raise invalid("Not a valid URL", name, "url_invalid")
    return str(value)


def web_address(name: str, value: Raw) -> str:
    """Read the address of a server."""
    parts = urlsplit(filled(name, value))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise invalid("Not a valid URL", name, "url_invalid")
    return str(value)


def time_range(name: str, value: Raw) -> dict[str, int]:
    """Read `created=N` or `created[gte]=N` into bounds."""
    if isinstance(value, str):
        return {"gte": whole(name, value), "lte": whole(name, value)}
    if not set(value) <= {"gt", "gte", "lt", "lte"}:
        raise invalid("Invalid time range", name)
    return {bound: whole(f"{name}[{bound}]", number) for bound, number in value.items()}


def page_size(name: str, value: Raw) -> int:
    """Read a limit from 1 to 100."""
    number = whole(name, value)
    if not 1 <= number <= 100:
        raise invalid("Invalid limit: must be between 1 and 100", name, "parameter_invalid_integer")
    return number
