"""The text message company: one HTTP call per text, which the company delivers once however often it is asked."""

from __future__ import annotations

import threading

import requests

_TIMEOUTS_SECONDS = (3, 10)  # to connect, to answer
# Anything else in the 4xx says that this text, number or key is wrong, and would be wrong again.
_WORTH_ASKING_AGAIN = frozenset({408, 409, 425, 429})


class SmsError(Exception):
    """A text that was not accepted; the words are a short code, never a number or a text."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SmsRefused(SmsError):
    """The company will never take it."""


class SmsDelayed(SmsError):
    """The company may take it later, or has taken it and the answer was lost: ask again with the same key."""

    def __init__(self, code: str, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.retry_after = retry_after


class _Line:
    """Where to ask, and the one HTTP session of this process, made when it is first needed."""

    def __init__(self, url: str, key: str) -> None:
        self.address = f"{url.rstrip('/')}/messages"
        self._key = key
        self._session: requests.Session | None = None
        self._lock = threading.Lock()

    def session(self) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = requests.Session()
                # Neither a proxy nor a .netrc of the machine may see or change what goes to the company.
                self._session.trust_env = False
                self._session.headers["Authorization"] = f"Bearer {self._key}"
            return self._session

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()


_line: _Line | None = None


def connect(url: str, key: str) -> None:
    """Send texts of this process to the company at `url`, with its `key`. May be called again."""
    global _line  # noqa: PLW0603 - one company per process
    if _line is not None:
        _line.close()
    _line = _Line(url, key)


def send(to: str, text: str, key: str) -> None:
    """Hand over `text` for the number `to` (E.164); the same `key` is delivered once.

    Takes at most about thirteen seconds. Raises SmsRefused when it is of no use to ask again, else SmsDelayed; after
    SmsDelayed the text may have been accepted all the same.
    """
    if _line is None:
        raise RuntimeError("connect() comes first")
    try:
        answer = _line.session().post(
            _line.address,
            json={"to": to, "text": text},
            headers={"Idempotency-Key": key},
            timeout=_TIMEOUTS_SECONDS,
            # A redirect would carry the number to a place nobody has agreed upon.
            allow_redirects=False,
        )
    except requests.Timeout as exc:
        raise SmsDelayed("timeout") from exc
    except requests.RequestException as exc:
        raise SmsDelayed("unreachable") from exc
    if answer.ok and not answer.is_redirect:
        return
    code = f"http_{answer.status_code}"
    if answer.status_code >= 500 or answer.status_code in _WORTH_ASKING_AGAIN:  # noqa: PLR2004 - HTTP
        said = answer.headers.get("Retry-After", "")
        raise SmsDelayed(code, int(said) if said.isdecimal() else None)
    raise SmsRefused(code)
