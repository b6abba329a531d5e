"""How tests reach the identity provider: an application that follows OpenID Connect, and can be told not to."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import requests

RETURN = "https://app.example/return"
OUT = "https://app.example/out"
ALL_SCOPES = "openid profile phone national_id"
# At most so many seconds pass between an answer and its check.
_PATIENCE = 30


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def challenge_of(verifier: str) -> str:
    return base64url(hashlib.sha256(verifier.encode()).digest())


class Answer(dict[str, str]):
    """The parameters the browser came back with, and the response that sent it."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        location = response.headers.get("Location", "")
        self.address = location.partition("?")[0]
        super().__init__(parse_qsl(urlsplit(location).query, strict_parsing=bool(location)))


class RelyingParty:
    """One application with a secret, and one browser."""

    def __init__(self, url: str, client_id: str = "citizen", **client: Any) -> None:
        self.move(url)
        self.client_id = client_id
        self.browser = requests.Session()
        fields = {"redirect_uris": [RETURN], "post_logout_redirect_uris": [OUT]} | client
        registered = self.control("clients", client_id=client_id, **fields)
        assert registered.status_code in {200, 201}, registered.text
        self.secret = registered.json().get("client_secret")
        self.verifier = secrets.token_urlsafe(32)
        self.nonce = secrets.token_urlsafe(16)
        self.state = secrets.token_urlsafe(16)

    def move(self, url: str) -> None:
        """Find the provider at another address, where it went on after a restart."""
        self.url = url
        self.metadata = requests.get(f"{url}/identity/.well-known/openid-configuration", timeout=5).json()

    def control(self, path: str, **body: Any) -> requests.Response:
        return requests.post(f"{self.url}/control/identity/{path}", json=body, timeout=5)

    def question(self, **changes: str | None) -> dict[str, str]:
        """An authorization request; a change to None leaves a parameter out."""
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": RETURN, "scope": ALL_SCOPES,
            "state": self.state, "nonce": self.nonce, "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        } | changes  # fmt: skip
        return {name: value for name, value in asked.items() if value is not None}

    def visit(self, **changes: str | None) -> Answer:
        """The browser opens the authorization address."""
        address = self.metadata["authorization_endpoint"]
        return Answer(self.browser.get(address, params=self.question(**changes), allow_redirects=False, timeout=5))

    def sign_in(self, person: str, decision: str | None = None, **changes: str | None) -> Answer:
        """The browser sends the form of the sign-in page."""
        form = self.question(**changes) | {"person": person} | ({} if decision is None else {"decision": decision})
        address = self.metadata["authorization_endpoint"]
        return Answer(self.browser.post(address, data=form, allow_redirects=False, timeout=5))

    def redeem(self, code: str, auth: tuple[str, str] | None = None, **changes: str | None) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": RETURN,
                "code_verifier": self.verifier} | changes  # fmt: skip
        sent = {name: value for name, value in form.items() if value is not None}
        return requests.post(
            self.metadata["token_endpoint"], data=sent, auth=auth or (self.client_id, self.secret), timeout=5
        )

    def tokens(self, person: str = "an", **changes: str | None) -> dict[str, Any]:
        """The whole way from the question to the tokens."""
        answer = self.redeem(self.sign_in(person, **changes)["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def userinfo(self, access_token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {access_token}"}
        return requests.get(self.metadata["userinfo_endpoint"], headers=headers, timeout=5)

    def jwks(self) -> dict[str, dict[str, Any]]:
        """The published keys by their id."""
        return {key["kid"]: key for key in requests.get(self.metadata["jwks_uri"], timeout=5).json()["keys"]}

    def signed(self, token: str) -> dict[str, Any]:
        """The claims of a token under a good signature, whatever they say; raises jwt.InvalidTokenError."""
        keys = self.jwks()
        kid = jwt.get_unverified_header(token)["kid"]
        if kid not in keys:
            message = "no such key"
            raise jwt.InvalidTokenError(message)
        options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
        return jwt.decode(token, jwt.PyJWK.from_dict(keys[kid]), ["ES256"], options=options)

    def broken_promises(self, claims: dict[str, Any], tokens: dict[str, Any], acr: str = "2") -> set[str]:
        """The names of the claims that are not what an honest provider says to this client right now."""
        now = time.time()
        told = self.userinfo(tokens["access_token"]).json()
        half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
        honest: dict[str, Any] = {
            **told, "iss": self.metadata["issuer"], "aud": self.client_id, "nonce": self.nonce, "acr": acr,
            "at_hash": base64url(half),
        }  # fmt: skip
        times = {"iat": (-_PATIENCE, 0), "auth_time": (-_PATIENCE, 0), "exp": (300 - _PATIENCE, 300)}
        broken = {name for name, value in honest.items() if claims.get(name) != value}
        broken |= {
            name for name, (least, most) in times.items() if not least - 1 <= claims.get(name, -1e12) - now <= most
        }
        return broken | (claims.keys() - honest.keys() - times.keys() - {"sid"})
