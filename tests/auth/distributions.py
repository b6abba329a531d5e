"""Whether two samples come from one distribution: two tests that assume nothing about its shape."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby
from statistics import NormalDist


def kolmogorov_smirnov(first: Sequence[float], second: Sequence[float]) -> float:
    """The p-value of the two-sample Kolmogorov-Smirnov test: how likely a distance like this is by chance.

    By the asymptotic distribution with Stephens' correction, good from some dozens of values on.
    """
    one, other = sorted(first), sorted(second)
    distance = max(
        abs(bisect_right(one, value) / len(one) - bisect_right(other, value) / len(other)) for value in one + other
    )
    effective = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    scaled = (effective + 0.12 + 0.11 / effective) * distance
    if scaled < 0.2:  # the series does not converge there, and the value is 1 to many digits
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p-value of the Mann-Whitney U test: whether one sample tends to be larger.

    By the normal approximation with correction for ties and continuity, good from some dozens of values on.
    """
    ranks, place, ties = {}, 0, 0
    for value, group in groupby(sorted([*first, *second])):
        count = len(list(group))
        ranks[value] = place + (count + 1) / 2
        place, ties = place + count, ties + count**3 - count
    n, m = len(first), len(second)
    u = sum(ranks[value] for value in first) - n * (n + 1) / 2
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    if variance == 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return min(1.0, 2 * (1 - NormalDist().cdf(z)))
