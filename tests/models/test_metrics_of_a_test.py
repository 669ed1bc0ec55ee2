"""Each metric of a test partition equals the value from the evidence of its samples."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from command_line import QUIET, TINY, no_page, only_point, train
from omegaconf import OmegaConf

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics
from saibench.figures.nowcasting import cumulative_csi, differential_trend
from saibench.runs.evaluation import evaluate
from saibench.runs.point import load_point
from saibench.runs.training import rank_of

EXACT = 1e-12
"""Tolerance of sums in double precision, in another order."""
SINGLE = 2e-7
"""Tolerance of means over an axis, stored in single precision (half of 2^-23 each)."""
LATE = (
    "+partitions.late={samplers: [{_target_: saibench.datamodules.samplers.Window, by: time, "
    "start: 0.85, size: 0.1}]}"
)


@contextmanager
def short_validation() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, no_page():
        patch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 4)
        yield


def evaluated(folder: Path, *arguments: str) -> tuple[Path, Mapping[str, Mapping[str, Any]]]:
    """A run's folder, and the metrics of its last evaluation pass by partition."""
    with short_validation():
        ended = train(folder, *arguments)
        assert ended.status == 0, ended
        point = only_point(folder)
        config = OmegaConf.create(load_point(point).settings)
        with rank_of(Path(shutil.copytree(point, folder / "again")), config, "evaluate") as rank:
            evaluate(rank.folder, rank.module, rank.data, rank.trainer)
            return point, rank.module.tested_metrics


def rows(point: Path, table: str, partition: str) -> polars.DataFrame:
    return polars.read_parquet(point / f"{table}.parquet").filter(partition=partition)


def along(point: Path, partition: str, axis: str, name: str) -> np.ndarray:
    """`(E, L)` of a statistic in double precision, in ascending order of samples and labels."""
    found = rows(point, f"by_{axis}", partition).sort("sample_id", axis, maintain_order=True)
    samples = found["sample_id"].n_unique()
    return found[name].cast(polars.Float64).fill_null(np.nan).to_numpy().reshape(samples, -1)


def near(found: Any, expected: Any, relative: float) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=relative, atol=1e-12)


def test_force_field(tmp_path: Path) -> None:
    """Two partitions of one pass that share frames: each has its own sums."""
    point, found = evaluated(tmp_path, *TINY, LATE, "test=[last_tenth,late]")
    assert set(found) == {"last_tenth", "late"}
    for partition, metrics in found.items():
        samples = rows(point, "samples", partition)
        assert metrics["force_mae"]["count"] == 9 * len(samples), "atoms of ethanol"
        for name in ("force_mae", "force_error_norm"):
            near(metrics[name]["all"], samples[name].mean(), EXACT)
            species = rows(point, "by_species", partition).filter(polars.col("num_atoms") > 0)
            means = species.group_by("species", maintain_order=True).agg(polars.col(name).mean())
            of_species = [metrics[name][number] for number in range(len(means))]
            near(of_species, means[name].to_numpy(), SINGLE)
        for name, column in (
            ("energy_mae", "energy_error"),
            ("energy_mae_per_atom", "energy_error_per_atom"),
        ):
            near(metrics[name]["all"], samples[column].abs().mean(), EXACT)
            near(metrics[name]["bias"], samples[column].mean(), EXACT)
            assert metrics[name]["count"] == len(samples)


JETS = (
    *QUIET,
    *(
        "workload=jet_tagging",
        "data.top_jets=120",
        "data.qcd_jets=120",
        "subset.count=40",
        "trainer.max_steps=2",
    ),
    *("trainer.val_every=2", "datamodule.max_constituents=16"),
)


def test_jet_tagging(tmp_path: Path) -> None:
    point, found = evaluated(tmp_path, *JETS, "test=[held_out,balanced]")
    for partition, metrics in found.items():
        samples = rows(point, "samples", partition)
        correct, top = samples["correct"].to_numpy(), samples["label"].to_numpy() == 1
        accuracy, roc = metrics["accuracy"], metrics["roc"]
        near(accuracy["all"], correct.mean(), EXACT)
        near(accuracy["signal"], correct[top].mean(), EXACT)
        near(accuracy["background"], correct[~top].mean(), EXACT)
        assert accuracy["counts"].tolist() == [(~top).sum(), top.sum()]
        exact = read_metrics(point)[partition]
        assert abs(roc["auc"] - exact["auc"]["value"]) <= roc["auc_error"] + EXACT < 0.01
        logit = samples["logit"].to_numpy()
        pairs = np.sign(logit[top][:, None] - logit[~top][None]).mean() / 2 + 0.5
        near(exact["auc"]["value"], pairs, EXACT)


RAIN = (
    *QUIET,
    *("workload=nowcasting", "workload.findings=[]", "data.events=40", "subset.count=9"),
)


def test_nowcasting(tmp_path: Path) -> None:
    point, found = evaluated(tmp_path, *RAIN, "model=persistence", "test=[held_out,all_events]")
    evidence = StudyEvidence.load(point)
    for partition, metrics in found.items():
        for name, column in (
            ("mae", "mae"),
            ("active_area_mae", "active_area_mae"),
            ("union_area_mae", "union_area_mae"),
            ("csi_16", "csi_16"),
        ):
            values = along(point, partition, "lead", column)
            score = (
                name.removesuffix("_16")
                if "csi" in name
                else name.replace("union", "active").replace("_area", "")
            )
            near(metrics[name][score], np.nanmean(values, axis=0), SINGLE)
            assert metrics[name]["count"].tolist() == (~np.isnan(values)).sum(axis=0).tolist()
        for score in ("dx", "dy", "dr"):
            column = {"dx": "displacement_x", "dy": "displacement_y", "dr": "displacement"}[score]
            values = np.nanmean(along(point, partition, "lead", column), axis=0)
            near(metrics["displacement"][score], values, 1e-5)  # signs cancel
        counts = {
            name: along(point, partition, "lead", f"{name}_16")
            for name in ("hits", "misses", "false_alarms")
        }
        for name, pixels in counts.items():
            assert metrics["csi_16"][name].tolist() == pixels.sum(axis=0).tolist()

        grid = cumulative_csi.table(evidence, partition).filter(threshold=16)
        bins = grid["events"].to_numpy().reshape(20, 31)
        assert metrics["cumulative_csi_16"]["counts"].tolist() == bins[:, :-1].tolist()
        assert metrics["cumulative_csi_16"]["overflow"].tolist() == bins[:, -1].tolist()
        assert metrics["cumulative_csi_16"]["num_events"] == bins[0].sum() > 0

        for lead in (60, 120, 180):
            trends = differential_trend.table(evidence, partition).filter(lead=lead)
            errors = (trends["predicted_trend"] - trends["observed_trend"]).to_numpy()
            place = lead // 10 - 2  # leads after the first frame
            near(metrics["trend"]["mae"][place], np.abs(errors).mean(), 1e-5)
            near(metrics["trend"]["bias"][place], errors.mean(), 1e-5)
            members = quadrants(trends)
            assert metrics["trend"]["quadrant_count"][place].tolist() == members


NET = (
    *RAIN,
    *("model=nowcastnet_narrow", "trainer.max_steps=2", "trainer.val_every=2"),
    *("model.evolution_steps=1", "model.net.base_channels=8", "model.discriminator_channels=4"),
    "datamodule.batch_size=2",
    "+partitions.drawn.samplers=[{_target_: saibench.datamodules.samplers.Tail, by: sample_id, "
    "size: 0.075}]",
    "+partitions.drawn.transform={_target_: saibench.datamodules.nowcasting.draws.RepeatedDraws, "
    "count: 4}",
)


@pytest.mark.slow
def test_repeated_draws(tmp_path: Path) -> None:
    point, found = evaluated(tmp_path, *NET, "test=[drawn]")
    stability = found["drawn"]["stability"]
    draws = rows(point, "by_draw", "drawn").sort("sample_id", "draw")
    for name, column in (("mae", "mae"), ("dr", "displacement")):
        values = draws[column].cast(polars.Float64).to_numpy().reshape(3, 4, 20)
        near(stability[name], np.nanmean(values, axis=(0, 1)), SINGLE)
        near(stability[f"{name}_mean"], np.nanmean(values, axis=1), SINGLE)
        std = np.nanstd(values, axis=1, ddof=1)
        near(stability[f"{name}_std"], std, 1e-3)  # of similar values
        near(stability[f"{name}_highest"], np.nanmax(values, axis=1), SINGLE)
    assert stability["draws"].tolist() == [4, 4, 4]
    first = along(point, "drawn", "lead", "mae")
    near(found["drawn"]["mae"]["mae"], first.mean(axis=0), SINGLE)


def quadrants(trends: polars.DataFrame) -> list[int]:
    observed, predicted = trends["observed_trend"], trends["predicted_trend"]
    return [
        int(((x * observed > 0) & (y * predicted > 0)).sum())
        for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1))
    ]
