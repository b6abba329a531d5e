"""The marshmallow fields every schema is made of: đồng, instants, dates, text with a limit."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import marshmallow as ma

from kit import clock

MAX_VND = 99_999_999_999
_DIGITS = re.compile("-?[0-9]{1,19}")


class Vnd(ma.fields.Integer):
    """Whole đồng, 1 … 99,999,999,999 unless told otherwise. Neither 250000.0 nor "250000" is taken."""

    def __init__(self, *, minimum: int = 1, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        super().__init__(strict=True, validate=ma.validate.Range(min=minimum, max=MAX_VND), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:  # noqa: ANN401
        if isinstance(value, bool | str):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Count(ma.fields.Integer):
    """A whole number in a query string: plain digits. Python itself would take 1_0 and digits of other scripts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:  # noqa: ANN401
        if isinstance(value, str) and not _DIGITS.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Instant(ma.fields.AwareDateTime):
    """RFC 3339: an offset is required on the way in, and is +07:00 on the way out."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's options
        super().__init__(format="iso", **kwargs)

    def _serialize(self, value: datetime | None, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ANN401
        if value is None:
            return None
        return clock.local(value).isoformat(timespec="milliseconds")


class Line(ma.fields.String):
    """A text of at most `longest` characters."""

    def __init__(self, longest: int, *, shortest: int = 1, **kwargs: Any) -> None:  # noqa: ANN401
        validators = [ma.validate.Length(min=shortest, max=longest), *kwargs.pop("also", ())]
        super().__init__(validate=validators, **kwargs)


class Choice(ma.fields.String):
    """One of the values of a StrEnum. What the API answers may grow: clients must accept new values."""

    def __init__(self, enum: type, **kwargs: Any) -> None:  # noqa: ANN401
        values = [member.value for member in enum]  # type: ignore[attr-defined]
        super().__init__(validate=ma.validate.OneOf(values), **kwargs)


class Flag(ma.fields.Boolean):
    """true or false in JSON: neither 1 nor "yes"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:  # noqa: ANN401
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)
