"""How the tests of the norms look at a refusal, and how they name their cases."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse


def as_refusal(answer: TestResponse) -> tuple[int, str, str]:
    """Status, code, and the code of the first flaw where flaws are listed."""
    assert answer.content_type == "application/problem+json"
    flaws = answer.json.get("errors") or [{"code": ""}]
    return answer.status_code, answer.json["code"], flaws[0]["code"]


def named(**cases: Any) -> list[Any]:
    """Parameters of a test by name: `named(a_case=(1, 2))`."""
    return [pytest.param(*case, id=name.replace("_", " ")) for name, case in cases.items()]
