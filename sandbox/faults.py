"""Faults on demand: rules that say which call goes wrong, how, and how often."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from sandbox.clock import Clock
from sandbox.serving import DROP, HALF, LINE
from sandbox.store import Document, Store

_ON_THE_LINE = frozenset({"delay", "timeout_before", "timeout_after", "error", "rate_limit", "cut", "down"})
_ON_WEBHOOKS = frozenset({
    "lost", "twice", "late", "early", "out_of_order",
    "forged", "wrong_secret", "old_timestamp", "future_timestamp", "livemode", "other_account", "amount_off",
    "truncated",
})  # fmt: skip
# What a company gets wrong although the line is good: the receipt it answers, or what stands in its own books.
_ON_POSTINGS = frozenset({"other_bill", "posts_twice"})
_ON_PAYOUTS = frozenset({"fail", "return", "wrong_sum", "short_in_bank", "missing_in_bank"})
# What the identity provider does wrong on purpose: in an id_token, on the way back from it, anywhere.
ON_ID_TOKENS = frozenset(
    {
        "wrong_issuer",
        "wrong_audience",
        "wrong_audience_own_azp",
        "extra_audience",
        "expired",
        "missing_expiry",
        "issued_in_future",
        "wrong_nonce",
        "missing_nonce",
        "lower_acr",
        "missing_acr",
        "old_auth_time",
        "alg_none",
        "hs256_public_key",
        "unpublished_key",
        "kid_of_another_key",
        "embedded_key",
        "zero_signature",
        "tampered_payload",
    }
)
ON_RETURNS = frozenset({"state_missing", "state_changed", "wrong_issuer_returned"})
_ON_IDENTITY = _ON_THE_LINE | ON_ID_TOKENS | ON_RETURNS | {"userinfo_other_sub", "replay_accepted"}
ACTIONS: Mapping[str, frozenset[str]] = {
    "gateway": _ON_THE_LINE,
    "push": _ON_THE_LINE,
    "sms": _ON_THE_LINE,
    "provider": _ON_THE_LINE | _ON_POSTINGS,
    "identity": _ON_IDENTITY,
    "webhook": _ON_WEBHOOKS,
    "payout": _ON_PAYOUTS,
}
_MATCHES = frozenset({"method", "path", "slug", "event_type", "amount"})
_SECONDS = {"delay": 2, "timeout_before": 30, "timeout_after": 30, "late": 30, "out_of_order": 5, "rate_limit": 1}
_LONGEST_SECONDS = 3600
_FIELDS = frozenset({
    "target", "match", "action", "nth", "count", "seconds", "status", "half", "stored", "amount", "probability", "seed",
})  # fmt: skip

Refusal = Callable[[int, str], Response]


class BadFault(ValueError):
    """The ordered fault cannot be carried out; the text says why."""


class Faults:
    """The ordered faults, durable, with the number of calls each has seen and spoiled."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take up the rules of the last run."""
        self._store = store
        self._clock = clock
        self._closing = threading.Event()

    def order(self, wanted: object) -> Document:
        """Add a rule and return it with its id; raises BadFault."""
        rule = _checked(wanted)
        rule |= {
            "id": f"fault_{secrets.token_hex(6)}",
            "seen": 0,
            "used": 0,
            "created_at": self._clock.now().isoformat(),
        }
        self._store.put("fault", rule["id"], rule)
        return rule

    def list_rules(self) -> list[Document]:
        """Return every rule, oldest first, spent ones included."""
        return list(self._store.scan("fault"))

    def clear(self, rule_id: str | None = None) -> int:
        """Remove one rule, or all; returns how many went."""
        with self._store.unit():
            wanted = self._store.ids("fault") if rule_id is None else [rule_id]
            return sum(self._store.delete("fault", each) for each in wanted)

    def take(self, target: str, facts: Mapping[str, str], actions: frozenset[str] | None = None) -> Document | None:
        """Return the rule that spoils this call, counting it as used, or None.

        Every matching rule counts the call as seen; a rule fires on calls nth … nth + count - 1 that it has seen. One
        with a probability fires from the nth on as its seed has it, `count` times at most.
        `actions` are those that can happen here and now; rules with another one do not see the call.
        """
        if not self._store.ids("fault"):
            return None
        fired: Document | None = None
        with self._store.unit():
            for rule in self._store.scan("fault"):
                is_elsewhere = actions is not None and rule["action"] not in actions
                if is_elsewhere or rule["target"] != target or not _matches(rule["match"], facts):
                    continue
                rule["seen"] += 1
                if fired is None and _fires(rule):
                    rule["used"] += 1
                    fired = rule
                self._store.put("fault", rule["id"], rule)
        return fired

    def pause(self, seconds: float) -> None:
        """Wait as a slow or silent line does; a closing sandbox does not wait."""
        self._closing.wait(seconds)

    def close(self) -> None:
        """End every pause."""
        self._closing.set()

    def carry(self, target: str, refuse: Refusal, answer: Callable[[], Response], **facts: str) -> Response:
        """Answer the current request as the ordered faults would have it.

        `refuse` dresses a status and a message as this target words its errors; `answer` does the work.
        """
        rule = self.take(target, {"method": request.method, "path": request.path, **facts}, _ON_THE_LINE)
        return answer() if rule is None else self.spoil(rule, refuse, answer)

    def spoil(self, rule: Document, refuse: Refusal, answer: Callable[[], Response]) -> Response:
        """Carry out one rule that was already taken for the current request."""
        action = rule["action"]
        if action in {"delay", "timeout_before"}:
            self.pause(rule["seconds"])
        if action == "timeout_before":
            return _break_line(DROP)
        if action == "down":
            return refuse(503, "The service is down (ordered fault).")
        if action == "error":
            return refuse(rule["status"], "Something went wrong on our side (ordered fault).")
        if action == "rate_limit":
            refused = refuse(429, "Too many requests (ordered fault).")
            refused.headers["Retry-After"] = str(int(rule["seconds"]))
            return refused
        response = answer()
        if action == "timeout_after":
            self.pause(rule["seconds"])
            _break_line(DROP)
        elif action == "cut":
            _break_line(HALF if rule["half"] else DROP)
        return response


def _break_line(how: str) -> Response:
    request.environ[LINE] = how
    return Response(status=504)


def _fires(rule: Document) -> bool:
    if rule["seen"] < rule["nth"]:
        return False
    probability = rule.get("probability")
    if probability is None:
        return rule["count"] is None or rule["seen"] < rule["nth"] + rule["count"]
    # Drawn from the seed and the number of the call, so the same seed spoils the same calls, also after a restart.
    digest = hashlib.sha256(f"{rule['seed']}:{rule['seen']}".encode()).digest()
    drawn = int.from_bytes(digest[:8]) / 2**64
    return bool(drawn < probability) and (rule["count"] is None or rule["used"] < rule["count"])


def _matches(match: Mapping[str, str], facts: Mapping[str, str]) -> bool:
    for name, wanted in match.items():
        found = facts.get(name, "")
        if name == "path":
            if wanted not in found:
                return False
        elif wanted.lower() != found.lower():
            return False
    return True


def _checked(wanted: object) -> Document:
    if not isinstance(wanted, dict):
        message = "A fault is a JSON object."
        raise BadFault(message)
    unknown = sorted(set(wanted) - _FIELDS)
    if unknown:
        message = f"Unknown fields: {', '.join(unknown)}."
        raise BadFault(message)
    target, action = str(wanted.get("target")), str(wanted.get("action"))
    if target not in ACTIONS:
        message = f"target is one of {', '.join(ACTIONS)}."
        raise BadFault(message)
    if action not in ACTIONS[target]:
        message = f"action for {target} is one of {', '.join(sorted(ACTIONS[target]))}."
        raise BadFault(message)
    match = wanted.get("match") or {}
    if not isinstance(match, dict) or not set(match) <= _MATCHES or not all(isinstance(v, str) for v in match.values()):
        message = f"match maps {', '.join(sorted(_MATCHES))} to text."
        raise BadFault(message)
    return {
        "target": target,
        "match": match,
        "action": action,
        "nth": _whole(wanted, "nth", 1, 1, 1_000_000),
        # "down" means down until somebody clears it, and so does a matter of chance.
        "count": _whole(wanted, "count", None if action == "down" or "probability" in wanted else 1, 1, 1_000_000),
        "seconds": _seconds(wanted, action),
        "status": _whole(wanted, "status", 500, 400, 599),
        "half": bool(wanted.get("half")),
        # Whether the gateway keeps an ordered error under the Idempotency-Key.
        "stored": bool(wanted.get("stored", True)),
        # By how many đồng a payout or its line in the bank is wrong.
        "amount": _whole(wanted, "amount", -1, -1_000_000_000, 1_000_000_000),
        "probability": _share(wanted),
        "seed": _whole(wanted, "seed", 0, 0, 2**63 - 1),
    }


def _whole(wanted: Mapping[str, Any], name: str, default: int | None, least: int, most: int) -> int | None:
    value = wanted.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        message = f"{name} is a whole number from {least} to {most}."
        raise BadFault(message)
    return value


def _share(wanted: Mapping[str, Any]) -> float | None:
    value = wanted.get("probability")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        message = "probability is a number above 0 and up to 1."
        raise BadFault(message)
    return value


def _seconds(wanted: Mapping[str, Any], action: str) -> float:
    value = wanted.get("seconds")
    if value is None:
        return _SECONDS.get(action, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_SECONDS:
        message = f"seconds is a number from 0 to {_LONGEST_SECONDS}."
        raise BadFault(message)
    return value
