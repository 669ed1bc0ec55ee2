"""Parts of NowcastNet: spectral norms, SPADE, the view of the noise, the discriminator."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from plain_nowcastnet import published_view
from torch import Tensor, nn

from saibench.models.nowcasting.nets.nowcastnet import TemporalDiscriminator
from saibench.models.nowcasting.nets.nowcastnet.projector import NoiseProjector, ProjectorConv
from saibench.models.nowcasting.nets.nowcastnet.spade import SPADE, GenBlock, Guide
from saibench.models.nowcasting.nets.nowcastnet.spectral_norm import SpectralConv2d


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def torch_spectral_conv(**settings: object) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's older norm is deprecated
        return torch.nn.utils.spectral_norm(nn.Conv2d(5, 7, 3, padding=1, **settings))


@pytest.mark.parametrize("settings", [{}, {"bias": False}, {"padding_mode": "reflect"}])
def test_spectral_convolution_is_that_of_torch(settings: dict[str, object]) -> None:
    """Outputs, gradients and state, over steps of training and then in evaluation."""
    theirs, ours = torch_spectral_conv(**settings), SpectralConv2d(5, 7, 3, padding=1, **settings)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    optimizers = [torch.optim.SGD(conv.parameters(), lr=0.1) for conv in (theirs, ours)]
    for step in range(3):
        features, outputs = numbers(2, 5, 8, 8, seed=step), []
        for conv, optimizer in zip((theirs, ours), optimizers, strict=True):
            optimizer.zero_grad()
            outputs.append(conv(features) + conv(0.5 * features))  # two iterations, one backward
            outputs[-1].square().sum().backward()
            optimizer.step()
        torch.testing.assert_close(*outputs)
        torch.testing.assert_close(ours.weight_orig.grad, theirs.weight_orig.grad)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours.eval()(features), theirs.eval()(features))


@pytest.mark.parametrize("kind", [SpectralConv2d, partial(ProjectorConv, drifts=False)])
def test_norm_of_a_new_weight_is_about_one_and_of_a_trained_weight_is_one(
    kind: Callable[..., nn.Module],
) -> None:
    """By the singular values; a convolution of unit vectors returns the weight.

    Power iteration is slow for weights with two equal singular values: one in a hundred.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv = kind(6, 9, 3)
    features = torch.eye(54).reshape(54, 6, 3, 3)

    def largest_singular_value() -> float:
        center = conv(features)[:, :, 1, 1] if isinstance(conv, ProjectorConv) else conv(features)
        bias = conv.module.bias if isinstance(conv, ProjectorConv) else conv.bias
        weight = (center.reshape(54, 9) - bias).T
        return float(np.linalg.svd(weight.detach().numpy(), compute_uv=False)[0])

    rounding = 54 * float(np.finfo(np.float32).eps)  # of a norm over 54 products
    assert 1 - rounding <= largest_singular_value() < 1.2
    for _ in range(200):
        conv(features)
    assert largest_singular_value() == pytest.approx(1, abs=1e-4)


def test_projector_iterates_in_evaluation_and_stores_nothing() -> None:
    conv = ProjectorConv(4, 6, 3, drifts=False).eval()
    matrix = conv.module.weight_bar.detach().flatten(1).numpy()
    v = matrix.T @ conv.module.weight_u.numpy()
    u = matrix @ (v / np.linalg.norm(v))
    features, before = numbers(1, 4, 5, 5), copy.deepcopy(conv.state_dict())
    bare = nn.functional.conv2d(features, conv.module.weight_bar, padding=1)
    expected = bare / np.linalg.norm(u) + conv.module.bias.reshape(1, -1, 1, 1)
    for _ in range(2):
        torch.testing.assert_close(conv(features), expected)
    assert all(torch.equal(value, before[name]) for name, value in conv.state_dict().items())


def test_drifting_projector_stores_its_vectors() -> None:
    conv = ProjectorConv(4, 6, 3, drifts=True).eval()
    before = conv.module.weight_u.clone()
    conv(numbers(1, 4, 5, 5))
    assert not torch.equal(conv.module.weight_u, before)
    assert not conv.module.weight_u.requires_grad and not conv.module.weight_v.requires_grad


@pytest.mark.parametrize("size", [(8, 8), (2, 4), (16, 2), (3, 32)])
def test_view_of_the_noise_is_the_published_one(size: tuple[int, int]) -> None:
    projector = NoiseProjector(4).eval()
    noise = numbers(2, 4, *size)
    with torch.no_grad():
        x = projector.conv_first(noise)
        for block in (projector.L1, projector.L2, projector.L3, projector.L4):
            x = block(x)
        found = projector(noise)
    assert found.shape == (2, 8, 4 * size[0], 4 * size[1])
    torch.testing.assert_close(found, published_view(x))


def test_channels_of_a_noise_pixel_are_in_one_row_at_256() -> None:
    projected = torch.zeros(1, 1024, 8, 8)
    projected[0, :16, 3, 5] = 1
    rows, columns = published_view(projected)[0, 0].nonzero(as_tuple=True)
    assert set(rows.tolist()) == {(3 * 8 + 5) // 2}
    assert columns.tolist() == list(range(16, 32))


def test_spade_normalises_scales_and_shifts_each_channel() -> None:
    """By loops over channels and pixels."""
    spade, features, evolved = SPADE(3, 2, 5), numbers(2, 3, 6, 8), numbers(2, 2, 12, 16, seed=1)
    with torch.no_grad():
        found = spade(features, Guide(evolved)).numpy()
    hidden_weight, hidden_bias = (p.detach().numpy() for p in spade.mlp_shared[1].parameters())
    scale_weight, scale_bias = (p.detach().numpy() for p in spade.mlp_gamma.parameters())
    shift_weight, shift_bias = (p.detach().numpy() for p in spade.mlp_beta.parameters())
    for event in range(2):
        small = evolved[event].numpy().reshape(2, 6, 2, 8, 2).mean(axis=(2, 4))
        hidden = np.maximum(reflected_conv(small, hidden_weight, hidden_bias), 0)
        scale = 1 + reflected_conv(hidden, scale_weight, scale_bias)
        shift = reflected_conv(hidden, shift_weight, shift_bias)
        for channel, plane in enumerate(features[event].numpy()):
            normal = (plane - plane.mean()) / np.sqrt(plane.var() + 1e-5)
            expected = normal * scale[channel] + shift[channel]
            np.testing.assert_allclose(found[event, channel], expected, rtol=1e-4, atol=1e-5)


def reflected_conv(planes: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    height, width = planes.shape[1:]
    result = np.empty((len(weight), height, width))
    for row in range(height):
        for column in range(width):
            window = padded[:, row : row + 3, column : column + 3]
            result[:, row, column] = (weight * window).sum(axis=(1, 2, 3)) + bias
    return result


def test_cached_maps_equal_computed_maps() -> None:
    block, evolved = GenBlock(6, 4, leads=2, hidden=5, double=True).eval(), numbers(1, 2, 16, 16)
    remembering, calls = Guide(evolved, remember=True), []
    for module in block.modules():
        if isinstance(module, SPADE):
            module.mlp_gamma.register_forward_hook(lambda *_: calls.append(1))
    first, second = numbers(1, 6, 8, 8, seed=1), numbers(1, 6, 8, 8, seed=2)
    for features in (first, second):
        torch.testing.assert_close(block(features, remembering), block(features, Guide(evolved)))
    assert len(calls) == 3 + 2 * 3, "three SPADEs: once with the cache, twice without"


def test_discriminator_uses_every_frame_and_returns_patches() -> None:
    net = TemporalDiscriminator(base_channels=4)
    observed, following = numbers(2, 9, 64, 96), numbers(2, 20, 64, 96, seed=1)
    observed.requires_grad_()
    following.requires_grad_()
    logits = net(observed, following)
    assert logits.shape == (2, 4, 6)
    logits[0].sum().backward()
    for frames in (observed, following):
        assert (frames.grad[0].abs().amax(dim=(1, 2)) > 0).all()
        assert (frames.grad[1] == 0).all(), "events are independent"


def test_discriminator_of_the_published_width_has_kernels_of_four_horizons() -> None:
    net = TemporalDiscriminator()
    kernels = {conv.kernel_size[0]: conv.out_channels for conv in net.temporal}
    assert kernels == {4: 2, 9: 4, 20: 8, 29: 64}
    assert net.blocks[0].conv_0.in_channels == 2 * 26 + 4 * 21 + 8 * 10 + 64


def test_maps_of_the_discriminator_are_those_of_its_3d_convolutions() -> None:
    net = TemporalDiscriminator(base_channels=32)
    frames = torch.randn(2, 29, 32, 32)
    expected = [conv(frames.unsqueeze(1)).flatten(1, 2) for conv in net.temporal]
    found = net.temporal_maps(frames)
    torch.testing.assert_close(found, torch.cat(expected, dim=1), rtol=1e-4, atol=1e-5)
    weights = [conv.weight for conv in net.temporal]
    gradients = torch.autograd.grad(found.square().sum(), weights)
    of_3d = torch.autograd.grad(torch.cat(expected, dim=1).square().sum(), weights)
    torch.testing.assert_close(gradients, of_3d, rtol=1e-3, atol=1e-2)


def test_discriminator_learns_to_distinguish_two_kinds_of_rain() -> None:
    net = TemporalDiscriminator(base_channels=4)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    observed = numbers(4, 9, 32, 32).abs()
    real, fake = numbers(4, 20, 32, 32, seed=1).abs(), 1 + numbers(4, 20, 32, 32, seed=2).abs()
    for _ in range(15):
        margin = (net(observed, real) - net(observed, fake)).mean()
        optimizer.zero_grad()
        (-margin).backward()
        optimizer.step()
    assert net(observed, real).min() > net(observed, fake).max()
