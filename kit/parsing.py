"""Strict reading of requests: what PostgreSQL, JSON or a reader could choke on is refused here, once, with 4xx."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import marshmallow as ma
from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType

from kit.errors import InvalidRequest, MalformedRequest
from kit.text import clean

MAX_BODY_BYTES = 1_000_000
MAX_DEPTH = 32
MOST_FLAWS = 100  # named in one answer
_INT64 = range(-(2**63), 2**63)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_INT64 = 20  # characters; Python refuses to parse numbers of thousands of digits, so look before parsing

# What marshmallow's sentences begin with -> (code, Vietnamese, English).
_SENTENCES = (
    (r"Missing data", "required", "Thiếu thông tin bắt buộc.", "This is required."),
    (r"Field may not be null", "null", "Không được để trống.", "This may not be null."),
    (r"Unknown field", "unknown", "Thông tin này không được hỗ trợ.", "This is not known here."),
    (r"Not a valid integer", "not_an_integer", "Phải là số nguyên.", "This must be an integer."),
    (r"Not a valid UUID", "not_a_uuid", "Mã định danh không hợp lệ.", "This must be a UUID."),
    (r"Not a valid (\w+ )?datetime", "not_an_instant", "Phải là thời điểm RFC 3339.", "This must be an instant."),
    (r"Not a valid date", "not_a_date", "Ngày phải theo dạng YYYY-MM-DD.", "This must be a date, YYYY-MM-DD."),
    (r"Not a valid boolean", "not_a_boolean", "Phải là true hoặc false.", "This must be true or false."),
    (r"Not a valid string", "not_a_string", "Phải là chuỗi ký tự.", "This must be a string."),
    (r"Not a valid list", "not_a_list", "Phải là danh sách.", "This must be a list."),
    (r"Invalid input type", "not_an_object", "Phải là đối tượng JSON.", "This must be a JSON object."),
    (r"Longer|Shorter|Length", "length", "Độ dài không phù hợp.", "The length is out of bounds."),
    (r"Must be (greater|less)", "out_of_range", "Giá trị ngoài giới hạn.", "The value is out of range."),
    (r"Must be one of", "not_an_option", "Giá trị không được phép.", "The value is not one of those allowed."),
    (r"String does not match", "pattern", "Không đúng định dạng.", "The format is not right."),
)


def _malformed(pointer: str, code: str, detail_vi: str, detail_en: str) -> NoReturn:
    raise MalformedRequest(errors=[Flaw(pointer, code, detail_vi, detail_en)])


class Flaw:
    """One thing wrong with a request: a JSON pointer (or the parameter's name), a stable code, and two texts."""

    def __init__(self, pointer: str, code: str, vi: str, en: str) -> None:
        self.pointer, self.code, self.vi, self.en = pointer, code, vi, en

    def as_member(self, language: str) -> dict[str, str]:
        """The flaw as it stands in `errors` of a problem document."""
        return {"pointer": self.pointer, "code": self.code, "detail": self.vi if language == "vi" else self.en}


def check_text(text: str, pointer: str) -> str:
    """`text` in NFC; raises MalformedRequest for what cannot be stored: NUL and lone surrogates."""
    if "\0" in text:
        _malformed(pointer, "nul", "Chuỗi chứa ký tự NUL.", "The text holds a NUL character.")
    if _SURROGATE.search(text):
        _malformed(pointer, "surrogate", "Chuỗi chứa ký tự Unicode lẻ.", "The text holds a lone surrogate.")
    return clean(text)


def read_json(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    """Parse one JSON document strictly.

    Raises MalformedRequest for broken syntax, bytes that are not UTF-8, NaN, duplicate keys, nesting beyond 32,
    integers beyond 64 bits, NUL and lone surrogates.
    """
    try:
        document = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_int64
        )
    except (UnicodeDecodeError, json.JSONDecodeError):
        _malformed("", "syntax", "Nội dung không phải JSON UTF-8 hợp lệ.", "The body is not valid UTF-8 JSON.")
    except RecursionError:  # the parser counts the levels itself, far beyond ours
        _refuse_depth()
    return _check_strings(document, "", MAX_DEPTH)


def _refuse_depth() -> NoReturn:
    _malformed("", "depth", "JSON lồng nhau quá sâu.", f"The JSON is nested deeper than {MAX_DEPTH}.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        _malformed("", "duplicate_key", "JSON có khóa bị lặp.", "The JSON holds a duplicate key.")
    return made


def _refuse_constant(name: str) -> NoReturn:
    _malformed("", "not_a_number", f"{name} không phải số hợp lệ.", f"{name} is not a JSON number.")


def _int64(digits: str) -> int:
    if len(digits) <= _LONGEST_INT64 and (number := int(digits)) in _INT64:
        return number
    _malformed("", "integer_too_big", "Số nguyên vượt quá 64 bit.", "An integer is beyond 64 bits.")


def _check_strings(value: Any, pointer: str, levels: int) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return check_text(value, pointer)
    if not isinstance(value, list | dict):
        return value
    if not levels:
        _refuse_depth()
    if isinstance(value, list):
        return [_check_strings(item, f"{pointer}/{place}", levels - 1) for place, item in enumerate(value)]
    # Two spellings of one key may become the same key in NFC.
    return _unique(
        [
            (check_text(key, pointer), _check_strings(item, _below(pointer, key), levels - 1))
            for key, item in value.items()
        ]
    )


def _below(pointer: str, name: object) -> str:
    """The JSON pointer (RFC 6901) to a member."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


class StrictParser(FlaskParser):
    """What `Blueprint.arguments` reads with: strict JSON, strict query strings, unknown names refused everywhere."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012 - the library's own attribute
        "json": ma.RAISE,
        "form": ma.RAISE,
        "query": ma.RAISE,
        "headers": ma.EXCLUDE,
        "path": ma.RAISE,
        "files": ma.RAISE,
    }

    def load_json(self, req: Request, schema: ma.Schema) -> Any:  # noqa: ANN401, ARG002 - the library's signature
        """The body as JSON; 415 when it is declared as something else, 413 beyond 1 MB."""
        if not req.is_json:
            raise UnsupportedMediaType
        return read_json(read_body(req))

    def load_form(self, req: Request, schema: ma.Schema) -> Any:  # noqa: ANN401 - the library's signature
        """The body as a form, with the checks of the JSON body."""
        read_form(req)
        return super().load_form(req, schema)

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:  # noqa: ANN401 - the library's signature
        """The query string, which must be UTF-8 and name each parameter once."""
        read_query(req)
        return super().load_querystring(req, schema)

    def handle_error(
        self,
        error: ma.ValidationError,
        req: Request,  # noqa: ARG002 - the library's signature
        schema: ma.Schema,  # noqa: ARG002
        *,
        error_status_code: int | None,  # noqa: ARG002
        error_headers: Any,  # noqa: ANN401, ARG002
    ) -> NoReturn:
        """A query string that does not fit is bad syntax (400); a body that does not fit has bad meaning (422)."""
        ((location, messages),) = error.normalized_messages().items()  # type: ignore[no-untyped-call]
        flaws = list(islice(_flaws(messages, ""), MOST_FLAWS))
        if location not in {"query", "path", "headers"}:
            raise InvalidRequest(errors=flaws) from error
        for flaw in flaws:
            flaw.pointer = flaw.pointer.removeprefix("/")
        raise MalformedRequest(errors=flaws) from error


class RepeatingParser(StrictParser):
    """The same for standards in which a parameter may stand more than once: where its schema takes a list."""

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:  # noqa: ANN401 - the library's signature
        """The query string, which must be UTF-8, and names what is no list once."""
        lists = {field.data_key or name for name, field in schema.fields.items() if isinstance(field, ma.fields.List)}
        check_urlencoded(req.query_string)
        once = MultiDict([(name, value) for name, value in req.args.items(multi=True) if name not in lists])
        _check_parameters(once, "")
        for name in lists:
            for value in req.args.getlist(name):
                check_text(value, name)
        return FlaskParser.load_querystring(self, req, schema)


def unknown_parameter(name: str) -> Flaw:
    """What is wrong with a parameter that an operation does not know."""
    return _flaw("Unknown field.", name)


def read_form(req: Request, limit: int = MAX_BODY_BYTES) -> dict[str, str]:
    """The body as a form, as it was written; raises MalformedRequest unless it is UTF-8 and names each value once."""
    if req.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType
    check_urlencoded(read_body(req, limit))
    _check_parameters(req.form, "/")
    return req.form.to_dict()


def read_query(req: Request) -> dict[str, str]:
    """The query string, as it was written; raises MalformedRequest unless it is UTF-8 and names each value once."""
    check_urlencoded(req.query_string)
    _check_parameters(req.args, "")
    return req.args.to_dict()


def _check_parameters(given: MultiDict[str, str], before: str) -> None:
    for name, values in given.lists():
        check_text(name, "")
        if len(values) > 1:
            _malformed(before + name, "duplicate_key", "Tham số bị lặp.", "The parameter stands there twice.")
        check_text(values[0], before + name)


def read_body(req: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The raw body, at most `limit` bytes of it; raises 413 beyond. A compressed body is not accepted (415)."""
    if req.content_encoding not in {None, "identity"}:
        raise UnsupportedMediaType
    if (req.content_length or 0) > limit:
        raise RequestEntityTooLarge
    # A body that does not tell its length is cut off in silence where it exceeds: one more byte shows it.
    req.max_content_length = limit + 1
    try:
        raw = req.get_data(cache=True)
    except ClientDisconnected:
        _malformed("", "cut_short", "Yêu cầu bị ngắt giữa chừng.", "The body ended early.")
    if len(raw) > limit:
        raise RequestEntityTooLarge
    return raw


def check_urlencoded(raw: bytes) -> None:
    """Raises MalformedRequest when percent-encoded `raw` is not UTF-8: werkzeug would replace the bytes in silence."""
    try:
        unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        _malformed("", "encoding", "Tham số không phải UTF-8.", "The parameters are not UTF-8.")


def _flaws(messages: Any, pointer: str) -> Any:  # noqa: ANN401 - marshmallow's nested messages
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _flaws(inner, pointer if name == "_schema" else _below(pointer, name))
        return
    for message in [messages] if isinstance(messages, str) else messages:
        yield _flaw(message, pointer)


def _flaw(message: str, pointer: str) -> Flaw:
    for pattern, code, vi, en in _SENTENCES:
        if re.match(pattern, message):
            return Flaw(pointer, code, vi, en)
    return Flaw(pointer, "invalid", "Giá trị chưa hợp lệ.", message)
