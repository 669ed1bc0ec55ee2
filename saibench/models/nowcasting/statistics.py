"""Statistics of a tested rain event, with unit and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from saibench.datamodules.nowcasting.event import MINUTES_PER_FRAME
from saibench.evidence.known import TITLES
from saibench.evidence.schema import AFTER, BEFORE
from saibench.evidence.statistic import Axis, Statistic
from saibench.metrics.nowcasting.functional.csi_counts import responds_at_every_lead
from saibench.metrics.nowcasting.functional.rain import RainFrameSums
from saibench.metrics.nowcasting.functional.rain_statistics import (
    active_area_error,
    center_of_mass_displacement,
    critical_success_index,
    hits_and_relevant,
    mean_absolute_rain_error,
    mean_observed_rate,
    mean_predicted_rate,
)


def lead_axis(leads: int, frame_minutes: int = MINUTES_PER_FRAME) -> Axis:
    """Predicted frames by lead time in minutes after the last observed frame."""
    return Axis("lead", tuple(frame_minutes * (lead + 1) for lead in range(leads)))


def draw_axis(draws: int, leads: int, frame_minutes: int = MINUTES_PER_FRAME) -> Axis:
    """Repeated predictions of an event: every draw at every lead time."""
    labels = lead_axis(leads, frame_minutes).labels
    pairs = [(draw, label) for draw in range(draws) for label in labels]
    number, minutes = zip(*pairs, strict=True)
    return Axis("draw", tuple(range(len(pairs))), {"number": number, "lead": minutes})


def nowcasting_statistics(
    leads: int,
    thresholds: Sequence[float],
    active_threshold: float,
    has_truth: bool,
    frame_minutes: int = MINUTES_PER_FRAME,
) -> list[Statistic]:
    """Errors of an event, and of its frames by lead time.

    Args:
        leads: number of predicted frames.
        thresholds: of the critical success index, mm/h.
        active_threshold: of the active area, mm/h.
        has_truth: whether the true motion and source of the events are known.
        frame_minutes: between two frames.
    """
    axis = lead_axis(leads, frame_minutes)
    error = "mean absolute error of the rain rate"
    # partial: a frame, or a whole event, may have no valid pixels
    partial_mean = partial(_mean_statistic, axis=axis, partial=True)
    statistics = [
        _mean_statistic("mae", "mm/h", "pixel", error, None, partial=True),
        partial_mean("mae", "mm/h", "pixel", error),
        *(
            partial_mean(
                f"{area}_area_mae",
                "mm/h",
                "active pixel",
                f"mean absolute error where {active_threshold:g} mm/h were {what}",
            )
            for area, what in (("active", "observed"), ("union", "observed or predicted"))
        ),
        *(statistic for level in thresholds for statistic in _at_threshold(level, axis)),
        *_displacement(axis),
        *_mass_balance(axis),
        _mean_rate("observed", axis),
        _mean_rate("predicted", axis),
        Statistic("valid_pixels", "", "frame", "valid pixels of the radar", axis),
        Statistic("active_pixels", "", "frame", "pixels of the active area", axis),
    ]
    return [*statistics, *_against_truth(axis)] if has_truth else statistics


def frame_statistics(sums: RainFrameSums, pixel_km: float) -> dict[str, Tensor]:
    """Values `(B, leads)` of `nowcasting_statistics` from the sums of frames.

    Masks of defined values depend on the observation only, so NaN predictions are refused.
    """
    displacement = center_of_mass_displacement(sums, pixel_km)
    error = mean_absolute_rain_error(sums)
    values = {
        "mae": torch.nanmean(error, dim=1),
        "lead/mae": error,
        "lead/active_area_mae": active_area_error(sums),
        "lead/union_area_mae": active_area_error(sums, "union"),
        "lead/displacement_x": displacement.dx,
        "lead/displacement_y": displacement.dy,
        "lead/displacement": displacement.dr,
        "lead/observed_rate": mean_observed_rate(sums),
        "lead/predicted_rate": mean_predicted_rate(sums),
        "lead/valid_pixels": sums.pixels.double(),
        "lead/active_pixels": sums.active.double(),
    }
    valid, has_mass = sums.pixels > 0, (sums.target_rain != 0) & (sums.pred_rain != 0)
    defined = {
        "mae": valid.any(dim=1),
        **dict.fromkeys(("lead/mae", "lead/observed_rate", "lead/predicted_rate"), valid),
        "lead/active_area_mae": sums.active > 0,
        "lead/union_area_mae": sums.union > 0,
        **dict.fromkeys(
            ("lead/displacement_x", "lead/displacement_y", "lead/displacement"), has_mass
        ),
    }
    for number, level in enumerate(sums.thresholds):
        values[f"responds_{level:g}"] = responds_at_every_lead(sums, level).double()
        values[f"lead/csi_{level:g}"] = critical_success_index(sums, level)
        defined[f"lead/csi_{level:g}"] = hits_and_relevant(sums, level)[1] > 0
        for name in ("hits", "misses", "false_alarms"):
            values[f"lead/{name}_{level:g}"] = getattr(sums, name)[..., number].double()
    return values | {f"{name}.defined": where for name, where in defined.items()}


def draw_statistics(
    draws: int, leads: int, frame_minutes: int = MINUTES_PER_FRAME
) -> list[Statistic]:
    """Statistics of repeated predictions of an event (paper fig. 20)."""
    axis = draw_axis(draws, leads, frame_minutes)
    return [
        Statistic("mae", "mm/h", "pixel", "mean absolute error of a draw", axis, partial=True),
        Statistic(
            "displacement",
            "km",
            "frame",
            "displacement of a draw's centre of mass",
            axis,
            partial=True,
        ),
    ]


def refuse_not_finite(sums: RainFrameSums, sample_ids: Tensor, net: str) -> None:
    """Raise for predicted or observed rates that are NaN or infinite.

    The statistics alone cannot distinguish them from frames without valid pixels.

    Args:
        sums: of a batch.
        sample_ids: of its events.
        net: name of the net in the settings.

    Raises:
        RuntimeError: a rate of an event is NaN or infinite.
    """
    for whose, count in (("predicted", sums.pred_not_finite), ("observed", sums.target_not_finite)):
        events = sample_ids[count.any(dim=1)].tolist()
        if events:
            raise RuntimeError(
                f"{whose} rain rates are NaN or infinite in {int((count > 0).sum())} frames of "
                f"{len(events)} events (ids {events[:5]})"
                + (f", as {net} returned them." if whose == "predicted" else ".")
            )


def _mean_statistic(
    name: str, unit: str, per: str, describe: str, axis: Axis | None, partial: bool = False
) -> Statistic:
    """A statistic whose mean over samples is a metric of the same name."""
    return Statistic(name, unit, per, describe, axis, {name: "mean"}, partial=partial)


def _mean_rate(whose: str, axis: Axis) -> Statistic:
    name, describe = f"{whose}_rate", f"mean {whose} rain rate"
    known = BEFORE if whose == "predicted" else AFTER
    return Statistic(name, "mm/h", "pixel", describe, axis, partial=True, known=known)


def _mass_balance(axis: Axis) -> list[Statistic]:
    describe = "absolute relative change of the predicted rain total since the last observed frame"
    return [
        Statistic(
            "mass_balance",
            "",
            "frame",
            describe,
            of,
            partial=True,
            known=BEFORE,
            title=TITLES["mass_balance"],
        )
        for of in (None, axis)
    ]


def mass_balance(sums: RainFrameSums, last: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """|predicted total / last observed total - 1| over the valid pixels, by lead and its mean.

    Rain neither grows nor decays fast, so that a large change needs no truth to be doubted.
    Undefined if it rains in no valid pixel of the last observed frame.

    Args:
        sums: of the predicted frames.
        last: `(B, H, W)` mm/h, the last observed frame.
        mask: `(B, L, H, W)`, valid pixels of the predicted frames.
    """
    observed = (last.double().clamp(min=0).unsqueeze(1) * mask).sum(dim=(2, 3))
    change = (sums.pred_rain / observed - 1).abs()
    defined = observed > 0
    return {
        "mass_balance": torch.nanmean(torch.where(defined, change, torch.nan), dim=1),
        "mass_balance.defined": defined.any(dim=1),
        "lead/mass_balance": change,
        "lead/mass_balance.defined": defined,
    }


def _at_threshold(level: float, axis: Axis) -> list[Statistic]:
    csi = f"critical success index at {level:g} mm/h"
    counts = (
        ("hits", "observed and predicted"),
        ("misses", "observed, not predicted"),
        ("false_alarms", "predicted, not observed"),
    )
    selected = f"1 if every frame has hits, misses or false alarms at {level:g} mm/h"
    return [
        Statistic(f"responds_{level:g}", "", "event", selected, binary=True),
        _mean_statistic(f"csi_{level:g}", "", "frame", csi, axis, partial=True),
        *(
            Statistic(f"{name}_{level:g}", "", "frame", f"pixels {what} at {level:g} mm/h", axis)
            for name, what in counts
        ),
    ]


def _displacement(axis: Axis) -> list[Statistic]:
    """Displacement of the predicted from the observed centre of mass."""
    along = "displacement of the centre of mass"
    return [
        Statistic("displacement_x", "km", "frame", f"{along} along x", axis, partial=True),
        Statistic("displacement_y", "km", "frame", f"{along} along y", axis, partial=True),
        _mean_statistic("displacement", "km", "frame", along, axis, partial=True),
    ]


def _against_truth(axis: Axis) -> list[Statistic]:
    distance = "distance of the predicted from the true motion, weighted by the observed rain"
    evolved = "mean absolute error of rain evolved with the"
    errors = {
        "source_error": "mean absolute error of the predicted source",
        "velocity_part": f"{evolved} predicted motion and the true source",
        "source_part": f"{evolved} true motion and the predicted source",
        "scheme_part": f"{evolved} true motion and the true source",
    }
    return [
        _mean_statistic("motion_error", "km/h", "rainy pixel", distance, axis, partial=True),
        *(_mean_statistic(name, "mm/h", "pixel", what, axis) for name, what in errors.items()),
    ]
