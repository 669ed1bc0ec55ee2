"""Classes of a tagger: two, or more with one output of the net each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.evidence.jet_tagging.class_names import TOP_AND_QCD, ClassNames
from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Axis, PartitionMetric, Statistic
from saibench.metrics.functional.classification import area_under_roc
from saibench.models.net_interface import built_net

INPUTS = {"momenta": "(B, P, 4) GeV", "mask": "(B, P) bool"}
"""Of a net's `forward`."""
AXIS = "class"


@dataclass(frozen=True)
class JetClasses:
    """What a net's outputs are.

    names: of the classes, in the order of the outputs; empty for top and QCD
    signal: names of the classes of label 1
    of_labels: names of the jets of label 1 and 0
    """

    names: tuple[str, ...] = ()
    signal: tuple[str, ...] = ()
    of_labels: ClassNames = TOP_AND_QCD

    @classmethod
    def of(cls, dataset_info: Mapping[str, Any]) -> JetClasses:
        """The classes of `JetTaggingDataModule.dataset_info`."""
        names, signal = (tuple(dataset_info.get(name, ())) for name in ("classes", "signal"))
        return cls(names, signal, ClassNames.stated(dataset_info))

    @property
    def outputs(self) -> int:
        return len(self.names) or 2

    @property
    def meaning(self) -> str:
        """Of the net's output, for messages."""
        if not self.names:
            return "(B, 2), the logits of top and QCD in this order"
        return f"(B, {self.outputs}), the logits of {', '.join(self.names)} in this order"

    def built(self, net: Mapping[str, Any], seed: int) -> Any:
        """The net of a node `model.net`, with an output per class. Raises UserError: see there."""
        known = {"num_classes": len(self.names)} if self.names and "num_classes" not in net else {}
        return built_net(net, INPUTS, seed=seed, **known)

    def targets(self, batch: JetBatch) -> Tensor:
        """Positions of the true classes among the outputs `(B,)`."""
        if not self.names:
            return 1 - batch.label
        assert batch.jet_class is not None
        return batch.jet_class

    def log_odds(self, logits: Tensor) -> Tensor:
        """Log-odds of signal against background, ln Σ p(signal) − ln Σ p(background), `(B,)`.

        As in JetClass (Qu et al. 2022, arXiv:2202.03772, section 5), with all classes of either.

        Args:
            logits: `(B, 2)` or `(B, K)`.
        """
        if not self.names:
            return logits[:, 0] - logits[:, 1]
        is_signal = torch.tensor([name in self.signal for name in self.names], device=logits.device)
        return logits[:, is_signal].logsumexp(dim=1) - logits[:, ~is_signal].logsumexp(dim=1)

    def scores(self, logits: Tensor, batch: JetBatch) -> dict[str, Tensor]:
        """Values of `class_statistics`; empty for two classes."""
        if not self.names:
            return {}
        probabilities = logits.softmax(dim=1)
        others = [
            torch.cat([logits[:, :place], logits[:, place + 1 :]], dim=1).logsumexp(dim=1)
            for place in range(self.outputs)
        ]
        targets = self.targets(batch)
        correct = (logits.argmax(dim=1) == targets).double()
        return {
            "class_correct": torch.where(logits.isnan().any(dim=1), torch.nan, correct),
            f"{AXIS}/class_score": probabilities,
            f"{AXIS}/class_logit": logits - torch.stack(others, dim=1),
            f"{AXIS}/of_class": torch.nn.functional.one_hot(targets, self.outputs).double(),
        }


def class_statistics(names: Sequence[str]) -> list[Statistic]:
    """Scores of a jet by class, and whether the class of the highest score is true.

    Args:
        names: of the classes; empty for a net of two.
    """
    if not names:
        return []
    by_class = Axis(AXIS, tuple(names))
    return [
        Statistic(
            "class_correct",
            "",
            "jet",
            "1 if the class of the highest score is the true one, else 0",
            summaries={"class_accuracy": "mean"},
            binary=True,
        ),
        Statistic(
            "class_score", "", "jet", "predicted probability of the class", by_class, known=BEFORE
        ),
        Statistic(
            "class_logit",
            "",
            "jet",
            "predicted log-odds of the class against all others",
            by_class,
            known=BEFORE,
        ),
        Statistic("of_class", "", "jet", "1 for a jet of the class, else 0", by_class, binary=True),
    ]


def class_metrics(names: Sequence[str]) -> list[PartitionMetric]:
    """AUC of each class against all others (one versus rest), and their mean (macro).

    As `roc_auc_score(..., multi_class="ovr", average="macro")` of scikit-learn.

    Args:
        names: of the classes; empty for a net of two.
    """
    if not names:
        return []
    columns = (f"{AXIS}/class_logit", f"{AXIS}/of_class")
    return [
        *(
            PartitionMetric(
                f"auc_{name}",
                "",
                "pair of jets",
                columns,
                partial(_area_of, place=place),
                {"how": "auc", "label": name},
            )
            for place, name in enumerate(names)
        ),
        PartitionMetric("auc_macro", "", "pair of jets", columns, _mean_area),
    ]


def _area_of(logits: np.ndarray, of_class: np.ndarray, place: int) -> float:
    return area_under_roc(logits[:, place], of_class[:, place])


def _mean_area(logits: np.ndarray, of_class: np.ndarray) -> float:
    """NaN if a class is absent."""
    return float(np.mean([_area_of(logits, of_class, place) for place in range(logits.shape[1])]))
