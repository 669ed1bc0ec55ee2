"""Figures of nowcasting: their numbers compared with plain loops, and what they need."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import polars as pl
import pytest
from figure_readings import checked_reading
from synthetic_rain_study import (
    EVENTS,
    LEADS,
    PARTITION,
    STUDY,
    MadeRain,
    by_lead,
    write_draws,
    write_rain_point,
    write_rain_study,
    write_shifts,
)

from saibench.analysis.sample_means import interval_of_means
from saibench.analysis.seeds import with_seeds
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting import (
    cumulative_csi,
    differential_trend,
    displacement_by_lead,
    displacement_demo,
    errors_by_partition,
    event_csi,
    mae_distributions,
    mean_intensity_by_lead,
    model_comparison,
    prediction_stability,
)
from saibench.figures.nowcasting import error_tracing as rain_error_tracing
from saibench.figures.style import svg

BY_LEAD = [
    event_csi,
    cumulative_csi,
    mae_distributions,
    mean_intensity_by_lead,
    displacement_by_lead,
    differential_trend,
    rain_error_tracing,
    model_comparison,
]
PARTS = ("hits", "misses", "false_alarms")
LABELS = {
    event_csi: {"lead time [min]", "CSI"},
    cumulative_csi: {"lead time [min]", "CSI", "events"},
    mae_distributions: {"lead time [min]", "MAE [mm/h]", "MAE of the frame [mm/h]", "events"},
    mean_intensity_by_lead: {"mean observed rain rate [mm/h]", "events"},
    displacement_by_lead: {"δx, right [km]", "δy, down [km]", "δr [km]", "events"},
    differential_trend: {"observed trend [mm/h]", "predicted trend [mm/h]"},
    rain_error_tracing: {
        "mean observed rain rate [mm/h]",
        "MAE [mm/h]",
        "δr [km]",
        "lead time [min]",
        "part of the MAE [mm/h]",
        "error of the motion [km/h]",
    },
    model_comparison: {"lead time [min]", "skill", "gain in CSI"},
}
NET, PERSISTENCE = MadeRain("nowcastnet"), MadeRain("persistence")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return StudyEvidence.load(write_rain_study(tmp_path_factory.mktemp("rain") / "study"))


def values(made: MadeRain, name: str, events: int = EVENTS) -> np.ndarray:
    """The synthetic values `(events, leads)`."""
    return by_lead(made, events)[name].to_numpy().reshape(events, len(LEADS))


@pytest.mark.parametrize("figure", BY_LEAD, ids=lambda figure: figure.__name__.rpartition(".")[2])
def test_figure_is_drawn_with_units_count_and_partition(
    figure: ModuleType, evidence: StudyEvidence
) -> None:
    settings = dict(matplotlib.rcParams)
    assert figure.needs(evidence) is None
    drawn = figure.draw(evidence)
    assert dict(matplotlib.rcParams) == settings
    caption = figure.caption(evidence)
    assert f"{EVENTS} events of {PARTITION}" in caption
    assert "too few" not in caption
    assert any(unit in caption for unit in ("[mm/h]", "[km]", "[min]"))
    assert figure.table(evidence).height
    shown = {text for axes in drawn.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    assert LABELS[figure] <= shown
    assert checked_reading(figure, evidence)


def test_figure_drawn_again_is_the_same(evidence: StudyEvidence) -> None:
    first, again = (svg(mean_intensity_by_lead.draw(evidence)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("figure", BY_LEAD, ids=lambda figure: figure.__name__.rpartition(".")[2])
def test_five_events_are_drawn_with_a_warning(figure: ModuleType, tmp_path: Path) -> None:
    five = StudyEvidence.load(write_rain_study(tmp_path, events=5))
    assert figure.needs(five) is None
    assert figure.draw(five).axes
    assert "5 events: too few" in figure.caption(five)


@pytest.mark.parametrize("figure", BY_LEAD, ids=lambda figure: figure.__name__.rpartition(".")[2])
def test_studies_without_rain_are_refused(
    figure: ModuleType, evidence: StudyEvidence, tmp_path: Path
) -> None:
    assert "partition strong" in str(figure.needs(evidence, "strong"))
    folder = write_rain_study(tmp_path, [NET])
    next(folder.glob("*/by_lead.parquet")).unlink()
    assert "lead time" in str(figure.needs(StudyEvidence.load(folder)))


def test_runs_on_different_data_are_not_compared(tmp_path: Path) -> None:
    write_rain_study(tmp_path, [NET])
    write_rain_study(tmp_path, [PERSISTENCE], record={"data": {"hash": "other"}})
    reason = mae_distributions.needs(StudyEvidence.load(tmp_path))
    assert "same events" in str(reason)


def test_table_2_is_the_mean_over_events_seeds_and_defined_frames(
    evidence: StudyEvidence,
) -> None:
    numbers = mae_distributions.table(evidence)
    for name in ("mae", "active_area_mae"):
        seeds = [values(MadeRain("nowcastnet", seed), name) for seed in (0, 1)]
        for lead in (60, 120, 180):
            row = numbers.filter(model="nowcastnet", statistic=name, lead=lead)
            frames = [
                (first + second) / 2
                for first, second in zip(*(s[:, lead // 10 - 1] for s in seeds), strict=True)
                if not np.isnan(first)
            ]
            assert row["estimate"].item() == pytest.approx(sum(frames) / len(frames), rel=1e-12)
            assert row["events"].item() == len(frames)
            assert row["low"].item() < row["estimate"].item() < row["high"].item()
    assert numbers.filter(model="nowcastnet", statistic="active_area_mae", lead=180)[
        "events"
    ].item() == (EVENTS - 1)


def test_cumulative_csi_counts_like_a_loop(evidence: StudyEvidence) -> None:
    numbers = cumulative_csi.table(evidence)
    threshold = 32
    parts = {
        made.point: [values(made, f"{part}_{threshold}") for part in PARTS]
        for made in (NET, PERSISTENCE)
    }
    chosen = []
    for event in range(EVENTS):
        responds = True
        for made in (NET, PERSISTENCE):
            for lead in range(len(LEADS)):
                responds = responds and sum(part[event, lead] for part in parts[made.point]) > 0
        if responds:
            chosen.append(event)
    assert 0 < len(chosen) < EVENTS
    csi = values(NET, f"csi_{threshold}")
    for lead in (10, 100, 200):
        expected = [0] * 31
        for event in chosen:
            expected[min(int(csi[event, lead // 10 - 1] / 0.015 + 1e-9), 30)] += 1
        rows = numbers.filter(model="nowcastnet", threshold=threshold, lead=lead)
        assert rows["events"].to_list() == expected
        assert rows["to"].to_list()[-1] is None


def test_csi_on_an_edge_is_in_the_bin_that_begins_there(tmp_path: Path) -> None:
    rows = by_lead(NET, 1).with_columns(
        pl.lit(3.0).alias("hits_16"),
        pl.lit(197.0).alias("misses_16"),
        pl.lit(0.0).alias("false_alarms_16"),
    )
    write_rain_point(tmp_path / "one", NET, rows, {})
    numbers = cumulative_csi.table(StudyEvidence.load(tmp_path)).filter(threshold=16.0, lead=10)
    assert numbers.filter(pl.col("events") == 1)["from"].to_list() == [0.015]


def test_event_csi_chooses_the_most_and_the_least_responsive(evidence: StudyEvidence) -> None:
    scores = np.nan_to_num(np.stack([values(NET, f"csi_{level}") for level in (16, 32, 64)]))
    response = [scores[:, event].mean() for event in range(EVENTS)]
    chosen = event_csi.table(evidence).select("response", "sample_id").unique()
    by_rank = dict(chosen.iter_rows())
    assert by_rank["most"] == 100 + int(np.argmax(response))
    assert response[by_rank["least"] - 100] == min(response)
    middle = sorted(response)
    assert middle[EVENTS // 2 - 1] == pytest.approx(response[by_rank["median"] - 100])


def test_event_below_all_thresholds_has_no_csi(tmp_path: Path) -> None:
    rows = by_lead(NET, 5)
    quiet = pl.col("sample_id") == 104
    rows = rows.with_columns(
        pl.when(quiet).then(np.nan).otherwise(pl.col(f"csi_{level}")).alias(f"csi_{level}")
        for level in (16, 32, 64)
    )
    write_rain_point(tmp_path / "one", NET, rows, {})
    figure = event_csi.draw(StudyEvidence.load(tmp_path))
    assert [text.get_text() for text in figure.axes[2].texts] == ["no CSI"]


def test_quadrants_are_counted_like_a_loop(evidence: StudyEvidence) -> None:
    observed, predicted = (values(NET, f"{what}_rate") for what in ("observed", "predicted"))
    for panel, frame in zip(differential_trend.draw(evidence).axes[:3], (5, 11, 17), strict=True):
        counts = [0, 0, 0, 0]
        for event in range(EVENTS):
            grows = observed[event, frame] - observed[event, 0]
            says = predicted[event, frame] - observed[event, 0]
            counts[0] += grows > 0 and says > 0
            counts[1] += grows < 0 and says > 0
            counts[2] += grows < 0 and says < 0
            counts[3] += grows > 0 and says < 0
        assert [int(text.get_text()) for text in panel.texts] == counts
        assert counts[0] < counts[3]  # the synthetic net predicts decay for every event


def test_skill_is_one_minus_the_ratio_of_mean_errors(evidence: StudyEvidence) -> None:
    numbers = model_comparison.table(evidence)
    assert set(numbers["model"]) == {"nowcastnet"}
    net = np.mean([values(MadeRain("nowcastnet", seed), "displacement") for seed in (0, 1)], axis=0)
    reference = values(PERSISTENCE, "displacement")
    row = numbers.filter(statistic="displacement", lead=60)
    expected = 1 - net[:, 5].sum() / reference[:, 5].sum()
    assert row["estimate"].item() == pytest.approx(expected, rel=1e-12)
    assert row["low"].item() < expected < row["high"].item()


def test_intervals_of_comparisons_include_the_variance_between_seeds(
    evidence: StudyEvidence, tmp_path: Path
) -> None:
    """Compared with numpy and `with_seeds`."""
    row = model_comparison.table(evidence).filter(statistic="displacement", lead=60)
    nets = [values(MadeRain("nowcastnet", seed), "displacement")[:, 5] for seed in (0, 1)]
    reference = values(PERSISTENCE, "displacement")[:, 5]
    events = pl.DataFrame({"sample_id": np.arange(EVENTS)})
    alone = interval_of_means(lambda a, b: 1 - a / b, events, np.mean(nets, axis=0), reference)
    expected = with_seeds(alone, [[1 - net.sum() / reference.sum() for net in nets]])
    assert row["seeds"].item() == 2
    found = row["low"].item(), row["high"].item()
    assert found == pytest.approx((expected.low, expected.high))
    assert "nowcastnet, 2 seeds" in model_comparison.caption(evidence)
    single = [PERSISTENCE, NET, MadeRain("extrapolation")]
    study = StudyEvidence.load(write_rain_study(tmp_path / "single", single))
    caption = model_comparison.caption(study)
    assert "(one seed): nowcastnet." in caption and "extrapolation." not in caption
    seeds = model_comparison.table(study).select("model", "seeds").unique().rows()
    assert set(seeds) == {("nowcastnet", 1), ("extrapolation", None)}


def test_gain_in_csi_pools_the_pixels_of_all_events(evidence: StudyEvidence) -> None:
    def pooled(made: MadeRain) -> tuple[float, float]:
        hits, misses, alarms = (values(made, f"{part}_16")[:, 5].sum() for part in PARTS)
        return hits, hits + misses + alarms

    seeds = [pooled(MadeRain("nowcastnet", seed)) for seed in (0, 1)]
    net = sum(hits for hits, _ in seeds) / sum(relevant for _, relevant in seeds)
    hits, relevant = pooled(PERSISTENCE)
    row = model_comparison.table(evidence).filter(statistic="csi", lead=60)
    assert row["estimate"].item() == pytest.approx(net - hits / relevant, rel=1e-9)


def test_comparison_needs_persistence_and_another_model(tmp_path: Path) -> None:
    alone = StudyEvidence.load(write_rain_study(tmp_path / "net", [NET]))
    assert "model=persistence" in str(model_comparison.needs(alone))
    only = StudyEvidence.load(write_rain_study(tmp_path / "persistence", [PERSISTENCE]))
    assert "another model" in str(model_comparison.needs(only))


def test_bins_count_every_event_once(evidence: StudyEvidence) -> None:
    numbers = mean_intensity_by_lead.table(evidence)
    assert numbers.group_by("lead").agg(pl.col("events").sum())["events"].to_list() == [EVENTS] * 3
    rates = values(NET, "observed_rate")[:, 5]
    first = numbers.filter(lead=60).row(0, named=True)
    assert first["events"] == sum(1 for rate in rates if first["from"] <= rate < first["to"])


def test_displacements_are_those_of_the_first_seed(evidence: StudyEvidence) -> None:
    rows = displacement_by_lead.table(evidence).filter(model="nowcastnet", lead=120)
    assert rows["displacement_x"].to_list() == values(NET, "displacement_x")[:, 11].tolist()
    axes = displacement_by_lead.draw(evidence).axes[0]
    assert axes.yaxis_inverted()  # rows count downwards, as on the map


def test_parts_of_the_error_are_drawn_if_the_truth_is_known(
    evidence: StudyEvidence, tmp_path: Path
) -> None:
    numbers = rain_error_tracing.table(evidence)
    parts = numbers.filter(pl.col("statistic") == "mean")
    assert set(parts["model"]) == {"nowcastnet"}
    net = np.mean([values(MadeRain("nowcastnet", seed), "source_part") for seed in (0, 1)], axis=0)
    row = parts.filter(pl.col("of") == "source_part", pl.col("lead") == 60)
    assert row["estimate"].item() == pytest.approx(net[:, 5].mean(), rel=1e-12)
    scheme = parts.filter(pl.col("of") == "scheme_part", pl.col("lead") == 60)
    mae = np.mean([values(MadeRain("nowcastnet", seed), "mae") for seed in (0, 1)], axis=0)
    assert scheme["estimate"].item() == pytest.approx(0.2 * mae[:, 5].mean(), rel=1e-12)
    assert "both true" in rain_error_tracing.caption(evidence)
    unknown = StudyEvidence.load(write_rain_study(tmp_path, [PERSISTENCE]))
    assert len(rain_error_tracing.draw(unknown).axes) == 3
    assert "true motion" not in rain_error_tracing.caption(unknown)


def test_spread_over_draws_and_outliers_are_those_of_plain_numpy(tmp_path: Path) -> None:
    folder = write_rain_study(tmp_path, [NET])
    mae = write_draws(next(folder.glob("*/")), NET, draws=30)
    evidence = StudyEvidence.load(folder)
    assert prediction_stability.needs(evidence) is None
    row = prediction_stability.table(evidence).filter(statistic="mae", lead=60, sample_id=4)
    assert row["mean"].item() == pytest.approx(mae[4, :, 5].mean())
    assert row["std"].item() == pytest.approx(mae[4, :, 5].std(ddof=1))
    far = prediction_stability.table(evidence).filter(
        statistic="displacement", lead=60, sample_id=2
    )
    assert far["outliers"].item() >= 1 and far["highest"].item() == 900
    assert "1" in far["outlier_draws"].item().split(", "), "the outlier is named"
    axes = prediction_stability.draw(evidence).axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [str(n) for n in range(10)]
    assert "30 predictions of each of 10 events" in prediction_stability.caption(evidence)
    assert checked_reading(prediction_stability, evidence)


def test_stability_needs_draws(evidence: StudyEvidence, tmp_path: Path) -> None:
    assert "RepeatedDraws" in str(prediction_stability.needs(evidence))
    folder = write_rain_study(tmp_path, [NET])
    write_draws(next(folder.glob("*/")), NET, draws=3)
    assert "8 draws" in str(prediction_stability.needs(StudyEvidence.load(folder)))


def test_moved_rain_is_drawn_with_the_mean_over_events(tmp_path: Path) -> None:
    folder = write_rain_study(tmp_path, [NET])
    assert "displacement_demo" in str(displacement_demo.needs(StudyEvidence.load(folder)))
    mae = write_shifts(next(folder.glob("*/")), NET)
    evidence = StudyEvidence.load(folder)
    assert displacement_demo.needs(evidence) is None
    means = displacement_demo.table(evidence).filter(statistic="mae")
    assert means["estimate"].to_list() == pytest.approx(mae.mean(axis=0).tolist())
    assert "shift of 32 km" in displacement_demo.caption(evidence)
    assert "shift of 32 km" in checked_reading(displacement_demo, evidence)
    assert len(displacement_demo.draw(evidence).axes) == 2


def test_errors_by_partition_are_relative_to_the_last_model(
    evidence: StudyEvidence, tmp_path: Path
) -> None:
    assert "two test partitions" in str(errors_by_partition.needs(evidence))
    made = [MadeRain("nowcastnet", 0, {"weakest": share}) for share in (0.3333, 1.0)]
    study = write_rain_study(tmp_path, made, partitions=("weak", "strong"))
    found = StudyEvidence.load(study)
    assert errors_by_partition.needs(found) is None
    numbers = errors_by_partition.table(found)
    narrow, wide = (by_lead(one, EVENTS, "strong").filter(lead=60)["mae"].mean() for one in made)
    row = numbers.filter(partition="strong", statistic="mae", measure="relative change")
    assert row["model"].item() == "weakest = 0.3333"
    assert row["estimate"].item() == pytest.approx(narrow / wide - 1, rel=1e-9)
    assert len(errors_by_partition.draw(found).axes) == 4
    assert " on weak" in (reading := checked_reading(errors_by_partition, found))
    assert " on strong" in reading
    assert f"{EVENTS} events of strong" in errors_by_partition.caption(found)


def test_models_are_labelled_by_their_different_settings(tmp_path: Path) -> None:
    made = [
        *STUDY,
        MadeRain("nowcastnet", 0, {"balanced": True, "training.samplers": "[1]"}),
    ]
    evidence = StudyEvidence.load(write_rain_study(tmp_path, made))
    labels = mae_distributions.table(evidence)["model"].unique(maintain_order=True).to_list()
    assert labels[-1] == "persistence"
    assert set(labels[:-1]) == {"nowcastnet, balanced = none", "nowcastnet, balanced = True"}
