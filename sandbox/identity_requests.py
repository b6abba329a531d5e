"""What an application asks of the authorization endpoint, read strictly."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from sandbox.identity_clients import Clients
from sandbox.identity_protocol import CLAIMS_OF_SCOPES, LEVELS, IdentityError, single_values
from sandbox.store import Document

_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
# What SHA-256 leaves: 32 bytes as base64url without padding.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_VALUE = 1024


@dataclass(frozen=True)
class WayBack:
    """Where answers go: an address that this client registered, and the state it gave along."""

    client: Document
    redirect_uri: str
    state: str | None


@dataclass(frozen=True)
class Asked:
    """One authorization request without fault; `max_age` is seconds, `acr_values` begins with the preferred one."""

    way_back: WayBack
    nonce: str
    scopes: tuple[str, ...]
    challenge: str
    prompts: frozenset[str]
    max_age: int | None
    acr_values: tuple[str, ...]

    @property
    def client_id(self) -> str:
        """Who asks."""
        return str(self.way_back.client["client_id"])


def find_way_back(clients: Clients, fields: MultiDict[str, str]) -> WayBack:
    """Return where the answer goes; raises IdentityError when no answer may go anywhere.

    The address must be one the client registered, letter by letter: whoever may choose another one gets the code.
    """
    ids, addresses, states = (fields.getlist(name) for name in ("client_id", "redirect_uri", "state"))
    client = clients.find(ids[0]) if len(ids) == 1 else None
    if client is None:
        raise IdentityError("invalid_client", "The client is not registered.")
    if len(addresses) != 1 or addresses[0] not in client["redirect_uris"]:
        raise IdentityError("invalid_redirect_uri", "The redirect address is not registered for this client.")
    return WayBack(client, addresses[0], states[0] if len(states) == 1 and states[0] else None)


def read_request(way_back: WayBack, fields: MultiDict[str, str]) -> Asked:
    """Return what is asked; raises IdentityError with the code that the client shall be told."""
    sent = single_values(fields)
    long = [name for name in ("state", "nonce") if len(sent.get(name, "")) > _LONGEST_VALUE]
    if long:
        raise IdentityError("invalid_request", f"{long[0]} has more than {_LONGEST_VALUE} characters.")
    for name in ("request", "request_uri"):
        if name in sent:
            raise IdentityError(f"{name}_not_supported", f"{name} is not supported.")
    if "response_type" not in sent:
        raise IdentityError("invalid_request", "response_type is missing.")
    if sent["response_type"] != "code":
        raise IdentityError("unsupported_response_type", "Only the code flow is supported.")
    if sent.get("response_mode", "query") != "query":
        raise IdentityError("invalid_request", "Only response_mode=query is supported.")
    scopes = sent.get("scope", "").split(" ")
    if "openid" not in scopes:
        raise IdentityError("invalid_scope", "The scope openid is missing.")
    for name in ("state", "nonce"):
        if name not in sent:
            raise IdentityError("invalid_request", f"{name} is missing.")
    return Asked(
        way_back=way_back,
        nonce=sent["nonce"],
        # Scopes nobody here knows are ignored, as OpenID Connect asks; the token answer says what was granted.
        scopes=tuple(scope for scope in CLAIMS_OF_SCOPES if scope in scopes),
        challenge=_challenge(sent),
        prompts=_prompts(sent.get("prompt", "")),
        max_age=_max_age(sent.get("max_age")),
        acr_values=tuple(sent.get("acr_values", "").split()),
    )


def reachable_acr(wanted: Iterable[str], level: int) -> str | None:
    """Return the first wanted level that somebody of this level can be asserted at, or None.

    Who asks for nothing gets all there is.
    """
    values = tuple(wanted) or (str(level),)
    return next((value for value in values if value in LEVELS and int(value) <= level), None)


def _challenge(sent: dict[str, str]) -> str:
    challenge = sent.get("code_challenge")
    if challenge is None:
        raise IdentityError("invalid_request", "code_challenge is missing: PKCE is required.")
    # Left out, the method would mean plain (RFC 7636), which protects nothing that a log can show.
    if sent.get("code_challenge_method") != "S256":
        raise IdentityError("invalid_request", "code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise IdentityError("invalid_request", "code_challenge is not a SHA-256 hash in base64url.")
    return challenge


def _prompts(text: str) -> frozenset[str]:
    prompts = frozenset(text.split())
    if not prompts <= _PROMPTS:
        raise IdentityError("invalid_request", f"prompt knows {', '.join(sorted(_PROMPTS))}.")
    if "none" in prompts and len(prompts) > 1:
        raise IdentityError("invalid_request", "prompt=none stands alone.")
    return prompts


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise IdentityError("invalid_request", "max_age is whole seconds.")
    return int(text)
