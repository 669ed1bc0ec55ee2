"""Simulated jets have the properties of TopLandscape, and are reproducible."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from jet_files import jet_features

from saibench.datamodules.jet_tagging import simulated
from saibench.datamodules.jet_tagging.jets import QCD, TOP, Jets
from saibench.datamodules.jet_tagging.parton_match import distance, hadronic_tops, is_matched
from saibench.datamodules.jet_tagging.simulated import SimulatedJets
from saibench.errors import UserError

pytest.importorskip("pythia8mc")
fastjet = pytest.importorskip("fastjet")

SOURCE = SimulatedJets(top_jets=15, qcd_jets=10, seed=3)


@pytest.fixture(scope="module")
def jets(tmp_path_factory: pytest.TempPathFactory) -> Jets:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated, "BLOCK", 8)
        return SOURCE.load(tmp_path_factory.mktemp("jets"))


def constituents(jets: Jets, row: int) -> np.ndarray:
    return jets.momenta[jets.end[row] - jets.num_constituents[row] : jets.end[row]]


@pytest.mark.slow
def test_every_jet_lies_in_the_window(jets: Jets) -> None:
    assert ((jets.jet_pt > 549.99) & (jets.jet_pt < 650.01)).all()
    assert (np.abs(jets.jet_eta) < 2).all()
    assert jets.num_constituents.min() > 5 and jets.num_constituents.max() <= 200


@pytest.mark.slow
def test_top_jets_have_the_mass_of_the_top(jets: Jets) -> None:
    top = jets.label == TOP
    assert 165 < np.median(jets.jet_mass[top]) < 185
    assert np.median(jets.jet_mass[~top]) < 130


@pytest.mark.slow
def test_what_is_known_before_is_what_comes(jets: Jets) -> None:
    index = jets.index()
    known = SOURCE.preview()
    assert index.select(known.columns).equals(known)
    counts = index.group_by("split", "label").len().rows()
    assert {tuple(part): count for *part, count in counts} == {
        **{("train", TOP): 9, ("val", TOP): 3, ("test", TOP): 3},
        **{("train", QCD): 6, ("val", QCD): 2, ("test", QCD): 2},
    }


@pytest.mark.slow
def test_one_jet_is_found_again_in_its_constituents(jets: Jets) -> None:
    """A second clustering of a jet gives that jet, by the definition of anti-kT."""
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, 0.8)
    for row in range(len(jets)):
        particles = [
            fastjet.PseudoJet(*map(float, (px, py, pz, e)))
            for e, px, py, pz in constituents(jets, row)
        ]
        found = fastjet.ClusterSequence(particles, definition).inclusive_jets(0.0)
        (jet,) = [jet for jet in found if jet.pt() > 100]
        assert jet.pt() == pytest.approx(jets.jet_pt[row], rel=1e-5)
        assert jet.m() == pytest.approx(jets.jet_mass[row], rel=1e-3)


@pytest.mark.slow
def test_constituents_fall_in_pt_and_have_energy(jets: Jets) -> None:
    for row in range(len(jets)):
        own = constituents(jets, row)
        assert (np.diff(np.hypot(own[:, 1], own[:, 2])) <= 0).all()
        assert (own[:, 0] > 0).all()


@pytest.mark.slow
def test_a_block_is_the_same_in_any_process(jets: Jets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made here alone, and in another order, as in the pool of processes."""
    from saibench.datamodules.jet_tagging.pythia import leading_jets

    monkeypatch.setattr(simulated, "BLOCK", 8)
    blocks = list(SOURCE.blocks())
    first_rows = np.cumsum([0, *(count for _, _, count, _ in blocks)])
    for number in (1, 0):
        _, label, count, seed = blocks[number]
        alone = leading_jets(label, SOURCE.window(), count, seed)
        for row, momenta in enumerate(alone, start=first_rows[number]):
            own = constituents(jets, row)
            np.testing.assert_array_equal(momenta[: len(own)], own)
            assert not momenta[len(own) :].any()


def test_blocks_have_seeds_of_their_own() -> None:
    blocks = [*SimulatedJets(3000, 3000).blocks(), *SimulatedJets(3000, 3000, seed=1).blocks()]
    seeds = [seed for *_, seed in blocks]
    assert len(set(seeds)) == len(seeds) and min(seeds) > 0 and max(seeds) <= 900_000_000


@pytest.mark.slow
def test_fewer_jets_are_the_first_of_more() -> None:
    from saibench.datamodules.jet_tagging.pythia import leading_jets

    window = SimulatedJets(pt_max=None).window()
    few, more = (leading_jets(QCD, window, count, seed=5) for count in (3, 8))
    np.testing.assert_array_equal(few, more[:3])
    features = jet_features(more)
    assert (features["jet_pt"] > 549.9).all() and features["jet_pt"].max() > 650
    assert (features["jet_energy"] < 2440.1).all()


def test_no_top_is_matched_that_lost_a_quark() -> None:
    """A top at rest in azimuth 0 with three quarks, one of which moves away from the jet."""
    momenta = np.array([[600.0, 600, 0, 0], [300, 300, 0, 0], [200, 190, 60, 0], [100, 95, -30, 0]])
    ids, status = np.array([6, 5, 24, 24, 2, 1]), np.array([-62, 23, -22, -52, 23, 23])
    daughters = np.array([[1, 2], [0, 0], [3, 3], [4, 5], [0, 0], [0, 0]])
    rows = [0, 1, 0, 0, 2, 3]
    event = (ids, status, daughters, momenta[rows])
    (quarks,) = hadronic_tops(*event)
    np.testing.assert_array_equal(quarks, momenta)
    jet = np.array([600.0, 595, 20, 0])
    assert is_matched(jet, hadronic_tops(*event), 0.8)
    for quark in range(4):
        away = quarks.copy()
        away[quark] = [200, -200, 0, 0]
        assert not is_matched(jet, [away], 0.8)
    assert not is_matched(jet, [], 0.8)


def test_distance_wraps_around() -> None:
    axis, other = ([1.0, np.cos(phi), np.sin(phi), 0.0] for phi in (3.0, -3.0))
    assert distance(np.array(axis), np.array([other])) == pytest.approx(2 * np.pi - 6)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"top_jets": 0}, r"data\.top_jets=0"),
        ({"qcd_jets": 7.5}, r"data\.qcd_jets=7\.5"),
        ({"seed": -1}, r"data\.seed=-1"),
        ({"pt_min": 10}, r"data\.pt_min=10"),
        ({"pt_max": 550}, r"data\.pt_max=550"),
    ],
)
def test_numbers_out_of_range_are_refused(settings: Mapping[str, float], says: str) -> None:
    with pytest.raises(UserError, match=says):
        SimulatedJets(**settings)


def test_without_pythia_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(simulated, "_version", lambda name: None if "pythia" in name else "1")
    for request in (SOURCE.preview, lambda: SOURCE.load(tmp_path)):
        with pytest.raises(UserError, match=r"pythia8mc.*saibench\[jetgen\]"):
            request()
    assert not list(tmp_path.glob("*/"))


def test_the_description_names_the_window() -> None:
    assert "550-650 GeV in pT" in SOURCE.describe()
    assert "up to 2440 GeV in energy" in SimulatedJets(pt_max=None).describe()
    assert isinstance(SOURCE.preview(), pl.DataFrame)
