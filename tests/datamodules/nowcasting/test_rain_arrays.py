"""Rain events in one array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rain_files import showers

from saibench.datamodules.nowcasting.arrays import RainArrays
from saibench.datamodules.nowcasting.event import RainFrames
from saibench.datamodules.nowcasting.features import observed_features
from saibench.errors import UserError


def arrays(folder: Path, rain: np.ndarray, **options: int) -> RainArrays:
    np.savez(folder / "rain.npz", rain=rain)
    return RainArrays(
        file="rain.npz", root=str(folder), pixel_km=2.0, minutes_per_frame=5, **options
    )


def events(count: int = 4) -> np.ndarray:
    return showers(6 * count).reshape(count, 6, 32, 32)


def test_events_are_those_written(tmp_path: Path) -> None:
    rain = events()
    rain[1, 2, :3, :3] = np.nan
    rain[2, 4, 0, 0] = 500
    source = arrays(tmp_path, rain, input_frames=2)
    found = source.load(tmp_path / "cache")
    assert (source.target_frames, found.height, found.width) == (4, 32, 32)
    assert found.index["sample_id"].to_list() == [0, 1, 2, 3]
    frames = RainFrames(2, 4, 5)
    for row, own in enumerate(rain):
        event = found.read(row)
        np.testing.assert_array_equal(event.valid, ~np.isnan(own))
        expected = np.minimum(np.nan_to_num(own), 128).astype(np.float32)  # as NowcastNet clips
        np.testing.assert_array_equal(event.rate, expected)
        for name, value in observed_features(expected, ~np.isnan(own), 2.0, frames).items():
            assert found.index[name][row] == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": (2, 1, 0, 0), "value": -1.0}, ("event 2", "negative")),
        ({"at": (3, 1, 0, 0), "value": np.inf}, ("event 3", "Inf")),
        ({"shape": (24, 32, 32)}, ("'rain'", "(24, 32, 32)")),
        ({"input_frames": 6}, ("6 frames", "input_frames=6")),
    ],
)
def test_faulty_arrays_are_refused(tmp_path: Path, change: dict, words: tuple[str, ...]) -> None:
    rain = events()
    if "at" in change:
        rain[change["at"]] = change["value"]
    source = arrays(
        tmp_path,
        rain.reshape(change.get("shape", rain.shape)),
        input_frames=change.get("input_frames", 2),
    )
    with pytest.raises(UserError) as refused:
        source.load(tmp_path / "cache")
    assert all(word in str(refused.value) for word in words), refused.value


def test_a_missing_or_other_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.npz"):
        RainArrays(file="none.npz", root=str(tmp_path), pixel_km=1).preview()
    np.savez(tmp_path / "other.npz", field=np.zeros(3))
    with pytest.raises(UserError, match="rain"):
        RainArrays(file="other.npz", root=str(tmp_path), pixel_km=1).preview()
