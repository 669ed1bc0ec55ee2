"""Conformal test martingales: does a stream still look exchangeable with what came before?

Let s_1, s_2, … be scores that are exchangeable. The smoothed conformal p-value of the newest one,

    p_n = (#{i < n: s_i > s_n} + U · (#{i < n: s_i = s_n} + 1)) / n,   U uniform in [0, 1],

is then uniform and independent of all earlier p-values. Capital that is bet on them with functions
f ≥ 0 of ∫ f(p) dp = 1 is a martingale, and by Ville's inequality it ever reaches 1/α with
probability at most α, however long the stream is. If the scores change, their p-values crowd at one
end of [0, 1] and the capital grows.

The capital is divided among several bets, and a share of it is redistributed at each step, so that
a late change is found as quickly as an early one ("simple jumper").

Source: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World", 2nd ed., Springer
(2022), part III; Vovk et al., "Retrain or not retrain: conformal test martingales for change-point
detection", PMLR 152 (2021), arXiv:2102.10439 (simple jumper); Fedorova et al., "Plug-in martingales
for testing exchangeability on-line", ICML (2012), arXiv:1204.3251 (bets κ p^(κ − 1)).
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence

import numpy as np

Bet = Callable[[float], float]
"""A density on [0, 1]."""

JUMP = 0.01
"""Share of the capital that is redistributed at each step."""
SMALLEST_P = 1e-12
"""Avoids an infinite bet on p = 0."""


def linear(slope: float) -> Bet:
    """1 + slope · (p − ½); grows by small steps where p-values are mostly large (slope > 0)."""
    return lambda p: 1 + slope * (p - 0.5)


def power(exponent: float) -> Bet:
    """κ p^(κ − 1); grows quickly where p-values are near 0."""
    return lambda p: exponent * max(p, SMALLEST_P) ** (exponent - 1)


def mirrored(bet: Bet) -> Bet:
    """The same bet on 1 − p."""
    return lambda p: bet(1 - p)


BETS: tuple[Bet, ...] = (
    *(linear(0.0), linear(-1.5), linear(1.5)),
    *(power(0.3), mirrored(power(0.3))),
)
"""Nothing, a slight and an extreme change, each to larger and to smaller scores."""


class PValues:
    """Smoothed conformal p-values of scores, one after the other.

    Args:
        known: scores to start from, in any order.
        seed: of the random numbers U.
    """

    def __init__(self, known: Iterable[float], seed: int | Sequence[int] = 0) -> None:
        self._sorted = sorted(known)
        self._random = np.random.default_rng(seed)

    def next(self, score: float) -> float:
        """The p-value of this score, small for a large one; afterwards the score is known."""
        low, high = (
            bisect.bisect_left(self._sorted, score),
            bisect.bisect_right(self._sorted, score),
        )
        larger, equal = len(self._sorted) - high, high - low
        p = (larger + self._random.uniform() * (equal + 1)) / (len(self._sorted) + 1)
        self._sorted.insert(low, score)
        return p


class Martingale:
    """Capital of bets against uniform p-values, starting from 1.

    Args:
        bets: each with the same share of the capital at the start.
        jump: share of the capital that is divided equally among the bets before each step.
    """

    def __init__(self, bets: Sequence[Bet] = BETS, jump: float = JUMP) -> None:
        self._bets = tuple(bets)
        self._jump = jump
        self._logs = np.full(len(self._bets), -np.log(len(self._bets)))

    @property
    def log(self) -> float:
        """Natural logarithm of the capital."""
        return float(np.logaddexp.reduce(self._logs))

    def update(self, p: float) -> float:
        """Bet on a p-value; return the logarithm of the capital."""
        stay = np.log1p(-self._jump) + self._logs
        shared = np.log(self._jump / len(self._bets)) + self.log
        with np.errstate(divide="ignore"):  # a bet may lose everything
            gains = np.log([bet(p) for bet in self._bets])
        self._logs = np.logaddexp(stay, shared) + gains
        return self.log
