"""A figure of each workload, from its runs to its files; mistakes are refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars
import pytest
from command_line import FRAMES, QUIET, Ended, no_page, saibench
from jet_files import random_jets, write_pytables

FOUR_STEPS = ("trainer.max_steps=4", "trainer.val_every=4")
TINY_NET = (
    *FRAMES,
    *("model=cartesian", "model.net.num_features=8", "model.net.num_layers=1"),
    *("subset.count=20", *FOUR_STEPS),
)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few validation samples: other tests check the reports."""
    monkeypatch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 4)


def reproduced(folder: Path, name: str, *settings: str) -> Ended:
    with no_page():
        return saibench(folder, "reproduce", name, *QUIET, *settings)


def records(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("outputs/*/*/run.json"))]


def test_force_field_runs_are_reused_and_drawn_if_there_are_enough(tmp_path: Path) -> None:
    one, other = "{start: 0, size: 0.3}", "{start: 0, size: 0.6}"
    alone = reproduced(tmp_path, "fig3", *TINY_NET, f"window={one}")
    assert alone.status == 1, alone.err
    assert "not drawn: " in alone.out and "two training windows" in alone.out
    assert not (tmp_path / "outputs" / "reproduced").exists()
    before = records(tmp_path)
    assert [record["state"] for record in before] == ["complete"]
    assert before[0]["command"].startswith("train.py -m +sweeps=force_field/time_extrapolation_")
    both = reproduced(tmp_path, "fig3", *TINY_NET, f"window={one},{other}")
    assert both.status == 0, both.err
    assert "(§4.2)" in both.out and "the best of 2 windows is" in both.out
    after = records(tmp_path)
    assert len(after) == 2
    assert before[0] in after
    numbers = polars.read_csv(tmp_path / "outputs" / "reproduced" / "fig3" / "windows.csv")
    assert sorted(numbers["window"]) == ["0–30 %", "0–60 %"]


def test_jets_are_drawn_from_real_files(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    for seed, (split, count) in enumerate([("train", 80), ("val", 10), ("test", 40)]):
        write_pytables(tmp_path / f"{split}.h5", *random_jets(count, seed))
    ended = reproduced(
        tmp_path,
        "fig7",
        *("data=top_landscape", f"data.root={tmp_path}", "datamodule.batch_size=8", *FOUR_STEPS),
        *("model.net.num_layers=1", "model.net.embed_dims=[8,8]", "model.net.num_heads=2"),
        "subset.fraction=0.5,1.0",
    )
    assert ended.status == 0, ended.err
    assert "(§5.1)" in ended.out
    assert "jets" in ended.out.partition("here ")[2]
    assert (tmp_path / "outputs/reproduced/fig7/sample_efficiency.png").is_file()


def test_rain_is_drawn_from_untrained_runs(tmp_path: Path) -> None:
    ended = reproduced(tmp_path, "fig13", "data.events=20", "data.size=32")
    assert ended.status == 0, ended.err
    assert "As in the paper: python -m saibench reproduce fig13 data=mrms\n" in ended.out
    assert "here   supported: " in ended.out
    assert (tmp_path / "outputs/reproduced/fig13/displacement_demo.svg").is_file()


def test_tables_are_compared_with_the_configs(tmp_path: Path) -> None:
    first = saibench(tmp_path, "reproduce", "table1")
    assert first.status == 0
    table = polars.read_csv(tmp_path / "outputs/reproduced/table1/table1.csv")
    assert table["agrees"].to_list() == [True] * 3
    assert saibench(tmp_path, "reproduce", "table3").status == 0
    assert polars.read_csv(tmp_path / "outputs/reproduced/table3/table3.csv").height == 13


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "saibench reproduce --help"),
        (["fig1"], "fig1 is a drawing of the method"),
        (["fig33"], "'fig33' is no figure or table of the paper: did you mean 'fig3'?"),
        (["table1", "--full"], "--full has no effect"),
        (["table3", "data=rmd17"], "data=rmd17 has no effect"),
        (["fig13", "--full"], "fig13 has one size"),
        (["fig3", "--ful"], "'--full'"),
        (["fig3", "--full", "windw.start=0"], "did you mean 'window'?"),
        (["fig5", "data=rmd71"], "did you mean 'rmd17'?"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_mistakes_are_refused_in_one_line_and_nothing_is_written(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    ended = saibench(tmp_path, "reproduce", *arguments)
    assert ended.status == 2
    assert message in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
