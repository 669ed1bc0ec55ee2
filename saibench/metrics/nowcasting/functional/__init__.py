"""Pure functions behind the rain metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saibench.imports.lazy import lazy_names

if TYPE_CHECKING:
    from saibench.metrics.nowcasting.functional.csi_counts import (
        cumulative_csi,
        responds_at_every_lead,
    )
    from saibench.metrics.nowcasting.functional.formulas import QUADRANTS
    from saibench.metrics.nowcasting.functional.rain import RainFrameSums, rain_frame_sums
    from saibench.metrics.nowcasting.functional.rain_statistics import (
        active_area_error,
        center_of_mass_displacement,
        critical_success_index,
        differential_trend,
        mean_absolute_rain_error,
        mean_observed_rate,
        mean_predicted_rate,
        observed_center_of_mass,
        predicted_center_of_mass,
    )
    from saibench.metrics.nowcasting.functional.spread import spread_over_draws

__all__ = [
    "QUADRANTS",
    "RainFrameSums",
    "active_area_error",
    "center_of_mass_displacement",
    "critical_success_index",
    "cumulative_csi",
    "differential_trend",
    "mean_absolute_rain_error",
    "mean_observed_rate",
    "mean_predicted_rate",
    "observed_center_of_mass",
    "predicted_center_of_mass",
    "rain_frame_sums",
    "responds_at_every_lead",
    "spread_over_draws",
]
__getattr__ = lazy_names(
    __name__, __all__, "csi_counts", "rain", "rain_statistics", "spread", "formulas"
)
