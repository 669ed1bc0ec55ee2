"""Persistence, Lagrangian extrapolation and STEPS against known motion and pysteps itself."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from saibench.errors import UserError
from saibench.models.nowcasting.nets.baselines import LagrangianExtrapolation, Persistence, Steps
from saibench.models.nowcasting.nets.baselines.motion import _levels, rain_motion
from saibench.models.nowcasting.nets.baselines.pysteps_library import from_decibel, to_decibel
from saibench.models.nowcasting.nets.event_noise import EventNoise

SIZE, FRAMES, LEADS = 64, 9, 6


@pytest.fixture(scope="module")
def moving() -> Tensor:
    """(1, 29, 64, 64): soft rain that moves 2 columns to the right and 1 row down a frame."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(160, 160)), 4)
    field = np.exp(2 * noise / noise.std()).clip(0, 60) - 1
    shifted = [field[60 - t : 60 - t + SIZE, 80 - 2 * t : 80 - 2 * t + SIZE] for t in range(29)]
    return torch.from_numpy(np.stack(shifted).clip(0)).float().unsqueeze(0)


@pytest.fixture(scope="module")
def pysteps() -> object:
    with redirect_stdout(StringIO()):
        return pytest.importorskip("pysteps")


def inner_error(predicted: Tensor, target: Tensor) -> float:
    """Mean absolute error away from the border."""
    return float((predicted - target)[..., 16:-16, 16:-16].abs().mean())


def test_persistence_repeats_the_last_frame(moving: Tensor) -> None:
    predicted = Persistence(leads=4)(moving[:, :FRAMES])
    assert predicted.shape == (1, 4, SIZE, SIZE)
    assert all(torch.equal(predicted[:, lead], moving[:, FRAMES - 1]) for lead in range(4))


@pytest.mark.parametrize("motion", ["proesmans", "vet"])
@pytest.mark.usefixtures("pysteps")
def test_extrapolation_goes_on_along_the_motion(moving: Tensor, motion: str) -> None:
    observed, target = moving[:, :FRAMES], moving[:, FRAMES : FRAMES + LEADS]
    predicted = LagrangianExtrapolation(LEADS, motion)(observed)
    still = inner_error(Persistence(LEADS)(observed), target)
    assert inner_error(predicted, target) < 0.25 * still
    assert predicted.dtype == torch.float32 and predicted.isfinite().all()


def test_extrapolation_is_that_of_pysteps(moving: Tensor, pysteps: object) -> None:
    frames = moving[0, :FRAMES].double().numpy()
    decibel = pysteps.utils.transformation.dB_transform(frames, threshold=0.1, zerovalue=-15.0)[0]
    with redirect_stdout(StringIO()):
        motion = pysteps.motion.get_method("proesmans")(decibel[-2:])
        extrapolate = pysteps.nowcasts.get_method("extrapolation")
        expected = extrapolate(frames[-1], motion, LEADS)
    assert np.isnan(expected).any(), "inflow was not observed"
    found = LagrangianExtrapolation(LEADS)(moving[:, :FRAMES])[0].numpy()
    np.testing.assert_allclose(found, np.where(np.isnan(expected), 0, expected), atol=1e-5)


@pytest.mark.usefixtures("pysteps")
@pytest.mark.parametrize("side", [3, 31, 32, 48, 64])
def test_motion_of_a_small_field_is_found_within_its_memory(side: int) -> None:
    """With fewer than 2 pixels, pysteps reads and writes outside the image: NaN, or a crash."""
    levels = _levels(side, 2 * side)
    assert side >> (levels - 1) >= 2 and (levels == 6) == (side >= 64)
    rows, columns = np.mgrid[:side, : 2 * side]
    observed = np.stack([8 * np.exp(-((columns - t - 5) ** 2 + (rows - 9) ** 2)) for t in (0, 1)])
    assert np.isfinite(rain_motion(observed, "proesmans")).all()


def test_decibels_are_those_of_pysteps(pysteps: object) -> None:
    rain = np.array([0.0, 0.05, 0.1, 0.5, 10.0, 128.0])
    transform = pysteps.utils.transformation.dB_transform
    decibel = transform(rain, threshold=0.1, zerovalue=-15.0)[0]
    np.testing.assert_allclose(to_decibel(rain), decibel)
    np.testing.assert_allclose(
        from_decibel(decibel), transform(decibel, threshold=-10.0, inverse=True)[0]
    )
    assert from_decibel(np.array([np.nan]))[0] == 0


def test_steps_is_that_of_pysteps(moving: Tensor, pysteps: object) -> None:
    noise = EventNoise(torch.tensor([7]), seed=3)
    seed = int(noise.generators()[0].integers(2**31))
    frames = moving[0, :FRAMES].double().numpy()
    transform = pysteps.utils.transformation.dB_transform
    decibel = transform(frames, threshold=0.1, zerovalue=-15.0)[0]
    with redirect_stdout(StringIO()):
        motion = pysteps.motion.get_method("proesmans")(decibel[-2:])
        ensemble = pysteps.nowcasts.get_method("steps")(
            decibel[-3:],
            motion,
            LEADS,
            n_ens_members=2,
            n_cascade_levels=6,
            precip_thr=-10.0,
            kmperpixel=2.0,
            timestep=10.0,
            seed=seed,
        )
    rain = np.nan_to_num(transform(ensemble, threshold=-10.0, inverse=True)[0], nan=0.0)
    mean = Steps(LEADS, members=2)(moving[:, :FRAMES], noise)
    np.testing.assert_allclose(mean[0].numpy(), rain.mean(axis=0), atol=1e-4)
    member = Steps(LEADS)(moving[:, :FRAMES], noise)
    np.testing.assert_allclose(member[0].numpy(), rain[0], atol=1e-4)


@pytest.mark.usefixtures("pysteps")
def test_extrapolation_is_better_than_persistence_after_an_hour_of_real_rain(
    data_dir: Path,
) -> None:
    folder = data_dir / "mrms" / "figure" / "00000"
    if not folder.is_dir():
        pytest.skip(f"needs {folder.relative_to(data_dir)} in SAIBENCH_DATA_DIR")
    paths = [folder / f"00000-{frame:02d}.png" for frame in range(15)]
    raw = np.stack([np.asarray(Image.open(path), dtype=np.float32) for path in paths])
    rain = torch.from_numpy((raw / 10 - 3).clip(0, 128)[None, :, 160:-160, 160:-160])
    observed, target = rain[:, :9], rain[:, 14]
    noise = EventNoise(torch.tensor([0]))
    nets = {
        "still": Persistence(6),
        "moved": LagrangianExtrapolation(6),
        "mean": Steps(6, members=2),
    }
    error = {
        name: float((net(observed, noise)[:, 5] - target).abs().mean())
        for name, net in nets.items()
    }
    assert error["moved"] < 0.9 * error["still"]
    assert error["mean"] < 0.9 * error["still"]


@pytest.mark.usefixtures("pysteps")
def test_steps_draws_differ_and_depend_only_on_event_seed_and_draw(moving: Tensor) -> None:
    net = Steps(2)
    observed = moving[:, :FRAMES].repeat(2, 1, 1, 1)
    noise = EventNoise(torch.tensor([7, 8]), seed=3)
    first, second = net.draws(observed, 2, noise)
    assert torch.equal(net(observed, noise), first)
    alone = net(observed[1:], EventNoise(torch.tensor([8]), seed=3))
    torch.testing.assert_close(alone, first[1:])  # transforms may round differently in a batch
    for a, b in ((first, second), (first[:1], first[1:])):
        assert (a - b).abs().mean() > 0.01
    generator = torch.Generator().manual_seed(1)
    drawn = net(observed, generator)
    assert torch.equal(net(observed, generator.manual_seed(1)), drawn)


@pytest.mark.usefixtures("pysteps")
def test_numpys_global_generator_is_not_changed(moving: Tensor) -> None:
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    Steps(2)(moving[:, :FRAMES])
    assert np.random.rand() == expected


@pytest.mark.usefixtures("pysteps")
@pytest.mark.parametrize("build", [LagrangianExtrapolation, Steps])
def test_a_dry_event_stays_dry_in_a_batch_with_a_rainy_one(
    build: type[nn.Module], moving: Tensor, capsys: pytest.CaptureFixture[str]
) -> None:
    dry = torch.zeros_like(moving[:, :FRAMES])
    predicted = build(LEADS)(torch.cat((dry, moving[:, :FRAMES])), EventNoise(torch.tensor([0, 1])))
    assert (predicted[0] == 0).all()
    assert predicted[1].max() > 1 and predicted.isfinite().all()
    assert capsys.readouterr().out == "", "the output of pysteps is suppressed"


@pytest.mark.usefixtures("pysteps")
def test_steps_names_the_event_that_pysteps_treats_as_clutter(
    moving: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    observed = moving[:, :FRAMES].repeat(3, 1, 1, 1)
    observed[1, -2] = 0
    observed[2] = 0
    predicted, _ = Steps(2).draws(observed, 2, EventNoise(torch.tensor([4, 7, 9])))
    assert predicted[0].any() and not predicted[1:].any()
    (warning,) = caplog.messages
    assert "event 7 " in warning and "event 4" not in warning and "event 9" not in warning


@pytest.mark.usefixtures("pysteps")
def test_motion_field_points_to_the_origin_of_the_rain() -> None:
    y, x = np.mgrid[:SIZE, :SIZE]
    frames = [40 * np.exp(-((x - 20 - 2 * n) ** 2 + (y - 30) ** 2) / 60) for n in range(9)]
    observed = torch.tensor(np.stack(frames), dtype=torch.float32)[None]
    motion = LagrangianExtrapolation(LEADS).motion_field(observed)
    assert motion.shape == (1, LEADS, 2, SIZE, SIZE)
    assert motion[0, 0, 0, 30, 36].item() == pytest.approx(-2, abs=0.5)  # from the left
    assert motion[0, 0, 1, 30, 36].item() == pytest.approx(0, abs=0.5)


@pytest.mark.usefixtures("pysteps")
def test_equal_frames_are_refused_by_steps() -> None:
    still = torch.zeros(1, FRAMES, SIZE, SIZE)
    still[..., 30:34, 30:34] = 5
    with pytest.raises(UserError, match=r"STEPS .*event 0 .*64×64"):
        Steps(LEADS)(still)
    with pytest.raises(UserError, match=r"STEPS .*event 7 .*64×64"):
        Steps(LEADS)(still, EventNoise(torch.tensor([7])))


@pytest.mark.usefixtures("pysteps")
@pytest.mark.parametrize("build", [LagrangianExtrapolation, Steps])
def test_unknown_motion_is_refused_with_the_closest(build: type[nn.Module]) -> None:
    with pytest.raises(UserError, match=r"motion=proesman .*'proesmans'"):
        build(motion="proesman")


@pytest.mark.usefixtures("pysteps")
def test_steps_without_members_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.net\.members=0"):
        Steps(members=0)


@pytest.mark.parametrize("build", [LagrangianExtrapolation, Steps])
def test_missing_pysteps_error_names_the_extra(
    build: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pysteps", None)
    with pytest.raises(UserError, match=r"saibench\[nowcasting\]"):
        build()
