"""Loading of weights with the published names and shapes, and refusal of other files."""

from __future__ import annotations

import csv
import re
from ast import literal_eval
from pathlib import Path

import pytest
import torch
from torch import Tensor

from saibench.errors import UserError
from saibench.models.nowcasting.nets.nowcastnet import NowcastNet, load_published

PUBLISHED_STATE = Path(__file__).parent / "assets" / "nowcastnet_state_dict.csv"


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """Random numbers under the published names, in the published shapes."""
    generator = torch.Generator().manual_seed(0)
    with PUBLISHED_STATE.open() as file:
        return {
            row["name"]: torch.rand(literal_eval(row["shape"]), generator=generator).to(
                getattr(torch, row["dtype"])
            )
            for row in csv.DictReader(file)
        }


@pytest.fixture(scope="module")
def net() -> NowcastNet:
    return NowcastNet()


@pytest.fixture
def small() -> NowcastNet:
    return NowcastNet(base_channels=4)


def saved(content: object, folder: Path) -> Path:
    torch.save(content, folder / "model.ckpt")
    return folder / "model.ckpt"


@pytest.mark.parametrize("nested", [False, True])
def test_file_of_published_names_and_shapes_is_loaded(
    nested: bool, published: dict[str, Tensor], net: NowcastNet, tmp_path: Path
) -> None:
    content = {"state_dict": published, "epoch": 3} if nested else published
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    load_published(net, saved(content, tmp_path))
    state = net.state_dict()
    assert all(torch.equal(state[name], value) for name, value in published.items())


def test_file_as_an_older_torch_writes_it_is_loaded(small: NowcastNet, tmp_path: Path) -> None:
    path = tmp_path / "old.ckpt"
    torch.save(small.state_dict(), path, _use_new_zipfile_serialization=False)
    other = NowcastNet(base_channels=4, seed=1)
    load_published(other, path)
    assert torch.equal(other.gen_dec.fc.weight, small.gen_dec.fc.weight)


def test_another_width_is_refused_and_nothing_is_loaded(
    published: dict[str, Tensor], small: NowcastNet, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in small.state_dict().items()}
    path = saved(published, tmp_path)
    with pytest.raises(UserError) as refusal:
        load_published(small, path)
    expected = "evo_net.inc.double_conv.2.bias is (32,) and not (4,)"
    assert str(path) in str(refusal.value) and expected in str(refusal.value)
    count = sum(value.shape != before[name].shape for name, value in published.items())
    assert "667" in str(refusal.value)
    assert f"{count} of another shape: " in str(refusal.value)
    assert str(refusal.value).count("and not") == 3, "examples"
    assert "\n".join(refusal.value.__notes__).count("and not") == count, "all of them"
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_missing_and_unknown_names_are_listed(small: NowcastNet, tmp_path: Path) -> None:
    state = small.state_dict()
    state["gen_dec.other"] = state.pop("evo_net.gamma")
    with pytest.raises(UserError, match=r"1 missing: evo_net.gamma; 1 unknown: gen_dec.other\b"):
        load_published(small, saved(state, tmp_path))


def test_up_to_a_dozen_tensors_that_differ_are_all_listed(
    small: NowcastNet, tmp_path: Path
) -> None:
    state = small.state_dict()
    gone = [name for name in state if name.startswith("evo_net.down1.")][:7]
    for name in gone:
        state[f"module.{name}"] = state.pop(name)[None]
    state["gen_dec.fc.bias"] = state["gen_dec.fc.bias"][:1]
    with pytest.raises(UserError) as refusal:
        load_published(
            small, saved({n: v for n, v in state.items() if n[:6] != "module"}, tmp_path)
        )
    assert all(name in str(refusal.value) for name in [*gone, "gen_dec.fc.bias is (1,)"])
    with pytest.raises(UserError, match=r"7 missing: .*, …; 7 unknown: .*, …; 1 of another shape"):
        load_published(small, saved(state, tmp_path))


def test_missing_file_is_named(small: NowcastNet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no checkpoint .*nowhere\.ckpt"):
        load_published(small, tmp_path / "nowhere.ckpt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_incomplete_file_is_refused(share: float, small: NowcastNet, tmp_path: Path) -> None:
    path = saved(small.state_dict(), tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"model\.ckpt is not a (complete )?checkpoint") as refusal:
        load_published(small, path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"not a checkpoint at all", b"PK\x03\x04 half a zip file"])
def test_file_of_another_kind_is_refused(content: bytes, small: NowcastNet, tmp_path: Path) -> None:
    path = tmp_path / "mrms_model.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"mrms_model\.ckpt is not a (complete )?checkpoint"):
        load_published(small, path)


class RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return Path.touch, (Path("ran_code_when_loaded"),)


def test_pickled_objects_are_refused_and_not_run(
    small: NowcastNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved({"state_dict": small.state_dict(), "config": RunsCode()}, tmp_path)
    with pytest.raises(UserError, match="other objects"):
        load_published(small, path)
    assert not (tmp_path / "ran_code_when_loaded").exists()


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], torch.zeros(3), {"state_dict": 4}])
def test_file_without_weights_is_refused(
    content: object, small: NowcastNet, tmp_path: Path
) -> None:
    path = saved(content, tmp_path)
    with pytest.raises(UserError, match=f"{re.escape(str(path))} .*no weights"):
        load_published(small, path)
