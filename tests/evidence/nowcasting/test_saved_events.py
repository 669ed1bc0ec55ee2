"""Saved events: written, coarsened and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saibench.errors import UserError
from saibench.evidence.nowcasting.saved_events import SavedEvents, coarsened, saved_events

FIELDS = SavedEvents.FILE

RNG = np.random.default_rng(0)


def fields(side: int, events: int = 3) -> SavedEvents:
    observed, target, predicted = (
        RNG.gamma(1, 2, (events, frames, side, side)) for frames in (9, 20, 20)
    )
    motion = np.full((events, 20, 2, side, side), 3.0)
    return saved_events(range(10, 10 + events), observed, target, predicted, 2.0, motion)


def test_events_are_read_as_they_were_written(tmp_path: Path) -> None:
    kept = fields(32)
    kept.write(tmp_path / FIELDS)
    found = SavedEvents.read(tmp_path / FIELDS)
    assert found.sample_id.tolist() == [10, 11, 12]
    assert found.pixel_km == 2.0
    for name in ("observed", "target", "predicted", "motion"):
        assert np.array_equal(getattr(found, name), getattr(kept, name))
        assert getattr(found, name).dtype == np.float16
    assert [path.name for path in tmp_path.iterdir()] == [FIELDS]


def test_motion_may_be_absent(tmp_path: Path) -> None:
    rain = np.zeros((1, 9, 32, 32)), np.zeros((1, 20, 32, 32)), np.zeros((1, 20, 32, 32))
    saved_events([0], *rain, 2.0).write(tmp_path / FIELDS)
    assert SavedEvents.read(tmp_path / FIELDS).motion is None


def test_wide_fields_are_averaged_two_by_two_and_keep_their_speed() -> None:
    rain = RNG.gamma(1, 2, (1, 20, 512, 512)).astype(np.float32)
    motion = np.full((1, 20, 2, 512, 512), 3.0)
    kept = saved_events([0], rain[:, :9], rain, rain, 2.0, motion)
    assert kept.predicted.shape == (1, 20, 256, 256) and kept.pixel_km == 4.0
    expected = rain[0, 4, 6:8, 10:12].mean()
    assert kept.predicted[0, 4, 3, 5] == pytest.approx(expected, rel=1e-3)
    assert (kept.motion == 1.5).all()  # in pixels of twice the side


def test_means_ignore_missing_pixels() -> None:
    frame = np.array([[1.0, np.nan, np.nan, np.nan], [3.0, np.nan, np.nan, np.nan]])
    assert np.array_equal(coarsened(frame), [[2.0, np.nan]], equal_nan=True)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / FIELDS
    if content is None:
        np.savez(path, sample_id=np.zeros(1))
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"fields\.npz"):
        SavedEvents.read(path)
