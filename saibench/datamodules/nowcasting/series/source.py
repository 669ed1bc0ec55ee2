"""Events from a long series of gridded rain, in netCDF, zarr, ODIM, KNMI or GRIB files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import polars as pl
import pydantic
from tqdm import tqdm

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.files import paths_sha256
from saibench.datamodules.nowcasting.event import OBSERVED_FRAMES, TARGET_FRAMES, RainFrames
from saibench.datamodules.nowcasting.features import OBSERVED_FEATURES, observed_features
from saibench.datamodules.nowcasting.series.cut import (
    cadence_minutes,
    cut_events,
    issued_events,
)
from saibench.datamodules.nowcasting.series.events import HOURS, ISSUED, SeriesEvents, read_event
from saibench.datamodules.nowcasting.series.files import SeriesFiles, utc
from saibench.datamodules.nowcasting.series.forecast import ForecastFile
from saibench.datamodules.nowcasting.series.formats import Format
from saibench.datamodules.nowcasting.series.grid import Section, section
from saibench.datamodules.nowcasting.series.rates import (
    Unit,
    rain_rate,
    refuse_faulty,
    refuse_impossible,
)
from saibench.errors import InsufficientData, UserError
from saibench.evidence.independence import TIME, Independence
from saibench.identity import digest_of_ids
from saibench.options import Count, Degree, Name, Number, Positive, check_fields

NotAbove1 = Annotated[float, pydantic.Field(ge=0, le=1)]


@dataclass(frozen=True)
class RainSeries:
    """Events that are cut from a series of frames.

    The `sample_id` of an event is the number of its first frame in the series. Frames are read
    once, in mm/h, into one memory-mapped array that all events share.

    files: paths, names below `root`, or patterns such as `2020/*.h5`; a zarr store is a folder
    root: folder of the files or of their subfolder `rain/`; by default `SAIBENCH_DATA_DIR`, then
        `rain` in the cache
    format: by default found from the content
    variable: variable (netCDF, zarr), quantity (ODIM), `image_geo_parameter` (KNMI) or short name
        (GRIB) of the rain; by default the only one of rain
    unit: of the values; by default as the file states
    interval_minutes: of accumulations; by default as the file states
    missing: further codes of missing pixels, as values in `unit`
    nan_is_missing: whether NaN that the file does not document is a missing pixel
    coarsen: pixels of a side that are averaged into one, missing if one of them is
    crop: top, left, height and width in coarsened pixels, multiples of 32; by default the largest
        centred part
    spacing_km: side of a pixel of the files in km; by default as the file states
    begin, end: times (UTC, ISO 8601) of the first frame used and of the first one after
    step_minutes: time between two frames of an event; by default the most frequent of the files
    input_frames, target_frames: observed and predicted frames of an event
    every: frames from one event to the next; by default as many as an event has, so that events
        share no frame
    issued: file of forecasts, netCDF or zarr, at whose times of issue events are cut instead
    min_wet_fraction: smallest share of observed pixels with rain of an event
    max_missing_fraction: largest share of missing pixels of an event

    Raises UserError: later, for a missing or faulty file, by frame, and for a series without an
        event.
    """

    has_truth: ClassVar[bool] = False
    independence: ClassVar[Independence] = Independence(TIME, HOURS.name)
    name: ClassVar[str] = "rain_series"

    files: Annotated[tuple[Name, ...], pydantic.Field(min_length=1)]
    root: str | None = None
    format: Format | None = None
    variable: str | None = None
    unit: Unit | None = None
    interval_minutes: Positive | None = None
    missing: tuple[Number, ...] = ()
    nan_is_missing: bool = False
    coarsen: Count = 1
    crop: tuple[Degree, Degree, Degree, Degree] | None = None
    spacing_km: Positive | None = None
    begin: str | None = None
    end: str | None = None
    step_minutes: Positive | None = None
    input_frames: Count = OBSERVED_FRAMES
    target_frames: Count = TARGET_FRAMES
    every: Count | None = None
    issued: str | None = None
    min_wet_fraction: NotAbove1 = 0.0
    max_missing_fraction: NotAbove1 = 0.5

    def __post_init__(self) -> None:
        check_fields(self, "data")
        for name in ("begin", "end"):
            self._bound(name)

    def describe(self) -> str:
        series, part = self._series, self.part
        return (
            f"{len(series.times):,} frames of '{series.layout.variable}' in {series.unit} from "
            f"{utc(series.times[0])} to {utc(series.times[-1])}, {part.height} x {part.width} "
            f"pixels of {self.pixel_km:.3g} km, cut into {len(self._cut):,} events of "
            f"{self.input_frames} observed and {self.target_frames} target frames, "
            f"{self.minutes_per_frame} minutes apart."
        )

    def preview(self) -> pl.DataFrame | None:
        """The index without features; None if events are chosen by their content."""
        if self.min_wet_fraction > 0 or self.max_missing_fraction < 1:
            return None
        return self._index(self._cut)

    def recipe(self) -> dict[str, Any]:
        return {
            **self._frames_recipe,
            "pixel_km": self.pixel_km,
            "minutes": self.minutes_per_frame,
            "input_frames": self.input_frames,
            "target_frames": self.target_frames,
            **self._chosen,
            "min_wet_fraction": self.min_wet_fraction,
            "max_missing_fraction": self.max_missing_fraction,
        }

    def load(self, cache: Path) -> SeriesEvents:
        frames = cached_arrays(
            cache, "rain-frames", self._frames_recipe, self._frames, {"rate": "mm/h"}
        )
        units = {field.name: field.unit for field in OBSERVED_FEATURES}
        events = cached_arrays(
            cache, "rain-events", self.recipe(), lambda folder: self._events(frames["rate"]), units
        )
        return SeriesEvents(frames, events, self._index(events["rows"]), self.pixel_km)

    @property
    def minutes_per_frame(self) -> int:
        """Time between two frames of an event. Raises UserError: not an integer of minutes."""
        found = self.step_minutes or cadence_minutes(self._series.times)
        if found is None:
            raise InsufficientData(f"{self._series}: a single frame. Use a series.")
        if found != int(found):
            raise UserError(
                f"{self._series}: frames are {found:g} minutes apart. Set data.step_minutes to an "
                "integer."
            )
        return int(found)

    @property
    def pixel_km(self) -> float:
        """Side of a coarsened pixel. Raises UserError: the file states none above 0."""
        own = self.spacing_km or self._series.layout.pixel_km
        if own is None or not 0 < own < math.inf:
            raise UserError(
                f"{self._series}: the spacing of the grid is not stated in km, m or degrees, or is "
                "not even. Set data.spacing_km."
            )
        return own * self.coarsen

    @property
    def _frames_recipe(self) -> dict[str, Any]:
        """All settings that change the array of frames."""
        part = self.part
        return {
            "source": self.name,
            "version": 1,
            "files": paths_sha256(self._series.paths),
            "variable": self._series.layout.variable,
            "unit": self._series.unit,
            "interval_minutes": self._series.interval_minutes,
            "missing": sorted(self.missing),
            "nan_is_missing": self.nan_is_missing,
            "coarsen": self.coarsen,
            "crop": [part.top, part.left, part.height, part.width],
            "begin": str(self._bound("begin")),
            "end": str(self._bound("end")),
        }

    def _frames(self, folder: Path) -> Mapping[str, np.ndarray]:
        """Rates (frames, H, W) float32 in mm/h, NaN where missing, in order of time."""
        part = self.part
        shape = (len(self._series.times), part.height, part.width)
        rate = new_array(folder, "rate", shape, np.float32)
        frames = tqdm(
            self._series.frames(), "reading rain", shape[0], unit="frame", mininterval=1.0
        )
        filled = 0
        for row, frame, where in frames:
            rate[row] = self._rate(frame.values, frame.missing, where)
            filled += 1
        if filled != shape[0]:
            raise UserError(f"{self._series}: changed during reading. Repeat the command.")
        return {"rate": rate}

    def _rate(self, values: np.ndarray, missing: np.ndarray, where: str) -> np.ndarray:
        """Rate of a frame on the section of the grid, NaN where missing."""
        unit, interval = self._series.unit, self._series.interval_minutes
        if self.missing:
            missing = missing | np.isin(values, np.array(self.missing).astype(values.dtype))
        if self.nan_is_missing:
            missing = missing | np.isnan(values)
        refuse_faulty(values, missing, unit, where)
        rate = rain_rate(np.where(missing, 0, values), unit, interval)
        refuse_impossible(rate, where)
        return self.part.cut(rate, missing)

    def _events(self, rate: np.ndarray) -> Mapping[str, np.ndarray]:
        """Frames and features of the events with enough rain and enough valid pixels."""
        names = [field.name for field in OBSERVED_FEATURES]
        rows, features = [], []
        for chosen in tqdm(self._cut, "features of events", unit="event", mininterval=1.0):
            event = read_event(rate, chosen)
            found = observed_features(event.rate, event.valid, self.pixel_km, self._shape)
            missing = 1 - event.valid.mean()
            is_dry = found["wet_fraction"] < self.min_wet_fraction
            if missing <= self.max_missing_fraction and not is_dry:
                rows.append(chosen)
                features.append([found[name] for name in names])
        if not rows:
            raise InsufficientData(
                f"None of the {len(self._cut)} events of {self._series} has rain in "
                f"{self.min_wet_fraction:g} of its observed pixels and at most "
                f"{self.max_missing_fraction:g} missing. Change data.min_wet_fraction or "
                "data.max_missing_fraction."
            )
        columns = np.array(features, dtype=np.float64).T
        return {"rows": np.array(rows), **dict(zip(names, columns, strict=True))}

    def _index(self, rows: np.ndarray) -> pl.DataFrame:
        times = self._series.times
        issued = times[rows[:, self.input_frames - 1]]
        hours = (issued - times[0]) / np.timedelta64(3600, "s")
        return pl.DataFrame(
            {
                "sample_id": rows[:, 0].astype(np.int64),
                HOURS.name: hours.astype(np.float64),
                ISSUED.name: [str(one).replace("T", " ") for one in issued],
            }
        )

    @property
    def _shape(self) -> RainFrames:
        return RainFrames(self.input_frames, self.target_frames, self.minutes_per_frame)

    @property
    def _every(self) -> int:
        return self.every or self.input_frames + self.target_frames

    @cached_property
    def _cut(self) -> np.ndarray:
        """Rows of the frames of each event. Raises InsufficientData: there is none."""
        times = self._series.times
        if self._issued is not None:
            found = issued_events(times, self._shape, self._issued)
        else:
            found = cut_events(times, self._shape, self._every)
        if not len(found) and self._issued is not None:
            raise UserError(
                f"{self.issued}: forecasts are issued from {_spell(self._issued.min())} to "
                f"{_spell(self._issued.max())}, and {self._series} has frames from "
                f"{_spell(times[0])} to {_spell(times[-1])}, {cadence_minutes(times)} minutes "
                f"apart. None has {self.input_frames} frames up to its issue and "
                f"{self.target_frames} after it, {self.minutes_per_frame} minutes apart. Use the "
                "same times (UTC), or another data.input_frames."
            )
        if not len(found):
            raise InsufficientData(
                f"{self._series}: {len(times)} frames, {cadence_minutes(times)} minutes apart, but "
                f"no {self._shape.total} in a row that are {self.minutes_per_frame} minutes apart. "
                "Use a longer series, or smaller data.input_frames and data.target_frames."
            )
        return found

    @cached_property
    def _issued(self) -> np.ndarray | None:
        """(n,) datetime64[s], times of the last observed frames; None for all."""
        if self.issued is None:
            return None
        return ForecastFile(Path(self.issued).expanduser()).layout().issued

    @property
    def _chosen(self) -> dict[str, Any]:
        """The entry of the recipe for the choice of events."""
        if self._issued is None:
            return {"every": self._every}
        return {"issued": digest_of_ids(self._issued.astype(np.int64))}

    @cached_property
    def _series(self) -> SeriesFiles:
        return SeriesFiles(
            self.files,
            self.root,
            self.format,
            self.variable,
            self.unit,
            self.interval_minutes,
            self._bound("begin"),
            self._bound("end"),
        )

    @cached_property
    def part(self) -> Section:
        """The part of the grid that is used."""
        layout = self._series.layout
        return section(layout.height, layout.width, self.coarsen, self.crop)

    def _bound(self, name: str) -> np.datetime64 | None:
        given = getattr(self, name)
        if given is None:
            return None
        try:
            return np.datetime64(given.replace(" ", "T"), "s")
        except ValueError as error:
            raise UserError(
                f"data.{name}={given} is not a time. Use one as '2020-06-01 12:00'."
            ) from error


def _spell(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("T", " ")
