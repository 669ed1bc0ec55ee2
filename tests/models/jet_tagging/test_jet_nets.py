"""Nets of jets: published sizes, invariances, half precision, compilation, and released weights."""

from __future__ import annotations

import math
import sys
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from made_jets import made_jets, rotated_jets
from torch import Tensor, nn
from torch.nn.functional import pad

from saibench.errors import UserError
from saibench.models.jet_tagging.nets.particle_net import ParticleNet
from saibench.models.jet_tagging.nets.particle_transformer import ParticleTransformer
from saibench.models.jet_tagging.nets.published import load_released
from saibench.models.latent.space import LatentCapture, LatentSpace

SMALL_TRANSFORMER = {
    "embed_dims": [16, 16],
    "pair_embed_dims": [8],
    "num_heads": 2,
    "num_layers": 2,
    "num_cls_layers": 1,
}
SMALL_PARTICLE_NET = {"neighbors": [4, 4], "channels": [[8, 8], [16, 16]], "fc_dim": 16}


def transformer(features: str = "kinematic", **settings: object) -> nn.Module:
    return ParticleTransformer(features, **{**SMALL_TRANSFORMER, **settings})


def particle_net(features: str = "kinematic", **settings: object) -> nn.Module:
    return ParticleNet(features, **{**SMALL_PARTICLE_NET, **settings})


NETS = pytest.mark.parametrize("build", [transformer, particle_net])
FEATURES = pytest.mark.parametrize("features", ["kinematic", "raw", "raw_no_pair"])


@pytest.mark.parametrize(
    ("build", "features", "parameters"),
    [
        (ParticleTransformer, "kinematic", 2_141_134),
        (ParticleTransformer, "raw", 2_140_738),
        (ParticleTransformer, "raw_no_pair", 2_131_170),
        (ParticleNet, "kinematic", 366_160),
    ],
)
def test_nets_have_the_published_size(build: type, features: str, parameters: int) -> None:
    assert sum(weights.numel() for weights in build(features).parameters()) == parameters


def varied(net: nn.Module) -> nn.Module:
    """The net in evaluation, with normalisations that are not the identity."""
    generator = torch.Generator().manual_seed(5)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            size = module.running_mean.shape
            module.running_mean.copy_(0.3 * torch.randn(size, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(size, generator=generator))
    return net.eval()


@NETS
@FEATURES
def test_order_and_padding_of_constituents_do_not_matter(build, features) -> None:
    net, batch = varied(build(features)).double(), made_jets(jets=6, constituents=20)
    momenta, mask = batch.momenta.double(), batch.mask
    plain = net(momenta, mask)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(momenta[:, order], mask[:, order]), plain)
    torch.testing.assert_close(net(pad(momenta, (0, 0, 0, 9)), pad(mask, (0, 9))), plain)
    alone = [
        net(momenta[i : i + 1, : mask[i].sum()], mask[i : i + 1, : mask[i].sum()]) for i in range(6)
    ]
    torch.testing.assert_close(torch.cat(alone), plain)


@NETS
def test_kinematic_scores_are_invariant_under_rotations(build) -> None:
    net, batch = varied(build("kinematic")).double(), made_jets(jets=6)
    momenta = batch.momenta.double()
    rotated = net(rotated_jets(momenta, math.radians(35)), batch.mask)
    torch.testing.assert_close(rotated, net(momenta, batch.mask), rtol=0, atol=1e-9)


@NETS
@pytest.mark.parametrize("features", ["raw", "raw_no_pair"])
def test_raw_scores_change_under_rotations(build, features) -> None:
    net, batch = varied(build(features)), made_jets(jets=6)
    rotated = net(rotated_jets(batch.momenta, math.radians(35)), batch.mask)
    assert (rotated - net(batch.momenta, batch.mask)).abs().max() > 1e-3


def test_raw_has_a_pair_branch_and_raw_no_pair_has_none() -> None:
    names = {
        features: set(transformer(features).state_dict()) for features in ("raw", "raw_no_pair")
    }
    assert {name.split(".")[1] for name in names["raw"] - names["raw_no_pair"]} == {"pair_embed"}
    assert not names["raw_no_pair"] - names["raw"]


@NETS
def test_weights_depend_only_on_the_seed(build) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = build(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    again, other = build(seed=1), build(seed=2)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


@NETS
@FEATURES
def test_half_precision_trains_and_stays_near_single(build, features) -> None:
    batch = made_jets(jets=8, constituents=12)
    net = build(features, **({"dropout": 0.0} if build is transformer else {"fc_dropout": 0.0}))
    single = net(batch.momenta, batch.mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = net(batch.momenta, batch.mask)
    half.float().sum().backward()
    assert all(weights.grad.isfinite().all() for weights in net.parameters())
    assert half.dtype is torch.bfloat16
    if build is transformer:  # ParticleNet may order neighbours of similar distance differently
        torch.testing.assert_close(half.float(), single, rtol=0.1, atol=0.1)


@pytest.mark.slow
def test_a_compiled_transformer_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the eager backend: inductor takes minutes on a CPU."""
    traced = partialmethod(nn.Module.compile, backend="eager")
    monkeypatch.setattr(nn.Module, "compile", traced)
    batch = made_jets(jets=4, constituents=10)
    one = {"num_layers": 1, "dropout": 0.0}
    plain, compiled = transformer(**one), transformer(**one, compile=True)
    assert compiled.mod._compiled_call_impl is not None
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    for size in (10, 7):
        momenta, mask = batch.momenta[:, :size], batch.mask[:, :size]
        torch.testing.assert_close(compiled(momenta, mask), plain(momenta, mask))


def released(net: nn.Module, head: Tensor | None = None) -> dict[str, Tensor]:
    """The weights under the names of a released file, with another last layer if one is given."""
    state = {
        name.replace("in_proj.weight", "in_proj_weight").replace("in_proj.bias", "in_proj_bias"): v
        for name, v in net.state_dict().items()
    }
    if head is not None:
        state |= {"mod.fc.0.weight": head, "mod.fc.0.bias": head[:, 0]}
    return state


@pytest.mark.parametrize("prefix", ["mod.", ""], ids=["released", "weaver"])
def test_released_weights_are_loaded_under_their_old_names(prefix: str, tmp_path: Path) -> None:
    net, other = transformer(seed=1), transformer(seed=2)
    state = {prefix + name.removeprefix("mod."): v for name, v in released(net).items()}
    assert f"{prefix}blocks.0.attn.in_proj_weight" in state
    torch.save(state, tmp_path / "ParT.pt")
    load_released(other, tmp_path / "ParT.pt", fresh_head=False)
    batch = made_jets()
    torch.testing.assert_close(
        other.eval()(batch.momenta, batch.mask), net.eval()(batch.momenta, batch.mask)
    )


def test_fine_tuning_keeps_the_last_layer(tmp_path: Path) -> None:
    net, other = transformer(seed=1), transformer(seed=2)
    before = other.mod.fc[0].weight.clone()
    torch.save(released(net, head=torch.ones(10, 16)), tmp_path / "ParT_kin.pt")
    load_released(other, tmp_path / "ParT_kin.pt", fresh_head=True)
    assert torch.equal(other.mod.fc[0].weight, before)
    assert torch.equal(other.mod.norm.weight, net.mod.norm.weight)
    assert torch.equal(other.mod.embed.embed[1].weight, net.mod.embed.embed[1].weight)


def test_ten_classes_do_not_fit_two(tmp_path: Path) -> None:
    torch.save(released(transformer(), head=torch.ones(10, 16)), tmp_path / "ParT_kin.pt")
    with pytest.raises(UserError, match=r"mod\.fc\.0\.weight .*\(10, 16\) .*\(2, 16\)"):
        load_released(transformer(), tmp_path / "ParT_kin.pt", fresh_head=False)


@pytest.mark.parametrize("wrapped", ["module.", "model.", "net._orig_mod.", "module.model.net."])
def test_names_with_a_prefix_are_found(wrapped: str, tmp_path: Path) -> None:
    """Prefixes of DataParallel, Lightning and `torch.compile`, with other tensors in the file."""
    net, other = transformer(seed=1), transformer(seed=2)
    state = {wrapped + name.removeprefix("mod."): v for name, v in net.state_dict().items()}
    torch.save({"state_dict": state | {"loss.weight": torch.ones(2)}}, tmp_path / "net.ckpt")
    load_released(other, tmp_path / "net.ckpt", fresh_head=False)
    assert all(torch.equal(v, other.state_dict()[name]) for name, v in net.state_dict().items())


class OwnNet(torch.nn.Module):
    """A net with other names than weaver's."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)


def test_net_of_other_names_is_loaded_or_refused_with_the_missing_names(tmp_path: Path) -> None:
    torch.save({"module.layer.weight": torch.ones(2, 4)}, tmp_path / "net.ckpt")
    with pytest.raises(UserError, match=r"1 missing: layer\.bias"):
        load_released(OwnNet(), tmp_path / "net.ckpt", fresh_head=False)
    with pytest.raises(UserError, match="fresh_head=true"):
        load_released(OwnNet(), tmp_path / "net.ckpt", fresh_head=True)
    whole = {"module.layer.weight": torch.ones(2, 4), "module.layer.bias": torch.zeros(2)}
    torch.save(whole, tmp_path / "net.ckpt")
    load_released(net := OwnNet(), tmp_path / "net.ckpt", fresh_head=False)
    assert net.layer.weight.sum() == 8


def test_without_weaver_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "weaver"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "weaver", None)
    with pytest.raises(UserError, match=r"saibench\[jets\]"):
        transformer()


def test_neighbors_and_channels_of_different_lengths_are_refused() -> None:
    with pytest.raises(UserError, match=r"model\.net\.neighbors has 1 "):
        particle_net(neighbors=[4])


def jets_of_batch(jets: int = 5, most: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    momentum = 20 * torch.randn(jets, most, 3, generator=random)
    momenta = torch.cat([momentum.norm(dim=2, keepdim=True), momentum], dim=2)
    mask = torch.arange(most) < torch.tensor([12, 9, 7, 12, 6])[:jets, None]
    return momenta * mask.unsqueeze(2), mask


@NETS
@torch.no_grad()
def test_the_classifier_of_the_latent_features_gives_the_logits(build) -> None:
    net = build().eval()
    with LatentCapture(LatentSpace(net.latent_layers(), "", net.last_layer())) as capture:
        logits = net(*jets_of_batch())
        latent = capture.read(5)
    torch.testing.assert_close(net.mod.fc(latent.features[:, 0]), logits)
    torch.testing.assert_close(net.mod.fc[-1](latent.last.float()), logits)


def test_a_compiled_net_has_no_latent_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.Module, "compile", lambda *_, **__: None)
    assert transformer().latent_layers()
    assert not transformer(compile=True).latent_layers()
