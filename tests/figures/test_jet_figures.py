"""Figures of jet tagging: their numbers compared with numpy, and gaps in their data."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import polars as pl
import pytest
from figure_readings import checked_reading
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score
from synthetic_jet_study import (
    ANGLES,
    JETS,
    PARTITION,
    PRIOR,
    RANGES,
    ROTATED,
    SIZES,
    MadeTagger,
    made_index,
    made_logits,
    write_jet_study,
)

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, read_table, write_table
from saibench.figures.jet_tagging import beam_rotation, physical_prior
from saibench.figures.jet_tagging import data_sources as jet_data_sources
from saibench.figures.jet_tagging import energy_decay as jet_energy_decay
from saibench.figures.jet_tagging import energy_distribution as jet_energy_distribution
from saibench.figures.jet_tagging import energy_extrapolation as jet_energy_extrapolation
from saibench.figures.jet_tagging import error_tracing as jet_error_tracing
from saibench.figures.jet_tagging import sample_efficiency as jet_sample_efficiency

Studies = dict[ModuleType, StudyEvidence]
LABELS = {
    jet_sample_efficiency: {"jets trained on (log scale)", "accuracy [%]"},
    physical_prior: {"jets trained on (log scale)", "accuracy [%]", "AUC"},
    beam_rotation: {"AUC", "accuracy, best minus worst [%]"},
    jet_energy_distribution: {"bin of the jet's energy, begins at [GeV]", "jets (log scale)"},
    jet_energy_extrapolation: {"bin of the jet's energy, begins at [GeV]", "accuracy [%]"},
    jet_energy_decay: {"bins of 236.25 GeV beyond the training range", "accuracy [%]"},
    jet_error_tracing: {"bin of the jet's energy, begins at [GeV]", "top jets [%]"},
    jet_data_sources: {"pT [GeV]", "mass [GeV]", "constituents", "energy [GeV]"},
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Studies:
    root = tmp_path_factory.mktemp("jets")
    sizes = write_jet_study(root / "sizes", [*SIZES[:2], MadeTagger(0.05, seed=1)])
    prior = write_jet_study(root / "prior", PRIOR[:6], rotated=True)
    ranges = write_jet_study(root / "ranges", RANGES[:2])
    sources = write_jet_study(root / "sources", [MadeTagger(), MadeTagger(data="top_landscape")])
    by_energy = (jet_energy_distribution, jet_energy_extrapolation, jet_energy_decay)
    return {
        jet_sample_efficiency: StudyEvidence.load(sizes),
        **dict.fromkeys((physical_prior, beam_rotation), StudyEvidence.load(prior)),
        **dict.fromkeys((*by_energy, jet_error_tracing), StudyEvidence.load(ranges)),
        jet_data_sources: StudyEvidence.load(sources),
    }


@pytest.mark.parametrize("figure", LABELS, ids=lambda figure: figure.__name__.rpartition(".")[2])
def test_figure_is_drawn_with_units_count_and_partition(
    figure: ModuleType, studies: Studies
) -> None:
    evidence, settings = studies[figure], dict(matplotlib.rcParams)
    assert figure.needs(evidence) is None
    drawn = figure.draw(evidence)
    assert dict(matplotlib.rcParams) == settings
    caption = figure.caption(evidence)
    partition = ROTATED if figure is beam_rotation else PARTITION
    assert f"{JETS:,}" in caption and partition in caption
    assert figure.table(evidence).height
    shown = {text for axes in drawn.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    assert LABELS[figure] <= shown
    assert checked_reading(figure, evidence)


@pytest.mark.parametrize("figure", LABELS, ids=lambda figure: figure.__name__.rpartition(".")[2])
def test_missing_runs_of_a_figure_are_reported(figure: ModuleType, tmp_path: Path) -> None:
    alone = StudyEvidence.load(write_jet_study(tmp_path, [MadeTagger(1.0)], jets=60))
    if figure is not jet_error_tracing:  # one model is enough for it
        assert str(figure.needs(alone)).startswith("It takes ")
    alone.__dict__["samples"] = alone.samples.drop("score")
    assert "held_out have no score" in str(figure.needs(alone))


def test_accuracy_by_size_is_the_mean_over_jets_and_seeds(studies: Studies) -> None:
    numbers = jet_sample_efficiency.table(studies[jet_sample_efficiency])
    index = made_index()
    seeds = [
        float(((made_logits(MadeTagger(0.05, seed=s), index) > 0) == (index["label"] == 1)).mean())
        for s in (0, 1)
    ]
    row = numbers.filter(pl.col("point").is_null(), train_count=5000, statistic="accuracy")
    assert row["estimate"].item() == pytest.approx(np.mean(seeds), rel=1e-12)
    assert row["low"].item() < row["estimate"].item() < row["high"].item()
    sizes = sorted(numbers["train_count"].unique())
    found = jet_sample_efficiency.reading(studies[jet_sample_efficiency])
    assert f"between {sizes[0]:,} and {sizes[-1]:,} training jets" in found
    alone = numbers.filter(pl.col("point").is_not_null())["estimate"].to_list()
    assert sorted(alone) == pytest.approx(sorted(seeds))


def test_lead_of_kinematic_features_is_paired(studies: Studies) -> None:
    numbers = physical_prior.table(studies[physical_prior])
    index = made_index()
    auc = {
        name: roc_auc_score(index["label"], made_logits(MadeTagger(0.2, name), index))
        for name in ("kinematic", "raw")
    }
    at = numbers.filter(train_count=20_000, statistic="auc", features="raw")
    assert at.filter(measure="value")["estimate"].item() == pytest.approx(auc["raw"], rel=1e-12)
    lead = at.filter(measure="lead")["estimate"].item()
    assert lead == pytest.approx(auc["kinematic"] - auc["raw"], rel=1e-9)
    assert not numbers.filter(features="kinematic", measure="lead").height


def test_gap_over_angles_is_largest_minus_smallest(studies: Studies) -> None:
    numbers = beam_rotation.table(studies[beam_rotation])
    index = made_index()
    auc = [
        roc_auc_score(index["label"], made_logits(MadeTagger(0.01, "raw"), index, angle))
        for angle in ANGLES
    ]
    of_raw = numbers.filter(features="raw", train_count=1000, statistic="auc")
    gap = of_raw.filter(measure=beam_rotation.GAP)["estimate"].item()
    assert gap == pytest.approx(max(auc) - min(auc), abs=1e-6)
    by_angle = of_raw.filter(pl.col("angle").is_not_null()).sort("angle")
    assert by_angle["angle"].to_list() == list(ANGLES)
    assert by_angle["estimate"].to_list() == pytest.approx(auc, abs=1e-6)
    flat = numbers.filter(features="kinematic", measure=beam_rotation.GAP)
    assert flat["estimate"].to_list() == [0.0] * flat.height


def test_rotated_jets_are_ranked_by_logits_if_scores_are_equal(tmp_path: Path) -> None:
    path = write_jet_study(tmp_path, PRIOR[:1], jets=200, rotated=True) / PRIOR[0].point
    table, fields = (read(path / "by_angle.parquet") for read in (read_table, read_fields))

    def auc(table: pl.DataFrame) -> list[float]:
        kept = [field for field in fields if field.name in table.columns]
        write_table(path / "by_angle.parquet", table, kept)
        numbers = beam_rotation.table(StudyEvidence.load(tmp_path))
        by_angle = numbers.filter(pl.col("angle").is_not_null(), statistic="auc")
        return by_angle.sort("angle")["estimate"].to_list()

    expected = auc(table)
    assert auc(table.drop("logit")) == pytest.approx(expected, abs=1e-6), "as in old evidence"
    near_one = table.with_columns(score=pl.lit(1.0), logit=50 + pl.col("logit").cast(pl.Float64))
    assert auc(near_one) == pytest.approx(expected, abs=1e-9)


def test_auc_is_drawn_at_every_angle_for_every_input_and_size(studies: Studies) -> None:
    """The paper's figure 9: the curves of AUC, and best minus worst below each."""
    evidence = studies[beam_rotation]
    numbers = beam_rotation.table(evidence).filter(statistic="auc")
    cells = numbers.select("features", "train_count").unique(maintain_order=True).rows()
    panels = [axes for axes in beam_rotation.draw(evidence).axes if axes.get_xlim() == (0, 180)]
    assert len(panels) == len(cells) == 6
    drawn = {tuple(np.round(panel.lines[0].get_ydata(), 12)) for panel in panels}
    for features, count in cells:
        of_cell = numbers.filter(features=features, train_count=count)
        by_angle = of_cell.filter(pl.col("angle").is_not_null()).sort("angle")
        assert tuple(np.round(by_angle["estimate"].to_numpy(), 12)) in drawn
        gap = of_cell.filter(measure=beam_rotation.GAP)["estimate"].item()
        assert any(f"best minus worst {gap:.2g}" in panel.get_xlabel() for panel in panels)


def test_sampled_fraction_is_that_of_the_candidates(studies: Studies) -> None:
    """The paper's figure 10: training and test jets, and sampling probabilities."""
    numbers = jet_energy_distribution.table(studies[jet_energy_distribution])
    pool = numbers.filter(part="candidates").sort("bin")
    trained = made_index(RANGES[0].train_count // 20)
    in_bin_1 = (trained["jet_energy"] >= 786.25) & (trained["jet_energy"] < 1022.5)
    assert pool["top_jets"][1] == (in_bin_1 & (trained["label"] == 1)).sum()
    shares = numbers.filter(part="trained on").pivot("range", index="bin", values="sampled")
    assert shares["bin 0"].to_list() == [1.0] + [None] * 7
    available = (pool["top_jets"] + pool["qcd_jets"]).to_numpy()
    expected = available[0] / available[:2].sum()
    spread = np.sqrt(expected * (1 - expected) / available[:2])
    found = shares["bins 0–1"].to_numpy()[:2]
    assert (np.abs(found - expected) < 4 * spread).all()


def test_records_without_candidates_omit_their_panels(tmp_path: Path) -> None:
    study = write_jet_study(tmp_path, RANGES[:2], jets=200)
    for path in study.glob("*/run.json"):
        record = json.loads(path.read_text())
        train = record["partitions"]["train"]
        record["partitions"]["train"] = {n: v for n, v in train.items() if "candidate" not in n}
        path.write_text(json.dumps(record))
    evidence = StudyEvidence.load(study)
    assert len(jet_energy_distribution.draw(evidence).axes) == 2
    assert jet_energy_distribution.table(evidence)["sampled"].is_null().all()


def test_training_counts_are_those_of_the_records(studies: Studies) -> None:
    evidence = studies[jet_energy_distribution]
    numbers = jet_energy_distribution.table(evidence)
    record = evidence.records[RANGES[1].point]["partitions"]["train"]
    of_range = numbers.filter(part="trained on", range="bins 0–1").sort("bin")
    assert of_range["top_jets"].to_list() == record["top_jets"][:8]
    index = made_index()
    energy = index["jet_energy"][index["label"] == 1]
    third = ((energy >= 550 + 2 * 236.25) & (energy < 550 + 3 * 236.25)).sum()
    assert numbers.filter(part="tested", bin=2)["top_jets"].item() == third


def test_scores_by_bin_are_those_of_its_jets(studies: Studies) -> None:
    numbers = jet_energy_extrapolation.table(studies[jet_energy_extrapolation])
    index = made_index()
    chosen = (index["jet_energy"] >= 786.25) & (index["jet_energy"] < 1022.5)
    logits = made_logits(RANGES[0], index)
    row = numbers.filter(range="bin 0", bin=1, statistic="auc").row(0, named=True)
    assert row["estimate"] == pytest.approx(roc_auc_score(index["label"][chosen], logits[chosen]))
    assert row["top_jets"] + row["qcd_jets"] == chosen.sum() and not row["trained_on"]
    assert numbers.filter(range="bins 0–1", bin=1)["trained_on"].all()


def test_bins_with_one_class_are_named_in_the_caption(tmp_path: Path) -> None:
    index = made_index(400)
    label, energy = index["label"].copy(), index["jet_energy"].copy()
    energy[energy > 2203.75] = 600.0
    label[(energy >= 1967.5) & (energy < 2203.75)] = 0
    energy[:4], label[:4] = 2000.0, 0
    study = write_jet_study(tmp_path, RANGES[:2], jets=400, label=label, jet_energy=energy)
    evidence = StudyEvidence.load(study)
    caption = jet_energy_extrapolation.caption(evidence)
    assert "bin 7 (2203.75–2440 GeV)" in caption
    assert "bin 6 (1967.5–2203.75 GeV) has no top jet" in caption
    numbers = jet_energy_extrapolation.table(evidence).filter(statistic="auc")
    assert numbers.filter(pl.col("bin") >= 6)["estimate"].is_null().all()
    accuracy = jet_energy_extrapolation.table(evidence).filter(statistic="accuracy", bin=6)
    assert accuracy["estimate"].is_not_null().all()
    for figure in (jet_energy_extrapolation, jet_error_tracing, jet_energy_distribution):
        assert figure.needs(evidence) is None and figure.draw(evidence).axes


def test_error_tracing_uses_the_model_of_the_two_lowest_bins(studies: Studies) -> None:
    evidence = studies[jet_error_tracing]
    assert "bins 0–1" in jet_error_tracing.caption(evidence)
    numbers = jet_error_tracing.table(evidence)
    index = made_index()
    right = (made_logits(RANGES[1], index) > 0) == (index["label"] == 1)
    first = index["jet_energy"] < 786.25
    classes = [right[first & (index["label"] == one)].mean() for one in (1, 0)]
    row = numbers.filter(bin=0, measure="balanced")
    assert row["estimate"].item() == pytest.approx(np.mean(classes))
    alone = studies[jet_sample_efficiency]  # models of several sizes
    assert str(jet_error_tracing.needs(alone)).startswith("It takes one model")
    parts = numbers.filter(pl.col("measure").is_in(list(jet_error_tracing.PARTS)), bin=3)
    whole = numbers.filter(bin=3, measure=jet_error_tracing.WHOLE)["estimate"].item()
    assert parts["estimate"].sum() == pytest.approx(whole)


def test_sources_are_compared_class_by_class(studies: Studies) -> None:
    numbers = jet_data_sources.table(studies[jet_data_sources])
    first, second = made_index(data="simulated_jets"), made_index(data="top_landscape")
    tops = [index["num_constituents"][index["label"] == 1] for index in (first, second)]
    rows = numbers.filter(pl.col("class") == "top", feature="num_constituents")
    assert sorted(rows["estimate"]) == pytest.approx(sorted(float(one.mean()) for one in tops))
    assert rows["ks"].max() == pytest.approx(ks_2samp(*tops).statistic)
    caption = jet_data_sources.caption(studies[jet_data_sources])
    assert "top_landscape)" in caption


def test_a_source_without_a_class_is_named(tmp_path: Path) -> None:
    only_qcd = np.zeros(100, dtype=np.int64)
    write_jet_study(tmp_path / "study", [MadeTagger()], jets=100)
    made = [MadeTagger(data="top_landscape")]
    write_jet_study(tmp_path / "study", made, jets=100, label=only_qcd)
    lacking = jet_data_sources.needs(StudyEvidence.load(tmp_path / "study"))
    assert "TopLandscape has no top jet" in str(lacking)


def test_runs_on_different_jets_are_not_compared(tmp_path: Path) -> None:
    write_jet_study(tmp_path / "study", SIZES[:1], jets=100)
    write_jet_study(tmp_path / "study", SIZES[1:2], jets=90)
    evidence = StudyEvidence.load(tmp_path / "study")
    with pytest.raises(UserError, match="same jets"):
        jet_sample_efficiency.draw(evidence)
    assert evidence.held_out == PARTITION
