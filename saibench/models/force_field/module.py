"""Training and evaluation of machine-learned force fields (paper §4)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from hydra.utils import get_object
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torchmetrics import MeanMetric

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.statistic import Statistic
from saibench.metrics.force_field import (
    EnergyError,
    PerAtomEnergyError,
    PerAtomForceError,
    StressError,
)
from saibench.metrics.force_field.functional import (
    by_species,
    energy_error,
    force_component_error,
    force_norm_error,
    stress_component_error,
)
from saibench.models.external.model import ExternalModel
from saibench.models.force_field.atoms import FlatAtoms, mean_over_atoms, mean_over_components
from saibench.models.force_field.consistency import (
    INCONSISTENCY,
    force_inconsistency,
    is_requested,
)
from saibench.models.force_field.external import (
    ALIGNED,
    OUTPUTS,
    OUTPUTS_OF_CELLS,
    EnergyShift,
    aligned_rows,
    base_energies,
    named_inputs,
    refuse_not_finite,
)
from saibench.models.force_field.saved_frames import choose_frames, saved_frames
from saibench.models.force_field.statistics import (
    STRESS_MAE,
    atom_axis,
    committee_statistics,
    defined_where,
    force_field_statistics,
    species_axis,
)
from saibench.models.latent.space import LatentSpace
from saibench.models.metrics import MetricInputs, Metrics
from saibench.models.net_interface import built_net, checked_output, checked_outputs
from saibench.models.net_module import LOG_EVERY, NetModule, check_optimizer
from saibench.models.optim.ema import ExponentialMovingAverage
from saibench.models.saved_samples import save_samples
from saibench.models.untrained import refuse_random_weights
from saibench.options import Decay
from saibench.units import MEV_PER_EV

log = logging.getLogger(__name__)


class Prediction(NamedTuple):
    """Predictions of B frames of A atoms.

    Args:
        energy: `(B,)` in eV, minus the reference.
        forces: `(B, A, 3)` in eV/Å.
        stress: `(B, 3, 3)` in eV/Å³, of no meaning for frames that are not periodic; None for data
            of molecules.
    """

    energy: Tensor
    forces: Tensor
    stress: Tensor | None = None


class ForceFieldModule(NetModule):
    """Training of a net on energies and forces, and its errors by frame, species and atom.

    The loss of a batch is Σ_frames [w_E (E − Ẽ)² + w_F mean_components (f − f̃)²] / B, with E the
    total energy minus its reference: the training partition's mean (paper eq. 1), or the atomic
    energies of several molecules. Weights are as published for NequIP on rMD17. With
    `loss_of=absolute` it is Σ_frames [w_E |E − Ẽ| + w_F mean_atoms ‖f − f̃‖] / B. Where the
    reference has a stress, w_S mean_components (σ − σ̃)², or |σ − σ̃|, is added.

    Args:
        net: `_target_` and settings of the net, `forward(positions (B, A, 3) Å, species (A,))`
            → energies `(B,)` eV and forces `(B, A, 3)` eV/Å. A net of several molecules has the
            attribute `mixed_molecules = True` and gets species `(B, A)`, -1 where there is no atom.
            A net of periodic frames has the attribute `periodic_cells = True`; of periodic data it
            also gets cells `(B, 3, 3)` in Å and returns the stress `(B, 3, 3)` in eV/Å³, too,
            unless its attribute `predicts_stress` is False. If its attribute `conservative_forces`
            is False, its forces are no gradients, see `force_inconsistency`.
        optimizer: `_target_` and settings of a torch optimizer; None without training.
        dataset_info: of the training partition: `type_names`, `species`, `avg_num_neighbors`,
            `force_rms` (eV/Å), `energy_mean` (eV). `species` is None for several molecules, whose
            energies are relative to `atomic_energies` (eV) by atom type. Periodic data also have
            `periodic`, and `stress`: whether the reference has it.
        loss: weights `energy` and `forces`; None without training.
        loss_of: `squared` or `absolute` errors.
        lr_schedule: `scheduler` (a `_target_`), `interval` and `monitor`, or None.
        ema_decay: decay of the moving average of the weights, in [0, 1), or None.
        seed: seed of the initial weights.
        stress_weight: w_S of periodic frames, in Å⁶/eV² or Å³/eV.
        steps: 0 for a net that is not trained.
        name: of the model, in the names of runs; None for the class of the net.
        align_energies: whether the total energies of an `ExternalModel` are compared up to the
            constants of `EnergyShift`, which levels of theory do not share.
        force_inconsistency: whether tests compare the forces with the slope of the energy, which
            takes two further predictions of each frame; None: of a net, or of the function or class
            behind `model=function`, that says `conservative_forces = False`. For forces that are
            gradients it is rounding.
    """

    precisions = ("32-true",)  # forces are small differences; a net has its own `dtype`
    inference_mode = False  # forces are gradients, in evaluation too
    validated = ("val/loss", "val/force_mae", "val/energy_mae_per_atom")
    snapshots = 3

    def __init__(
        self,
        net: dict[str, Any],
        optimizer: dict[str, Any] | None,
        dataset_info: dict[str, Any],
        loss: dict[str, float] | None = None,
        loss_of: Literal["squared", "absolute"] = "squared",
        lr_schedule: dict[str, Any] | None = None,
        ema_decay: Decay | None = 0.99,
        seed: int = 0,
        stress_weight: float = 0.0,
        steps: int | None = None,
        name: str | None = None,
        align_energies: bool = True,
        force_inconsistency: bool | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.dataset_info = dataset_info
        self.loss_weights = loss or {"energy": 1.0, "forces": 1.0}
        self.loss_of = loss_of
        self.stress_weight = stress_weight
        self._shift: EnergyShift | None = None
        inputs = {"positions": "(B, A, 3) Å", "species": "(A,)"}
        if dataset_info.get("periodic") and getattr(
            get_object(net["_target_"]), "periodic_cells", False
        ):
            inputs["cells"] = "(B, 3, 3) Å"
        self.net = built_net(
            net,
            inputs,
            type_names=dataset_info["type_names"],
            avg_num_neighbors=dataset_info["avg_num_neighbors"],
            force_rms=dataset_info["force_rms"],
            seed=seed,
        )
        self.is_external = isinstance(self.net, ExternalModel)
        self._refuse_unfit_net(net["_target_"])
        num_species = len(dataset_info["type_names"])
        self.validation_forces = PerAtomForceError(num_species)
        self.validation_energy = PerAtomEnergyError()
        self.validation_loss = MeanMetric(nan_strategy="disable")  # keeps NaN

    @property
    def tests_consistency(self) -> bool:
        """Whether tests have `force_inconsistency`; raises UserError as `is_requested`."""
        return is_requested(self.net, self.hparams["force_inconsistency"])

    @property
    def has_stress(self) -> bool:
        """Whether data and net have a stress, which is then scored."""
        return bool(self.dataset_info.get("stress")) and self._predicts_stress

    @property
    def _predicts_stress(self) -> bool:
        return bool(getattr(self.net, "predicts_stress", not self.is_external))

    def _refuse_unfit_net(self, name: str) -> None:
        """Raise UserError if the net, or the loss, does not fit the data."""
        info = self.dataset_info
        takes_mixed = self.is_external or getattr(self.net, "mixed_molecules", False)
        if info["species"] is None and not takes_mixed:
            raise UserError(
                f"model.net={name} takes frames of one molecule, but the data have several. Use "
                "data.one_molecule=true, or a net with `mixed_molecules = True` that accepts "
                "species (B, A), -1 where there is no atom."
            )
        takes_cells = self.is_external or getattr(self.net, "periodic_cells", False)
        if info.get("periodic") and not takes_cells:
            raise UserError(
                f"model.net={name} takes molecules, but the data have periodic cells. Use "
                "model=nequip_quick, or a net with `periodic_cells = True` that accepts cells "
                "(B, 3, 3) in Å and also returns the stress (B, 3, 3) in eV/Å^3."
            )
        if self.has_stress:
            return
        missing = "the net predicts" if info.get("stress") else "the data have"
        if self.stress_weight:
            raise UserError(
                f"model.stress_weight={self.stress_weight:g}, but {missing} no stress. Remove it."
            )
        if info.get("periodic"):
            log.warning("%s no stress: it is not scored.", missing)

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        if settings.get("steps") != 0:
            _check_loss(settings["loss"])
        weight = settings.get("stress_weight", 0)
        if not 0 <= weight < math.inf:
            raise UserError(f"model.stress_weight={weight:g} must be a finite number, at least 0.")
        check_optimizer(settings, max_steps)
        refuse_random_weights(settings, max_steps)

    def forward(self, batch: MoleculeBatch) -> tuple[Tensor, Tensor]:
        """Energies `(B,)` in eV, minus the reference, and forces `(B, A, 3)` in eV/Å."""
        return self.predicted(batch)[:2]

    def predicted(self, batch: MoleculeBatch) -> Prediction:
        """What `forward` returns, with the stress of periodic frames."""
        shape = batch.positions.shape
        energy, forces, *stress = self._output(batch)
        energy = checked_output(self.net, energy, "energies", (shape[0],), "(B,) in eV")
        size, meaning = (shape[0], 3, 3), "(B, 3, 3) in eV/Å^3"
        return Prediction(
            self._relative(energy, batch) if self.is_external else energy,
            checked_output(self.net, forces, "forces", tuple(shape), "(B, A, 3) in eV/Å"),
            checked_output(self.net, stress[0], "stress", size, meaning) if stress else None,
        )

    def _output(self, batch: MoleculeBatch) -> Sequence[Any]:
        """What the net returns: energies, of an `ExternalModel` total energies, and the rest."""
        cells = batch.cells
        has_stress = cells is not None and self._predicts_stress
        if self.is_external:
            inputs = named_inputs(batch, self.dataset_info["type_names"])
            found = self.net(inputs, OUTPUTS_OF_CELLS if has_stress else OUTPUTS)
            refuse_not_finite(self.net, found, inputs)
            return list(found.values())
        names = ["energies (B,) eV", "forces (B, A, 3) eV/Å"]
        if has_stress:
            names.append("stress (B, 3, 3) eV/Å^3")
        given = (batch.positions, batch.species)
        output = self.net(*given) if cells is None else self.net(*given, cells)
        return checked_outputs(self.net, output, tuple(names))

    def _relative(self, total: Tensor, batch: MoleculeBatch) -> Tensor:
        """Total energies `(B,)`, relative to what the data's are, in float64."""
        relative = total.double() - base_energies(batch, self.dataset_info)
        return relative if self._shift is None else relative - self._shift.of(batch)

    def on_test_start(self) -> None:
        """Fit the constants between the energies of an `ExternalModel` and those of the data."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if self.is_external and self.hparams["align_energies"] and self._shift is None:
            batch = data.batch_of(aligned_rows(data.reference_rows()), self.device)
            energy, _ = self(batch)
            self._shift = EnergyShift.fitted(energy, batch, len(self.dataset_info["type_names"]))

    def configure_callbacks(self) -> list[Callback]:
        decay = self.hparams["ema_decay"]
        return [] if decay is None else [ExponentialMovingAverage(decay)]

    def training_step(self, batch: MoleculeBatch, batch_idx: int) -> Tensor:
        energy, forces, stress = self.predicted(batch)
        loss = batch.sample_weight * self.frame_losses(energy, forces, batch, stress).sum()
        if self.global_step % LOG_EVERY == 0:
            self.log("train/loss", loss, sync_dist=True)
        return loss

    def frame_losses(
        self, energy: Tensor, forces: Tensor, batch: MoleculeBatch, stress: Tensor | None = None
    ) -> Tensor:
        """Loss of each frame `(B,)`."""
        of_energy, of_forces = energy - batch.energy, forces - batch.forces
        if self.loss_of == "squared":
            energy_part = of_energy.square()
            force_part = mean_over_components(of_forces.square(), batch.species)
        else:
            energy_part = of_energy.abs()
            force_part = mean_over_atoms(of_forces.norm(dim=2), batch.species)
        if batch.has_forces is not None:
            force_part = torch.where(batch.has_forces, force_part, 0)
        loss = self.loss_weights["energy"] * energy_part + self.loss_weights["forces"] * force_part
        if not self.stress_weight or stress is None or batch.stress is None:
            return loss
        of_stress = (stress - batch.stress)[batch.has_stress]  # it is NaN where not periodic
        of_stress = of_stress.square() if self.loss_of == "squared" else of_stress.abs()
        stress_part = torch.zeros_like(loss, dtype=of_stress.dtype)
        stress_part[batch.has_stress] = of_stress.mean(dim=(1, 2))
        return loss + self.stress_weight * stress_part

    def validation_step(self, batch: MoleculeBatch, batch_idx: int) -> None:
        energy, forces, stress = self.predicted(batch)
        atoms = FlatAtoms.of(batch.species, len(energy))
        known = _with_reference(atoms, batch)
        self.validation_forces.update(
            atoms.flat(forces)[known], atoms.flat(batch.forces)[known], atoms.species[known]
        )
        self.validation_energy.update(energy, batch.energy, atoms.num_atoms)
        self.validation_loss.update(self.frame_losses(energy, forces, batch, stress))

    def on_validation_epoch_end(self) -> None:
        force_mae = MEV_PER_EV * self.validation_forces.compute()["all"].float()
        energy_mae = MEV_PER_EV * self.validation_energy.compute()["all"].float()
        self.log("val/loss", self.validation_loss.compute())
        self.log("val/force_mae", force_mae, prog_bar=True)
        self.log("val/energy_mae_per_atom", energy_mae, prog_bar=True)

    def save_samples(self, folder: Path, data: StructuralDataModule) -> None:
        save_samples(folder, self, data, choose_frames, saved_frames)

    def statistics(self) -> list[Statistic]:
        aligned = self.is_external and self.hparams["align_energies"]
        found = force_field_statistics(
            self.dataset_info["type_names"],
            self.dataset_info["species"],
            ALIGNED if aligned else "",
        )
        if self.tests_consistency:
            found.append(INCONSISTENCY)
        return [*found, STRESS_MAE] if self.has_stress else found

    def latent_space(self) -> LatentSpace | None:
        """Latent features of the atoms, compared within their species."""
        layers = self.latent_layers()
        if not layers:
            return None
        type_names, species = self.dataset_info["type_names"], self.dataset_info["species"]
        return LatentSpace(
            layers,
            f"of {len(layers)} layers of {type(self.net).__name__}",
            self.last_layer(),
            groups=None if species is None else torch.tensor(species),
            part_axis=None if species is None else atom_axis(type_names, species),
            group_axis=species_axis(type_names, species),
            part_name="atom",
            varies=species is None,
        )

    def latent_groups(self, batch: MoleculeBatch) -> Tensor | None:
        return None if batch.species.ndim == 1 else batch.species

    def committee_statistics(self) -> list[Statistic]:
        info = self.dataset_info
        return committee_statistics(self.snapshots, info["type_names"], info["species"])

    def committee_spread(
        self, predictions: Sequence[Any], batch: MoleculeBatch
    ) -> dict[str, Tensor]:
        forces = torch.stack([forces.double() for _, forces in predictions])
        variance = forces.var(dim=0).mean(dim=2)
        spread = MEV_PER_EV * variance.sqrt()
        of_species = by_species(spread, batch.species, len(self.dataset_info["type_names"]))[0]
        of_frame = MEV_PER_EV * mean_over_atoms(variance, batch.species).sqrt()
        found = {"committee_std": of_frame, "species/committee_std": of_species}
        if batch.species.ndim == 1:
            return {**found, "atom/committee_std": spread}
        return {**found, "species/committee_std.defined": ~of_species.isnan()}

    def metric_inputs(self) -> dict[str, MetricInputs]:
        forces = torch.arange(12.0, dtype=torch.float64).reshape(4, 3)
        energy, atoms_of = torch.arange(4.0, dtype=torch.float64), torch.full((4,), 3)
        atoms = {"preds": forces, "target": forces.square(), "species": 0 * atoms_of}
        frames = {"preds": energy, "target": energy.square(), "num_atoms": atoms_of}
        found = {"forces": MetricInputs("meV/Å", atoms), "energy": MetricInputs("meV", frames)}
        if self.has_stress:
            stress = torch.arange(18.0, dtype=torch.float64).reshape(2, 3, 3)
            tensors = {"preds": stress, "target": stress.square()}
            found["stress"] = MetricInputs("meV/Å³", tensors)
        return found

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        num_species = len(self.dataset_info["type_names"])
        of_stress: Metrics = {"stress": {"stress_mae": StressError()}} if self.has_stress else {}
        return {
            **of_stress,
            "forces": {
                "force_mae": PerAtomForceError(num_species),
                "force_error_norm": PerAtomForceError(num_species, "norm"),
            },
            "energy": {
                "energy_mae": EnergyError(),
                "energy_mae_per_atom": PerAtomEnergyError(),
            },
        }

    def _update_metrics(
        self, energy: Tensor, forces: Tensor, batch: MoleculeBatch, atoms: FlatAtoms
    ) -> None:
        """In meV and meV/Å, one row per atom or frame; forces where there are reference forces."""
        known = _with_reference(atoms, batch)
        self.update_metrics(
            "forces",
            batch.sample_id[atoms.frame][known],
            preds=MEV_PER_EV * atoms.flat(forces)[known].double(),
            target=MEV_PER_EV * atoms.flat(batch.forces)[known].double(),
            species=atoms.species[known],
        )
        self.update_metrics(
            "energy",
            batch.sample_id,
            preds=MEV_PER_EV * energy.double(),
            target=MEV_PER_EV * batch.energy.double(),
            num_atoms=atoms.num_atoms,
        )

    def test_step(self, batch: MoleculeBatch, batch_idx: int) -> dict[str, Tensor]:
        energy, forces, stress = self.predicted(batch)
        atoms = FlatAtoms.of(batch.species, len(energy))
        self._update_metrics(energy, forces, batch, atoms)
        num_species = len(self.dataset_info["type_names"])
        signed = MEV_PER_EV * energy_error(energy.double(), batch.energy)
        component = MEV_PER_EV * force_component_error(forces, batch.forces)
        norm = MEV_PER_EV * force_norm_error(forces, batch.forces)
        has_forces = batch.has_forces
        if has_forces is None:
            has_forces = torch.ones_like(batch.sample_id, dtype=torch.bool)
        species = batch.species
        of_species, counts = by_species(component, species, num_species)
        force_errors = {
            "force_mae": mean_over_atoms(component, species),
            "force_error_norm": mean_over_atoms(norm, species),
            "species/force_mae": of_species,
            "species/force_error_norm": by_species(norm, species, num_species)[0],
        }
        if species.ndim == 1:
            force_errors |= {"atom/force_mae": component, "atom/force_error_norm": norm}
        defined = defined_where(has_forces, force_errors)
        if species.ndim > 1:
            present = counts > 0
            defined |= {
                key: value & present for key, value in defined.items() if key.startswith("species/")
            }
        return {
            "predicted_energy": MEV_PER_EV * energy.double(),
            "energy_error": signed,
            "energy_error_per_atom": signed / atoms.num_atoms,
            **force_errors,
            **defined,
            **({"species/num_atoms": counts} if species.ndim > 1 else {}),
            **self._stress_error(stress, batch),
            **self._equivariance(forces, batch),
            **self.inconsistency(forces, batch),
        }

    def inconsistency(self, forces: Tensor, batch: MoleculeBatch) -> dict[str, Tensor]:
        """The statistic of `tests_consistency`, of predicted forces; empty without it."""
        if not self.tests_consistency:
            return {}
        return force_inconsistency(lambda of: self.predicted(of).energy, forces, batch)

    def _stress_error(self, stress: Tensor | None, batch: MoleculeBatch) -> dict[str, Tensor]:
        """The statistic of the stress; metrics get the frames that have a reference."""
        known = batch.has_stress
        if stress is None or batch.stress is None or known is None:
            return {}
        preds, target = MEV_PER_EV * stress.double(), MEV_PER_EV * batch.stress.double()
        self.update_metrics(
            "stress", batch.sample_id[known], preds=preds[known], target=target[known]
        )
        error = stress_component_error(preds, target)
        return {"stress_mae": error, "stress_mae.defined": known}

    def _equivariance(self, forces: Tensor, batch: MoleculeBatch) -> dict[str, Tensor]:
        if batch.transform is None or batch.original is None:
            return {}
        _, plain = self(batch.original)
        expected = batch.transform.forces(plain, batch.sample_id)
        error = (forces - expected).abs()
        return {"equivariance_error": MEV_PER_EV * mean_over_components(error, batch.species)}


def _with_reference(atoms: FlatAtoms, batch: MoleculeBatch) -> Tensor | slice:
    """The atoms that have reference forces."""
    return slice(None) if batch.has_forces is None else batch.has_forces[atoms.frame]


def _check_loss(weights: Mapping[str, float]) -> None:
    for name in ("energy", "forces"):
        weight = weights.get(name)
        if weight is None:
            raise UserError(f"model.loss.{name} is missing. Use model.loss.{name}=0 for no weight.")
        if not 0 <= weight < math.inf:
            raise UserError(f"model.loss.{name}={weight:g} must be a finite number of at least 0.")
    if not any(weights.values()):
        raise UserError("model.loss.energy=0 and model.loss.forces=0: set at least one above 0.")
