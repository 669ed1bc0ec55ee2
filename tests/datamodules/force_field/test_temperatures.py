from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import QUIET, only_point, train

from saibench.datamodules.force_field.simulator import GFN2Simulation
from saibench.datamodules.force_field.temperatures import SimulatedTemperatures
from saibench.errors import UserError

SHORT = SimulatedTemperatures(
    "methanol", temperatures=(400.0, 900.0), frames=20, stride=3, equilibration=0.005, seed=4
)


def test_each_temperature_is_the_simulation_of_its_own(tmp_path: Path) -> None:
    both = SHORT.load(tmp_path)
    alone = GFN2Simulation(
        "methanol", temperature=900.0, frames=20, stride=3, equilibration=0.005, seed=5
    ).load(tmp_path / "alone")

    np.testing.assert_array_equal(both.positions[20:], alone.positions)
    np.testing.assert_array_equal(both.forces[20:], alone.forces)
    np.testing.assert_allclose(both.time, np.arange(40) * 3 * 0.0005, rtol=1e-12)
    assert both.index().equals(SHORT.preview())
    assert both.index()["temperature"].to_list() == [400.0] * 20 + [900.0] * 20
    assert both.data_hash != replace(SHORT, seed=5).load(tmp_path).data_hash


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"temperatures": []}, "data.temperatures"),
        ({"temperatures": [500, 0]}, r"data.temperatures\[1\]=0"),
        ({"temperatures": [500, 500]}, "data.temperatures"),
        ({"molecule": "methanole"}, "'methanol'"),
        ({"frames": 0}, "data.frames=0"),
    ],
)
def test_an_impossible_value_is_refused(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        replace(SHORT, **wrong)


def test_study_trains_at_one_temperature_and_tests_at_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saibench.report.page.write_report", lambda folder: folder)
    ended = train(
        tmp_path,
        *("+sweeps=force_field/two_temperatures_mini", "seed=0", "subset.count=20", *QUIET),
        *("data.frames=150", "data.stride=1", "data.equilibration=0.05"),
        *("model=cartesian", "model.net.num_features=8", "model.net.num_layers=1"),
        *("trainer.max_steps=2", "trainer.val_every=2"),
    )
    assert ended.status == 0, ended.err
    samples = polars.read_parquet(only_point(tmp_path) / "samples.parquet")
    for partition, kelvin, frames in (("at_500K", 500.0, 75), ("at_1000K", 1000.0, 150)):
        own = samples.filter(partition=partition)
        assert own.height == frames
        assert own["temperature"].unique().to_list() == [kelvin]
        assert not own["seen_in_training"].any()
