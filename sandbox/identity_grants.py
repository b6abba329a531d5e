"""What lives on after a sign-in: sessions, consents, codes and access tokens."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping

from sandbox.clock import Clock
from sandbox.identity_protocol import IdentityError, base64url, fingerprint
from sandbox.identity_requests import Asked
from sandbox.store import Document, Store

CODE_SECONDS = 60
ACCESS_TOKEN_SECONDS = 300
SESSION_SECONDS = 8 * 3600
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Grants:
    """Every sign-in and what was given out for it; of secrets only their fingerprints are kept."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take up the grants of the last run; all ends are measured with the sandbox's clock."""
        self._store = store
        self._clock = clock

    def sign_in(self, person_id: str, level: int, former: str | None) -> tuple[str, Document]:
        """Begin a session in place of the browser's former one; returns its cookie and what it is."""
        cookie = secrets.token_urlsafe(32)
        session = {"person_id": person_id, "level": level, "sid": secrets.token_urlsafe(16),
                   "auth_time": self._clock.timestamp()}  # fmt: skip
        with self._store.unit():
            if former is not None:
                self._store.delete("identity_session", fingerprint(former))
            self._store.put("identity_session", fingerprint(cookie), session)
        return cookie, session

    def find_session(self, cookie: str | None) -> Document | None:
        """Return the session behind a cookie unless it is over."""
        session = None if cookie is None else self._store.get("identity_session", fingerprint(cookie))
        if session is None or session["auth_time"] + SESSION_SECONDS <= self._clock.timestamp():
            return None
        return session

    def end_session(self, sid: str) -> None:
        """End a session, and with it the access tokens and codes it gave out."""
        with self._store.unit():
            for kind in ("identity_session", "identity_token", "identity_code"):
                self._delete_where(kind, "sid", sid)

    def remember_consent(self, person_id: str, client_id: str, scopes: tuple[str, ...]) -> None:
        """Keep that this person lets this client read these scopes."""
        with self._store.unit():
            known = self._consented(person_id, client_id)
            self._store.put("identity_consent", f"{person_id}\n{client_id}", {"scopes": sorted(known.union(scopes))})

    def has_consent(self, person_id: str, client_id: str, scopes: tuple[str, ...]) -> bool:
        """Tell whether the person was asked before."""
        return self._consented(person_id, client_id).issuperset(scopes)

    def issue_code(self, asked: Asked, session: Document, acr: str) -> str:
        """Return a code for the signed-in person: for one use, by this client, within 60 seconds."""
        code = secrets.token_urlsafe(32)
        self._store.put("identity_code", fingerprint(code), {
            "client_id": asked.client_id, "redirect_uri": asked.way_back.redirect_uri, "challenge": asked.challenge,
            "nonce": asked.nonce, "scopes": list(asked.scopes), "acr": acr, "person_id": session["person_id"],
            "auth_time": session["auth_time"], "sid": session["sid"], "used": False,
            "expires_at": self._clock.timestamp() + CODE_SECONDS})  # fmt: skip
        return code

    def redeem(self, client: Document, fields: Mapping[str, str], replay: Callable[[], bool]) -> tuple[Document, str]:
        """Turn a code into what was granted and an access token for it; raises invalid_grant.

        Of any number of concurrent callers one gets it. A code that comes a second time has leaked, so it also takes
        back the access token of the first time; `replay` tells whether an ordered fault lets it pass all the same.
        """
        code = fields.get("code")
        if code is None:
            raise IdentityError("invalid_request", "code is missing.")
        with self._store.unit():
            grant = self._checked(client, code, fields)
            refused = grant["used"] and not replay()
            token = secrets.token_urlsafe(32)
            if refused:
                self._delete_where("identity_token", "code", fingerprint(code))
            else:
                self._store.put("identity_code", fingerprint(code), grant | {"used": True})
                self._store.put("identity_token", fingerprint(token), {
                    "client_id": client["client_id"], "person_id": grant["person_id"], "scopes": grant["scopes"],
                    "sid": grant["sid"], "code": fingerprint(code),
                    "expires_at": self._clock.timestamp() + ACCESS_TOKEN_SECONDS})  # fmt: skip
        # Raised outside the unit: an exception inside would undo the taking back.
        if refused:
            raise IdentityError("invalid_grant", "The code was used before.")
        return grant, token

    def find_access_token(self, token: str) -> Document | None:
        """Return what an access token opens, unless it is over or was taken back."""
        found = self._store.get("identity_token", fingerprint(token))
        return None if found is None or found["expires_at"] <= self._clock.timestamp() else found

    def _consented(self, person_id: str, client_id: str) -> frozenset[str]:
        known = self._store.get("identity_consent", f"{person_id}\n{client_id}")
        return frozenset() if known is None else frozenset(known["scopes"])

    def _checked(self, client: Document, code: str, fields: Mapping[str, str]) -> Document:
        grant = self._store.get("identity_code", fingerprint(code))
        # One answer for an unknown code and another client's: a thief learns nothing.
        if grant is None or grant["client_id"] != client["client_id"]:
            raise IdentityError("invalid_grant", "The code is unknown.")
        if grant["expires_at"] <= self._clock.timestamp():
            raise IdentityError("invalid_grant", "The code has expired.")
        if fields.get("redirect_uri") != grant["redirect_uri"]:
            raise IdentityError("invalid_grant", "redirect_uri is not that of the authorization request.")
        verifier = fields.get("code_verifier", "")
        shown = base64url(hashlib.sha256(verifier.encode()).digest())
        if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(shown, grant["challenge"]):
            raise IdentityError("invalid_grant", "code_verifier does not fit the challenge.")
        return grant

    def _delete_where(self, kind: str, name: str, value: str) -> None:
        for identity in self._store.ids(kind):
            found = self._store.get(kind, identity)
            if found is not None and found[name] == value:
                self._store.delete(kind, identity)
