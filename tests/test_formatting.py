"""Numbers and intervals as text."""

from __future__ import annotations

import math

import pytest

from saibench.analysis.bootstrap import Interval
from saibench.formatting import bracketed, counted, fixed, number, percent, points

SHARE = Interval(-0.0531, 0.1249, 0.2004, 20, 400)
ONE_BLOCK = Interval(math.nan, 0.1249, math.nan, 1, 400)
NOTHING = Interval(math.nan, math.nan, math.nan, 0, 0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (60.5, "60.5"),
        (0.99874, "0.999"),
        (-0.0001, "−0.000100"),
        (0.0, "0"),
        (12345.6, "12,346"),
        (math.inf, "infinite"),
        (math.nan, "undefined"),
    ],
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_intervals_stand_in_brackets() -> None:
    assert bracketed(SHARE) == "0.125 [−0.0531, 0.200]"
    assert fixed(SHARE) == "0.12 [−0.05, 0.20]"
    assert percent(SHARE) == "12.5 % [−5.3, 20.0]"
    assert points(SHARE) == "12 [−5, 20]"


def test_no_zero_has_a_sign() -> None:
    interval = Interval(-21.4, -12.2, -0.4, 20, 135)
    assert fixed(interval, 0) == "−12 [−21, 0]"
    assert percent(Interval(-0.0004, 0.0, 0.0004, 20, 135)) == "0.0 % [0.0, 0.0]"


def test_one_block_has_no_interval() -> None:
    assert bracketed(ONE_BLOCK) == "0.125"
    assert percent(ONE_BLOCK) == "12.5 %"


def test_number_of_nothing_is_undefined() -> None:
    assert bracketed(NOTHING) == fixed(NOTHING) == percent(NOTHING) == "undefined"


def test_one_of_a_kind_is_singular() -> None:
    assert [counted(count, "sample") for count in (0, 1, 2, 1230)] == [
        *("0 samples", "1 sample", "2 samples", "1,230 samples")
    ]
