"""The table of conformance: what a row says, and how it is run against a gateway through the official SDK."""

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests
import stripe

from tests.sandbox.declared_fields import undeclared

# Where a row's expectation comes from: the gateway's public documents, or our own reading where they are silent.
DOCS = "documents"
OWN = "own reading"
DAY = 24 * 3600
# A value that is not compared.
ANY = "(anything)"
_PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Step:
    """One request: `call` on the SDK's client ("refunds.create"), the control API ("control.disputes") or the page.

    Text that starts with $ stands for something an earlier step has returned: "$it.latest_charge".
    """

    call: str
    args: tuple[Any, ...] = ()
    name: str = "it"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def only_simulated(self) -> bool:
        """Whether no real account can do this."""
        return self.call.split(".", maxsplit=1)[0] in {"control", "page"}


@dataclass(frozen=True)
class Row:
    """A request in a situation, and everything that must come of it."""

    name: str
    ask: Step
    given: tuple[Step, ...] = ()
    # What happens between the request and the look at its effects; `look` replaces the request's own answer.
    after: tuple[Step, ...] = ()
    look: Step | None = None
    status: int = 200
    error: str | None = None
    code: str | None = None
    decline: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    balance: int = 0
    source: str = DOCS
    # Set where amounts, limits or ways are this simulation's own.
    sandbox_only: bool = False

    @property
    def for_accounts(self) -> bool:
        """Whether a real test account can be asked the same."""
        steps = (*self.given, self.ask, *self.after, *([self.look] if self.look else []))
        return not self.sandbox_only and not any(each.only_simulated for each in steps)


def step(call: str, *args: Any, name: str = "it", **options: Any) -> Step:
    return Step(call, args, name, options)


def clock(seconds: float) -> Step:
    return step("control.clock", {"offset_seconds": seconds}, name="clock")


def pay(card: str | None = "visa", name: str = "it", key: str | None = None, **more: Any) -> Step:
    """An intent of 250,000 đồng, confirmed at once with a pm_card_… name or a kept card ("$card.id")."""
    method = card if card is None or card.startswith("$") else f"pm_card_{card}"
    asked = {"amount": 250_000, "currency": "vnd", "payment_method_types": ["card"]}
    if method is not None:
        asked |= {"payment_method": method, "confirm": True}
    return step("payment_intents.create", asked | more, name=name, **({"idempotency_key": key} if key else {}))


@dataclass
class Outcome:
    """What a request came to."""

    status: int
    answer: dict[str, Any]
    error: dict[str, Any]
    undeclared: list[str]


class Runner:
    """Runs rows against one gateway; `control` is the simulation's control address, None for a real account."""

    def __init__(self, client: stripe.StripeClient, control: str | None = None) -> None:
        self.client: Any = client
        self.control = control
        self.results: dict[str, Any] = {}
        self.differences: list[str] = []
        self._keys = f"-{secrets.token_hex(4)}"

    def compare(self, row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run a row and return what came of it beside what the table says."""
        self.results = {}
        for each in row.given:
            done = self.run(each)
            assert done.status < 400, (each.call, done.error)
        before, mark = self._total(), self._last_event()

        outcome = self.run(row.ask)
        for each in row.after:
            self.run(each)
        seen = self.run(row.look) if row.look is not None else outcome

        told = [wrong for event in self._events_since(mark) for wrong in undeclared(event.data.object)]
        wrong = [*outcome.undeclared, *seen.undeclared, *told]
        found, expected = self._found(row, outcome, seen), self._expected(row)
        if self.control is not None:
            names, moved = self._names_since(mark), self._total() - before
            found |= {"(events)": names, "(balance)": moved, "(undeclared)": wrong}
            expected |= {"(events)": list(row.events), "(balance)": row.balance, "(undeclared)": []}
        else:
            # A real account may say more than its SDK declares.
            self.differences += [f"{row.name}: {each}" for each in wrong]
            found |= {"(events missing)": self._await_events(row, mark)}
            expected |= {"(events missing)": []}
        return found, expected

    def run(self, each: Step) -> Outcome:
        """Run one step and keep what it returned under its name."""
        args = [self._resolved(argument) for argument in each.args]
        if each.call.startswith("control."):
            outcome = self._steer(each.call.removeprefix("control."), args)
        elif each.call == "page.answer":
            outcome = _page(*args)
        else:
            outcome = self._ask(each, args)
        if outcome.status < 400:
            self.results[each.name] = outcome.answer
        return outcome

    def _ask(self, each: Step, args: list[Any]) -> Outcome:
        target = self.client.v1
        for part in each.call.split("."):
            target = getattr(target, part)
        options = dict(each.options)
        if "idempotency_key" in options:
            # A real account remembers the keys of the last run.
            options["idempotency_key"] += self._keys
        params = args if not options else [*args, *([{}] if not args or isinstance(args[-1], str) else []), options]
        try:
            answer = target(*params)
        except stripe.StripeError as refused:
            error = refused.json_body["error"] if isinstance(refused.json_body, dict) else {}
            return Outcome(refused.http_status or 0, {}, error, [])
        return Outcome(answer.last_response.code, answer.to_dict(), {}, undeclared(answer))

    def _steer(self, path: str, args: list[Any]) -> Outcome:
        assert self.control is not None
        address = path if path == "clock" else f"gateway/{path.replace('.', '/')}"
        # "disputes.$it.decide": the id stands in the middle of the address.
        address = "/".join(str(self._resolved(part)) for part in address.replace("~", ".").split("/"))
        answer = requests.post(f"{self.control}/control/{address}", json=args[0] if args else {}, timeout=10)
        assert answer.status_code < 300, answer.text
        return Outcome(200, answer.json() or {}, {}, [])

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._resolved(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._resolved(each) for each in value]
        if isinstance(value, str) and value.startswith("$"):
            name, _, path = value[1:].partition(".")
            return dig(self.results[name], path)
        return value

    def _found(self, row: Row, outcome: Outcome, seen: Outcome) -> dict[str, Any]:
        found = {
            "(http)": outcome.status,
            "(error)": outcome.error.get("type"),
            "(code)": ANY if row.code == ANY else outcome.error.get("code"),
            "(decline)": outcome.error.get("decline_code"),
        }
        return found | {path: dig(seen.answer or seen.error, path) for path in row.state}

    @staticmethod
    def _expected(row: Row) -> dict[str, Any]:
        said = {"(http)": row.status, "(error)": row.error, "(code)": row.code, "(decline)": row.decline}
        return said | row.state

    def _total(self) -> int:
        if self.control is None:
            return 0
        balance = self.client.v1.balance.retrieve()
        return int(balance.available[0].amount + balance.pending[0].amount)

    def _last_event(self) -> str | None:
        newest = self.client.v1.events.list({"limit": 1}).data
        return newest[0].id if newest else None

    def _events_since(self, mark: str | None) -> list[Any]:
        bounds = {} if mark is None else {"ending_before": mark}
        return list(self.client.v1.events.list({"limit": 100, **bounds}).data)[::-1]

    def _names_since(self, mark: str | None) -> list[str]:
        return [event.type for event in self._events_since(mark)]

    def _await_events(self, row: Row, mark: str | None) -> list[str]:
        """A real account tells its events late and in any order, and sometimes more of them: those are written down."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (missing := Counter(row.events) - Counter(self._names_since(mark))) and time.monotonic() < deadline:
            time.sleep(1)
        extra = Counter(self._names_since(mark)) - Counter(row.events)
        self.differences += [f"{row.name}: also {name}" for name in extra.elements()]
        return sorted(missing.elements())


def dig(found: Any, path: str) -> Any:
    """Follow "a.b.0.c" into nested maps and lists; None where nothing is."""
    for part in path.split(".") if path else []:
        if isinstance(found, list):
            found = found[int(part)] if int(part) < len(found) else None
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            return None
    return found


def _page(url: str, outcome: str) -> Outcome:
    answer = requests.post(url, data={"outcome": outcome}, allow_redirects=False, timeout=10)
    assert answer.status_code in {200, 303}, answer.text
    return Outcome(200, {"page": answer.status_code}, {}, [])


Rows = tuple[Row, ...]
