"""Radar events are decoded as published, and faulty files are refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saibench.datamodules.nowcasting.event import FRAMES, RainEvent
from saibench.datamodules.nowcasting.mrms import MRMS
from saibench.datamodules.nowcasting.radar_png import (
    PngHeader,
    read_frame,
    read_header,
    stated_checksums,
)
from saibench.errors import InsufficientData, UserError

SIDE = 32


def write_event(root: Path, number: int, counts: np.ndarray) -> Path:
    """An event whose pixels in frame t are `counts` + t."""
    folder = root / f"{number:05d}"
    folder.mkdir(parents=True)
    for frame in range(FRAMES):
        pixels = (counts + frame).astype(np.uint16)
        Image.fromarray(pixels).save(folder / f"{number:05d}-{frame:02d}.png")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in (3, 12):
        write_event(tmp_path / "figure", number, rng.integers(30, 200, (SIDE, SIDE)))
    return tmp_path


def read(root: Path, row: int = 0) -> RainEvent:
    return MRMS(str(root)).load(root / "cache").read(row)


def test_counts_become_rates_and_missing_pixels(tmp_path: Path) -> None:
    counts = np.full((SIDE, SIDE), 30)
    counts[0, :6] = [0, 8, 22, 29, 31, 1400]
    write_event(tmp_path, 0, counts)
    event = read(tmp_path)
    np.testing.assert_allclose(event.rate[0, 0, :7], [0, 0, 0, 0, 0.1, 128, 0], atol=1e-6)
    assert event.valid[0, 0, :7].tolist() == [False, False, False, False, True, True, True]
    np.testing.assert_allclose(event.rate[5, 0, 4], 0.6, atol=1e-6)


def test_a_frame_of_fill_values_is_named(root: Path) -> None:
    file = root / "figure" / "00012" / "00012-03.png"
    Image.fromarray(np.full((SIDE, SIDE), 60_000, np.uint16)).save(file)
    says = r"00012: .*1,872 mm/h \(5997 mm/h\) in 1,024 pixels of frame 3 \(at -50 min\)"
    with pytest.raises(UserError, match=says):
        read(root, row=1)


def test_events_are_found_by_number_whatever_lies_beside_them(root: Path) -> None:
    (root / "figure" / "notes").mkdir()
    (root / "figure" / "readme.txt").write_text("about")
    source = MRMS(str(root))
    assert source.preview()["sample_id"].to_list() == [3, 12]
    assert MRMS(str(root), events=1).preview()["sample_id"].to_list() == [3]
    assert "2 MRMS radar events" in source.describe()


def test_the_real_events_have_the_published_statistics(data_dir: Path, tmp_path: Path) -> None:
    events = MRMS(str(data_dir)).load(tmp_path)
    assert events.index["sample_id"].to_list() == [0, 1, 2, 3, 4]
    event = events.read(4)
    assert event.rate.shape == (29, 512, 512)
    assert 0.005 < 1 - event.valid.mean() < 0.007
    np.testing.assert_allclose((event.rate > 0).mean(), 0.220, atol=2e-3)
    np.testing.assert_allclose((event.rate >= 16).mean(), 0.0153, atol=2e-4)
    assert event.rate.max() == 128
    features = events.index.row(4, named=True)
    observed, seen = event.rate[:9].astype(float), event.valid[:9]
    np.testing.assert_allclose(features["mean_intensity"], observed[seen].mean(), rtol=1e-6)
    np.testing.assert_allclose(features["wet_fraction"], (observed > 0)[seen].mean(), rtol=1e-9)
    means = [event.rate[t][event.valid[t]].astype(float).mean() for t in (9, 26)]
    np.testing.assert_allclose(features["target_trend"], means[1] - means[0], rtol=1e-6)


def test_a_missing_frame_is_named(root: Path) -> None:
    (root / "figure" / "00012" / "00012-07.png").unlink()
    with pytest.raises(UserError, match=r"00012-07\.png is missing"):
        read(root)


def test_all_faulty_events_are_named_at_once(root: Path) -> None:
    """Hours of reading would else be lost to each of them in turn."""
    (root / "figure" / "00012" / "00012-07.png").unlink()
    (root / "figure" / "00003" / "00003-01.png").unlink()
    with pytest.raises(UserError, match=r"00003-01\.png .* 1 more .*: 00012\.$"):
        read(root)


def test_all_events_with_damaged_frames_are_named_at_once(root: Path) -> None:
    for name in ("00003/00003-20.png", "00012/00012-00.png"):
        path = root / "figure" / name
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"00003-20\.png .* 1 more .*: 00012\.$"):
        read(root)
    assert not list((root / "cache").glob("*/")), "nothing half-made is kept"


def test_a_truncated_frame_is_named(root: Path) -> None:
    path = root / "figure" / "00003" / "00003-28.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"00003-28\.png .*PNG"):
        read(root)


def test_what_is_no_png_is_named(root: Path) -> None:
    path = root / "figure" / "00003" / "00003-02.png"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(UserError, match=r"00003-02\.png .*PNG"):
        read(root)


@pytest.mark.parametrize("frame", ["00003-00", "00003-02"], ids=["first", "later"])
def test_a_frame_that_is_a_pipe_is_not_waited_for(root: Path, frame: str) -> None:
    path = root / "figure" / "00003" / f"{frame}.png"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match=rf"{frame}\.png .*regular file"):
        read(root)
    for reads in (read_header, stated_checksums, lambda path: read_frame(path, PngHeader(1, 1))):
        with pytest.raises(UserError, match=rf"{frame}\.png .*regular file"):
            reads(path)


def test_an_eight_bit_frame_is_refused(root: Path) -> None:
    path = root / "figure" / "00003" / "00003-02.png"
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(path)
    with pytest.raises(UserError, match=r"8 bits.* 16 bits"):
        read(root)


def test_a_frame_of_another_size_is_refused(root: Path) -> None:
    path = root / "figure" / "00012" / "00012-02.png"
    Image.fromarray(np.zeros((SIDE, 64), np.uint16)).save(path)
    with pytest.raises(UserError, match=r"64 x 32 pixels.* 32 x 32"):
        read(root)


def test_a_folder_without_events_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"00000/00000-00\.png"):
        MRMS(str(tmp_path)).preview()


def test_an_event_without_rain_has_no_displacement(tmp_path: Path) -> None:
    folder = write_event(tmp_path, 0, np.full((SIDE, SIDE), 30))
    for path in folder.iterdir():
        Image.fromarray(np.full((SIDE, SIDE), 30, np.uint16)).save(path)
    features = MRMS(str(tmp_path)).load(tmp_path / "cache").index.row(0, named=True)
    assert features["mean_intensity"] == features["max_intensity"] == 0
    assert np.isnan(features["observed_displacement"])


def test_missing_frames_are_in_no_feature(tmp_path: Path) -> None:
    """Their mean rate is NaN, not 0."""
    folder = write_event(tmp_path, 0, np.full((SIDE, SIDE), 130))  # 10 mm/h and 0.1 more a frame
    blank = np.zeros((SIDE, SIDE), np.uint16)
    for frame in (2, 9):
        Image.fromarray(blank).save(folder / f"00000-{frame:02d}.png")
    for frame in range(FRAMES):
        (tmp_path / "00001").mkdir(exist_ok=True)
        Image.fromarray(blank).save(tmp_path / "00001" / f"00001-{frame:02d}.png")
    seen, unseen = MRMS(str(tmp_path)).load(tmp_path / "cache").index.iter_rows(named=True)
    rates = [10 + 0.1 * frame for frame in range(9) if frame != 2]
    assert seen["mean_intensity"] == pytest.approx(np.mean(rates), rel=1e-5)
    assert seen["wet_fraction"] == 1
    assert seen["observed_trend"] == pytest.approx(0.6, rel=1e-4), "mm/h an hour of six frames"
    assert np.isnan(seen["target_trend"]), "the first target frame is unknown"
    assert all(np.isnan(value) for name, value in unseen.items() if name != "sample_id")


def test_more_events_than_there_are_is_refused(root: Path) -> None:
    with pytest.raises(InsufficientData, match=r"^data\.events=3 .* 2 events"):
        MRMS(str(root), events=3).preview()
    assert MRMS(str(root), events=2).preview().height == 2


@pytest.mark.parametrize("frame", [0, FRAMES - 1])
def test_a_frame_of_equal_size_changes_recipe_hash_and_index(
    root: Path, tmp_path: Path, frame: int
) -> None:
    path = root / "figure" / "00012" / f"00012-{frame:02d}.png"
    counts = np.asarray(Image.open(path))
    Image.fromarray(counts).save(path, compress_level=0)
    before, status = MRMS(str(root)), path.stat()
    loaded = before.load(tmp_path / "cache")
    assert MRMS(str(root)).recipe() == before.recipe()
    Image.fromarray(counts + np.uint16(20)).save(path, compress_level=0)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    after = MRMS(str(root))
    assert after.recipe() != before.recipe()
    again = after.load(tmp_path / "cache")
    assert again.data_hash != loaded.data_hash
    assert again.index.equals(loaded.index) == (frame != 0), "the index is of what is observed"


def test_changed_files_change_the_hash(root: Path, tmp_path: Path) -> None:
    before = MRMS(str(root)).load(tmp_path / "cache").data_hash
    shutil.rmtree(root / "figure" / "00012")
    assert MRMS(str(root)).load(tmp_path / "cache").data_hash != before
