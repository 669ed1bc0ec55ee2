"""The paper's claims on jets, tested on synthetic studies whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_jet_study import (
    PRIOR,
    RANGES,
    SIZES,
    MadeTagger,
    made_index,
    made_logits,
    write_jet_point,
    write_jet_study,
)

from saibench.analysis.classification.scores import interval
from saibench.analysis.jet_tagging.rotated_scores import mean_difference
from saibench.analysis.jet_tagging.tested_jets import ScoredJets
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED, Finding
from saibench.findings.jet_tagging import claims as jet_findings
from saibench.findings.jet_tagging import energy as jet_energy_findings
from saibench.findings.jet_tagging import rotation as jet_rotation_findings
from saibench.findings.jet_tagging import size as jet_size_findings
from saibench.findings.jet_tagging import tracing as jet_tracing_findings


def findings_in(folder: Path) -> dict[tuple[str, str], Finding]:
    """By claim and variant."""
    found = jet_findings.findings(StudyEvidence.load(folder))
    assert not [finding for finding in found if finding.error is not None]
    return {(finding.claim, finding.variant): finding for finding in found}


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Finding]:
    folder = tmp_path_factory.mktemp("jets") / "study"
    return findings_in(write_jet_study(folder, PRIOR[:6], rotated=True))


@pytest.fixture(scope="module")
def ranges(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Finding]:
    folder = tmp_path_factory.mktemp("jets") / "study"
    return findings_in(write_jet_study(folder, [*RANGES[:2], RANGES[-1]], jets=8000))


def test_more_jets_help_and_the_gain_per_doubling_is_reported(tmp_path: Path) -> None:
    found = findings_in(write_jet_study(tmp_path, SIZES[::2]))
    more = found[jet_size_findings.MORE_HELPS, ""]
    assert more.nets_verdict == SUPPORTED
    index = made_index()
    first = ((made_logits(SIZES[0], index) > 0) == (index["label"] == 1)).mean()
    assert f"{100 * first:.1f} % [" in more.numbers and "with 1,000" in more.numbers
    gain = found[jet_size_findings.LOG_LINEAR, ""]
    assert "to 20,000 jets" in gain.numbers
    noisy = found[jet_size_findings.NOISY, ""]
    assert noisy.verdict == CONTRADICTED and "1,349 QCD jets" in noisy.numbers


def test_ranges_tested_on_other_jets_do_not_affect_the_findings_on_sizes(
    tmp_path: Path,
) -> None:
    write_jet_study(tmp_path, [*SIZES[::2], RANGES[0]])
    write_jet_study(tmp_path, [RANGES[1]], jets=900)
    found = findings_in(tmp_path)
    assert found[jet_size_findings.MORE_HELPS, "train_bins = none"].nets_verdict == SUPPORTED
    energies = found["findings of energies", ""]
    assert energies.verdict == NOT_TESTED and "same jets" in energies.numbers


def test_more_jets_without_an_effect_are_inconclusive(tmp_path: Path) -> None:
    index = made_index()
    for made in SIZES[:3]:
        logits = made_logits(SIZES[0], index)
        write_jet_point(tmp_path / made.point, made, index, logits=logits)
    found = findings_in(tmp_path)
    assert found[jet_size_findings.MORE_HELPS, ""].verdict == INCONCLUSIVE
    gain = found[jet_size_findings.LOG_LINEAR, ""]
    assert gain.verdict == INCONCLUSIVE and "lower half" in gain.numbers


def test_few_jets_are_inconclusive(tmp_path: Path) -> None:
    found = findings_in(write_jet_study(tmp_path, SIZES[::4], jets=24))
    more = found[jet_size_findings.MORE_HELPS, ""]
    assert more.verdict == INCONCLUSIVE and "too few jets" in more.numbers


def test_few_top_jets_are_inconclusive_for_the_background_efficiency(tmp_path: Path) -> None:
    label = np.zeros(2000, dtype=np.int64)
    label[:10] = 1
    study = write_jet_study(tmp_path, SIZES[::4], jets=2000, label=label)
    found = jet_size_findings.of_sizes(StudyEvidence.load(study))
    noisy = next(finding for finding in found if finding.claim == jet_size_findings.NOISY)
    assert noisy.verdict == INCONCLUSIVE and "too few top jets" in noisy.numbers


def test_kinematic_inputs_lead_with_few_jets_and_less_with_many(
    prior: dict[tuple[str, str], Finding],
) -> None:
    variant = "kinematic against raw"
    few = prior[jet_size_findings.PRIOR_WINS_FEW, variant]
    assert few.nets_verdict == SUPPORTED and few.numbers.startswith(
        "with 1,000 jets the accuracy is "
    )
    assert prior[jet_size_findings.LEAD_SHRINKS, variant].nets_verdict == SUPPORTED
    many = prior[jet_size_findings.RAW_WINS_MANY, variant]
    assert many.nets_verdict == SUPPORTED and many.numbers.startswith("with 100,000 jets")


def test_invariant_and_sensitive_inputs_are_distinguished(
    prior: dict[tuple[str, str], Finding],
) -> None:
    invariant = prior[jet_rotation_findings.INVARIANT, ""]
    assert invariant.verdict == SUPPORTED
    assert "3,000 jets and 3 models" in invariant.numbers
    assert prior[jet_rotation_findings.SENSITIVE, "raw"].verdict == SUPPORTED
    assert prior[jet_rotation_findings.MITIGATED, "raw"].nets_verdict == SUPPORTED
    upright = prior[jet_rotation_findings.NOT_UPRIGHT, "raw"]
    assert upright.verdict != SUPPORTED  # the synthetic model is best on original jets
    assert (jet_rotation_findings.SENSITIVE, "kinematic") not in prior


def test_kinematic_inputs_that_change_by_rotation_are_not_invariant(tmp_path: Path) -> None:
    made = MadeTagger(1.0, "raw", others={"model.net.features": "kinematic"})
    found = findings_in(write_jet_study(tmp_path, [made], rotated=True))
    assert found[jet_rotation_findings.INVARIANT, ""].verdict == CONTRADICTED


def test_decay_beyond_the_range_is_reported_with_its_curvature(
    ranges: dict[tuple[str, str], Finding],
) -> None:
    assert ranges[jet_energy_findings.DECAYS, "trained on bin 0"].verdict == SUPPORTED
    quadratic = ranges[jet_energy_findings.QUADRATIC, "trained on bin 0"]
    assert quadratic.verdict == SUPPORTED and "curvature −" in quadratic.numbers
    assert ranges[jet_energy_findings.OWED_TO_TRAINING, ""].nets_verdict == SUPPORTED
    assert (jet_energy_findings.DECAYS, "trained on bins 0–7") not in ranges
    energy = made_index(8000)["jet_energy"]
    tail = ranges[jet_energy_findings.LONG_TAIL, ""]
    assert tail.verdict == SUPPORTED
    assert f"{100 * (energy < 786.25).mean():.1f} % [" in tail.numbers


def test_steady_accuracy_does_not_decay(tmp_path: Path) -> None:
    index = made_index()
    for made in RANGES[:2]:
        logits = made_logits(RANGES[-1], index)
        write_jet_point(tmp_path / made.point, made, index, logits=logits)
    found = findings_in(tmp_path)
    assert found[jet_energy_findings.DECAYS, "trained on bin 0"].verdict != SUPPORTED
    assert found[jet_energy_findings.OWED_TO_TRAINING, ""].verdict == INCONCLUSIVE


def with_bump(tmp_path: Path, by_balance: bool, size: int = 1000) -> dict[tuple[str, str], Finding]:
    """Bins 5 and 6 of `size` jets: either their classes differ, or the classifier does."""
    rng = np.random.default_rng(3)
    energy = np.repeat([600.0, 900.0, 1850.0, 2100.0], size)
    in_bump = energy == 2100.0
    share = np.where(in_bump & by_balance, 0.1, 0.5)
    label = (rng.random(4 * size) < share).astype(np.int64)
    chance = np.where(label == 1, 0.6, 0.95)  # top jets are hard
    if not by_balance:
        chance = np.where(in_bump, np.minimum(1, chance + 0.15), chance)
    right = rng.random(4 * size) < chance
    logits = np.where(right, 1.0, -1.0) * (2 * label - 1) + rng.normal(0, 0.1, 4 * size)
    index = made_index(4 * size) | {"label": label, "jet_energy": energy}
    for made in RANGES[:2]:
        write_jet_point(tmp_path / made.point, made, index, logits=logits)
    return findings_in(tmp_path)


@pytest.mark.parametrize("by_balance", [True, False])
def test_bump_is_traced_to_class_balance_or_to_the_classifier(
    tmp_path: Path, by_balance: bool
) -> None:
    found = with_bump(tmp_path, by_balance)
    variant = "trained on bins 0–1"
    assert found[jet_energy_findings.BUMP, "trained on bin 0"].verdict == SUPPORTED
    traced = found[jet_tracing_findings.BUMP_IS_BALANCE, variant]
    assert traced.verdict == (SUPPORTED if by_balance else CONTRADICTED)
    assert "by class balance" in traced.numbers
    rises = found[jet_tracing_findings.BACKGROUND_RISES, variant]
    assert (rises.verdict == SUPPORTED) != by_balance
    assert found[jet_tracing_findings.CLASSES_DIFFER, variant].verdict == SUPPORTED


def test_few_jets_are_inconclusive_for_the_source_of_the_bump(tmp_path: Path) -> None:
    energy = np.repeat([600.0, 900.0, 1850.0, 2100.0], 16)
    label = np.tile([0, 1], 32).astype(np.int64)
    falls = np.where(energy == 2100.0, -1.0, 1.0)  # all are right, but for bin 6
    index = made_index(64) | {"label": label, "jet_energy": energy}
    for made in RANGES[:2]:
        write_jet_point(tmp_path / made.point, made, index, logits=falls * (2.0 * label - 1))
    traced = findings_in(tmp_path)[jet_tracing_findings.BUMP_IS_BALANCE, "trained on bins 0–1"]
    assert traced.verdict == INCONCLUSIVE
    assert "(8 jets of a class, at least 20" in traced.numbers


def test_balance_is_compared_with_the_classifier_by_their_paired_difference(tmp_path: Path) -> None:
    found = with_bump(tmp_path, True, size=200)
    traced = found[jet_tracing_findings.BUMP_IS_BALANCE, "trained on bins 0–1"]
    assert traced.verdict == SUPPORTED  # though the intervals of the two overlap


def chance_angles(seed: int, lame: float = 0.0) -> jet_rotation_findings.AngleScores:
    """Scores of a tagger that is equally good at all angles, but worse at 60° by `lame`."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, 1000)
    upright = 1.5 * (2 * label - 1) + rng.normal(0, 1.2, 1000)
    angles = [str(angle) for angle in range(0, 180, 15)]
    cell = Cell({"train_count": 100}, ("one",))
    areas = []
    for angle in angles:
        scores = upright + rng.normal(0, 0.5, 1000) - (angle == "60") * lame * (2 * label - 1)
        areas.append(ScoredJets(label, np.full(1000, 600.0), {"one": scores}).auc(cell))
    return jet_rotation_findings.AngleScores(cell, angles, areas)


def test_selecting_the_best_of_many_angles_causes_no_bias() -> None:
    made = [chance_angles(seed) for seed in range(12)]
    for test in (jet_rotation_findings.sensitive, jet_rotation_findings.not_upright):
        verdicts = [test([rotated])[0] for rotated in made]
        assert verdicts.count(SUPPORTED) <= 2
    gaps = [interval(rotated.cross_fitted_extremes, mean_difference).estimate for rotated in made]
    plain = [rotated.extremes[0].estimate - rotated.extremes[1].estimate for rotated in made]
    assert abs(np.mean(gaps)) < 0.2 * np.mean(plain)


def test_a_best_angle_that_is_worse_on_other_jets_contradicts_nothing() -> None:
    rotated = chance_angles(125)
    assert interval(rotated.cross_fitted_extremes, mean_difference).high < 0
    assert jet_rotation_findings.sensitive([rotated])[0] == INCONCLUSIVE


def test_a_worse_angle_is_found_by_cross_fitting() -> None:
    rotated = chance_angles(0, lame=0.5)
    verdict, numbers = jet_rotation_findings.sensitive([rotated])
    assert verdict == SUPPORTED and "other jets" in numbers
    best, worst = rotated.cross_fitted_extremes[:2]
    gap = interval(rotated.cross_fitted_extremes, mean_difference).estimate
    assert gap == pytest.approx(
        rotated.extremes[0].estimate - rotated.extremes[1].estimate, abs=0.01
    )
    assert best.estimate > worst.estimate


def test_decreasing_fraction_of_top_jets_is_found(ranges: dict[tuple[str, str], Finding]) -> None:
    assert ranges[jet_tracing_findings.RATIO_FALLS, "trained on bins 0–1"].verdict == SUPPORTED
    assert ranges[jet_tracing_findings.SIGNAL_FALLS, "trained on bins 0–1"].verdict == SUPPORTED


def test_empty_bins_are_named_and_other_claims_tested(tmp_path: Path) -> None:
    energy = np.minimum(made_index()["jet_energy"], 1900.0)
    found = findings_in(write_jet_study(tmp_path, RANGES[:2], jet_energy=energy))
    bump = found[jet_energy_findings.BUMP, "trained on bin 0"]
    assert bump.verdict == NOT_TESTED and "bin 6 has no jets" in bump.numbers
    assert found[jet_energy_findings.DECAYS, "trained on bin 0"].verdict == SUPPORTED


def test_studies_of_other_workloads_have_no_findings(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_jet_study(tmp_path, SIZES[:1], jets=50))
    evidence.__dict__["samples"] = evidence.samples.drop("label")
    assert jet_findings.findings(evidence) == []
