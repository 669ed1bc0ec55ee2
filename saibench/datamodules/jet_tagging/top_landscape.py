"""TopLandscape, the Top Quark Tagging Reference Dataset (doi:10.5281/zenodo.2603256)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from tqdm import tqdm

from saibench.datamodules.files import SET_ROOT, data_roots, file_sha256, find_file
from saibench.datamodules.jet_tagging.downloads import check_published
from saibench.datamodules.jet_tagging.jets import SPLITS, Jets, JetWriter, cached_jets, jet_index
from saibench.datamodules.jet_tagging.pytables_file import PyTablesFile
from saibench.errors import UserError

HOW_TO_GET = f"Run `python -m saibench data download top_landscape`, or {SET_ROOT}"


PUBLISHED_COUNTS = (1_211_000, 403_000, 404_000)
"""Numbers of jets in the published train.h5, val.h5 and test.h5."""


@dataclass(frozen=True)
class TopLandscape:
    """Top jets and QCD jets with 550 < pT < 650 GeV and |η| < 2: 14 TeV, Pythia 8 and Delphes.

    The three files are read once, in chunks, into memory-mapped arrays. `sample_id` is the row of
    the jet in the concatenated train.h5, val.h5 and test.h5.

    root: folder of the files or of their subfolder `top_landscape/`; by default
        `SAIBENCH_DATA_DIR`, then `top_landscape` in the cache
    validation: part of the validation jets, `val` as published; None for further jets of the
        training part

    Raises UserError: later, for a missing or faulty file.
    """

    root: str | None = None
    validation: Literal["val"] | None = None

    @property
    def name(self) -> str:
        return "top_landscape"

    def describe(self) -> str:
        """The published files by their origin; others by their layout."""
        jets = f"{sum(self._counts):,} top and QCD jets"
        if tuple(self._counts) == PUBLISHED_COUNTS:
            return f"{jets} of TopLandscape, from Pythia 8 and Delphes at 14 TeV."
        return f"{jets} in the layout of TopLandscape."

    def preview(self) -> pl.DataFrame:
        """`sample_id` and `split`, from the sizes of the tables."""
        return jet_index(np.repeat(np.arange(len(SPLITS)), self._counts))

    def recipe(self) -> dict[str, Any]:
        files = {split: file_sha256(path) for split, path in self._paths.items()}
        return {"source": self.name, "version": 1, "files": files}

    def load(self, cache: Path) -> Jets:
        return cached_jets(self, cache, self._read)

    @cached_property
    def _paths(self) -> dict[str, Path]:
        """Split → file. Raises UserError: a file is missing, with how to get it."""
        below = ["top_landscape"]
        train = find_file(["train.h5"], data_roots(self.root, self.name), below, HOW_TO_GET)
        paths = {split: train.with_name(f"{split}.h5") for split in SPLITS}
        for path in paths.values():
            if not path.is_file():
                raise UserError(f"{path.name} is missing next to {train}. {HOW_TO_GET}.")
        return paths

    @cached_property
    def _counts(self) -> list[int]:
        return [PyTablesFile(path).num_jets() for path in self._paths.values()]

    def _read(self, folder: Path) -> Mapping[str, np.ndarray]:
        writer = JetWriter(folder)
        for path in self._paths.values():
            check_published(path)
        with tqdm(total=sum(self._counts), desc="reading jets", unit="jet", mininterval=1.0) as bar:
            for number, path in enumerate(self._paths.values()):
                first = 0
                for momenta, label in PyTablesFile(path).chunks():
                    writer.append(momenta, label, number, f"{path}, row", first)
                    first += len(label)
                    bar.update(len(label))
        return writer.closed()
