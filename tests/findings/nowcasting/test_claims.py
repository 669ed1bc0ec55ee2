"""The paper's claims on rain, tested on synthetic studies whose answers are known."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr
from synthetic_rain_study import (
    EVENTS,
    LEADS,
    PARTITION,
    MadeRain,
    by_lead,
    write_draws,
    write_rain_point,
    write_rain_study,
    write_shifts,
)

from saibench.analysis.nowcasting.errors import hours, hours_listed, leads_at_hours
from saibench.evidence.reader import StudyEvidence
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, NOT_TESTED, SUPPORTED, Finding
from saibench.findings.nowcasting import claims as nowcasting_findings
from saibench.findings.nowcasting import errors as rain_error_findings
from saibench.findings.nowcasting import tracing as rain_tracing_findings
from saibench.findings.nowcasting import training as rain_training_findings
from saibench.findings.nowcasting import trend as rain_trend_findings

NET, PERSISTENCE = MadeRain("nowcastnet"), MadeRain("persistence")


def findings_in(folder: Path) -> dict[str, Finding]:
    found = nowcasting_findings.findings(StudyEvidence.load(folder))
    assert not [finding for finding in found if finding.error is not None]
    return {finding.claim: finding for finding in found}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    return findings_in(write_rain_study(tmp_path_factory.mktemp("rain") / "study"))


def changed(tmp_path: Path, made: MadeRain, **columns: pl.Expr) -> dict[str, Finding]:
    """Findings of a study with one run, some of whose columns are replaced."""
    write_rain_point(tmp_path / "one", made, by_lead(made, EVENTS).with_columns(**columns), {})
    return findings_in(tmp_path)


def test_a_net_with_smaller_errors_beats_persistence(found: dict[str, Finding]) -> None:
    for claim in (
        rain_error_findings.LOWER_MAE,
        rain_error_findings.LOWER_ACTIVE_AREA_MAE,
        rain_error_findings.HIGHER_CSI,
    ):
        assert found[claim].verdict == SUPPORTED
        assert found[claim].variant == "nowcastnet"
    means = [
        by_lead(MadeRain("nowcastnet", seed), EVENTS).filter(lead=60)["mae"].mean()
        for seed in (0, 1)
    ]
    assert f"{np.mean(means):.2f} [" in found[rain_error_findings.LOWER_MAE].numbers
    assert f"{EVENTS} events" in found[rain_error_findings.LOWER_MAE].numbers


def test_untrained_models_need_no_seeds(tmp_path: Path) -> None:
    baselines = findings_in(
        write_rain_study(tmp_path / "a", [PERSISTENCE, MadeRain("extrapolation")])
    )
    assert baselines[rain_error_findings.LOWER_MAE].verdict == SUPPORTED
    weights = write_rain_study(tmp_path / "b", [PERSISTENCE, NET], record={"steps": 0})
    assert findings_in(weights)[rain_error_findings.LOWER_MAE].verdict == SUPPORTED
    trained = findings_in(write_rain_study(tmp_path / "c", [PERSISTENCE, NET]))
    assert trained[rain_error_findings.LOWER_MAE].verdict == INCONCLUSIVE
    assert trained[rain_error_findings.LOWER_MAE].nets_verdict == SUPPORTED


def test_a_forecast_without_rain_has_a_low_mae_and_no_csi(tmp_path: Path) -> None:
    dry = by_lead(NET, EVENTS).with_columns(
        mae=pl.col("mae") * 0.5,
        **{f"{part}_16": pl.lit(0.0) for part in ("hits", "false_alarms")},
        misses_16=pl.lit(40.0),
        csi_16=pl.lit(0.0),
    )
    write_rain_study(tmp_path, [PERSISTENCE])
    write_rain_point(tmp_path / "dry", NET, dry, {})
    found = findings_in(tmp_path)
    assert found[rain_error_findings.LOWER_MAE].nets_verdict == SUPPORTED
    assert found[rain_error_findings.HIGHER_CSI].nets_verdict == CONTRADICTED
    decays = found[rain_error_findings.CSI_DECAYS]
    assert decays.verdict == NOT_TESTED and "no hit" in decays.numbers


def test_growth_of_active_area_mae_is_paired(found: dict[str, Finding], tmp_path: Path) -> None:
    growing = found[rain_error_findings.ACTIVE_GROWS]
    assert growing.verdict == SUPPORTED
    assert f"{EVENTS - 1} events" in growing.numbers
    shrinking = changed(tmp_path, NET, active_area_mae=12 - pl.col("lead") / 60)
    assert shrinking[rain_error_findings.ACTIVE_GROWS].verdict == CONTRADICTED


def test_raw_mae_hides_decay_only_if_it_falls_where_the_other_grows(
    found: dict[str, Finding], tmp_path: Path
) -> None:
    assert found[rain_error_findings.RAW_HIDES].verdict == CONTRADICTED  # both grow
    falling = changed(tmp_path, NET, mae=pl.col("observed_rate") * (1.5 - pl.col("lead") / 300))
    assert falling[rain_error_findings.RAW_HIDES].verdict == SUPPORTED


def test_faster_decay_of_csi_at_higher_thresholds_is_found(found: dict[str, Finding]) -> None:
    decays = found[rain_error_findings.CSI_DECAYS]
    assert decays.verdict == SUPPORTED
    assert "at 16 and" in decays.numbers and "at 32 mm/h" in decays.numbers


def test_fading_events_and_few_growing_ones_are_found(found: dict[str, Finding]) -> None:
    observed = by_lead(NET, EVENTS)["observed_rate"].to_numpy().reshape(EVENTS, len(LEADS))
    grow = sum(observed[:, 17] > observed[:, 0])
    assert found[rain_trend_findings.FEW_GROW].verdict == SUPPORTED
    assert f"{100 * grow / EVENTS:.0f} % [" in found[rain_trend_findings.FEW_GROW].numbers
    assert found[rain_error_findings.EVENTS_FADE].verdict == SUPPORTED
    rainless = sum(observed[:, 17] < observed[:, 5])
    assert f"{rainless} of {EVENTS} events" in found[rain_error_findings.EVENTS_FADE].numbers


def test_empty_first_quadrant_is_found_if_all_events_are_predicted_to_decay(
    tmp_path: Path,
) -> None:
    slope = pl.when(pl.col("sample_id") % 2 == 0).then(0.004).otherwise(-0.004)
    observed = 2 + slope * pl.col("lead")
    found = changed(tmp_path / "all", NET, observed_rate=observed, predicted_rate=pl.lit(1.0))
    quadrant = found[rain_trend_findings.FIRST_QUADRANT]
    assert quadrant.verdict == SUPPORTED
    assert "0 % [0, 12] and 100 % [88, 100]" in quadrant.numbers
    assert found[rain_trend_findings.UNDER_PREDICTED].verdict == SUPPORTED
    truth = changed(tmp_path / "truth", NET, observed_rate=observed, predicted_rate=observed)
    assert truth[rain_trend_findings.FIRST_QUADRANT].verdict == INCONCLUSIVE  # no difference
    assert truth[rain_trend_findings.UNDER_PREDICTED].verdict == INCONCLUSIVE


def test_relations_follow_the_correlations(found: dict[str, Finding], tmp_path: Path) -> None:
    assert found[rain_tracing_findings.PROPORTIONAL].verdict == SUPPORTED
    unrelated = changed(tmp_path, NET, mae=1 + (pl.col("sample_id") * 7919 % 101) / 101)
    assert unrelated[rain_tracing_findings.PROPORTIONAL].verdict == CONTRADICTED


def test_parts_of_the_error_are_tested_only_if_the_truth_is_known(
    found: dict[str, Finding], tmp_path: Path
) -> None:
    assert found[rain_tracing_findings.SOURCE_MORE].verdict == SUPPORTED
    assert "both true" in found[rain_tracing_findings.SOURCE_MORE].numbers
    unknown = findings_in(write_rain_study(tmp_path / "unknown", [PERSISTENCE]))
    assert rain_tracing_findings.SOURCE_MORE not in unknown
    other = changed(tmp_path / "motion", NET, velocity_part=pl.col("source_part") * 2)
    assert other[rain_tracing_findings.SOURCE_MORE].verdict == CONTRADICTED


def test_parts_of_the_error_are_compared_in_one_unit(
    found: dict[str, Finding], tmp_path: Path
) -> None:
    """Both parts increase with the rain rate, though the motion's own error [km/h] does not."""
    finding = found[rain_tracing_findings.SOURCE_SCALES]
    assert finding.verdict == CONTRADICTED
    rows = [by_lead(MadeRain("nowcastnet", seed), EVENTS) for seed in (0, 1)]
    for name in ("source_part", "velocity_part", "source_error", "motion_error"):
        error, rain = (
            np.mean([one[n].to_numpy().reshape(EVENTS, -1) for one in rows], axis=0).mean(axis=1)
            for n in (name, "observed_rate")
        )
        rho = f"{spearmanr(error, rain).statistic:.2f} [".replace("-", "−")
        assert rho in finding.numbers
    for unit in ("MAE [mm/h]", "source itself [mm/h]", "motion itself [km/h]"):
        assert unit in finding.numbers
    flat = 0.1 + 0.01 * (pl.col("sample_id") * 7919 % 101)
    other = changed(tmp_path, NET, velocity_part=flat)[rain_tracing_findings.SOURCE_SCALES]
    assert other.verdict == INCONCLUSIVE  # 60 events are too few to bound a correlation by ±0.2


def test_fewer_than_twenty_events_are_inconclusive(tmp_path: Path) -> None:
    found = findings_in(write_rain_study(tmp_path, events=19))
    assert found and {finding.verdict for finding in found.values()} == {INCONCLUSIVE}
    active = found[rain_error_findings.ACTIVE_GROWS].numbers
    assert "(18, at least 20" in active and "active-area MAE" in active


def test_moved_rain_saturates(tmp_path: Path) -> None:
    folder = write_rain_study(tmp_path, [NET])
    mae = write_shifts(next(folder.glob("*/")), NET)
    finding = findings_in(folder)[nowcasting_findings.SATURATES]
    later = 1 - mae[:, 4].sum() / mae[:, 5].sum()
    assert finding.verdict == SUPPORTED
    assert f"50 % [50, 50] of the final δr and {100 * later:.0f} % [" in finding.numbers


def test_displacement_that_varies_more_than_mae_is_found(tmp_path: Path) -> None:
    folder = write_rain_study(tmp_path, [NET])
    mae = write_draws(next(folder.glob("*/")), NET, draws=30)
    finding = findings_in(folder)[nowcasting_findings.LESS_STABLE]
    relative = (mae[..., 17].std(axis=1, ddof=1) / mae[..., 17].mean(axis=1)).mean()
    assert finding.verdict == SUPPORTED
    assert f"{100 * relative:.0f} % [1, 1] of MAE" in finding.numbers


@pytest.mark.parametrize(("seeds", "verdict"), [(1, INCONCLUSIVE), (2, SUPPORTED)])
def test_effect_of_balanced_training_events_is_found(
    tmp_path: Path, seeds: int, verdict: str
) -> None:
    slope = pl.when(pl.col("sample_id") % 2 == 0).then(0.004).otherwise(-0.004)
    for balanced, seed in product((False, True), range(seeds)):
        made = MadeRain("nowcastnet", seed, {"balanced": balanced})
        rows = by_lead(made, EVENTS).with_columns(observed_rate=2 + slope * pl.col("lead"))
        says = pl.col("observed_rate") if balanced else pl.lit(1.0)
        write_rain_point(tmp_path / made.point, made, rows.with_columns(predicted_rate=says), {})
    finding = findings_in(tmp_path)[rain_training_findings.FILLS]
    assert finding.verdict == verdict and SUPPORTED in (finding.verdict, finding.nets_verdict)
    assert "0 % [0, 0] of the 30 events" in finding.numbers
    assert "100 % [100, 100] by" in finding.numbers


def test_training_on_weak_events_is_tested_on_strong_ones(tmp_path: Path) -> None:
    for weakest, factor in ((0.3333, 1.3), (1.0, 1.0)):
        made = MadeRain("nowcastnet", 0, {"weakest": weakest})
        parts = [by_lead(MadeRain(), EVENTS, name) for name in (PARTITION, "weak", "strong")]
        strong = pl.col("partition") == "strong"
        rows = pl.concat(parts).with_columns(
            point=pl.lit(made.point),
            mae=pl.when(strong).then(pl.col("mae") * factor).otherwise(pl.col("mae")),
        )
        write_rain_point(tmp_path / made.point, made, rows, {})
    finding = findings_in(tmp_path)[rain_training_findings.STRONG_ERR_MORE]
    assert finding.nets_verdict == SUPPORTED
    assert "0 % [0, 0] on weak events" in finding.numbers
    assert "30 % [30, 30] on strong events" in finding.numbers


def test_studies_of_other_workloads_have_no_findings(tmp_path: Path) -> None:
    folder = write_rain_study(tmp_path, [NET])
    next(folder.glob("*/by_lead.parquet")).unlink()
    assert findings_in(folder) == {}


def test_nearest_lead_within_half_a_frame_is_used_for_an_hour() -> None:
    assert leads_at_hours(range(10, 210, 10)) == (60, 120, 180)
    assert leads_at_hours(range(7, 141, 7)) == (63, 119)
    assert leads_at_hours(range(6, 73, 6)) == (60,)
    assert leads_at_hours([]) == ()
    assert hours(120) == "2 h" and hours_listed([63, 119]) == "63, 119 min"
