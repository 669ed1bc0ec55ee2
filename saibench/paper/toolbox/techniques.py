"""The 13 techniques of table 3, in its order."""

from __future__ import annotations

from saibench.paper.toolbox import metric_space, problem_space

TECHNIQUES = (
    problem_space.SAMPLE_EFFICIENCY,
    problem_space.ROTATIONAL_INVARIANCE,
    problem_space.EQUIVARIANCE,
    metric_space.CENTER_OF_MASS,
    metric_space.ACTIVE_AREA,
    metric_space.CUMULATIVE,
    problem_space.TIME_EXTRAPOLATION,
    metric_space.TIME_SLICES,
    metric_space.DIFFERENTIAL_TREND,
    problem_space.OUT_OF_DISTRIBUTION,
    metric_space.PER_SAMPLE,
    metric_space.METRIC_CORRELATION,
    metric_space.STABILITY,
)
