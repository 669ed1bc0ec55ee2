"""The files of a series of rain, and what they state together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from saibench.datamodules.files import data_roots, matching_files
from saibench.datamodules.header_cache import cached_header
from saibench.datamodules.nowcasting.series.formats import Format, rain_file
from saibench.datamodules.nowcasting.series.rain_file import Frame, Layout, RainFile
from saibench.datamodules.nowcasting.series.rates import DEPTHS, Unit
from saibench.errors import InsufficientData, UserError

FOLDER = "rain"
"""Subfolder of the data, and folder in the cache."""
MANY = 100
"""Files whose headers take some time to read."""


@dataclass(frozen=True)
class SeriesFiles:
    """Files of one variable on one grid; options as those of `RainSeries`.

    begin, end: datetime64[s] of the first frame used and of the first one after
    """

    patterns: tuple[str, ...]
    root: str | None
    format: Format | None
    variable: str | None
    given_unit: Unit | None
    given_interval: float | None
    begin: np.datetime64 | None
    end: np.datetime64 | None

    def __str__(self) -> str:
        more = len(self.paths) - 1
        return f"{self.paths[0]}" + (f" and {more} more files" if more else "")

    @cached_property
    def paths(self) -> list[Path]:
        """The files, by name within each pattern. Raises UserError: a pattern has none."""
        roots = [Path()] if self.root is None else []
        roots += data_roots(self.root, FOLDER)
        found = [
            path for pattern in self.patterns for path in matching_files(pattern, roots, FOLDER)
        ]
        return list(dict.fromkeys(found))

    @property
    def layout(self) -> Layout:
        """Of the first file."""
        return self._headers[0][1]

    @cached_property
    def times(self) -> np.ndarray:
        """(n,) datetime64[s] of all frames from `begin` to `end`, ascending.

        Raises:
            UserError: files of several variables or units, or two frames of one time.
            InsufficientData: no frame is in the range.
        """
        self._refuse_several_kinds()
        times = np.concatenate([layout.times for _, layout in self._headers])
        found, counts = np.unique(times.astype("datetime64[s]"), return_counts=True)
        if counts.max() > 1:
            self._refuse_repeated(found[counts > 1][0])
        inside = np.ones(len(found), dtype=bool)
        if self.begin is not None:
            inside &= found >= self.begin
        if self.end is not None:
            inside &= found < self.end
        if not inside.any():
            raise InsufficientData(
                f"{self}: no frame from {self.begin} to {self.end} (data.begin, data.end); the "
                f"first is of {found[0]}, the last of {found[-1]}."
            )
        return found[inside]

    @property
    def unit(self) -> Unit:
        """Raises UserError: neither the files nor the option state it."""
        found = self.given_unit or self.layout.unit
        if found is None:
            raise UserError(
                f"{self}: the unit of '{self.layout.variable}' is not stated or not known. Set "
                "data.unit, such as mm/h, or mm with data.interval_minutes."
            )
        return found

    @property
    def interval_minutes(self) -> float | None:
        """Of accumulations, else None. Raises UserError: unknown."""
        if self.unit not in DEPTHS:
            return None
        found = self.given_interval or self.layout.interval_minutes
        if found is None:
            raise UserError(
                f"{self}: the interval of the accumulations in {self.unit} is not stated. Set "
                "data.interval_minutes."
            )
        return found

    def frames(self) -> Iterator[tuple[int, Frame, str]]:
        """Row in `times`, frame, and its file and time, file by file.

        Raises:
            UserError: a frame of another shape.
        """
        shape = self.layout.height, self.layout.width
        for file, _ in self._headers:
            for frame in file.frames():
                row = int(np.searchsorted(self.times, frame.time))
                if row == len(self.times) or self.times[row] != frame.time:
                    continue  # before `begin` or after `end`
                where = f"{file.path}, {utc(frame.time)}"
                if frame.values.shape != shape:
                    raise UserError(
                        f"{where}: the frame has {frame.values.shape[0]} x {frame.values.shape[1]} "
                        f"pixels, the first file {shape[0]} x {shape[1]}. Use frames of one grid."
                    )
                yield row, frame, where

    @cached_property
    def _headers(self) -> list[tuple[RainFile, Layout]]:
        is_short = len(self.paths) < MANY
        paths = tqdm(self.paths, "reading headers", unit="file", mininterval=1, disable=is_short)
        return [self._header(path) for path in paths]

    def _header(self, path: Path) -> tuple[RainFile, Layout]:
        def read() -> tuple[RainFile, Layout]:
            file = rain_file(path, self.format, self.variable)
            return file, file.layout()

        return cached_header(path, ("rain", self.format, self.variable), read)

    def _refuse_several_kinds(self) -> None:
        names = ["variable"]
        names += ["unit"] if self.given_unit is None else []
        names += ["interval_minutes"] if self.given_interval is None else []
        for path, (_, layout) in zip(self.paths, self._headers, strict=True):
            for name in names:
                if getattr(layout, name) != getattr(self.layout, name):
                    raise UserError(
                        f"{path}: {name} is {getattr(layout, name)}, but {self.paths[0]} has "
                        f"{getattr(self.layout, name)}. Use files of one kind."
                    )

    def _refuse_repeated(self, time: np.datetime64) -> None:
        files = zip(self.paths, self._headers, strict=True)
        paths = [str(path) for path, (_, layout) in files if time in layout.times]
        raise UserError(f"{' and '.join(paths)}: two frames are of {utc(time)}. Remove one.")


def utc(time: np.datetime64) -> str:
    """`2020-06-01 12:00:00 UTC`."""
    return f"{str(time).replace('T', ' ')} UTC"
