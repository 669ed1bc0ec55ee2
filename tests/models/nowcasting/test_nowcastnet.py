"""NowcastNet as a whole: the published state and predictions, noise, sizes, invalid input."""

from __future__ import annotations

import copy
import csv
from pathlib import Path

import pytest
import torch
from plain_nowcastnet import PlainNowcastNet
from torch import Tensor, nn

from saibench.errors import UserError
from saibench.models.latent.space import LatentCapture, LatentSpace
from saibench.models.nowcasting.nets.event_noise import EventNoise
from saibench.models.nowcasting.nets.nowcastnet import NowcastNet
from saibench.models.nowcasting.nets.nowcastnet.spade import GenBlock

PUBLISHED_STATE = Path(__file__).parent / "assets" / "nowcastnet_state_dict.csv"
WIDTH = 8


def narrow(trained: bool = True, **settings: object) -> NowcastNet:
    """A narrow net in evaluation, with running statistics and intensity as after training."""
    net = NowcastNet(**{"base_channels": WIDTH, "seed": 3, **settings})
    if trained:
        shake(net)
    return net.eval()


@pytest.fixture(scope="module")
def net() -> NowcastNet:
    """For tests that do not change it."""
    return narrow()


def shake(net: nn.Module) -> None:
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        net.evo_net.gamma.normal_(generator=generator)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
                module.weight.normal_(1, 0.2, generator=generator)
                module.bias.normal_(0, 0.2, generator=generator)


def rain(batch: int = 1, height: int = 64, width: int = 64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 20 * torch.rand(batch, 9, height, width, generator=generator)


def test_published_width_has_the_published_state() -> None:
    net = NowcastNet()
    kinds = {name: "P" if p.requires_grad else "P*" for name, p in net.named_parameters()}
    own = [
        [
            name,
            str(tuple(value.shape)),
            str(value.dtype).removeprefix("torch."),
            kinds.get(name, "B"),
        ]
        for name, value in net.state_dict().items()
    ]
    with PUBLISHED_STATE.open() as file:
        header, *published = csv.reader(file)
    assert header == ["name", "shape", "dtype", "kind"]
    assert own == published
    assert len(own) == 667
    assert sum(value.numel() for value in net.state_dict().values()) == 35_035_539
    assert sum(p.numel() for p in net.parameters()) == 34_931_868
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == 34_899_836


def test_narrow_net_has_the_published_names(net: NowcastNet) -> None:
    with PUBLISHED_STATE.open() as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert list(net.state_dict()) == names


def test_prediction_is_that_of_the_published_arithmetic() -> None:
    """For a field size where the view of the noise differs most from a layout in space."""
    net, observed = narrow().double(), rain(2, 64, 128).double()
    noise = torch.randn(2, WIDTH, 2, 4, dtype=torch.float64)
    with torch.no_grad():
        expected = PlainNowcastNet(dict(net.state_dict())).predict(observed, noise)
        found = net(observed, noise)
        motion = net.evolve(observed).motion
    assert 1 < motion.abs().max() < 64, "rain moves within the field"
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


def test_an_untrained_net_only_moves_rain() -> None:
    observed = rain()
    evolution = narrow(trained=False).evolve(observed)
    assert (evolution.intensity == 0).all()
    for event, fields in zip(observed, evolution.fields, strict=True):
        assert torch.isin(fields, event[-1]).all(), "nearest neighbours are observed values"


@torch.no_grad()
def test_forward_is_evolve_encode_and_decode(net: NowcastNet) -> None:
    observed = rain()
    noise = net.draw_noise(observed)
    evolution = net.evolve(observed)
    parts = net.decode(net.encode(observed, evolution), evolution, noise)
    torch.testing.assert_close(net(observed, noise), parts)


@torch.no_grad()
def test_evaluation_is_deterministic_in_its_noise(net: NowcastNet) -> None:
    observed = rain()
    noise = net.draw_noise(observed)
    state = copy.deepcopy(net.state_dict())
    first = net(observed, noise)
    net(observed)
    torch.testing.assert_close(net(observed, noise), first)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())


@torch.no_grad()
def test_published_power_iteration_changes_predictions_if_enabled() -> None:
    net, observed = narrow(power_iteration_drifts=True), rain()
    still = narrow()
    still.load_state_dict(net.state_dict())
    noise = net.draw_noise(observed)
    first, second = net(observed, noise), net(observed, noise)
    torch.testing.assert_close(first, still(observed, noise))  # the first call after loading
    assert not torch.allclose(first, second)


@torch.no_grad()
def test_training_updates_the_power_iteration_of_the_projector() -> None:
    net = narrow()
    before = net.proj.conv_first.module.weight_u.clone()
    net.train()(rain())
    assert not torch.equal(net.proj.conv_first.module.weight_u, before)


@torch.no_grad()
def test_draws_of_an_event_differ_and_are_reproducible(net: NowcastNet) -> None:
    observed = rain()
    draws = list(net.draws(observed, 3, torch.Generator().manual_seed(1)))
    again = list(net.draws(observed, 3, torch.Generator().manual_seed(1)))
    other = list(net.draws(observed, 3, torch.Generator().manual_seed(2)))
    torch.testing.assert_close(draws, again)
    for a, b in ((draws[0], draws[1]), (draws[1], draws[2]), (draws[0], other[0])):
        assert (a - b).abs().mean() > 1e-4


@torch.no_grad()
def test_draws_are_single_predictions_with_the_same_noise(net: NowcastNet) -> None:
    """Draws share evolution, encoder and maps of the decoder."""
    observed = rain(2)
    noises = EventNoise(torch.tensor([12, 7]), seed=4)
    for draw, found in enumerate(net.draws(observed, 3, noises)):
        expected = net(observed, net.draw_noise(observed, noises, draw))
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_an_event_has_the_same_noise_in_every_batch() -> None:
    net, observed = narrow().double(), rain(3).double()
    together = net(observed, EventNoise(torch.tensor([12, 7, 30]), seed=4))
    alone = net(observed[1:2], EventNoise(torch.tensor([7]), seed=4))
    torch.testing.assert_close(together[1:2], alone, rtol=1e-6, atol=1e-6)
    other_seed = net(observed[1:2], EventNoise(torch.tensor([7]), seed=5))
    assert (alone - other_seed).abs().mean() > 1e-4


def test_event_noise_is_standard_normal_and_independent() -> None:
    drawn = EventNoise(torch.arange(50)).normal((4, 10, 10))
    again = EventNoise(torch.arange(50)).normal((4, 10, 10), draw=1)
    assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1) < 0.03
    both = torch.stack((drawn.flatten(), again.flatten()))
    assert abs(torch.corrcoef(both)[0, 1]) < 0.03
    assert abs(torch.corrcoef(drawn.flatten(1)).fill_diagonal_(0)).max() < 0.25


@pytest.mark.parametrize(("height", "width"), [(64, 64), (256, 384)])
def test_multiples_of_32_are_predicted(net: NowcastNet, height: int, width: int) -> None:
    with torch.inference_mode():
        predicted = net(rain(1, height, width))
    assert predicted.shape == (1, 20, height, width)
    assert predicted.isfinite().all()


def test_other_numbers_of_frames_are_predicted() -> None:
    net = NowcastNet(base_channels=8, observed=4, leads=6).eval()
    assert net(rain()[:, :4]).shape == (1, 6, 64, 64)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (torch.zeros(1, 9, 64, 100), r"64×100 .*\b32\b"),
        (torch.zeros(1, 4, 64, 64), r"\b9 observed .*\b4\b"),
        (torch.zeros(1, 9, 32, 64), r"base_channels=8 .*32×64 .*base_channels=32"),
    ],
)
def test_fields_of_other_sizes_are_refused(
    net: NowcastNet, observed: Tensor, expected: str
) -> None:
    with pytest.raises(UserError, match=expected), torch.no_grad():
        net(observed)


@torch.no_grad()
def test_bfloat16_predicts_rain_and_motion_in_float32() -> None:
    net, observed = narrow(trained=False), rain()
    noise = net.draw_noise(observed)
    exact = net(observed, noise)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, evolution = net(observed, noise), net.evolve(observed)
    assert rounded.dtype == evolution.motion.dtype == evolution.fields.dtype == torch.float32
    assert 0 < (rounded - exact).abs().mean() < 0.1 * exact.std()


def test_bfloat16_trains() -> None:
    net, observed = narrow().train(), rain(2)
    with torch.autocast("cpu", torch.bfloat16):
        loss = net(observed).square().mean()
    loss.backward()
    gradients = [p.grad for p in net.gen_dec.parameters() if p.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


def test_only_unused_convolutions_have_no_gradient() -> None:
    """Blocks of one convolution have weights of a second one, as in the published network."""
    net = narrow().train()
    net(rain(2)).sum().backward()
    idle = {name for name, p in net.named_parameters() if p.requires_grad and p.grad is None}
    blocks = [(name, part) for name, part in net.named_modules() if isinstance(part, GenBlock)]
    single = tuple(
        f"{name}.{part}"
        for name, block in blocks
        if not block.is_double
        for part in ("conv_1.", "norm_1.")
    )
    assert idle == {name for name, _ in net.named_parameters() if name.startswith(single)}
    assert len(idle) == 16


def test_trained_net_can_be_copied() -> None:
    net, observed = narrow(), rain()
    net.train()(observed).sum().backward()
    twin = copy.deepcopy(net).eval()
    noise = net.draw_noise(observed)
    torch.testing.assert_close(twin(observed, noise), net.eval()(observed, noise))


def test_weights_depend_only_on_the_seed() -> None:
    torch.manual_seed(0)
    first = narrow(trained=False).state_dict()
    after = torch.rand(1)
    torch.manual_seed(1)
    again, other = narrow(trained=False).state_dict(), narrow(trained=False, seed=4).state_dict()
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), after), "the global generator is not used"
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["gen_dec.fc.weight"], other["gen_dec.fc.weight"])


@torch.no_grad()
def test_latent_features_are_means_of_the_evolution_networks_features() -> None:
    net, observed = narrow().eval(), rain(2)
    with LatentCapture(LatentSpace(net.latent_layers(), "")) as capture:
        net(observed)
        whole = capture.read(2).features[:, 0]
        capture.clear()
        net.evolve(observed)
        assert torch.equal(capture.read(2).features[:, 0], whole), "the generator has no part in it"
    evolution = net.evo_net
    levels = [evolution.inc(observed)]
    for down in (evolution.down1, evolution.down2, evolution.down3, evolution.down4):
        levels.append(down(levels[-1]))
    deepest = levels[-1].double().mean(dim=(2, 3)).numpy()
    found = whole[:, : deepest.shape[1]].numpy()
    assert found == pytest.approx(deepest, rel=1e-4, abs=1e-6)
