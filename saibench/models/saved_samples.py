"""Tested samples that a run saves for its report, predicted again after the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from saibench.evidence.run_record import SAMPLES
from saibench.evidence.saved_samples import SavedSamples
from saibench.evidence.schema import read_table

CHOSEN = "chosen by `save_samples`"


@torch.no_grad()
def save_samples(
    folder: Path,
    module: Any,
    data: Any,
    choose: Callable[[pl.DataFrame, Any], dict[int, str]],
    collect: Callable[[np.ndarray, np.ndarray, Any, Any], SavedSamples],
) -> None:
    """Write a run's saved samples into its folder, which already holds the evidence.

    Args:
        folder: of the run.
        module: with the tested weights.
        data: chooses the samples by `save_samples`, if set.
        choose: evidence of the reported partition and `data` → reason by sample id.
        collect: rows of the index, their reasons, `module` and `data` → the samples.
    """
    rows = data.saved_rows()
    if rows is not None:
        why = [CHOSEN] * len(rows)
    else:
        samples = read_table(folder / SAMPLES)
        partition = data.reported_partition(
            samples["partition"].unique(maintain_order=True).to_list()
        )
        chosen = choose(samples.filter(pl.col("partition") == partition), data)
        row_of = {int(one): row for row, one in enumerate(data.index["sample_id"])}
        rows, why = np.array([row_of[sample] for sample in chosen], int), list(chosen.values())
    if len(rows):
        module.eval()
        saved = collect(rows, np.array(why), module, data)
        saved.write(folder / saved.FILE)
