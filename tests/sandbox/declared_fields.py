"""Compares an object the gateway answered with the types the official SDK declares for it."""

import types
import typing
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import stripe


class _Names(dict[str, Any]):
    """The SDK's classes by name, looked up when an annotation mentions them."""

    def __missing__(self, name: str) -> Any:
        if name[0].islower() or name in vars(typing) or name in _GENERIC:
            raise KeyError(name)
        # What lives elsewhere in the SDK belongs to products that are not simulated.
        return getattr(stripe, name, Any)


# The SDK declares these for every object: whether it was deleted, and how a list is walked.
_GENERIC = frozenset({"ExpandableField", "UntypedStripeObject", "ListObject"})
_ALWAYS = frozenset({"object", "deleted"})


def undeclared(answer: stripe.StripeObject) -> list[str]:
    """Return what is wrong with an answer, field by field: missing, unknown, of another type, of another word."""
    if getattr(answer, "deleted", False):
        return []
    if isinstance(answer, stripe.ListObject | stripe.SearchResultObject):
        return [each for item in answer.data for each in undeclared(item)]
    return _object(answer, type(answer), type(answer).__name__)


def _object(found: stripe.StripeObject, declared: type, path: str) -> list[str]:
    hints = _hints(declared)
    values = {name: found[name] for name in found.to_dict()}
    if not hints:
        return []
    wrong = [f"{path}.{name} is unknown" for name in values if name not in hints and name not in _ALWAYS]
    for name, hint in hints.items():
        if name in values:
            wrong += _value(values[name], hint, f"{path}.{name}")
        elif not _may_be_missing(hint) and name not in _ALWAYS:
            wrong.append(f"{path}.{name} is missing")
    return wrong


def _value(value: Any, hint: Any, path: str) -> list[str]:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return _one_of(value, get_args(hint), path)
    if origin is list:
        items = value if isinstance(value, list) else [None]
        return [each for item in items for each in _value(item, get_args(hint)[0], f"{path}[]")]
    if isinstance(hint, type) and issubclass(hint, stripe.StripeObject) and isinstance(value, stripe.StripeObject):
        return _object(value, hint, path)
    return [] if _fits(value, hint, origin) else [f"{path} is {value!r}"]


def _fits(value: Any, hint: Any, origin: Any) -> bool:
    if origin is Literal:
        return value in get_args(hint)
    if isinstance(hint, type) and (hint in {str, int, bool} or issubclass(hint, stripe.StripeObject)):
        return type(value) is hint
    return True


def _one_of(value: Any, choices: tuple[Any, ...], path: str) -> list[str]:
    words = [each for each in choices if get_origin(each) is Literal]
    if isinstance(value, str) and words and str in choices:
        # An open list of words: ours must be among those that are known.
        return _value(value, words[0], path)
    outcomes = [_value(value, each, path) for each in choices if each is not type(None)]
    if value is None:
        return [] if type(None) in choices else [f"{path} is null"]
    return min(outcomes, key=len)


def _may_be_missing(hint: Any) -> bool:
    return get_origin(hint) in {Union, types.UnionType} and type(None) in get_args(hint)


@cache
def _hints(declared: type) -> dict[str, Any]:
    found = get_type_hints(declared, localns=_Names())
    return {name: hint for name, hint in found.items() if not name.startswith("_") and name != "OBJECT_NAME"}
