"""Whether a number belongs to a citizen can be told neither from the answer nor from the time it takes."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator

import pytest

from auth import operations
from auth.models import Language
from kit.database import transaction
from tests.auth.distributions import kolmogorov_smirnov, mann_whitney
from tests.auth.people import wrong_code

SAMPLE = 150  # of each kind
LEAST = 0.001
ATTEMPTS = 3
Figure = Callable[[str], None]


@pytest.fixture
def numbers(phone, limit) -> Iterator[tuple[list[str], list[str]]]:
    """Numbers of citizens and of nobody, from one block in turns, each of which is asked for once an attempt."""
    limit(codes_per_address_and_hour=10**6, codes_per_prefix_and_hour=10**6)
    known = [f"+849123{place:05d}" for place in range(0, 2 * SAMPLE, 2)]
    unknown = [f"+849123{place:05d}" for place in range(1, 2 * SAMPLE, 2)]
    with transaction() as session:
        for number in known:
            operations.welcome_citizen(session, number, Language.VI)
    gc.collect()
    gc.disable()  # its pauses would fall on either side by chance, and blur what is measured
    yield known, unknown
    gc.enable()


def shape(answer) -> str:
    """What a stranger sees of an answer, but for ids, times and what was spent of the quota."""
    headers = {name: value for name, value in answer.headers if name not in {"X-Request-Id", "RateLimit"}}
    told = {name: len(str(value)) for name, value in answer.json.items()}
    return repr((answer.status_code, headers, told, answer.json.get("tries_left"), answer.json.get("code")))


def compare(
    known: list[str], unknown: list[str], act: Callable[[str], object], figure: Figure
) -> tuple[set[str], float]:
    """The shapes of all answers, and the best p-value of three attempts: noise comes and goes, a leak stays."""
    shapes: set[str] = set()
    best = 0.0
    for attempt in range(ATTEMPTS):
        taken: dict[bool, list[float]] = {True: [], False: []}
        dice = random.Random(attempt)
        for pair in zip(known, unknown, strict=True):
            # Side by side, so that what the machine does meanwhile falls on both; first is now the one, now the other.
            for is_known in dice.sample([True, False], 2):
                began = time.perf_counter()
                answer = act(pair[0] if is_known else pair[1])
                taken[is_known].append(time.perf_counter() - began)
                shapes.add(shape(answer))
        p = min(test(taken[True], taken[False]) for test in (kolmogorov_smirnov, mann_whitney))
        best = max(best, p)
        if best > LEAST:
            break
    figure(f"known and unknown numbers look alike with p = {best:.3f}")
    return shapes, best


def test_asking_for_a_code_takes_as_long_for_a_known_number_as_for_an_unknown_one(phone, numbers, figure) -> None:
    for warm in range(20):
        phone.ask(f"+849124{warm:05d}")

    known, unknown = numbers

    shapes, p = compare(known, unknown, phone.ask, figure)

    assert len(shapes) == 1, shapes
    assert p > LEAST


def test_a_wrong_code_is_refused_as_fast_for_a_known_number_as_for_an_unknown_one(
    client, phone, limit, numbers, figure
) -> None:
    limit(wrong_codes_per_address_and_hour=10**6)
    known, unknown = (number[:SAMPLE] for number in numbers)
    challenges = {number: phone.ask(number).json["id"] for number in (*known, *unknown)}
    wrong = {number: wrong_code(challenge) for number, challenge in challenges.items()}

    shapes, p = compare(known, unknown, lambda number: phone.answer(challenges[number], wrong[number]), figure)

    # Five tries each, of which an attempt takes one: what is left tells of the attempts, not of the number.
    assert len(shapes) <= ATTEMPTS, shapes
    assert p > LEAST


# -- the measure itself ------------------------------------------------------------------------------------------------


def latencies(dice: random.Random, count: int, more: float = 0.0) -> list[float]:
    """Milliseconds as a busy machine gives them: skewed, with a long tail."""
    return [dice.lognormvariate(2, 0.3) * (1 + more) for _ in range(count)]


@pytest.mark.parametrize("test", [kolmogorov_smirnov, mann_whitney])
def test_equal_distributions_are_seldom_told_apart(test) -> None:
    dice = random.Random(7)

    p_values = [test(latencies(dice, SAMPLE), latencies(dice, SAMPLE)) for _ in range(200)]

    # Under equal distributions p is uniform: about ten of two hundred below a twentieth.
    assert 2 <= sum(p < 0.05 for p in p_values) <= 20
    assert sum(p < LEAST for p in p_values) <= 2


@pytest.mark.parametrize(("test", "more"), [(mann_whitney, 0.3), (kolmogorov_smirnov, 0.35)])
def test_a_little_more_time_is_told_apart_in_every_attempt(test, more) -> None:
    dice = random.Random(7)

    p_values = [test(latencies(dice, SAMPLE), latencies(dice, SAMPLE, more)) for _ in range(50)]

    assert all(max(p_values[start : start + ATTEMPTS]) < LEAST for start in range(48))


def test_known_samples_have_the_known_p_values() -> None:
    first, second = [1.1, 2.2, 3.3, 4.4, 5.5, 6.6], [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]

    # U = 15 of 36 without ties, by counting.
    assert mann_whitney(first, second) == pytest.approx(0.6889, abs=0.0005)
    assert mann_whitney(first, first) == 1.0
    assert kolmogorov_smirnov(first, first) == 1.0
    assert kolmogorov_smirnov(list(range(50)), list(range(100, 150))) < 1e-9
