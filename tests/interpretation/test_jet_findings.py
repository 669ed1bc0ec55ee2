"""The paper's findings on jets, asked of studies in which the answer is known."""

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

from saibench.evidence.reader import StudyEvidence
from saibench.interpretation import (
    jet_energy_findings,
    jet_findings,
    jet_rotation_findings,
    jet_size_findings,
    jet_tracing_findings,
)
from saibench.interpretation.finding import NOT_ASKED, NOT_SEEN, SEEN, UNDECIDED, Finding


def asked(folder: Path) -> dict[tuple[str, str], Finding]:
    """By claim and variant."""
    found = jet_findings.findings(StudyEvidence.load(folder))
    assert not [finding for finding in found if finding.error is not None]
    return {(finding.claim, finding.variant): finding for finding in found}


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Finding]:
    folder = tmp_path_factory.mktemp("jets") / "study"
    return asked(write_jet_study(folder, PRIOR[:6], turned=True))


@pytest.fixture(scope="module")
def ranges(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Finding]:
    folder = tmp_path_factory.mktemp("jets") / "study"
    return asked(write_jet_study(folder, [*RANGES[:2], RANGES[-1]], jets=8000))


def test_more_jets_help_and_what_a_doubling_brings_is_told(tmp_path: Path) -> None:
    found = asked(write_jet_study(tmp_path, SIZES[::2]))
    more = found[jet_size_findings.MORE_HELPS, ""]
    assert more.verdict == SEEN
    index = made_index()
    first = ((made_logits(SIZES[0], index) > 0) == (index["label"] == 1)).mean()
    assert f"{100 * first:.1f} [" in more.numbers and "with 1,000" in more.numbers
    gain = found[jet_size_findings.LOG_LINEAR, ""]
    assert gain.numbers.startswith("accuracy gained by a doubling: ")
    assert "to 20,000 jets" in gain.numbers
    noisy = found[jet_size_findings.NOISY, ""]
    assert noisy.verdict == NOT_SEEN and "of the 1,349 QCD jets" in noisy.numbers


def test_jets_that_bring_nothing_are_no_gain(tmp_path: Path) -> None:
    index = made_index()
    for made in SIZES[:3]:
        logits = made_logits(SIZES[0], index)
        write_jet_point(tmp_path / made.point, made, index, logits=logits)
    found = asked(tmp_path)
    assert found[jet_size_findings.MORE_HELPS, ""].verdict == UNDECIDED
    gain = found[jet_size_findings.LOG_LINEAR, ""]
    assert gain.verdict == UNDECIDED and "no gain in the lower half" in gain.numbers


def test_few_jets_carry_no_claim(tmp_path: Path) -> None:
    found = asked(write_jet_study(tmp_path, SIZES[::4], jets=24))
    more = found[jet_size_findings.MORE_HELPS, ""]
    assert more.verdict == UNDECIDED and "too few for a claim (" in more.numbers


def test_kinematic_inputs_lead_with_few_jets_and_less_with_many(
    prior: dict[tuple[str, str], Finding],
) -> None:
    variant = "kinematic against raw"
    few = prior[jet_size_findings.PRIOR_WINS_FEW, variant]
    assert few.verdict == SEEN and few.numbers.startswith("with 1,000 jets the accuracy is ")
    assert prior[jet_size_findings.LEAD_SHRINKS, variant].verdict == SEEN
    many = prior[jet_size_findings.RAW_WINS_MANY, variant]
    assert many.verdict == SEEN and many.numbers.startswith("with 100,000 jets")


def test_invariant_inputs_and_turning_ones_are_told_apart(
    prior: dict[tuple[str, str], Finding],
) -> None:
    invariant = prior[jet_rotation_findings.INVARIANT, ""]
    assert invariant.verdict == SEEN
    assert "over 3,000 jets and 3 models" in invariant.numbers
    assert prior[jet_rotation_findings.SENSITIVE, "raw"].verdict == SEEN
    assert prior[jet_rotation_findings.MITIGATED, "raw"].verdict == SEEN
    upright = prior[jet_rotation_findings.NOT_UPRIGHT, "raw"]
    assert upright.verdict != SEEN  # the made-up model is best on jets as they are
    assert (jet_rotation_findings.SENSITIVE, "kinematic") not in prior


def test_kinematic_inputs_that_turn_are_not_invariant(tmp_path: Path) -> None:
    made = MadeTagger(1.0, "raw", others={"model.net.features": "kinematic"})
    found = asked(write_jet_study(tmp_path, [made], turned=True))
    assert found[jet_rotation_findings.INVARIANT, ""].verdict == NOT_SEEN


def test_decay_beyond_the_range_is_seen_with_its_curvature(
    ranges: dict[tuple[str, str], Finding],
) -> None:
    assert ranges[jet_energy_findings.DECAYS, "trained on bin 0"].verdict == SEEN
    quadratic = ranges[jet_energy_findings.QUADRATIC, "trained on bin 0"]
    assert quadratic.verdict == SEEN and "curvature −" in quadratic.numbers
    assert ranges[jet_energy_findings.OWED_TO_TRAINING, ""].verdict == SEEN
    assert (jet_energy_findings.DECAYS, "trained on bins 0–7") not in ranges
    energy = made_index(8000)["jet_energy"]
    tail = ranges[jet_energy_findings.LONG_TAIL, ""]
    assert tail.verdict == SEEN
    assert f"{100 * (energy < 786.25).mean():.1f} [" in tail.numbers


def test_steady_accuracy_does_not_decay(tmp_path: Path) -> None:
    index = made_index()
    for made in RANGES[:2]:
        logits = made_logits(RANGES[-1], index)
        write_jet_point(tmp_path / made.point, made, index, logits=logits)
    found = asked(tmp_path)
    assert found[jet_energy_findings.DECAYS, "trained on bin 0"].verdict != SEEN
    assert found[jet_energy_findings.OWED_TO_TRAINING, ""].verdict == UNDECIDED


def with_bump(tmp_path: Path, by_balance: bool) -> dict[tuple[str, str], Finding]:
    """Bins 5 and 6 of 1,000 jets: either their classes differ, or the classifier does."""
    rng = np.random.default_rng(3)
    energy = np.repeat([600.0, 900.0, 1850.0, 2100.0], 1000)
    in_bump = energy == 2100.0
    share = np.where(in_bump & by_balance, 0.1, 0.5)
    label = (rng.random(4000) < share).astype(np.int64)
    chance = np.where(label == 1, 0.6, 0.95)  # top jets are hard
    if not by_balance:
        chance = np.where(in_bump, np.minimum(1, chance + 0.15), chance)
    right = rng.random(4000) < chance
    logits = np.where(right, 1.0, -1.0) * (2 * label - 1) + rng.normal(0, 0.1, 4000)
    index = made_index(4000) | {"label": label, "jet_energy": energy}
    for made in RANGES[:2]:
        write_jet_point(tmp_path / made.point, made, index, logits=logits)
    return asked(tmp_path)


@pytest.mark.parametrize("by_balance", [True, False])
def test_bump_is_traced_to_class_balance_or_to_the_classifier(
    tmp_path: Path, by_balance: bool
) -> None:
    found = with_bump(tmp_path, by_balance)
    variant = "trained on bins 0–1"
    assert found[jet_energy_findings.BUMP, "trained on bin 0"].verdict == SEEN
    traced = found[jet_tracing_findings.BUMP_IS_BALANCE, variant]
    assert traced.verdict == (SEEN if by_balance else NOT_SEEN)
    assert "by class balance" in traced.numbers
    rises = found[jet_tracing_findings.BACKGROUND_RISES, variant]
    assert (rises.verdict == SEEN) != by_balance
    assert found[jet_tracing_findings.CLASSES_DIFFER, variant].verdict == SEEN


def test_share_of_top_jets_that_falls_is_seen(ranges: dict[tuple[str, str], Finding]) -> None:
    assert ranges[jet_tracing_findings.RATIO_FALLS, "trained on bins 0–1"].verdict == SEEN
    assert ranges[jet_tracing_findings.SIGNAL_FALLS, "trained on bins 0–1"].verdict == SEEN


def test_empty_bins_are_named_and_the_other_questions_asked(tmp_path: Path) -> None:
    energy = np.minimum(made_index()["jet_energy"], 1900.0)
    found = asked(write_jet_study(tmp_path, RANGES[:2], jet_energy=energy))
    bump = found[jet_energy_findings.BUMP, "trained on bin 0"]
    assert bump.verdict == NOT_ASKED and "do not both hold jets" in bump.numbers
    assert found[jet_energy_findings.DECAYS, "trained on bin 0"].verdict == SEEN


def test_studies_of_other_workloads_are_not_asked(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_jet_study(tmp_path, SIZES[:1], jets=50))
    evidence.__dict__["samples"] = evidence.samples.drop("label")
    assert jet_findings.findings(evidence) == []
