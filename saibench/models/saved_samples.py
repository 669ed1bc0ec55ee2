"""Which tested samples a run keeps whole for its report, predicted once more after the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from saibench.evidence.saved_samples import SavedSamples
from saibench.evidence.schema import read_table

CHOSEN = "chosen by `save_samples`"


@torch.no_grad()
def save_samples(
    folder: Path,
    module: Any,
    data: Any,
    telling: Callable[[pl.DataFrame, Any], dict[int, str]],
    saved: Callable[[np.ndarray, np.ndarray, Any, Any], SavedSamples],
) -> None:
    """Write a run's saved samples into its folder, whose evidence has been written.

    Args:
        folder: the run's.
        module: with the tested weights.
        data: its `save_samples`, or else `telling`, say which.
        telling: evidence of the partition that a report shows, and `data` → why, by sample id.
        saved: rows of the index, why each, `module` and `data` → what is to be kept.
    """
    rows = data.saved_rows()
    why = [] if rows is None else [CHOSEN] * len(rows)
    if rows is None:
        samples = read_table(folder / "samples.parquet")
        partition = data.reported_partition(
            samples["partition"].unique(maintain_order=True).to_list()
        )
        chosen = telling(samples.filter(pl.col("partition") == partition), data)
        row_of = {int(one): row for row, one in enumerate(data.index["sample_id"])}
        rows, why = np.array([row_of[sample] for sample in chosen], int), list(chosen.values())
    if len(rows):
        module.eval()
        kept = saved(rows, np.array(why), module, data)
        kept.write(folder / kept.FILE)
