"""How a program shows who it is at a token endpoint: id and secret in the form, or in HTTP Basic."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus

from flask import request

from kit.errors import MalformedRequest
from kit.parsing import Flaw


def client_credentials(asked: Mapping[str, str]) -> tuple[str, str]:
    """Id and secret, "" for what is not shown (RFC 6749 section 2.3.1). Raises MalformedRequest for both at once."""
    shown = request.authorization
    if shown is None or shown.type != "basic":
        return asked.get("client_id", ""), asked.get("client_secret", "")
    user = unquote_plus(shown.username or "")
    # Some libraries name the client in the form as well; that is no second secret.
    if "client_secret" in asked or asked.get("client_id", user) != user:
        raise twice()
    # Both are form-encoded before they become user name and password.
    return user, unquote_plus(shown.password or "")


def twice() -> MalformedRequest:
    """What to raise for a program that shows who it is in two places at once."""
    flaw = Flaw("/client_id", "twice", "Chỉ gửi thông tin hệ thống ở một nơi.", "Send the credentials in one place.")
    return MalformedRequest(errors=[flaw])
