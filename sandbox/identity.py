"""An OpenID provider shaped like VNeID, the national identification account: the routes under /identity."""

import hashlib
import secrets
from collections.abc import Callable

from flask import Blueprint, Response, request

from sandbox.clock import Clock
from sandbox.faults import ON_ID_TOKENS, ON_RETURNS, Faults
from sandbox.identity_clients import Clients
from sandbox.identity_forgeries import ANOTHER_ISSUER, forge
from sandbox.identity_grants import ACCESS_TOKEN_SECONDS, SESSION_SECONDS, Grants
from sandbox.identity_keys import JWKS_MAX_AGE_SECONDS, Keys
from sandbox.identity_pages import problem_page, sign_in_page, sign_out_page, signed_out_page
from sandbox.identity_people import People
from sandbox.identity_protocol import (
    PREFIX,
    IdentityError,
    base64url,
    issuer,
    json_response,
    metadata,
    single_values,
    with_query,
)
from sandbox.identity_requests import Asked, WayBack, find_way_back, reachable_acr, read_request
from sandbox.store import Document, Store

ID_TOKEN_SECONDS = 300
_COOKIE = "identity_session"
_REFUSALS = {
    "locked": "The account is locked.",
    "under_age": "The citizen is too young to sign in alone.",
    "consent_refused": "The citizen does not agree to share.",
}
_PROVIDER_ERRORS = {429: "temporarily_unavailable", 503: "temporarily_unavailable"}


class Identity:
    """The provider: whom it knows, what it signs with, and what it has granted."""

    def __init__(self, store: Store, clock: Clock, faults: Faults) -> None:
        """Take up everything of the last run."""
        self._clock = clock
        self._faults = faults
        self.keys = Keys(store, clock)
        self.people = People(store, clock)
        self.clients = Clients(store, clock)
        self._grants = Grants(store, clock)

    def blueprint(self) -> Blueprint:
        """Return the routes under /identity."""
        routes = Blueprint("identity", __name__, url_prefix=PREFIX)

        def careful(work: Callable[[], Response]) -> Response:
            def answer() -> Response:
                try:
                    return work()
                except IdentityError as refused:
                    return refused.response()

            return self._faults.carry("identity", _broken, answer)

        @routes.get("/.well-known/openid-configuration")
        def discover() -> Response:
            """Say where everything is."""
            return careful(lambda: json_response(200, metadata()))

        @routes.get("/jwks")
        def list_keys() -> Response:
            """Publish the keys that signatures can be checked with."""
            return careful(self._jwks)

        @routes.route("/authorize", methods=["GET", "POST"])
        def authorize() -> Response:
            """Ask a citizen who they are; a POST with `person` answers for them."""
            return careful(self._authorize)

        @routes.post("/token")
        def give_tokens() -> Response:
            """Exchange a code for an id_token and an access token."""
            return careful(self._token)

        @routes.route("/userinfo", methods=["GET", "POST"])
        def userinfo() -> Response:
            """Tell what the citizen shares."""
            return careful(self._userinfo)

        @routes.route("/end-session", methods=["GET", "POST"])
        def end_session() -> Response:
            """Sign out because the application asks for it."""
            return careful(self._end_session)

        return routes

    def _jwks(self) -> Response:
        answer = json_response(200, self.keys.jwks())
        answer.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE_SECONDS}"
        return answer

    def _authorize(self) -> Response:
        fields = request.form if request.method == "POST" else request.args
        try:
            way_back = find_way_back(self.clients, fields)
        except IdentityError as nowhere:
            return problem_page(nowhere)
        try:
            asked = read_request(way_back, fields)
            return self._continue(asked) or self._interact(asked)
        except IdentityError as refused:
            return self._return(way_back, {"error": refused.error, "error_description": refused.description})

    def _continue(self, asked: Asked) -> Response | None:
        """Answer without a question when an earlier sign-in and consent allow it; None when a person must be asked."""
        session = self._grants.find_session(request.cookies.get(_COOKIE))
        if not asked.prompts <= {"none"}:
            return None
        is_silent = "none" in asked.prompts
        if session is None or self._is_too_old(session, asked.max_age):
            return self._unless(is_silent, "login_required", "The citizen must sign in.")
        person = self.people.find(session["person_id"])
        acr = reachable_acr(asked.acr_values, session["level"])
        if person is None or acr is None:
            return self._unless(is_silent, "login_required", "The citizen must sign in at another level.")
        if not self._grants.has_consent(person["id"], asked.client_id, asked.scopes):
            return self._unless(is_silent, "consent_required", "The citizen has not been asked yet.")
        self._check_allowed(person)
        return self._return(asked.way_back, {"code": self._grants.issue_code(asked, session, acr)})

    def _interact(self, asked: Asked) -> Response:
        """Show the page, or take what a person answered on it."""
        answer = request.form.get("person") if request.method == "POST" else None
        decision = request.form.get("decision", "agree")
        if decision == "refuse":
            raise IdentityError("access_denied", "The citizen declined.")
        person = None if answer is None else self.people.find(answer)
        if person is None or decision != "agree":
            people = [(each, self.people.refusal(each)) for each in self.people.list_people()]
            return sign_in_page(asked, people, is_wrong_choice=request.method == "POST" and answer is not None)
        self._check_allowed(person)
        acr = reachable_acr(asked.acr_values, person["level"])
        if acr is None:
            raise IdentityError("unmet_authentication_requirements", "The account has not the level asked for.")
        cookie, session = self._grants.sign_in(person["id"], int(acr), request.cookies.get(_COOKIE))
        self._grants.remember_consent(person["id"], asked.client_id, asked.scopes)
        back = self._return(asked.way_back, {"code": self._grants.issue_code(asked, session, acr)})
        back.set_cookie(_COOKIE, cookie, max_age=SESSION_SECONDS, path=PREFIX, httponly=True, samesite="Lax")
        return back

    def _return(self, way_back: WayBack, answer: dict[str, str]) -> Response:
        """Send the browser back with the answer; ordered faults spoil what comes along with a code."""
        added = answer | {"iss": issuer()} | ({} if way_back.state is None else {"state": way_back.state})
        rule = self._take(ON_RETURNS) if "code" in answer else None
        if rule is not None:
            if rule["action"] == "state_missing":
                del added["state"]
            elif rule["action"] == "state_changed":
                added["state"] = secrets.token_urlsafe(16)
            else:
                added["iss"] = ANOTHER_ISSUER
        return _sent_to(with_query(way_back.redirect_uri, added))

    def _token(self) -> Response:
        fields = single_values(request.form)
        client = self.clients.authenticate(fields, frozenset({issuer(), f"{issuer()}/token"}))
        if "grant_type" not in fields:
            raise IdentityError("invalid_request", "grant_type is missing.")
        if fields["grant_type"] != "authorization_code":
            raise IdentityError("unsupported_grant_type", "Only authorization_code is supported.")
        grant, access_token = self._grants.redeem(
            client, fields, lambda: self._take(frozenset({"replay_accepted"})) is not None
        )
        return json_response(
            200,
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": ACCESS_TOKEN_SECONDS,
                "scope": " ".join(grant["scopes"]),
                "id_token": self._id_token(grant, access_token),
            },
        )

    def _id_token(self, grant: Document, access_token: str) -> str:
        now = self._clock.timestamp()
        person = self.people.find(grant["person_id"])
        if person is None:
            raise IdentityError("invalid_grant", "The account is gone.")
        claims = self.people.claims(person, grant["client_id"], grant["scopes"]) | {
            "iss": issuer(),
            "aud": grant["client_id"],
            "iat": now,
            "exp": now + ID_TOKEN_SECONDS,
            "auth_time": grant["auth_time"],
            "nonce": grant["nonce"],
            "acr": grant["acr"],
            "sid": grant["sid"],
            # The left half of the hash of the access token binds the two together (OpenID Connect Core, 3.1.3.6).
            "at_hash": base64url(hashlib.sha256(access_token.encode()).digest()[:16]),
        }
        rule = self._take(ON_ID_TOKENS)
        key = self.keys.current()
        return key.sign(claims) if rule is None else forge(rule["action"], claims, key)

    def _userinfo(self) -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        grant = self._grants.find_access_token(token.strip()) if scheme.lower() == "bearer" else None
        person = None if grant is None else self.people.find(grant["person_id"])
        if grant is None or person is None:
            raise IdentityError("invalid_token", "The access token is missing, unknown or over.", 401)
        claims = self.people.claims(person, grant["client_id"], grant["scopes"])
        if self._take(frozenset({"userinfo_other_sub"})) is not None:
            claims["sub"] = secrets.token_hex(32)
        return json_response(200, claims)

    def _end_session(self) -> Response:
        try:
            fields = single_values(request.form if request.method == "POST" else request.args)
            hint = self.keys.read(fields["id_token_hint"]) if "id_token_hint" in fields else None
            back = self._way_out(fields, hint)
        except IdentityError as refused:
            return problem_page(refused)
        session = self._grants.find_session(request.cookies.get(_COOKIE))
        if hint is not None:
            self._grants.end_session(hint["sid"])
        if session is not None:
            proofs = {None if hint is None else hint["sid"], fields.get("logout_hint")}
            if session["sid"] not in proofs and not (request.method == "POST" and "confirmed" in fields):
                return sign_out_page()
            self._grants.end_session(session["sid"])
        answer = signed_out_page() if back is None else _sent_to(back)
        answer.delete_cookie(_COOKIE, path=PREFIX)
        return answer

    def _way_out(self, fields: dict[str, str], hint: Document | None) -> str | None:
        """Return where to go after signing out; an address must be registered by the client that is named."""
        client_id = fields.get("client_id")
        if hint is not None:
            if not isinstance(hint["aud"], str) or client_id not in {None, hint["aud"]}:
                raise IdentityError("invalid_request", "client_id and id_token_hint name two clients.")
            client_id = hint["aud"]
        target = fields.get("post_logout_redirect_uri")
        if target is None:
            return None
        client = self.clients.find(client_id)
        if client is None or target not in client["post_logout_redirect_uris"]:
            raise IdentityError("invalid_redirect_uri", "The address to return to is not registered.")
        return with_query(target, {"state": fields["state"]}) if "state" in fields else target

    def _is_too_old(self, session: Document, max_age: int | None) -> bool:
        # Within the second of the sign-in the age is zero as well, yet max_age=0 means: ask again.
        if max_age is None:
            return False
        return max_age == 0 or self._clock.timestamp() - session["auth_time"] > max_age

    def _check_allowed(self, person: Document) -> None:
        refusal = self.people.refusal(person)
        if refusal is not None:
            raise IdentityError("access_denied", _REFUSALS[refusal])

    def _take(self, actions: frozenset[str]) -> Document | None:
        return self._faults.take("identity", {"method": request.method, "path": request.path}, actions)

    @staticmethod
    def _unless(is_silent: bool, error: str, description: str) -> None:  # noqa: FBT001 - read as a sentence
        """Ask a person, unless the application wants no question: then it is told what was missing."""
        if is_silent:
            raise IdentityError(error, description)


def _sent_to(address: str) -> Response:
    # 303 turns the form's POST into a GET, so the browser does not post the choice to the application.
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store",
                                         "Referrer-Policy": "no-referrer"})  # fmt: skip


def _broken(status: int, message: str) -> Response:
    return json_response(status, {"error": _PROVIDER_ERRORS.get(status, "server_error"), "error_description": message})
