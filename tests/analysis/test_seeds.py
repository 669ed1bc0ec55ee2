"""Claims about settings need several seeds, and intervals over seeds cover the training."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.seeds import with_seeds
from saibench.findings.finding import INCONCLUSIVE, SUPPORTED, check_claim


def test_intervals_cover_the_mean_over_trainings() -> None:
    """Of 300 studies of 3 seeds that vary as much as the test; blocks alone cover 81 %."""
    rng = np.random.default_rng(0)
    alone = both = 0
    for _ in range(300):
        blocks = rng.standard_normal(20)
        nets = blocks + rng.standard_normal((3, 1)) / np.sqrt(20) * 1.5
        nets += 0.3 * rng.standard_normal((3, 20))
        of_test = block_bootstrap(nets.mean(axis=0), np.arange(20), num_resamples=300)
        found = with_seeds(of_test, [nets.mean(axis=1).tolist()])
        assert found.seeds == 3 and found.low <= of_test.low and found.high >= of_test.high
        alone += of_test.low <= 0 <= of_test.high
        both += found.low <= 0 <= found.high
    assert both >= 300 * 0.91 and alone < 300 * 0.88


def test_one_seed_leaves_the_interval_unchanged() -> None:
    interval = Interval(1.0, 2.0, 3.0, 20, 100)
    assert with_seeds(interval, [[2.0], [1.0, 3.0]]) == interval


def test_the_exact_interval_of_one_sample_stays_that_of_these_nets() -> None:
    """A share over one jet of a class has an interval, and no variance between blocks."""
    interval = Interval(0.0, 0.5, 0.975, 1, 1)
    assert with_seeds(interval, [[0.0, 1.0]]) == interval


def test_one_seed_per_setting_decides_no_claim_about_settings() -> None:
    found = [check_claim("wider is better", "", lambda: (SUPPORTED, "by 3."), n)[0] for n in (1, 2)]
    assert found[0].verdict == INCONCLUSIVE and found[0].nets_verdict == SUPPORTED
    assert found[0].numbers.startswith("by 3.") and "one seed" in found[0].numbers
    assert found[1].verdict == SUPPORTED
    (finding,) = check_claim("hydrogen has the smallest error", "", lambda: (SUPPORTED, "by 3."))
    assert finding.verdict == SUPPORTED
