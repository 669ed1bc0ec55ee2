"""Import of rain forecasts, with the observed series that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.nowcasting.event import RECORD_RATE
from saibench.datamodules.nowcasting.module import NowcastingDataModule
from saibench.datamodules.nowcasting.series.forecast import ForecastFile, ForecastLayout
from saibench.datamodules.nowcasting.series.gridded import GriddedFile
from saibench.datamodules.nowcasting.series.rates import DEPTHS, rain_rate
from saibench.errors import UserError
from saibench.formatting import counted
from saibench.runs.imported_samples import Predicted, Request, model_name, quoted
from saibench.runs.nowcasting.event_arrays import is_of_events, of_events, settings_of_events

OPTIONS = frozenset({"predictions"})
PARTITION = "imported"
LOWEST_RATE = -0.1
"""mm/h; nets predict small negative rates, and codes of missing pixels are lower."""
TESTED = [
    f"+partitions.{PARTITION}={{samplers: []}}",
    f"test=[{PARTITION}]",
    f"held_out={PARTITION}",
]


def settings(request: Request, folder: Path) -> list[str]:
    """Settings of `data=rain_series`, with an event at each time of issue."""
    if not request.predictions:
        raise UserError("no forecast is named. Use --observed obs.nc --forecast fc.nc.")
    if is_of_events(request):
        return [*settings_of_events(request), *TESTED]
    first = _layout(request.predictions[0])
    files = ",".join(quoted(path.absolute()) for path in request.files)
    return [
        "data=rain_series",
        f"data.files=[{files}]",
        f"data.issued={quoted(request.predictions[0].absolute())}",
        f"data.target_frames={len(first.minutes)}",
        f"data.step_minutes={first.minutes[0]:g}",
        *TESTED,
    ]


def predictions(request: Request, data: NowcastingDataModule) -> list[Predicted]:
    """Rain in mm/h, on the part of the grid that is used; a run per member of an ensemble."""
    if is_of_events(request):
        return of_events(request, data)
    return [one for path in request.predictions for one in _of_file(path, request.files[0], data)]


def _of_file(path: Path, observed: Path, data: NowcastingDataModule) -> Iterator[Predicted]:
    layout = _layout(path)
    _refuse_other_grid(path, layout, observed)
    if len(layout.minutes) != data.frames.target:
        raise UserError(
            f"{path} has {len(layout.minutes)} lead times, and the first forecast "
            f"{data.frames.target}. Import them into two studies."
        )
    place = {time: number for number, time in enumerate(layout.issued.tolist())}
    times = data.index["issued"].str.to_datetime().to_list()
    for time in times:
        if time not in place:
            raise UserError(f"{path} has no forecast of {time}, which another file has. Add it.")
    numbers = np.array([place[time] for time in times])
    rain = np.stack(
        [
            _rates(values, missing, path, layout, str(layout.issued[number]), data.source)
            for number, (values, missing) in zip(
                numbers, ForecastFile(path).fields(numbers), strict=True
            )
        ]
    )
    left_out = len(layout.issued) - len(times)
    notes = [f"{counted(left_out, 'forecast')} of {path.name} without all frames observed."]
    ids = data.index["sample_id"].to_numpy()
    for member in range(rain.shape[1]):
        source = {"file": path.name, "variable": f"{layout.variable} [{layout.unit}]"}
        if layout.members is not None:
            source["member"] = str(member)
        yield Predicted(
            model_name(path.stem),
            {"sample_id": ids, "rain": rain[:, member]},
            source,
            member=member,
            notes=(*notes,) if left_out and not member else (),
        )


def _layout(path: Path) -> ForecastLayout:
    """Raises UserError: no rate of rain, or lead times that are not evenly spaced."""
    layout = ForecastFile(path).layout()
    step = layout.minutes[0]
    if step <= 0 or not np.allclose(layout.minutes, step * np.arange(1, len(layout.minutes) + 1)):
        raise UserError(
            f"{path}: lead times are {', '.join(f'{one:g}' for one in layout.minutes[:5])} … "
            "minutes. Use one step and its multiples, without 0."
        )
    if layout.unit is None or layout.unit in DEPTHS:
        raise UserError(
            f"{path}: the unit of '{layout.variable}' is {layout.unit or 'not stated'}. Use a "
            "rate, such as units = 'mm h-1'."
        )
    return layout


def _rates(
    values: np.ndarray,
    missing: np.ndarray,
    path: Path,
    layout: ForecastLayout,
    time: str,
    source: Any,
) -> np.ndarray:
    """`(members, L, H, W)` float32 in mm/h, cut as the observed frames."""
    assert layout.unit is not None
    faulty = missing | ~np.isfinite(values)
    if faulty.any():
        member, lead, *_ = np.argwhere(faulty)[0]
        of = "" if layout.members is None else f", member {member}"
        raise UserError(
            f"{path}: the forecast of {time.replace('T', ' ')}{of} is NaN, Inf or missing in "
            f"{int(faulty[member, lead].sum()):,} pixels at {layout.minutes[lead]:g} minutes. "
            "Predict every pixel."
        )
    rates = rain_rate(values, layout.unit, None)
    lowest, highest = float(rates.min()), float(rates.max())
    if lowest < LOWEST_RATE or highest > RECORD_RATE:
        raise UserError(
            f"{path}: the forecast of {time.replace('T', ' ')} is from {lowest:g} to {highest:g} "
            f"mm/h. Use rates from 0 to {RECORD_RATE:g} mm/h; is '{layout.unit}' the unit of "
            f"'{layout.variable}', and is a negative number a code?"
        )
    none = np.zeros(rates.shape[-2:], dtype=bool)
    return np.stack([[source.part.cut(frame, none) for frame in member] for member in rates])


def _refuse_other_grid(path: Path, layout: ForecastLayout, observed: Path) -> None:
    """Refuse a forecast of another grid than the observed series in netCDF or zarr."""
    if not _is_gridded(observed):
        return
    known = GriddedFile(observed).layout()
    if (layout.height, layout.width) != (known.height, known.width):
        raise UserError(
            f"{path} has {layout.height} x {layout.width} pixels, and {observed} {known.height} x "
            f"{known.width}. Use one grid."
        )
    of_forecast = layout.rows, layout.columns
    for own, other in zip(of_forecast, GriddedFile(observed).coordinates(), strict=True):
        if own is not None and other is not None and not np.allclose(own, other):
            raise UserError(
                f"{path}: the grid is from {own[0]:g} to {own[-1]:g}, and that of {observed} from "
                f"{other[0]:g} to {other[-1]:g}. Use one grid."
            )


def _is_gridded(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in (".nc", ".nc4", ".zarr")
