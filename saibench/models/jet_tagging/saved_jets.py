"""The jets that a report shows, scored once more after the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from saibench.datamodules.jet_tagging.module import JetTaggingDataModule
from saibench.evidence.jet_tagging.saved_jets import FILE, ShownJets, write_jets
from saibench.evidence.schema import read_table

WRONG = "most confidently wrong {} jet"
TYPICAL = "typical {} jet, of median score"
CHOSEN = "chosen by `shown`"
CLASSES = {1: "top", 0: "QCD"}


def keep_shown_jets(folder: Path, module: Any, data: JetTaggingDataModule) -> None:
    """Write `jets.npz` into a point's folder, whose samples have been written.

    Args:
        folder: the point's.
        module: a `JetTaggingModule`.
        data: its `shown`, or the scores of its tested jets, say which jets.
    """
    rows = data.shown_rows()
    if rows is not None:
        chosen = [(int(row), CHOSEN) for row in rows]
    else:
        chosen = _telling(read_table(folder / "samples.parquet"), data)
    if chosen:
        write_jets(folder / FILE, _kept(chosen, module, data))


def _telling(samples: pl.DataFrame, data: JetTaggingDataModule) -> list[tuple[int, str]]:
    """Rows of the jets of each class that are most confidently wrong and typical, and why."""
    partition = data.looked_at(samples["partition"].unique(maintain_order=True).to_list())
    tested = samples.filter(pl.col("partition") == partition).sort("logit", "sample_id")
    row_of = {int(one): row for row, one in enumerate(data.index["sample_id"])}
    chosen: dict[int, str] = {}
    for kind in (WRONG, TYPICAL):
        for label, name in CLASSES.items():
            own = tested.filter(pl.col("label") == label)["sample_id"].to_list()
            wrong = tested.filter(pl.col("label") == label, pl.col("correct") == 0)
            if kind == TYPICAL and own:
                chosen.setdefault(own[len(own) // 2], kind.format(name))
            elif kind == WRONG and wrong.height:
                chosen[wrong["sample_id"][0 if label else -1]] = kind.format(name)
    return [(row_of[sample], why) for sample, why in chosen.items()]


@torch.no_grad()
def _kept(chosen: list[tuple[int, str]], module: Any, data: JetTaggingDataModule) -> ShownJets:
    module.eval()
    rows = np.array([row for row, _ in chosen])
    batch = data.batch_of(rows).to(module.device)
    logits = module(batch).double().cpu()
    momenta = batch.momenta.double().cpu().numpy()
    mask = batch.mask.cpu().numpy()
    _, px, py, pz = np.moveaxis(momenta, -1, 0)
    axis = momenta.sum(axis=1)
    eta, phi = _direction(px, py, pz)
    jet_eta, jet_phi = _direction(axis[:, 1], axis[:, 2], axis[:, 3])
    turned = (phi - jet_phi[:, None] + np.pi) % (2 * np.pi) - np.pi
    return ShownJets(
        sample_id=batch.sample_id.cpu().numpy(),
        label=batch.label.cpu().numpy(),
        score=(logits[:, 0] - logits[:, 1]).sigmoid().numpy(),
        why=np.array([why for _, why in chosen]),
        end=np.cumsum(mask.sum(axis=1), dtype=np.int64),
        eta=(eta - jet_eta[:, None])[mask],
        phi=turned[mask],
        pt=np.hypot(px, py)[mask],
    )


def _direction(px: np.ndarray, py: np.ndarray, pz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pseudorapidity and azimuth."""
    with np.errstate(invalid="ignore", divide="ignore"):  # padding has no direction
        return np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px)
