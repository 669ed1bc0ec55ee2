"""The built-in simulator of jets: Pythia 8 and FastJet, by the recipe of TopLandscape."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from pydantic import Field
from tqdm import tqdm

from saibench.datamodules.jet_tagging.jets import (
    QCD,
    SPLITS,
    TOP,
    Jets,
    JetWriter,
    cached_jets,
    jet_index,
)
from saibench.datamodules.jet_tagging.window import Window
from saibench.errors import UserError
from saibench.options import Degree, check_fields

SHARES = (0.6, 0.2)
"""Fractions of the jets in train and in val, as in TopLandscape; the rest is in test."""
BLOCK = 200
"""Jets per seed and per instance of Pythia, whose setup takes 0.4 s."""
PT_HAT_MARGIN = 150.0
"""GeV between the pT window of jets and that of the hard process. Of jets of 550-650 GeV whose
process has more than 300 GeV, 12 % (top) and 14 % (QCD) come from below 400, none of 1,141 from
above 800; a wider margin would take three times as long."""
LARGEST_ENERGY = 2440.0
"""GeV, the upper edge of the paper's bins (section 5)."""
PT_HAT_BIAS = 7.0
"""Without an upper bound, events are drawn from the cross section times pT-hat^7: each energy bin
of the paper then has 4 to 19 % of the jets."""


@dataclass(frozen=True)
class SimulatedJets:
    """Hadronic top jets and QCD jets of proton collisions at 14 TeV, without multiple interactions.

    The leading anti-kT jet (R = 0.8) of an event is selected by its pT and |η| < 2; a top jet also
    has its top quark and the three quarks of its decay within R. This is the recipe of
    TopLandscape without Delphes: constituents are the true visible particles up to |η| = 5, about
    a quarter more of them.

    `sample_id` numbers the jets of train, val and test, in each of them top jets first. Every block
    of jets has its own seed, so that jets do not depend on the number of processes.

    top_jets, qcd_jets: number of jets
    pt_min: GeV
    pt_max: GeV; None for jets of any pT above `pt_min` and energies up to 2440 GeV, with hard jets
        as frequent as soft ones, so that all energy bins are filled
    seed: of the simulation

    Raises UserError: a number out of range; later, Pythia or FastJet is not installed.
    """

    top_jets: Annotated[int, Field(ge=5)] = 4000
    qcd_jets: Annotated[int, Field(ge=5)] = 4000
    pt_min: Annotated[float, Field(ge=200, le=2000)] = 550.0  # a top's decay then fits into a jet
    pt_max: Annotated[float, Field(le=5000)] | None = 650.0
    seed: Degree = 0

    def __post_init__(self) -> None:
        check_fields(self, "data", convert_floats=False)
        if self.pt_max is not None and self.pt_max <= self.pt_min:
            raise UserError(
                f"data.pt_max={self.pt_max} is not above data.pt_min={self.pt_min}. Use "
                f"{self.pt_min + 100:g} or null."
            )

    @property
    def name(self) -> str:
        return "simulated_jets"

    def describe(self) -> str:
        window = f"above {self.pt_min:g} GeV in pT and up to {LARGEST_ENERGY:g} GeV in energy"
        if self.pt_max is not None:
            window = f"of {self.pt_min:g}-{self.pt_max:g} GeV in pT"
        return (
            f"{self.top_jets:,} top and {self.qcd_jets:,} QCD jets {window}, from Pythia 8 at "
            f"14 TeV without a detector (seed {self.seed})."
        )

    def preview(self) -> pl.DataFrame:
        """`sample_id`, `split` and `label`, which are known before the simulation."""
        check_installed()
        parts = zip(*self._parts(), strict=True)
        split, label, count = (np.array(column) for column in parts)
        return jet_index(np.repeat(split, count)).with_columns(
            label=np.repeat(label, count).astype(np.int64)
        )

    def recipe(self) -> dict[str, Any]:
        versions = {package: _version(package) for package in ("pythia8mc", "fastjet")}
        return {"source": self.name, "version": 1, **asdict(self), "versions": versions}

    def load(self, cache: Path) -> Jets:
        return cached_jets(self, cache, self._simulate)

    def window(self) -> Window:
        """The selection of jets and of hard processes."""
        bounded = self.pt_max is not None
        return Window(
            pt_min=self.pt_min,
            pt_max=math.inf if self.pt_max is None else self.pt_max,
            energy_max=math.inf if bounded else LARGEST_ENERGY,
            pt_hat_min=self.pt_min - PT_HAT_MARGIN,
            pt_hat_max=(self.pt_max or LARGEST_ENERGY) + PT_HAT_MARGIN,
            bias=0.0 if bounded else PT_HAT_BIAS,
        )

    def blocks(self) -> Iterator[tuple[int, int, int, int]]:
        """Split, label, count and Pythia's seed of each block, in the order of the rows."""
        for split, label, count in self._parts():
            for number, first in enumerate(range(0, count, BLOCK)):
                state = np.random.SeedSequence([self.seed, split, label, number])
                seed = 1 + int(state.generate_state(1)[0]) % 900_000_000
                yield split, label, min(BLOCK, count - first), seed

    def _parts(self) -> list[tuple[int, int, int]]:
        """Split, label and number of jets, in the order of the rows."""
        bounds = np.cumsum((0.0, *SHARES))
        return [
            (split, label, _bound(jets, (*bounds, 1.0)[split + 1]) - _bound(jets, bounds[split]))
            for split in range(len(SPLITS))
            for label, jets in ((TOP, self.top_jets), (QCD, self.qcd_jets))
        ]

    def _simulate(self, folder: Path, processes: int | None = None) -> Mapping[str, np.ndarray]:
        check_installed()
        writer = JetWriter(folder)
        splits, labels, counts, seeds = zip(*self.blocks(), strict=True)
        windows = [self.window()] * len(seeds)
        # spawned, since a fork without the threads of this process could hang on their locks
        pool = ProcessPoolExecutor(processes or _cores(), get_context("spawn"), _silence)
        with pool, tqdm(total=sum(counts), desc="simulating jets", unit="jet") as bar:
            made = pool.map(_block, labels, windows, counts, seeds)
            for split, label, momenta in zip(splits, labels, made, strict=True):
                writer.append(momenta, np.full(len(momenta), label), split)
                bar.update(len(momenta))
        return writer.closed()


def check_installed() -> None:
    """Raises UserError: Pythia or FastJet is not installed."""
    missing = [name for name in ("pythia8mc", "fastjet") if _version(name) is None]
    if missing:
        raise UserError(
            f"The simulation of jets needs {' and '.join(missing)}, which is not installed. Run "
            "`pip install saibench[jetgen]`, or use data=top_landscape."
        )


def _bound(jets: int, share: float) -> int:
    return math.floor(share * jets + 1e-9)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    """Number of cores available to this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _silence() -> None:
    """Suppress the standard output of FastJet and Pythia."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _block(label: int, window: Window, count: int, seed: int) -> np.ndarray:
    from saibench.datamodules.jet_tagging.pythia import leading_jets

    return leading_jets(label, window, count, seed)
