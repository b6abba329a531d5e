"""Firebase Cloud Messaging: the only file that imports its SDK, and the seam that points it at a stranger nearby.

The SDK has no setting for another address, and its own retries sleep as long as the other side asks for. Both are
mended in one place, the HTTP session inside of it. That is private, so the version is pinned and a test watches it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import firebase_admin
from firebase_admin import credentials as accounts, exceptions, messaging
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import HTTPAdapter

from kit import clock

SDK_VERSION = "7.7.0"  # the one whose insides `_open_line` knows
_FIREBASE = "https://fcm.googleapis.com"
_APP = "citizen"
_TIMEOUT_SECONDS = 5
_CONNECTIONS = 16
# These say that asking again can't help.
_FINAL = (messaging.SenderIdMismatchError, exceptions.InvalidArgumentError, exceptions.NotFoundError)


class PushError(Exception):
    """A push that did not get through; the text is a short code, never an address."""


class PushRefused(PushError):
    """It never will get through. `is_unregistered` says that the address is gone from its phone for good."""

    def __init__(self, code: str, *, is_unregistered: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_unregistered = is_unregistered


class PushDelayed(PushError):
    """It may get through later, but not within `retry_after` seconds where Firebase named some."""

    def __init__(self, code: str, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True)
class _Destination:
    project: str
    url: str | None
    credentials: str | None


class _LocalToken(Credentials):
    """What stands for a service account before a stranger on this host."""

    def refresh(self, request: object) -> None:  # noqa: ARG002 - the library's signature
        self.token, self.expiry = "local", None


class _Line(HTTPAdapter):
    """The way to Firebase, or to a stranger at `url` instead; never tries twice, because the job does."""

    def __init__(self, url: str | None) -> None:
        super().__init__(pool_connections=1, pool_maxsize=_CONNECTIONS, max_retries=0)
        self._url = url

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - requests' options
        if self._url is not None and request.url is not None:
            request.url = self._url + request.url.removeprefix(_FIREBASE)
        return super().send(request, *args, **kwargs)


_lock = threading.Lock()
_destination: _Destination | None = None
_app: firebase_admin.App | None = None


def connect(project: str, *, url: str | None, credentials: str | None) -> None:
    """Send pushes of this process for Firebase's `project`: to a stranger at `url`, else to Firebase itself.

    `credentials` is the path of a service-account file, read at the first push. May be called again; a line to the
    same stranger is kept.
    """
    global _destination  # noqa: PLW0603 - one destination per process
    to = _Destination(project, url.rstrip("/") if url else None, credentials)
    with _lock:
        if to != _destination or to.url is None:
            _hang_up()
        _destination = to


def send(address: str, kind: str, title: str, body: str, *, data: Mapping[str, str], tag: str) -> str:
    """Show a notification on the phone at `address`, a "token" or "fid" by `kind`; returns Firebase's id of it.

    `tag` names what it is about: should it arrive twice, the second replaces the first. Takes at most about ten
    seconds, but for once an hour, when Google is asked for a new token. Raises PushRefused when it can never arrive
    and PushDelayed when it may later; after PushDelayed it may have arrived all the same. A service-account file that
    can't be read raises what reading it raises.
    """
    app = _connected()
    try:
        return str(messaging.send(_message(address, kind, title, body, data=data, tag=tag), app=app))
    except messaging.UnregisteredError as exc:
        raise PushRefused("unregistered", is_unregistered=True) from exc
    except _FINAL as exc:
        raise PushRefused(str(exc.code).lower()) from exc
    except exceptions.FirebaseError as exc:
        raise PushDelayed(str(exc.code).lower(), _retry_after(exc.http_response)) from exc
    except GoogleAuthError as exc:
        raise PushDelayed("no_token") from exc
    except (RequestException, LookupError, TypeError, AttributeError, ValueError) as exc:
        # The SDK trips over answers that are not shaped as it expects, with whatever error comes first.
        raise PushDelayed("unreadable_answer") from exc


def _message(address: str, kind: str, title: str, body: str, *, data: Mapping[str, str], tag: str) -> messaging.Message:
    message = messaging.Message(
        notification=messaging.Notification(title=title, body=body),
        data=dict(data),
        android=messaging.AndroidConfig(notification=messaging.AndroidNotification(tag=tag)),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": tag}),
        webpush=messaging.WebpushConfig(notification=messaging.WebpushNotification(tag=tag)),
    )
    # Not among the arguments: there a token, which is all that older apps have, earns a warning for each push.
    setattr(message, kind, address)
    return message


def _connected() -> firebase_admin.App:
    global _app  # noqa: PLW0603 - one app per process
    with _lock:
        if _app is None:
            if _destination is None:
                raise RuntimeError("connect() comes first")
            account = _account(_destination)
            options = {"projectId": _destination.project, "httpTimeout": _TIMEOUT_SECONDS}
            made = firebase_admin.initialize_app(account, options, name=_APP)
            try:
                _open_line(made, _destination.url)
            except BaseException:
                firebase_admin.delete_app(made)
                raise
            _app = made
        return _app


def _account(to: _Destination) -> Credentials | accounts.Base:
    return accounts.Certificate(to.credentials) if to.url is None else _LocalToken()  # type: ignore[no-untyped-call]


def _open_line(app: firebase_admin.App, url: str | None) -> None:
    session: Session = messaging._get_messaging_service(app)._client.session  # noqa: SLF001 - the pinned seam
    if url is not None:
        # Whatever would get past the seam finds no way out.
        session.adapters.clear()
        session.trust_env = False
    session.mount(_FIREBASE, _Line(url))


def _hang_up() -> None:
    global _app  # noqa: PLW0603 - one app per process
    if _app is not None:
        firebase_admin.delete_app(_app)
        _app = None


def _retry_after(response: Response | None) -> int | None:
    """The seconds of a Retry-After header, given as such or as a date."""
    said = response.headers.get("Retry-After", "") if response is not None else ""
    if said.isdecimal():
        return int(said)
    try:
        at: datetime = parsedate_to_datetime(said)
        return max(0, round((at - clock.now()).total_seconds()))
    except (ValueError, TypeError):
        return None
