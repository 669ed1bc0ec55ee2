"""Evaluation of an ASE calculator: a published potential, or a method of quantum chemistry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.errors import UserError
from saibench.evidence.run_record import PREDICTIONS
from saibench.models.force_field.calculators import (
    CalculatorFailed,
    CalculatorModel,
    built_calculator,
)
from saibench.models.force_field.module import ForceFieldModule
from saibench.options import Positive


class CalculatorModule(ForceFieldModule):
    """An ASE calculator, tested as it is, without training.

    Predictions are kept in the run's folder, so that an evaluation that stopped continues, and
    further partitions compute new frames only.

    Args:
        calculator: a name (`chgnet`, `emt`, `gfn1_xtb`, `gfn2_xtb`), or `_target_` and settings.
        dataset_info: as in `ForceFieldModule`.
        name: of the model; None for the name or class of the calculator.
        box: side in Å of a periodic cube around each molecule, or None.
        align_energies, force_inconsistency: as in `ForceFieldModule`.
        steps: 0.
        seed: unused.
    """

    snapshots = 0

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        built_calculator(settings["calculator"])

    def __init__(
        self,
        calculator: str | dict[str, Any],
        dataset_info: dict[str, Any],
        name: str | None = None,
        box: Positive | None = None,
        align_energies: bool = True,
        steps: Literal[0] = 0,
        seed: int = 0,
        force_inconsistency: bool | None = None,
    ) -> None:
        target = f"{CalculatorModel.__module__}.{CalculatorModel.__name__}"
        net = {"_target_": target, "_recursive_": False, "calculator": calculator, "box": box}
        super().__init__(
            net,
            None,
            dataset_info,
            seed=seed,
            steps=0,
            name=name,
            align_energies=align_energies,
            force_inconsistency=force_inconsistency,
        )

    def on_test_start(self) -> None:
        if self.net.kept is None:
            self.net.keep(Path(self.trainer.default_root_dir) / PREDICTIONS)
        super().on_test_start()

    def _output(self, batch: MoleculeBatch) -> Sequence[Any]:
        try:
            return super()._output(batch)
        except CalculatorFailed as error:
            sample = int(batch.sample_id[error.frame])
            raise UserError(
                f"model.calculator={self.net.name} fails for frame {sample} ({error.cause}). Test "
                "it on other frames, or set what it needs, such as model.box for a periodic cell."
            ) from error
