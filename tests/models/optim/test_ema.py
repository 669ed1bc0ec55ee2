"""The moving average of the weights, against nequip's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import QUIET, TRAJECTORY, only_point, train
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy, Strategy
from nequip.train.ema import EMAWeights
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from saibench.models.optim.ema import LIVE, ExponentialMovingAverage

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
    folder: Path,
    steps: int,
    checkpoint: Path | None = None,
    strategy: Strategy | str = "auto",
    module: Line | None = None,
) -> tuple[Line, Trainer]:
    module = module or Line()
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


def test_validation_uses_the_average_and_training_the_weights(tmp_path: Path) -> None:
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
    """Casts the module when a strategy moves it to its device, instead of a GPU."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self.averages: list[torch.dtype] = []

    def model_to_device(self) -> None:
        assert self.lightning_module is not None
        (average,) = (c for c in self._callbacks if isinstance(c, ExponentialMovingAverage))
        self.averages = [weight.dtype for weight in average.averages.values()]
        self.lightning_module.double()

    @property
    def _callbacks(self) -> list[Callback]:
        assert self.lightning_module is not None
        return self.lightning_module.trainer.callbacks


def test_resumed_average_follows_the_weights_to_their_device(tmp_path: Path) -> None:
    """Averages are loaded before the module is moved."""
    _, half = fit(tmp_path, 4)
    half.save_checkpoint(tmp_path / "half.ckpt")
    strategy = MovedToDouble()
    module, trainer = fit(tmp_path, STEPS, tmp_path / "half.ckpt", strategy)
    assert strategy.averages == [torch.float32], "averages were loaded before"
    (average,) = (c for c in trainer.callbacks if isinstance(c, ExponentialMovingAverage))
    assert [weight.dtype for weight in average.averages.values()] == [torch.float64]
    assert module.seen == pytest.approx([expected(8)])


class Shared(nn.Module):
    """Tied weights, batch statistics, and an integer weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(2, 2) for _ in range(3))
        self.second.weight = self.first.weight
        self.alias = self.third
        self.norm = nn.BatchNorm1d(2)
        self.factor = nn.Parameter(torch.tensor([3]), requires_grad=False)

    def forward(self, batch: Tensor) -> Tensor:
        return self.third(self.norm(self.second(self.first(batch) * self.factor)))


class TrainsShared(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = Shared()
        self.validated: list[Tensor] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.net(batch).square().sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validated.append(self.net(batch).clone())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([w for w in self.parameters() if w.requires_grad], lr=0.01)


class TorchAverage(Callback):
    """PyTorch's average of the net, as a reference."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.average = AveragedModel(pl_module.net, avg_fn=self.warmed_up)
        self.average.update_parameters(pl_module.net)

    @staticmethod
    def warmed_up(average: Tensor, weight: Tensor, steps: Tensor | int) -> Tensor:
        decay = min(DECAY, (1 + int(steps)) / (10 + int(steps)))
        return decay * average + (1 - decay) * weight

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self.average.update_parameters(pl_module.net)


def test_checkpoint_of_tied_weights_holds_the_validated_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, reference = TrainsShared(), TorchAverage()
    data = torch.randn(4, 3, 2)
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        callbacks=[ExponentialMovingAverage(DECAY), reference],
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    batches = DataLoader(data, batch_size=None, shuffle=False)
    trainer.fit(module, batches, DataLoader(data[:1], batch_size=None))
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)
    state = {name.removeprefix("net."): value for name, value in saved["state_dict"].items()}
    torch.testing.assert_close(state, dict(reference.average.module.state_dict()))
    torch.testing.assert_close(saved[LIVE], dict(module.state_dict()))
    tested = TrainsShared()
    tested.load_state_dict(saved["state_dict"])
    with torch.no_grad():
        torch.testing.assert_close(tested.net.eval()(data[0]), module.validated[-1])


class Swapping(Line):
    """A second weight moves by 10 a step, and both submodules are swapped at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.by_speed = self.left.weight, self.right.weight
        for weight in self.by_speed:
            nn.init.zeros_(weight)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.left, self.right = self.right, self.left
        slow, fast = self.by_speed
        return -(slow + 10 * fast).sum()


def test_an_average_stays_with_its_weight_when_submodules_are_swapped(tmp_path: Path) -> None:
    _, trainer = fit(tmp_path, 3, module=Swapping())
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)
    averages = [float(saved["state_dict"][f"{name}.weight"]) for name in ("right", "left")]
    assert averages == pytest.approx([expected(3), 10 * expected(3)])
    assert [float(saved[LIVE][f"{name}.weight"]) for name in ("right", "left")] == [3, 30]


@pytest.mark.parametrize("stopped_in", ["validation_step", "on_validation_epoch_end"])
def test_an_interrupted_validation_leaves_the_trained_weights(
    tmp_path: Path, stopped_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, saved = Line(), {}

    def stop(self: Line, *_: Any) -> None:
        self.trainer.save_checkpoint(tmp_path / "within.ckpt")
        saved.update(torch.load(tmp_path / "within.ckpt", weights_only=True))
        raise RuntimeError("stopped")

    monkeypatch.setattr(Line, stopped_in, stop)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(tmp_path, 4, module=module)
    assert float(module.weight) == 4
    assert float(saved["state_dict"]["weight"]) == pytest.approx(expected(4))
    assert float(saved[LIVE]["weight"]) == 4


def test_a_net_with_parity_trains(tmp_path: Path) -> None:
    """A copy of this net has other buffers."""
    net = ("model=nequip", "model.net.num_layers=1", "model.net.num_features=2")
    budget = ("model.net.l_max=2", "subset.count=10", "trainer.max_steps=2", "trainer.val_every=1")
    ended = train(tmp_path, *TRAJECTORY, *QUIET, *net, *budget)
    assert ended.status == 0, ended.err
    assert (only_point(tmp_path) / "best.ckpt").exists()
