"""Jets that a report displays."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.jet_tagging.module import JetTaggingDataModule
from saibench.evidence.jet_tagging.saved_jets import SavedJets

WRONG = "most confidently wrong {} jet"
TYPICAL = "typical {} jet, of median score"


def choose_jets(tested: pl.DataFrame, data: JetTaggingDataModule) -> dict[int, str]:
    """Reason by sample id of the most confidently wrong and the typical jet of each class."""
    tested = tested.sort("logit", "sample_id")
    chosen: dict[int, str] = {}
    for kind in (WRONG, TYPICAL):
        for label in (1, 0):
            name = data.class_names.of(label)
            own = tested.filter(pl.col("label") == label)["sample_id"].to_list()
            wrong = tested.filter(pl.col("label") == label, pl.col("correct") == 0)
            if kind == TYPICAL and own:
                chosen.setdefault(own[len(own) // 2], kind.format(name))
            elif kind == WRONG and wrong.height:
                chosen[wrong["sample_id"][0 if label else -1]] = kind.format(name)
    return chosen


def saved_jets(
    rows: np.ndarray, why: np.ndarray, module: Any, data: JetTaggingDataModule
) -> SavedJets:
    """The jets of these rows with their scores and constituents."""
    batch = data.batch_of(rows).to(module.device)
    logits = module(batch).double().cpu()
    momenta = batch.momenta.double().cpu().numpy()
    mask = batch.mask.cpu().numpy()
    _, px, py, pz = np.moveaxis(momenta, -1, 0)
    axis = momenta.sum(axis=1)
    eta, phi = _direction(px, py, pz)
    jet_eta, jet_phi = _direction(axis[:, 1], axis[:, 2], axis[:, 3])
    delta_phi = (phi - jet_phi[:, None] + np.pi) % (2 * np.pi) - np.pi
    return SavedJets(
        sample_id=batch.sample_id.cpu().numpy(),
        label=batch.label.cpu().numpy(),
        score=module.classes.log_odds(logits).sigmoid().numpy(),
        why=why,
        end=np.cumsum(mask.sum(axis=1), dtype=np.int64),
        eta=(eta - jet_eta[:, None])[mask],
        phi=delta_phi[mask],
        pt=np.hypot(px, py)[mask],
    )


def _direction(px: np.ndarray, py: np.ndarray, pz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pseudorapidity and azimuth."""
    with np.errstate(invalid="ignore", divide="ignore"):  # padding has no direction
        return np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px)
