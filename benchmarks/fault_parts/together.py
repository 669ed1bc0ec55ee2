"""Two commands at once on one study."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from benchmarks.fault_parts.cases import Case
from benchmarks.fault_parts.study import Laboratory

PAIRS = (("sweep", "sweep"), ("sweep", "report"), ("report", "report"), ("report", "export"))


def together(laboratory: Laboratory, count: int, seed: int) -> Iterator[Case]:
    """The second begins while the first runs; the first is then given again."""
    draw = random.Random(f"together {seed}")
    for number in range(count):
        first, second = PAIRS[number % len(PAIRS)]
        has_cache = number // len(PAIRS) % 2 == 0
        laboratory.reset(first, has_cache)  # without one, both build it
        one = laboratory.start(first)
        seconds = draw.uniform(0, laboratory.took[first])
        time.sleep(seconds)
        other = laboratory.start(second, log="other")
        ended = laboratory.wait(one), laboratory.wait(other)
        again = laboratory.run(first)
        fault = f"{second} during {first}"
        where = f"after {seconds:.2f} s"
        yield laboratory.case(fault, first, (*ended, again), where, besides=second)
