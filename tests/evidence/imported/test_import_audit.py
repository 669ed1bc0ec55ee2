"""Leaks between training and test rows of an imported table are found by their features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import saibench

from saibench.evidence import from_dataframe

TRAIN, TEST = 400, 300
COPIES = 30


def table(decimals: int = 9) -> polars.DataFrame:
    """Independent rows of three features; the first test rows are copies of training rows."""
    x = np.random.default_rng(0).normal(size=(TRAIN + TEST, 3)).round(decimals)
    x[TRAIN : TRAIN + COPIES] = x[:COPIES]
    return polars.DataFrame(
        {
            "id": range(len(x)),
            "split": ["train"] * TRAIN + ["test"] * TEST,
            "y_true": x[:, 0],
            "y_pred": [None] * TRAIN + (x[TRAIN:, 0] + 1).tolist(),  # predicted for the test alone
            **{f"x{k}": x[:, k] for k in range(3)},
        }
    )


def audited(study: Path) -> dict:
    ended = saibench(study.parent, "audit", str(study))
    assert ended.status == 0, ended.err
    (path,) = study.glob("*/run.json")
    return json.loads(path.read_text())["audit"]["test"]


def test_copies_are_found(tmp_path: Path) -> None:
    audit = audited(from_dataframe(table(), tmp_path / "s"))
    assert (audit["test"], audit["training"]) == (TEST, TRAIN)
    assert audit["same"]["estimate"] == pytest.approx(COPIES / TEST)
    pairs = {(pair["test"], pair["training"]) for pair in audit["pairs"] if pair["same"]}
    assert pairs <= {(TRAIN + k, k) for k in range(COPIES)} and pairs


def test_coarse_features_do_not_identify_a_sample(tmp_path: Path) -> None:
    """Rounded to integers, most rows equal another by chance."""
    audit = audited(from_dataframe(table(decimals=0), tmp_path / "s"))
    assert audit["same"]["estimate"] == 0


def test_the_effect_of_leaks_on_the_error_is_measured(tmp_path: Path) -> None:
    frame = table().with_columns(
        y_pred=polars.when(polars.col("id") < TRAIN + COPIES)
        .then(polars.col("y_true"))
        .otherwise(polars.col("y_pred"))
    )
    effect = audited(from_dataframe(frame, tmp_path / "s"))["effect"]
    assert effect is not None


def test_without_training_rows_there_is_nothing_to_compare(tmp_path: Path) -> None:
    study = from_dataframe(table().filter(polars.col("split") == "test"), tmp_path / "s")
    ended = saibench(tmp_path, "audit", str(study))
    assert (ended.status, "train" in ended.err) == (2, True)


def test_unknown_partitions_and_options_are_refused(tmp_path: Path) -> None:
    study = from_dataframe(table(), tmp_path / "s")
    for options, word in ((["--partition", "tset"], "'test'"), (["--seen", "ids.txt"], "--seen")):
        ended = saibench(tmp_path, "audit", str(study), *options)
        assert (ended.status, word in ended.err) == (2, True)
