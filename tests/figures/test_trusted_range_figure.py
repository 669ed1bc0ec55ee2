"""The figure of the trusted range, and the keys of `workload.trust`."""

from __future__ import annotations

from pathlib import Path

import polars
import pytest
from made_trust import write_trust_study

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, write_table
from saibench.figures import figure_module, trusted_range
from saibench.figures.style import in_lines, svg
from saibench.settings import TrustSettings, validated

TRUST = {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}
BEST = "window = 0–90 %"
"""The run with the smaller error."""


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    folder = tmp_path_factory.mktemp("study")
    study = write_trust_study(folder, num_blocks=60, size=5, record={"trust": TRUST})
    return StudyEvidence.load(study)


def test_the_best_run_has_three_panels_and_the_other_a_small_one(evidence: StudyEvidence) -> None:
    module = figure_module("saibench.figures.trusted_range")
    assert module.needs(evidence) is None
    figure = module.draw(evidence)
    assert [axes.get_title("left") for axes in figure.axes[::3]] == [
        f"{BEST}\n(a) error and bound",
        "window = 10–90 %",
    ]
    labels = [axes.get_ylabel() for axes in figure.axes[:3]]
    assert labels[0] == "force MAE [meV/Å]" and "meV/Å" in labels[1] and "%" in labels[2]


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        (
            "model.net.features = kinematic, subset.fraction = 0.01",
            ["model.net.features = kinematic,", "subset.fraction = 0.01"],
        ),
        (
            "train_bins = [0, 1, 2, 3, 4, 5, 6, 7], seed = 0",
            ["train_bins =", "[0, 1, 2, 3, 4, 5, 6, 7], seed = 0"],
        ),
    ],
)
def test_a_label_of_two_settings_is_broken_and_its_lists_are_not(
    label: str, lines: list[str]
) -> None:
    broken = in_lines(label).replace("\N{NO-BREAK SPACE}", " ")
    assert broken.splitlines() == lines


def test_figure_is_the_same_when_drawn_again(tmp_path: Path) -> None:
    folder = write_trust_study(tmp_path / "study", ["near"], 40, 5, {"trust": TRUST})
    evidence = StudyEvidence.load(folder)
    assert svg(trusted_range.draw(evidence)) == svg(trusted_range.draw(evidence))


def test_table_has_the_drawn_numbers(evidence: StudyEvidence) -> None:
    numbers = trusted_range.table(evidence)
    assert numbers["points"].unique(maintain_order=True)[0] == BEST
    upper = numbers.filter(polars.col("curve").str.starts_with("upper bound"))
    assert "upper bound beyond the data" in upper["curve"].to_list()
    coverage = numbers.filter(polars.col("curve") == "observed coverage")
    assert (coverage["low"] <= coverage["value"] + 1e-12).all()
    assert set(coverage["position"]) >= {0.8, 0.9}
    bins = numbers.filter(polars.col("curve") == "coverage of a bin")
    assert bins["samples"].sum() <= coverage.filter(position=0.9)["samples"].sum()
    kept, ideal = (
        numbers.filter(polars.col("curve") == name) for name in ("kept error", "ideal kept error")
    )
    assert (ideal["value"] <= kept["value"] + 1e-12).all()


def test_caption_reports_range_coverage_and_width(evidence: StudyEvidence) -> None:
    caption = trusted_range.caption(evidence)
    for part in ("distance", "90 %", "narrower", "[meV/Å per component]"):
        assert part in caption
    assert trusted_range.reading(evidence).startswith(f"{BEST}: Trusted")


def test_caption_explains_a_mean_above_the_bound(tmp_path: Path) -> None:
    """Of errors of which one in twenty is large, the mean is above the 90 % quantile."""
    folder = write_trust_study(tmp_path / "study", ["near"], record={"trust": TRUST})
    assert "is a mean" not in trusted_range.caption(StudyEvidence.load(folder))
    path = folder / "near" / "samples.parquet"
    rows, error = polars.read_parquet(path), polars.col("force_mae")
    large = polars.int_range(polars.len()) % 20 == 0
    changed = rows.with_columns(force_mae=polars.when(large).then(1000 + error).otherwise(error))
    write_table(path, changed, read_fields(path))
    assert "is a mean" in trusted_range.caption(StudyEvidence.load(folder))


def test_caption_reports_that_a_feature_has_no_information(tmp_path: Path) -> None:
    record = {"trust": {**TRUST, "feature": "chance"}}
    evidence = StudyEvidence.load(write_trust_study(tmp_path / "study", ["near"], record=record))
    assert "not significant" in trusted_range.caption(evidence)


def test_too_few_blocks_are_reported_instead_of_the_figure(tmp_path: Path) -> None:
    folder = write_trust_study(tmp_path / "study", ["near"], 8, 1, {"trust": TRUST})
    reason = trusted_range.needs(StudyEvidence.load(folder))
    assert reason is not None and "independent blocks" in reason
    bare = write_trust_study(tmp_path / "bare", ["near"])
    assert "workload.trust" in str(trusted_range.needs(StudyEvidence.load(bare)))


def test_unknown_or_invalid_keys_are_refused() -> None:
    assert validated(TrustSettings, dict(TRUST)).coverage == 0.9
    with pytest.raises(UserError, match="tolerence"):
        validated(TrustSettings, {**TRUST, "tolerence": 1})
    with pytest.raises(UserError, match="coverage"):
        validated(TrustSettings, {**TRUST, "coverage": 90})
