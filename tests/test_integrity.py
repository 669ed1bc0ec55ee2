"""Files of a run are checked against its record by every reader."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars
import pyarrow.parquet
import pytest
from synthetic_study import Made, write_point

from saibench.errors import UserError
from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics, read_record, update_record
from saibench.evidence.schema import read_fields, read_table
from saibench.files.integrity import check_zip

FILES = ("samples.parquet", "by_species.parquet", "metrics.json", "frames.npz")


@pytest.fixture
def point(tmp_path: Path) -> Path:
    """A synthetic run whose record lists all its files."""
    folder = tmp_path / "study" / "one"
    write_point(folder, Made(), frames=30)
    zeros = np.zeros((1, 2, 3), np.float32)
    frames = SavedFrames(np.array([3]), np.array(["why"]), np.array([6, 1]), zeros, zeros, zeros)
    frames.write(folder / "frames.npz")
    update_record(folder, *FILES)
    return folder


def flip(path: Path, place: int) -> None:
    """Flip one bit in a new file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.unlink()
    path.write_bytes(content)


def test_a_record_lists_files_in_one_order(point: Path) -> None:
    whole = (point / "run.json").read_bytes()
    update_record(point, files={})
    for name in reversed(FILES):
        update_record(point, name)
    assert (point / "run.json").read_bytes() == whole


def test_record_has_what_sha256sum_says(point: Path) -> None:
    files = json.loads((point / "run.json").read_text())["files"]
    assert sorted(files) == sorted(FILES)
    for name, digest in files.items():
        assert digest == hashlib.sha256((point / name).read_bytes()).hexdigest()


READ: dict[str, Callable[[Path], object]] = {
    "samples.parquet": read_table,
    "by_species.parquet": read_fields,
    "metrics.json": lambda path: read_metrics(path.parent),
    "frames.npz": SavedFrames.read,
}


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_anywhere_is_seen(name: str, point: Path) -> None:
    READ[name](point / name)
    size = (point / name).stat().st_size
    for place in (0, size // 3, size // 2, size - 1):
        flip(point / name, place)
        with pytest.raises(UserError, match=name):
            READ[name](point / name)
        flip(point / name, place)
    READ[name](point / name)


def test_evidence_with_a_damaged_file_is_refused(point: Path) -> None:
    StudyEvidence.load(point.parent)
    flip(point / "metrics.json", 100)
    with pytest.raises(UserError, match=r"metrics\.json"):
        StudyEvidence.load(point.parent)


def test_a_table_of_the_record_that_is_missing_is_refused(point: Path) -> None:
    (point / "by_species.parquet").unlink()
    with pytest.raises(UserError, match=r"by_species\.parquet"):
        StudyEvidence.load(point.parent)


def test_a_record_edited_by_hand_is_refused_until_its_digest_is_removed(point: Path) -> None:
    path = point / "run.json"
    edited = json.loads(path.read_text())
    edited["settings"]["seed"] = 7
    path.write_text(json.dumps(edited))
    with pytest.raises(UserError, match="digest"):
        read_record(point)
    with pytest.raises(UserError, match="digest"):
        StudyEvidence.load(point.parent)
    del edited["digest"]
    path.write_text(json.dumps(edited, indent=4))
    assert read_record(point)["settings"]["seed"] == 7


def test_layout_of_a_record_does_not_matter(point: Path) -> None:
    before = read_record(point)
    content = json.loads((point / "run.json").read_text())
    (point / "run.json").write_text(json.dumps(dict(reversed(content.items()))))
    assert read_record(point) == before


def test_an_old_record_lists_no_files_and_is_read_without_a_check(point: Path) -> None:
    content = json.loads((point / "run.json").read_text())
    (point / "run.json").write_text(
        json.dumps({k: v for k, v in content.items() if k not in ("files", "digest")})
    )
    rows = read_table(point / "samples.parquet")
    rows.write_parquet(point / "samples.parquet")
    assert isinstance(StudyEvidence.load(point.parent).samples, polars.DataFrame)


def test_joined_tables_have_what_sha256sum_checks(point: Path) -> None:
    joined = StudyEvidence.load(point.parent).join()
    names = sorted(path.name for path in joined.glob("*.parquet"))
    sums = (joined / "SHA256SUMS").read_text().splitlines()
    digests = [hashlib.sha256((joined / name).read_bytes()).hexdigest() for name in names]
    assert sums == [f"{digest}  {name}" for digest, name in zip(digests, names, strict=True)]
    shutil.rmtree(point)
    StudyEvidence.load(joined.parent)
    flip(joined / "by_species.parquet", -6)
    with pytest.raises(UserError, match=r"by_species\.parquet"):
        StudyEvidence.load(joined.parent)


def test_values_of_a_table_carry_checksums_of_their_own(tmp_path: Path, point: Path) -> None:
    """Also without `SHA256SUMS`."""
    alone = tmp_path / "samples.parquet"
    alone.write_bytes((point / "samples.parquet").read_bytes())
    chunk = pyarrow.parquet.ParquetFile(alone).metadata.row_group(0).column(8)
    place = chunk.data_page_offset + chunk.total_compressed_size - 1
    assert read_table(alone).height == 30
    flip(alone, place)
    with pytest.raises(UserError, match=r"samples\.parquet"):
        read_table(alone)


@pytest.mark.parametrize("place", [40, -200, -10])
def test_an_archive_that_is_damaged_is_refused(place: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", bytes(range(256)))
    check_zip(path, "copy it again")
    content = bytearray(path.read_bytes())
    content[place] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match="copy it again"):
        check_zip(path, "copy it again")
