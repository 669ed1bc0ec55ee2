"""Import of forecasts of events that are cut already, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saibench.datamodules.nowcasting.module import NowcastingDataModule
from saibench.errors import UserError
from saibench.files.npz import DamagedArray, NpzArrays
from saibench.runs.imported_samples import Predicted, Request, model_name, quoted

ENDING = ".npz"
ARRAY = "rain"


def is_of_events(request: Request) -> bool:
    """Whether the observed rain is an array of events, not a series."""
    return request.files[0].suffix.lower() == ENDING


def settings_of_events(request: Request) -> list[str]:
    """Settings of `data=rain_arrays`."""
    if len(request.files) != 1:
        raise UserError(f"--observed names {len(request.files)} files of events. Name one.")
    return ["data=rain_arrays", f"data.file={quoted(request.files[0].absolute())}"]


def of_events(request: Request, data: NowcastingDataModule) -> list[Predicted]:
    """Predictions `rain` (events, L, H, W), or with members (events, members, L, H, W)."""
    return [one for path in request.predictions for one in _of_file(path, data)]


def _of_file(path: Path, data: NowcastingDataModule) -> list[Predicted]:
    try:
        with NpzArrays(path) as arrays:
            rain = arrays[ARRAY]
    except (DamagedArray, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}).") from error
    has_members = rain.ndim == 5
    ids = data.index["sample_id"].to_numpy()
    expected = (len(ids), data.frames.target, data.events.height, data.events.width)
    if rain.shape[:1] + rain.shape[1 + has_members :] != expected:
        raise UserError(
            f"{path}: '{ARRAY}' has shape {rain.shape}. Use (events, lead times, rows, columns), "
            f"here {expected}, or with members after the events."
        )
    members = rain if has_members else rain[:, None]
    faulty = ~np.isfinite(members)
    if faulty.any():
        event, member, lead, *_ = np.argwhere(faulty)[0]
        of = f", member {member}" if has_members else ""
        raise UserError(
            f"{path}: the forecast of event {event}{of} is NaN or Inf in "
            f"{int(faulty[event, member, lead].sum()):,} pixels at lead time {lead + 1}. Predict "
            "every pixel."
        )
    return [
        Predicted(
            model_name(path.stem),
            {"sample_id": ids, "rain": np.ascontiguousarray(members[:, number], np.float32)},
            {"file": path.name, "variable": f"{ARRAY} [mm/h]"}
            | ({"member": str(number)} if has_members else {}),
            member=number,
        )
        for number in range(members.shape[1])
    ]
