"""Leading jets of proton collisions: Pythia 8 (arXiv:2203.11601) and FastJet (arXiv:1111.6097).

The recipe is that of TopLandscape (doi:10.5281/zenodo.2603256) without the detector simulation
Delphes, which has no wheel: constituents are the true visible particles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import awkward as ak
import fastjet
import numpy as np
import pythia8mc

from saibench.datamodules.jet_tagging.jets import TOP
from saibench.datamodules.jet_tagging.parton_match import hadronic_tops, is_matched
from saibench.datamodules.jet_tagging.pytables_file import SLOTS
from saibench.datamodules.jet_tagging.window import LARGEST_ETA, Window

RADIUS = 0.8
DETECTOR_ETA = 5.0
"""Acceptance of the detector."""
NEUTRINOS = (12, 14, 16)
EVENTS = 200
"""Events generated at once. The stream of jets does not depend on the requested number."""

PROCESSES = {
    True: ("Top:gg2ttbar=on", "Top:qqbar2ttbar=on", "24:onMode=off", "24:onIfAny=1 2 3 4 5"),
    False: ("HardQCD:all=on",),
}
"""Whether for top jets → the hard process, with W bosons that decay to quarks."""
SETTINGS = (
    "Beams:idA=2212",
    "Beams:idB=2212",
    "Beams:eCM=14000.",
    "PartonLevel:MPI=off",
    "Random:setSeed=on",
    "Print:quiet=on",
)


def leading_jets(label: int, window: Window, count: int, seed: int) -> np.ndarray:
    """Momenta (count, 200, 4) float32 E, px, py, pz in GeV of the first selected jets.

    Constituents are sorted by decreasing pT and padded with 0.

    Args:
        label: `TOP` or `QCD`.
        window: selection of the jets.
        count: number of jets.
        seed: of Pythia, 1 to 900,000,000.
    """
    momenta = np.zeros((count, SLOTS, 4), dtype=np.float32)
    for slot, constituents in zip(momenta, _jets(label, window, seed), strict=False):
        falling = np.argsort(-np.hypot(constituents[:, 1], constituents[:, 2]), kind="stable")
        leading = constituents[falling[:SLOTS]]
        slot[: len(leading)] = leading
    return momenta


def _jets(label: int, window: Window, seed: int) -> Iterator[np.ndarray]:
    """An endless stream of the constituents (P, 4) of selected jets."""
    pythia = _pythia(label, window, seed)
    while True:
        events = _Events.of(pythia.nextBatch(EVENTS).prt)
        for event, jet, constituents in events.leading_jets(window.pt_min):
            if not _is_selected(jet, window):
                continue
            if label == TOP and not is_matched(jet, events.hadronic_tops(event), RADIUS):
                continue
            yield constituents


@dataclass(frozen=True, eq=False)
class _Events:
    """The particles of several events in flat arrays.

    For single events awkward arrays are a hundred times slower.
    """

    ends: np.ndarray
    ids: np.ndarray
    status: np.ndarray
    daughters: np.ndarray
    momenta: np.ndarray

    @classmethod
    def of(cls, events: Any) -> _Events:
        def flat(column: Any) -> np.ndarray:
            return ak.to_numpy(ak.flatten(column))

        return cls(
            ends=np.cumsum(ak.to_numpy(ak.num(events))),
            ids=np.abs(flat(events.id)),
            status=flat(events.status),
            daughters=np.stack([flat(events.daughter1), flat(events.daughter2)], axis=1),
            momenta=np.stack([flat(events.p[name]) for name in ("e", "px", "py", "pz")], axis=1),
        )

    def hadronic_tops(self, event: int) -> Iterator[np.ndarray]:
        own = slice(self.ends[event - 1] if event else 0, self.ends[event])
        return hadronic_tops(
            self.ids[own], self.status[own], self.daughters[own], self.momenta[own]
        )

    def leading_jets(self, pt_min: float) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Event, momentum (4,) and constituents (P, 4) of the leading jets above `pt_min`."""
        momenta, counts = self._visible()
        energy, px, py, pz = momenta.T
        particles = ak.unflatten(
            ak.zip({"px": px, "py": py, "pz": pz, "E": energy}, with_name="Momentum4D"), counts
        )
        definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
        cluster = fastjet.ClusterSequence(particles, definition)
        of_jets = cluster.constituent_index(pt_min)
        sizes = ak.to_numpy(ak.flatten(ak.num(of_jets, axis=2)))
        indices = np.split(ak.to_numpy(ak.flatten(of_jets, axis=None)), np.cumsum(sizes)[:-1])
        jet = 0
        first = np.cumsum(counts) - counts
        for event, number in enumerate(ak.to_numpy(ak.num(of_jets))):
            jets = [momenta[first[event] + own] for own in indices[jet : jet + number]]
            jet += number
            if jets:
                totals = np.stack([constituents.sum(axis=0) for constituents in jets])
                leading = int(np.hypot(totals[:, 1], totals[:, 2]).argmax())
                yield event, totals[leading], jets[leading]

    def _visible(self) -> tuple[np.ndarray, np.ndarray]:
        """Momenta of the visible final particles, and their number per event."""
        pt = np.hypot(self.momenta[:, 1], self.momenta[:, 2])
        with np.errstate(divide="ignore", invalid="ignore"):  # of the beams
            eta = np.arcsinh(self.momenta[:, 3] / pt)
        visible = (self.status > 0) & ~np.isin(self.ids, NEUTRINOS) & (np.abs(eta) < DETECTOR_ETA)
        ends = np.cumsum(visible)[self.ends - 1]
        return self.momenta[visible], np.diff(ends, prepend=0)


def _pythia(label: int, window: Window, seed: int) -> Any:
    pythia = pythia8mc.Pythia("", False)
    settings = [
        *SETTINGS,
        *PROCESSES[label == TOP],
        f"Random:seed={seed}",
        f"PhaseSpace:pTHatMin={window.pt_hat_min}",
        f"PhaseSpace:pTHatMax={window.pt_hat_max}",
    ]
    if window.bias:
        settings += [
            "PhaseSpace:bias2Selection=on",
            f"PhaseSpace:bias2SelectionPow={window.bias}",
            f"PhaseSpace:bias2SelectionRef={window.pt_hat_min}",
        ]
    for setting in settings:
        if not pythia.readString(setting):
            raise RuntimeError(f"Pythia does not know the setting {setting}")
    if not pythia.init():
        raise RuntimeError("Pythia could not be initialised")
    return pythia


def _is_selected(momentum: np.ndarray, window: Window) -> bool:
    energy, px, py, pz = momentum
    pt = np.hypot(px, py)
    return bool(
        window.pt_min < pt < window.pt_max
        and abs(np.arcsinh(pz / pt)) < LARGEST_ETA
        and energy < window.energy_max
    )
