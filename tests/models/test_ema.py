"""The moving average of the weights, against nequip's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from command_line import QUIET, TRAJECTORY, only_point, train
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy, Strategy
from nequip.train.ema import EMAWeights
from torch import Tensor, nn
from torch.utils.data import DataLoader

from saibench.models.ema import LIVE, ExponentialMovingAverage

DECAY = 0.5
STEPS = 8


class Line(LightningModule):
    """One weight that moves by a known amount a step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return -self.weight.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.seen.append(float(self.weight))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def fit(
    folder: Path, steps: int, checkpoint: Path | None = None, strategy: Strategy | str = "auto"
) -> tuple[Line, Trainer]:
    module = Line()
    trainer = Trainer(
        max_steps=steps,
        max_epochs=-1,
        limit_train_batches=4,
        accelerator="cpu",
        strategy=strategy,
        logger=False,
        callbacks=[ExponentialMovingAverage(DECAY)],
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    batches, one = DataLoader(torch.zeros(4, 1)), DataLoader(torch.zeros(1, 1))
    trainer.fit(module, batches, one, ckpt_path=checkpoint, weights_only=True)
    return module, trainer


def expected(steps: int) -> float:
    """The weight is n after n steps; nequip's own average of that."""
    line = Line()
    ema = EMAWeights(line, DECAY)
    ema.update_parameters(line)
    for step in range(steps):
        line.weight.data.fill_(step + 1)
        ema.update_parameters(line)
    return float(ema.ema_weights[0])


def test_validation_sees_the_average_and_training_goes_on_from_the_weights(tmp_path: Path) -> None:
    module, _ = fit(tmp_path, STEPS)
    assert module.seen == pytest.approx([expected(4), expected(8)])
    assert float(module.weight) == STEPS


def test_checkpoint_holds_the_average_and_the_weights(tmp_path: Path) -> None:
    _, trainer = fit(tmp_path, STEPS)
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)
    assert float(saved["state_dict"]["weight"]) == pytest.approx(expected(STEPS))
    assert float(saved[LIVE]["weight"]) == STEPS


def test_resumed_average_is_that_of_uninterrupted_training(tmp_path: Path) -> None:
    _, half = fit(tmp_path, 4)
    half.save_checkpoint(tmp_path / "half.ckpt")
    module, _ = fit(tmp_path, STEPS, tmp_path / "half.ckpt")
    assert module.seen == pytest.approx([expected(8)])
    assert float(module.weight) == STEPS


class MovedToDouble(SingleDeviceStrategy):
    """Moves the module when a strategy moves it to its device: a stand-in for a GPU."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self.averages: list[torch.dtype] = []

    def model_to_device(self) -> None:
        assert self.lightning_module is not None
        (average,) = (c for c in self._callbacks if isinstance(c, ExponentialMovingAverage))
        self.averages = [weight.dtype for weight in average.averages]
        self.lightning_module.double()

    @property
    def _callbacks(self) -> list[Callback]:
        assert self.lightning_module is not None
        return self.lightning_module.trainer.callbacks


def test_resumed_average_follows_the_weights_to_their_device(tmp_path: Path) -> None:
    """Averages come with the checkpoint, before the module is moved."""
    _, half = fit(tmp_path, 4)
    half.save_checkpoint(tmp_path / "half.ckpt")
    strategy = MovedToDouble()
    module, trainer = fit(tmp_path, STEPS, tmp_path / "half.ckpt", strategy)
    assert strategy.averages == [torch.float32], "they were there, and elsewhere"
    (average,) = (c for c in trainer.callbacks if isinstance(c, ExponentialMovingAverage))
    assert [weight.dtype for weight in average.averages] == [torch.float64]
    assert module.seen == pytest.approx([expected(8)])


def test_a_net_with_parity_whose_copy_has_other_buffers_trains(tmp_path: Path) -> None:
    net = ("model=nequip", "model.net.num_layers=1", "model.net.num_features=2")
    budget = ("model.net.l_max=2", "subset.count=10", "trainer.max_steps=2", "trainer.val_every=1")
    ended = train(tmp_path, *TRAJECTORY, *QUIET, *net, *budget)
    assert ended.status == 0, ended.err
    assert (only_point(tmp_path) / "best.ckpt").exists()
